package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// startTimeout is for a machine that compiles at the same time.
const startTimeout = 2 * time.Minute

// startPlane starts etcd and kube-apiserver. That envtest starts wrappers lets
// the reaper know the processes, and that both write into the cluster's folder
// lets it clean up.
func (c *Cluster) startPlane(options Options) error {
	log.SetLogger(logr.Discard()) // else controller-runtime complains that nobody did
	etcd, err := c.etcd()
	if err != nil {
		return err
	}
	apiServer, err := c.apiServer()
	if err != nil {
		return err
	}
	// A new node would be tainted until a controller takes that off, which no one does here.
	without := "TaintNodesByCondition"
	if !options.ControllerManager {
		// With the controllers pods need their service account, as in any cluster.
		// Without them there would be no default one.
		without += ",ServiceAccount"
	}
	apiServer.Configure().Set("disable-admission-plugins", without)
	existing := false
	c.env = &envtest.Environment{UseExistingCluster: &existing, ControlPlaneStartTimeout: startTimeout}
	c.env.ControlPlane.Etcd = etcd
	c.env.ControlPlane.APIServer = apiServer
	c.env.ControlPlane.KubectlPath = c.Binary("kubectl")
	if c.config, err = c.env.Start(); err != nil {
		return fmt.Errorf("starting etcd and kube-apiserver: %w", err)
	}
	// A certificate for webhooks, which there are none of, went to a folder that cannot be chosen.
	if err := c.env.WebhookInstallOptions.Cleanup(); err != nil {
		return fmt.Errorf("removing envtest's webhook certificate: %w", err)
	}
	c.config.QPS = -1
	c.config.WarningHandler = rest.NoWarnings{} // of CRDs as their makers wrote them
	return nil
}

func (c *Cluster) etcd() (*envtest.Etcd, error) {
	path, output, err := c.process("etcd")
	if err != nil {
		return nil, err
	}
	return &envtest.Etcd{Path: path, DataDir: filepath.Join(c.dir, "data"), Out: output, Err: output}, nil
}

func (c *Cluster) apiServer() (*envtest.APIServer, error) {
	path, output, err := c.process("kube-apiserver")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(c.certDir(), 0o700); err != nil {
		return nil, fmt.Errorf("making the API server's folder: %w", err)
	}
	server := &envtest.APIServer{Path: path, CertDir: c.certDir(), Out: output, Err: output}
	// Else it looks for a network to be reached from, and a machine without one is no place for it.
	server.Configure().Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	return server, nil
}

func (c *Cluster) certDir() string { return filepath.Join(c.dir, "certs") }

// process prepares a binary to be run: its wrapper and the file for its output.
// The file stays open until this process ends, since envtest may start it again.
func (c *Cluster) process(name string) (path string, output *os.File, err error) {
	if path, err = c.reaper.Wrap(c.Binary(name)); err != nil {
		return "", nil, err
	}
	if output, err = os.Create(filepath.Join(c.dir, name+".log")); err != nil {
		return "", nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	return path, output, nil
}

// logs are the last lines that each process wrote, for a start that failed.
func (c *Cluster) logs() error {
	files, err := filepath.Glob(filepath.Join(c.dir, "*.log"))
	var all []error
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		last := lines[max(0, len(lines)-15):]
		all = append(all, readErr, fmt.Errorf("%s ends with:\n%s", filepath.Base(file), strings.Join(last, "\n")))
	}
	return errors.Join(append(all, err)...)
}

func (c *Cluster) connect() (err error) {
	if c.client, err = dynamic.NewForConfig(c.config); err != nil {
		return fmt.Errorf("making the administrator's client: %w", err)
	}
	if c.discovery, err = discovery.NewDiscoveryClientForConfig(rest.CopyConfig(c.config)); err != nil {
		return fmt.Errorf("making the discovery client: %w", err)
	}
	return nil
}
