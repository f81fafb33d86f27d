package accidents

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/test/servers"
)

// accident is one damage to a healthy hub's database.
type accident struct {
	name   string
	damage damage
	// fails are all the checks that must fail, as judge tells them.
	fails []string
	// refuses is what the hub logs before it ends at its start; "" if it starts.
	refuses string
	// config ends the hub's configuration.
	config string
	// then looks at the hub that started or, if it is not nil, at what is left of
	// the one that did not.
	then func(t *testing.T, h *servers.JupyterHub)
}

// atOnce is how many hubs run at the same time.
const atOnce = 3

// TestAccidents does each damage to a copy of one hub's database, lets the
// checks judge it, and starts a real hub on it.
func TestAccidents(t *testing.T) {
	healthy := healthyHub(t)
	slots := make(chan struct{}, atOnce)
	for _, a := range accidents {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
			copyFile(t, healthy, path)
			if a.damage != nil {
				a.damage(t, path)
			}
			if diff := cmp.Diff(a.fails, judge(t, path)); diff != "" {
				t.Errorf("failing checks (-want +got):\n%s", diff)
			}
			h := servers.PrepareJupyterHub(t, servers.HubOptions{Config: a.config})
			copyFile(t, path, h.DBFile)
			a.meet(t, h)
		})
	}
}

// meet starts the hub and compares what it does.
func (a accident) meet(t *testing.T, h *servers.JupyterHub) {
	t.Helper()
	defer h.Kill(t)
	if a.refuses == "" {
		h.Start(t)
		a.then(t, h)
		return
	}
	status := h.Refuse(t)
	if log := h.Log(t); status <= 0 || !strings.Contains(log, a.refuses) {
		t.Errorf("the hub ended with status %d, does its log say %q?\n%s", status, a.refuses, log)
	}
	if a.then != nil {
		a.then(t, h)
	}
}

// healthyHub makes a hub with these users (id), stops it, and returns its
// database: ann (1) has a running server, ben (2) a stopped one, cat (3) a
// running one with a name, dan (4) and eve (5) none. What answers for their
// servers stays until the end of the test.
func healthyHub(t *testing.T) (path string) {
	t.Helper()
	h := servers.StartJupyterHub(t, servers.HubOptions{})
	for _, name := range []string{"ann", "ben", "cat", "dan", "eve"} {
		h.CreateUser(t, name)
	}
	must(t, h.StartServer(t.Context(), "ann", ""))
	must(t, h.StartServer(t.Context(), "ben", ""))
	must(t, h.StopServer(t.Context(), "ben", ""))
	must(t, h.StartServer(t.Context(), "cat", "gpu"))
	h.Kill(t)
	if left, err := filepath.Glob(h.DBFile + "-*"); err != nil || len(left) > 0 {
		t.Fatalf("the hub left %v beside its database: %v", left, err)
	}
	path = filepath.Join(t.TempDir(), "healthy.sqlite")
	copyFile(t, h.DBFile, path)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
