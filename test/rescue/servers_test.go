package rescue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/rescue"
	"hubaudit/test/servers"
)

// hostile are names that break what quotes badly. No two are one name to
// MariaDB.
var hostile = []string{"ann", "o'brien", `back\slash`, `\`, `'`, `\'`, "'; DROP TABLE users; --", "new\nline", "carriage\r\nreturn", "tab\tand\x01control", "\x1a", `"quoted"`,
	"😀 four bytes", "josé", "İstanbul", "$hubaudit$", "$$", ":name :'name'", "%s%d%%", "?1 :name @x $y", "-- comment", "/* comment */", "\\! echo", "\\q", "delimiter ;;",
	"\u202eright to left", strings.Repeat("é", 255)}

func planOf(names ...string) *rescue.Plan {
	at := time.Date(2026, 11, 20, 12, 0, 0, 654321000, time.UTC)
	p := &rescue.Plan{Hub: "o'hub\n\\"}
	for i, name := range names {
		p.Users = append(p.Users, rescue.User{ID: int64(5*i + 3), Name: name, Admin: i%3 == 1, Created: at, LastActivity: at,
			Servers: []rescue.Server{{Namespace: "jhub", Claim: fmt.Sprintf("claim-%d", i)}, {Name: name, Namespace: "jhub", Claim: "claim-'\\\"é", LastActivity: at}, {Name: "never started"}}})
	}
	return p
}

// engine is a server with databases whose tables a hub made.
type engine struct{ *servers.Database }

func both(t *testing.T) []engine {
	t.Helper()
	return []engine{{servers.StartPostgres(t)}, {servers.StartMariaDB(t)}}
}

func (e engine) fresh(t *testing.T) (name, dbURL string) {
	t.Helper()
	name, dbURL = newDatabase(t, e.Database)
	makeTables(t, dbURL)
	return name, dbURL
}

// with changes a setting of all sessions that begin meanwhile.
func (e engine) with(t *testing.T, setting string, do func() (string, error)) (string, error) {
	t.Helper()
	name, _, _ := strings.Cut(setting, " ")
	if e.Engine == "postgresql" {
		e.Exec(t, "", "ALTER ROLE "+hubUser+" SET "+setting)
		defer e.Exec(t, "", "ALTER ROLE "+hubUser+" RESET "+name)
		return do()
	}
	e.Exec(t, "", "SET GLOBAL "+setting)
	defer e.Exec(t, "", "SET GLOBAL "+name+" = DEFAULT")
	return do()
}

// TestHostileNames: what names hold stays in the names, whatever the settings of
// the server and the client.
func TestHostileNames(t *testing.T) {
	p := planOf(hostile...)
	settings := map[string][]string{
		"postgresql": {"standard_conforming_strings = on", "standard_conforming_strings = off", "client_encoding = 'LATIN1'", "datestyle = 'German'", "timezone = 'Asia/Tokyo'"},
		"mysql":      {"sql_mode = ''", "sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", "sql_mode = 'NO_AUTO_VALUE_ON_ZERO,PIPES_AS_CONCAT'", "time_zone = '+09:00'", "character_set_server = 'latin1'"},
	}
	for _, e := range both(t) {
		for _, setting := range settings[e.Engine] {
			t.Run(e.Engine+" "+setting, func(t *testing.T) {
				name, dbURL := e.fresh(t)
				text := sqlFor(t, dbURL, p)
				said, err := e.with(t, setting, func() (string, error) { return apply(t, e.Database, name, text) })
				if err != nil || strings.Contains(said, "ERROR") {
					t.Fatalf("%v: %s", err, said)
				}
				verify(t, p, readDB(t, dbURL))
			})
		}
		t.Run(e.Engine+" with Go's driver", func(t *testing.T) {
			name, dbURL := e.fresh(t)
			_, err := connect(t, e.Database, name).ExecContext(t.Context(), string(sqlFor(t, dbURL, p)))
			must(t, err)
			verify(t, p, readDB(t, dbURL))
		})
	}
}

// goOn make a client go on after an error, as somebody does who reads the file
// into an open session.
var goOn = map[string][][]string{"postgresql": {nil, {"--set=ON_ERROR_STOP=1"}, {"--set=ON_ERROR_STOP=0"}}, "mysql": {nil, {"--force"}}}

// TestAllOrNothing: where any part fails, or somebody is there already, nothing
// is written, whatever the client does.
func TestAllOrNothing(t *testing.T) {
	for _, e := range both(t) {
		insert := "INSERT INTO users (id, name, cookie_id) VALUES (4, 'earlier', 'c')"
		orphan := "INSERT INTO spawners (name) VALUES ('orphan')"
		broken := map[string]string{"postgresql": "ALTER TABLE spawners ADD shard INTEGER NOT NULL", "mysql": "ALTER TABLE spawners ADD CHECK (name <> 'o''brien')"}[e.Engine]
		for why, c := range map[string]struct{ before, says string }{
			"a user is there":   {insert, "users or servers already"},
			"a server is there": {orphan, "users or servers already"},
			"a row is refused":  {broken, "ERROR"},
		} {
			for _, options := range goOn[e.Engine] {
				t.Run(fmt.Sprint(e.Engine, " ", why, " ", options), func(t *testing.T) {
					name, dbURL := e.fresh(t)
					text := sqlFor(t, dbURL, planOf("ann", "o'brien", "cat"))
					e.Exec(t, name, c.before)
					db := connect(t, e.Database, name)
					const count = "SELECT concat_ws(' ', (SELECT count(*) FROM users), (SELECT count(*) FROM spawners))"
					before := rows(t, db, count)
					said, _ := apply(t, e.Database, name, text, options...) // what a client calls a failure differs
					if !strings.Contains(said, c.says) {
						t.Errorf("it says %q, want %q", said, c.says)
					}
					if after := rows(t, db, count); !slices.Equal(before, after) {
						t.Errorf("users and servers were %s and are %s", before, after)
					}
				})
			}
		}
	}
}

// TestAppliedTwice: the second time is refused, and the first stands.
func TestAppliedTwice(t *testing.T) {
	p := planOf("ann", "ben")
	for _, e := range both(t) {
		name, dbURL := e.fresh(t)
		text := sqlFor(t, dbURL, p)
		for i := range 2 {
			if said, _ := apply(t, e.Database, name, text); strings.Contains(said, "ERROR") != (i == 1) {
				t.Errorf("%s, time %d: %s", e.Engine, i+1, said)
			}
			verify(t, p, readDB(t, dbURL))
		}
	}
}

// TestAccents: names that MariaDB alone takes for one are its own to refuse.
func TestAccents(t *testing.T) {
	for _, e := range both(t) {
		name, dbURL := e.fresh(t)
		said, _ := apply(t, e.Database, name, sqlFor(t, dbURL, planOf("jose", "josé")), goOn[e.Engine][1]...)
		want := map[string]string{"postgresql": "2", "mysql": "0"}[e.Engine]
		if got := rows(t, connect(t, e.Database, name), "SELECT count(*) FROM users"); got[0] != want || strings.Contains(said, "Duplicate entry") != (e.Engine == "mysql") {
			t.Errorf("%s has %s users, want %s, and says %q", e.Engine, got, want, said)
		}
	}
}

// TestManyUsers is the size that hubs have.
func TestManyUsers(t *testing.T) {
	var names []string
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("student-%d@example.org", i))
	}
	p := planOf(names...)
	for _, e := range both(t) {
		name, dbURL := e.fresh(t)
		text := sqlFor(t, dbURL, p)
		begin := time.Now()
		if said, err := apply(t, e.Database, name, text); err != nil || strings.Contains(said, "ERROR") {
			t.Fatalf("%v: %s", err, said)
		}
		t.Logf("%s: %d users, %d bytes of SQL, in %s", e.Engine, len(names), len(text), time.Since(begin).Round(time.Millisecond))
		verify(t, p, readDB(t, dbURL))
	}
}
