package checks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupRestoreMismatch(t *testing.T) { testCheck(t, backupRestoreMismatchCases) }

// inCopy changes what opening the newest copy of the hub's database showed.
func inCopy(change func(o *facts.Opened, s *facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		o := hubOf(s).Backups[0].Opened
		h := hubOf(s)
		content := facts.Hub{Database: h.Database, UsersRead: h.UsersRead, SpawnersRead: h.SpawnersRead, StatesRead: true,
			Users: slices.Clone(h.Users), Spawners: slices.Clone(h.Spawners), Servers: h.Servers}
		o.Content, o.Known = &content, false
		change(o, s)
	}
}

// faultyCopy is one of which nothing, or not everything, could be had.
func faultyCopy(fault facts.CopyFault, detail string) func(*facts.Snapshot) {
	return inCopy(func(o *facts.Opened, _ *facts.Snapshot) { o.Fault, o.Detail, o.Content = fault, detail, nil })
}

// asOf makes the rows of a copy those of an earlier time.
func asOf(o *facts.Opened, at time.Time) {
	earlier := func(t time.Time) time.Time {
		if t.After(at) {
			return at
		}
		return t
	}
	for i := range o.Content.Users {
		u := &o.Content.Users[i]
		u.LastActivity = earlier(u.LastActivity)
	}
	for i := range o.Content.Spawners {
		sp := &o.Content.Spawners[i]
		sp.LastActivity = earlier(sp.LastActivity)
		if sp.Started.After(at) {
			sp.Started, sp.ServerID = time.Time{}, 0
		}
	}
}

// hours are before the copy was made.
func hours(o *facts.Opened, n float64) time.Time {
	return o.Copy.Time.Add(-time.Duration(n * float64(time.Hour)))
}

const theCopy = `copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly, of 2026-11-20 03:00 UTC, `

var backupRestoreMismatchCases = cases{
	check: backupRestoreMismatch,
	fires: []damage{
		{
			name:    "a torn copy: the one of the night before is too old",
			change:  faultyCopy(facts.CopyTorn, "integrity_check found 3 errors"),
			want:    outcomes{"backup-restore-mismatch": "fail critical 1", "backup-hub-db-missing": "skipped"},
			summary: theCopy + "is torn (integrity_check found 3 errors): it was copied from the live file while the hub wrote: make it with SQLite's own `.backup` or VACUUM INTO",
		},
		{
			name: "cut off, and another location has a good one",
			change: func(s *facts.Snapshot) {
				faultyCopy(facts.CopyTruncated, "")(s)
				h := hubOf(s)
				second := h.Backups[0]
				second.Name, second.Opened = "off-site", &facts.Opened{Copy: second.Copies[0], Known: true, KnownAt: s.Now.Add(-time.Hour)}
				h.Backups = append(h.Backups, second)
				world.Settle(s)
			},
			want: outcomes{"backup-restore-mismatch": "fail error 1"},
			summary: theCopy + "ends in the middle: the job was stopped, the disk was full, or the upload was cut off: what came after is lost; " +
				"backup off-site has a good one",
		},
		{
			name: "two users are missing",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content.Users = slices.Delete(o.Content.Users, 3, 5)
				o.Content.Spawners = slices.DeleteFunc(o.Content.Spawners, func(sp facts.Spawner) bool { return sp.UserID == 4 || sp.UserID == 5 })
			}),
			want:    outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + `lacks 2 users who were there when it was made ("student-0004", "student-0005"), all of them are expected in it`,
		},
		{
			name: "no users at all",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content.Users, o.Content.Spawners, o.Content.Servers = nil, nil, nil
			}),
			want:    outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + "has the tables of a hub and no user in them, the live database has 10 users: the job dumps the schema only, or another database",
		},
		{
			name: "yesterday's file under today's name, by when somebody was there",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, hours(o, 24))
				hubOf(s).Users[7].LastActivity = hours(o, 12)
			}),
			want: outcomes{"backup-restore-mismatch": "fail warning 1"},
			summary: theCopy + "has older content than its time says: its newest row is of 2026-11-19 03:00 UTC, the live database has some of 2026-11-19 15:00 UTC, " +
				"at least 12 h before the copy was made",
		},
		{
			name: "yesterday's file under today's name, by when a server was started",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, hours(o, 24))
				firstEventAfter(s, hours(o, 24), hours(o, 16))
			}),
			want: outcomes{"backup-restore-mismatch": "fail error 1"},
			summary: theCopy + "has older content than its time says: its newest row is of 2026-11-19 03:00 UTC, the live database has some of 2026-11-19 11:00 UTC, " +
				"at least 16 h before the copy was made",
		},
		{
			name: "the same file for a week, while users came",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				at := hours(o, 7*24)
				asOf(o, at)
				hubOf(s).Users[9].Created = at.Add(24 * time.Hour)
				o.Content.Users = o.Content.Users[:9]
				o.Content.Spawners = o.Content.Spawners[:9]
			}),
			want: outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + "has older content than its time says: its newest row is of 2026-11-13 03:00 UTC, the live database has some of 2026-11-14 03:00 UTC, " +
				"at least 6 days before the copy was made",
		},
		{
			name: "another hub's",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				for i := range o.Content.Users {
					o.Content.Users[i].Name = fmt.Sprintf("pupil-%d", i)
					o.Content.Users[i].Created = o.Content.Users[i].Created.Add(time.Hour)
				}
			}),
			want:    outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + "is of another hub, or one of the two databases was rebuilt: only 0 of its 10 users are in the live database",
		},
		{
			name: "other ids",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				for i := range o.Content.Users {
					o.Content.Users[i].ID += 100
				}
				for i := range o.Content.Spawners {
					o.Content.Spawners[i].UserID += 100
				}
			}),
			want:    outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + "has 10 users under other ids than the live database: one of the two was put together anew, and this one, restored, would give people the servers and claims of others",
		},
		{
			name: "a name that no hub gives",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content.Users[4].Name = "student-\uFFFD005"
			}),
			want: outcomes{"backup-restore-mismatch": "fail critical 1"},
			summary: theCopy + `has 1 user under names that they did not have when it was made ("student-0005" is "student-�005"): it is damaged, ` +
				"and restored it locks them out of their accounts and homes",
		},
		{
			name: "a name that the history knows better",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.Content.Users[4].Name = "somebody"
				s.Past.Changes = map[string]*facts.Changes{world.HubName: {At: hours(o, 24), Before: 10, HighestID: 10}}
			}),
			want: outcomes{"backup-restore-mismatch": "fail critical 1", "hub-user-id-changed": "pass"},
			summary: theCopy + `has 1 user under names that they did not have when it was made ("student-0005" is "somebody"): it is damaged, ` +
				"and restored it locks them out of their accounts and homes",
		},
		{
			name: "another letter, and no history",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.Content.Users[4].Name = "student-1005"
				s.Past.Changes = nil
			}),
			want:    outcomes{"backup-restore-mismatch": "fail warning 1", "hub-user-id-changed": "skipped"},
			summary: theCopy + `has 1 user under a name that differs in one letter ("student-0005" is "student-1005"): if nobody renamed them since it was made, it is damaged`,
		},
		{
			name: "in WAL mode and without its log, by two hours",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.NoLog = true
				asOf(o, hours(o, 4))
				firstEventAfter(s, hours(o, 4), hours(o, 2))
			}),
			want: outcomes{"backup-restore-mismatch": "fail warning 1"},
			summary: theCopy + "has older content than its time says: its newest row is of 2026-11-19 23:00 UTC, the live database has some of 2026-11-20 01:00 UTC, " +
				"at least 2 h before the copy was made; it is in WAL mode and came without its write-ahead log, where they may have been: make it with SQLite's own `.backup` or VACUUM INTO",
		},
		{
			name: "a table is missing, and the rows of two servers",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.Content.Database.Tables = []string{"alembic_version", "servers", "spawners", "users"}
				hubOf(s).Database.Tables = []string{"alembic_version", "api_tokens", "servers", "spawners", "users"}
				o.Content.Spawners = o.Content.Spawners[:len(o.Content.Spawners)-2]
			}),
			want:    outcomes{"backup-restore-mismatch": "fail error 2"},
			summary: theCopy + "lacks 1 table that the live database has: api_tokens",
		},
		{
			name: "no server has a state",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				for i := range o.Content.Spawners {
					o.Content.Spawners[i].State = facts.SpawnerState{}
				}
			}),
			want:    outcomes{"backup-restore-mismatch": "fail warning 2"},
			summary: theCopy + "names no claim in the state of any server, the live database does for 11 servers that were not used since",
		},
		{
			name: "the schema of before an upgrade",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.Content.Database.Revisions = []string{"0eee8c825d24"}
				hubOf(s).Database.Copies = []facts.BackupCopy{{Name: "jupyterhub.sqlite.2026-11-18", Time: hours(o, 40)}}
			}),
			want:    outcomes{"backup-restore-mismatch": "fail warning 1"},
			summary: theCopy + "has the schema of before the hub's upgrade of 2026-11-18 11:00 UTC (revision 0eee8c825d24, the live database has 4621fec11365)",
		},
		{
			name: "a dump without cookies",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				for i := range o.Content.Users {
					o.Content.Users[i].Cookie = facts.CookieNull
				}
			}),
			want: outcomes{"backup-restore-mismatch": "fail error 1"},
			summary: theCopy + `breaks an invariant that the live database keeps, hub-cookie-id-null: user "student-0001" (id 1) has the cookie_id NULL, ` +
				"a random text of their own is expected (and 9 more)",
		},
		{
			name: "one user without a cookie, mended in the live database since",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content.Users[2].Cookie = facts.CookieNull
			}),
			want: outcomes{"backup-restore-mismatch": "fail info 1"},
			summary: theCopy + `breaks an invariant that the live database keeps, hub-cookie-id-null: user "student-0003" (id 3) has the cookie_id NULL, ` +
				"a random text of their own is expected",
		},
		{
			name: "torn, and the live database cannot be read",
			change: func(s *facts.Snapshot) {
				faultyCopy(facts.CopyNotDatabase, "an XML document")(s)
				failed(facts.HubDB(world.HubName))(s)
			},
			want:    databaseUnknown(outcomes{"backup-restore-mismatch": "fail critical 1", "backup-hub-db-missing": "skipped"}),
			summary: theCopy + "is no database (an XML document): the job packed something else, or the storage put an error page in its place",
		},
	},
	mustNotFire: []damage{
		{
			name: "users came after the copy was made, and some were deleted",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				h := hubOf(s)
				h.Users[9].Created = hours(o, -2)
				asOf(o, o.Copy.Time)
				o.Content.Users[9] = facts.User{ID: 99, Name: "gone", Created: hours(o, 100), Cookie: facts.CookieUnique}
				o.Content.Spawners = o.Content.Spawners[:9]
			}),
		},
		{
			name: "somebody was renamed",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content.Users[4].Name = "former"
			}),
		},
		{
			name: "somebody was deleted and added again",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, o.Copy.Time)
				o.Content.Users[9].ID = 77
				for i := range o.Content.Spawners {
					if sp := &o.Content.Spawners[i]; sp.UserID == 10 {
						sp.UserID, sp.LastActivity = 77, hours(o, 1)
					}
				}
				hubOf(s).Users[9].Created = hours(o, -3)
			}),
		},
		{
			name: "a hub that nobody used for a week",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				at := hours(o, 7*24)
				asOf(o, at)
				quiet := facts.Opened{Content: hubOf(s)}
				asOf(&quiet, at)
				hubOf(s).Servers = hubOf(s).Servers[:0]
			}),
			want: outcomes{"pod-unknown-to-hub": "fail warning 2"},
		},
		{
			name: "a copy of before an upgrade of this morning",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				o.Content.Database.Revisions = []string{"0eee8c825d24"}
				hubOf(s).Database.Copies = []facts.BackupCopy{{Name: "jupyterhub.sqlite.2026-11-20", Time: hours(o, -4)}}
			}),
		},
		{
			name:   "known from an earlier run",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) { o.Content, o.Known, o.KnownAt = nil, true, hours(o, -1) }),
		},
		{
			name: "not to be opened",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups[0].Verify, hubOf(s).Backups[0].Opened = facts.VerifyNone, nil
				s.Past.Marks[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkDrill}] = facts.Mark{Value: "x", Since: s.Now}
			},
			want:    outcomes{"backup-restore-mismatch": "skipped"},
			summary: "no copy of the hub's database was compared with it: backup nightly is configured with verify: none",
		},
	},
	boundary: []damage{
		{
			name: "as much older as making and moving it takes",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, hours(o, 8))
				firstEventAfter(s, hours(o, 8), hours(o, 6))
			}),
		},
		{
			name: "a second more",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, hours(o, 8))
				firstEventAfter(s, hours(o, 8), hours(o, 6).Add(-time.Second))
			}),
			want: outcomes{"backup-restore-mismatch": "fail error 1"},
			summary: theCopy + "has older content than its time says: its newest row is of 2026-11-19 19:00 UTC, the live database has some of 2026-11-19 21:00 UTC, " +
				"at least 6 h before the copy was made",
		},
		{
			name: "more is allowed",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				asOf(o, hours(o, 8))
				firstEventAfter(s, hours(o, 8), hours(o, 6).Add(-time.Second))
			}),
			values: map[string]any{"maxLag": "7h"},
		},
	},
	sourceFailed: []damage{
		{
			name: "the location cannot be read",
			change: func(s *facts.Snapshot) {
				hubOf(s).Backups[0].Copies, hubOf(s).Backups[0].Opened = nil, nil
				failed(nightly)(s)
			},
			want:    outcomes{"backup-hub-db-missing": "unknown", "backup-restore-mismatch": "unknown", "backup-untested": "unknown"},
			summary: "source backup/datahub/nightly could not be read: gave up after 30s",
		},
		{
			name: "the copy cannot be fetched",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content, o.Skipped, o.Unreadable = nil, "connection reset", true
			}),
			want:    outcomes{"backup-restore-mismatch": "unknown", "backup-untested": "unknown"},
			summary: `copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly could not be opened: connection reset`,
		},
		{
			name: "it cannot be restored as configured",
			change: inCopy(func(o *facts.Opened, s *facts.Snapshot) {
				hubOf(s).Backups[0].Verify, o.Skipped, o.Unreadable = facts.VerifyRestore, "the scratch database is not empty", true
			}),
			want:    outcomes{"backup-restore-mismatch": "unknown"},
			summary: "the scratch database is not empty",
		},
		{
			name:    "the live database cannot be read",
			change:  inTurn(inCopy(func(*facts.Opened, *facts.Snapshot) {}), failed(facts.HubDB(world.HubName))),
			want:    databaseUnknown(outcomes{"backup-restore-mismatch": "unknown"}),
			summary: theCopy + "is whole by itself, and could not be compared: source hubdb/datahub could not be read: gave up after 30s",
		},
	},
}

// firstEventAfter leaves nothing in the live hub between two times, and has a
// server that was started at the latter.
func firstEventAfter(s *facts.Snapshot, from, at time.Time) {
	h := hubOf(s)
	for i := range h.Users {
		if u := &h.Users[i]; u.LastActivity.After(from) {
			u.LastActivity = s.Now.Add(-time.Hour)
		}
	}
	for i := range h.Spawners {
		if sp := &h.Spawners[i]; sp.LastActivity.After(from) {
			sp.LastActivity = s.Now.Add(-time.Hour)
		}
		if h.Spawners[i].ServerID != 0 {
			h.Spawners[i].Started = at
		}
	}
}
