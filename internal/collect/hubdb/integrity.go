package hubdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// integrityLines is SQLite's own bound on what integrity_check reports; it
// still looks at everything.
const integrityLines = 100

// checkIntegrity has SQLite look at every page, and compares each index of
// users with the table. When ctx ends it, an error says so: a database that
// was not checked to the end is not known to be sound.
func (r *reader) checkIntegrity(ctx context.Context) error {
	lines, err := r.integrityLines(ctx)
	if err != nil {
		return err
	}
	lost, err := r.countIndexes(ctx)
	if err != nil {
		return err
	}
	var structure, indexes []string
	for _, line := range lines {
		if isAboutIndex(line) {
			indexes = append(indexes, line)
		} else {
			structure = append(structure, line)
		}
	}
	if t := r.tables["users"]; t != nil && r.UsersRead == facts.Complete &&
		slices.ContainsFunc(structure, func(line string) bool { return strings.HasPrefix(line, fmt.Sprintf("Tree %d ", t.root)) }) {
		r.partlyRead(t, len(r.Users), nil)
	}
	// Where pages are broken or missing, an index that disagrees is the
	// consequence, and where the end is missing, everything here is.
	if len(structure) > 0 || lost != "" {
		structure, indexes = append(structure, indexes...), nil
	}
	if lost != "" || len(structure) > 0 && !r.hasDamage(facts.DamageTruncated) {
		r.damaged(facts.DamageIntegrity, lost+checked(structure), true)
	}
	if len(indexes) > 0 {
		r.damaged(facts.DamageIndexStale, "an index disagrees with its table; a hub can then make the same user twice. "+checked(indexes), false)
	}
	return nil
}

func checked(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	count := fmt.Sprint(len(lines))
	if len(lines) >= integrityLines {
		count = "at least " + count
	}
	return fmt.Sprintf("integrity_check found %s errors: %s.", count, listed(lines))
}

// integrityLines returns what PRAGMA integrity_check complains of. First as one
// value of one row, because ctx can end that at any point; when a page is so
// broken that SQLite gives up, again line by line, to have those before.
func (r *reader) integrityLines(ctx context.Context) ([]string, error) {
	var all string
	var lines []string
	err := r.QueryRowContext(ctx, "SELECT json_group_array(integrity_check) FROM pragma_integrity_check").Scan(&all)
	if err == nil {
		err = json.Unmarshal([]byte(all), &lines)
	} else if ctx.Err() == nil && isDamage(err) {
		gaveUp := err
		err = r.each(ctx, "PRAGMA integrity_check", nil, func(scan func(...any) error) error {
			lines = append(lines, "")
			return scan(&lines[len(lines)-1])
		})
		if isDamage(err) {
			lines, err = append(lines, "it gave up: "+gaveUp.Error()), nil
		}
	}
	if ctx.Err() != nil || err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return withoutNoise(lines), nil
}

// withoutNoise splits what SQLite reports as one text, and drops its headings.
func withoutNoise(reports []string) (lines []string) {
	for line := range strings.SplitSeq(strings.Join(reports, "\n"), "\n") {
		if line != "ok" && line != "" && !strings.HasPrefix(line, "*** in database ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// isAboutIndex knows integrity_check's sentences about indexes.
func isAboutIndex(line string) bool {
	return strings.HasPrefix(line, "wrong # of entries in index ") || strings.HasPrefix(line, "non-unique entry in index ") ||
		strings.HasPrefix(line, "row ") && strings.Contains(line, " missing from index ") ||
		strings.HasPrefix(line, "rowid not at end-of-record for row ") || strings.HasPrefix(line, "row ") && strings.Contains(line, " values differ from index ")
}

// countIndexes tells how many users an index still lists beyond those that the
// table has. Such rows are lost, although every page may look sound.
func (r *reader) countIndexes(ctx context.Context) (string, error) {
	t := r.tables["users"]
	if !t.has("id", "name") {
		return "", nil
	}
	most, name := int64(len(r.Users)), ""
	for _, i := range t.indexes {
		if i.partial {
			continue
		}
		var n int64
		err := r.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM users INDEXED BY "%s"`, strings.ReplaceAll(i.name, `"`, `""`))).Scan(&n)
		if ctx.Err() != nil || err != nil && !isDamage(err) {
			return "", errors.Join(ctx.Err(), err)
		}
		if err == nil && n > most {
			most, name = n, i.name
		}
	}
	if name == "" {
		return "", nil
	}
	if r.UsersRead == facts.Complete {
		r.partlyRead(t, len(r.Users), nil)
	}
	return fmt.Sprintf("the table users has %d readable rows, but its index %s lists %d: the others are lost. ", len(r.Users), name, most), nil
}
