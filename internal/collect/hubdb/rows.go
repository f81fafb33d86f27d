package hubdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"hubaudit/internal/facts"
)

// readUsers reads users, and before JupyterHub 0.8 the one spawner of each.
func (r *reader) readUsers(ctx context.Context, t *table) error {
	withSpawner := r.tables.beforeSpawners(r.Database.Revisions)
	expressions := []string{t.integer("id"), t.text("name"), t.integer("admin"), t.time("created"), t.time("last_activity"),
		"CASE WHEN " + t.column("cookie_id") + " IS NULL THEN 'null' WHEN " + t.text("cookie_id") + " = '' THEN 'empty' ELSE '' END", t.handMade(),
		t.integer("_server_id"), "NULL"}
	if withSpawner {
		expressions[len(expressions)-1] = stateExpression(t)
	}
	spans, damage, err := r.scanTable(ctx, t, expressions, func(scan func(...any) error) error {
		var id, admin, server sql.NullInt64
		var name, created, active, state sql.NullString
		var cookie string
		var handMade bool
		if err := scan(&id, &name, &admin, &created, &active, &cookie, &handMade, &server, &state); err != nil {
			return err
		}
		var ts times
		u := facts.User{ID: id.Int64, Name: clean(name.String), Admin: admin.Int64 != 0, Created: ts.read("created", created),
			LastActivity: ts.read("last_activity", active), Cookie: facts.CookieState(cookie), CookieHandMade: handMade}
		u.BrokenTimes = ts.text()
		if !t.has("cookie_id") {
			u.Cookie = ""
		}
		r.Users = append(r.Users, u)
		if withSpawner {
			r.Spawners = append(r.Spawners, facts.Spawner{UserID: u.ID, ServerID: server.Int64, State: parseState(state)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.Users = inOrder(t, r.Users, func(u facts.User) int64 { return u.ID })
	if withSpawner {
		r.Spawners = inOrder(t, r.Spawners, func(s facts.Spawner) int64 { return s.UserID })
	}
	r.UsersRead = facts.Complete
	if damage != nil {
		r.partlyRead(t, len(r.Users), damage)
	}
	if t.has("cookie_id") {
		return r.compareCookies(ctx, t, spans)
	}
	return nil
}

// inOrder sorts rows by id. Of a damaged table it drops rows that came twice;
// a whole one without a primary key may have the same id twice.
func inOrder[T any](t *table, rows []T, id func(T) int64) []T {
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	if t.broken {
		rows = slices.CompactFunc(rows, func(a, b T) bool { return id(a) == id(b) })
	}
	return rows
}

// partlyRead reports a table of which rows are lost.
func (r *reader) partlyRead(t *table, rows int, damage error) {
	if t.name == "users" {
		r.UsersRead = facts.Partial
		if rows == 0 {
			r.UsersRead = facts.None
		}
	}
	if damage != nil {
		r.damaged(facts.DamageIntegrity, fmt.Sprintf("the table %s is damaged; %d of its rows could be read: %v", t.name, rows, damage), true)
	}
}

// compareCookies finds who shares a cookie_id. The values stay in SQL, in a
// table in memory that holds those of the readable rows.
func (r *reader) compareCookies(ctx context.Context, t *table, spans []span) error {
	// LIMIT, not the span's last key: to compare the next key, SQLite would
	// step on to the broken page.
	insert := fmt.Sprintf(`INSERT OR IGNORE INTO temp.audit_cookies SELECT key, id, cookie FROM (
		SELECT %[3]s AS key, %[1]s AS id, cookie_id AS cookie FROM main.%[2]s NOT INDEXED WHERE %[3]s >= ? ORDER BY %[3]s LIMIT ?)
		WHERE CAST(cookie AS TEXT) <> ''`, t.integer("id"), t.name, t.key)
	_, err := r.ExecContext(ctx, "CREATE TEMP TABLE audit_cookies (key INTEGER PRIMARY KEY, id INTEGER, cookie)")
	for _, s := range spans {
		if err == nil {
			_, err = r.ExecContext(ctx, insert, s.from, s.rows)
		}
	}
	shared := map[int64]int64{}
	if err == nil {
		err = r.each(ctx, `SELECT id, lowest FROM (
			SELECT id, min(id) OVER same AS lowest, count(*) OVER same AS users
			FROM temp.audit_cookies WINDOW same AS (PARTITION BY cookie)) WHERE users > 1`, nil, func(scan func(...any) error) error {
			var id, lowest sql.NullInt64
			err := scan(&id, &lowest)
			shared[id.Int64] = lowest.Int64
			return err
		})
	}
	if err == nil {
		_, err = r.ExecContext(ctx, "DROP TABLE temp.audit_cookies")
	}
	if ctx.Err() != nil || !isDamage(err) {
		return errors.Join(ctx.Err(), fmt.Errorf("comparing the users' cookies: %w", err))
	}
	if err != nil {
		r.partlyRead(t, len(r.Users), err)
		return nil
	}
	for i := range r.Users {
		u := &r.Users[i]
		if u.Cookie != "" {
			continue
		}
		u.Cookie = facts.CookieUnique
		if lowest, ok := shared[u.ID]; ok {
			u.Cookie, u.CookieSharedWith = facts.CookieShared, lowest
		}
	}
	return nil
}

func (r *reader) readSpawners(ctx context.Context, t *table) error {
	expressions := []string{t.integer("id"), t.integer("user_id"), t.text("name"), t.integer("server_id"),
		t.time("started"), t.time("last_activity"), stateExpression(t)}
	_, damage, err := r.scanTable(ctx, t, expressions, func(scan func(...any) error) error {
		var id, user, server sql.NullInt64
		var name, started, active, state sql.NullString
		if err := scan(&id, &user, &name, &server, &started, &active, &state); err != nil {
			return err
		}
		var ts times
		s := facts.Spawner{ID: id.Int64, UserID: user.Int64, Name: clean(name.String), ServerID: server.Int64,
			Started: ts.read("started", started), LastActivity: ts.read("last_activity", active), State: parseState(state)}
		s.BrokenTimes = ts.text()
		r.Spawners = append(r.Spawners, s)
		return nil
	})
	r.Spawners = inOrder(t, r.Spawners, func(s facts.Spawner) int64 { return s.ID })
	if damage != nil {
		r.partlyRead(t, len(r.Spawners), damage)
	}
	return err
}

func (r *reader) readServers(ctx context.Context, t *table) error {
	expressions := []string{t.integer("id"), t.text("ip"), t.integer("port")}
	_, damage, err := r.scanTable(ctx, t, expressions, func(scan func(...any) error) error {
		var id, port sql.NullInt64
		var ip sql.NullString
		if err := scan(&id, &ip, &port); err != nil {
			return err
		}
		r.Servers = append(r.Servers, facts.Server{ID: id.Int64, IP: clean(ip.String), Port: int(port.Int64)})
		return nil
	})
	r.Servers = inOrder(t, r.Servers, func(s facts.Server) int64 { return s.ID })
	if damage != nil {
		r.partlyRead(t, len(r.Servers), damage)
	}
	return err
}
