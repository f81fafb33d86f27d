package rescue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/test/servers"
)

// site is the DataHub of 2017 half an hour into the accident: its database is
// empty, its claims are all there.
type site struct {
	snapshot *facts.Snapshot
	plan     *rescue.Plan
}

// administrator is the user with this id.
const administrator = 17

// fromHistory is what the history has of the day before.
func fromHistory() (e rescue.Evidence) {
	day := world.Datahub2017().Stages[0]
	for _, u := range day.Snapshot.Hubs[0].Users {
		e.Members, e.LastGood = append(e.Members, rescue.Member{Name: u.Name, ID: u.ID, Good: true}), day.At
	}
	return e
}

// newSite plans the rescue from the claims and from other evidence. The claims
// alone cannot tell a name with a dot from one with a hyphen.
func newSite(tb testing.TB, e rescue.Evidence) site {
	tb.Helper()
	incident := world.Datahub2017()
	before, emptied := incident.Stages[0].Snapshot.Hubs[0], incident.Stages[1].Snapshot
	names := map[int64]string{}
	for _, u := range before.Users {
		names[u.ID] = u.Name
	}
	begin := time.Now()
	p, err := rescue.New(emptied, emptied.Hubs[0], e)
	must(tb, err)
	tb.Logf("planned in %s: %d users, %d claims left out", time.Since(begin).Round(time.Millisecond), len(p.Users), len(p.LeftOut))
	for i := range p.Users {
		u := &p.Users[i]
		if u.Name != names[u.ID] || len(u.Servers) != 1 || u.Servers[0].Claim != kubespawner.LossyClaim(u.Name, u.ID) {
			tb.Fatalf("planned is %+v, the user was %q", u, names[u.ID])
		}
		u.Admin = u.ID == administrator
	}
	return site{emptied, p}
}

// verdicts are what the checks say of the rescued database.
func (s site) verdicts(tb testing.TB, rescued *facts.Hub) []verdict.Verdict {
	tb.Helper()
	suite, err := checks.NewSuite(nil, nil)
	must(tb, err)
	return audit.VerifyRescue(suite, s.snapshot, s.snapshot.Hubs[0].Name, rescued)
}

// sound: no check has anything against the rescued rows.
func (s site) sound(tb testing.TB, rescued *facts.Hub) {
	tb.Helper()
	for _, v := range s.verdicts(tb, rescued) {
		if v.Outcome == verdict.Fail && !slices.Contains(notOfRows, v.Check) {
			tb.Errorf("%s fails: %s", v.Check, v.Summary)
		}
	}
}

// notOfRows are checks that fail here whatever the rescue wrote: servers of
// users still run whom the new database, as it has to, has stopped.
var notOfRows = []string{"pod-unknown-to-hub"}

// ofFiles are checks of where SQLite's file is.
var ofFiles = []string{"hub-db-ephemeral", "hub-db-on-nfs", "hub-db-pvc-replaced", "hub-db-volume-full"}

// TestDatahub2017 goes the whole way back from the accident: from the claims to
// a hub in which everybody is who they were, on each engine.
func TestDatahub2017(t *testing.T) {
	s := newSite(t, fromHistory())
	if len(s.plan.Users) != 1000 || len(s.plan.LeftOut) > 0 {
		t.Fatalf("%d users are planned, left out are %+v", len(s.plan.Users), s.plan.LeftOut)
	}
	var judged [][]verdict.Verdict
	compare := func(t *testing.T, rescued *facts.Hub) {
		t.Helper()
		verify(t, s.plan, rescued)
		s.sound(t, rescued)
		judged = append(judged, slices.DeleteFunc(s.verdicts(t, rescued), func(v verdict.Verdict) bool { return slices.Contains(ofFiles, v.Check) }))
		if diff := cmp.Diff(judged[0], judged[len(judged)-1], sameVerdicts); diff != "" {
			t.Errorf("verdicts (-first engine +this one):\n%s", diff)
		}
	}
	t.Run("SQLite, tables alone", func(t *testing.T) {
		into := tempFile(t, "fresh.sqlite")
		makeTables(t, "sqlite:///"+into)
		s.onSQLite(t, servers.PrepareJupyterHub(t, options), into, compare)
	})
	t.Run("SQLite, made by a hub", func(t *testing.T) {
		s.onSQLite(t, servers.PrepareJupyterHub(t, options), madeByHub(t, options), compare)
	})
	t.Run("PostgreSQL", func(t *testing.T) { s.onServer(t, servers.StartPostgres(t), true, compare) })
	t.Run("MariaDB", func(t *testing.T) { s.onServer(t, servers.StartMariaDB(t), false, compare) })
}

// TestDatahubFromClaimsAlone: with nothing but the claims, everybody comes back
// whose name they tell for certain, and the dotted names are left to be decided.
func TestDatahubFromClaimsAlone(t *testing.T) {
	s := newSite(t, rescue.Evidence{})
	if len(s.plan.Users) != 875 || len(s.plan.LeftOut) != 125 {
		t.Errorf("%d users are planned and %d claims left out, want all but the 125 with a dot", len(s.plan.Users), len(s.plan.LeftOut))
	}
	into, out := tempFile(t, "fresh.sqlite"), tempFile(t, "rescued.sqlite")
	makeTables(t, "sqlite:///"+into)
	_, err := rescue.WriteSQLite(t.Context(), into, out, s.plan)
	must(t, err)
	verify(t, s.plan, readDB(t, "sqlite:///"+out))
	h := servers.PrepareJupyterHub(t, options)
	copyFile(t, out, h.DBFile)
	h.Start(t)
	s.listed(t, h)
	s.idsKept(t, openSQLite(t, h.DBFile))
	noComplaints(t, h)
}

// TestDatahubByARule: with the claims and the operator's word that every hyphen
// was a dot, everybody is who they were, those with a dot as well.
func TestDatahubByARule(t *testing.T) {
	rule := &rescue.Mapping{File: "mapping.yaml", Rules: []rescue.HyphenRule{{Claims: "claim-*", Hyphen: "."}}}
	s := newSite(t, rescue.Evidence{Mapping: rule})
	if len(s.plan.Users) != 1000 || len(s.plan.LeftOut) > 0 {
		t.Fatalf("%d users are planned, left out are %+v", len(s.plan.Users), s.plan.LeftOut)
	}
	into := tempFile(t, "fresh.sqlite")
	makeTables(t, "sqlite:///"+into)
	s.onSQLite(t, servers.PrepareJupyterHub(t, options), into, func(t *testing.T, rescued *facts.Hub) {
		t.Helper()
		verify(t, s.plan, rescued)
		s.sound(t, rescued)
	})
}

// madeByHub is the database of a hub that was started once.
func madeByHub(t *testing.T, o servers.HubOptions) (path string) {
	t.Helper()
	h := servers.StartJupyterHub(t, o)
	h.Kill(t)
	path = tempFile(t, "fresh.sqlite")
	copyFile(t, h.DBFile, path)
	return path
}

// TestConfiguredUsers: those whom the hub's configuration made give way to the
// plan's, and come again, with ids that nobody had, when the hub starts.
func TestConfiguredUsers(t *testing.T) {
	configured := servers.HubOptions{Config: "c.Authenticator.admin_users = {'operator', 'cat'}\nc.JupyterHub.load_groups = {'staff': ['operator', 'cat']}\n"}
	out := tempFile(t, "rescued.sqlite")
	p := planOf("ann", "ben", "cat")
	w, err := rescue.WriteSQLite(t.Context(), madeByHub(t, configured), out, p)
	must(t, err)
	if !slices.Equal(w.Dropped, []string{"operator"}) {
		t.Errorf("dropped are %q", w.Dropped)
	}
	verify(t, p, readDB(t, "sqlite:///"+out))
	h := servers.PrepareJupyterHub(t, configured)
	copyFile(t, out, h.DBFile)
	h.Start(t)
	db := openSQLite(t, h.DBFile)
	if diff := cmp.Diff([]string{"3 ann 0", "8 ben 1", "13 cat 1", "14 operator 1"}, rows(t, db, "SELECT id || ' ' || name || ' ' || admin FROM users ORDER BY id")); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"cat", "operator"}, rows(t, db, "SELECT u.name FROM user_group_map m JOIN users u ON u.id = m.user_id ORDER BY 1")); diff != "" {
		t.Errorf("the group (-want +got):\n%s", diff)
	}
	noComplaints(t, h)
}

// sameVerdicts leaves out what messages say of the engine.
var sameVerdicts = cmp.Options{cmpopts.IgnoreFields(verdict.Verdict{}, "Summary"), cmpopts.IgnoreFields(verdict.Finding{}, "Message", "Details"), cmpopts.EquateEmpty()}

func (s site) onSQLite(t *testing.T, h *servers.JupyterHub, into string, compare func(*testing.T, *facts.Hub)) {
	t.Helper()
	out := tempFile(t, "rescued.sqlite")
	begin := time.Now()
	w, err := rescue.WriteSQLite(t.Context(), into, out, s.plan)
	must(t, err)
	compare(t, readDB(t, "sqlite:///"+out))
	t.Logf("written, read back and judged in %s: %+v", time.Since(begin).Round(time.Millisecond), w)
	copyFile(t, out, h.DBFile)
	s.startOn(t, h, openSQLite(t, h.DBFile))
}

// onServer rescues on a server: into tables that a started hub made, or tables
// alone.
func (s site) onServer(t *testing.T, d *servers.Database, byHub bool, compare func(*testing.T, *facts.Hub)) {
	t.Helper()
	name, dbURL := newDatabase(t, d)
	if byHub {
		made := options
		made.DBURL = dbURL
		servers.StartJupyterHub(t, made).Kill(t)
	} else {
		makeTables(t, dbURL)
	}
	begin := time.Now()
	text := sqlFor(t, dbURL, s.plan)
	if said, err := apply(t, d, name, text); err != nil || strings.Contains(said, "ERROR") {
		t.Fatalf("applying the SQL: %v: %s", err, said)
	}
	compare(t, readDB(t, dbURL))
	t.Logf("written, applied, read back and judged in %s, %d bytes of SQL", time.Since(begin).Round(time.Millisecond), len(text))
	on := options
	on.DBURL = dbURL
	s.startOn(t, servers.PrepareJupyterHub(t, on), connect(t, d, name))
}
