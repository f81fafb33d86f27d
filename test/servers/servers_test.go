package servers_test

import (
	"testing"

	"hubaudit/test/servers"
)

func TestStart(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *servers.Database{"postgresql": servers.StartPostgres, "mariadb": servers.StartMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			db := d.Admin(t, d.NewDatabase(t))
			var n int
			if err := db.QueryRow("SELECT 1").Scan(&n); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		})
	}
}
