package hubdb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// reader reads one private copy into a Result.
type reader struct {
	*conn
	header header
	tables map[string]*table
	*Result
}

// readCopy fills r from a recovered copy. The copy's folder is removed as soon
// as the database is open, so that even a killed audit leaves no copy behind.
func readCopy(ctx context.Context, c *copied, r *Result) error {
	h, size, err := c.header()
	if err != nil {
		return err
	}
	db, err := open(ctx, c.path, "mode=ro&immutable=1")
	if err != nil {
		return fmt.Errorf("opening a private copy of it: %w", err)
	}
	defer db.close()
	rd := &reader{conn: db, header: h, Result: r}
	if short := h.truncated(size); short != "" {
		rd.damaged(facts.DamageTruncated, short, true)
	}
	if err := rd.readSchema(ctx); err != nil {
		return err
	}
	c.remove()
	if err := rd.readRows(ctx); err != nil {
		return err
	}
	if err := rd.checkIntegrity(ctx); err != nil {
		return err
	}
	rd.checkTables(c)
	rd.checkReferences()
	return nil
}

// readRows reads the core tables.
func (r *reader) readRows(ctx context.Context) error {
	if err := r.readRevisions(ctx); err != nil {
		return err
	}
	if t := r.tables["users"]; t.has("id", "name") {
		if err := r.readUsers(ctx, t); err != nil {
			return err
		}
	}
	if t := r.tables["spawners"]; t.has("id", "user_id") {
		if err := r.readSpawners(ctx, t); err != nil {
			return err
		}
		r.SpawnersRead = readOf(t, len(r.Spawners))
	} else if r.beforeSpawners() {
		r.SpawnersRead = r.UsersRead
	}
	if t := r.tables["servers"]; t.has("id") {
		return r.readServers(ctx, t)
	}
	return nil
}

// readOf tells how much of a table was read.
func readOf(t *table, rows int) facts.Completeness {
	switch {
	case !t.broken:
		return facts.Complete
	case rows > 0:
		return facts.Partial
	}
	return facts.None
}

func (r *reader) damaged(kind facts.DamageKind, message string, held bool) {
	r.Database.Damage = append(r.Database.Damage, facts.Damage{Kind: kind, Message: clean(message), HeldData: held})
}

func (r *reader) hasDamage(kind facts.DamageKind) bool {
	return slices.ContainsFunc(r.Database.Damage, func(d facts.Damage) bool { return d.Kind == kind })
}

// checkTables reports tables and columns without which no hub can know its
// users.
func (r *reader) checkTables(c *copied) {
	if c.lostLog != "" {
		r.damaged(facts.DamageWALMissing, c.lostLog, true)
	}
	if len(r.tables) == 0 {
		if !r.hasDamage(facts.DamageIntegrity) && !r.hasDamage(facts.DamageTruncated) {
			r.noTables()
		}
		return
	}
	var missing []string
	for _, name := range r.core() {
		t := r.tables[name]
		if t == nil {
			missing = append(missing, "the table "+name)
			continue
		}
		for _, column := range coreColumns[name] {
			if !t.has(column) {
				missing = append(missing, fmt.Sprintf("the column %s.%s", name, column))
			}
		}
	}
	if len(missing) > 0 && !r.hasDamage(facts.DamageTruncated) {
		message := fmt.Sprintf("missing: %s; the database has the tables %s.", strings.Join(missing, ", "), strings.Join(firstOf(r.Database.Tables, 20), ", "))
		if r.header.freePages > 0 {
			message += fmt.Sprintf(" %d pages of deleted content are still in the file: copy it before a hub starts on it.", r.header.freePages)
		}
		r.damaged(facts.DamageTableMissing, message, r.header.freePages > 0)
	}
}

// noTables says which accident left a database without a table.
func (r *reader) noTables() {
	h := r.header
	counters := fmt.Sprintf("(change counter %d, schema cookie %d, %d free pages)", h.changeCounter, h.schemaCookie, h.freePages)
	const after = " A hub that starts on it makes new, empty tables without a warning, and counts its users from 1 again: keep the hub stopped."
	switch {
	case h.freePages > 0:
		r.damaged(facts.DamageNoTables, "the database has no tables, but its header shows that it had "+counters+
			": they were dropped, and their pages are still in the file, from which they can be recovered until something writes to it."+after, true)
	case h.heldData():
		r.damaged(facts.DamageNoTables, "the database has no tables, but its header shows that it had "+counters+
			": it looks as if an empty database was saved over it, as .save in an sqlite3 shell does that was opened on another file."+after, true)
	case h.wal && !r.hasDamage(facts.DamageWALMissing):
		r.damaged(facts.DamageNoTables, "the database has no tables; it is in WAL mode without its log (-wal), which may have held all its content."+after, true)
	default:
		r.damaged(facts.DamageNoTables, "the database has no tables and no trace of earlier ones "+counters+
			": it was made anew, as a tool or a volume in the wrong place leaves it."+after, false)
	}
}

// checkReferences reports spawners that point at users or servers that are
// not there, where both tables were read whole. SQLite's own
// foreign_key_check is no judge: a table rebuilt by hand declares no keys, and
// hubs before 0.8 did not enforce them, so that rows of deleted users in
// api_tokens, group and role maps, oauth_codes and proxies, or a left-over
// users._server_id, are old and harmless: no hub looks at them again. A spawner
// without its user is different: a user's row was lost or deleted behind the
// hub's back while a volume may still be theirs.
func (r *reader) checkReferences() {
	if t := r.tables["spawners"]; t == nil || t.broken {
		return
	}
	var users, servers []string
	for _, s := range r.Spawners {
		if s.UserID != 0 && !found(r.Users, s.UserID, func(u facts.User) int64 { return u.ID }) {
			users = append(users, fmt.Sprintf("%d (user %d)", s.ID, s.UserID))
		}
		if s.ServerID != 0 && !found(r.Servers, s.ServerID, func(s facts.Server) int64 { return s.ID }) {
			servers = append(servers, fmt.Sprintf("%d (server %d)", s.ID, s.ServerID))
		}
	}
	if len(users) > 0 && r.UsersRead == facts.Complete {
		r.damaged(facts.DamageForeignKey, fmt.Sprintf("%d spawners belong to users that do not exist: %s.", len(users), listed(users)), true)
	}
	if t := r.tables["servers"]; len(servers) > 0 && t != nil && !t.broken {
		r.damaged(facts.DamageForeignKey, fmt.Sprintf("%d spawners name servers that do not exist: %s.", len(servers), listed(servers)), true)
	}
}

func found[T any](rows []T, id int64, key func(T) int64) bool {
	_, ok := slices.BinarySearchFunc(rows, id, func(row T, id int64) int {
		switch k := key(row); {
		case k < id:
			return -1
		case k > id:
			return 1
		}
		return 0
	})
	return ok
}

// listed is the first few of many, and how many more there are.
func listed(items []string) string {
	const few = 5
	text := strings.Join(firstOf(items, few), ", ")
	if more := len(items) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func firstOf(items []string, n int) []string { return items[:min(n, len(items))] }
