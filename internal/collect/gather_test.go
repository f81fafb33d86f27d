package collect

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// write makes the files of a healthy world in a folder and returns its
// configuration; change edits the text of that first.
func write(t *testing.T, s *facts.Snapshot, change func(text string) string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	if err := world.WriteDatabase(filepath.Join(dir, "hub.sqlite"), s.Hubs[0], world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	if err := world.WriteDump(filepath.Join(dir, "dump"), s); err != nil {
		t.Fatal(err)
	}
	if err := world.WriteBackups(filepath.Join(dir, "backups"), s.Hubs[0], world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	text := `
hubs:
  - name: datahub
    database: sqlite:///hub.sqlite
    backups:
      - {name: nightly, files: "backups/*.gz", schedule: "0 3 * * *"}
cluster: {dump: dump}
`
	if change != nil {
		text = change(text)
	}
	file := filepath.Join(dir, "hubaudit.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func gather(t *testing.T, cfg *config.Config) *facts.Snapshot {
	t.Helper()
	return Gather(t.Context(), cfg, Options{Now: world.Now, Clock: func() time.Time { return world.Now }, Timeout: time.Minute})
}

func statuses(s *facts.Snapshot) map[string]facts.Status {
	m := map[string]facts.Status{}
	for _, src := range s.Sources {
		m[src.Name] = src.Status
	}
	return m
}

// allSources is how many sources a hub with one backup has, without a REST API.
const allSources = 2 + 35

// whole is what a source of a healthy world is: there is no Ceph, no Velero and
// no K8up in it.
func whole(name string) facts.Status {
	if system, _, _ := strings.Cut(name, "/"); system == "ceph" || system == "velero" || system == "k8up" {
		return facts.Absent
	}
	return facts.OK
}

func TestHealthyWorldIsReadWhole(t *testing.T) {
	s := world.Healthy(world.Small)
	got := gather(t, write(t, s, nil))
	for name, status := range statuses(got) {
		if status != whole(name) {
			t.Errorf("source %s is %s: %s", name, status, got.Source(name).Detail)
		}
	}
	if n := len(got.Sources); n != allSources {
		t.Errorf("%d sources, want the hub's 2 and the cluster's 35", n)
	}
	if len(got.Hubs[0].Users) != 10 || len(got.Kube.Claims) != 12 || len(got.Longhorn.Replicas) != 36 || len(got.Hubs[0].Backups[0].Copies) != 7 {
		t.Errorf("read %d users, %d claims, %d replicas, %d copies", len(got.Hubs[0].Users), len(got.Kube.Claims), len(got.Longhorn.Replicas), len(got.Hubs[0].Backups[0].Copies))
	}
}

// TestAFailedSourceCostsOnlyItself takes away one input after the other.
func TestAFailedSourceCostsOnlyItself(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		failed map[string]facts.Cause
		absent string
	}{
		"database": {func(s string) string { return strings.Replace(s, "hub.sqlite", "gone.sqlite", 1) },
			map[string]facts.Cause{"hubdb/datahub": facts.CauseMissing}, ""},
		"database server": {func(s string) string {
			return strings.Replace(s, "sqlite:///hub.sqlite", "postgresql://u@127.0.0.1:1/hub", 1)
		},
			map[string]facts.Cause{"hubdb/datahub": facts.CauseUnreachable}, ""},
		"database password": {func(s string) string {
			return strings.Replace(s, "sqlite:///hub.sqlite", "postgresql://u@127.0.0.1:1/hub\n    databasePasswordFile: gone", 1)
		},
			map[string]facts.Cause{"hubdb/datahub": facts.CauseUnreadable}, ""},
		"backups": {func(s string) string { return strings.Replace(s, "backups/*", "gone/*", 1) },
			map[string]facts.Cause{"backup/datahub/nightly": facts.CauseMissing}, ""},
		"no database configured": {func(s string) string { return strings.Replace(s, "    database: sqlite:///hub.sqlite\n", "", 1) },
			nil, "hubdb/datahub"},
	} {
		t.Run(name, func(t *testing.T) {
			s := gather(t, write(t, world.Healthy(world.Small), c.change))
			for _, src := range s.Sources {
				want := whole(src.Name)
				if _, ok := c.failed[src.Name]; ok {
					want = facts.Failed
				} else if src.Name == c.absent {
					want = facts.Absent
				}
				if src.Status != want || src.Cause != c.failed[src.Name] {
					t.Errorf("source %s is %s (%s): %s", src.Name, src.Status, src.Cause, src.Detail)
				}
			}
		})
	}
}

// TestAReaderThatHangsIsLeftBehind opens a pipe that nobody writes to, as a
// dead network file system would let it hang.
func TestAReaderThatHangsIsLeftBehind(t *testing.T) {
	cfg := write(t, world.Healthy(world.Small), func(s string) string { return strings.Replace(s, "dump: dump", "dump: pipe.yaml", 1) })
	if err := syscall.Mkfifo(cfg.Path("pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Gather(t.Context(), cfg, Options{Now: world.Now, Clock: time.Now, Timeout: 3 * time.Second})
	for _, src := range s.Sources {
		if hub := strings.Contains(src.Name, "datahub"); hub && src.Status != facts.OK || !hub && src.Cause != facts.CauseTimeout {
			t.Errorf("source %s is %s (%s): %s", src.Name, src.Status, src.Cause, src.Detail)
		}
	}
	if len(s.Kube.Claims) > 0 {
		t.Error("facts of a reader that was left behind are in the snapshot")
	}
}
