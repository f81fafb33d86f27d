package hubdb

import (
	"context"
	"fmt"
	"os"
	"slices"

	"hubaudit/internal/facts"
)

// reader reads one private copy into a Result.
type reader struct {
	*conn
	file   *os.File // the copy itself
	header header
	tables schema
	// trees has the names of tables and indexes by the first page of each.
	trees map[int]string
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
	file, err := os.Open(c.path)
	if err != nil {
		return err
	}
	defer file.Close()
	rd := &reader{conn: db, file: file, header: h, Result: r}
	short := h.truncated(size)
	if short != "" {
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
	if c.lostLog != "" {
		rd.damaged(facts.DamageWALMissing, c.lostLog, true)
	}
	rd.checkTables()
	if err := rd.checkRemade(ctx); err != nil {
		return err
	}
	rd.checkReferences(rd.tables.whole("spawners"), rd.tables.whole("servers"))
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
	}
	if t := r.tables["servers"]; t.has("id") {
		if err := r.readServers(ctx, t); err != nil {
			return err
		}
	}
	r.judgeSpawners(r.tables)
	return nil
}

// judgeSpawners tells how far Spawners and Servers can be trusted.
func (r *Result) judgeSpawners(tables schema) {
	r.SpawnersRead = facts.None
	if t := tables["spawners"]; t.has("id", "user_id") {
		r.SpawnersRead = readOf(t, len(r.Spawners))
	} else if tables.beforeSpawners(r.Database.Revisions) {
		r.SpawnersRead = r.UsersRead
	}
	if t := tables["servers"]; r.SpawnersRead == facts.Complete && (!t.has("id") || t.broken) {
		r.SpawnersRead = facts.Partial
	}
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

func (r *Result) damaged(kind facts.DamageKind, message string, held bool) {
	r.Database.Damage = append(r.Database.Damage, facts.Damage{Kind: kind, Message: clean(message), HeldData: held})
}

// recoverable says of the damage reported last that what it cost can be had.
func (r *Result) recoverable(yes bool) {
	r.Database.Damage[len(r.Database.Damage)-1].Recoverable = yes
}

func (r *Result) hasDamage(kind facts.DamageKind) bool {
	return slices.ContainsFunc(r.Database.Damage, func(d facts.Damage) bool { return d.Kind == kind })
}
