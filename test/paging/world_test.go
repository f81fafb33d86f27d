package paging

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/internal/history"
)

// Checks that a world can make fail, and what else is judged in it.
const (
	cookies = "hub-cookie-id-null"      // per hub
	times   = "hub-time-impossible"     // per hub
	madeUp  = "hub-cookie-id-handmade"  // per hub
	node    = "lh-replica-node-missing" // the cluster's; the cause of the next
	lacking = "lh-volume-degraded"      // the cluster's
	unsent  = "audit-notify-failed"     // the audit's own
)

var hubChecks, clusterChecks = []string{cookies, times, madeUp}, []string{node, lacking}

// key is what an incident is about.
type key struct{ check, hub string }

func (k key) String() string {
	if k.hub == "" {
		return k.check
	}
	return k.check + "/" + k.hub
}

// hub is what is wrong with one hub: how many of its six users.
type hub struct {
	wrong map[string]int // by check
	away  bool           // its database cannot be read
}

const users = 6

// site is one world on disk.
type site struct {
	t        *testing.T
	dir      string
	hubs     map[string]*hub
	names    []string
	cluster  string
	history  string
	nowhere  string // stands in the configuration instead of the history while that is lost, if set
	location history.Location
	*receivers
}

const schema = `
CREATE TABLE alembic_version(version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES('4621fec11365');
CREATE TABLE users(id INTEGER PRIMARY KEY, name VARCHAR(255) UNIQUE, admin BOOLEAN, created DATETIME, last_activity DATETIME,
	cookie_id VARCHAR(255) UNIQUE, state TEXT, encrypted_auth_state BLOB);
CREATE TABLE servers(id INTEGER PRIMARY KEY, proto VARCHAR(15), ip VARCHAR(255), port INTEGER, base_url VARCHAR(255), cookie_name VARCHAR(255));
CREATE TABLE spawners(id INTEGER PRIMARY KEY, user_id INTEGER, server_id INTEGER, state TEXT, name VARCHAR(255), started DATETIME,
	last_activity DATETIME, user_options TEXT);`

func newSite(t *testing.T, names []string, kill func()) *site {
	s := &site{t: t, dir: t.TempDir(), hubs: map[string]*hub{}, names: names, cluster: clusterWhole}
	s.receivers = startReceivers(t, s.dir, kill)
	for _, name := range s.names {
		s.hubs[name] = &hub{wrong: map[string]int{}}
		s.exec(name, schema)
		for id := 1; id <= users; id++ {
			s.exec(name, fmt.Sprintf("INSERT INTO users (id, name, admin) VALUES (%d, 'user%d', 0)", id, id))
		}
		s.writeHub(name)
	}
	return s
}

func (s *site) database(hub string) string { return filepath.Join(s.dir, hub+".sqlite") }

func (s *site) exec(hub, statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.database(hub))
	must(s.t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(s.t, err)
}

// writeHub makes a hub's database what the hub is said to be: what lacks a cookie
// are its first users, what has a made-up one or an impossible time its last.
func (s *site) writeHub(name string) {
	h, file := s.hubs[name], s.database(name)
	if h.away {
		if _, err := os.Stat(file); err == nil {
			must(s.t, os.Rename(file, file+".away"))
		}
		return
	}
	if _, err := os.Stat(file + ".away"); err == nil {
		must(s.t, os.Rename(file+".away", file))
	}
	s.exec(name, fmt.Sprintf(`UPDATE users SET last_activity = '2024-06-01 00:00:00',
		created = CASE WHEN id > %d THEN '2190-01-01 00:00:00' ELSE '2024-01-01 00:00:00' END,
		cookie_id = CASE WHEN id <= %d THEN NULL WHEN id > %d THEN 'made-up-' || id ELSE printf('%%032x', id * 7919) END`,
		users-h.wrong[times], h.wrong[cookies], users-h.wrong[madeUp]))
}

// policy is the part of the configuration that steps change, or that worlds differ in.
type policy struct {
	severity     map[string]string // by check
	patience     map[string]string // by check
	disabled     map[string]bool
	routes       []route
	absent       map[string]bool     // receivers that are not configured at present
	owners       map[string][]string // by hub
	resolveAfter int
	reopenWithin time.Duration
	repeat       time.Duration
	quiet        bool // from 20:00 to 07:00 UTC
}

type route struct {
	Severity string   `json:"severity"`
	Hubs     []string `json:"hubs,omitempty"`
	Checks   []string `json:"checks,omitempty"`
	To       []string `json:"to"`
}

// without leaves out receivers that are not configured.
func (p *policy) without(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(r string) bool { return p.absent[r] })
}

// present are the routes to receivers that are configured.
func (p *policy) present() (all []route) {
	for _, r := range p.routes {
		if r.To = p.without(r.To); len(r.To) > 0 {
			all = append(all, r)
		}
	}
	return all
}

// configure writes the configuration: JSON, which is YAML.
func (s *site) configure(p *policy) {
	checks := map[string]any{}
	for _, c := range append(append([]string{unsent}, hubChecks...), clusterChecks...) {
		own := map[string]any{"severity": p.severity[c], "enabled": !p.disabled[c]}
		if p.patience[c] != "" {
			own["for"] = p.patience[c]
		}
		checks[c] = own
	}
	var hubs []any
	for _, name := range s.names {
		hubs = append(hubs, map[string]any{"name": name, "database": "sqlite:///" + name + ".sqlite", "owners": p.without(p.owners[name])})
	}
	notify := s.settings(s.t, s.dir)
	for name := range p.absent {
		delete(notify, name)
		if name == toChat {
			delete(notify, "receivers")
		}
	}
	notify["routes"], notify["resolveAfter"], notify["reopenWithin"], notify["repeatInterval"] = p.present(), p.resolveAfter, p.reopenWithin.String(), p.repeat.String()
	if p.quiet {
		notify["quietHours"] = map[string]any{"from": "20:00", "to": "07:00"}
	}
	data, err := json.MarshalIndent(map[string]any{"hubs": hubs, "checks": checks, "notify": notify, "history": cmp.Or(s.nowhere, s.history),
		"historyPasswordFile": s.passwordFile(), "cluster": map[string]any{"dump": filepath.Join(dumps, s.cluster)}}, "", " ")
	must(s.t, err)
	must(s.t, os.WriteFile(s.config(), data, 0o600))
}

// passwordFile is where the history's password stands, if it has one.
func (s *site) passwordFile() string {
	if s.location.Password == "" {
		return ""
	}
	file := filepath.Join(s.dir, "password")
	must(s.t, os.WriteFile(file, []byte(s.location.Password), 0o600))
	return file
}

func (s *site) config() string { return filepath.Join(s.dir, "hubaudit.yaml") }

// judged are the flags that keep a run to the checks that a world is about.
func judged() []string {
	var flags []string
	for _, c := range append(append([]string{unsent}, hubChecks...), clusterChecks...) {
		flags = append(flags, "--check", c)
	}
	return flags
}
