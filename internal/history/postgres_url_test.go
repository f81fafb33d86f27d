package history

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestServerOfURL(t *testing.T) {
	for _, variable := range []string{"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSSLMODE", "PGSERVICE"} {
		t.Setenv(variable, "")
	}
	for url, want := range map[string]struct {
		name, host, user, password, database string
		port                                 uint16
	}{
		"postgresql://audit@db/h":                           {"postgresql://audit@db:5432/h", "db", "audit", "", "h", 5432},
		"postgres://audit:s3cret@db:5433/h":                 {"postgresql://audit@db:5433/h", "db", "audit", "s3cret", "h", 5433},
		"postgresql+psycopg2://a:s3cret%40%2F@db/h":         {"postgresql://a@db:5432/h", "db", "a", "s3cret@/", "h", 5432},
		"postgresql://a:s3cret@@db/h":                       {"postgresql://a@db:5432/h", "db", "a", "s3cret@", "h", 5432},
		"postgresql://a:s3cret@[::1]:1/h":                   {"postgresql://a@[::1]:1/h", "::1", "a", "s3cret", "h", 1},
		"postgresql://a@db/h?password=s3cret":               {"postgresql://a@db:5432/h", "db", "a", "s3cret", "h", 5432},
		"postgresql:///h?host=/run/pg&user=a&port=5":        {"postgresql://a@/h?host=%2Frun%2Fpg&port=5", "/run/pg", "a", "", "h", 5},
		"postgresql://a@%2Frun%2Fpg/h":                      {"postgresql://a@/h?host=%2Frun%2Fpg&port=5432", "/run/pg", "a", "", "h", 5432},
		"postgresql://a@one:1,two:2/h":                      {"postgresql://a@one,two/h", "one", "a", "", "h", 1},
		"postgresql://a%20'b\\@db/o'h":                      {`postgresql://a%20%27b%5C@db:5432/o%27h`, "db", `a 'b\`, "", "o'h", 5432},
		"postgresql://a:s3cret@db/h?sslmode=disable&host=e": {"postgresql://a@e:5432/h", "e", "a", "s3cret", "h", 5432},
	} {
		c, name, err := Location{URL: url}.postgres()
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if name != want.name || c.Host != want.host || c.User != want.user || c.Password != want.password || c.Database != want.database || c.Port != want.port {
			t.Errorf("%s is %s: %q %q %q %q %d", url, name, c.Host, c.User, c.Password, c.Database, c.Port)
		}
	}
	c, _, err := Location{URL: "postgresql://a@db/h", Password: "s3cret"}.postgres()
	if err != nil || c.Password != "s3cret" || c.ConnectTimeout != connectTimeout || c.RuntimeParams["application_name"] != "hubaudit" {
		t.Errorf("%+v, error %v", c, err)
	}
	c, _, err = Location{URL: "postgresql://a@db/h?connect_timeout=3&application_name=x&target_session_attrs=read-write"}.postgres()
	if err != nil || c.ConnectTimeout != 3*time.Second || c.RuntimeParams["application_name"] != "x" || c.ValidateConnect == nil {
		t.Errorf("%+v, error %v", c, err)
	}
}

// TestLocationCheck: what may be a history passes, and nothing is made or asked.
func TestLocationCheck(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{"sqlite:h.db", "sqlite:no/such/folder.db", "postgresql://audit@no.such.host.invalid/h?sslmode=verify-full"} {
		if err := (Location{URL: url, BaseDir: dir}).Check(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("made %v, error %v", made, err)
	}
}

// TestServerURLsAreRefused: whatever is wrong with a URL, its password is not shown.
func TestServerURLsAreRefused(t *testing.T) {
	for url, part := range map[string]string{
		"postgresql:u:s3cret@db/h":                   "not of the form",
		"postgresqlx://u:s3cret@db/h":                "not of the form",
		"postgresql://u:s3cret/x@db/h":               "not of the form",
		"postgresql://u:12/s3cret@db/h":              "percent-escape",
		"postgresql://u:s3cret?x@db/h":               "not of the form",
		"postgresql://u:12?s3cret@db/h":              "not of the form",
		"postgresql://u:s3cret%@db/h":                "not of the form",
		"postgresql://u:s3cret%00@db/h":              "not of the form",
		"postgresql://u:s3cret@db:port/h":            "not of the form",
		"postgresql://u:s3cret@db:70000/h":           "not of the form",
		"postgresql://u:s3cret@[db/h":                "not of the form",
		"postgresql://u:s3cret@db/h?a;b":             "not of the form",
		"postgresql://u:s3cret@db/h?sslmode=s3cret":  "sslmode is invalid",
		"postgresql://u:s3cret@db/h?ssl_mode=s3cret": "the option ssl_mode of the URL is not known",
		"postgresql://u:s3cret@db/h?host=%00":        "not of the form",
		"postgresql://u:s3cret@db/h?search_path=x":   "the option search_path",
		"postgresql://u:s3cret@db/h?Sslmode=s3cret":  "not of the form",
		"postgresql://u:s3cret@db/h?sslrootcert=/no": "read CA file: open /no",
	} {
		_, err := Open(t.Context(), Location{URL: url})
		wantError(t, err, "history: ", part)
		wantError(t, Location{URL: url}.Check(), "history: ", part)
	}
	_, err := Open(t.Context(), Location{URL: "postgresql://u:s3cret@db/h", Password: "s3cret2"})
	wantError(t, err, "both in the URL and in historyPassword")
}

func FuzzServerURL(f *testing.F) {
	for _, seed := range []string{"postgresql://u:HUSH@h:5432/d", "postgres://HUSH@[::1]/d?sslmode=require", "postgresql+psycopg2://u:HUSH@a,b:1/d",
		"postgresql://u:HUSH/@h/d", "postgresql://u:%HUSH@h/d", "postgresql:///d?host=/run&password=HUSH", "postgresql://u:1?HUSH@h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		s, err := Location{URL: url, BaseDir: "/base"}.parse()
		if err != nil {
			if s.words != nil || s.password != "" {
				t.Errorf("%+v with error %v", s, err)
			}
			if hush := "HUSH"; strings.Contains(err.Error(), hush) {
				t.Errorf("the error shows what may be a password: %v", err)
			}
			return
		}
		for word, value := range s.words {
			if strings.ContainsRune(value, 0) {
				t.Errorf("%s has a zero character", word)
			}
		}
	})
}

func TestStorable(t *testing.T) {
	for text, want := range map[string]string{"": "", "ünï": "ünï", "a\x00b": "a\uFFFDb", "caf\xe9": "caf\uFFFD", "\x01\n": "\x01\n"} {
		if got := storable(text); got != want {
			t.Errorf("%q is stored as %q, want %q", text, got, want)
		}
	}
}

func TestSpelled(t *testing.T) {
	numbered := transaction{numbered: true}
	if got := numbered.spelled("a = ? AND b IN (?, ?)"); got != "a = $1 AND b IN ($2, $3)" {
		t.Error(got)
	}
	if got := new(transaction).spelled("a = ?"); got != "a = ?" {
		t.Error(got)
	}
}

// TestLockKeys: another version of audit must come to the same numbers.
func TestLockKeys(t *testing.T) {
	if a, b := lockKey("cluster", "east"), lockKey("schema", schema); a != -1019518768106496724 || b != -7402463216472637771 {
		t.Error(a, b)
	}
}
