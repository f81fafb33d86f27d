package world

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// schemaFiles hold, for one JupyterHub version of each schema, the statements
// with which it creates its tables.
//
//go:embed schema/*.sql
var schemaFiles embed.FS

// schema is what differs between versions in the tables that an audit reads.
type schema struct {
	revision   string // alembic's head; none before 0.8
	spawners   bool   // the table spawners, and not columns of users
	timestamps bool   // users.created and spawners.started
}

var schemas = map[string]schema{
	"0.7.2":   {},
	"0.8.1":   {revision: "3ec6993fe20c", spawners: true},
	"0.9.6":   {revision: "896818069c98", spawners: true, timestamps: true},
	"1.5.1":   {revision: "4dc2d5a8c53c", spawners: true, timestamps: true},
	"2.3.1":   {revision: "833da8570507", spawners: true, timestamps: true},
	"3.1.1":   {revision: "651f5419b74d", spawners: true, timestamps: true},
	"4.1.6":   {revision: "0eee8c825d24", spawners: true, timestamps: true},
	"5.5.1":   {revision: "4621fec11365", spawners: true, timestamps: true},
	"6.0.0b2": {revision: "f460b0348206", spawners: true, timestamps: true},
}

// CurrentSchema is the JupyterHub version of a healthy world.
const CurrentSchema = "5.5.1"

// Schemas are the JupyterHub versions whose databases WriteDatabase can write,
// oldest first.
func Schemas() []string { return slices.Sorted(maps.Keys(schemas)) }

// FitSchema takes from a hub's database what that JupyterHub version could not
// have remembered, and gives it that version's revision and constraints.
func FitSchema(hub *facts.Hub, version string) {
	has, ok := schemas[version]
	if !ok {
		panic("world: no schema of JupyterHub " + version)
	}
	d := &hub.Database
	d.Revisions, d.CookieNotNull, d.CookieUnique, d.Columns = nil, false, false, columns(version)
	if has.revision != "" {
		d.Revisions, d.CookieNotNull, d.CookieUnique = []string{has.revision}, true, true
	}
	if !has.timestamps {
		for i := range hub.Users {
			hub.Users[i].Created = time.Time{}
			hub.Users[i].BrokenTimes = without(hub.Users[i].BrokenTimes, "created")
		}
		for i := range hub.Spawners {
			hub.Spawners[i].Started = time.Time{}
			hub.Spawners[i].BrokenTimes = without(hub.Spawners[i].BrokenTimes, "started")
		}
	}
	if !has.spawners {
		fitUserState(hub)
	}
}

// columns are those of the tables users, spawners and servers in that version,
// sorted.
func columns(version string) map[string][]string {
	text, err := schemaFiles.ReadFile("schema/" + version + ".sql")
	if err != nil {
		panic(err) // every version of schemas is embedded
	}
	found := map[string][]string{}
	table := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
			table, _, _ = strings.Cut(name, " ")
		}
		column, _, _ := strings.Cut(strings.TrimPrefix(line, "\t"), " ")
		// Constraints are in capitals.
		if strings.HasPrefix(line, "\t") && column == strings.ToLower(column) && slices.Contains([]string{"users", "spawners", "servers"}, table) {
			found[table] = append(found[table], column)
		}
	}
	for _, names := range found {
		slices.Sort(names)
	}
	return found
}

// runningVersion is the JupyterHub that can have started on a database.
func runningVersion(d *facts.Database) string {
	if len(d.Revisions) == 0 && len(d.Columns["spawners"]) == 0 && len(d.Columns) > 0 {
		return Schemas()[0]
	}
	for version, has := range schemas {
		if slices.Contains(d.Revisions, has.revision) {
			return version
		}
	}
	return CurrentSchema
}

// without takes a word out of a list with commas.
func without(words, word string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(words, ","), func(w string) bool { return w == word }), ",")
}

// fitUserState keeps one nameless spawner of each user, as a hub does that has
// its spawner's state in the table users.
func fitUserState(hub *facts.Hub) {
	states := map[int64]facts.Spawner{}
	for _, sp := range hub.Spawners {
		if sp.Name == "" {
			states[sp.UserID] = sp
		}
	}
	running := map[int64]bool{}
	hub.Spawners = nil
	for _, u := range hub.Users {
		sp := states[u.ID]
		running[sp.ServerID] = true
		hub.Spawners = append(hub.Spawners, facts.Spawner{UserID: u.ID, ServerID: sp.ServerID, State: sp.State})
	}
	hub.Servers = slices.DeleteFunc(hub.Servers, func(s facts.Server) bool { return !running[s.ID] })
}

// statements are a version's CREATE statements, with the constraints on
// users.cookie_id that the database is said to have.
func statements(version string, d *facts.Database) (string, error) {
	text, err := schemaFiles.ReadFile("schema/" + version + ".sql")
	if err != nil {
		return "", fmt.Errorf("no schema of JupyterHub %s is known: use one of %s", version, strings.Join(Schemas(), ", "))
	}
	ddl := string(text)
	const notNull = "cookie_id VARCHAR(255) NOT NULL"
	if !schemas[version].spawners {
		if d.CookieNotNull || d.CookieUnique {
			return "", fmt.Errorf("a database of JupyterHub %s has no constraint on users.cookie_id", version)
		}
		return ddl, nil
	}
	if !d.CookieNotNull {
		ddl = strings.Replace(ddl, notNull, strings.TrimSuffix(notNull, " NOT NULL"), 1)
	}
	if !d.CookieUnique {
		for _, unique := range []string{",\n\tCONSTRAINT uq_users_cookie_id UNIQUE (cookie_id)", ",\n\tUNIQUE (cookie_id)"} {
			ddl = strings.Replace(ddl, unique, "", 1)
		}
	}
	return ddl, nil
}
