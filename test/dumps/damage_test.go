package dumps

import (
	"bytes"
	"database/sql"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"hubaudit/internal/collect/verify/sqldump"
)

// rounds is how often each dump is cut off and has bytes changed.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("HUBAUDIT_ROUNDS"))
	if err != nil {
		return 10
	}
	return n
}

// usersIn loads a broken dump into memory and gives the users' names.
func usersIn(t *testing.T, d dump) (sqldump.Report, []string) {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	f := sqldump.Detect(d.text[:min(len(d.text), 8<<10)])
	if f == "" {
		return sqldump.Report{Fault: "not-database"}, nil
	}
	report, err := sqldump.Load(t.Context(), bytes.NewReader(d.text), f, db)
	must(t, err)
	rows, err := db.Query("SELECT CAST(name AS TEXT) FROM users ORDER BY id")
	if err != nil {
		return report, nil // there is no such table or column, as hubdb will say
	}
	defer rows.Close()
	var users []string
	for rows.Next() {
		var name sql.NullString
		must(t, rows.Scan(&name))
		users = append(users, name.String)
	}
	must(t, rows.Err())
	return report, users
}

// missing counts the users of the live hub that a copy does not have.
func (d dump) missing(users []string) (n int) {
	have := map[string]bool{}
	for _, u := range users {
		have[u] = true
	}
	for _, u := range d.facts.Users {
		if !have[u.Name] {
			n++
		}
	}
	return n
}

// cutOff: of a dump that was cut off nothing is ever called complete.
func (d dump) cutOff(t *testing.T, random *rand.Rand) {
	t.Helper()
	for range rounds(t) {
		cut := d
		at := random.IntN(len(bytes.TrimRight(d.text, "\n")) - 1)
		cut.text = d.text[:at]
		report, users := usersIn(t, cut)
		missing := d.missing(users)
		if report.Complete && missing > 0 || report.Fault == "" && !report.Complete && !d.openEnd {
			t.Fatalf("cut off at byte %d of %d, with %d users missing: %+v", at, len(d.text), missing, report)
		}
	}
}

// flip: with a byte changed no user may be missing from what is called complete,
// but for one with another name, which shows when names are compared.
func (d dump) flip(t *testing.T, random *rand.Rand) {
	t.Helper()
	table := bytes.Index(d.text, []byte("student-000@"))
	for round := range 3 * rounds(t) {
		at := random.IntN(len(d.text))
		if round%3 > 0 && table > 0 { // among the users' rows
			at = table + random.IntN(min(30_000, len(d.text)-table))
		}
		changed := d
		changed.text = bytes.Clone(d.text)
		changed.text[at] ^= byte(1 + random.IntN(255))
		report, users := usersIn(t, changed)
		if report.Fault != "" || !report.Complete && !d.openEnd {
			continue
		}
		if _, held := changed.load(t); len(held.Database.Damage) > 0 {
			continue
		}
		if missing := d.missing(users); missing > 1 || len(users) != len(d.facts.Users) {
			t.Fatalf("byte %d of %d changed from %q to %q, with %d of %d users, %d missing: %+v", at, len(d.text),
				around(d.text, at), around(changed.text, at), len(users), len(d.facts.Users), missing, report)
		}
	}
}

func around(b []byte, at int) []byte { return b[max(0, at-30):min(len(b), at+30)] }
