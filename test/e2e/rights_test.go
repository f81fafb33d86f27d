package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// verbs are all that RBAC knows for resources.
var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate", "bind", "escalate",
	"approve", "sign", "use"}

// expectRights asks the API server as the account itself what it may do, in
// three ways: about each verb on everything that is served, for all rules in
// a namespace, and by trying.
func expectRights(t *testing.T, st *stage, kubeconfig, namespace string) {
	t.Helper()
	account := clientOf(t, kubeconfig)
	expectSame(t, "by access reviews", reviewed(t, st, account), nil)
	for _, in := range []string{namespace, "kube-system"} {
		expectSame(t, "by the rules in "+in, ruled(t, account, in), nil)
	}
	expectSame(t, "by the rules in Longhorn's namespace", ruled(t, account, longhornNamespace), documentedThere)
	expectRefused(t, account, namespace)
}

func clientOf(t *testing.T, kubeconfig string) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// reviewed asks about each verb on each resource and subresource that the API
// server has, in all namespaces.
func reviewed(t *testing.T, st *stage, account dynamic.Interface) rights {
	t.Helper()
	granted := rights{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	resources := served(t, st)
	for _, r := range resources {
		for _, verb := range verbs {
			group.Go(func() error {
				yes, err := review(ctx, account, r, verb)
				if yes {
					mu.Lock()
					defer mu.Unlock()
					granted[r.String()] = append(granted[r.String()], verb)
				}
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, granted := range granted {
		slices.Sort(granted)
	}
	for _, name := range []string{"secrets", "pods/exec", "serviceaccounts/token", "nodes/proxy", "backups.velero.io"} {
		if !slices.ContainsFunc(resources, func(r schema.GroupResource) bool { return r.String() == name }) {
			t.Errorf("nobody was asked about %s", name)
		}
	}
	return granted
}

func review(ctx context.Context, account dynamic.Interface, r schema.GroupResource, verb string) (bool, error) {
	resource, subresource, _ := strings.Cut(r.Resource, "/")
	answer, err := account.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}).
		Create(ctx, &unstructured.Unstructured{Object: object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": object{"resourceAttributes": object{"group": r.Group, "resource": resource, "subresource": subresource, "verb": verb}}}},
			metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask for %s %s: %w", verb, r, err)
	}
	yes, _, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	return yes, err
}

// served are the resources and subresources of the API server, once for all versions.
func served(t *testing.T, st *stage) []schema.GroupResource {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(st.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	all := map[schema.GroupResource]bool{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			all[schema.GroupResource{Group: version.Group, Resource: r.Name}] = true
		}
	}
	return slices.Collect(maps.Keys(all))
}

// ruled asks for all rules that hold for the account in a namespace.
func ruled(t *testing.T, account dynamic.Interface, namespace string) rights {
	t.Helper()
	answer, err := account.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectrulesreviews"}).
		Create(t.Context(), &unstructured.Unstructured{Object: object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
			"spec": object{"namespace": namespace}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := unstructured.NestedSlice(answer.Object, "status", "resourceRules")
	if err != nil {
		t.Fatal(err)
	}
	granted := rights{}
	for _, rule := range rules {
		verbs, _, _ := unstructured.NestedStringSlice(rule.(object), "verbs")
		groups, _, _ := unstructured.NestedStringSlice(rule.(object), "apiGroups")
		resources, _, _ := unstructured.NestedStringSlice(rule.(object), "resources")
		for _, group := range groups {
			for _, resource := range resources {
				name := schema.GroupResource{Group: group, Resource: resource}.String()
				granted[name] = append(granted[name], verbs...)
			}
		}
	}
	for name := range granted {
		slices.Sort(granted[name])
		granted[name] = slices.Compact(granted[name])
	}
	return granted
}

// expectRefused tries to write each resource that the account reads, and to get
// at what would let it write or read more.
func expectRefused(t *testing.T, account dynamic.Interface, namespace string) {
	t.Helper()
	dry := []string{metav1.DryRunAll}
	for name := range documented {
		resource := schema.ParseGroupResource(name).WithVersion("v1")
		if resource.Group == "longhorn.io" {
			resource.Version = "v1beta2"
		}
		client := account.Resource(resource).Namespace(namespace)
		o := &unstructured.Unstructured{Object: object{"apiVersion": resource.GroupVersion().String(), "kind": "Any", "metadata": object{"name": "x"}}}
		_, created := client.Create(t.Context(), o, metav1.CreateOptions{DryRun: dry})
		_, updated := client.Update(t.Context(), o, metav1.UpdateOptions{DryRun: dry})
		_, status := client.UpdateStatus(t.Context(), o, metav1.UpdateOptions{DryRun: dry})
		_, patched := client.Patch(t.Context(), "x", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{DryRun: dry})
		for verb, err := range map[string]error{"create": created, "update": updated, "update status": status, "patch": patched,
			"delete":           client.Delete(t.Context(), "x", metav1.DeleteOptions{DryRun: dry}),
			"deletecollection": client.DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{})} {
			if !apierrors.IsForbidden(err) {
				t.Errorf("%s %s: got %v, want Forbidden", verb, name, err)
			}
		}
	}
	core := func(resource string) dynamic.ResourceInterface {
		return account.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(namespace)
	}
	_, listed := core("secrets").List(t.Context(), metav1.ListOptions{})
	_, read := core("secrets").Get(t.Context(), "hubaudit-secrets", metav1.GetOptions{})
	_, happened := core("events").List(t.Context(), metav1.ListOptions{})
	_, configs := core("configmaps").List(t.Context(), metav1.ListOptions{})
	_, watched := core("pods").Watch(t.Context(), metav1.ListOptions{})
	_, token := core("serviceaccounts").Create(t.Context(), &unstructured.Unstructured{Object: object{"apiVersion": "authentication.k8s.io/v1",
		"kind": "TokenRequest", "metadata": object{"name": "default"}, "spec": object{}}}, metav1.CreateOptions{}, "token")
	_, entered := core("pods").Get(t.Context(), "hub-6b7f9d4c5-x2x7p", metav1.GetOptions{}, "exec")
	for what, err := range map[string]error{"list secrets": listed, "get a secret": read, "list events": happened, "list configmaps": configs, "watch pods": watched,
		"make a token": token, "exec into a pod": entered} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want Forbidden", what, err)
		}
	}
}
