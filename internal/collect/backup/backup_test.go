package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/nobody"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	night    = at("2026-11-20T03:00:12Z")
	checkout = at("2027-03-01T00:00:00Z") // long after what any name says
)

func TestDateOf(t *testing.T) {
	for _, tt := range []struct{ name, modified, want string }{
		// A name without a date: the modification time.
		{"jupyterhub.sqlite", "2026-11-20T03:00:12Z", "2026-11-20T03:00:12Z"},
		{"jupyterhub-5.4.1.sqlite", "2026-11-20T03:00:12.9+01:00", "2026-11-20T02:00:12Z"},
		{"jupyterhub-20261301.gz", "2026-11-20T03:00:12Z", "2026-11-20T03:00:12Z"},
		{"jupyterhub-2026-02-31.gz", "2026-11-20T03:00:12Z", "2026-11-20T03:00:12Z"},
		{"jupyterhub-120261120.gz", "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"},
		{"build-4261120.gz", "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"},
		// Modified on the day of the name, in any zone: the modification time.
		{"jupyterhub-2026-11-20.sqlite.gz", "2026-11-20T03:00:12Z", "2026-11-20T03:00:12Z"},
		{"jupyterhub-2026-11-20.sqlite.gz", "2026-11-19T17:00:00Z", "2026-11-19T17:00:00Z"},
		{"jupyterhub-2026-11-20.sqlite.gz", "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"},
		{"jupyterhub-20261120-030012.gz", "2026-11-20T03:02:00Z", "2026-11-20T03:02:00Z"},
		{"jupyterhub-20261120-030012.gz", "2026-11-20T11:02:00Z", "2026-11-20T11:02:00Z"},
		// Copied later: the name.
		{"jupyterhub-2026-11-20.sqlite.gz", "2026-11-21T12:00:01Z", "2026-11-20T00:00:00Z"},
		{"jupyterhub-2026-11-20.sqlite.gz", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"jupyterhub_2026_11_20.db", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"20261120.db", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"2026.11.20", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"db-2026-11-20-3.gz", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"db-2026-11-20-99.gz", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		{"db-2026-11-20-030012.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-2026-11-20_03-00-12.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-20261120030012.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-202611200300.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:00Z"},
		{"db-2026112003.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:00Z"},
		{"db-2026-11-20T03h00m12s.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"2026-11-20/jupyterhub.sqlite", "2027-03-01T00:00:00Z", "2026-11-20T00:00:00Z"},
		// Exact: the name, unless the file is older than it says.
		{"db-20261120T030012Z.gz", "2026-11-20T09:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-2026-11-20T03:00:12+01:00.gz", "2026-11-20T09:00:00Z", "2026-11-20T02:00:12Z"},
		{"db-2026-11-20T03:00:12-0800.gz", "2026-11-21T09:00:00Z", "2026-11-20T11:00:12Z"},
		{"db-20261120T030012Z.gz", "2026-11-19T09:00:00Z", "2026-11-19T09:00:00Z"},
		{"db-1795143612.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-1795143612000.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		// A running number is no zone; of several dates the earliest; the future is not believed.
		{"db-2026-11-20-030012-0001.gz", "2027-03-01T00:00:00Z", "2026-11-20T03:00:12Z"},
		{"db-2026-11-20_2026-11-13.gz", "2027-03-01T00:00:00Z", "2026-11-13T00:00:00Z"},
		{"db-2026-11-13_2026-11-20.gz", "2027-03-01T00:00:00Z", "2026-11-13T00:00:00Z"},
		{"db-2035-01-01.gz", "2026-11-20T03:00:12Z", "2026-11-20T03:00:12Z"},
	} {
		if got := DateOf(tt.name, at(tt.modified)); !got.Equal(at(tt.want)) || got.Location() != time.UTC {
			t.Errorf("DateOf(%s, %s) = %s, want %s", tt.name, tt.modified, got, tt.want)
		}
	}
}

func FuzzDateOf(f *testing.F) {
	f.Add("db-2026-11-20T03:00:12-0800.gz")
	f.Add("db-20261120-1795143612.gz")
	f.Fuzz(func(t *testing.T, name string) {
		if got := DateOf(name, checkout); got.After(checkout) || got.IsZero() {
			t.Errorf("DateOf(%q) = %s, later than the file", name, got)
		}
	})
}

// place writes a file of that time.
func place(t *testing.T, path, content string, modified time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string, modified time.Time) { place(t, filepath.Join(dir, name), content, modified) }
	put("db-2026-11-20.gz", "abc", checkout)
	put("db-2026-11-19.gz", "abcd", night.AddDate(0, 0, -1))
	put("db-2026-11-18.gz", "", night.AddDate(0, 0, -2))
	put("db-2026-11-21.gz.part", "abc", night.AddDate(0, 0, 1))
	put("db-2026-11-20.gz.sha256", "abc", night)
	put("db-2026-11-20.sqlite-wal", "abc", night)
	put(".db-2026-11-20.gz.Xy12", "abc", night)
	put("db-folder/inner", "abc", night)
	put("other", "abc", night)
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "db-latest")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "db-2026-11-19.gz"), filepath.Join(dir, "db-1-good")); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFiles(t.Context(), filepath.Join(dir, "db-*"))
	if err != nil {
		t.Fatal(err)
	}
	link := got[0] // its time is now
	if link.Name != "db-latest" || link.Ready || link.Error == "" {
		t.Errorf("the link that leads nowhere is %+v", link)
	}
	want := []facts.BackupCopy{
		{Name: "db-2026-11-21.gz.part", Time: night.AddDate(0, 0, 1), SizeBytes: 3, Error: "an unfinished file, by its ending .part"},
		{Name: "db-2026-11-20.gz", Time: at("2026-11-20T00:00:00Z"), SizeBytes: 3, Ready: true},
		{Name: "db-1-good", Time: night.AddDate(0, 0, -1), SizeBytes: 4, Ready: true},
		{Name: "db-2026-11-19.gz", Time: night.AddDate(0, 0, -1), SizeBytes: 4, Ready: true},
		{Name: "db-2026-11-18.gz", Time: night.AddDate(0, 0, -2), Error: "empty file"},
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadFilesByPattern(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"2026-11-20/hub/db.gz", "2026-11-19/hub/db.gz", "2026-11-19/lab/db.gz", ".snapshots/hub/db.gz", "plain.gz", "2026-11-18"} {
		place(t, filepath.Join(dir, name), "x", checkout)
	}
	t.Chdir(dir)
	for glob, want := range map[string]string{
		"*/hub/db.gz":                          "2026-11-20/hub/db.gz 2026-11-19/hub/db.gz",
		filepath.Join(dir, "*/???/db.gz"):      "2026-11-20/hub/db.gz 2026-11-19/hub/db.gz 2026-11-19/lab/db.gz",
		"2026-11-19/[h-z]*/db.gz":              "hub/db.gz lab/db.gz",
		"./2026-11-19/../2026-11-20/hub/db.gz": "db.gz",
		".*/hub/db.gz":                         ".snapshots/hub/db.gz",
		"plain.gz":                             "plain.gz",
		"nothing-*":                            "",
		"nothing":                              "",
		"2026-11-19":                           "",
		"*/hub/nothing":                        "",
	} {
		copies, err := ReadFiles(t.Context(), glob)
		if err != nil {
			t.Errorf("%s: %v", glob, err)
		}
		var names []string
		for _, c := range copies {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s finds %q, want %q", glob, got, want)
		}
	}
}

func TestReadFilesFailures(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // testing keeps them private
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	place(t, filepath.Join(dir, "private", "db.gz"), "x", night)
	place(t, filepath.Join(dir, "file"), "x", night)
	if err := os.Chmod(filepath.Join(dir, "private"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "private"), 0o755) })
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tt := range map[string]struct {
		ctx   context.Context
		glob  string
		cause facts.Cause
		says  string
	}{
		"missing folder":        {t.Context(), "none/db-*", facts.CauseMissing, "is the volume with the backups mounted?"},
		"missing folder, plain": {t.Context(), "none/db", facts.CauseMissing, "mounted"},
		"file for a folder":     {t.Context(), "file/db-*", facts.CauseMissing, "is no folder"},
		"private folder":        {t.Context(), "private/db-*", facts.CauseForbidden, "let the auditor's user read them"},
		"private below":         {t.Context(), "*/db-*", facts.CauseForbidden, "may not look"},
		"no pattern":            {t.Context(), "db-[", facts.CauseUnreadable, "is not a pattern"},
		"too late":              {ended, "*/db-*", facts.CauseTimeout, "did not finish"},
	} {
		var copies []facts.BackupCopy
		var err error
		nobody.Do(t, func() { copies, err = ReadFiles(tt.ctx, filepath.Join(dir, tt.glob)) })
		var failed *source.Error
		if !errors.As(err, &failed) || failed.Cause != tt.cause || !strings.Contains(err.Error(), tt.says) || copies != nil {
			t.Errorf("%s: got %v and %v, want %s with %q", name, copies, err, tt.cause, tt.says)
		}
	}
}

func TestFromSnapshots(t *testing.T) {
	created, taken := night, night.Add(time.Minute)
	snaps := []facts.VolumeSnapshot{
		{Namespace: "hub", Name: "old", Claim: "db", Created: created.AddDate(0, 0, -1), Taken: taken.AddDate(0, 0, -1), Ready: true, RestoreBytes: 7},
		{Namespace: "hub", Name: "other", Claim: "claim-ann", Created: created, Ready: true},
		{Namespace: "lab", Name: "elsewhere", Claim: "db", Created: created, Ready: true},
		{Namespace: "hub", Name: "new", Claim: "db", Created: created, Taken: taken, Ready: true, RestoreBytes: 8},
		{Namespace: "hub", Name: "asked", Claim: "db", Created: created.Add(time.Hour)},
		{Namespace: "hub", Name: "failed", Claim: "db", Created: created.Add(2 * time.Hour), Ready: true, Error: "no space"},
	}
	want := []facts.BackupCopy{
		{Name: "failed", Time: created.Add(2 * time.Hour), Error: "no space"},
		{Name: "asked", Time: created.Add(time.Hour)},
		{Name: "new", Time: taken, SizeBytes: 8, Ready: true},
		{Name: "old", Time: taken.AddDate(0, 0, -1), SizeBytes: 7, Ready: true},
	}
	if diff := cmp.Diff(want, FromSnapshots(snaps, "hub", "db")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := FromSnapshots(snaps, "hub", "none"); got != nil {
		t.Errorf("of no claim: %v", got)
	}
}
