package verify

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

type packing struct {
	name string
	pack func(testing.TB, []byte) []byte
}

// packings are the ways in which the tests pack a database.
var packings = []packing{
	{"plain", func(_ testing.TB, b []byte) []byte { return b }},
	{"gzip", gzipped},
	{"zstd", zstded},
	{"xz", xzed},
	{"tar, gzip", func(t testing.TB, b []byte) []byte { return gzipped(t, tarred(t, file{"hub.sqlite", b, 0})) }},
	{"tar", func(t testing.TB, b []byte) []byte { return tarred(t, file{"hub.sqlite", b, 0}) }},
	{"zip", func(t testing.TB, b []byte) []byte { return zipped(t, file{"hub.sqlite", b, 0}) }},
}

// somePackings are all of them, or a few under the race detector, which makes
// SQLite slow.
func somePackings() []packing {
	if testing.Short() {
		return packings[:3]
	}
	return packings
}

// TestCut: a copy that ends in the middle is never called good.
func TestCut(t *testing.T) {
	privateTemp(t)
	r := rand.New(rand.NewSource(1))
	db := hubDB(t, "hub-3.0.0")
	for _, p := range somePackings() {
		whole := p.pack(t, db)
		faults := map[facts.CopyFault]int{}
		for i := range 12 {
			at := 1 + r.Intn(len(whole)-1)
			if i == 0 {
				at = len(whole) - 1
			}
			got := look(t, whole[:at])
			faults[got.Fault]++
			if got.Fault == "" {
				t.Errorf("%s, cut to %d of %d bytes: form %q, skipped %q, called good", p.name, at, len(whole), got.Form, got.Skipped)
			}
		}
		if faults[facts.CopyTruncated] < 8 {
			t.Errorf("%s: %v", p.name, faults)
		}
	}
}

// names are those of the users, sorted.
func names(h *facts.Hub) (all []string) {
	for _, u := range h.Users {
		all = append(all, u.Name)
	}
	slices.Sort(all)
	return all
}

// TestFlipped: a copy with wrong bytes is never called good while it lacks
// users; where the packing has a checksum, it is never called good at all.
func TestFlipped(t *testing.T) {
	privateTemp(t)
	r := rand.New(rand.NewSource(2))
	db := hubDB(t, "hub-3.0.0")
	truth := look(t, db)
	for _, p := range somePackings() {
		whole, found := p.pack(t, db), 0
		rounds := 30
		for range rounds {
			b := bytes.Clone(whole)
			for range 10 {
				b[r.Intn(len(b))] ^= byte(1 << r.Intn(8))
			}
			got := look(t, b)
			if got.Fault != "" || got.Skipped != "" {
				found++
				continue
			}
			if len(got.Content.Users) < hubUsers {
				t.Errorf("%s: %d of %d users and called good", p.name, len(got.Content.Users), hubUsers)
			}
			if strings.Contains("gzip zstd xz tar, gzip zip", p.name) && !slices.Equal(names(got.Content), names(truth.Content)) {
				t.Errorf("%s: other names behind a checksum", p.name)
			}
		}
		if found < rounds/2 {
			t.Errorf("%s: only %d of %d were found bad", p.name, found, rounds)
		}
	}
}

// grown is a hub's database with more users, so that it has pages enough to be
// torn between.
func grown(t testing.TB, users int) string {
	t.Helper()
	path := written(t, hubDB(t, "schema-5.5.1"))
	db := openDB(t, path, "_pragma=synchronous(0)")
	addUsers(t, path, users)
	must(t, db.Close())
	return path
}

// addUsers adds users as a KubeSpawner hub of 5.x has them, each with a stopped server.
func addUsers(t testing.TB, path string, n int) {
	t.Helper()
	db := openDB(t, path, "_pragma=synchronous(0)")
	var first int
	must(t, db.QueryRow("SELECT max(id) + 1 FROM users").Scan(&first))
	series := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n LIMIT %d) ", first, n)
	execute(t, db, "BEGIN", "INSERT INTO users (id, name, admin, created, last_activity, cookie_id) "+series+
		"SELECT i, 'student-' || i, 0, '2026-09-01 08:00:00.123456', '2026-11-20 11:59:59.654321', lower(hex(randomblob(16))) FROM n",
		"INSERT INTO spawners (user_id, name, state, last_activity) "+series+
			`SELECT i, '', '{"kubespawner_version": "7.0.0", "pod_name": "jupyter-student-' || i || '", "namespace": "jhub", "pvc_name": "claim-student-' || i || '"}',
				'2026-11-20 11:59:59.654321' FROM n`, "COMMIT")
	must(t, db.Close())
}

// TestTorn: a database copied page by page while a hub writes to it, as cp
// does. Users are added and others deleted meanwhile; those who were there
// before and after must be in a copy that is called good.
func TestTorn(t *testing.T) {
	privateTemp(t)
	runs, before := 200, 400
	if testing.Short() {
		runs = 24
	}
	base := bytesIn(t, grown(t, before))
	torn, good, older := 0, 0, 0
	for seed := range runs {
		r := rand.New(rand.NewSource(int64(seed)))
		path := written(t, base)
		mode := "delete"
		if seed%4 == 0 {
			mode = "wal)&_pragma=wal_autocheckpoint(9"
		}
		copied, stay := copyWhileWritten(t, path, mode, r)
		got := look(t, copied)
		switch {
		case got.Fault != "":
			torn++
			if got.Fault != facts.CopyTorn && got.Fault != facts.CopyTruncated && got.Fault != facts.CopyCorrupt {
				t.Errorf("seed %d: fault %q (%s)", seed, got.Fault, got.Detail)
			}
		case len(got.Content.Users) < len(stay):
			older++ // it shows that users are missing: the checks compare with the live one
		default:
			good++
			if missing := lacking(got.Content, stay); len(missing) > 0 {
				t.Errorf("seed %d: called good, has %d users, and lacks %v", seed, len(got.Content.Users), missing)
			}
		}
	}
	t.Logf("%d torn copies found, %d show fewer users, %d are whole", torn, older, good)
	if torn < runs/4 {
		t.Errorf("only %d of %d copies were torn: the test tears too little", torn, runs)
	}
}

// copyWhileWritten copies a file page by page, and between pages commits what a
// hub does. stay are the users who are there from before to after.
func copyWhileWritten(t *testing.T, path, mode string, r *rand.Rand) (copied []byte, stay map[string]bool) {
	t.Helper()
	db := openDB(t, path, "_pragma=synchronous(0)&_pragma=journal_mode("+mode+")")
	stay = map[string]bool{}
	rows, err := db.Query("SELECT name FROM users")
	must(t, err)
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		stay[name] = true
	}
	must(t, rows.Err())
	must(t, rows.Close())
	f, err := os.Open(path)
	must(t, err)
	page, next := make([]byte, 4096), 10_000
	for at := int64(0); ; at += 4096 {
		if r.Intn(6) == 0 {
			next++
			if r.Intn(3) == 0 {
				gone := fmt.Sprintf("student-%d", r.Intn(400))
				execute(t, db, "DELETE FROM spawners WHERE user_id = (SELECT id FROM users WHERE name = '"+gone+"')", "DELETE FROM users WHERE name = '"+gone+"'")
				delete(stay, gone)
			} else {
				execute(t, db, fmt.Sprintf("INSERT INTO users (name, admin, cookie_id) VALUES ('late-%[1]d', 0, 'c%[1]d')", next),
					fmt.Sprintf(`INSERT INTO spawners (user_id, name, state) SELECT max(id), '', '{"pod_name": "%s"}' FROM users`, strings.Repeat("p", r.Intn(800))))
			}
		}
		if n, err := f.ReadAt(page, at); n < len(page) {
			if n > 0 {
				t.Fatalf("half a page at %d: %v", at, err)
			}
			break
		}
		copied = append(copied, page...)
	}
	must(t, f.Close())
	must(t, db.Close())
	return copied, stay
}

// lacking are the names that a copy lacks.
func lacking(h *facts.Hub, want map[string]bool) (missing []string) {
	has := map[string]bool{}
	for _, u := range h.Users {
		has[u.Name] = true
	}
	for name := range want {
		if !has[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

// TestWAL: a copy of a database in WAL mode is whole where the log was brought
// in or lies beside it; where the log's index proves that it is missing, that is
// told; and where nothing proves it, the copy is not called bad.
func TestWAL(t *testing.T) {
	privateTemp(t)
	path := written(t, hubDB(t, "hub-3.0.0"))
	db := openDB(t, path, "_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(0)")
	execute(t, db, "INSERT INTO users (name, cookie_id) VALUES ('in-the-log', 'x')")
	main, wal, shm := bytesIn(t, path), bytesIn(t, path+"-wal"), bytesIn(t, path+"-shm")
	into := filepath.Join(t.TempDir(), "into.sqlite")
	execute(t, db, "VACUUM INTO '"+into+"'")
	must(t, db.Close()) // which brings the log in and removes it
	stopped := bytesIn(t, path)

	all := func(suffixes ...file) []byte {
		return gzipped(t, tarred(t, append(suffixes, file{"h.sqlite", main, 0})...))
	}
	for _, tt := range []struct {
		name  string
		copy  []byte
		form  string
		fault facts.CopyFault
		users int
	}{
		{"of a stopped hub", stopped, "sqlite in WAL mode", "", hubUsers + 1},
		{"by VACUUM INTO", bytesIn(t, into), "sqlite", "", hubUsers + 1},
		{"without its log", main, "sqlite in WAL mode", "", hubUsers},
		{"with its log", all(file{"h.sqlite-wal", wal, 0}), "gzip, tar, sqlite with its write-ahead log", "", hubUsers + 1},
		{"with its log and index", all(file{"h.sqlite-wal", wal, 0}, file{"h.sqlite-shm", shm, 0}), "gzip, tar, sqlite with its write-ahead log", "", hubUsers + 1},
		{"with only the log's index", all(file{"h.sqlite-shm", shm, 0}), "gzip, tar, sqlite in WAL mode", facts.CopyWALMissing, hubUsers},
	} {
		t.Run(tt.name, func(t *testing.T) { wantOpened(t, look(t, tt.copy), tt.form, tt.fault, tt.users, "") })
	}
}
