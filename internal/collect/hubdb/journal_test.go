package hubdb

import (
	"database/sql"
	"strings"
	"testing"
)

// TestHotJournalOtherwise: why the reader copies file and journal. Opened for
// reading only, SQLite cannot roll back; told that nothing changes, it shows
// what no hub ever committed.
func TestHotJournalOtherwise(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	addUsers(t, path, 2000)
	want := read(t, path)
	start(t, "hot-journal", path).killed(t)
	open := func(params string) (torn int, err error) {
		db, err := sql.Open("sqlite", "file:"+path+"?"+params)
		must(t, err)
		defer db.Close()
		err = db.QueryRow("SELECT count(*) FROM users NOT INDEXED WHERE name LIKE 'torn-%'").Scan(&torn)
		return torn, err
	}
	untouched(t, path, func() {
		if torn, err := open("mode=ro"); err == nil || !strings.Contains(err.Error(), "attempt to write a readonly database") {
			t.Errorf("mode=ro: %d torn rows, %v", torn, err)
		}
		if torn, err := open("mode=ro&immutable=1"); err == nil && torn == 0 {
			t.Error("immutable=1 shows no torn rows: the test proves nothing")
		}
		same(t, want, read(t, path))
	})
}
