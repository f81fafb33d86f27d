package kube

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/facts"
)

// FuzzCustom reads one object into the table of each kind that comes as JSON.
func FuzzCustom(f *testing.F) {
	f.Add([]byte(`{"metadata":{"namespace":"r","name":"p"},"spec":{"failureDomain":"host","replicated":{"size":3},"erasureCoded":{"dataChunks":"2","codingChunks":1}},"status":{"phase":"Ready"}}`))
	f.Add([]byte(`{"metadata":{"name":"fs"},"spec":{"preservePoolNames":"true","dataPools":[{"name":"a"},{"replicated":null},null]}}`))
	f.Add([]byte(`{"spec":{"source":{"persistentVolumeClaimName":"c"}},"status":{"restoreSize":"1Gi"}}`))
	f.Add([]byte(`{"metadata":{"namespace":"velero","name":"b","labels":{"velero.io/schedule-name":"s"}},"spec":{"includedNamespaces":["a",null],"snapshotVolumes":null,"orLabelSelectors":[{}],"ttl":"x"},"status":{"phase":"Completed","errors":"1"}}`))
	f.Add([]byte(podVolumeBackup("b", "Completed", atLater)))
	f.Add([]byte(`{"metadata":{"name":"u","creationTimestamp":"2026-11-20T11:00:00Z"},"spec":{"sourcePVC":"c","sourceNamespace":"n","schedule":"@daily-random","paths":["/data/c","","/","//"],"date":"2026-11-20T11:00:00Z"},"status":{"phase":"Failed","message":"\xff"}}`))
	f.Add([]byte(`{"metadata":{"name":"c","labels":{"velero.io/backup-name":"b"}},"spec":{"driver":"d","source":{"volumeHandle":"h"}},"status":{"readyToUse":true,"creationTime":-9223372036854775808}}`))
	f.Add([]byte(`{"spec":{"provider":"aws","objectStorage":{"bucket":"b"},"config":{"s3Url":"http://u:p@h"},"backend":{"s3":{"bucket":"b"}}},"status":{"conditions":[{"type":"Completed","status":"True"},null]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tables := NewTables()
		for _, r := range tables.Resources() {
			if !r.Custom {
				continue
			}
			if ok := r.Put(0, raw); ok != (r.Err() == nil) || ok != (r.Len() == 1) {
				t.Errorf("%s: taken %v, length %d, error %v", r.Source, ok, r.Len(), r.Err())
			}
		}
		k := tables.Facts()
		for _, s := range k.Backups {
			if s.Good == 0 && s.Failed == nil && s.Running == nil || s.Good > 0 && (s.Newest.Time.IsZero() || s.Oldest.IsZero()) {
				t.Errorf("a series of nothing: %+v", s)
			}
		}
		for _, l := range k.Velero.Locations {
			if _, rest, ok := strings.Cut(l.URL, "?endpoint="); ok && strings.Contains(rest, "://") && strings.Contains(rest, "@") {
				t.Errorf("a login in %q", l.URL)
			}
		}
		for _, p := range k.Pools {
			if p.FailureDomain == "" || p.Kind == "" {
				t.Errorf("pool %+v", p)
			}
		}
	})
}

func FuzzProtoPage(f *testing.F) {
	f.Add(encode(f, "PodList", &corev1.PodList{ListMeta: metav1.ListMeta{Continue: "next"}, Items: []corev1.Pod{{ObjectMeta: meta("hub", "jupyter-ann"), Spec: corev1.PodSpec{NodeName: "n"}}}}))
	f.Add(encode(f, "PodList", &corev1.PodList{Items: []corev1.Pod{*hubPod()}}))
	f.Add([]byte("k8s\x00\x0a\x09\x12\x07PodList\x12\x02\x12\x00"))
	c := &Client{progress: func(string, int) {}}
	f.Fuzz(func(t *testing.T, page []byte) {
		for _, r := range NewTables().Resources() {
			if r.Source != facts.KubePods {
				continue
			}
			token, err := c.protoPage(bytes.NewReader(page), r)
			if err != nil && explain(err, "list pods", r.rbacRule()).Error() == "" {
				t.Error("an error without a word")
			}
			if err == nil && token != "" && len(page) < len(token) {
				t.Errorf("a token %q from %d bytes", token, len(page))
			}
		}
	})
}
