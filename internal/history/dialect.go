package history

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// engine is what the kinds of database differ in besides the spelling of queries.
type engine interface {
	// begin starts a transaction: one that may write, or one that sees one state.
	begin(ctx context.Context, db *sql.DB, write bool) (*transaction, error)
	// version is the newest applied migration, 0 where there is no history yet.
	// What another application made is an error.
	version(ctx context.Context, db *sql.DB) (int64, error)
	// claim marks a place as a history, if it is not yet, and runs f, which brings
	// it up to date. Where it can it keeps other processes from doing so meanwhile.
	claim(ctx context.Context, db *sql.DB, f func() error) error
	// migrations are the steps to the newest schema.
	migrations(db *sql.DB) (*goose.Provider, error)
	// uncertain tells of an error of committing that what was committed may have
	// been written all the same.
	uncertain(err error) bool
	// advice says what to do about an error, "" for one that says so itself.
	advice(err error) string
}

// transaction is a transaction of either kind of database. Queries are written
// with ? for each value, in words that both understand.
type transaction struct {
	tx *sql.Tx
	// numbered: values are $1, $2, … (PostgreSQL).
	numbered bool
}

// lock makes other transactions that lock the same cluster wait until this one
// has ended. Whoever reads and then writes by what was read calls it first; one
// statement that depends on nothing read before needs no lock. Of SQLite's
// transactions that write there is only one at a time anyway.
func (t *transaction) lock(ctx context.Context, cluster string) error {
	if !t.numbered {
		return nil
	}
	_, err := t.tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey("cluster", cluster))
	return err
}

// reserve tells whether no other transaction that goes on has reserved a name,
// and keeps others from it until this one has ended. It does not wait.
func (t *transaction) reserve(ctx context.Context, kind, name string) (free bool, err error) {
	if !t.numbered {
		return true, nil
	}
	err = t.tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", lockKey(kind, name)).Scan(&free)
	return free, err
}

// lockKey is the number of an advisory lock; every version of audit must come
// to the same one.
func lockKey(kind, name string) int64 {
	sum := sha256.Sum256([]byte("hubaudit\x00" + kind + "\x00" + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, t.spelled(query), t.values(args)...)
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, t.spelled(query), t.values(args)...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.spelled(query), t.values(args)...)
}

// statement is a prepared query of a transaction.
type statement struct {
	*sql.Stmt
	of *transaction
}

func (s *statement) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return s.Stmt.ExecContext(ctx, s.of.values(args)...)
}

func (t *transaction) PrepareContext(ctx context.Context, query string) (*statement, error) {
	s, err := t.tx.PrepareContext(ctx, t.spelled(query))
	if err != nil {
		return nil, err
	}
	return &statement{s, t}, nil
}

// spelled writes a query as its database wants it. No query holds a ? in a text.
func (t *transaction) spelled(query string) string {
	if !t.numbered {
		return query
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// values makes texts such that the database takes them: PostgreSQL refuses
// what is no UTF-8, and the character zero. Collectors let neither through; one
// that did must not cost the whole run.
func (t *transaction) values(args []any) []any {
	if !t.numbered {
		return args
	}
	for i, arg := range args {
		switch text := arg.(type) {
		case string:
			args[i] = storable(text)
		case sql.NullString:
			text.String = storable(text.String)
			args[i] = text
		}
	}
	return args
}

func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
