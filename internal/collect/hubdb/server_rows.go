package hubdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// readRows reads the core tables.
func (s *server) readRows(ctx context.Context) error {
	if err := s.readRevisions(ctx); err != nil {
		return err
	}
	if s.tables["users"].has("id", "name") {
		if err := s.readUsers(ctx); err != nil {
			return err
		}
	}
	if s.tables["spawners"].has("id", "user_id") {
		if err := s.readSpawners(ctx); err != nil {
			return err
		}
	}
	if s.tables["servers"].has("id") {
		if err := s.readServers(ctx); err != nil {
			return err
		}
	}
	s.judgeSpawners(s.tables)
	return nil
}

// column is what is asked of a table: an expression over one of its columns.
type column struct {
	name string
	as   func(table, column string) string
}

// scan reads all rows of a table. A column that this table does not have is
// NULL. One that the user may not read is an error, since what is missing would
// look like an old schema.
func (s *server) scan(ctx context.Context, table string, columns []column, row func(scan func(...any) error) error) error {
	t := s.tables[table]
	expressions := make([]string, len(columns))
	var forbidden []string
	for i, c := range columns {
		expressions[i] = "NULL"
		if !t.has(c.name) {
			continue
		}
		expressions[i] = c.as(table, c.name)
		if s.forbidden[table+"."+c.name] && !slices.Contains(forbidden, c.name) {
			forbidden = append(forbidden, c.name)
		}
	}
	if len(forbidden) > 0 {
		return source.Failed(facts.CauseForbidden, nil, "this user may not read all that is needed of the table %[1]s: GRANT SELECT (%[2]s) on %[1]s to it (docs/configuration.md has the whole list)",
			table, strings.Join(forbidden, ", "))
	}
	return s.query(ctx, table, "SELECT "+strings.Join(expressions, ", ")+" FROM "+s.dialect.from(table), row)
}

// query reads the rows of a query about a table, under new time limits.
func (s *server) query(ctx context.Context, table, query string, row func(scan func(...any) error) error) error {
	if err := s.bound(ctx); err != nil {
		return err
	}
	if err := s.each(ctx, query, row); err != nil {
		return fmt.Errorf("reading the table %s: %w", table, err)
	}
	return nil
}

func (s *server) readRevisions(ctx context.Context) error {
	if !s.tables["alembic_version"].has("version_num") {
		return nil
	}
	err := s.scan(ctx, "alembic_version", []column{{"version_num", s.dialect.text}}, func(scan func(...any) error) error {
		var v sql.NullString
		err := scan(&v)
		s.Database.Revisions = append(s.Database.Revisions, clean(v.String))
		return err
	})
	slices.Sort(s.Database.Revisions)
	return err
}

// readUsers reads users, and before JupyterHub 0.8 the one spawner of each.
func (s *server) readUsers(ctx context.Context) error {
	d, t := s.dialect, s.tables["users"]
	columns := []column{{"id", d.integer}, {"name", d.text}, {"admin", d.integer}, {"created", d.text}, {"last_activity", d.text},
		{"cookie_id", s.cookie}, {"cookie_id", s.handMade}}
	withSpawner := s.tables.beforeSpawners(s.Database.Revisions)
	if withSpawner {
		columns = append(columns, column{"_server_id", d.integer}, column{"state", s.state})
	}
	err := s.scan(ctx, "users", columns, func(scan func(...any) error) error {
		var id, admin, handMade, server sql.NullInt64
		var name, created, active, cookie, state sql.NullString
		to := []any{&id, &name, &admin, &created, &active, &cookie, &handMade, &server, &state}
		if err := scan(to[:len(columns)]...); err != nil {
			return err
		}
		var ts times
		u := facts.User{ID: id.Int64, Name: clean(name.String), Admin: admin.Int64 != 0, Created: ts.read("created", created),
			LastActivity: ts.read("last_activity", active), Cookie: facts.CookieState(cookie.String), CookieHandMade: handMade.Int64 != 0}
		u.BrokenTimes = ts.text()
		s.Users = append(s.Users, u)
		if withSpawner {
			s.Spawners = append(s.Spawners, facts.Spawner{UserID: id.Int64, ServerID: server.Int64, State: s.parseState(state)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Users = inOrder(t, s.Users, func(u facts.User) int64 { return u.ID })
	s.Spawners = inOrder(t, s.Spawners, func(sp facts.Spawner) int64 { return sp.UserID })
	s.UsersRead = facts.Complete
	return s.compareCookies(ctx, t)
}

// cookie tells NULL and empty from others, as the column's collation compares.
func (s *server) cookie(table, column string) string {
	c := s.dialect.compared(table, column)
	return fmt.Sprintf("CASE WHEN %[1]s IS NULL THEN 'null' WHEN %[1]s = '' THEN 'empty' ELSE 'unique' END", c)
}

func (s *server) handMade(table, column string) string {
	c := s.dialect.compared(table, column)
	return fmt.Sprintf("CASE WHEN %s IS NULL OR %s = '' OR %s THEN 0 ELSE 1 END", c, c, s.dialect.isHex32(table, column))
}

// compareCookies finds who shares a cookie_id, as the server compares values of
// that column: so would a hub find them.
func (s *server) compareCookies(ctx context.Context, t *table) error {
	if !t.has("cookie_id") {
		return nil
	}
	d := s.dialect
	query := fmt.Sprintf(`SELECT %[1]s, lowest FROM %[2]s JOIN
		(SELECT %[3]s AS shared, min(%[1]s) AS lowest FROM %[2]s WHERE %[3]s <> '' GROUP BY %[3]s HAVING count(*) > 1) AS twice
		ON %[3]s = shared`, d.integer("users", "id"), d.from("users"), d.compared("users", "cookie_id"))
	shared := map[int64]int64{}
	err := s.query(ctx, "users", query, func(scan func(...any) error) error {
		var id, lowest sql.NullInt64
		err := scan(&id, &lowest)
		shared[id.Int64] = lowest.Int64
		return err
	})
	for i := range s.Users {
		u := &s.Users[i]
		if lowest, ok := shared[u.ID]; ok && u.Cookie == facts.CookieUnique {
			u.Cookie, u.CookieSharedWith = facts.CookieShared, lowest
		}
	}
	return err
}

func (s *server) readSpawners(ctx context.Context) error {
	d := s.dialect
	columns := []column{{"id", d.integer}, {"user_id", d.integer}, {"name", d.text}, {"server_id", d.integer},
		{"started", d.text}, {"last_activity", d.text}, {"state", s.state}}
	err := s.scan(ctx, "spawners", columns, func(scan func(...any) error) error {
		var id, user, server sql.NullInt64
		var name, started, active, state sql.NullString
		if err := scan(&id, &user, &name, &server, &started, &active, &state); err != nil {
			return err
		}
		var ts times
		sp := facts.Spawner{ID: id.Int64, UserID: user.Int64, Name: clean(name.String), ServerID: server.Int64,
			Started: ts.read("started", started), LastActivity: ts.read("last_activity", active), State: s.parseState(state)}
		sp.BrokenTimes = ts.text()
		s.Spawners = append(s.Spawners, sp)
		return nil
	})
	s.Spawners = inOrder(s.tables["spawners"], s.Spawners, func(sp facts.Spawner) int64 { return sp.ID })
	return err
}

func (s *server) readServers(ctx context.Context) error {
	d := s.dialect
	err := s.scan(ctx, "servers", []column{{"id", d.integer}, {"ip", d.text}, {"port", d.integer}}, func(scan func(...any) error) error {
		var id, port sql.NullInt64
		var ip sql.NullString
		if err := scan(&id, &ip, &port); err != nil {
			return err
		}
		s.Servers = append(s.Servers, facts.Server{ID: id.Int64, IP: clean(ip.String), Port: int(port.Int64)})
		return nil
	})
	s.Servers = inOrder(s.tables["servers"], s.Servers, func(v facts.Server) int64 { return v.ID })
	return err
}

// state is a spawner's state up to the limit and one character more, by which
// parseState knows that there was more of it.
func (s *server) state(table, column string) string {
	return fmt.Sprintf("left(%s, %d)", s.dialect.text(table, column), stateLimit+1)
}

// parseState reads what state selects.
func (s *server) parseState(state sql.NullString) facts.SpawnerState {
	if len(state.String) <= stateLimit || utf8.RuneCountInString(state.String) <= stateLimit {
		return parseState(state)
	}
	return parseCut(state.String)
}

// parseCut reads a state that was cut off somewhere: the keys before the cut.
// KubeSpawner's come first.
func parseCut(state string) facts.SpawnerState {
	object := map[string]json.RawMessage{}
	d := json.NewDecoder(strings.NewReader(state))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return facts.SpawnerState{Form: "broken"}
	}
	for {
		var value json.RawMessage
		key, err := d.Token()
		name, isKey := key.(string)
		if err != nil || !isKey || d.Decode(&value) != nil {
			break
		}
		object[name] = value
	}
	return objectState(object)
}
