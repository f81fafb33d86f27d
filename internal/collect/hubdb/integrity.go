package hubdb

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
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
	r.doubt(structure)
	r.amendTruncated(structure)
	// Where pages are broken or missing, an index that disagrees is the
	// consequence, and where the end is missing, everything here is.
	if len(structure) == 0 && lost == "" {
		return r.checkStale(ctx, indexes)
	}
	if lost != "" || !r.hasDamage(facts.DamageTruncated) {
		zeroed, err := r.zeroed(structure)
		if err != nil {
			return err
		}
		r.damaged(facts.DamageIntegrity, sentence(lost, r.said(append(structure, indexes...)), zeroed), true)
	}
	return nil
}

// sentence joins what there is to say.
func sentence(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// doubt marks core tables as broken whose own tree is, although no row was
// missed.
func (r *reader) doubt(lines []string) {
	for _, line := range lines {
		n, _, ok := treePage(line)
		for name := range coreColumns {
			if t := r.tables[name]; ok && t != nil && t.root == n && !t.broken {
				t.broken = true
				r.partlyRead(t, len(r.Users), nil)
			}
		}
	}
	r.judgeSpawners(r.tables)
}

// amendTruncated adds to a cut-off file's damage what the cut has hit.
func (r *reader) amendTruncated(lines []string) {
	for i := range r.Database.Damage {
		d := &r.Database.Damage[i]
		if d.Kind != facts.DamageTruncated {
			continue
		}
		if hit := r.hit(lines); len(hit) > 0 {
			d.Message += clean("; it hit " + listed(hit))
		}
		if r.tables["users"] == nil {
			d.Message += "; the table users could not be found"
		} else {
			d.Message += fmt.Sprintf("; %d users could still be read", len(r.Users))
		}
	}
}

// hit are the tables and indexes that integrity_check's lines are about, and
// core tables that could not be read whole: tables first, by name.
func (r *reader) hit(lines []string) []string {
	names := map[string]bool{}
	for _, line := range lines {
		if n, _, ok := treePage(line); ok {
			if name, known := r.trees[n]; known {
				names[name] = true
			}
		}
	}
	for name := range coreColumns {
		if t := r.tables[name]; t != nil && t.broken {
			names[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, " "), strings.Count(b, " ")), strings.Compare(a, b))
	})
}

var treeLine = regexp.MustCompile(`^Tree (\d+) page (\d+)`)

// treePage reads of which tree and page a line is.
func treePage(line string) (root int, page int64, ok bool) {
	m := treeLine.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, false
	}
	root, err1 := strconv.Atoi(m[1])
	page, err2 := strconv.ParseInt(m[2], 10, 64)
	return root, page, err1 == nil && err2 == nil
}

// zeroed tells which of the pages that SQLite could not read are filled with
// zeros: the trace of a lost disk block, not of a faulty program.
func (r *reader) zeroed(lines []string) (string, error) {
	var pages []string
	seen := map[int64]bool{}
	content := make([]byte, r.header.pageSize)
	for _, line := range lines {
		_, n, ok := treePage(line)
		if !ok || seen[n] || n < 1 || n > r.header.pages || !strings.Contains(line, "btreeInitPage") {
			continue
		}
		seen[n] = true
		if _, err := r.file.ReadAt(content, (n-1)*r.header.pageSize); err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if len(bytes.Trim(content, "\x00")) == 0 {
			pages = append(pages, strconv.FormatInt(n, 10))
		}
	}
	if len(pages) == 0 {
		return "", nil
	}
	return fmt.Sprintf("of the unreadable pages these are filled with zeros, as a lost disk block leaves them: %s", listed(pages)), nil
}

// said is what integrity_check said, of how many errors and where.
func (r *reader) said(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	count := fmt.Sprint(len(lines))
	if len(lines) >= integrityLines {
		count = "at least " + count
	}
	where := ""
	if hit := r.hit(lines); len(hit) > 0 {
		where = " in " + listed(hit)
	}
	return fmt.Sprintf("integrity_check found %s errors%s: %s", count, where, listed(lines))
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
	return fmt.Sprintf("the table users has %d readable rows, but its index %s lists %d: the others are lost", len(r.Users), name, most), nil
}
