package hubdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// table is a table as this database has it; versions of JupyterHub differ.
type table struct {
	name string
	root int // the first page of its tree
	// made orders tables by when they were made; a VACUUM keeps the order.
	made int64
	// key orders and addresses the rows: the rowid, or the primary key id of a
	// table that has none.
	key string
	// columns by lower-case name, and whether they are NOT NULL.
	columns map[string]bool
	indexes []index
	// broken: not all rows could be read.
	broken bool
}

// index is an index of a table; columns are those it covers, "" for an
// expression.
type index struct {
	name            string
	unique, partial bool
	columns         []string
}

// has tells whether the table exists and has all these columns.
func (t *table) has(columns ...string) bool {
	return t != nil && !slices.ContainsFunc(columns, func(c string) bool { _, ok := t.columns[c]; return !ok })
}

// column is the expression for a column, NULL where the table has none.
func (t *table) column(name string) string {
	if t.has(name) {
		return name
	}
	return "NULL"
}

// text and integer read a column whatever type its values have. The cast also
// keeps the driver from converting by the column's declared type.
func (t *table) text(name string) string    { return "CAST(" + t.column(name) + " AS TEXT)" }
func (t *table) integer(name string) string { return "CAST(" + t.column(name) + " AS INTEGER)" }

// time reads a column with times as text. A blob is no time to a hub, whatever
// its bytes.
func (t *table) time(name string) string {
	return fmt.Sprintf("CASE typeof(%[1]s) WHEN 'blob' THEN 'blob' ELSE CAST(%[1]s AS TEXT) END", t.column(name))
}

// handMade tells whether a cookie_id is other than the hub makes them:
// uuid4().hex.
func (t *table) handMade() string {
	return fmt.Sprintf("coalesce(%[1]s <> '' AND (typeof(%[1]s) <> 'text' OR octet_length(%[1]s) <> 32 OR %[1]s GLOB '*[^0-9a-f]*'), 0)", t.column("cookie_id"))
}

// coreColumns are those without which a table is not the hub's.
var coreColumns = map[string][]string{
	"users":    {"id", "name", "cookie_id"},
	"spawners": {"id", "user_id", "name", "server_id", "state"},
	"servers":  {"id"},
}

// oldRevisions are the schema revisions up to JupyterHub 0.7, which had no
// table spawners.
var oldRevisions = []string{"19c0846f6344", "eeb276e51423", "af4cbdb2d13c"}

// schema has the tables of a database by name.
type schema map[string]*table

// whole tells whether the table is there and nothing of it is broken.
func (s schema) whole(name string) bool { return s[name] != nil && !s[name].broken }

// columns are those of the core tables, by table and sorted.
func (s schema) columns() map[string][]string {
	columns := map[string][]string{}
	for name := range coreColumns {
		if t := s[name]; t != nil && len(t.columns) > 0 {
			for column := range t.columns {
				columns[name] = append(columns[name], clean(column))
			}
			slices.Sort(columns[name])
		}
	}
	return columns
}

// core are the tables that this schema must have.
func (s schema) core(revisions []string) []string {
	if s.beforeSpawners(revisions) {
		return []string{"users", "servers"}
	}
	return []string{"users", "servers", "spawners"}
}

// beforeSpawners tells a database of JupyterHub 0.7 from a later one that has
// lost its spawners: 0.8 also brought oauth_clients, and a migrated database
// has a later revision although its users keep their column _server_id.
func (s schema) beforeSpawners(revisions []string) bool {
	users := s["users"]
	return s["spawners"] == nil && s["oauth_clients"] == nil &&
		(users == nil || users.has("_server_id")) &&
		!slices.ContainsFunc(revisions, func(v string) bool { return !slices.Contains(oldRevisions, v) })
}

// readSchema lists tables and columns. Where the schema or the file's length
// is broken, SQLite is told to go on with what there is.
func (r *reader) readSchema(ctx context.Context) error {
	err := r.readTables(ctx)
	if err == nil || ctx.Err() != nil || !isDamage(err) {
		return errors.Join(ctx.Err(), err)
	}
	if !r.hasDamage(facts.DamageTruncated) {
		r.damaged(facts.DamageIntegrity, fmt.Sprintf("SQLite cannot read the database's schema: %v", err), true)
	}
	if _, err := r.ExecContext(ctx, "PRAGMA writable_schema=ON"); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	if err = r.readTables(ctx); ctx.Err() != nil || !isDamage(err) {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// readTables fills in what there is, also when it returns an error.
func (r *reader) readTables(ctx context.Context) error {
	r.tables, r.trees, r.Database.Tables = schema{}, map[int]string{}, nil
	// Without ORDER BY: the rows before a broken page come through.
	err := r.each(ctx, `SELECT rowid, coalesce(type, ''), coalesce(CAST(name AS TEXT), ''), coalesce(CAST(tbl_name AS TEXT), ''),
		coalesce(CAST(rootpage AS INTEGER), 0) FROM sqlite_schema WHERE type IN ('table', 'index')`,
		nil, func(scan func(...any) error) error {
			t := &table{key: "rowid"}
			var kind, of string
			if err := scan(&t.made, &kind, &t.name, &of, &t.root); err != nil {
				return err
			}
			if kind == "index" {
				r.trees[t.root] = fmt.Sprintf("%s (index of %s)", t.name, of)
				return nil
			}
			r.trees[t.root] = t.name
			if !strings.HasPrefix(t.name, "sqlite_") {
				r.tables[t.name] = t
				r.Database.Tables = append(r.Database.Tables, clean(t.name))
			}
			return nil
		})
	slices.Sort(r.Database.Tables)
	for name := range coreColumns {
		if t := r.tables[name]; t != nil {
			err = errors.Join(err, r.readColumns(ctx, t))
		}
	}
	r.constraints(r.tables)
	return err
}

func (r *reader) readColumns(ctx context.Context, t *table) error {
	t.columns, t.indexes = map[string]bool{}, nil
	err := r.each(ctx, `SELECT name, "notnull" FROM pragma_table_info(?)`, []any{t.name}, func(scan func(...any) error) error {
		var name string
		var notNull bool
		err := scan(&name, &notNull)
		t.columns[strings.ToLower(name)] = notNull
		return err
	})
	if err != nil {
		return err
	}
	err = r.each(ctx, "SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", []any{t.name}, func(scan func(...any) error) error {
		var withoutRowid bool
		err := scan(&withoutRowid)
		if withoutRowid {
			t.key = "id"
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.each(ctx, `SELECT l.name, l."unique", l.partial, coalesce(i.name, '')
		FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i ORDER BY l.name, i.seqno`, []any{t.name}, func(scan func(...any) error) error {
		var i index
		var column string
		if err := scan(&i.name, &i.unique, &i.partial, &column); err != nil {
			return err
		}
		if n := len(t.indexes); n == 0 || t.indexes[n-1].name != i.name {
			t.indexes = append(t.indexes, i)
		}
		last := &t.indexes[len(t.indexes)-1]
		last.columns = append(last.columns, strings.ToLower(column))
		return nil
	})
}

// constraints puts into the facts what the tables look like.
func (r *Result) constraints(tables schema) {
	r.Database.Columns = tables.columns()
	if t := tables["users"]; t != nil {
		r.Database.CookieNotNull = t.columns["cookie_id"]
		r.Database.CookieUnique, r.Database.NameUnique = t.unique("cookie_id"), t.unique("name")
	}
}

// unique tells whether no two rows can have the same value in a column.
func (t *table) unique(column string) bool {
	return slices.ContainsFunc(t.indexes, func(i index) bool { return i.unique && !i.partial && slices.Equal(i.columns, []string{column}) })
}

// readRevisions reads alembic_version; what of it is broken, the integrity
// check reports.
func (r *reader) readRevisions(ctx context.Context) error {
	if r.tables["alembic_version"] == nil {
		return nil
	}
	err := r.each(ctx, "SELECT coalesce(CAST(version_num AS TEXT), '') FROM alembic_version NOT INDEXED", nil, func(scan func(...any) error) error {
		var v string
		err := scan(&v)
		r.Database.Revisions = append(r.Database.Revisions, clean(v))
		return err
	})
	slices.Sort(r.Database.Revisions)
	if ctx.Err() != nil || !isDamage(err) {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}
