package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// opened gathers a world and opens its backups; change edits what was gathered.
func opened(t *testing.T, cfg *config.Config, change func(s *facts.Snapshot)) *facts.Opened {
	t.Helper()
	s := gather(t, cfg)
	if change != nil {
		change(s)
	}
	OpenBackups(t.Context(), cfg, s, func(*facts.Hub) bool { return true })
	return s.Hubs[0].Backups[0].Opened
}

// newestFile is the path of the healthy world's newest copy.
func newestFile(cfg *config.Config) string {
	return filepath.Join(cfg.Dir(), "backups", "jupyterhub-2026-11-20.sqlite.gz")
}

// cut shortens a copy, with the same time of modification as before or another.
func cut(t *testing.T, path string, modified time.Time) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()/2)
	}
	if err == nil {
		err = os.Chtimes(path, modified, modified)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var backupTime = time.Date(2026, 11, 20, 3, 0, 12, 0, time.UTC)

func TestOpenBackups(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, tt := range []struct {
		name string
		text func(string) string
		do   func(t *testing.T, cfg *config.Config)
		edit func(s *facts.Snapshot)
		want func(o *facts.Opened) bool
	}{
		{name: "a good copy", want: func(o *facts.Opened) bool {
			return o != nil && o.Fault == "" && o.Skipped == "" && o.Form == "gzip, sqlite" && len(o.Content.Users) == 10 && !o.Known && o.Copy.Time.Equal(backupTime)
		}},
		{name: "verify none", text: func(s string) string { return strings.Replace(s, "name: nightly,", "name: nightly, verify: none,", 1) },
			want: func(o *facts.Opened) bool { return o == nil }},
		{name: "verify restore", text: func(s string) string {
			return strings.Replace(s, "name: nightly,", "name: nightly, verify: restore,", 1)
		},
			want: func(o *facts.Opened) bool { return o.Level == facts.VerifyRestore && o.Fault == "" && o.Skipped == "" }},
		{name: "a copy that is cut off", do: func(t *testing.T, cfg *config.Config) { cut(t, newestFile(cfg), backupTime) },
			want: func(o *facts.Opened) bool { return o.Fault == facts.CopyTruncated && o.Copy.Time.Equal(backupTime) }},
		{name: "a copy that is still being written", do: func(t *testing.T, cfg *config.Config) { cut(t, newestFile(cfg), world.Now.Add(-time.Minute)) },
			want: func(o *facts.Opened) bool {
				return o.Fault == "" && o.Skipped == "" && strings.Contains(o.Copy.Name, "2026-11-19")
			}},
		{name: "the only copy, still being written", do: func(t *testing.T, cfg *config.Config) {
			cut(t, newestFile(cfg), world.Now.Add(-time.Minute))
			others, err := filepath.Glob(filepath.Join(cfg.Dir(), "backups", "*-1?.sqlite.gz"))
			if err != nil || len(others) != 6 {
				t.Fatal(others, err)
			}
			for _, path := range others {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}, want: func(o *facts.Opened) bool {
			return o.Fault == "" && strings.Contains(o.Skipped, "may still be written")
		}},
		{name: "one of the future", do: func(t *testing.T, cfg *config.Config) { cut(t, newestFile(cfg), backupTime) },
			edit: func(s *facts.Snapshot) { s.Hubs[0].Backups[0].Copies[0].Time = world.Now.Add(time.Hour) },
			want: func(o *facts.Opened) bool { return o.Fault == "" && strings.Contains(o.Copy.Name, "2026-11-19") }},
		{name: "gone since it was listed", do: nil, edit: func(s *facts.Snapshot) { s.Hubs[0].Backups[0].Copies[0].Name = "jupyterhub-gone.sqlite.gz" },
			want: func(o *facts.Opened) bool { return o.Unreadable && strings.Contains(o.Skipped, "gone since") }},
		{name: "tested good before", edit: func(s *facts.Snapshot) { mark(s, world.Now.Add(-6*24*time.Hour)) },
			want: func(o *facts.Opened) bool {
				return o.Known && o.Content == nil && o.KnownAt.Equal(world.Now.Add(-6*24*time.Hour))
			}},
		{name: "tested good long ago", edit: func(s *facts.Snapshot) { mark(s, world.Now.Add(-8*24*time.Hour)) },
			want: func(o *facts.Opened) bool { return !o.Known && o.Content != nil }},
		{name: "another of the same name was tested", edit: func(s *facts.Snapshot) {
			mark(s, world.Now)
			s.Hubs[0].Backups[0].Copies[0].Time = backupTime.Add(time.Second)
		},
			want: func(o *facts.Opened) bool { return !o.Known && o.Content != nil }},
		{name: "only opened before, and to be restored", text: func(s string) string {
			return strings.Replace(s, "name: nightly,", "name: nightly, verify: restore,", 1)
		}, edit: func(s *facts.Snapshot) { mark(s, world.Now) },
			want: func(o *facts.Opened) bool { return !o.Known && o.Level == facts.VerifyRestore }},
		{name: "restored before, and to be opened", edit: func(s *facts.Snapshot) {
			restored := facts.Opened{Copy: s.Hubs[0].Backups[0].Copies[0], Level: facts.VerifyRestore}
			s.Past.Marks = map[facts.SeriesKey]facts.Mark{{Hub: s.Hubs[0].Name, Name: facts.MarkTested + "nightly"}: {Value: restored.TestedMark(), Until: world.Now}}
		}, want: func(o *facts.Opened) bool { return o.Known && o.Level == facts.VerifyRestore }},
		{name: "a password file that is missing", text: func(s string) string {
			return strings.Replace(s, "name: nightly,", "name: nightly, verify: restore, scratch: 'mysql://a@h/x', scratchPasswordFile: nowhere,", 1)
		}, want: func(o *facts.Opened) bool { return o.Unreadable && strings.Contains(o.Skipped, "scratchPassword") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := write(t, world.Healthy(world.Small), tt.text)
			if tt.do != nil {
				tt.do(t, cfg)
			}
			if o := opened(t, cfg, tt.edit); !tt.want(o) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// mark remembers that the newest copy was tested good.
func mark(s *facts.Snapshot, at time.Time) {
	b := &s.Hubs[0].Backups[0]
	s.Past.Marks = map[facts.SeriesKey]facts.Mark{{Hub: s.Hubs[0].Name, Name: facts.MarkTested + b.Name}: {Value: b.Copies[0].ID(), Since: at, Until: at}}
}

// TestOpenBackupsOfSomeHubs: the hubs that nobody asked for are left alone.
func TestOpenBackupsOfSomeHubs(t *testing.T) {
	cfg := write(t, world.Healthy(world.Small), nil)
	s := gather(t, cfg)
	OpenBackups(t.Context(), cfg, s, func(h *facts.Hub) bool { return h.Name == "another" })
	if o := s.Hubs[0].Backups[0].Opened; o != nil {
		t.Errorf("%+v", o)
	}
}

// TestScratchIsNotAudited: a scratch database that is a hub's is refused,
// however its URL is written.
func TestScratchIsNotAudited(t *testing.T) {
	cfg := &config.Config{Hubs: []config.Hub{{Name: "a", Database: "sqlite:///hub.sqlite"}, {Name: "b", Database: "postgresql+psycopg2://hub:x@DB.example.org/hub"},
		{Name: "c", Database: "mysql+pymysql://hub@localhost:3306/hub"}}}
	for scratch, want := range map[string]string{
		"": "", "postgresql://other@db.example.org:5432/hub": `"b"`, "postgresql://hub@db.example.org./hub?sslmode=require": `"b"`,
		"postgresql://hub@db.example.org/scratch": "", "postgresql://hub@db.example.org:5433/hub": "", "mysql://root@127.0.0.1/hub": `"c"`, "not a url ://": "",
	} {
		got := refused(cfg, scratch)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %s", scratch, got, fmt.Sprint(want))
		}
	}
}
