package rescue_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/world"
)

// database is an empty one of JupyterHub 5.5.1 on a server.
func database(engine string) *facts.Database {
	hub := &facts.Hub{}
	world.FitSchema(hub, "5.5.1")
	hub.Database.Engine = engine
	return &hub.Database
}

func sqlOf(tb testing.TB, engine string, p *rescue.Plan) string {
	tb.Helper()
	var b bytes.Buffer
	check(tb, rescue.WriteSQL(&b, database(engine), p))
	return b.String()
}

var engines = []string{"postgresql", "mysql"}

// TestSQLIsOneTransaction: hostile names leave the script's shape as it is. What
// it does on real servers is tested in the folder test/rescue.
func TestSQLIsOneTransaction(t *testing.T) {
	names := slices.DeleteFunc(slices.Clone(hostile), func(n string) bool { return n == "Bob" })
	for _, engine := range engines {
		text := sqlOf(t, engine, withNamedServers(hostilePlan(names...)))
		for _, r := range text {
			if r != '\n' && (r < ' ' || r > '~') {
				t.Fatalf("%s: the character %q", engine, r)
			}
		}
		if !strings.Contains(text, "-- The users of the hub \"data\\nhub\"") {
			t.Errorf("%s: the hub's name is not quoted:\n%.300s", engine, text)
		}
		if got := strings.Count(text, "INSERT INTO users ("); got != 1 {
			t.Errorf("%s: %d statements insert users", engine, got)
		}
		for _, wrong := range []string{"DROP", "*/", `\slash`} {
			if strings.Contains(text, wrong) {
				t.Errorf("%s: %q comes through", engine, wrong)
			}
		}
	}
}

func TestSQLBatches(t *testing.T) {
	for _, engine := range engines {
		text := sqlOf(t, engine, manyUsers(1001))
		for _, table := range []string{"users", "spawners"} {
			if got := strings.Count(text, "INSERT INTO "+table+" ("); got != 3 {
				t.Errorf("%s: %d statements insert into %s, want 3", engine, got, table)
			}
		}
		cookies := regexp.MustCompile(`'[0-9a-f]{32}'`).FindAllString(text, -1)
		if slices.Sort(cookies); len(slices.Compact(cookies)) != 1001 {
			t.Errorf("%s: %d cookie_ids are different, want 1001", engine, len(cookies))
		}
	}
}

func TestSQLRefuses(t *testing.T) {
	old := &facts.Hub{}
	world.FitSchema(old, "0.7.2")
	old.Database.Engine = "postgresql"
	half := database("mysql")
	half.Columns = map[string][]string{"users": half.Columns["users"]}
	for name, c := range map[string]struct {
		database *facts.Database
		plan     *rescue.Plan
		says     []string
	}{
		"sqlite":             {database("sqlite"), manyUsers(1), []string{`"sqlite"`, "a new file"}},
		"JupyterHub 0.7":     {&old.Database, manyUsers(1), []string{"no column spawners."}},
		"unseen columns":     {half, manyUsers(1), []string{"no column spawners."}},
		"nothing seen":       {&facts.Database{Engine: "mysql"}, manyUsers(1), []string{"start a hub"}},
		"no users":           {database("mysql"), &rescue.Plan{}, []string{"no users"}},
		"one name for MySQL": {database("mysql"), hostilePlan("Bob", "eve", "bob", "ann ", "ann"), []string{`"Bob" and "bob"`, `"ann " and "ann"`}},
		"two for PostgreSQL": {database("postgresql"), hostilePlan("Bob", "eve", "bob"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := rescue.WriteSQL(&b, c.database, c.plan)
			if (err != nil) != (c.says != nil) || err != nil && b.Len() > 0 {
				t.Errorf("the error is %v, after %d bytes", err, b.Len())
			}
			for _, say := range c.says {
				if err != nil && !strings.Contains(err.Error(), say) {
					t.Errorf("the error is %v, want %q", err, say)
				}
			}
		})
	}
}

// full is a disk without room.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestSQLTellsOfAFullDisk(t *testing.T) {
	for _, room := range []int{0, 10_000} {
		if err := rescue.WriteSQL(&full{room}, database("mysql"), manyUsers(500)); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes the error is %v", room, err)
		}
	}
}

func BenchmarkWriteSQL(b *testing.B) {
	for _, engine := range engines {
		for _, n := range []int{1000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", engine, n), func(b *testing.B) {
				d, p := database(engine), manyUsers(n)
				b.ReportAllocs()
				for b.Loop() {
					check(b, rescue.WriteSQL(io.Discard, d, p))
				}
			})
		}
	}
}
