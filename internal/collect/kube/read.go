package kube

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/version"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Read reads all of facts.Kube from all namespaces. Each list is a source of
// its own; of one that could not be read the facts hold nothing.
func (c *Client) Read(ctx context.Context) (facts.Kube, []facts.Source) {
	tables := NewTables()
	var wg sync.WaitGroup
	var server version.Info
	wg.Go(func() {
		// Only for reports: without it the lists are as good.
		_ = c.document(ctx, "/version", &server, func() bool { return true })
	})
	served := c.servedOnce(ctx, tables.Resources())
	sources := c.ReadAll(ctx, "", tables.Resources(), func(r *Resource) (string, error) {
		if !r.Custom {
			return r.Versions[0], nil
		}
		served, err := served[r.Group]()
		if err != nil {
			return "", err
		}
		return served.Version(r)
	})
	wg.Wait()
	k := tables.Facts()
	k.Version = server.GitVersion
	return k, sources
}

// servedOnce asks, for each group of custom resources, what the API serves of it
// when that is wanted first.
func (c *Client) servedOnce(ctx context.Context, resources []*Resource) map[string]func() (Served, error) {
	groups := map[string]func() (Served, error){}
	for _, r := range resources {
		if r.Custom && groups[r.Group] == nil {
			groups[r.Group] = sync.OnceValues(func() (Served, error) { return c.Served(ctx, r.Group) })
		}
	}
	return groups
}

// ReadAll reads all resources at the same time, from one namespace or, if that
// is empty, from all. version tells at which version a resource is served, or
// why it cannot be read.
func (c *Client) ReadAll(ctx context.Context, namespace string, resources []*Resource, version func(*Resource) (string, error)) []facts.Source {
	sources := make([]facts.Source, len(resources))
	var wg sync.WaitGroup
	for i, r := range resources {
		wg.Go(func() {
			start := time.Now()
			err := c.readOne(ctx, namespace, r, version)
			if err != nil {
				r.Reset()
			}
			sources[i] = source.Record(r.Source, map[string]int{r.Item: r.Len()}, time.Since(start), err)
		})
	}
	wg.Wait()
	return sources
}

func (c *Client) readOne(ctx context.Context, namespace string, r *Resource, version func(*Resource) (string, error)) error {
	v, err := version(r)
	if err != nil {
		return err
	}
	what := "list " + r.Name()
	if namespace != "" {
		what += fmt.Sprintf(" in namespace %s", namespace)
	}
	return explain(c.fill(ctx, r, v, namespace), what, r.rbacRule())
}

// Namespaces are the namespaces in which a custom resource has objects, in the
// order of the API; those of the first few objects are enough.
func (c *Client) Namespaces(ctx context.Context, r *Resource, version string) ([]string, error) {
	var namespaces []string
	err := c.restart(ctx, func() error {
		namespaces = nil
		body, err := c.get(ctx, r.path(version, ""), mediaJSON, map[string]string{"limit": "10"})
		if err != nil {
			return err
		}
		defer body.Close()
		_, _, err = object.Walk(object.NewDecoder(body), func(_ object.Members, raw []byte) error {
			var head object.Head
			if err := object.Decode(raw, &head); err != nil {
				return err
			}
			if !slices.Contains(namespaces, head.Metadata.Namespace) {
				namespaces = append(namespaces, head.Metadata.Namespace)
			}
			return nil
		})
		return err
	})
	return namespaces, explain(err, "list "+r.Name()+" in all namespaces", r.rbacRule())
}
