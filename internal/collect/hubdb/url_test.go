package hubdb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	file := func(path string) URL { return URL{Engine: SQLite, Path: path} }
	tests := map[string]URL{
		"sqlite:///jupyterhub.sqlite":                                   file("/srv/hub/jupyterhub.sqlite"),
		"sqlite:///../data//hub.sqlite":                                 file("/srv/data/hub.sqlite"),
		"sqlite:////var/lib/hub.sqlite":                                 file("/var/lib/hub.sqlite"),
		" sqlite:////var/lib/hub.sqlite\n":                              file("/var/lib/hub.sqlite"),
		"sqlite:////var/a%20b#c@d:e.sqlite":                             file("/var/a%20b#c@d:e.sqlite"),
		"sqlite:////var/hub.sqlite?timeout=20":                          file("/var/hub.sqlite"),
		"sqlite:///file:a%20b?mode=ro&uri=true":                         file("/srv/hub/a b"),
		"sqlite:///file:///var/hub?uri=1":                               file("/var/hub"),
		"sqlite:///file://localhost/var/hub?uri=on":                     file("/var/hub"),
		"sqlite:///file:hub.sqlite":                                     file("/srv/hub/file:hub.sqlite"),
		"sqlite+pysqlite:///hub.sqlite":                                 {Engine: SQLite, Driver: "pysqlite", Path: "/srv/hub/hub.sqlite"},
		"jupyterhub.sqlite":                                             file("/srv/hub/jupyterhub.sqlite"),
		"/var/lib/hub.sqlite":                                           file("/var/lib/hub.sqlite"),
		"./12:30.sqlite":                                                file("/srv/hub/12:30.sqlite"),
		"postgresql+psycopg2://hub:hunter2@db:5432/hub?sslmode=require": {Engine: PostgreSQL, Driver: "psycopg2", User: "hub", Host: "db", Port: 5432, Database: "hub"},
		"postgres://hub%40corp:p%40ss@db/hub":                           {Engine: PostgreSQL, User: "hub@corp", Host: "db", Database: "hub"},
		"postgresql://hub:a/b#c@[::1]:5432/hub":                         {Engine: PostgreSQL, User: "hub", Host: "::1", Port: 5432, Database: "hub"},
		"postgresql:///hub?host=/var/run&password=hunter2":              {Engine: PostgreSQL, Host: "/var/run", Database: "hub"},
		"postgresql://%zz:hunter2@db/a%20b#c":                           {Engine: PostgreSQL, User: "%zz", Host: "db", Database: "a%20b#c"},
		"postgresql://h?dbname=a&user=b+c&port=1&host=d":                {Engine: PostgreSQL, User: "b c", Host: "d", Port: 1, Database: "a"},
		"postgresql://u@/hub?host=a:1&host=b":                           {Engine: PostgreSQL, User: "u", Host: "a:1,b", Database: "hub"},
		"postgresql://u@/hub?host=a,b&port=1":                           {Engine: PostgreSQL, User: "u", Host: "a,b", Port: 1, Database: "hub"},
		"postgresql+psycopg://u@:5433/hub?host=/run":                    {Engine: PostgreSQL, Driver: "psycopg", User: "u", Host: "/run", Port: 5433, Database: "hub"},
		"mysql://u@h:3307/x?db=hub&host=db&port=1&user=v":               {Engine: MySQL, User: "v", Host: "db", Port: 1, Database: "hub"},
		"mysql://u@h/hub?unix_socket=/run/s":                            {Engine: MySQL, User: "u", Host: "/run/s", Database: "hub"},
		"mysql+pymysql://hub:hunter2@db/hub":                            {Engine: MySQL, Driver: "pymysql", User: "hub", Host: "db", Database: "hub"},
		"mariadb+mariadbconnector://db/hub":                             {Engine: MySQL, Driver: "mariadbconnector", Host: "db", Database: "hub"},
	}
	for _, in := range []string{"sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///?cache=shared", ":memory:", "sqlite:///file:x?mode=memory&uri=true"} {
		tests[in] = file(inMemory)
	}
	for in, want := range tests {
		got, err := ParseURL(in, "/srv/hub")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", in, err, diff)
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	for in, says := range map[string]string{
		"":                                           "is empty",
		" ":                                          "is empty",
		"a\x00b":                                     "NUL",
		"sqlite:///file:%00?uri=true":                "percent escape",
		"sqlite:///file:%zz?uri=true":                "percent escape",
		"sqlite:///file://nas/hub?uri=true":          "another host",
		"sqlite:///hub.sqlite?a=%zz":                 "options",
		"sqlite://hub.sqlite":                        "three slashes",
		"sqlite://hub:hunter2@x/hub.sqlite":          "three slashes",
		"sqlite+pysqlcipher:///hub.sqlite":           "encrypted",
		"oracle://hub:hunter2@db/x":                  `"oracle" is not known`,
		"postgresql:hub:hunter2@db/hub":              `has no "://"`,
		"hub:hunter2@db/hub":                         `has no "://"`,
		"postgresql://hub:hunter2@db:x/hub":          "port",
		"postgresql://hub:hunter2@db:99999/hub":      "port",
		"postgresql://hub:1@hunter2@db/hub":          "percent-escape",
		"postgresql://h/ub:hunter2@db/hub":           "percent-escape",
		"postgresql://hub:hunter2@db/h%00?user=a%00": "NUL",
		"postgresql://db/hub?host=a@b":               "'@'",
		"://":                                        "SQLAlchemy",
		"my-sql://hub:hunter2@db":                    "SQLAlchemy",
	} {
		u, err := ParseURL(in, "/srv/hub")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %+v, error %v does not say %q", in, u, err, says)
		}
	}
}

func TestURLString(t *testing.T) {
	for in, want := range map[string]string{
		"hub.sqlite": "/srv/hub/hub.sqlite",
		"postgresql+psycopg2://hub:hunter2@db:5432/hub?password=hunter2": "postgresql://hub@db:5432/hub",
		"mysql://db/hub": "mysql://db/hub",
	} {
		u, err := ParseURL(in, "/srv/hub")
		if got := u.String(); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

// FuzzParseURL puts a password where one stands in a URL, with any text before
// and after it, and looks for it in what comes out.
func FuzzParseURL(f *testing.F) {
	for _, before := range []string{"postgresql://hub", "postgresql+psycopg2://", "mysql://h/d", "mysql://h?q=", "sqlite://x", "postgresql:", "hub", "a://b:c@d", "postgresql://[::1]",
		"mysql://h/d?", "mysql://h/d?password=x&ssl_mode=", "postgresql://h/d?sslmode=", "postgresql://h/d?host=a:1&host=", "postgresql://h/d?port=", "mysql://h/d?ssl_verify_cert="} {
		f.Add(before, "db:5432/hub?sslmode=require")
		f.Add(before, "")
		f.Add(before, "b@c")
		f.Add(before, "db/hub?ssl_ca=a&ssl_disabled=no&connect_timeout=1e9&%zz=%00")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const password = "hunter2hunter2"
		if strings.Contains(before, password) || strings.Contains(after, password) {
			return
		}
		u, err := ParseURL(before+":"+password+"@"+after, "/srv/hub")
		if err == nil && u.Engine == SQLite {
			return // it is part of a file's name
		}
		if out := fmt.Sprintf("%v %s %#v", err, u, u); strings.Contains(out, password) {
			t.Errorf("%q %q: %s", before, after, out)
		}
	})
}
