package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// controllers leaves out those that would put a test's claims, volumes, pods and
// nodes into another state than the test did.
var controllers = []string{
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"root-ca-certificate-publisher-controller",
	"namespace-controller",
	"garbage-collector-controller",
	"cronjob-controller",
	"job-controller",
	"ttl-after-finished-controller",
	// Without these two a deleted claim or volume stays for ever.
	"persistentvolumeclaim-protection-controller",
	"persistentvolume-protection-controller",
}

// startControllers returns when namespaces get their default service account.
func (c *Cluster) startControllers(ctx context.Context) error {
	path, output, err := c.process("kube-controller-manager")
	if err != nil {
		return err
	}
	flags, err := c.controllerFlags()
	if err != nil {
		return err
	}
	manager := exec.Command(path, flags...)
	manager.Stdout, manager.Stderr = output, output
	manager.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := manager.Start(); err != nil {
		return fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(fmt.Errorf("kube-controller-manager ended: %w", manager.Wait())) }()
	return poll(ctx, "the default service account", func(ctx context.Context) error {
		accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
		_, err := c.client.Resource(accounts).Namespace("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) controllerFlags() ([]string, error) {
	kubeconfig, err := c.userKubeconfig("system:kube-controller-manager", "system:masters")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"controllers.kubeconfig": kubeconfig, "ca.crt": c.config.CAData}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("writing %s for kube-controller-manager: %w", name, err)
		}
	}
	return []string{
		"--kubeconfig=" + filepath.Join(c.dir, "controllers.kubeconfig"),
		"--root-ca-file=" + filepath.Join(c.dir, "ca.crt"),
		"--service-account-private-key-file=" + filepath.Join(c.certDir(), "sa-signer.key"),
		"--controllers=" + strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0", // it serves nothing
		"--kube-api-qps=1000",
		"--kube-api-burst=1000",
	}, nil
}
