package harness

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Namespace makes a new namespace whose name begins with the prefix. It is left
// to vanish with the cluster: deleting it would keep the controllers busy.
func (c *Cluster) Namespace(tb testing.TB, prefix string) string {
	tb.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata":   map[string]any{"generateName": prefix + "-"},
	}}
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	made, err := c.client.Resource(namespaces).Create(tb.Context(), object, metav1.CreateOptions{})
	if err != nil {
		tb.Fatalf("making a namespace: %v", err)
	}
	return made.GetName()
}
