package main

import (
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hubaudit/checks"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/report"
)

// fresh makes an empty database of today's JupyterHub: `fresh FILE`.
func fresh(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fresh FILE")
	}
	hub := world.Healthy(world.Size{Nodes: 3, Replicas: 1}).Hubs[0]
	ts.Check(world.WriteDatabase(ts.MkAbs(args[0]), hub, world.CurrentSchema))
}

// TestUnpacked: a gzipped backup is unpacked where nobody else can read it, and
// nothing stays behind.
func TestUnpacked(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	plain := filepath.Join(t.TempDir(), "hub.sqlite")
	if err := world.WriteDatabase(plain, &facts.Hub{}, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	data := read(t, plain)
	packed := plain + ".backup" // whatever it is called
	var b strings.Builder
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(packed, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, remove, err := unpacked(t.Context(), packed)
	if err != nil {
		t.Fatal(err)
	}
	if read(t, file) != data {
		t.Error("it was unpacked to something else")
	}
	info, err := os.Stat(filepath.Dir(file))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder has mode %v, %v", info.Mode(), err)
	}
	remove()
	if same, remove, err := unpacked(t.Context(), plain); err != nil || same != plain {
		t.Errorf("a plain file: %s, %v", same, err)
	} else {
		remove()
	}
	if err := os.WriteFile(packed, []byte(b.String()[:b.Len()/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := unpacked(t.Context(), packed); err == nil {
		t.Error("half a file is unpacked")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := unpacked(ended, packed); !errors.Is(err, context.Canceled) {
		t.Errorf("after its deadline: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSameDatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hub.sqlite")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(dir, "link.sqlite")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"sqlite:///" + file, file, true},
		{file, filepath.Join(dir, "link.sqlite"), true},
		{file, filepath.Join(dir, "other.sqlite"), false},
		{filepath.Join(dir, "gone.sqlite"), filepath.Join(dir, "x", "..", "gone.sqlite"), true},
		{"postgresql://a:b@db/hub", "postgresql+psycopg2://other@db/hub", true},
		{"postgresql://a@db/hub", "postgresql://a@db:5433/hub", false},
		{"postgresql://a@db/hub", "postgresql://a@db/hub2", false},
		{"postgresql://a@db/hub", "mysql://a@db/hub", false},
	} {
		a, errA := hubdb.ParseURL(c.a, "")
		b, errB := hubdb.ParseURL(c.b, "")
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if sameDatabase(a, b) != c.same || sameDatabase(b, a) != c.same {
			t.Errorf("%s and %s: want the same %t", c.a, c.b, c.same)
		}
	}
}

// TestRescueOnAServer: SQL goes to a new file or to standard output, and the
// rows in it are judged.
func TestRescueOnAServer(t *testing.T) {
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := world.Healthy(world.Small)
	world.WipeDatabase(snapshot, world.HubName)
	snapshot.Kube.Pods = slices.DeleteFunc(snapshot.Kube.Pods, func(p facts.Pod) bool { return p.Component != facts.HubComponent })
	plan, err := rescue.New(snapshot, world.Hub(snapshot, world.HubName), rescue.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rescued.sql")
	for _, out := range []string{"-", file} {
		var stdout, stderr strings.Builder
		r := &rescuing{rescueFlags: &rescueFlags{out: out, hub: world.HubName}, common: &common{streams: streams{out: &stdout, err: &stderr}},
			suite: suite, snapshot: snapshot, target: hubdb.URL{Engine: hubdb.PostgreSQL}, database: facts.Database{Engine: hubdb.PostgreSQL,
				Columns: map[string][]string{"users": {"id", "name", "cookie_id"}, "spawners": {"user_id", "name", "state"}}, CookieNotNull: true, CookieUnique: true, NameUnique: true},
			report: report.Rescue{Plan: plan, Engine: hubdb.PostgreSQL}}
		if err := r.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.writeReports([]output{{format: "terminal"}}); err != nil {
			t.Fatal(err)
		}
		sql, page := stdout.String(), stderr.String()
		if out == file {
			sql, page = read(t, file), stdout.String()
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		}
		if !strings.Contains(sql, "COMMIT;") || !strings.Contains(page, "10 users with 11 servers") || len(r.report.Verdicts) == 0 {
			t.Errorf("--out %s:\n%s\n%s", out, sql, page)
		}
		for _, v := range r.report.Verdicts {
			if v.Outcome == verdict.Fail && v.Check != "hub-db-schema-mismatch" {
				t.Errorf("%s fails: %s", v.Check, v.Summary)
			}
		}
		if err := r.writeSQL(); out == file && err == nil {
			t.Error("a file that exists is written to")
		}
	}
}
