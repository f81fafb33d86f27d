package hubdb_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// through gives the URL of the reader behind a proxy.
func through(p *proxy, d *servers.Database, database string) string {
	return strings.Replace(d.URL(drivers[d.Engine], reader, readerPassword, database), fmt.Sprintf("localhost:%d", d.Port), p.address, 1)
}

// TestSnapshot deletes users, spawners and servers and makes others while a
// part of the users has been read: what is read is the hub as it was.
func TestSnapshot(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			addUsers(t, d, database, 50000)
			before := read(t, d.URL(drivers[d.Engine], reader, readerPassword, database))
			p := startProxy(t, d, 1<<20, func() {
				d.Exec(t, database, noForeignKeys[d.Engine][0], "DELETE FROM spawners WHERE id > 20000", "DELETE FROM users WHERE id > 30000",
					"INSERT INTO users (id, name, cookie_id) VALUES (900000, 'new', 'new')", "UPDATE spawners SET state = NULL", "DELETE FROM servers")
			})
			got := read(t, through(p, d, database))
			if !p.happened() {
				t.Fatal("nothing was changed")
			}
			if len(got.Users) != len(before.Users) || len(got.Spawners) != len(before.Spawners) || len(got.Servers) != len(before.Servers) || len(got.Database.Damage) > 0 {
				t.Errorf("%v with %v, want %v", got.Items(), got.Database.Damage, before.Items())
			}
			for _, s := range got.Spawners {
				if s.ID >= 1000 && s.State.PVCName == "" {
					t.Fatalf("a state that was changed later: %+v", s)
				}
			}
		})
	}
}

// TestBusyHub reads again and again while users come, start and go: every
// time the rows fit together, and neither side meets an error.
func TestBusyHub(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			url := d.URL(drivers[d.Engine], reader, readerPassword, database)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var changes atomic.Int64
			ended := make(chan error, 1)
			db := d.Admin(t, database)
			go func() {
				for n := 1000; ctx.Err() == nil; n++ {
					tx, err := db.Begin()
					for _, s := range []string{"INSERT INTO users (id, name, cookie_id) VALUES (%[1]d, 'u%[1]d', 'c%[1]d')",
						"INSERT INTO servers (id, ip, port) VALUES (%[1]d, '', 0)",
						"INSERT INTO spawners (id, user_id, server_id, name) VALUES (%[1]d, %[1]d, %[1]d, '')",
						"DELETE FROM spawners WHERE id = %[1]d - 5", "DELETE FROM servers WHERE id = %[1]d - 5", "DELETE FROM users WHERE id = %[1]d - 5"} {
						if err == nil {
							_, err = tx.Exec(fmt.Sprintf(s, n))
						}
					}
					if err == nil {
						err = tx.Commit()
					}
					if err != nil {
						ended <- err
						return
					}
					changes.Add(1)
				}
				ended <- nil
			}()
			for range 100 {
				r := read(t, url)
				if len(r.Database.Damage) > 0 || r.UsersRead != facts.Complete || len(r.Users) > dumped[d.Engine]+5 || len(r.Users) < dumped[d.Engine] {
					t.Fatalf("%v: %+v", r.Items(), r.Database.Damage)
				}
			}
			stop()
			if err := <-ended; err != nil || changes.Load() == 0 {
				t.Errorf("the hub's side, after %d changes: %v", changes.Load(), err)
			}
		})
	}
}

// TestAltered rewrites tables between the moment of the snapshot and the
// reading, as an upgrade or a restore does: they must not look empty.
func TestAltered(t *testing.T) {
	alter := map[string][]string{
		"postgresql": {"BEGIN", "ALTER TABLE users ADD COLUMN x uuid DEFAULT gen_random_uuid()"},
		"mysql":      {"LOCK TABLES users WRITE", "ALTER TABLE users MODIFY name VARCHAR(300), FORCE"},
	}
	meanwhile := map[string][]string{
		"postgresql": {"ALTER TABLE servers ALTER COLUMN id TYPE bigint"},
		"mysql":      {"CREATE TABLE kept AS SELECT * FROM servers", "SET foreign_key_checks = 0", "TRUNCATE TABLE servers", "INSERT INTO servers SELECT * FROM kept"},
	}
	end := map[string]string{"postgresql": "COMMIT", "mysql": "UNLOCK TABLES"}
	waiting := map[string]string{"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
		"mysql": "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock'"}
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			url := d.URL(drivers[d.Engine], reader, readerPassword, database)
			before := read(t, url)
			migration, err := d.Admin(t, database).Conn(t.Context())
			must(t, err)
			for _, s := range alter[d.Engine] {
				_, err := migration.ExecContext(t.Context(), s)
				must(t, err)
			}
			db := d.Admin(t, database)
			released := make(chan error, 1)
			go func() {
				err := until(t.Context(), func() bool {
					var n int
					return db.QueryRow(waiting[d.Engine]).Scan(&n) == nil && n > 0
				})
				if err == nil {
					d.Exec(t, database, meanwhile[d.Engine]...)
					_, err = migration.ExecContext(t.Context(), end[d.Engine])
				}
				released <- err
			}()
			r := read(t, url)
			must(t, <-released)
			if len(r.Users) != len(before.Users) || len(r.Servers) != len(before.Servers) || len(r.Database.Damage) > 0 {
				t.Errorf("%v: %v, want %v", r.Items(), r.Database.Damage, before.Items())
			}
		})
	}
}

func until(ctx context.Context, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// TestNothingLeft looks for sessions that stayed behind, and for settings and
// transactions that a pooler would give to somebody else.
func TestNothingLeft(t *testing.T) {
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			database := loadHub(t, d)
			url := d.URL(drivers[d.Engine], reader, readerPassword, database)
			sessions := map[string]string{"postgresql": "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'",
				"mysql": "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader'"}[d.Engine]
			db := d.Admin(t, "")
			gone := func() bool {
				var n int
				return db.QueryRow(sessions).Scan(&n) == nil && n == 0
			}
			read(t, url)
			must(t, until(t.Context(), gone))
			addUsers(t, d, database, 50000)
			p := startProxy(t, d, 1<<20, nil)
			wantFailureWithin(t, 3*time.Second, through(p, d, database), readerPassword, facts.CauseTimeout, "")
			must(t, until(t.Context(), gone))
		})
	}
}

// TestReplica reads from a hot standby that must remove rows meanwhile: a new
// transaction then reads what is there.
func TestReplica(t *testing.T) {
	primary := servers.StartPostgres(t)
	makeReader(t, primary)
	database := loadHub(t, primary)
	addUsers(t, primary, database, 50000)
	replica := servers.StartReplica(t, primary, "max_standby_streaming_delay=0")
	conflict := func() {
		primary.Exec(t, database, noForeignKeys["postgresql"][0], "DELETE FROM spawners WHERE id > 20000", "DELETE FROM users WHERE id > 20000", "VACUUM users")
		var at string
		must(t, primary.Admin(t, "").QueryRow("SELECT pg_current_wal_lsn()").Scan(&at))
		must(t, until(t.Context(), func() bool {
			var there bool
			return replica.Admin(t, "").QueryRow("SELECT pg_last_wal_replay_lsn() >= '"+at+"'").Scan(&there) == nil && there
		}))
	}
	p := startProxy(t, replica, 1<<20, conflict)
	r := read(t, through(p, replica, database))
	if want := dumped["postgresql"] + 19001; len(r.Users) != want || !p.happened() {
		t.Errorf("%d users, want %d", len(r.Users), want)
	}
}
