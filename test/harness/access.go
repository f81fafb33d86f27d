package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Kubeconfig writes a kubeconfig with a client certificate of this user and
// gives its path. The group system:masters may do everything.
func (c *Cluster) Kubeconfig(tb testing.TB, user string, groups ...string) string {
	tb.Helper()
	content, err := c.userKubeconfig(user, groups...)
	if err != nil {
		tb.Fatal(err)
	}
	return writeKubeconfig(tb, content)
}

// KubeconfigForToken writes a kubeconfig with this token and gives its path.
func (c *Cluster) KubeconfigForToken(tb testing.TB, token string) string {
	tb.Helper()
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: c.config.Host, CertificateAuthorityData: c.config.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		tb.Fatalf("encoding a kubeconfig: %v", err)
	}
	return writeKubeconfig(tb, content)
}

// ServiceAccountToken asks for a token of a service account that exists, as a
// kubelet would for a pod.
func (c *Cluster) ServiceAccountToken(tb testing.TB, namespace, name string) string {
	tb.Helper()
	token, err := c.serviceAccountToken(tb.Context(), namespace, name)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func (c *Cluster) serviceAccountToken(ctx context.Context, namespace, name string) (string, error) {
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1",
		"kind":       "TokenRequest",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{},
	}}
	accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	answer, err := c.client.Resource(accounts).Namespace(namespace).Create(ctx, request, metav1.CreateOptions{}, "token")
	if err != nil {
		return "", fmt.Errorf("asking for a token of service account %s/%s: %w", namespace, name, err)
	}
	token, _, err := unstructured.NestedString(answer.Object, "status", "token")
	if err != nil {
		return "", fmt.Errorf("reading the token of service account %s/%s: %w", namespace, name, err)
	}
	return token, nil
}

func (c *Cluster) userKubeconfig(user string, groups ...string) ([]byte, error) {
	c.users.Lock()
	added, err := c.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	c.users.Unlock()
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", user, err)
	}
	content, err := added.KubeConfig()
	if err != nil {
		return nil, fmt.Errorf("making a kubeconfig for %s: %w", user, err)
	}
	return content, nil
}

func writeKubeconfig(tb testing.TB, content []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatalf("writing a kubeconfig: %v", err)
	}
	return path
}
