package kube

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"hubaudit/internal/facts"
)

// hubPod is a hub's pod as z2jh makes it, and with everything that people add.
func hubPod() *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: meta("hub", "hub-0"), Spec: corev1.PodSpec{
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}},
			{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}},
			{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
			{Name: "info", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{}}},
			{Name: "image", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}},
			{Name: "pvc", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "hub-db-dir"}}},
			{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
			{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}},
			{Name: "share", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nfs.example.org", Path: "/"}}},
			{Name: "inline", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "secrets-store.csi.k8s.io"}}},
			{Name: "unset"}, {Name: "nowhere", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
		Containers: []corev1.Container{
			{Name: "sidecar", VolumeMounts: []corev1.VolumeMount{{Name: "tmp", MountPath: "/srv/jupyterhub"}}},
			{Name: "hub", VolumeMounts: []corev1.VolumeMount{
				{Name: "config", MountPath: "/usr/local/etc/jupyterhub/"}, {Name: "secret", MountPath: "/secret"}, {Name: "token", MountPath: "/token"},
				{Name: "info", MountPath: "/info"}, {Name: "image", MountPath: "/image"},
				{Name: "pvc", MountPath: "/srv/jupyterhub/"}, {Name: "pvc", MountPath: "/read-only", ReadOnly: true}, {Name: "scratch", MountPath: "/scratch"},
				{Name: "tmp", MountPath: "/tmp"}, {Name: "node", MountPath: "/data"}, {Name: "share", MountPath: "/mnt//share"}, {Name: "inline", MountPath: "/inline"},
				{Name: "unset", MountPath: "/unset"}, {Name: "not there", MountPath: "/not-there"},
			}},
		}}}
	p.Labels = map[string]string{"component": facts.HubComponent}
	return p
}

func TestMounts(t *testing.T) {
	want := []facts.Mount{
		{Path: "/data", Kind: facts.MountHostPath}, {Path: "/inline", Kind: facts.MountCSI}, {Path: "/mnt/share", Kind: "nfs"},
		{Path: "/scratch", Kind: facts.MountEphemeral, Claim: "hub-0-scratch"}, {Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: "hub-db-dir"},
		{Path: "/tmp", Kind: facts.MountEmptyDir}, {Path: "/unset", Kind: facts.MountEmptyDir},
	}
	if diff := cmp.Diff(want, pod(hubPod()).Mounts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	unnamed := hubPod()
	unnamed.Spec.Containers[1].Name = "jupyterhub"
	if diff := cmp.Diff([]facts.Mount{{Path: "/srv/jupyterhub", Kind: facts.MountEmptyDir}}, pod(unnamed).Mounts); diff != "" {
		t.Errorf("no container of that name: the first one (-want +got):\n%s", diff)
	}
	newLabel := hubPod()
	newLabel.Labels = map[string]string{"app.kubernetes.io/component": facts.HubComponent}
	if len(pod(newLabel).Mounts) != len(want) {
		t.Error("the newer label is not the hub's")
	}
	user, empty := hubPod(), hubPod()
	user.Labels, empty.Spec.Containers = map[string]string{"component": "singleuser-server"}, nil
	if pod(user).Mounts != nil || pod(empty).Mounts != nil {
		t.Error("mounts of a pod that is no hub's, or has no container")
	}
}

// What goes over the wire is what comes out.
func TestMountsFromProtobuf(t *testing.T) {
	body := encode(t, "PodList", &corev1.PodList{Items: []corev1.Pod{*hubPod()}})
	tables := NewTables()
	for _, r := range tables.Resources() {
		if r.Source != facts.KubePods {
			continue
		}
		if _, err := (&Client{progress: func(string, int) {}}).protoPage(bytes.NewReader(body), r); err != nil {
			t.Fatal(err)
		}
	}
	got := tables.Facts().Pods
	if len(got) != 1 {
		t.Fatalf("%d pods", len(got))
	}
	if diff := cmp.Diff(pod(hubPod()).Mounts, got[0].Mounts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// BenchmarkPodPage decodes pages of users' pods, of which nothing is kept of
// what they mount.
func BenchmarkPodPage(b *testing.B) {
	var list corev1.PodList
	const n = 500
	for i := range n {
		p := *hubPod()
		p.Name, p.Labels = fmt.Sprintf("jupyter-%05d", i), map[string]string{"component": "singleuser-server"}
		list.Items = append(list.Items, p)
	}
	body := encode(b, "PodList", &list)
	r := resourceOf(b, facts.KubePods)
	client := &Client{progress: func(string, int) {}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if _, err := client.protoPage(bytes.NewReader(body), r); err != nil || r.Len() != n {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/pod")
}
