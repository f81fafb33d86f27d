// Package rescue starts a real JupyterHub on rescued databases.
package rescue

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/test/servers"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// makeTables makes the tables of a database as docs/rescue.md says, with Debian's
// JupyterHub, without starting a hub and without its configuration.
func makeTables(tb testing.TB, dbURL string) {
	tb.Helper()
	c := exec.Command("/usr/bin/python3", "-c", fmt.Sprintf("from jupyterhub import orm; orm.new_session_factory(%s)", strconv.Quote(dbURL)))
	c.Env = append(os.Environ(), "PYTHONPATH=")
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("making the tables: %v\n%s", err, out)
	}
}

// readDB reads a database as the audit does.
func readDB(tb testing.TB, dbURL string) *facts.Hub {
	tb.Helper()
	r, err := hubdb.Read(tb.Context(), hubdb.Options{URL: dbURL})
	must(tb, err)
	return &facts.Hub{Database: r.Database, UsersRead: r.UsersRead, SpawnersRead: r.SpawnersRead, StatesRead: true,
		Users: r.Users, Spawners: r.Spawners, Servers: r.Servers}
}

func verify(tb testing.TB, p *rescue.Plan, h *facts.Hub) {
	tb.Helper()
	for _, d := range rescue.Verified(p, h) {
		tb.Error(d)
	}
}

// sqlFor is the SQL that fills an empty database on a server.
func sqlFor(tb testing.TB, dbURL string, p *rescue.Plan) []byte {
	tb.Helper()
	var b bytes.Buffer
	must(tb, rescue.WriteSQL(&b, &readDB(tb, dbURL).Database, p))
	return b.Bytes()
}

var drivers = map[string]string{"postgresql": "psycopg2", "mysql": "pymysql"}

// hubUser owns hubs' databases.
const hubUser, hubPassword = "hub", "hub's own"

// newDatabase makes an empty database that a hub may use.
func newDatabase(tb testing.TB, d *servers.Database) (name, dbURL string) {
	tb.Helper()
	name = d.NewDatabase(tb)
	if d.Engine == "mysql" {
		d.Exec(tb, "", "CREATE USER IF NOT EXISTS "+hubUser+"@'%' IDENTIFIED BY 'hub''s own'", "GRANT ALL ON "+name+".* TO "+hubUser+"@'%'")
	} else {
		d.Exec(tb, "", "DO $$ BEGIN CREATE ROLE "+hubUser+" LOGIN PASSWORD 'hub''s own'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
			"ALTER DATABASE "+name+" OWNER TO "+hubUser)
	}
	return name, d.URL(drivers[d.Engine], hubUser, hubPassword, name)
}

// apply runs SQL with the engine's own client, as the hub's user, and gives
// what it says and how it ends.
func apply(tb testing.TB, d *servers.Database, database string, text []byte, options ...string) (said string, err error) {
	tb.Helper()
	args := []string{"--no-defaults", "--protocol=tcp", "--host=127.0.0.1", fmt.Sprintf("--port=%d", d.Port), "--user=" + hubUser, "--password=" + hubPassword}
	client := "mariadb"
	if d.Engine == "postgresql" {
		client, args = "psql", []string{"--no-psqlrc", "--quiet", "--host=127.0.0.1", fmt.Sprintf("--port=%d", d.Port), "--username=" + hubUser}
	}
	c := exec.Command(client, append(append(args, options...), database)...)
	c.Env = append(os.Environ(), "PGPASSWORD="+hubPassword, "LC_ALL=C") // no locale of UTF-8 helps it
	c.Stdin = bytes.NewReader(text)
	out, err := c.CombinedOutput()
	return string(out), err
}

// connect connects as the hub's user.
func connect(tb testing.TB, d *servers.Database, database string) *sql.DB {
	tb.Helper()
	driver, dsn := "pgx", strings.Replace(d.URL("x", hubUser, hubPassword, database), "+x", "", 1)
	if d.Engine == "mysql" {
		c := mysql.NewConfig()
		c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.MultiStatements = hubUser, hubPassword, "unix", d.Socket, database, true
		driver, dsn = "mysql", c.FormatDSN()
	}
	return openDB(tb, driver, dsn)
}

func openDB(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	must(tb, err)
	tb.Cleanup(func() { _ = db.Close() }) // its server may be gone
	return db
}

func openSQLite(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	return openDB(tb, "sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
}

// rows are the values of a query's one column.
func rows(tb testing.TB, db *sql.DB, query string) (values []string) {
	tb.Helper()
	found, err := db.Query(query)
	must(tb, err)
	defer found.Close()
	for found.Next() {
		var v string
		must(tb, found.Scan(&v))
		values = append(values, v)
	}
	must(tb, found.Err())
	return values
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	b, err := os.ReadFile(from)
	must(tb, err)
	must(tb, os.WriteFile(to, b, 0o600))
}

// complaints are the lines of a hub's log that begin an error or a traceback.
var complaints = regexp.MustCompile(`(?m)^(\[[EC] .*|Traceback .*)$`)

func noComplaints(tb testing.TB, h *servers.JupyterHub) {
	tb.Helper()
	for _, line := range complaints.FindAllString(h.Log(tb), -1) {
		tb.Errorf("the hub complains: %s", line)
	}
}

// person is somebody with a browser.
type person struct {
	name   string
	hub    *servers.JupyterHub
	client *http.Client
}

// login sends the form of the login page and follows to the hub's home.
func login(tb testing.TB, h *servers.JupyterHub, name string) *person {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	must(tb, err)
	p := &person{name, h, &http.Client{Jar: jar}}
	resp, err := p.client.PostForm(h.PublicURL+"/hub/login?next=/hub/home", url.Values{"username": {name}, "password": {"any"}})
	must(tb, err)
	must(tb, resp.Body.Close())
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/hub/home" {
		tb.Errorf("%q logs in and arrives at %s with status %d", name, resp.Request.URL.Path, resp.StatusCode)
	}
	return p
}

// asks sends a request as the hub's own pages do.
func (p *person) asks(tb testing.TB, method, path string) (status int, body string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, p.hub.PublicURL+path, strings.NewReader("{}"))
	must(tb, err)
	req.Header.Set("Referer", p.hub.PublicURL+"/hub/home")
	resp, err := p.client.Do(req)
	must(tb, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(tb, err)
	return resp.StatusCode, string(b)
}

// is who the hub takes the person for.
type is struct {
	Name  string
	Admin bool
	Roles []string
}

func (p *person) is(tb testing.TB) (who is) {
	tb.Helper()
	status, body := p.asks(tb, http.MethodGet, "/hub/api/user")
	if err := json.Unmarshal([]byte(body), &who); status != http.StatusOK || err != nil {
		tb.Errorf("who %q is: status %d, %v: %.300s", p.name, status, err, body)
	}
	return who
}

func tempFile(tb testing.TB, name string) string { return filepath.Join(tb.TempDir(), name) }

// parseState gives version, namespace and claim of a server's state.
func parseState(tb testing.TB, text string) string {
	tb.Helper()
	var state struct {
		Version   string `json:"kubespawner_version"`
		Namespace string `json:"namespace"`
		Claim     string `json:"pvc_name"`
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		tb.Errorf("the state %q: %v", text, err)
	}
	return state.Version + " " + state.Namespace + " " + state.Claim
}
