package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// writers is how many objects are written at the same time.
const writers = 32

// Apply creates objects, many at once, and their status too, which the API
// server would else throw away. An object that exists gets the fields that are
// given; the others stay, and null removes one. Namespaces go first, and so do
// nodes: whatever else tells of a node, such as Longhorn's record of it, is younger.
func (c *Cluster) Apply(tb testing.TB, objects ...map[string]any) {
	tb.Helper()
	if err := c.apply(tb.Context(), objects); err != nil {
		tb.Fatal(err)
	}
}

// ApplyYAML applies YAML or JSON documents, such as a rendered Helm chart.
func (c *Cluster) ApplyYAML(tb testing.TB, documents string) {
	tb.Helper()
	objects, err := decode(strings.NewReader(documents))
	if err != nil {
		tb.Fatal(err)
	}
	c.Apply(tb, objects...)
}

// Get reads an object; of the one given only the kind and the name count.
func (c *Cluster) Get(tb testing.TB, object map[string]any) map[string]any {
	tb.Helper()
	u := &unstructured.Unstructured{Object: object}
	client, _, err := c.clientFor(u)
	if err != nil {
		tb.Fatal(err)
	}
	found, err := client.Get(tb.Context(), u.GetName(), metav1.GetOptions{})
	if err != nil {
		tb.Fatalf("reading %s: %v", describe(u), err)
	}
	return found.Object
}

// Delete asks for objects to go; only their kinds and names count. It does not
// wait until they are gone.
func (c *Cluster) Delete(tb testing.TB, objects ...map[string]any) {
	tb.Helper()
	err := concurrently(tb.Context(), objects, func(ctx context.Context, u *unstructured.Unstructured) error {
		client, _, err := c.clientFor(u)
		if err != nil {
			return err
		}
		if err := client.Delete(ctx, u.GetName(), metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("deleting %s: %w", describe(u), err)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) apply(ctx context.Context, objects []map[string]any) error {
	var first, rest []map[string]any
	for _, object := range objects {
		if kind := object["kind"]; object["apiVersion"] == "v1" && (kind == "Namespace" || kind == "Node") {
			first = append(first, object)
		} else {
			rest = append(rest, object)
		}
	}
	if err := concurrently(ctx, first, c.applyOne); err != nil {
		return err
	}
	return concurrently(ctx, rest, c.applyOne)
}

func concurrently(ctx context.Context, objects []map[string]any, do func(context.Context, *unstructured.Unstructured) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, object := range objects {
		group.Go(func() error { return do(ctx, &unstructured.Unstructured{Object: object}) })
	}
	return group.Wait()
}

func (c *Cluster) applyOne(ctx context.Context, object *unstructured.Unstructured) error {
	client, served, err := c.clientFor(object)
	if err != nil {
		return err
	}
	_, err = client.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = patch(ctx, client, object.GetName(), object.Object)
	}
	if err != nil {
		return fmt.Errorf("applying %s: %w", describe(object), err)
	}
	status, given := object.Object["status"]
	if !given || !served.status {
		return nil
	}
	if err := patch(ctx, client, object.GetName(), map[string]any{"status": status}, "status"); err != nil {
		return fmt.Errorf("applying the status of %s: %w", describe(object), err)
	}
	return nil
}

func patch(ctx context.Context, client dynamic.ResourceInterface, name string, fields map[string]any, subresource ...string) error {
	body, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	_, err = client.Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{}, subresource...)
	return err
}

func decode(documents io.Reader) ([]map[string]any, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(documents, 4096)
	var objects []map[string]any
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decoding YAML document %d: %w", len(objects)+1, err)
		}
		if len(object) > 0 { // between two lines of dashes there may be nothing
			objects = append(objects, object)
		}
	}
}

func describe(object *unstructured.Unstructured) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", object.GetKind(), object.GetNamespace(), object.GetName()))
}
