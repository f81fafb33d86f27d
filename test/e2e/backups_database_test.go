package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/objectstore"
)

// todays is the name of last night's copy of the hub's database.
func todays() string { return "jupyterhub-" + world.Now.Format(time.DateOnly) + ".sqlite" }

// inBucket says of a bucket what it holds of the hub's database.
var inBucket = []struct {
	name    string
	content func(t *testing.T, database string) string // made of the database, under today's name; nil for no copy
	bucket  string                                     // "" for the one that holds it
	key     string                                     // of the login
	want    outcome
	tested  bool
}{
	{name: "last night's copy", content: whole, want: outcome{}, tested: true},
	{name: "a copy of two days ago under today's name", content: func(t *testing.T, _ string) string {
		return databaseOf(t, worldAt(world.Now.AddDate(0, 0, -2)))
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-restore-mismatch error": {"backup bucket"}}}},
	{name: "a database without users", content: func(t *testing.T, _ string) string {
		s := healthyWorld(world.Small)
		h := world.Hub(s, world.HubName)
		h.Users, h.Spawners, h.Servers = nil, nil, nil
		return databaseOf(t, s)
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-restore-mismatch critical": {"backup bucket"}}}},
	{name: "half of it", content: func(_ *testing.T, database string) string { return database[:len(database)/2] },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-restore-mismatch critical": {"backup bucket"}}, Skipped: []string{"backup-hub-db-missing"}}},
	{name: "an error page", content: func(*testing.T, string) string { return "<html><body>503 Service Unavailable</body></html>" },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-restore-mismatch critical": {"backup bucket"}}, Skipped: []string{"backup-hub-db-missing"}}},
	{name: "nothing in it", content: func(*testing.T, string) string { return "" },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-hub-db-missing critical": {"backup bucket"}}, Skipped: []string{"backup-restore-mismatch"}}},
	{name: "no copy", want: outcome{Status: 1, Fail: map[string][]string{"backup-hub-db-missing critical": {"backup bucket"}}, Skipped: []string{"backup-restore-mismatch"}}},
	{name: "no such bucket", content: whole, bucket: "missing", want: outcome{Status: 2, Failed: []string{"backup/datahub/bucket missing"}, Unknown: ofCopies}},
	{name: "a wrong key", content: whole, key: "another", want: outcome{Status: 2, Failed: []string{"backup/datahub/bucket forbidden"}, Unknown: ofCopies}},
}

// ofCopies are the checks that are unknown where the copies cannot be seen.
var ofCopies = []string{"backup-hub-db-missing", "backup-untested", "backup-restore-mismatch"}

func whole(_ *testing.T, database string) string { return database }

// databaseOf is the database of a world's hub, as a file's content.
func databaseOf(t *testing.T, s *facts.Snapshot) string {
	t.Helper()
	p := &site{dir: t.TempDir()}
	p.writeDatabase(t, s)
	return p.read(t, "jupyterhub.sqlite")
}

// TestDatabaseInS3 has the hub's database backed up to a real server of S3's
// protocol, outside of the cluster, and nowhere else.
func TestDatabaseInS3(t *testing.T) {
	st, s := mainStage(t), backedUpWorld(world.Now)
	for i := range world.Hub(s, world.HubName).Spawners {
		if sp := &world.Hub(s, world.HubName).Spawners[i]; sp.ServerID != 0 {
			sp.Started = s.Now.Add(-30 * time.Hour) // which every copy of last night has
		}
	}
	st.become(t, s)
	account := st.chartAccount(t)
	t.Chdir(".") // and back in the end: the server makes its folder the process's
	store, err := objectstore.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	proxy := proxyTo(t, store.URL)
	for i, c := range inBucket {
		t.Run(c.name, func(t *testing.T) {
			p := newSite(t, s, account, "")
			p.env = []string{"HTTP_PROXY=" + proxy}
			bucket := fmt.Sprintf("hub-copies-%d", i)
			store.NewBucket(t, bucket)
			if c.content != nil {
				at := world.Now.Truncate(24 * time.Hour).Add(3*time.Hour + 12*time.Second)
				if err := store.Put(t.Context(), bucket, "db/"+todays(), c.content(t, p.read(t, "jupyterhub.sqlite")), at); err != nil {
					t.Fatal(err)
				}
			}
			if c.bucket != "" {
				bucket = c.bucket
			}
			key := objectstore.Secret
			if c.key != "" {
				key = c.key
			}
			p.configure(t, fmt.Sprintf(`hubs:
  - name: %s
    namespace: %s
    database: sqlite:///jupyterhub.sqlite
    backups:
      - name: bucket
        files: "s3://%s/db/jupyterhub-*.sqlite?endpoint=http://s3.example.org&use_path_style=true&region=%s"
        credentialsFile: %q
        schedule: "0 3 * * *"
history: sqlite:history.db
`, world.HubName, world.Namespace, bucket, objectstore.Region, filepath.ToSlash(objectstore.Login(t, "reader", key))))
			r := p.audit(t)
			want := c.want
			want.Skipped = append(want.Skipped, firstRun...)
			r.expect(t, want)
			expectTested(t, r, c.tested)
		})
	}
}

// expectTested holds that the table of what has backups shows today's copy as
// opened, or that none was.
func expectTested(t *testing.T, r *run, tested bool) {
	t.Helper()
	want := databaseCopy{Name: "bucket"}
	if tested {
		want.Tested, want.Level = todays(), facts.VerifyOpen
	}
	if len(r.report.Coverage) != 1 || len(r.report.Coverage[0].Database) != 1 {
		t.Fatalf("the report covers %+v", r.report.Coverage)
	}
	if diff := cmp.Diff(want, r.report.Coverage[0].Database[0]); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
}

// proxyTo is an HTTP proxy that leads every name to one server: so that its name
// can be one outside of the cluster.
func proxyTo(t *testing.T, server string) string {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}})
	t.Cleanup(front.Close)
	return front.URL
}
