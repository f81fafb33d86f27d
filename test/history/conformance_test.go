// Package history_test holds the history against real PostgreSQL servers.
package history_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hubaudit/test/servers"
)

// notOnAServer are tests of the package that are about SQLite's files, about
// nothing that a database does, or slow: the random lives are the same in both.
const notOnAServer = "^(Test(OpenRefuses|File|Folder|Foreign|EmptyFile|Upgrade|Naming|.*AgainstModel|ModelIsNotBlind)|Fuzz)"

// TestConformance runs the tests of internal/history once more, with each of
// their stores in a database of its own: on a server, and behind a pooler.
func TestConformance(t *testing.T) {
	d := servers.StartPostgres(t, "max_connections=300")
	t.Run("direct", func(t *testing.T) { conform(t, d) })
	for _, mode := range []string{"session", "transaction"} {
		t.Run("pooled by "+mode, func(t *testing.T) { conform(t, servers.StartPgBouncer(t, d, mode)) })
	}
}

func conform(t *testing.T, d *servers.Database) {
	admin := url.URL{Scheme: "postgresql", Path: "/postgres", RawQuery: url.Values{"host": {d.Socket}, "port": {fmt.Sprint(d.Port)}, "user": {"postgres"}}.Encode()}
	// Its own environment, as these tests' module is another one.
	c := exec.Command("go", "test", "-count=1", "-short", "-skip", notOnAServer, "./internal/history")
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), "HUBAUDIT_TEST_POSTGRES="+admin.String())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
