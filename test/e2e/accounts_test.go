package e2e

import (
	"context"
	"path/filepath"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

const (
	rbac              = "rbac.authorization.k8s.io"
	longhornNamespace = "longhorn-system"
)

// chartAccount is the kubeconfig of the service account that the chart makes,
// with the rights that the chart gives it.
func (st *stage) chartAccount(t *testing.T) string {
	t.Helper()
	st.ApplyYAML(t, helm(t, st, "template", "audit", chartDir, "--namespace", world.Namespace, "--values", filepath.Join(chartDir, "ci", "full-values.yaml"),
		"--set", "rbac.longhornEvents=true", "--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml"))
	return st.account(t, "auditor")
}

// rulesOf are all rights but those on one resource, as rules of a role.
func rulesOf(given rights, without string) []any {
	rules := []any{}
	for resource, verbs := range given {
		if r := schema.ParseGroupResource(resource); resource != without {
			rules = append(rules, object{"apiGroups": []any{r.Group}, "resources": []any{r.Resource}, "verbs": anys(verbs)})
		}
	}
	return rules
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// accountWithout makes a service account with all documented rights but those
// on one resource, and returns its kubeconfig once the rights are in force.
func (st *stage) accountWithout(t *testing.T, name, without string) string {
	t.Helper()
	st.bind(t, name, "Cluster", "", rulesOf(documented, without))
	st.bind(t, name, "", longhornNamespace, rulesOf(documentedThere, without))
	return st.account(t, name)
}

// confined is the kubeconfig of a service account that has all documented
// rights in the hub's namespace, and none elsewhere.
func (st *stage) confined(t *testing.T, name string) string {
	t.Helper()
	st.bind(t, name, "", world.Namespace, rulesOf(documented, ""))
	kubeconfig := st.KubeconfigForToken(t, st.ServiceAccountToken(t, world.Namespace, name))
	claims := clientOf(t, kubeconfig).Resource(schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"})
	harness.Poll(t, "the rights of "+name, func(ctx context.Context) error {
		_, err := claims.Namespace(world.Namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if _, err := claims.List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatalf("list the claims of all namespaces: got %v, want Forbidden", err)
	}
	return kubeconfig
}

// bind makes a service account, a role or cluster role with these rules, and
// gives it that role.
func (st *stage) bind(t *testing.T, name, scope, namespace string, rules []any) {
	t.Helper()
	metadata := object{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	st.Apply(t,
		object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": name, "namespace": world.Namespace}},
		object{"apiVersion": rbac + "/v1", "kind": scope + "Role", "metadata": metadata, "rules": rules},
		object{"apiVersion": rbac + "/v1", "kind": scope + "RoleBinding", "metadata": metadata,
			"roleRef":  object{"apiGroup": rbac, "kind": scope + "Role", "name": name},
			"subjects": []any{object{"kind": "ServiceAccount", "name": name, "namespace": world.Namespace}}})
}

// account is the kubeconfig of a service account of the hub's namespace, once
// its rights on the cluster are in force.
func (st *stage) account(t *testing.T, name string) string {
	t.Helper()
	kubeconfig := st.KubeconfigForToken(t, st.ServiceAccountToken(t, world.Namespace, name))
	account := clientOf(t, kubeconfig)
	harness.Poll(t, "the rights of "+name, func(ctx context.Context) error {
		_, err := account.Resource(schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}).List(ctx, metav1.ListOptions{})
		return err
	})
	return kubeconfig
}
