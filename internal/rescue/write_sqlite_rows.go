package rescue

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// filler writes the plan's rows in one transaction.
type filler struct {
	ctx    context.Context
	tx     *sql.Tx
	schema schema
	plan   *Plan
	// admins are the administrators whom the empty database has already.
	admins map[string]bool
}

func (t *filler) run(w *Written) error {
	if err := t.checkFresh(w); err != nil {
		return err
	}
	admins, err := texts(t, "SELECT CAST(name AS TEXT) FROM users WHERE admin")
	if err != nil {
		return err
	}
	t.admins = make(map[string]bool, len(admins))
	for _, name := range admins {
		t.admins[name] = true
	}
	if err := t.clear(); err != nil {
		return err
	}
	if err := t.users(w); err != nil {
		return err
	}
	if err := t.servers(w); err != nil {
		return err
	}
	return t.roles(w)
}

// row is a row to be written, by column.
type row map[string]any

// insert writes rows with the columns of ours that the table has.
func (t *filler) insert(table string, ours []string, rows func(write func(row) error) error) error {
	columns, err := t.schema.choose(table, ours...)
	if err != nil {
		return err
	}
	statement, err := t.tx.PrepareContext(t.ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table,
		strings.Join(columns, ", "), strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")))
	if err != nil {
		return err
	}
	defer statement.Close()
	values := make([]any, len(columns))
	return rows(func(r row) error {
		for i, c := range columns {
			values[i] = r[c]
		}
		_, err := statement.ExecContext(t.ctx, values...)
		return err
	})
}

func (t *filler) users(w *Written) error {
	if err := t.plan.fits(t.schema.spawners()); err != nil {
		return err
	}
	return t.insert("users", userColumns, func(write func(row) error) error {
		for i := range t.plan.Users {
			u := &t.plan.Users[i]
			r := row{"id": u.ID, "name": u.Name, "admin": u.Admin || t.admins[u.Name], "created": sqliteTime(u.Created),
				"last_activity": sqliteTime(u.LastActivity), "cookie_id": newCookie(), "state": "{}"}
			if !t.schema.spawners() {
				r["state"] = null(u.onlyState())
				w.Servers += len(u.Servers)
			}
			if err := write(r); err != nil {
				return fmt.Errorf("write user %q with the id %d: %w", u.Name, u.ID, err)
			}
			w.Users++
		}
		return nil
	})
}

func (t *filler) servers(w *Written) error {
	if !t.schema.spawners() {
		return nil
	}
	return t.insert("spawners", spawnerColumns, func(write func(row) error) error {
		for i := range t.plan.Users {
			u := &t.plan.Users[i]
			for _, s := range u.Servers {
				err := write(row{"user_id": u.ID, "name": s.Name, "state": null(s.state()), "last_activity": sqliteTime(s.LastActivity)})
				if err != nil {
					return fmt.Errorf("write server %q of user %q: %w", s.Name, u.Name, err)
				}
				w.Servers++
			}
		}
		return nil
	})
}

// roles gives users the roles that a hub gives to those it makes. Without a
// role in the database the hub takes it for an older one at its first start,
// makes its roles and assigns them to everybody.
func (t *filler) roles(w *Written) error {
	if len(t.schema["user_role_map"]) == 0 {
		return nil
	}
	columns, err := t.schema.choose("user_role_map", "user_id", "role_id", "managed_by_auth")
	if err != nil {
		return err
	}
	values := strings.NewReplacer("user_id", "u.id", "role_id", "r.id", "managed_by_auth", "0").Replace(strings.Join(columns, ", "))
	done, err := t.tx.ExecContext(t.ctx, fmt.Sprintf(
		"INSERT INTO user_role_map (%s) SELECT %s FROM users AS u JOIN roles AS r ON %s", strings.Join(columns, ", "), values, ofRole))
	if err != nil {
		return fmt.Errorf("assign the roles: %w", err)
	}
	n, err := done.RowsAffected()
	w.Roles = int(n)
	return err
}

// null is NULL for "".
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// sqliteTime is how SQLAlchemy keeps a time in SQLite: naive UTC.
func sqliteTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000")
}
