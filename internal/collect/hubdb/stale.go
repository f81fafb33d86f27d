package hubdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// aboutIndex knows integrity_check's sentences about indexes.
var aboutIndex = regexp.MustCompile(`^(?:wrong # of entries in|non-unique entry in|row \d+ missing from|row \d+ values differ from|rowid not at end-of-record for row \d+ of) index (.+)$`)

// isAboutIndex tells whether a line is about an index that disagrees with its
// table, and not about the structure of either.
func isAboutIndex(line string) bool { return aboutIndex.MatchString(line) }

// checkStale reports the indexes that integrity_check's lines are about.
func (r *reader) checkStale(ctx context.Context, lines []string) error {
	var names, stale []string
	doubled := map[string]bool{}
	for _, line := range lines {
		name := aboutIndex.FindStringSubmatch(line)[1]
		names = append(names, name)
		if strings.HasPrefix(line, "non-unique") {
			doubled[name] = true
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s, err := r.compareIndex(ctx, name)
		if err != nil {
			return err
		}
		stale = append(stale, s.text(doubled[name]))
	}
	if len(stale) > 0 {
		r.damaged(facts.DamageIndexStale, strings.Join(stale, "; "), false)
	}
	return nil
}

// staleIndex is an index and how it differs from its table.
type staleIndex struct {
	name, table string
	columns     []string
	// rows is how many the table has, lacking how many of them the index does
	// not have as they are, entries how many it lists; all -1 if not to be had.
	rows, lacking, entries int64
}

func (s staleIndex) text(doubled bool) string {
	text := fmt.Sprintf("the index %s of %s(%s) disagrees with its table", s.name, s.table, strings.Join(s.columns, ", "))
	if s.rows >= 0 {
		text += fmt.Sprintf(" (rows it lacks: %d of %d, entries without a row: %d)", s.lacking, s.rows, s.entries-(s.rows-s.lacking))
	}
	if doubled {
		text += ", and rows have the same value where each must have its own"
	}
	return text
}

// compareIndex counts how an index differs from its table. It looks every row
// up in the index, because integrity_check stops counting at its bound.
func (r *reader) compareIndex(ctx context.Context, name string) (staleIndex, error) {
	s := staleIndex{name: name, rows: -1, lacking: -1, entries: -1}
	err := r.each(ctx, `SELECT m.tbl_name, coalesce(i.name, '') FROM sqlite_schema AS m, pragma_index_info(m.name) AS i
		WHERE m.type = 'index' AND m.name = ? ORDER BY i.seqno`, []any{name}, func(scan func(...any) error) error {
		var column string
		err := scan(&s.table, &column)
		s.columns = append(s.columns, column)
		return err
	})
	if err != nil || len(s.columns) == 0 || slices.Contains(s.columns, "") {
		return s, otherThanDamage(ctx, err)
	}
	same := []string{"b.rowid = a.rowid"}
	for _, c := range s.columns {
		same = append(same, fmt.Sprintf("b.%[1]s IS a.%[1]s", quoted(c)))
	}
	table, index := quoted(s.table), quoted(name)
	// count(1), not count(*): SQLite answers that from any index.
	row := r.QueryRowContext(ctx, fmt.Sprintf(`SELECT (SELECT count(1) FROM %[1]s NOT INDEXED), (SELECT count(1) FROM %[1]s INDEXED BY %[2]s),
		(SELECT count(1) FROM %[1]s AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM %[1]s AS b INDEXED BY %[2]s WHERE %[3]s))`,
		table, index, strings.Join(same, " AND ")))
	if err := row.Scan(&s.rows, &s.entries, &s.lacking); err != nil {
		s.rows = -1 // a partial index, or a table without row ids
		return s, otherThanDamage(ctx, err)
	}
	return s, nil
}

// otherThanDamage keeps of an error what is no consequence of the content.
func otherThanDamage(ctx context.Context, err error) error {
	if ctx.Err() != nil || !isDamage(err) && !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
