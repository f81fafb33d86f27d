package servers

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubaudit/test/ports"
	"hubaudit/test/reaper"
)

// HubOptions say what a JupyterHub is like.
type HubOptions struct {
	// DBURL is the hub's db_url; empty for an SQLite file of its own.
	DBURL string
	// Services are the scopes of further services, by name.
	Services map[string][]string
	// Config is Python that ends the hub's configuration.
	Config string
}

// AuditScopes are all that an audit asks for.
var AuditScopes = []string{"list:users", "read:users", "read:servers", "admin:server_state"}

// JupyterHub is Debian's, with its proxy, and with a spawner whose servers run
// without a process: they keep the state that KubeSpawner would.
type JupyterHub struct {
	// APIURL is the API at the hub itself, PublicURL where users go: the proxy.
	APIURL, PublicURL string
	// DBURL is the hub's db_url, DBFile its file if that is SQLite.
	DBURL, DBFile string

	dir     string
	reaper  *reaper.Reaper
	wrapper string
	tokens  map[string]string
	hub     *exec.Cmd
	ended   chan struct{} // closed when the hub has
}

// hubAdmin is the service by which tests change a hub.
const hubAdmin = "test-admin"

// python is Debian's, which has the hub's packages.
const python = "/usr/bin/python3"

//go:embed jupyterhub_config.py
var hubConfig []byte

// StartJupyterHub starts a hub that stops at the end of the test.
func StartJupyterHub(tb testing.TB, o HubOptions) *JupyterHub {
	tb.Helper()
	h := PrepareJupyterHub(tb, o)
	h.Start(tb)
	return h
}

// PrepareJupyterHub makes a hub that Start starts.
func PrepareJupyterHub(tb testing.TB, o HubOptions) *JupyterHub {
	tb.Helper()
	proxy, err := exec.LookPath("configurable-http-proxy")
	if err == nil {
		err = exec.Command(python, "-c", "import jupyterhub, escapism").Run()
	}
	if err != nil {
		tb.Fatalf("no JupyterHub: %v: apt-get install jupyterhub python3-escapism python3-psycopg2 python3-pymysql", err)
	}
	r, err := reaper.New("hubaudit-jupyterhub-")
	check(tb, err)
	h := &JupyterHub{dir: r.Dir, reaper: r, DBURL: o.DBURL, tokens: map[string]string{}}
	tb.Cleanup(func() {
		h.Kill(tb)
		check(tb, r.Reap())
	})
	if h.DBURL == "" {
		h.DBFile = filepath.Join(h.dir, "jupyterhub.sqlite")
		h.DBURL = "sqlite:///" + h.DBFile
	}
	h.wrapper, err = r.Wrap(python)
	check(tb, err)
	proxyWrapper, err := r.Wrap(proxy)
	check(tb, err)
	h.configure(tb, o, proxyWrapper)
	return h
}

// configure writes the hub's configuration.
func (h *JupyterHub) configure(tb testing.TB, o HubOptions, proxy string) {
	tb.Helper()
	// All of the hub's servers are this one.
	servers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	tb.Cleanup(servers.Close)
	at, err := url.Parse(servers.URL)
	check(tb, err)
	type service struct {
		Token  string   `json:"token"`
		Scopes []string `json:"scopes"`
	}
	services := map[string]service{hubAdmin: {Scopes: []string{"admin:users", "admin:servers"}}}
	for name, scopes := range o.Services {
		services[name] = service{Scopes: scopes}
	}
	for name, s := range services {
		s.Token = rand.Text()
		h.tokens[name], services[name] = s.Token, s
	}
	public, hub, port := ports.Reserve(tb), ports.Reserve(tb), must(strconv.Atoi(at.Port()))(tb)
	h.PublicURL = fmt.Sprintf("http://127.0.0.1:%d", public)
	h.APIURL = fmt.Sprintf("http://127.0.0.1:%d/hub/api", hub)
	config, err := json.Marshal(map[string]any{"db": h.DBURL, "publicPort": public, "hubPort": hub, "proxyPort": ports.Reserve(tb),
		"serversPort": port, "proxy": proxy, "services": services})
	check(tb, err)
	check(tb, os.WriteFile(h.file("test.json"), config, 0o600))
	check(tb, os.WriteFile(h.file("jupyterhub_config.py"), append(bytes.Clone(hubConfig), o.Config...), 0o600))
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		check(tb, err)
		return v
	}
}

func (h *JupyterHub) file(name string) string { return filepath.Join(h.dir, name) }

// Token is a service's.
func (h *JupyterHub) Token(service string) string { return h.tokens[service] }

// Launch starts the hub without waiting for it.
func (h *JupyterHub) Launch(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(h.file("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(tb, err)
	defer log.Close()
	h.hub = exec.Command(h.wrapper, "-m", "jupyterhub", "--config", h.file("jupyterhub_config.py"))
	h.hub.Dir = h.dir
	h.hub.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+h.dir, "PYTHONPATH=", "NODE_PATH=/usr/share/nodejs",
		"HUBAUDIT_TEST_HUB="+h.file("test.json"))
	h.hub.Stdout, h.hub.Stderr = log, log
	h.hub.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(tb, h.hub.Start())
	hub, ended := h.hub, make(chan struct{})
	h.ended = ended
	go func() {
		_ = hub.Wait() // it ends by being killed
		close(ended)
	}()
}

// Start starts the hub and waits until it answers.
func (h *JupyterHub) Start(tb testing.TB) {
	tb.Helper()
	h.Launch(tb)
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	for {
		status, err := h.ready(ctx)
		if err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-h.ended:
			tb.Fatalf("the hub ended at once:\n%s", h.Log(tb))
		case <-ctx.Done():
			tb.Fatalf("waiting for the hub: status %d, %v:\n%s", status, err, h.Log(tb))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Refuse starts the hub, which must end by itself, and returns its exit status.
func (h *JupyterHub) Refuse(tb testing.TB) (status int) {
	tb.Helper()
	h.Launch(tb)
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	for {
		if status, err := h.ready(ctx); err == nil && status == http.StatusOK {
			tb.Fatalf("the hub started:\n%s", h.Log(tb))
		}
		select {
		case <-h.ended:
			return h.hub.ProcessState.ExitCode()
		case <-ctx.Done():
			tb.Fatalf("waiting for the hub to end:\n%s", h.Log(tb))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ready asks the hub, and then the proxy for the hub: it gets to know the hub's
// address only after the hub has begun to answer.
func (h *JupyterHub) ready(ctx context.Context) (status int, err error) {
	for _, base := range []string{h.APIURL, h.PublicURL + "/hub/api"} {
		if status, _, err = h.ask(ctx, http.MethodGet, base+"/user", nil); err != nil || status != http.StatusOK {
			break
		}
	}
	return status, err
}

// KillHub ends the hub as a crash does, and leaves its proxy running.
func (h *JupyterHub) KillHub(tb testing.TB) {
	tb.Helper()
	if h.ended == nil {
		return
	}
	if err := h.hub.Process.Kill(); err != nil && err != os.ErrProcessDone {
		tb.Fatal(err)
	}
	<-h.ended
}

// Kill ends the hub and its proxy.
func (h *JupyterHub) Kill(tb testing.TB) {
	tb.Helper()
	h.KillHub(tb)
	b, err := os.ReadFile(h.file("jupyterhub-proxy.pid"))
	if os.IsNotExist(err) {
		return // it had not come that far
	}
	check(tb, err)
	pid := must(strconv.Atoi(strings.TrimSpace(string(b))))(tb)
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(command), h.dir) {
		return // it has ended, and the id may be a stranger's
	}
	check(tb, syscall.Kill(pid, syscall.SIGKILL))
}

// Log is what the hub and its proxy wrote.
func (h *JupyterHub) Log(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(h.file("log"))
	check(tb, err)
	return string(b)
}
