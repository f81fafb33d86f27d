package hubdb_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/hubdb"
)

// TestAgainstSQLAlchemy reads URLs with Debian's SQLAlchemy, which JupyterHub
// brings along, and holds what it makes of them against this.
func TestAgainstSQLAlchemy(t *testing.T) {
	const program = `
import sys
from sqlalchemy.engine import make_url
for line in sys.stdin:
    u = make_url(line.rstrip("\n"))
    print("|".join(str(x or "") for x in (u.username, u.host, u.port, u.database)))
`
	urls := []string{
		"postgresql://hub:a/b%23c%40d@db:5432/hub", "postgresql+psycopg2://hub:a/b#c?d@db/hub#1?sslmode=require", "mysql+pymysql://h%C3%BCb:100%25@db/hub%20x",
		"mysql+pymysql://hub:100%sure@db/hub", "postgresql://hub:%zz%e9@[::1]:1/hub", "postgresql://:x@/hub", "postgresql://hub:a+b%2Bc@db/hub", "mysql://hub@db/hub",
	}
	c := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", program)
	c.Stdin = strings.NewReader(strings.Join(urls, "\n"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("python3 with SQLAlchemy (apt-get install jupyterhub): %v\n%s", err, out)
	}
	var want []string
	for _, u := range urls {
		p, err := hubdb.ParseURL(u, "/")
		must(t, err)
		port := ""
		if p.Port != 0 {

			port = strconv.Itoa(p.Port)
		}
		want = append(want, strings.Join([]string{p.User, p.Host, port, p.Database}, "|"))
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.TrimSpace(string(out))); diff != "" {
		t.Errorf("(-here +SQLAlchemy):\n%s", diff)
	}
}
