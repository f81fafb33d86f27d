package world_test

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
)

// content is what a file holds, as text that is equal for equal content: of an
// archive what was compressed, of a database its statements and rows.
func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		data = unzip(t, path)
	}
	if bytes.HasPrefix(data, []byte("SQLite format 3\x00")) {
		return rows(t, data)
	}
	return string(data)
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rows prints a database: each statement of its schema, and all rows of the
// tables that have any.
func rows(t *testing.T, database []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.sqlite")
	if err := os.WriteFile(path, database, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	for _, line := range query(t, db, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		name, _, _ := strings.Cut(line, "\t")
		fmt.Fprintln(&out, line)
		fmt.Fprintln(&out, strings.Join(query(t, db, "SELECT * FROM \""+name+"\" ORDER BY 1"), "\n"))
	}
	return out.String()
}

func query(t *testing.T, db *sql.DB, statement string) []string {
	t.Helper()
	found, err := db.Query(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for found.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String
			if !v.Valid {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, "\t"))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
