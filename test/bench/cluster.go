package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

func build(r *runner, path string) {
	cmd := exec.CommandContext(r.ctx, "go", "build", "-trimpath", "-o", path, "./cmd/audit")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("build the command: %w\n%s", err, out)
	}
}

// writeSite writes the configuration, the hub's database and its backups.
func writeSite(r *runner, dir string, s *facts.Snapshot) {
	hub := s.Hubs[0]
	config := fmt.Sprintf(`hubs:
  - name: %s
    namespace: %s
    database: sqlite:///jupyterhub.sqlite
    backups: [{name: nightly, files: "backups/jupyterhub-*.sqlite.gz", schedule: "0 3 * * *"}]
history: sqlite:history.db
`, hub.Name, hub.Namespace)
	err := os.WriteFile(filepath.Join(dir, "hubaudit.yaml"), []byte(config), 0o600)
	if err == nil {
		err = world.WriteDatabase(filepath.Join(dir, "jupyterhub.sqlite"), hub, world.CurrentSchema)
	}
	if err == nil {
		err = world.WriteBackups(filepath.Join(dir, "backups"), hub, world.CurrentSchema)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// startCluster starts a cluster that holds the world and returns a kubeconfig
// with a token of the chart's own service account: a service account is
// subject to API priority and fairness, an administrator is not.
func startCluster(r *runner, s *facts.Snapshot) (*harness.Cluster, string) {
	c := harness.Start(r, harness.Options{CRDs: []string{"longhorn", "snapshot", "ceph"}})
	var objects []map[string]any
	for _, name := range []string{world.Namespace, s.Longhorn.Namespace} {
		objects = append(objects, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	}
	objects = append(objects, world.Objects(s)...)
	say("creating %d objects, with their status", len(objects))
	start := time.Now()
	c.Apply(r, objects...)
	say("created in %d s", int(time.Since(start).Seconds()))

	rendered, err := exec.CommandContext(r.ctx, c.Binary("helm"), "template", "hubaudit", filepath.Join("..", "charts", "hubaudit"),
		"--namespace", world.Namespace, "--set", "rbac.longhornEvents=true", "--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml").Output()
	if err != nil {
		r.Fatalf("render the chart: %w", err)
	}
	c.ApplyYAML(r, string(rendered))
	kubeconfig := filepath.Join(r.TempDir(), "kubeconfig")
	given, err := os.ReadFile(c.KubeconfigForToken(r, c.ServiceAccountToken(r, world.Namespace, "hubaudit")))
	if err == nil {
		err = os.WriteFile(kubeconfig, given, 0o600)
	}
	if err != nil {
		r.Fatal(err)
	}
	awaitRights(r, kubeconfig)
	return c, kubeconfig
}

func awaitRights(r *runner, kubeconfig string) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		r.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		r.Fatal(err)
	}
	harness.Poll(r, "the rights of the service account", func(ctx context.Context) error {
		_, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"}).List(ctx, metav1.ListOptions{})
		return err
	})
}

// touch changes one object of each list: until it has seen a write, the API
// server reads pages of a list from etcd and not from its memory.
func touch(r *runner, c *harness.Cluster) {
	longhorn := schema.GroupVersion{Group: "longhorn.io", Version: "v1beta2"}
	for _, resource := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "persistentvolumeclaims"}, {Version: "v1", Resource: "persistentvolumes"}, {Version: "v1", Resource: "nodes"},
		{Version: "v1", Resource: "pods"}, {Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
		longhorn.WithResource("volumes"), longhorn.WithResource("replicas"), longhorn.WithResource("nodes"), longhorn.WithResource("settings"),
	} {
		client := c.Client().Resource(resource)
		list, err := client.List(r.ctx, metav1.ListOptions{Limit: 1})
		if err != nil || len(list.Items) == 0 {
			r.Fatalf("list one of %s: %d items, %w", resource.Resource, len(list.Items), err)
		}
		one := list.Items[0]
		patch := []byte(`{"metadata":{"annotations":{"touched":"yes"}}}`)
		if _, err := client.Namespace(one.GetNamespace()).Patch(r.ctx, one.GetName(), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			r.Fatalf("touch %s %s: %w", resource.Resource, one.GetName(), err)
		}
	}
}
