package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// installCRDs returns when every version of every CRD can be listed.
func (c *Cluster) installCRDs(ctx context.Context, sets []string) error {
	var crds []map[string]any
	for _, set := range sets {
		read, err := c.readCRDs(set)
		if err != nil {
			return err
		}
		crds = append(crds, read...)
	}
	if err := c.apply(ctx, crds); err != nil {
		return fmt.Errorf("installing CRDs: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, crd := range crds {
		for _, version := range servedVersions(crd) {
			group.Go(func() error { return c.awaitList(ctx, version) })
		}
	}
	return group.Wait()
}

func (c *Cluster) readCRDs(set string) ([]map[string]any, error) {
	files, err := filepath.Glob(filepath.Join(c.assets, "crds", set, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("looking for the CRDs %q: %w", set, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("looking for the CRDs %q: there are none", set)
	}
	var all []map[string]any
	for _, file := range files {
		crds, err := readObjects(file)
		if err != nil {
			return nil, err
		}
		for _, crd := range crds {
			// The webhook that converts versions would be Longhorn's own. Without it an
			// object is the same in each version but for the version's name, and what the
			// stored version (v1beta2, where there is one) has no field for is lost.
			unstructured.RemoveNestedField(crd, "spec", "conversion")
		}
		all = append(all, crds...)
	}
	return all, nil
}

func readObjects(file string) ([]map[string]any, error) {
	content, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading CRDs: %w", err)
	}
	defer content.Close()
	objects, err := decode(content)
	if err != nil {
		return nil, fmt.Errorf("reading CRDs of %s: %w", file, err)
	}
	return objects, nil
}

func servedVersions(crd map[string]any) []schema.GroupVersionResource {
	group, _, _ := unstructured.NestedString(crd, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedFieldNoCopy(crd, "spec", "versions")
	all, _ := versions.([]any)
	var served []schema.GroupVersionResource
	for _, version := range all {
		if fields, ok := version.(map[string]any); ok && fields["served"] == true {
			name, _ := fields["name"].(string)
			served = append(served, schema.GroupVersionResource{Group: group, Version: name, Resource: plural})
		}
	}
	return served
}

// awaitList lists until the API server neither knows nothing of the resource
// nor answers "storage is (re)initializing", which the first list makes it do,
// and then until its discovery knows the resource too, which may be later.
// The client's own retries would wait a second each time.
func (c *Cluster) awaitList(ctx context.Context, r schema.GroupVersionResource) error {
	err := poll(ctx, "a list of "+r.String(), func(ctx context.Context) error {
		return c.discovery.RESTClient().Get().AbsPath("/apis", r.Group, r.Version, r.Resource).MaxRetries(0).Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	return poll(ctx, "the discovery of "+r.String(), func(context.Context) error {
		served, err := c.discovery.ServerResourcesForGroupVersion(r.GroupVersion().String())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(served.APIResources, func(s metav1.APIResource) bool { return s.Name == r.Resource }) {
			return fmt.Errorf("%s is not in it", r.Resource)
		}
		return nil
	})
}
