package history

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// transaction is a transaction of either kind of database. Queries are written
// with ? for each value, in words that both understand.
type transaction struct {
	tx *sql.Tx
	// numbered: values are $1, $2, … (PostgreSQL).
	numbered bool
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, t.spelled(query), args...)
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, t.spelled(query), args...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.spelled(query), args...)
}

func (t *transaction) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.tx.PrepareContext(ctx, t.spelled(query))
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
