package history

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/verdict"
)

func TestFileOfURL(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:hubaudit.db":        "/etc/hubaudit/hubaudit.db",
		"sqlite:./a/../b.db":        "/etc/hubaudit/b.db",
		"sqlite:../b.db":            "/etc/b.db",
		"sqlite:/var/lib/h.db":      "/var/lib/h.db",
		"sqlite:///var/lib/h.db":    "/var/lib/h.db",
		"sqlite:////var/lib/h.db":   "/var/lib/h.db",
		"sqlite:a b?c#d%20.db":      "/etc/hubaudit/a b?c#d%20.db",
		"sqlite:postgresql:odd.db":  "/etc/hubaudit/postgresql:odd.db",
		"sqlite:ünïcode/history.db": "/etc/hubaudit/ünïcode/history.db",
	} {
		got, err := Location{URL: url, BaseDir: "/etc/hubaudit"}.file()
		if err != nil || got != want {
			t.Errorf("the file of %q is %q, %v; want %q", url, got, err, want)
		}
	}
}

func TestURLsAreRefused(t *testing.T) {
	for url, part := range map[string]string{
		"":                      "no scheme",
		"hubaudit.db":           "write sqlite:PATH",
		"sqlite:":               "no file named",
		"sqlite:///":            "no file named",
		"sqlite://hubaudit.db":  "read as a host",
		"sqlite:a\x00b":         "zero byte",
		"mysql://u:s3cret@db/h": `unknown scheme "mysql"`,
		"C:\\history.db":        `unknown scheme "C"`,
	} {
		where := Location{URL: url, BaseDir: t.TempDir()}
		_, err := Open(t.Context(), where)
		wantError(t, err, "history: ", part)
		wantError(t, where.Check(), "history: ", part)
	}
	_, err := Open(t.Context(), Location{URL: "sqlite:h.db", BaseDir: t.TempDir(), Password: "s3cret"})
	wantError(t, err, "historyPassword", "has none")
}

func FuzzFileOfURL(f *testing.F) {
	for _, seed := range []string{"sqlite:a.db", "sqlite:///a.db", "sqlite://a", "postgresql://u:s3cret@h/d", "sqlite:a\x00", ":", "sqlite:..", "sqlite:a?b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		path, err := Location{URL: url, BaseDir: "/base"}.file()
		if err != nil {
			if path != "" {
				t.Errorf("path %q with error %v", path, err)
			}
			return
		}
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) || !strings.HasPrefix(url, "sqlite:") {
			t.Errorf("the file of %q is %q", url, path)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		path    string
		prepare func(t *testing.T, path string)
		say     []string
	}{
		"missing folder":          {"gone/h.db", nil, []string{"the folder", "gone must exist", "mount its volume"}},
		"a file as folder":        {"h.txt/h.db", func(t *testing.T, path string) { write(t, filepath.Dir(path), "x") }, []string{"a folder that can be written"}},
		"a folder as file":        {"h.db", func(t *testing.T, path string) { mkdir(t, path) }, []string{"is a directory"}},
		"a folder without writes": {"/proc/h.db", nil, []string{"/proc"}},
		"a device":                {"/dev/null", nil, []string{"not a regular file"}},
		"text":                    {"h.db", func(t *testing.T, path string) { write(t, path, "hubs:\n- name: datahub\n") }, []string{"not a SQLite database"}},
		"long text":               {"h.db", func(t *testing.T, path string) { write(t, path, strings.Repeat("hubs\n", 5000)) }, []string{"not a SQLite database"}},
		"another application's": {"h.db", func(t *testing.T, path string) {
			foreign(t, path, "CREATE TABLE users (id INTEGER, name TEXT)", "INSERT INTO users VALUES (1, 'alice')")
		}, []string{"another application's database", "name a file of its own"}},
		"with another mark": {"h.db", func(t *testing.T, path string) { foreign(t, path, "PRAGMA application_id = 1196444487") },
			[]string{"another application's database"}},
		"a newer schema": {"h.db", func(t *testing.T, path string) {
			change(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		}, []string{"written by a newer version of audit (schema 99, this one knows 4)", "use that version"}},
		"a schema half made by hand": {"h.db", func(t *testing.T, path string) {
			change(t, path, "DELETE FROM goose_db_version WHERE version_id >= 1")
		}, []string{"bring the schema from 0 to 4"}},
		"cut short": {"h.db", func(t *testing.T, path string) {
			change(t, path, "SELECT 1")
			if err := os.Truncate(path, 3*4096); err != nil {
				t.Fatal(err)
			}
		}, []string{"the file is damaged", "move it away together with its -journal"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path
			if !filepath.IsAbs(path) {
				path = filepath.Join(t.TempDir(), path)
			}
			if c.prepare != nil {
				c.prepare(t, path)
			}
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), Location{URL: "sqlite:" + path})
			if err == nil {
				s.Close()
			}
			wantError(t, err, append(c.say, "open the history "+path)...)
			if after, _ := os.ReadFile(path); string(before) != string(after) {
				t.Error("the file was changed")
			}
		})
	}
}

// TestForeignJournalIsLeft: a hub's database that was killed in a write must
// not be rolled back by naming it as the history by mistake.
func TestForeignJournalIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	foreign(t, path, "CREATE TABLE users (id INTEGER, name TEXT)")
	write(t, path+"-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 hot")
	_, err := Open(t.Context(), Location{URL: "sqlite:" + path})
	wantError(t, err, "another application's database")
	if _, err := os.Stat(path + "-journal"); err != nil {
		t.Error(err)
	}
}

func TestEmptyFileBecomesAHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	write(t, path, "")
	s := open(t, path)
	record(t, s, runAt(0, judged("a", verdict.Pass)))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// foreign makes a SQLite file that is no history.
func foreign(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// change makes a history with one run and runs a statement in it.
func change(t *testing.T, path, statement string) {
	t.Helper()
	s := open(t, path)
	defer s.Close()
	record(t, s, runAt(0, judged("a", verdict.Fail)))
	if _, err := s.db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
