package harness

import (
	"fmt"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// A resource is how a kind is served.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
	status     bool // status is written by itself
}

// resources is what the API server serves, as far as it was asked.
type resources struct {
	sync.Mutex
	byKind map[schema.GroupVersionKind]resource
}

// clientFor gives the client of an object's kind in its namespace.
func (c *Cluster) clientFor(object *unstructured.Unstructured) (dynamic.ResourceInterface, resource, error) {
	found, err := c.resourceOf(object.GroupVersionKind())
	if err != nil {
		return nil, resource{}, err
	}
	client := c.client.Resource(found.GroupVersionResource)
	if !found.namespaced {
		return client, found, nil
	}
	if object.GetNamespace() == "" {
		return nil, resource{}, fmt.Errorf("%s has no namespace", describe(object))
	}
	return client.Namespace(object.GetNamespace()), found, nil
}

// resourceOf asks the API server when the kind is new to it.
func (c *Cluster) resourceOf(kind schema.GroupVersionKind) (resource, error) {
	c.resources.Lock()
	defer c.resources.Unlock()
	if found, ok := c.resources.byKind[kind]; ok {
		return found, nil
	}
	_, lists, err := c.discovery.ServerGroupsAndResources()
	if err != nil {
		return resource{}, fmt.Errorf("asking what the API server serves: %w", err)
	}
	c.resources.byKind = tabulate(lists)
	if found, ok := c.resources.byKind[kind]; ok {
		return found, nil
	}
	return resource{}, fmt.Errorf("the API server serves no %s", kind)
}

func tabulate(lists []*metav1.APIResourceList) map[schema.GroupVersionKind]resource {
	byKind := map[schema.GroupVersionKind]resource{}
	for _, list := range lists {
		version, _ := schema.ParseGroupVersion(list.GroupVersion)
		withStatus := map[string]bool{}
		for _, served := range list.APIResources {
			if name, ok := strings.CutSuffix(served.Name, "/status"); ok {
				withStatus[name] = true
			}
		}
		for _, served := range list.APIResources {
			if !strings.Contains(served.Name, "/") {
				byKind[version.WithKind(served.Kind)] = resource{
					GroupVersionResource: version.WithResource(served.Name),
					namespaced:           served.Namespaced,
					status:               withStatus[served.Name],
				}
			}
		}
	}
	return byKind
}
