package collect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// fakePrometheus has one volume and 17 users in each namespace, and the login
// that it was asked with. The real one stands in test/prometheus.
func fakePrometheus(t *testing.T) (url string, asked func() (login, namespaces string)) {
	var login, namespaces string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login = r.Header.Get("Authorization")
		query, value := r.FormValue("query"), "17"
		if strings.Contains(query, "timestamp") {
			value = fmt.Sprint(world.Now.Unix())
		}
		if strings.Contains(query, "capacity") {
			_, namespaces, _ = strings.Cut(query, "=~")
		}
		var samples []string
		for _, ns := range []string{"datahub", "lab"} {
			claim := `"persistentvolumeclaim":"home",`
			if strings.Contains(query, "jupyterhub") {
				claim = ""
			}
			samples = append(samples, fmt.Sprintf(`{"metric":{%s"namespace":%q},"value":[1,%q]}`, claim, ns, value))
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(samples, ","))
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (string, string) { return login, namespaces }
}

func TestPrometheusIsAsked(t *testing.T) {
	t.Setenv("PROMETHEUS_TOKEN", "s3cr3t")
	url, asked := fakePrometheus(t)
	s := gather(t, write(t, world.Healthy(world.Small), func(text string) string {
		text = strings.Replace(text, "cluster:", "  - {name: lab, kubespawner: {userNamespaceTemplate: \"{hubnamespace}-{username}\"}}\n  - {name: lab-2, namespace: lab}\ncluster:", 1)
		return text + "prometheus: {url: \"" + url + "\", token: \"${PROMETHEUS_TOKEN}\"}\n"
	}))
	if src := s.Source(facts.Prometheus); src.Status != facts.OK || src.Items["volumes"] != 2 {
		t.Errorf("source %+v", src)
	}
	if login, namespaces := asked(); login != "Bearer s3cr3t" || !strings.HasPrefix(namespaces, `"datahub|lab|lab-.*"`) {
		t.Errorf("asked as %q about %s", login, namespaces)
	}
	if len(s.Usage) != 2 || s.Usage[0] != (facts.Usage{Namespace: "datahub", Claim: "home", CapacityBytes: 17, UsedBytes: 17, AvailableBytes: 17,
		Inodes: 17, InodesUsed: 17, At: world.Now}) {
		t.Errorf("usage %+v", s.Usage)
	}
	// Whose count the other two hubs' is cannot be told: they share a namespace.
	if h := s.Hubs[0]; h.MetricUsers != 17 || !h.MetricUsersAt.Equal(world.Now) || !s.Hubs[1].MetricUsersAt.IsZero() || !s.Hubs[2].MetricUsersAt.IsZero() {
		t.Errorf("users %d at %s, %d, %d", h.MetricUsers, h.MetricUsersAt, s.Hubs[1].MetricUsers, s.Hubs[2].MetricUsers)
	}
}

func TestPrometheusWithoutItsToken(t *testing.T) {
	url, asked := fakePrometheus(t)
	s := gather(t, write(t, world.Healthy(world.Small), func(text string) string {
		return text + "prometheus: {url: \"" + url + "\", tokenFile: none}\n"
	}))
	login, namespaces := asked()
	if src := s.Source(facts.Prometheus); src.Status != facts.Failed || src.Cause != facts.CauseMissing || login+namespaces != "" {
		t.Errorf("asked as %q, source %+v", login, src)
	}
}

// The disk of a hub's database is looked at in a pod, and never for a recorded
// world, whose files lie wherever they were copied to.
func TestDiskOfTheDatabase(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "hubaudit-disk-") // a file system of its own
	if err != nil {
		t.Skipf("there is no other file system: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // nothing else is in there
	if err := world.WriteDatabase(filepath.Join(dir, "hub.sqlite"), world.Healthy(world.Small).Hubs[0], world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
	for _, c := range []struct {
		service, dump string
		known         bool
	}{{"10.0.0.1", "", true}, {"", "", false}, {"10.0.0.1", "cluster: {dump: none}\n", false}} {
		t.Setenv("KUBERNETES_SERVICE_HOST", c.service)
		cfg, err := config.Parse(filepath.Join(dir, "hubaudit.yaml"), []byte("hubs: [{name: a, database: \"sqlite:///hub.sqlite\"}]\n"+c.dump), nil, os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		disk := Gather(t.Context(), cfg, Options{Now: world.Now, Clock: time.Now, Timeout: time.Minute}).Hubs[0].Database.Disk
		if known := disk.CapacityBytes > 0 && disk.At.Equal(world.Now); known != c.known || !c.known && disk != (facts.Usage{}) {
			t.Errorf("%+v: %+v", c, disk)
		}
	}
}
