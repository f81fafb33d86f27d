package hubdb

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

// sqliteShell types lines into a real sqlite3 shell that has a file open, or
// none for "".
func sqliteShell(t *testing.T, path string, lines ...string) {
	t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("there is no sqlite3 shell: apt-get install sqlite3")
	}
	args := []string{"-batch", "-bail"}
	if path != "" {
		args = append(args, path)
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "Error") {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
}

func headerOf(t *testing.T, path string) header {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return parseHeader(b)
}

// TestSaveOfARealShell: .save in a shell that has no file open leaves one page
// without a table, whose counters go on from the database's own. A new file's
// do not.
func TestSaveOfARealShell(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	before := headerOf(t, path)
	sqliteShell(t, "", ".save '"+path+"'")
	after := headerOf(t, path)
	if info, err := os.Stat(path); err != nil || info.Size() != after.pageSize || len(ask[string](t, path, "SELECT name FROM sqlite_schema")) > 0 {
		t.Fatalf("the shell left more than an empty page: %v, %v", info.Size(), err)
	}
	if after.changeCounter <= before.changeCounter || after.schemaCookie <= before.schemaCookie {
		t.Errorf("counters went from %+v to %+v: the shell no longer keeps them", before, after)
	}
	r := read(t, path)
	wantDamage(t, r, []string{"no-tables!"}, "it looks as if an empty database was saved over it")
	if r.Database.Damage[0].Recoverable {
		t.Error("nothing of the content is left in the file, but it is called recoverable")
	}

	imitated := fixture(t, "hub-3.0.0")
	savedOver(t, imitated)
	same(t, r, read(t, imitated)) // the accident that the other tests cause is the real one

	fresh := path + ".new"
	sqliteShell(t, "", ".save '"+fresh+"'")
	wantDamage(t, read(t, fresh), []string{"no-tables"}, "no trace of earlier ones")
}

// TestDroppedInARealShell: without VACUUM the pages of dropped tables wait in
// the freelist, until a hub starts on the file and fills them.
func TestDroppedInARealShell(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	schema := ask[string](t, path, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	var drop []string
	for _, name := range ask[string](t, path, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
		drop = append(drop, "DROP TABLE "+name+";")
	}
	sqliteShell(t, path, drop...)
	free := headerOf(t, path).freePages
	if free < 30 {
		t.Fatalf("only %d free pages", free)
	}
	r := read(t, path)
	wantDamage(t, r, []string{"no-tables!"}, fmt.Sprintf("%d free pages): they were dropped, and their pages are still in the file", free))
	if !r.Database.Damage[0].Recoverable {
		t.Error("not recoverable")
	}

	sqliteShell(t, path, strings.Join(schema, ";\n")+";") // as a hub does at its start
	if now := headerOf(t, path).freePages; now >= free {
		t.Fatalf("%d of %d free pages after the tables were made again", now, free)
	}
	r = read(t, path)
	wantDamage(t, r, nil, "") // it is a new hub's now: checks that know the past tell what it was
	if len(r.Users) != 0 || r.UsersRead != facts.Complete {
		t.Errorf("%d users, read %s", len(r.Users), r.UsersRead)
	}
}

// TestCleanStopLeavesTheLog: a program that stops in order may leave the log
// as it is; all its rows are there, and without the log they are not.
func TestCleanStopLeavesTheLog(t *testing.T) {
	path := fixture(t, "hub-3.0.0")
	sqliteShell(t, path, ".dbconfig no_ckpt_on_close on", "PRAGMA journal_mode=WAL;", "UPDATE users SET name = 'in-wal-' || id;")
	b, err := os.ReadFile(path)
	must(t, err)
	if info, err := os.Stat(path + walSuffix); err != nil || info.Size() == 0 || b[18] != 2 || b[19] != 2 {
		t.Fatalf("no log was left (%v), header bytes 18 and 19 are %d and %d", err, b[18], b[19])
	}
	inLog := func(r Result) int {
		return len(slices.DeleteFunc(slices.Clone(r.Users), func(u facts.User) bool { return !strings.HasPrefix(u.Name, "in-wal-") }))
	}
	untouched(t, path, func() {
		r := read(t, path)
		wantDamage(t, r, nil, "")
		if inLog(r) != 35 {
			t.Errorf("%d of 35 names from the log", inLog(r))
		}
	})
	// What is copied without its log is an older state, and looks sound.
	alone := fixture(t, "hub-3.0.0")
	write(t, alone, b)
	r := read(t, alone)
	wantDamage(t, r, nil, "")
	if len(r.Users) != 35 || inLog(r) != 0 {
		t.Errorf("%d users, %d of them from the log", len(r.Users), inLog(r))
	}
}
