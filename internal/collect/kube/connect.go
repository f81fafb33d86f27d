// Package kube reads from the Kubernetes API what it holds about claims,
// volumes, nodes and what runs on them. It lists and never watches, and never
// asks for a Secret.
//
// A list is read to its end or fails: one that breaks in the middle is begun
// again a few times, and a part of a list is never passed on as the whole. A
// kind that the cluster does not serve is absent; every other trouble is a
// failure, classed by what an operator has to mend.
package kube

import (
	"cmp"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Options say which cluster to read and how to appear there.
type Options struct {
	// Context is a context of the kubeconfig. If empty, the configuration is
	// what KUBECONFIG names, else the pod's own ServiceAccount, else
	// ~/.kube/config with its current context.
	Context string
	// UserAgent names this program in the API server's logs.
	UserAgent string
	// Progress, if set, is told now and then how many items of a source were
	// read so far. It is called by several goroutines at once.
	Progress func(source string, items int)
	// PageSize is how many objects are asked for at once. By default it is as
	// many as the API server can be expected to give in one answer.
	PageSize int
}

// Client is a connection to one cluster. It may be used by several goroutines.
type Client struct {
	rest     *rest.RESTClient
	progress func(source string, items int)
	pageSize int
	// restarts paces a list that has to be begun again.
	restarts wait.Backoff
}

// Connect finds the cluster's configuration. It sends nothing yet: whether the
// API server answers shows when a source is read.
func Connect(o Options) (*Client, error) {
	config, err := findConfig(o.Context)
	if err != nil {
		return nil, err
	}
	return newClient(config, o)
}

func newClient(config *rest.Config, o Options) (*Client, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = o.UserAgent
	// The lists are few and meant to be read at once: no client-side limit on
	// requests, and a connection for each, since one HTTP/2 connection would
	// make them take turns.
	config.QPS = -1
	config.NextProtos = []string{"http/1.1"}
	config.WarningHandler = rest.NoWarnings{}
	config.NegotiatedSerializer = statusDecoder()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, configError(err)
	}
	// client-go would follow a redirect with the credentials only on the same
	// host; an API server sends none for lists, so one comes from a proxy.
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, configError(err)
	}
	progress := o.Progress
	if progress == nil {
		progress = func(string, int) {}
	}
	return &Client{rest: client, progress: progress, pageSize: cmp.Or(o.PageSize, defaultPageSize),
		restarts: wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 4}}, nil
}

// statusDecoder knows the one type that client-go has to decode for us: the
// Status by which the API server tells an error.
func statusDecoder() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}

func findConfig(context string) (*rest.Config, error) {
	if context == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		config, err := rest.InClusterConfig()
		if err == nil {
			return config, nil
		}
		if !errors.Is(err, rest.ErrNotInCluster) {
			return nil, source.Failed(facts.CauseForbidden, err, "cannot use the pod's ServiceAccount: set automountServiceAccountToken in its pod")
		}
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: context})
	if raw, err := loader.RawConfig(); err == nil && context != "" && raw.Contexts[context] == nil {
		return nil, source.Failed(facts.CauseMissing, nil, "the kubeconfig has no context %q: `kubectl config get-contexts` lists them", context)
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, configError(err)
	}
	return config, nil
}

func configError(err error) error {
	const next = "run in a pod, set KUBECONFIG, name a context in cluster.context, or audit a dump with cluster.dump"
	named := os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	switch {
	case clientcmd.IsEmptyConfig(err) && named != "":
		return source.Failed(facts.CauseMissing, nil, "there is no kubeconfig at %s, which %s names: correct it, or unset it and %s",
			named, clientcmd.RecommendedConfigPathEnvVar, next)
	case clientcmd.IsEmptyConfig(err):
		return source.Failed(facts.CauseMissing, nil, "found no Kubernetes configuration: %s", next)
	case errors.Is(err, fs.ErrNotExist):
		return source.Failed(facts.CauseMissing, err, "cannot use the kubeconfig: %s", next)
	case errors.Is(err, fs.ErrPermission):
		return source.Failed(facts.CauseForbidden, err, "may not read the kubeconfig: run as its owner")
	}
	return source.Failed(facts.CauseUnreadable, err, "cannot use the kubeconfig: `kubectl config view` shows it")
}
