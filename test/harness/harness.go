// Package harness runs a real Kubernetes control plane for tests: etcd and
// kube-apiserver with RBAC and TLS, kube-controller-manager when asked for, and
// the custom resources of Longhorn, VolumeSnapshot, Velero, Rook and the Prometheus operator. There is no
// kubelet and no scheduler: pods, nodes and volumes are whatever a test says
// they are, status included.
package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"hubaudit/test/reaper"
)

// Options says what a cluster has besides the API server.
type Options struct {
	// ControllerManager adds the controllers that service accounts, CronJobs,
	// Jobs and the deletion of namespaces and claims need, and none that
	// would change what a test says of claims, volumes, pods and nodes.
	ControllerManager bool
	// CRDs names the sets to install: snapshot, velero, k8up, ceph, monitoring (the Prometheus operator's), and one of longhorn (the
	// newest to be had, v1beta2, and the shards of a newer one), longhorn-1.3 (v1beta1 too) and longhorn-1.2 (v1beta1).
	CRDs []string
}

// Cluster is one running control plane.
type Cluster struct {
	assets    string // where the binaries and CRDs are
	dir       string // where the cluster writes all it writes
	reaper    *reaper.Reaper
	env       *envtest.Environment
	users     sync.Mutex   // envtest numbers certificates without one
	config    *rest.Config // the administrator's
	client    dynamic.Interface
	discovery *discovery.DiscoveryClient
	resources resources
}

// Start starts a cluster that stops at the end of the test.
func Start(tb testing.TB, options Options) *Cluster {
	tb.Helper()
	c, err := start(tb.Context(), options)
	if err != nil {
		tb.Fatalf("starting a cluster: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.stop(); err != nil {
			tb.Errorf("stopping the cluster: %v", err)
		}
	})
	return c
}

// Shared gives all tests of a process that ask for the same options the same
// cluster, which starts at the first call and stops when the process ends. Tests keep
// apart by Namespace; what has no namespace they name differently.
func Shared(tb testing.TB, options Options) *Cluster {
	tb.Helper()
	key := fmt.Sprintf("%+v", options)
	begin := sync.OnceValues(func() (*Cluster, error) { return start(context.Background(), options) })
	once, _ := shared.LoadOrStore(key, begin)
	c, err := once.(func() (*Cluster, error))()
	if err != nil {
		tb.Fatalf("starting a shared cluster: %v", err)
	}
	return c
}

var shared sync.Map // of sync.OnceValues' functions, by their options

func start(ctx context.Context, options Options) (*Cluster, error) {
	assets, err := assets()
	if err != nil {
		return nil, err
	}
	reaper, err := reaper.New("hubaudit-cluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{assets: assets, dir: reaper.Dir, reaper: reaper}
	if err := c.boot(ctx, options); err != nil {
		return nil, errors.Join(err, c.logs(), c.stop())
	}
	return c, nil
}

func (c *Cluster) boot(ctx context.Context, options Options) error {
	if err := c.startPlane(options); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	if options.ControllerManager {
		if err := c.startControllers(ctx); err != nil {
			return err
		}
	}
	return c.installCRDs(ctx, options.CRDs)
}

// stop kills all processes at once: what they would still write is thrown away.
func (c *Cluster) stop() error { return c.reaper.Reap() }

// Config is the administrator's, without a limit on requests.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is the administrator's.
func (c *Cluster) Client() dynamic.Interface { return c.client }

// Binary is the path of etcd, kube-apiserver, kube-controller-manager, kubectl or helm.
func (c *Cluster) Binary(name string) string { return filepath.Join(c.assets, name) }
