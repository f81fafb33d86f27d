package rescue_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/rescue"
)

// TestRefuses: whatever is refused leaves nothing behind.
func TestRefuses(t *testing.T) {
	sqlInto := func(statements ...string) func(t *testing.T, into, out string) {
		return func(t *testing.T, into, _ string) { shell(t, into, statements...) }
	}
	put := func(suffix, text string) func(t *testing.T, into, out string) {
		return func(t *testing.T, into, _ string) { check(t, os.WriteFile(into+suffix, []byte(text), 0o600)) }
	}
	beside := func(suffix string) func(t *testing.T, into, out string) {
		return func(t *testing.T, _, out string) { check(t, os.WriteFile(out+suffix, []byte("x"), 0o600)) }
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf("(%d, 'user%d', '%d')", i+1, i, i)
	}
	for name, c := range map[string]struct {
		harm func(t *testing.T, into, out string)
		says string
	}{
		"out exists":         {beside(""), "nothing is ever overwritten"},
		"a log beside out":   {beside("-wal"), "nothing is ever overwritten"},
		"a journal beside":   {beside("-journal"), "nothing is ever overwritten"},
		"no such file":       {func(t *testing.T, into, _ string) { check(t, os.Remove(into)) }, "orm.new_session_factory"},
		"zero bytes":         {put("", ""), "no SQLite database"},
		"gzip":               {put("", "\x1f\x8b"), "no SQLite database"},
		"a folder":           {func(t *testing.T, into, _ string) { check(t, os.Remove(into)); check(t, os.Mkdir(into, 0o700)) }, "no regular file"},
		"a hot journal":      {put("-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and more"), "has a journal"},
		"too large":          {func(t *testing.T, into, _ string) { check(t, os.Truncate(into, 65<<20)) }, "no empty database"},
		"truncated":          {func(t *testing.T, into, _ string) { check(t, os.Truncate(into, 40960)) }, "malformed"},
		"no tables":          {sqlInto("DROP TABLE users"), "no column users.id"},
		"no spawners":        {sqlInto("DROP TABLE spawners"), "no table spawners"},
		"orphans":            {sqlInto("PRAGMA foreign_keys=OFF", "INSERT INTO spawners (user_id, name) VALUES (99, '')"), "point at rows"},
		"another's database": {sqlInto("CREATE TABLE hubs2 (x)", "DROP TABLE users", "CREATE TABLE users (id INTEGER PRIMARY KEY)"), "no column users.name"},
		"a column of tomorrow": {sqlInto("ALTER TABLE users RENAME TO gone", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, admin BOOLEAN, cookie_id TEXT, shard TEXT NOT NULL)"),
			"users.shard needs a value"},
		"a default of tomorrow": {sqlInto("ALTER TABLE users ADD COLUMN shard TEXT NOT NULL DEFAULT 'x'"), ""},
		"a server remembered": {sqlInto("INSERT INTO users (id, name, cookie_id) VALUES (1, 'ann', 'c')", `INSERT INTO spawners (user_id, name, state) VALUES (1, '', '{"pod_name": "p"}')`),
			`remembers a server of user "ann"`},
		"many users": {sqlInto("INSERT INTO users (id, name, cookie_id) VALUES " + strings.Join(many, ", ")), `21 users whom the plan does not have, such as "user0"`},
		"few users":  {sqlInto("INSERT INTO users (id, name, cookie_id) VALUES " + strings.Join(many[:20], ", ")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			into, out := fresh(t), filepath.Join(t.TempDir(), "rescued.sqlite")
			c.harm(t, into, out)
			before := folder(t, out)
			_, err := rescue.WriteSQLite(t.Context(), into, out, hostilePlan("ann", "ben"))
			if c.says == "" {
				check(t, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), out) {
				t.Errorf("the error is %v, want %q and the file", err, c.says)
			}
			if diff := cmp.Diff(before, folder(t, out)); diff != "" {
				t.Errorf("it left something behind:\n%s", diff)
			}
		})
	}
}

func TestRefusesPlans(t *testing.T) {
	into := unpacked(t, "schema-0.7.2")
	emptied(t, into)
	for name, c := range map[string]struct {
		plan rescue.Plan
		says []string
	}{
		"empty":        {rescue.Plan{}, []string{"no users"}},
		"twice":        {rescue.Plan{Users: []rescue.User{{ID: 1, Name: "a"}, {ID: 1, Name: "b"}, {ID: 2, Name: "a"}}}, []string{`the id 1 is planned for the users "a" and "b"`, `user "a" is planned twice`}},
		"ids":          {rescue.Plan{Users: []rescue.User{{ID: 0, Name: "a"}, {ID: 1 << 31, Name: "b"}}}, []string{`"a" has the id 0`, `"b" has the id 2147483648`}},
		"names":        {rescue.Plan{Users: []rescue.User{{ID: 1}, {ID: 2, Name: "a\x00"}, {ID: 3, Name: "\xff"}, {ID: 4, Name: strings.Repeat("é", 256)}}}, []string{"id 1 ", "id 2 ", "id 3 ", "id 4 "}},
		"servers":      {rescue.Plan{Users: []rescue.User{{ID: 1, Name: "a", Servers: []rescue.Server{{}, {}, {Name: "\xff"}}}}}, []string{`two servers ""`, `\xff`}},
		"times":        {rescue.Plan{Users: []rescue.User{{ID: 1, Name: "a", Created: time.Date(12, 1, 1, 0, 0, 0, 0, time.UTC)}}}, []string{"0012-01-01T00:00:00Z"}},
		"named server": {rescue.Plan{Users: []rescue.User{{ID: 1, Name: "a", Servers: []rescue.Server{{Name: "lab"}}}}}, []string{`server "lab"`, "JupyterHub 0.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "rescued.sqlite")
			_, err := rescue.WriteSQLite(t.Context(), into, out, &c.plan)
			for _, say := range c.says {
				if err == nil || !strings.Contains(err.Error(), say) {
					t.Errorf("the error is %v, want %q", err, say)
				}
			}
			if left := folder(t, out); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// TestInterrupted: a run that is cut off leaves nothing, above all nothing
// under the new database's name.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "rescued.sqlite")
	if _, err := rescue.WriteSQLite(ctx, fresh(t), out, hostilePlan("ann")); err == nil {
		t.Error("no error")
	}
	if left := folder(t, out); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// killedOut is the file that the process of TestKilled writes.
const killedOut = "HUBAUDIT_TEST_RESCUE_OUT"

// TestKilled: a process that is killed while it writes leaves nothing under the
// new database's name, and nothing that is in the way of the next.
func TestKilled(t *testing.T) {
	p := manyUsers(200_000)
	if out := os.Getenv(killedOut); out != "" {
		_, err := rescue.WriteSQLite(t.Context(), fresh(t), out, p)
		t.Fatalf("it was not killed: %v", err)
	}
	out := filepath.Join(t.TempDir(), "rescued.sqlite")
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), killedOut+"="+out)
	check(t, child.Start())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	writing := func() bool { // SQLite's journal is there from the first change to the end
		found, _ := filepath.Glob(out + ".unfinished-*-journal")
		return len(found) > 0
	}
	for !writing() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	check(t, child.Process.Kill())
	if err := child.Wait(); ctx.Err() != nil || child.ProcessState.Exited() {
		t.Fatalf("it was to be killed while it writes: %v, %v", err, ctx.Err())
	}
	left := folder(t, out)
	for name := range left {
		if !strings.HasPrefix(name, "rescued.sqlite.unfinished-") {
			t.Errorf("it left %s", name)
		}
	}
	if len(left) < 2 {
		t.Errorf("it left only %d files, and so was not writing", len(left))
	}
	_, err := rescue.WriteSQLite(t.Context(), fresh(t), out, hostilePlan("ann"))
	check(t, err)
}
