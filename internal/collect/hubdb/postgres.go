package hubdb

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// postgres reads PostgreSQL.
type postgres struct {
	// tables has what the catalogue says of the tables that are read.
	tables map[string]*postgresTable
	// pathGiven: the URL itself says in which schema the tables are.
	pathGiven bool
}

type postgresTable struct {
	oid    int64
	quoted string            // schema and name
	types  map[string]string // by column
}

// pool connects nothing yet. The password does not pass through pgx's parser,
// whose errors show what they parsed.
func (p *postgres) pool(t target) (*sql.DB, error) {
	p.pathGiven = strings.Contains(t.words["options"], "search_path")
	options := pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{
		GetSSLPassword: func(context.Context) string { return t.sslPassword }}}
	c, err := pgx.ParseConfigWithOptions(t.words.String(), options)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return nil, err
	}
	if t.password != "" {
		c.Password = t.password
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "hubaudit"
	}
	// Prepared statements would get lost behind a pooler such as PgBouncer.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	if t.onlyTLS13 {
		c.TLSConfig = onlyTLS13(c.TLSConfig)
		for _, f := range c.Fallbacks {
			f.TLSConfig = onlyTLS13(f.TLSConfig)
		}
	}
	return stdlib.OpenDB(*c), nil
}

func onlyTLS13(c *tls.Config) *tls.Config {
	if c != nil {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

// begin opens the transaction. Everything is set for it alone, so that a
// pooler's next client finds nothing changed. Without row_security=off a policy
// on a table would hide rows; with it, it is an error.
func (p *postgres) begin(ctx context.Context, s *server) error {
	return s.exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		"SET LOCAL datestyle = 'ISO'", "SET LOCAL timezone = 'UTC'", "SET LOCAL row_security = off")
}

func (p *postgres) limit(ctx context.Context, s *server, l limits) error {
	return s.exec(ctx, fmt.Sprintf(`SELECT set_config('lock_timeout', '%[1]d', true), set_config('statement_timeout', '%[2]d', true),
		set_config('idle_in_transaction_session_timeout', '%[3]d', true)`, l.lock.Milliseconds(), l.statement.Milliseconds(), l.idle.Milliseconds()))
}

// relation is a table of any schema.
type relation struct {
	schema, name              string
	oid                       int64
	isTable, visible, mayLook bool
}

const relationsQuery = `SELECT n.nspname, c.relname, CAST(c.oid AS bigint), c.relkind IN ('r', 'p'),
	coalesce(pg_catalog.pg_table_is_visible(c.oid), false), pg_catalog.has_schema_privilege(n.oid, 'USAGE')
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'`

// describe lists the tables on the search path, as the hub finds them, and the
// columns and constraints of the core ones.
func (p *postgres) describe(ctx context.Context, s *server) error {
	p.tables = map[string]*postgresTable{}
	var all []relation
	err := s.each(ctx, relationsQuery, func(scan func(...any) error) error {
		var r relation
		err := scan(&r.schema, &r.name, &r.oid, &r.isTable, &r.visible, &r.mayLook)
		all = append(all, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("listing its tables: %w", err)
	}
	for _, r := range all {
		if !r.visible {
			continue
		}
		if !r.isTable && slices.Contains(readTables, r.name) {
			return source.Failed(facts.CauseUnreadable, nil, "%s.%s is no table but a view or a foreign table, which shows neither constraints nor a certain point in time; give the hub's own database", r.schema, r.name)
		}
		if r.isTable {
			s.found(r.name)
			p.tables[r.name] = &postgresTable{oid: r.oid, quoted: quote(r.schema) + "." + quote(r.name), types: map[string]string{}}
		}
	}
	if err := p.elsewhere(ctx, s, all); err != nil {
		return err
	}
	for _, name := range readTables {
		if s.tables[name] == nil {
			continue
		}
		if err := p.describeTable(ctx, s, name); err != nil {
			return fmt.Errorf("describing the table %s: %w", name, err)
		}
	}
	return p.unchanged(ctx, s)
}

// elsewhere refuses to call the hub's tables lost when they may only be out of
// sight: in a schema that is closed to this role or not on its search path.
func (p *postgres) elsewhere(ctx context.Context, s *server, all []relation) error {
	if s.tables["users"] != nil {
		return nil
	}
	var path string
	var schemas int
	err := s.row(ctx, "SELECT current_setting('search_path'), coalesce(array_length(current_schemas(false), 1), 0)", &path, &schemas)
	if err != nil {
		return fmt.Errorf("asking for its search path: %w", err)
	}
	for _, r := range all {
		switch {
		case !r.isTable || r.name != "users" || r.visible:
		case !r.mayLook:
			return source.Failed(facts.CauseForbidden, nil, "this role may not look into the schema %[1]s, where the table users is: GRANT USAGE ON SCHEMA %[1]s TO this role", quote(r.schema))
		case !p.pathGiven:
			return source.Failed(facts.CauseMissing, nil, "there is no table users on the search path (%s), but the schema %s has one. If it is the hub's, add ?options=-csearch_path%%3D%s to the URL; if not, the hub's own table is gone: keep the hub stopped", path, quote(r.schema), r.schema)
		}
	}
	if schemas == 0 {
		return source.Failed(facts.CauseMissing, nil, "no schema of the search path (%s) exists and is open to this role: correct the search path in the URL, or GRANT USAGE ON SCHEMA", path)
	}
	return nil
}

func (p *postgres) describeTable(ctx context.Context, s *server, name string) error {
	t, table := s.tables[name], p.tables[name]
	// Reads nothing, but keeps the table from being changed or emptied until
	// the transaction ends.
	if err := s.exec(ctx, "SELECT FROM "+table.quoted+" WHERE false"); err != nil {
		return err
	}
	err := s.each(ctx, fmt.Sprintf(`SELECT a.attname, a.attnotnull, pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
		pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL)
		FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = %d AND a.attnum > 0 AND NOT a.attisdropped`, table.oid), func(scan func(...any) error) error {
		var column, kind string
		var notNull, readable bool
		err := scan(&column, &notNull, &readable, &kind)
		t.columns[column], table.types[column] = notNull, kind
		if !readable {
			s.forbid(name, column)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.each(ctx, fmt.Sprintf(`SELECT a.attname
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = %d AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL`, table.oid),
		func(scan func(...any) error) error {
			var column string
			err := scan(&column)
			t.indexes = append(t.indexes, index{unique: true, columns: []string{column}})
			return err
		})
}

// unchanged tells whether the tables are still those that the snapshot sees,
// now that they are locked. TRUNCATE and ALTER TABLE put rows into a new file,
// and to an older snapshot that file is empty: a hub's upgrade in progress
// would look like the loss of all users.
func (p *postgres) unchanged(ctx context.Context, s *server) error {
	for _, name := range readTables {
		t := p.tables[name]
		if t == nil {
			continue
		}
		var same bool
		err := s.row(ctx, fmt.Sprintf(`SELECT coalesce(nullif(relfilenode, 0), 0) = coalesce(pg_catalog.pg_relation_filenode(oid), 0)
			FROM pg_catalog.pg_class WHERE oid = %d`, t.oid), &same)
		if err != nil {
			return fmt.Errorf("looking whether the table %s changed: %w", name, err)
		}
		if !same {
			return errAltered
		}
	}
	return nil
}

func (p *postgres) from(name string) string { return p.tables[name].quoted }

func (p *postgres) text(table, column string) string {
	if p.tables[table].types[column] == "timestamp with time zone" {
		return "CAST(" + quote(column) + " AT TIME ZONE 'UTC' AS text)"
	}
	return "CAST(" + quote(column) + " AS text)"
}

func (p *postgres) integer(table, column string) string {
	if p.tables[table].types[column] == "boolean" {
		return "CASE WHEN " + quote(column) + " THEN 1 ELSE 0 END"
	}
	return "CAST(" + quote(column) + " AS bigint)"
}

// compared is a text column as its own collation compares it.
func (p *postgres) compared(table, column string) string {
	switch p.tables[table].types[column] {
	case "text", "character varying", "character", "citext":
		return quote(column)
	}
	return p.text(table, column)
}

func (p *postgres) isHex32(table, column string) string {
	return p.text(table, column) + ` COLLATE "C" ~ '^[0-9a-f]{32}$'`
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// blocker names who holds a lock that keeps readers out. What the server hides
// from this role is left out.
func (p *postgres) blocker(ctx context.Context, s *server, failure error) string {
	if state(failure) != lockNotAvailable {
		return ""
	}
	var pid int64
	var user, application, since sql.NullString
	err := s.row(ctx, `SELECT a.pid, CAST(a.usename AS text), a.application_name, CAST(a.xact_start AS text)
		FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		JOIN pg_catalog.pg_class c ON c.oid = l.relation
		WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND c.relname IN ('users', 'spawners', 'servers', 'alembic_version')
		ORDER BY a.pid LIMIT 1`, &pid, &user, &application, &since)
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("process %d of the server", pid)
	if user.String != "" {
		text += fmt.Sprintf(", user %q", user.String)
	}
	if application.String != "" {
		text += fmt.Sprintf(", application %q", application.String)
	}
	if since.String != "" {
		text += ", in a transaction since " + since.String
	}
	return text + "; look at it with SELECT * FROM pg_stat_activity"
}
