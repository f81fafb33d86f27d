package hubapi

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver sqlite

	"hubaudit/checks"
	"hubaudit/internal/collect/hubapi"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/test/servers"
)

// TestUnderLoad audits a live hub again and again while users are created and
// servers start and stop. Neither side may wait for the other's lock in vain,
// and no verdict may come from the moment at which it was taken.
func TestUnderLoad(t *testing.T) {
	for name, c := range map[string]struct {
		journal string
		audits  int
	}{
		"rollback journal": {"delete", 100},
		"write-ahead log":  {"wal", 25},
	} {
		t.Run(name, func(t *testing.T) {
			h := servers.PrepareJupyterHub(t, servers.HubOptions{Services: withAudit(nil)})
			setJournal(t, h.DBFile, c.journal)
			h.Start(t)
			var many []string
			for i := range 230 {
				many = append(many, fmt.Sprintf("student-%03d", i))
			}
			h.CreateUsers(t, many...)
			load := startLoad(t, h)
			// On a busy machine an audit may be faster than a course.
			for i := 0; i < c.audits || load.stopped.Load() < int64(c.audits)/5; i++ {
				if t.Failed() {
					break // the load cannot go on
				}
				s := readLive(t, h)
				if wrong := wrongVerdicts(t, s); len(wrong) > 0 {
					t.Fatalf("audit %d of %d users:\n%s", i+1, len(s.Hubs[0].Users), strings.Join(wrong, "\n"))
				}
			}
			load.stop()
			t.Logf("%d users created, %d servers started, %d stopped during %d audits", load.created.Load(), load.started.Load(), load.stopped.Load(), c.audits)
			if mode := journal(t, h.DBFile); mode != c.journal {
				t.Errorf("the hub's database is in journal mode %s, want %s", mode, c.journal)
			}
			for line := range strings.Lines(h.Log(t)) {
				if strings.Contains(line, "locked") || strings.Contains(line, "OperationalError") || strings.Contains(line, "] 500 ") || strings.Contains(line, "[E ") {
					t.Errorf("the hub logged: %s", line)
				}
			}
		})
	}
}

func setJournal(t *testing.T, file, mode string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA journal_mode = " + mode); err != nil {
		t.Fatal(err)
	}
}

func journal(t *testing.T, file string) (mode string) {
	t.Helper()
	// The hub may still be writing what the load's last requests asked for.
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(30000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		t.Fatal(err)
	}
	return mode
}

// load is what happens on a hub at the beginning of a course.
type load struct {
	created, started, stopped atomic.Int64
	stop                      func()
}

func startLoad(t *testing.T, h *servers.JupyterHub) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	l := &load{stop: sync.OnceFunc(func() { cancel(); wait.Wait() })}
	t.Cleanup(l.stop)
	for worker := range 3 {
		wait.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := l.course(ctx, h, fmt.Sprintf("load-%d-%d", worker, i)); err != nil && ctx.Err() == nil {
					t.Errorf("the hub's own work: %v", err)
					return
				}
			}
		})
	}
	return l
}

// course is what a user does: come, start two servers, stop one.
func (l *load) course(ctx context.Context, h *servers.JupyterHub, user string) error {
	if _, err := h.Do(ctx, http.MethodPost, "/users/"+url.PathEscape(user), nil, http.StatusCreated); err != nil {
		return err
	}
	l.created.Add(1)
	for _, server := range []string{"", "lab"} {
		if err := h.StartServer(ctx, user, server); err != nil {
			return err
		}
		l.started.Add(1)
	}
	if err := h.StopServer(ctx, user, ""); err != nil {
		return err
	}
	l.stopped.Add(1)
	return nil
}

// readLive reads both sources of the hub at the same time, as a run does.
func readLive(t *testing.T, h *servers.JupyterHub) *facts.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := &facts.Snapshot{Now: time.Now().UTC()}
	hub := &facts.Hub{Name: "hub", Namespace: "jhub", StatesRead: true, KubeSpawner: facts.KubeSpawner{
		PVCNameTemplate: "claim-{user_server}", SlugScheme: "escape", RememberPVCName: true, DeletePVC: true}}
	var database hubdb.Result
	var apiErr, databaseErr error
	var wait sync.WaitGroup
	wait.Go(func() { hub.API, apiErr = hubapi.Read(ctx, options(h)) })
	wait.Go(func() { database, databaseErr = hubdb.Read(ctx, hubdb.Options{URL: h.DBURL}) })
	wait.Wait()
	if apiErr != nil || databaseErr != nil {
		t.Fatalf("API: %v; database: %v", apiErr, databaseErr)
	}
	hub.Database, hub.Users, hub.Spawners, hub.Servers = database.Database, database.Users, database.Spawners, database.Servers
	hub.UsersRead, hub.SpawnersRead = database.UsersRead, database.SpawnersRead
	s.Hubs = []*facts.Hub{hub}
	s.Sources = []facts.Source{{Name: facts.HubAPI("hub"), Status: facts.OK, Items: map[string]int{"users": len(hub.API.Users)}},
		{Name: facts.HubDB("hub"), Status: facts.OK, Items: database.Items()}, {Name: facts.History, Status: facts.OK}}
	return s
}

// wrongVerdicts judges the snapshot by its API and database, and by its API
// alone. All that is wrong with the hub is that nobody configured a backup.
func wrongVerdicts(t *testing.T, s *facts.Snapshot) (wrong []string) {
	t.Helper()
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := checks.Judge(suite, s)
	alone, hub := *s, *s.Hubs[0]
	hub.UsersFrom, hub.Users, hub.Spawners, hub.Servers = facts.HubAPI("hub"), hub.API.Users, hub.API.Spawners, nil
	hub.UsersRead, hub.SpawnersRead, hub.StatesRead, hub.Database = hub.API.UsersRead, hub.API.SpawnersRead, hub.API.StatesRead, facts.Database{}
	alone.Hubs, alone.Sources = []*facts.Hub{&hub}, s.Sources[:1]
	passed := 0
	for _, v := range slices.Concat(verdicts, checks.Judge(suite, &alone)) {
		switch {
		case v.Outcome == verdict.Pass:
			passed++
		case v.Outcome != verdict.Skipped && v.Check != "backup-hub-db-missing":
			wrong = append(wrong, fmt.Sprintf("%s is %s: %s", v.Check, v.Outcome, v.Summary))
			for _, f := range v.Findings {
				wrong = append(wrong, "  "+f.Message)
			}
		}
	}
	if passed < 15 {
		wrong = append(wrong, fmt.Sprintf("only %d verdicts passed", passed))
	}
	return wrong
}
