// Package accidents holds what the checks claim of damaged hub databases
// against what a real JupyterHub does on them.
package accidents

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	b, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return // that is the damage
	}
	must(tb, err)
	must(tb, os.WriteFile(to, b, 0o600))
}

// shell runs statements as an operator would.
func shell(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	must(tb, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// ask returns the first column of a query's rows.
func ask[T any](tb testing.TB, path, query string) (values []T) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	must(tb, err)
	defer db.Close()
	rows, err := db.Query(query)
	must(tb, err)
	defer rows.Close()
	for rows.Next() {
		var v T
		must(tb, rows.Scan(&v))
		values = append(values, v)
	}
	must(tb, rows.Err())
	return values
}

// judge reads a database as the audit does, a while later, and tells which
// checks fail: their severity and the number of findings. No test's hub has
// backups, that one check is left out.
func judge(tb testing.TB, path string) (failed []string) {
	tb.Helper()
	const name = "hub"
	hub := &facts.Hub{Name: name, Namespace: name, StatesRead: true, UsersRead: facts.None, SpawnersRead: facts.None}
	source := facts.Source{Name: facts.HubDB(name), Status: facts.OK}
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: "sqlite:///" + path})
	if err != nil {
		source.Status, source.Detail = facts.Failed, err.Error()
		failed = append(failed, "unreadable")
	} else {
		hub.Database, hub.UsersRead, hub.SpawnersRead = r.Database, r.UsersRead, r.SpawnersRead
		hub.Users, hub.Spawners, hub.Servers = r.Users, r.Spawners, r.Servers
		source.Items = r.Items()
	}
	suite, err := checks.NewSuite(nil, nil)
	must(tb, err)
	later := time.Now().UTC().Add(time.Hour) // no server is starting any more
	for _, v := range checks.Judge(suite, &facts.Snapshot{Now: later, Sources: []facts.Source{source}, Hubs: []*facts.Hub{hub}}) {
		if v.Outcome == verdict.Fail && v.Check != "backup-hub-db-missing" {
			failed = append(failed, fmt.Sprintf("%s %s %d", v.Check, v.Severity, v.Count))
		}
	}
	return failed
}

// browser is a person's: it keeps cookies and follows no redirect.
type browser struct {
	hub    *servers.JupyterHub
	client *http.Client
}

func newBrowser(tb testing.TB, h *servers.JupyterHub) browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	must(tb, err)
	return browser{h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// login sends the form of the login page and returns the answer's status.
func (b browser) login(tb testing.TB, name string) (status int) {
	tb.Helper()
	resp, err := b.client.PostForm(b.hub.PublicURL+"/hub/login", url.Values{"username": {name}, "password": {"any"}})
	must(tb, err)
	must(tb, resp.Body.Close())
	return resp.StatusCode
}

// get asks as the hub's own pages do.
func (b browser) get(tb testing.TB, path string) (status int, body string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, b.hub.PublicURL+path, nil)
	must(tb, err)
	req.Header.Set("Referer", b.hub.PublicURL+"/hub/home")
	resp, err := b.client.Do(req)
	must(tb, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	must(tb, err)
	return resp.StatusCode, string(content)
}
