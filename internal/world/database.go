package world

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"hubaudit/internal/facts"
)

// WriteDatabase writes the hub's SQLite database as the JupyterHub of that
// version (one of Schemas) keeps it, over whatever is at path. The same facts
// give the same rows. A hub whose database lost all tables or all bytes gets
// what such an accident leaves; rows that refer to users or servers who are not
// there are that damage themselves. Other damage cannot be written and is an
// error.
func WriteDatabase(path string, hub *facts.Hub, version string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make room for the hub database: %w", err)
	}
	if err := createDatabase(path, hub, version); err != nil {
		return fmt.Errorf("write the hub database %s: %w", path, err)
	}
	for _, d := range hub.Database.Damage {
		var err error
		switch d.Kind {
		case facts.DamageNoTables:
			err = saveEmptyOver(path)
		case facts.DamageZeroBytes:
			err = os.Truncate(path, 0)
		case facts.DamageUsersRemade, facts.DamageForeignKey: // in the rows
		default:
			err = errors.New("a world cannot write this damage")
		}
		if err != nil {
			return fmt.Errorf("damage the hub database %s (%s): %w", path, d.Kind, err)
		}
	}
	if t := hub.Database.Modified; !t.IsZero() {
		return os.Chtimes(path, t, t)
	}
	return nil
}

func createDatabase(path string, hub *facts.Hub, version string) (err error) {
	ddl, err := statements(version, &hub.Database)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	w := rowWriter{tx: tx, hub: hub, has: schemas[version]}
	w.exec(ddl)
	w.servers()
	if w.has.spawners {
		w.revisions()
		w.users()
		w.spawners()
	} else {
		w.usersWithState()
	}
	if w.err != nil {
		return errors.Join(w.err, tx.Rollback())
	}
	return tx.Commit()
}

// rowWriter fills the tables; after the first error it does nothing more.
type rowWriter struct {
	tx  *sql.Tx
	hub *facts.Hub
	has schema
	err error
}

func (w *rowWriter) exec(statement string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.Exec(statement, args...)
	}
}

// insert prepares a statement once and runs it with the arguments of each row.
func (w *rowWriter) insert(statement string, rows int, args func(i int) []any) {
	if w.err != nil {
		return
	}
	prepared, err := w.tx.Prepare(statement)
	if err != nil {
		w.err = err
		return
	}
	defer prepared.Close()
	for i := range rows {
		if _, err := prepared.Exec(args(i)...); err != nil {
			w.err = fmt.Errorf("row %d: %w", i+1, err)
			return
		}
	}
}

func (w *rowWriter) revisions() {
	w.insert("INSERT INTO alembic_version (version_num) VALUES (?)", len(w.hub.Database.Revisions),
		func(i int) []any { return []any{w.hub.Database.Revisions[i]} })
}

func (w *rowWriter) servers() {
	names := map[int64]string{}
	for _, u := range w.hub.Users {
		names[u.ID] = u.Name
	}
	paths := map[int64]string{}
	for _, sp := range w.hub.Spawners {
		paths[sp.ServerID] = "/user/" + names[sp.UserID] + "/" + sp.Name
	}
	w.insert("INSERT INTO servers (id, proto, ip, port, base_url, cookie_name) VALUES (?, 'http', ?, ?, ?, 'cookie')",
		len(w.hub.Servers), func(i int) []any {
			s := w.hub.Servers[i]
			return []any{s.ID, s.IP, s.Port, paths[s.ID]}
		})
}

func (w *rowWriter) users() {
	statement := "INSERT INTO users (id, name, admin, last_activity, cookie_id, state, created) VALUES (?, ?, ?, ?, ?, '{}', ?)"
	if !w.has.timestamps {
		statement = "INSERT INTO users (id, name, admin, last_activity, cookie_id, state) VALUES (?, ?, ?, ?, ?, '{}')"
	}
	w.insert(statement, len(w.hub.Users), func(i int) []any {
		u := w.hub.Users[i]
		row := []any{u.ID, u.Name, u.Admin, datetime(u.LastActivity, u.BrokenTimes, "last_activity"), cookie(u)}
		if w.has.timestamps {
			row = append(row, datetime(u.Created, u.BrokenTimes, "created"))
		}
		return row
	})
}

// usersWithState writes users as a hub of 0.7 does, with their spawner's state.
func (w *rowWriter) usersWithState() {
	spawners := map[int64]facts.Spawner{}
	for _, sp := range w.hub.Spawners {
		spawners[sp.UserID] = sp
	}
	w.insert("INSERT INTO users (id, name, admin, last_activity, cookie_id, state, _server_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
		len(w.hub.Users), func(i int) []any {
			u := w.hub.Users[i]
			sp := spawners[u.ID]
			return []any{u.ID, u.Name, u.Admin, datetime(u.LastActivity, u.BrokenTimes, "last_activity"), cookie(u), state(sp.State), reference(sp.ServerID)}
		})
}

func (w *rowWriter) spawners() {
	statement := "INSERT INTO spawners (id, user_id, server_id, state, name, last_activity, started) VALUES (?, ?, ?, ?, ?, ?, ?)"
	if !w.has.timestamps {
		statement = "INSERT INTO spawners (id, user_id, server_id, state, name, last_activity) VALUES (?, ?, ?, ?, ?, ?)"
	}
	w.insert(statement, len(w.hub.Spawners), func(i int) []any {
		sp := w.hub.Spawners[i]
		row := []any{sp.ID, reference(sp.UserID), reference(sp.ServerID), state(sp.State), sp.Name, datetime(sp.LastActivity, sp.BrokenTimes, "last_activity")}
		if w.has.timestamps {
			row = append(row, datetime(sp.Started, sp.BrokenTimes, "started"))
		}
		return row
	})
}

// datetime spells a column's time as SQLAlchemy stores it in SQLite: naive UTC
// with microseconds; absent is NULL. Of the broken columns, comma-separated, a
// time is spelled as hubs cannot read it, and an absent one is no time at all.
func datetime(t time.Time, broken, column string) any {
	isBroken := slices.Contains(strings.Split(broken, ","), column)
	switch {
	case isBroken && t.IsZero():
		return "unknown"
	case isBroken:
		return t.UTC().Format("2006-01-02T15:04:05.000000Z")
	case t.IsZero():
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000")
}

// reference is a foreign key, NULL for 0.
func reference(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// cookie makes up a cookie_id of the state that the user's is in.
func cookie(u facts.User) any {
	id := "user " + strconv.FormatInt(u.ID, 10) + " " + u.Name
	switch u.Cookie {
	case facts.CookieNull:
		return nil
	case facts.CookieEmpty:
		return ""
	case facts.CookieShared:
		id = "shared " + strconv.FormatInt(u.CookieSharedWith, 10)
	}
	if u.CookieHandMade {
		return "made by hand for " + id
	}
	sum := sha256.Sum256([]byte("hubaudit test cookie of " + id))
	return hex.EncodeToString(sum[:16])
}

// state is spawners.state: NULL, or JSON in KubeSpawner's order of keys.
func state(s facts.SpawnerState) any {
	switch s.Form {
	case "":
		return nil
	case "empty":
		return "{}"
	case "broken":
		return `{"pod_name": `
	}
	keys := []struct{ name, value string }{{"kubespawner_version", s.KubeSpawnerVersion}, {"pod_name", s.PodName},
		{"namespace", s.Namespace}, {"pvc_name", s.PVCName}}
	out := []byte("{")
	for _, k := range keys {
		if k.value == "" && k.name != "pod_name" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ", "...)
		}
		value, err := json.Marshal(k.value)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		out = fmt.Appendf(out, "%q: %s", k.name, value)
	}
	return string(append(out, '}'))
}
