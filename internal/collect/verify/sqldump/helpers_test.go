package sqldump

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/internal/collect/hubdb"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// fixture is a dump of a real hub by a real tool; test/dumps makes them.
func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".gz"))
	must(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(tb, err)
	b, err := io.ReadAll(z)
	must(tb, err)
	return b
}

func memory(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	db.SetMaxOpenConns(1)
	return db
}

// loadFile loads a dump and reads the hub in it as the audit does.
func loadFile(tb testing.TB, dump []byte) (Report, hubdb.Result) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "scratch.sqlite")
	db, err := sql.Open("sqlite", path)
	must(tb, err)
	report, err := Load(tb.Context(), bytes.NewReader(dump), Detect(dump[:min(len(dump), 4096)]), db)
	must(tb, err)
	must(tb, db.Close())
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: "sqlite:///" + path, BaseDir: "/"})
	must(tb, err)
	return report, r
}

// users loads a dump and gives its users, one per line, with "/" between values
// and ∅ for NULL.
func users(tb testing.TB, f Format, dump string) (Report, string) {
	tb.Helper()
	db := memory(tb)
	report, err := Load(tb.Context(), strings.NewReader(dump), f, db)
	must(tb, err)
	rows, err := db.Query("SELECT * FROM users ORDER BY rowid")
	if err != nil {
		return report, "none"
	}
	defer rows.Close()
	columns, err := rows.Columns()
	must(tb, err)
	var lines []string
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		must(tb, rows.Scan(to...))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
				values[i] = "∅"
			case []byte:
				values[i] = fmt.Sprintf("x%x", v)
			}
		}
		lines = append(lines, strings.TrimSuffix(strings.Repeat("%v/", len(values)), "/"))
		lines[len(lines)-1] = fmt.Sprintf(lines[len(lines)-1], values...)
	}
	must(tb, rows.Err())
	return report, strings.Join(lines, "\n")
}
