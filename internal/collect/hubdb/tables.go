package hubdb

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
)

// checkTables reports tables and columns without which no hub can know its
// users.
func (r *reader) checkTables() {
	if len(r.tables) == 0 {
		if !r.hasDamage(facts.DamageIntegrity) && !r.hasDamage(facts.DamageTruncated) {
			r.noTables()
		}
		return
	}
	missing := r.missing(r.tables)
	if missing == "" || r.hasDamage(facts.DamageTruncated) {
		return
	}
	r.damaged(facts.DamageTableMissing, missing+r.freeText(), r.header.freePages > 0)
	r.recoverable(r.header.freePages > 0)
}

// freeText tells of content that was deleted and can still be had.
func (r *reader) freeText() string {
	if r.header.freePages == 0 {
		return ""
	}
	return fmt.Sprintf("; %d pages of deleted content are still in the file", r.header.freePages)
}

// missing names the tables and columns that a hub needs and the database does
// not have, "" if there are none.
func (r *Result) missing(tables schema) string {
	var missing []string
	for _, name := range tables.core(r.Database.Revisions) {
		t := tables[name]
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
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("missing: %s; the database has the tables %s", strings.Join(missing, ", "), strings.Join(firstOf(r.Database.Tables, 20), ", "))
}

// noTables says which accident left a database without a table.
func (r *reader) noTables() {
	h := r.header
	counters := fmt.Sprintf("(change counter %d, schema cookie %d, %d free pages)", h.changeCounter, h.schemaCookie, h.freePages)
	switch {
	case h.freePages > 0:
		r.damaged(facts.DamageNoTables, "the database has no tables, but its header shows that it had "+counters+
			": they were dropped, and their pages are still in the file", true)
		r.recoverable(true)
	case h.heldData():
		r.damaged(facts.DamageNoTables, "the database has no tables, but its header shows that it had "+counters+
			": it looks as if an empty database was saved over it, as .save in an sqlite3 shell does that was opened on another file", true)
	case h.wal && !r.hasDamage(facts.DamageWALMissing):
		r.damaged(facts.DamageNoTables, "the database has no tables; it is in WAL mode without its log (-wal), which may have held all its content", true)
	default:
		r.damaged(facts.DamageNoTables, "the database has no tables and no trace of earlier ones "+counters+
			": it was made anew, as a tool or a volume in the wrong place leaves it", false)
	}
}
