package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/collect/hubdb"
)

// scratch is the empty database of a server while a copy is restored into it.
// A lock on it keeps other audits out.
type scratch struct {
	pool *sql.DB
	conn *sql.Conn // holds the lock
	engine
	// before are the objects that were there and stay.
	before map[string]bool
}

// engine has the SQL for a scratch database of one engine.
type engine struct {
	// lock gives 1 if nobody else had it.
	lock string
	// relations lists what must not be there before, with the statement that drops
	// each; others lists what may be there already, likewise.
	relations, others string
	// free lets objects be dropped in any order.
	free string
}

var scratchEngines = map[string]engine{
	hubdb.PostgreSQL: {
		lock: "SELECT CAST(pg_try_advisory_lock(4843827361) AS int)",
		relations: `SELECT CAST(c.oid AS text), format('DROP %s IF EXISTS %I.%I CASCADE',
				CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, n.nspname, c.relname)
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
				AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`,
		others: `SELECT 'routine ' || CAST(p.oid AS text), 'DROP ROUTINE IF EXISTS ' || CAST(CAST(p.oid AS regprocedure) AS text) || ' CASCADE'
			FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
			WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
			UNION ALL SELECT 'type ' || CAST(t.oid AS text), 'DROP TYPE IF EXISTS ' || CAST(CAST(t.oid AS regtype) AS text) || ' CASCADE'
			FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
			WHERE t.typtype IN ('d', 'e', 'r') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
			UNION ALL SELECT 'schema ' || nspname, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname)
			FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\_%'`,
		free: "SELECT 1",
	},
	hubdb.MySQL: {
		lock: "SELECT GET_LOCK(concat('hubaudit ', left(md5(database()), 16)), 0)",
		relations: "SELECT table_name, concat('DROP ', if(table_type = 'VIEW', 'VIEW', 'TABLE'), ' IF EXISTS `', replace(table_name, '`', '``'), '`') " +
			"FROM information_schema.tables WHERE table_schema = database()",
		others: "SELECT concat(routine_type, ' ', routine_name), concat('DROP ', routine_type, ' IF EXISTS `', replace(routine_name, '`', '``'), '`') " +
			"FROM information_schema.routines WHERE routine_schema = database() " +
			"UNION ALL SELECT concat('event ', event_name), concat('DROP EVENT IF EXISTS `', replace(event_name, '`', '``'), '`') " +
			"FROM information_schema.events WHERE event_schema = database()",
		free: "SET SESSION foreign_key_checks = 0",
	},
}

// openScratch takes the scratch database for a dump of an engine, if it may be
// used and is empty.
func (v *verifier) openScratch(ctx context.Context, of string) (*scratch, error) {
	where, err := hubdb.ParseURL(v.Scratch.URL, v.Scratch.BaseDir)
	switch {
	case v.Scratch.URL == "":
		return nil, skipped("the copy %q was opened and not restored: that takes an empty %s database, named under scratch of this backup", v.Copy.Name, of)
	case v.Scratch.Refused != "":
		return nil, skipped("the copy %q was opened and not restored: %s", v.Copy.Name, v.Scratch.Refused)
	case err != nil:
		return nil, skipped("the copy %q was opened and not restored: the scratch URL cannot be used: %w", v.Copy.Name, err)
	case where.Engine != of:
		return nil, skipped("the copy %q was opened and not restored: it is of %s, and the scratch server is of %s", v.Copy.Name, of, where.Engine)
	}
	s := &scratch{engine: scratchEngines[of]}
	if err := s.take(ctx, v.Scratch, of); err != nil {
		s.close()
		return nil, unreadable("the copy %q was opened and not restored: the scratch database %s: %w", v.Copy.Name, where, err)
	}
	return s, nil
}

var errNotEmpty = errors.New("is not empty, and nothing is written beside what is there: empty it, or name another one")

func (s *scratch) take(ctx context.Context, o Scratch, of string) (err error) {
	if s.pool, err = hubdb.OpenServer(hubdb.Options{URL: o.URL, BaseDir: o.BaseDir, Password: o.Password}); err != nil {
		return err
	}
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		return fmt.Errorf("cannot be reached: %w", err)
	}
	var locked sql.NullInt64
	if err := s.conn.QueryRowContext(ctx, s.lock).Scan(&locked); err != nil {
		return fmt.Errorf("cannot be locked: %w", err)
	}
	if locked.Int64 != 1 {
		return errors.New("is in use by another audit at this moment")
	}
	if err := s.audited(ctx, of, o.Audited); err != nil {
		return err
	}
	there, err := s.list(ctx, s.relations)
	if err != nil {
		return fmt.Errorf("cannot be looked at: %w", err)
	}
	if len(there) > 0 {
		return errNotEmpty
	}
	others, err := s.list(ctx, s.others)
	if err != nil {
		return fmt.Errorf("cannot be looked at: %w", err)
	}
	s.before = map[string]bool{}
	for _, o := range others {
		s.before[o.id] = true
	}
	return nil
}

// object is one of a scratch database, and the statement that drops it.
type object struct{ id, drop string }

func (s *scratch) list(ctx context.Context, query string) (objects []object, err error) {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.id, &o.drop); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, rows.Err()
}

// emptying is how long it may take, also after the deadline, to empty the
// scratch database.
const emptying = time.Minute

// end drops what the restore made, and nothing else.
func (s *scratch) end(ctx context.Context) error {
	defer s.close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), emptying)
	defer cancel()
	if err := s.empty(ctx); err != nil {
		return unreadable("the scratch database could not be emptied again, do so by hand before the next run: %w", err)
	}
	return nil
}

func (s *scratch) empty(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, s.free); err != nil {
		return err
	}
	for _, query := range []string{s.relations, s.others} {
		objects, err := s.list(ctx, query)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if s.before[o.id] {
				continue
			}
			if _, err := s.conn.ExecContext(ctx, o.drop); err != nil {
				return fmt.Errorf("%s: %w", firstWords(o.drop), err)
			}
		}
	}
	return nil
}

// firstWords is a statement without the name of an object: DROP TABLE.
func firstWords(statement string) string {
	verb, _, _ := strings.Cut(statement, " IF EXISTS ")
	return verb
}

func (s *scratch) close() {
	// What is left of the lock ends with the connection.
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.pool != nil {
		_ = s.pool.Close()
	}
}
