package kube

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/facts"
)

func resourceOf(b *testing.B, source string) *Resource {
	b.Helper()
	for _, r := range NewTables().Resources() {
		if r.Source == source {
			return r
		}
	}
	b.Fatalf("no source %s", source)
	return nil
}

// BenchmarkClaimPage decodes pages of claims from protobuf.
func BenchmarkClaimPage(b *testing.B) {
	var list corev1.PersistentVolumeClaimList
	const n = 500
	for i := range n {
		c := corev1.PersistentVolumeClaim{ObjectMeta: meta("hub", fmt.Sprintf("claim-%05d", i)), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: fmt.Sprintf("pvc-%d", i),
			StorageClassName: ptr("longhorn"), AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"},
			Resources: corev1.VolumeResourceRequirements{Requests: storage("10Gi")}}}
		c.Annotations = map[string]string{keyUser: fmt.Sprint("user-", i), "pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/storage-provisioner": "driver.longhorn.io"}
		c.Labels = map[string]string{keyUser: fmt.Sprint("user-", i), "app": "jupyterhub", "component": "singleuser-storage"}
		c.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "hub", FieldsV1: metav1.NewFieldsV1(strings.Repeat(`{"f:spec":{}}`, 50))}}
		list.Items = append(list.Items, c)
	}
	body := encode(b, "PersistentVolumeClaimList", &list)
	r := resourceOf(b, facts.KubeClaims)
	client := &Client{progress: func(string, int) {}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if _, err := client.protoPage(bytes.NewReader(body), r); err != nil || r.Len() != n {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/claim")
}

// BenchmarkCustomPage streams a list of custom resources.
func BenchmarkCustomPage(b *testing.B) {
	const n = 1000
	item := `{"apiVersion":"snapshot.storage.k8s.io/v1","kind":"VolumeSnapshot","metadata":{"name":"snap","namespace":"hub","creationTimestamp":"2026-02-03T04:05:06Z","managedFields":[{"fieldsV1":` +
		strings.Repeat(`{"f:spec":`, 20) + `1` + strings.Repeat(`}`, 20) + `}]},"spec":{"source":{"persistentVolumeClaimName":"c"}},"status":{"readyToUse":true,"creationTime":"2026-02-03T04:05:06Z","restoreSize":"1Gi"}}`
	body := `{"apiVersion":"snapshot.storage.k8s.io/v1","items":[` + strings.Repeat(item+",", n-1) + item + `],"kind":"VolumeSnapshotList","metadata":{}}`
	r := resourceOf(b, facts.KubeSnapshots)
	c := &Client{progress: func(string, int) {}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if _, err := c.jsonPage(strings.NewReader(body), r); err != nil || r.Len() != n {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/object")
}
