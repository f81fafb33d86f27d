package backup

import (
	"os"
	"path/filepath"
	"testing"

	"hubaudit/internal/collect/nobody"
	"hubaudit/internal/facts"
)

func TestFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // testing keeps them private
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"2026-11-20/db.gz": "abc", "2026-11-19/db.gz": "abcd"} {
		place(t, filepath.Join(dir, name), content, night)
	}
	for _, o := range []Options{{Files: "*/db.gz", BaseDir: dir}, {Files: filepath.Join(dir, "*/db.gz")}} {
		counted := 0
		o.Counted = func(n int) { counted = n }
		l, err := NewLocation(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		copies, err := l.List(t.Context())
		if err != nil || names(copies) != "2026-11-19/db.gz 2026-11-20/db.gz" || counted != 2 {
			t.Fatalf("%v, %d, %v", copies, counted, err)
		}
		for _, c := range copies {
			if data, err := readAll(l, c); int64(len(data)) != c.SizeBytes || err != nil {
				t.Errorf("%s holds %q, %v", c.Name, data, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFilesThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	place(t, filepath.Join(dir, "db-1"), "abc", night)
	place(t, filepath.Join(dir, "db-2"), "abc", night)
	for name, mode := range map[string]os.FileMode{"db-1": 0o644, "db-2": 0} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	l, err := NewLocation(t.Context(), Options{Files: filepath.Join(dir, "db-*")})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		copy  facts.BackupCopy
		cause facts.Cause
		says  string
	}{
		"gone":    {facts.BackupCopy{Name: "db-3"}, facts.CauseMissing, "gone since it was listed"},
		"private": {facts.BackupCopy{Name: "db-2", SizeBytes: 3}, facts.CauseForbidden, "let the auditor's user read it"},
		"grown":   {facts.BackupCopy{Name: "db-1", SizeBytes: 2}, facts.CauseUnreadable, "had 2 bytes when it was listed and has 3 now"},
	} {
		var err error
		nobody.Do(t, func() { _, err = readAll(l, tt.copy) })
		wantFailure(t, name, err, tt.cause, tt.says)
	}
}

func TestLocationsThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	place(t, filepath.Join(dir, "wrong"), "s3cr3t", night)
	place(t, filepath.Join(dir, "half.json"), `{"type": "service_account", "private_key": "s3cr3t"}`, night)
	for name, tt := range map[string]struct {
		options Options
		cause   facts.Cause
		says    string
	}{
		"no URL":         {Options{Files: "s3://bucket"}, facts.CauseUnreadable, "cannot look for backups in object storage"},
		"no login":       {Options{Files: "gs://bucket/x", CredentialsFile: filepath.Join(dir, "none")}, facts.CauseForbidden, "no such file"},
		"not Google's":   {Options{Files: "gs://bucket/x", CredentialsFile: filepath.Join(dir, "wrong")}, facts.CauseForbidden, "is not a login for Google"},
		"half a login":   {Options{CloudSQL: "proj/inst", CredentialsFile: filepath.Join(dir, "half.json")}, facts.CauseForbidden, "cannot look for backups of Cloud SQL's proj/inst"},
		"no AWS login":   {Options{Files: "s3://bucket/x", CredentialsFile: filepath.Join(dir, "none")}, facts.CauseForbidden, "no such file"},
		"not Amazon's":   {Options{Files: "s3://bucket/x", CredentialsFile: filepath.Join(dir, "wrong")}, facts.CauseForbidden, "credentialsFile"},
		"not Azure's":    {Options{Files: "azblob://con/x", CredentialsFile: filepath.Join(dir, "wrong")}, facts.CauseForbidden, "is not one of Azure Storage"},
		"nobody's Azure": {Options{Files: "azblob://con/x?anonymous=true"}, facts.CauseForbidden, "write ?storage_account=NAME"},
	} {
		l, err := NewLocation(t.Context(), tt.options)
		if err == nil { // some libraries look at the login only when they use it
			_, err = l.List(t.Context())
		}
		wantFailure(t, name, err, tt.cause, tt.says)
		wantNoSecret(t, name, err)
	}
}
