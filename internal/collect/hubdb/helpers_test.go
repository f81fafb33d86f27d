package hubdb

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"

	"github.com/google/go-cmp/cmp"
)

// TestMain becomes one of the children in child_test.go when asked to.
func TestMain(m *testing.M) {
	if role := os.Getenv("HUBDB_TEST_CHILD"); role != "" {
		child(role, os.Getenv("HUBDB_TEST_PATH"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fixture unpacks a database of testdata into a folder of its own.
func fixture(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	write(t, path, fixtureBytes(t, name))
	return path
}

func fixtureBytes(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".sqlite.gz"))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	must(t, os.WriteFile(path, b, 0o644))
}

// shell runs statements as a hub or an operator would.
func shell(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	must(t, db.Close())
}

// ask returns the first column of a query's rows.
func ask[T any](t testing.TB, path, query string) (values []T) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	must(t, err)
	defer db.Close()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var v T
		must(t, rows.Scan(&v))
		values = append(values, v)
	}
	must(t, rows.Err())
	return values
}

// addUsers adds users of the kind that a KubeSpawner hub of 5.x has, each with
// a stopped server.
func addUsers(t testing.TB, path string, n int) {
	t.Helper()
	first := ask[int64](t, path, "SELECT max(id) + 1 FROM users")[0]
	series := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n LIMIT %d) ", first, n)
	shell(t, path, "PRAGMA synchronous=OFF", "BEGIN",
		"INSERT INTO users (id, name, admin, created, last_activity, cookie_id) "+series+
			"SELECT i, 'student-' || i, 0, '2026-09-01 08:00:00.123456', '2026-11-20 11:59:59.654321', lower(hex(randomblob(16))) FROM n",
		"INSERT INTO spawners (user_id, name, state, last_activity) "+series+
			`SELECT i, '', '{"kubespawner_version": "7.0.0", "pod_name": "jupyter-student-' || i || '", "namespace": "jhub", "dns_name": "jupyter-student-' || i || '.jhub.svc.cluster.local", "pvc_name": "claim-student-' || i || '"}',
				'2026-11-20 11:59:59.654321' FROM n`, "COMMIT")
}

const pageSize = 4096 // of every database in testdata

func page(t testing.TB, path string, n int64) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return slices.Clone(b[(n-1)*pageSize : n*pageSize])
}

func overwrite(t testing.TB, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(b, at)
	must(t, err)
	must(t, f.Close())
}

func root(t testing.TB, path, name string) int64 {
	t.Helper()
	return ask[int64](t, path, "SELECT rootpage FROM sqlite_schema WHERE name = '"+name+"'")[0]
}

func read(t testing.TB, path string) Result {
	t.Helper()
	r, err := Read(t.Context(), Options{URL: "sqlite:///" + path, BaseDir: "/nowhere"})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return r
}

// kinds are the damages of a result, "!" added to those of lost content.
func kinds(r Result) (list []string) {
	for _, d := range r.Database.Damage {
		k := string(d.Kind)
		if d.HeldData {
			k += "!"
		}
		list = append(list, k)
	}
	return list
}

// same compares what two results say apart from where and when.
func same(t *testing.T, want, got Result) {
	t.Helper()
	for _, r := range []*Result{&want, &got} {
		r.Database.Location, r.Database.SizeBytes = "", 0
		r.Database.Modified = facts.Database{}.Modified
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results differ (-want +got):\n%s", diff)
	}
}

// folder describes every file of a folder: name, mode, size, time, content.
func folder(t testing.TB, dir string) (files []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files = append(files, fmt.Sprintf("%s %s %d %s %x", e.Name(), info.Mode(), info.Size(), info.ModTime(), sha256.Sum256(b)))
	}
	self, err := os.Stat(dir)
	must(t, err)
	return append(files, "folder "+self.ModTime().String())
}

// untouched fails the test if what happens in do changes a database's folder
// or leaves something in the folder for temporary files.
func untouched(t testing.TB, path string, do func()) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := folder(t, filepath.Dir(path))
	do()
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("the database's folder changed:\n%s", diff)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in TMPDIR: %v %v", left, err)
	}
}

// process is a child that has said it is ready; finish lets it end.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	output *bufio.Reader
}

func start(t testing.TB, role, path string) *process {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), exe)
	cmd.Env = append(os.Environ(), "HUBDB_TEST_CHILD="+role, "HUBDB_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	p := &process{cmd: cmd}
	p.stdin, err = cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	p.output = bufio.NewReader(out)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := p.output.ReadString('\n'); line != "ready\n" {
		t.Fatalf("child %s said %q, %v", role, line, err)
	}
	return p
}

// finish ends the child and returns the rest of what it said.
func (p *process) finish(t testing.TB) string {
	t.Helper()
	must(t, p.stdin.Close())
	rest, err := io.ReadAll(p.output)
	must(t, err)
	must(t, p.cmd.Wait())
	return strings.TrimSpace(string(rest))
}

// killed waits for a child that kills itself.
func (p *process) killed(t testing.TB) {
	t.Helper()
	if err := p.cmd.Wait(); err == nil || p.cmd.ProcessState.Exited() {
		t.Fatalf("the child was to be killed: %v, %v", err, p.cmd.ProcessState)
	}
}
