package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/verdict"
)

// TestCopies makes copies of a real hub's database in each engine, and audits
// them: good ones, broken ones, and those of another time or hub.
func TestCopies(t *testing.T) {
	for _, name := range []string{hubdb.SQLite, hubdb.PostgreSQL, hubdb.MySQL} {
		hub := makeHub(t, engine(t, name)) // one after the other: many at once take each other's ports
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dumps := hub.dumps(t)
			t.Run("good", func(t *testing.T) { good(t, hub, dumps) })
			t.Run("unopened", func(t *testing.T) { unopened(t, hub) })
			t.Run("damaged", func(t *testing.T) { damaged(t, hub, dumps) })
			if name != hubdb.SQLite {
				t.Run("restored", func(t *testing.T) { restoredOnServer(t, hub, dumps) })
			}
			t.Run("stories", func(t *testing.T) { stories(t, hub) })
		})
	}
}

// good: whatever makes a copy, and however it is packed, it passes.
func good(t *testing.T, hub live, dumps map[string][]byte) {
	s := newSite(t, hub)
	for way, b := range dumps {
		for ending, b := range packed(t, "jupyterhub", b) {
			s.put(t, slug(way+ending), "jupyterhub"+ending, b, made)
		}
	}
	a := s.audit(t)
	a.wantPass(t)
	for _, l := range s.copies {
		if row := a.location(t, l.name); !a.praised(t, l.name) || row.Level != "open" || !row.TestedAt.Equal(now) || row.Good != row.Tested || !row.GoodAt.Equal(made) {
			t.Errorf("%s: %+v", l.name, row)
		}
	}
	if hub.server != nil {
		return
	}
	for i := range s.copies { // what was opened only is tested again
		s.copies[i].more = ", verify: restore"
	}
	a = s.audit(t)
	a.wantPass(t)
	for _, l := range s.copies {
		if row := a.location(t, l.name); row.Level != "restore" || row.Trouble != "" {
			t.Errorf("%s, restored: %+v", l.name, row)
		}
	}
}

// unopened: a run of other checks opens no copy, and says so; what was tested
// before stays known.
func unopened(t *testing.T, hub live) {
	s := newSite(t, hub)
	s.put(t, "nightly", "jupyterhub", hub.dump(t), made)
	s.audit(t)
	s.put(t, "new", "jupyterhub", []byte("never looked into"), made)
	a := s.auditAt(t, now.Add(time.Hour), "hub-cookie-id-null")
	for name, want := range map[string]verdict.DatabaseBackup{"nightly": {Tested: "jupyterhub", TestedAt: now, Level: "open"}, "new": {}} {
		row := a.location(t, name)
		if row.Tested != want.Tested || !row.TestedAt.Equal(want.TestedAt) || row.Level != want.Level || !strings.Contains(row.Trouble, "no check that looks into copies was asked for") {
			t.Errorf("%+v", row)
		}
	}
}

// packed packs a copy as a backup job does, by the ending of its name.
func packed(tb testing.TB, name string, b []byte) map[string][]byte {
	tb.Helper()
	dir := tb.TempDir()
	must(tb, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	return map[string][]byte{"": b, ".gz": run(tb, b, "gzip", "-c"), ".zst": run(tb, b, "zstd", "-c"), ".xz": run(tb, b, "xz", "-0", "-c"),
		".tar.gz": run(tb, nil, "tar", "-C", dir, "-czf", "-", name)}
}
