package hubapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

const secret = "s3cr3t-0123456789abcdef"

// fakeHub answers as a hub does, for what a real one cannot be brought to do
// at a chosen moment: lists that change between two pages, versions that are
// not to be had, answers that lie.
type fakeHub struct {
	version string
	scopes  []string // nil: not told
	names   []string
	limit   int // the most in a page
	// bare: no answer says where in the list it is. fixed: the offset is ignored.
	bare, fixed bool
	// model changes the model of a user.
	model func(map[string]any)
	// before is called with each offset asked for, before it is answered.
	before func(offset int)
	// answer replaces the answer to a page, if it returns true.
	answer func(w http.ResponseWriter, r *http.Request, offset int) bool

	requests int
	offsets  []int
}

func newFake(users int) *fakeHub {
	f := &fakeHub{version: "5.2.1", scopes: []string{listUsers, readUsers, readServers, readState, "read:users:name"}, limit: 200}
	for i := range users {
		f.names = append(f.names, fmt.Sprintf("user-%05d", i))
	}
	return f
}

func (f *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests++
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/hub/api/" && r.Header.Get("Authorization") != "token "+secret {
		w.WriteHeader(http.StatusForbidden)
		reply(w, map[string]any{"status": 403, "message": "Missing or invalid credentials."})
		return
	}
	switch r.URL.Path {
	case "/hub/api/":
		reply(w, map[string]string{"version": f.version})
	case "/hub/api/user":
		who := map[string]any{"kind": "service", "name": "hubaudit", "admin": false}
		if f.scopes != nil {
			who["scopes"] = f.scopes
		}
		reply(w, who)
	case "/hub/api/users":
		f.list(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		reply(w, map[string]any{"status": 404, "message": "Not Found"})
	}
}

func (f *fakeHub) list(w http.ResponseWriter, r *http.Request) {
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	limit = min(limit, f.limit)
	f.offsets = append(f.offsets, offset)
	if f.before != nil {
		f.before(offset)
	}
	if f.answer != nil && f.answer(w, r, offset) {
		return
	}
	if f.fixed {
		offset = 0
	}
	items := []map[string]any{}
	for _, name := range f.names[min(offset, len(f.names)):min(offset+limit, len(f.names))] {
		items = append(items, f.user(name))
	}
	if f.bare {
		reply(w, items)
		return
	}
	reply(w, map[string]any{"items": items, "_pagination": map[string]any{"offset": offset, "limit": limit, "total": len(f.names), "next": nil}})
}

func (f *fakeHub) user(name string) map[string]any {
	m := map[string]any{"kind": "user", "name": name, "admin": false, "created": "2026-09-01T08:00:00.123456Z", "last_activity": nil,
		"servers": map[string]any{"": map[string]any{"name": "", "ready": false, "pending": nil, "stopped": true, "started": nil,
			"last_activity": "2026-11-01T08:00:00Z", "state": map[string]any{"pod_name": "jupyter-" + name, "pvc_name": "claim-" + name}}}}
	if f.model != nil {
		f.model(m)
	}
	return m
}

func reply(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// read reads the API of a handler as Read does, without waiting between
// attempts. Whatever comes, the token must not be in an error.
func read(t testing.TB, hub http.Handler) (facts.API, error) {
	t.Helper()
	server := httptest.NewServer(hub)
	defer server.Close()
	return readFrom(t, t.Context(), server.URL+"/hub/api", nil)
}

func readFrom(t testing.TB, ctx context.Context, url string, pauses *[]time.Duration) (facts.API, error) {
	t.Helper()
	c, err := connect(Options{URL: url, Token: secret, UserAgent: "hubaudit/test"})
	if err != nil {
		t.Fatal(err)
	}
	c.wait = func(ctx context.Context, d time.Duration) error {
		if pauses != nil {
			*pauses = append(*pauses, d)
		}
		return ctx.Err()
	}
	api, err := c.read(ctx)
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the error shows the token: %v", err)
	}
	return api, err
}

// wantFailure checks a source's error: its cause, and what it says in one line.
func wantFailure(t testing.TB, err error, cause facts.Cause, words ...string) {
	t.Helper()
	failed, ok := errors.AsType[*source.Error](err)
	if !ok {
		t.Fatalf("got %v, want a source's error", err)
	}
	if failed.Cause != cause {
		t.Errorf("the cause is %s, want %s: %v", failed.Cause, cause, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
}

func names(api facts.API) []string {
	var all []string
	for _, u := range api.Users {
		all = append(all, u.Name)
	}
	return all
}
