package kube

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/facts"
)

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
