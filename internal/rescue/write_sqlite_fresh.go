package rescue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// howToMakeOne ends an error about a database that is not an empty one of a hub.
const howToMakeOne = "make an empty database with the hub's own image, " +
	`kubectl -n NAMESPACE exec deploy/hub -- python3 -c 'from jupyterhub import orm; orm.new_session_factory("sqlite:////tmp/fresh.sqlite")', ` +
	"and fetch it, kubectl -n NAMESPACE exec deploy/hub -- cat /tmp/fresh.sqlite > fresh.sqlite"

// column is what inserting has to know of a column.
type column struct {
	name string
	// required: a row without it cannot be inserted.
	required bool
}

// schema has the columns of the database's tables, by table.
type schema map[string][]column

func readSchema(ctx context.Context, db *conn) (schema, error) {
	rows, err := db.QueryContext(ctx, `SELECT t.name, c.name, c."notnull" AND c.dflt_value IS NULL AND c.pk = 0
		FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' ORDER BY t.name, c.cid`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	s := schema{}
	for rows.Next() {
		var table string
		var c column
		if err := rows.Scan(&table, &c.name, &c.required); err != nil {
			return nil, err
		}
		s[table] = append(s[table], c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, name := range []string{"id", "name", "cookie_id"} {
		if !s.has("users", name) {
			return nil, fmt.Errorf("it has no column users.%s: no hub made it; %s", name, howToMakeOne)
		}
	}
	if !s.spawners() && !s.has("users", "_server_id") {
		return nil, fmt.Errorf("it has no table spawners: no hub made it; %s", howToMakeOne)
	}
	return s, nil
}

func (s schema) has(table, name string) bool {
	return slices.ContainsFunc(s[table], func(c column) bool { return c.name == name })
}

// spawners tells a database with a table of servers from one of JupyterHub 0.7,
// which keeps the state of a user's only server with the user.
func (s schema) spawners() bool { return len(s["spawners"]) > 0 }

// fewUsers is how many users the configuration of a hub may have made who have
// no claim, as administrators often do.
const fewUsers = 20

// checkFresh refuses a database that people have used: what is in it would be
// lost in the copy.
func (t *filler) checkFresh(w *Written) error {
	planned := map[string]bool{}
	for _, u := range t.plan.Users {
		planned[u.Name] = true
	}
	names, err := texts(t, "SELECT CAST(name AS TEXT) FROM users WHERE name IS NOT NULL ORDER BY id")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !planned[name] {
			w.Dropped = append(w.Dropped, name)
		}
	}
	if n := len(w.Dropped); n > fewUsers {
		return notFresh("it has %d users whom the plan does not have, such as %q", n, w.Dropped[0])
	}
	used := "SELECT CAST(u.name AS TEXT) FROM spawners AS s LEFT JOIN users AS u ON u.id = s.user_id WHERE s.server_id IS NOT NULL OR "
	state := "s.state"
	if !t.schema.spawners() {
		used, state = "SELECT CAST(u.name AS TEXT) FROM users AS u WHERE u._server_id IS NOT NULL OR ", "u.state"
	}
	used += "coalesce(" + state + ", '') NOT IN ('', '{}', 'null') LIMIT 1"
	names, err = texts(t, used)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return notFresh("it remembers a server of user %q", names[0])
	}
	return nil
}

func notFresh(format string, args ...any) error {
	return fmt.Errorf("it is not an empty database: %s; %s", fmt.Sprintf(format, args...), howToMakeOne)
}

// texts are the values of a query's only column; NULL is "".
func texts(t *filler, query string) (found []string, err error) {
	rows, err := t.tx.QueryContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v *string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		if v == nil {
			v = new(string)
		}
		found = append(found, *v)
	}
	return found, rows.Err()
}

// clear removes all users with all that points at them. Everything of theirs
// comes from the hub's configuration, which the hub applies again at its start.
func (t *filler) clear() error {
	children, err := texts(t, `SELECT t.name || char(0) || f."from" FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f
		WHERE t.type = 'table' AND lower(f."table") = 'users'`)
	if err != nil {
		return err
	}
	for _, child := range children {
		table, column, _ := strings.Cut(child, "\x00")
		if _, err := t.tx.ExecContext(t.ctx, fmt.Sprintf("DELETE FROM %s WHERE %s IS NOT NULL", identifier(table), identifier(column))); err != nil {
			return fmt.Errorf("clear the table %s: %w", table, err)
		}
	}
	for _, table := range []string{"spawners", "users"} {
		if len(t.schema[table]) == 0 {
			continue
		}
		if _, err := t.tx.ExecContext(t.ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("clear the table %s: %w", table, err)
		}
	}
	return nil
}

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// choose are the columns of a table to be written: those of ours that it has.
// A column that cannot be left out and whose meaning is unknown is an error.
func (s schema) choose(table string, ours ...string) ([]string, error) {
	var chosen []string
	var unknown []error
	for _, c := range s[table] {
		switch {
		case slices.Contains(ours, c.name):
			chosen = append(chosen, c.name)
		case c.required:
			unknown = append(unknown, fmt.Errorf("the column %s.%s needs a value and is of a JupyterHub that this program does not know: "+
				"get a newer hubaudit, or report it", table, c.name))
		}
	}
	return chosen, errors.Join(unknown...)
}
