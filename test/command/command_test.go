// Package command runs the real command on hubs in three engines, as operators
// do, and lets their databases fail.
package command

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/test/servers"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hubaudit-command-")
	if err == nil {
		binary = filepath.Join(dir, "audit")
		cmd := exec.Command("go", "build", "-o", binary, "./cmd/audit")
		cmd.Dir, cmd.Env, cmd.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		err = cmd.Run()
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

const password = "p@ss:w/rd%20?#&=+"

// site is a folder with a configuration of one hub in each engine.
type site struct {
	dir       string
	databases map[string]*servers.Database // by hub
	names     map[string]string            // of their databases
}

func newSite(t *testing.T) *site {
	s := &site{dir: t.TempDir(), names: map[string]string{},
		databases: map[string]*servers.Database{"pg": servers.StartPostgres(t), "maria": servers.StartMariaDB(t)}}
	hubs := []string{"hubs:", "  - {name: lite, database: sqlite:///jupyterhub.sqlite}"}
	for hub, file := range map[string]string{"pg": "hub-3.0.0.pg.sql", "maria": "hub-3.0.0.mysql.sql"} {
		d := s.databases[hub]
		s.names[hub] = d.NewDatabase(t)
		quoted := "'" + password + "'"
		if hub == "pg" {
			d.Exec(t, "", "CREATE ROLE jupyterhub", "CREATE ROLE auditor LOGIN PASSWORD "+quoted)
		} else {
			d.Exec(t, "", "CREATE USER auditor@'%' IDENTIFIED BY "+quoted)
		}
		d.Load(t, s.names[hub], bytes.NewReader(unpack(t, filepath.Join("..", "hubdb", "testdata", file+".gz"))))
		for _, table := range tables {
			d.Exec(t, s.names[hub], "GRANT SELECT ON "+table+" TO auditor")
		}
		url := d.URL(map[string]string{"pg": "psycopg2", "maria": "pymysql"}[hub], "auditor", "", s.names[hub])
		hubs = append(hubs, fmt.Sprintf("  - {name: %s, database: %q, databasePasswordFile: password}", hub, strings.Replace(url, "auditor:@", "auditor@", 1)))
	}
	hubs = append(hubs, "cluster: {dump: dump}")
	s.write(t, "hubaudit.yaml", strings.Join(hubs, "\n"))
	s.write(t, "jupyterhub.sqlite", string(unpack(t, filepath.Join("..", "..", "internal", "collect", "hubdb", "testdata", "hub-3.0.0.sqlite.gz"))))
	s.write(t, "password", password+"\n")
	must(t, os.Mkdir(filepath.Join(s.dir, "dump"), 0o700))
	s.write(t, "dump/claims.yaml", "apiVersion: v1\nkind: PersistentVolumeClaimList\nitems: []\n")
	return s
}

var tables = []string{"users", "spawners", "servers", "alembic_version"}

func unpack(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}

func (s *site) write(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600))
}

// audited is what an operator gets: the verdicts by hub and check, each
// database's source, and the page.
type audited struct {
	status   int
	outcomes map[string]map[string]string
	sources  map[string]struct{ Status, Detail string }
	page     string
}

// audit runs the command with a deadline for each source that is short enough
// for a test and long enough for a busy machine.
func (s *site) audit(t *testing.T) audited {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report := filepath.Join(s.dir, "report.json")
	cmd := exec.CommandContext(ctx, binary, "now", "--config", filepath.Join(s.dir, "hubaudit.yaml"), "--timeout", "8s", "--no-notify",
		"--output", "terminal", "--output", "json="+report)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its status says how it went
	text, err := os.ReadFile(report)
	must(t, err)
	var r struct {
		Sources  []struct{ Name, Status, Detail string }
		Verdicts []struct{ Check, Hub, Verdict, Severity string }
	}
	must(t, json.Unmarshal(text, &r))
	a := audited{status: cmd.ProcessState.ExitCode(), page: stdout.String(), outcomes: map[string]map[string]string{}, sources: map[string]struct{ Status, Detail string }{}}
	for _, v := range r.Verdicts {
		if a.outcomes[v.Hub] == nil {
			a.outcomes[v.Hub] = map[string]string{}
		}
		a.outcomes[v.Hub][v.Check] = v.Verdict
		if v.Verdict == "fail" {
			a.outcomes[v.Hub][v.Check] += " " + v.Severity
		}
	}
	for _, src := range r.Sources {
		a.sources[src.Name] = struct{ Status, Detail string }{src.Status, src.Detail}
	}
	for what, output := range map[string]string{"page": a.page, "standard error": stderr.String(), "JSON": string(text)} {
		if strings.Contains(output, password) || strings.Contains(output, "p%40ss") {
			t.Errorf("the %s shows the password", what)
		}
	}
	return a
}

// wantUnread: the hub's database is one failed source, told in one line of the
// page that says this much; every check that needs it is unknown, and the other
// hubs have the verdicts that they had.
func (s *site) wantUnread(t *testing.T, before audited, hub, says string) {
	t.Helper()
	a := s.audit(t)
	if a.status != 2 {
		t.Errorf("status %d, want 2", a.status)
	}
	src := a.sources["hubdb/"+hub]
	if src.Status != "failed" || !strings.Contains(src.Detail, says) || strings.Contains(src.Detail, "\n") {
		t.Errorf("source hubdb/%s is %s: %q, want a line with %q", hub, src.Status, src.Detail, says)
	}
	t.Log(src.Detail)
	if n := strings.Count(strings.Join(strings.Fields(a.page), " "), "source hubdb/"+hub+" could not be read: "); n != 1 {
		t.Errorf("the page tells it %d times:\n%s", n, a.page)
	}
	unknown := 0
	for check, was := range before.outcomes[hub] {
		switch now := a.outcomes[hub][check]; {
		case now == "unknown":
			unknown++
		case strings.HasPrefix(check, "hub-cookie") || strings.HasPrefix(check, "hub-user-name"), now != was && !strings.HasPrefix(now, "skipped"):
			t.Errorf("%s of %s is %s and was %s", check, hub, now, was)
		}
	}
	if unknown < 10 {
		t.Errorf("only %d checks of %s are unknown", unknown, hub)
	}
	for other := range before.outcomes {
		if other != hub && other != "" {
			if diff := cmp.Diff(before.outcomes[other], a.outcomes[other]); diff != "" {
				t.Errorf("hub %s, which is well (-before +now):\n%s", other, diff)
			}
		}
	}
}

func TestDatabasesFail(t *testing.T) {
	s := newSite(t)
	s.audit(t) // the first run starts baselines
	well := s.audit(t)
	lite := maps.Clone(well.outcomes["lite"])
	for _, hub := range []string{"pg", "maria"} {
		for check, outcome := range well.outcomes[hub] {
			// Where SQLite's file lies, and whether that volume is backed up, is asked of no server.
			if lite[check] != outcome && !slices.Contains([]string{"hub-db-ephemeral", "hub-db-on-nfs", "hub-db-pvc-replaced", "backup-hub-db-missing"}, check) {
				t.Errorf("%s: %s in SQLite, %s in %s", check, lite[check], outcome, hub)
			}
		}
	}

	lock := func(hub string, statements ...string) (unlock func()) {
		db := s.databases[hub].Admin(t, s.names[hub])
		holder, err := db.Conn(t.Context())
		must(t, err)
		for _, statement := range statements {
			_, err := holder.ExecContext(t.Context(), statement)
			must(t, err)
		}
		return func() { must(t, holder.Close()); must(t, db.Close()) }
	}
	t.Run("locked", func(t *testing.T) {
		unlock := lock("pg", "BEGIN", "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
		s.wantUnread(t, well, "pg", "lock is held by process")
		unlock()
		unlock = lock("maria", "LOCK TABLES users WRITE")
		s.wantUnread(t, well, "maria", "stayed locked by another session")
		unlock()
		holder := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(s.dir, "jupyterhub.sqlite"))
		in, err := holder.StdinPipe()
		must(t, err)
		out, err := holder.StdoutPipe()
		must(t, err)
		must(t, holder.Start())
		_, err = io.WriteString(in, "BEGIN EXCLUSIVE; SELECT 'held';\n")
		must(t, err)
		_, err = io.ReadFull(out, make([]byte, len("held\n")))
		must(t, err)
		s.wantUnread(t, well, "lite", "stayed locked by another process")
		must(t, in.Close())
		must(t, holder.Wait())
	})
	t.Run("grant revoked", func(t *testing.T) {
		for _, hub := range []string{"pg", "maria"} {
			s.databases[hub].Exec(t, s.names[hub], "REVOKE SELECT ON spawners FROM auditor")
			s.wantUnread(t, well, hub, "a privilege is missing")
			s.databases[hub].Exec(t, s.names[hub], "GRANT SELECT ON spawners TO auditor")
		}
	})
	t.Run("unwritable temporary folder", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(s.dir, "nowhere"))
		s.wantUnread(t, well, "lite", "TMPDIR")
	})
	t.Run("recovered", func(t *testing.T) {
		now := s.audit(t)
		for hub := range s.names {
			if diff := cmp.Diff(well.outcomes[hub], now.outcomes[hub]); diff != "" {
				t.Errorf("%s (-before +now):\n%s", hub, diff)
			}
		}
	})
	t.Run("killed", func(t *testing.T) {
		for _, hub := range []string{"pg", "maria"} {
			s.databases[hub].Kill(t)
		}
		now := s.audit(t)
		for _, hub := range []string{"pg", "maria"} {
			if src := now.sources["hubdb/"+hub]; src.Status != "failed" || !strings.Contains(src.Detail, "nothing answers") {
				t.Errorf("%s: %+v", hub, src)
			}
		}
		if diff := cmp.Diff(well.outcomes["lite"], now.outcomes["lite"]); diff != "" {
			t.Errorf("hub lite, which is well (-before +now):\n%s", diff)
		}
	})
}

func TestWrongPassword(t *testing.T) {
	s := newSite(t)
	s.audit(t)
	s.write(t, "password", "hunter2hunter2")
	a := s.audit(t)
	for _, hub := range []string{"pg", "maria"} {
		if src := a.sources["hubdb/"+hub]; src.Status != "failed" || !strings.Contains(src.Detail, "password") || strings.Contains(a.page, "hunter2") {
			t.Errorf("%s: %+v", hub, src)
		}
	}
	must(t, os.Remove(filepath.Join(s.dir, "password")))
	a = s.audit(t)
	if src := a.sources["hubdb/pg"]; src.Status != "failed" || !strings.Contains(src.Detail, "databasePasswordFile") {
		t.Errorf("without the file: %+v", src)
	}
}
