package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hubaudit/test/ports"
	"hubaudit/test/reaper"
)

// Database is a running database server.
type Database struct {
	// Engine is postgresql or mysql.
	Engine string
	// Port is open on 127.0.0.1.
	Port int
	// Socket is the Unix socket: its folder for PostgreSQL, its path for MariaDB.
	Socket string
	// CA is the file of the certificate that signed the server's, which is for
	// the name localhost alone. ClientCert and ClientKey are signed by it too,
	// for the user ClientName.
	CA, ClientCert, ClientKey string

	dir    string
	run    *syscall.Credential // nil to run as this user
	reaper *reaper.Reaper
	server *exec.Cmd
	ended  chan struct{} // closed when the server has
	admin  func(database string) (*sql.DB, error)
	client func(database string) *exec.Cmd // reads SQL from its input
	again  func(tb testing.TB)             // starts the server as before
	names  atomic.Int64
}

// ClientName is whose certificate Database.ClientCert is.
const ClientName = "certified"

// startTimeout is for a machine that compiles at the same time.
const startTimeout = 2 * time.Minute

// prepare makes the folder in which a server of this name runs, owned by the
// user who is to run it: PostgreSQL refuses to run as root.
func prepare(tb testing.TB, engine, account string) *Database {
	tb.Helper()
	r, err := reaper.New("hubaudit-" + engine + "-")
	check(tb, err)
	d := &Database{Engine: engine, dir: r.Dir, reaper: r}
	tb.Cleanup(func() {
		d.Kill(tb)
		check(tb, r.Reap())
	})
	if os.Geteuid() == 0 {
		d.run, err = credential(account)
		check(tb, err)
	}
	d.makeCertificates(tb)
	d.give(tb)
	d.Port = ports.Reserve(tb)
	return d
}

func credential(account string) (*syscall.Credential, error) {
	u, err := user.Lookup(account)
	if err != nil {
		return nil, fmt.Errorf("finding who is to run the server: %w: apt-get install postgresql mariadb-server", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// give makes the server's user the owner of all there is in its folder.
func (d *Database) give(tb testing.TB) {
	tb.Helper()
	if d.run == nil {
		return
	}
	check(tb, filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, int(d.run.Uid), int(d.run.Gid)))
	}))
}

// command is a program of a package, to run as the server's user.
func (d *Database) command(binary string, args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Dir = d.dir
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+d.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: d.run, Setpgid: true}
	return c
}

// Find gives the path of a program, in the first folder that has it or else in
// PATH.
func Find(tb testing.TB, name string, folders ...string) string {
	tb.Helper()
	for _, folder := range folders {
		if found, err := filepath.Glob(filepath.Join(folder, name)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("%v: run test/packages", err)
	}
	return path
}

// setUp runs a program to its end.
func (d *Database) setUp(tb testing.TB, c *exec.Cmd) {
	tb.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", c, err, out)
	}
}

// start starts the server and waits until it answers.
func (d *Database) start(tb testing.TB, binary string, args ...string) {
	tb.Helper()
	d.again = func(tb testing.TB) { tb.Helper(); d.start(tb, binary, args...) }
	wrapper, err := d.reaper.Wrap(binary)
	check(tb, err)
	d.give(tb)
	log, err := os.Create(filepath.Join(d.dir, "log"))
	check(tb, err)
	defer log.Close()
	d.server, d.ended = d.command(wrapper, args...), make(chan struct{})
	d.server.Stdout, d.server.Stderr = log, log
	check(tb, d.server.Start())
	go func() {
		_ = d.server.Wait() // it ends by being killed
		close(d.ended)
	}()
	db, err := d.admin("")
	check(tb, err)
	defer db.Close()
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	for err = db.PingContext(ctx); err != nil; err = db.PingContext(ctx) {
		select {
		case <-d.ended:
			tb.Fatalf("%s ended at once: %s", binary, d.Log(tb))
		case <-ctx.Done():
			tb.Fatalf("waiting for %s: %v: %s", binary, err, d.Log(tb))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Log is what the server wrote.
func (d *Database) Log(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "log"))
	check(tb, err)
	return string(b)
}

// Kill ends the server as a crash does. It may have ended already.
func (d *Database) Kill(tb testing.TB) {
	tb.Helper()
	if d.ended == nil {
		return
	}
	select {
	case <-d.ended:
		return
	default:
	}
	sig := syscall.SIGKILL
	if d.Engine == "postgresql" { // else its shared memory would stay behind; this is no orderly end either
		sig = syscall.SIGQUIT
	}
	check(tb, d.server.Process.Signal(sig))
	<-d.ended
}

// Restart starts the server again after Kill.
func (d *Database) Restart(tb testing.TB) {
	tb.Helper()
	d.again(tb)
}

// Admin connects as the administrator, over the socket.
func (d *Database) Admin(tb testing.TB, database string) *sql.DB {
	tb.Helper()
	db, err := d.admin(database)
	check(tb, err)
	tb.Cleanup(func() { _ = db.Close() }) // its server may be gone
	return db
}

// Exec runs statements as the administrator.
func (d *Database) Exec(tb testing.TB, database string, statements ...string) {
	tb.Helper()
	db, err := d.admin(database)
	check(tb, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// NewDatabase makes an empty database and gives its name.
func (d *Database) NewDatabase(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("hub%d", d.names.Add(1))
	charset := map[string]string{"mysql": " CHARACTER SET utf8mb4"} // PostgreSQL's is UTF-8 already
	d.Exec(tb, "", "CREATE DATABASE "+name+charset[d.Engine])
	return name
}

// Load runs SQL text, such as a dump, as the administrator and with the server's
// own client.
func (d *Database) Load(tb testing.TB, database string, text io.Reader) {
	tb.Helper()
	c := d.client(database)
	c.Stdin = text
	d.setUp(tb, c)
}

// URL is the server's as SQLAlchemy writes it, with a driver such as psycopg2.
func (d *Database) URL(driver, user, password, database string, options ...string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	u := fmt.Sprintf("%s+%s://%s:%s@localhost:%d/%s", d.Engine, driver, escape(user), escape(password), d.Port, database)
	if len(options) > 0 {
		u += "?" + strings.Join(options, "&")
	}
	return u
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
