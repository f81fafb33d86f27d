package hubapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

// wantFailure checks a source's error, and that it shows no token.
func wantFailure(t *testing.T, h *servers.JupyterHub, err error, cause facts.Cause, words ...string) {
	t.Helper()
	failed, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("got %v, want a source's error", err)
	}
	if failed.Cause != cause {
		t.Errorf("the cause is %s, want %s", failed.Cause, cause)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), h.Token(everything)) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the token or more than a line: %q", err)
	}
}

// TestTokens reads with tokens that may do less than they should.
func TestTokens(t *testing.T) {
	h := servers.StartJupyterHub(t, servers.HubOptions{Services: withAudit(map[string][]string{
		"nothing":    {},
		"names":      {"list:users"},
		"list-only":  {"read:users", "read:servers"},
		"one":        {"list:users!user=b", "read:users!user=b"},
		"no-servers": {"list:users", "read:users"},
		"no-state":   {"list:users", "read:users", "read:servers"},
		"bs-server":  {"list:users", "read:users", "read:servers!user=b", "admin:server_state!user=b"},
	})})
	h.CreateUsers(t, "a", "b", "c")
	if err := errors.Join(h.StartServer(t.Context(), "a", ""), h.StartServer(t.Context(), "b", ""), h.StopServer(t.Context(), "b", "")); err != nil {
		t.Fatal(err)
	}
	for service, missing := range map[string]string{
		"nothing":   `the token of service "nothing" lacks list:users and read:users; give its service a role with the scopes`,
		"names":     `the token of service "names" lacks read:users;`,
		"list-only": `the token of service "list-only" lacks list:users;`,
		"one":       `lacks list:users (it has it for some only: list:users!user=b) and read:users (it has it for some only: read:users!user=b);`,
	} {
		o := options(h)
		o.Token = h.Token(service)
		_, err := hubapi.Read(t.Context(), o)
		wantFailure(t, h, err, facts.CauseForbidden, missing)
	}
	for service, want := range map[string]struct {
		spawners facts.Completeness
		states   bool
		limits   string
	}{
		everything:   {facts.Complete, true, ""},
		"no-servers": {facts.None, false, "no servers are seen: give the token the scope read:servers"},
		"no-state":   {facts.Complete, false, "which claim a server mounts is not seen: give the token the scope admin:server_state"},
		"bs-server": {facts.Partial, false, "some servers are not seen: give the token the scope read:servers without a filter; " +
			"which claim a server mounts is not seen: give the token the scope admin:server_state"},
	} {
		o := options(h)
		o.Token = h.Token(service)
		api, err := hubapi.Read(t.Context(), o)
		if err != nil || len(api.Users) != 3 || api.UsersRead != facts.Complete || api.SpawnersRead != want.spawners || api.StatesRead != want.states || hubapi.Limits(api) != want.limits {
			t.Errorf("%s: %d users %s, servers %s, states %v, %q: %v", service, len(api.Users), api.UsersRead, api.SpawnersRead, api.StatesRead, hubapi.Limits(api), err)
		}
	}
	for what, token := range map[string]string{"a stranger's": "0123456789abcdef", "one of another hub": strings.Repeat("f", 64)} {
		o := options(h)
		o.Token = token
		_, err := hubapi.Read(t.Context(), o)
		wantFailure(t, h, err, facts.CauseForbidden, "may not ask who the token is", "status 403", "the hub does not know the token, or it lacks a scope")
		if t.Failed() {
			t.Log(what)
		}
	}
}

// TestAddresses reads from addresses at which the API is not, or is twice.
func TestAddresses(t *testing.T) {
	h := servers.StartJupyterHub(t, servers.HubOptions{Services: withAudit(nil)})
	h.CreateUsers(t, "a", "b", "c")
	api := strings.TrimSuffix(h.APIURL, "/hub/api")
	for address, words := range map[string]string{
		h.PublicURL:                "redirect",
		h.PublicURL + "/hub":       "redirect",
		h.PublicURL + "/hub/home":  "status 404; the URL is not the hub's API",
		h.PublicURL + "/hub/login": "status 404; the URL is not the hub's API",
		h.APIURL + "/users":        "status 404; the URL is not the hub's API",
		api + "/other/hub/api":     "redirect",
	} {
		o := options(h)
		o.URL = address
		_, err := hubapi.Read(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "/hub/api") || strings.Contains(err.Error(), "next=") {
			t.Errorf("%s: %v, want %q", address, err, words)
		}
	}
	for _, address := range []string{h.APIURL, h.APIURL + "/", h.PublicURL + "/hub/api"} {
		o := options(h)
		o.URL = address
		if api, err := hubapi.Read(t.Context(), o); err != nil || len(api.Users) != 3 || api.Location != strings.TrimSuffix(address, "/") {
			t.Errorf("%s: %d users at %s: %v", address, len(api.Users), api.Location, err)
		}
	}
}

// TestRestart audits a hub that is down, then one that is just starting.
func TestRestart(t *testing.T) {
	h := servers.StartJupyterHub(t, servers.HubOptions{Services: withAudit(nil)})
	h.CreateUsers(t, "a", "b", "c")
	h.KillHub(t)
	s := newSite(t, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := hubapi.Read(ctx, options(h))
	wantFailure(t, h, err, facts.CauseUnreachable, "no lasting connection, also after several attempts; see whether the hub runs", "refused")
	behind := options(h)
	behind.URL = h.PublicURL + "/hub/api" // the proxy still runs
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = hubapi.Read(ctx, behind)
	wantFailure(t, h, err, facts.CauseUnreachable, "status 503, also after several attempts; see whether the hub runs")
	snapshot, verdicts := s.audit(t, ctx, time.Now(), apiLine(t, h))
	if src := snapshot.Source(facts.HubAPI("hub")); src.Status != facts.Failed {
		t.Errorf("the source is %s: %s", src.Status, src.Detail)
	}
	for _, v := range verdicts {
		if v.Check == "hub-user-count-drift" && v.Outcome != verdict.Unknown {
			t.Errorf("%s is %s of a hub that is down: %s", v.Check, v.Outcome, v.Summary)
		}
	}
	h.Launch(t) // and not waited for: Read does
	api, err := hubapi.Read(t.Context(), options(h))
	if err != nil || len(api.Users) != 3 {
		t.Errorf("read %d users of a hub that was starting: %v", len(api.Users), err)
	}
}

// between puts a reverse proxy in front of the hub, with faults of its own.
func between(t *testing.T, h *servers.JupyterHub, change func(r *http.Request), answer func(*http.Response) error) hubapi.Options {
	t.Helper()
	hub, err := url.Parse(strings.TrimSuffix(h.APIURL, "/hub/api"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{ModifyResponse: answer, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(hub)
		if strings.HasSuffix(r.In.URL.Path, "/users") {
			change(r.Out)
		}
	}})
	t.Cleanup(proxy.Close)
	o := options(h)
	o.URL = proxy.URL + "/hub/api"
	return o
}

// TestProxies reads through proxies that change what is asked or answered.
func TestProxies(t *testing.T) {
	h := servers.StartJupyterHub(t, servers.HubOptions{Services: withAudit(nil)})
	populate(t, h)
	asIs := func(*http.Response) error { return nil }
	direct, err := hubapi.Read(t.Context(), options(h))
	if err != nil || len(direct.Users) != 240 {
		t.Fatalf("read %d users: %v", len(direct.Users), err)
	}
	t.Run("drops the header", func(t *testing.T) {
		api, err := hubapi.Read(t.Context(), between(t, h, func(r *http.Request) { r.Header.Del("Accept") }, asIs))
		if err != nil || len(api.Users) != len(direct.Users) || len(api.Spawners) != len(direct.Spawners) || api.UsersRead != facts.Complete {
			t.Errorf("read %d users, %d servers: %v", len(api.Users), len(api.Spawners), err)
		}
	})
	t.Run("drops the query", func(t *testing.T) {
		_, err := hubapi.Read(t.Context(), between(t, h, func(r *http.Request) { r.URL.RawQuery = "" }, asIs))
		wantFailure(t, h, err, facts.CauseUnreadable, "cannot be right: it says that it begins at 0")
	})
	t.Run("drops both", func(t *testing.T) {
		_, err := hubapi.Read(t.Context(), between(t, h, func(r *http.Request) { r.URL.RawQuery = ""; r.Header.Del("Accept") }, asIs))
		wantFailure(t, h, err, facts.CauseUnreadable, "ends after exactly 200 users and is the same from every offset", "use the hub's own address")
	})
	t.Run("allows 50 a page", func(t *testing.T) {
		api, err := hubapi.Read(t.Context(), between(t, h, func(r *http.Request) {
			q := r.URL.Query()
			q.Set("limit", "50")
			r.URL.RawQuery = q.Encode()
		}, asIs))
		if err != nil || len(api.Users) != len(direct.Users) {
			t.Errorf("read %d users: %v", len(api.Users), err)
		}
	})
	t.Run("cuts", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := hubapi.Read(ctx, between(t, h, func(*http.Request) {}, func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/users") {
				r.Header.Del("Content-Length")
				r.ContentLength = -1
				r.Body = http.MaxBytesReader(nil, r.Body, 10_000)
			}
			return nil
		}))
		wantFailure(t, h, err, facts.CauseUnreachable, "cannot list the users", "no lasting connection")
	})
	t.Run("never answers", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := hubapi.Read(ctx, between(t, h, func(*http.Request) {}, func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/users") {
				<-r.Request.Context().Done()
			}
			return nil
		}))
		wantFailure(t, h, err, facts.CauseTimeout, "cannot list the users", "the deadline passed")
	})
}
