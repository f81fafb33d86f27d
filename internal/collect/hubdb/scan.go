package hubdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
)

// each calls row for every row of a query, as they stream.
func (r *reader) each(ctx context.Context, query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := r.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// span is a run of rows that could all be read: the key from which SQLite
// found them, the highest among them, and how many there are.
type span struct {
	from, highest int64
	rows          int
}

// errDisorder: keys did not ascend, so a page stands where it does not belong.
var errDisorder = errors.New("rows are out of order")

// maxDisorder is how often keys may fall back in one scan. Pages that changed
// places do so now and then; pages that refer to each other over and over would
// give rows without end.
const maxDisorder = 100

// scanTable reads every row of a table that can still be read, in the order of
// its key, and passes its expressions to row. It reads the table itself, never
// an index: an index may hold rows that the table has lost. Where a page is
// broken it goes on behind it. It returns the spans it read and the first
// damage it met; of a damaged table, a row may come twice.
func (r *reader) scanTable(ctx context.Context, t *table, expressions []string, row func(scan func(...any) error) error) (spans []span, damage, err error) {
	query := fmt.Sprintf("SELECT %s, %s FROM %s NOT INDEXED WHERE %s >= ? ORDER BY %s",
		t.key, strings.Join(expressions, ", "), t.name, t.key, t.key)
	for from := int64(math.MinInt64); ; {
		s, disorder, err := r.scanFrom(ctx, query, from, row)
		if s.rows > 0 {
			spans = append(spans, s)
		}
		if disorder && damage == nil {
			damage, t.broken = errDisorder, true
		}
		if err == nil {
			return spans, damage, nil
		}
		if ctx.Err() != nil || !errors.Is(err, errDisorder) && !isDamage(err) {
			return nil, nil, errors.Join(ctx.Err(), err)
		}
		if damage == nil {
			damage, t.broken = err, true
		}
		// Ids start at 1, so nothing is lost below.
		unreadable := max(from, 0)
		if s.rows > 0 {
			unreadable = max(unreadable, s.highest)
		}
		next, ok, err := r.nextReadable(ctx, t, unreadable)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			return spans, damage, nil
		}
		from = next
	}
}

// scanFrom reads rows from a key on until the end or the first damage.
func (r *reader) scanFrom(ctx context.Context, query string, from int64, row func(scan func(...any) error) error) (s span, disorder bool, err error) {
	s = span{from: from, highest: math.MinInt64}
	last, fallbacks := int64(math.MinInt64), 0
	err = r.each(ctx, query, []any{from}, func(scan func(...any) error) error {
		var key int64
		if err := row(func(dest ...any) error { return scan(append([]any{&key}, dest...)...) }); err != nil {
			return err
		}
		if s.rows > 0 && key <= last {
			if fallbacks++; fallbacks > maxDisorder {
				return errDisorder
			}
		}
		last, s.highest = key, max(s.highest, key)
		s.rows++
		return nil
	})
	return s, fallbacks > 0, err
}

// nextReadable finds the first key above one that cannot be passed from which
// on SQLite can read again. It tries 64 keys one by one, then 64 in steps of 2,
// of 4 and so on, and narrows the last step down: exact for a page of rows, and
// at the end of the numbers after 4,000 tries.
func (r *reader) nextReadable(ctx context.Context, t *table, unreadable int64) (key int64, ok bool, err error) {
	query := fmt.Sprintf("SELECT %s FROM %s NOT INDEXED WHERE %s >= ? ORDER BY %s LIMIT 1", t.key, t.name, t.key, t.key)
	// try returns the key found at or above a key; end tells there is none.
	try := func(from int64) (found int64, end, readable bool) {
		err := r.QueryRowContext(ctx, query, from).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, true, true
		}
		return found, false, err == nil && found >= from
	}
	low := unreadable
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		step := int64(1) << (i / 64)
		if low > math.MaxInt64-step {
			return 0, false, nil
		}
		high := low + step
		found, end, readable := try(high)
		if !readable {
			low = high
			continue
		}
		for high-low > 1 {
			middle := low + (high-low)/2
			if f, e, ok := try(middle); ok {
				high, found, end = middle, f, e
			} else {
				low = middle
			}
		}
		return found, !end, ctx.Err()
	}
}
