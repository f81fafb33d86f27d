package hubdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// checkRemade reports a table users that was made again, empty, while the
// database still shows that there were users. An empty table alone is no sign:
// a new hub has one, and so has a hub whose users were all deleted through it.
// Deleting through the hub takes along what belongs to the user, by keys that
// SQLite enforces under every hub since 0.8. A table rebuilt by hand and later
// emptied through the hub looks the same; that is told too.
func (r *reader) checkRemade(ctx context.Context) error {
	t := r.tables["users"]
	if t == nil || r.UsersRead != facts.Complete {
		return nil
	}
	later := r.madeLater(t)
	var orphans int
	if r.tables.whole("spawners") {
		users, _ := r.dangling()
		orphans = len(users)
	}
	if len(r.Users) > 0 {
		// Fewer are users deleted by hand from a table that was once rebuilt whole.
		if later && orphans > 0 && 2*orphans >= len(r.Spawners) {
			r.remade(fmt.Sprintf("the table users was made again, later than the tables that refer to it: of %d spawners, %d belong to users that it does not have",
				len(r.Spawners), orphans))
		}
		return nil
	}
	var owned []string
	if !t.has("_server_id") { // else what 0.7 left behind may still be there
		var err error
		if owned, err = r.owned(ctx); err != nil {
			return err
		}
	}
	if orphans > 0 {
		owned = append(owned, fmt.Sprintf("%d of spawners", orphans))
	}
	switch {
	case len(owned) > 0:
		r.remade("the table users has no rows, but rows of other tables belong to users: " + strings.Join(owned, ", "))
	case later:
		r.remade("the table users is empty and was made again, later than the tables that refer to it" + r.freeText())
	}
	return nil
}

func (r *reader) remade(message string) {
	r.damaged(facts.DamageUsersRemade, message, true)
	r.recoverable(r.header.freePages > 0)
}

// owned counts the rows that refer to a user, by table. Only keys that delete
// with the user count: without them rows of deleted users stay for years. What
// cannot be read is left to the integrity check.
func (r *reader) owned(ctx context.Context) ([]string, error) {
	type key struct{ table, column string }
	var keys []key
	err := r.each(ctx, `SELECT m.name, k."from" FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS k
		WHERE m.type = 'table' AND k."table" = 'users' AND k.on_delete = 'CASCADE' AND m.name <> 'spawners' ORDER BY m.name, k.id`, nil,
		func(scan func(...any) error) error {
			keys = append(keys, key{})
			return scan(&keys[len(keys)-1].table, &keys[len(keys)-1].column)
		})
	if err != nil {
		return nil, otherThanDamage(ctx, err)
	}
	var owned []string
	for _, k := range keys {
		var n int
		err := r.QueryRowContext(ctx, fmt.Sprintf("SELECT count(%[1]s) FROM %[2]s NOT INDEXED", quoted(k.column), quoted(k.table))).Scan(&n)
		if err := otherThanDamage(ctx, err); err != nil {
			return nil, err
		}
		if err == nil && n > 0 {
			owned = append(owned, fmt.Sprintf("%d of %s", n, k.table))
		}
	}
	return owned, nil
}

// madeLater tells whether users was made after a table of the hub that refers
// to it; a hub makes it before. Loading a dump proves nothing: it makes tables
// in the order of their names.
func (r *reader) madeLater(users *table) bool {
	others := slices.SortedFunc(maps.Values(r.tables), func(a, b *table) int { return int(a.made - b.made) })
	others = slices.DeleteFunc(others, func(t *table) bool { return t == users })
	byName := slices.IsSortedFunc(others, func(a, b *table) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return !byName && slices.ContainsFunc(others, func(t *table) bool {
		return slices.Contains([]string{"spawners", "api_tokens", "user_group_map", "user_role_map"}, t.name) && t.made < users.made
	})
}
