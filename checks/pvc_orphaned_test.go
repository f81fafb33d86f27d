package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCOrphaned(t *testing.T) { testCheck(t, pvcOrphanedCases) }

const gpuClaim = "claim-student-0001--gpu"

var pvcOrphanedCases = cases{
	check: pvcOrphaned,
	fires: []damage{
		{
			name:   "a former user's claim",
			change: former(1),
			want:   outcomes{"hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 1"},
			summary: `claim claim-former-1 (created 2026-11-20, 0 B) is user "former-1"'s, whom the hub does not have; ` +
				"never backed up",
		},
		{
			name:   "a named server that was deleted, its newest work in no backup",
			change: goneServer(10*24*time.Hour, 12*24*time.Hour),
			want:   outcomes{"pvc-orphaned": "fail error 1", "backup-stale": "fail critical 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 150 MiB, last used 2026-11-10) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-11-08 12:00 UTC, and in use on 2026-11-10: a backup since then is expected",
		},
		{
			name: "users and servers",
			change: all(former(2), goneServer(10*24*time.Hour, 12*24*time.Hour), func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-former-1--lab", User: "former-1", Server: "lab", HasUser: true})
			}),
			want:    outcomes{"hub-owner-missing": "fail info 2", "pvc-orphaned": "fail error 4", "backup-stale": "fail critical 1"},
			summary: "4 claims of users (3) and named servers (1) that the hub does not have; 1 claim is the only copy of recent work",
		},
		{
			name: "many users vanished: listed, for that is hub-owner-missing's to tell",
			change: all(former(5), func(s *facts.Snapshot) {
				for i := range s.Longhorn.Volumes {
					v := &s.Longhorn.Volumes[i]
					v.ActualBytes = 150 << 20
					if v.LastBackupAt.IsZero() {
						v.LastPodRefAt = facts.At(s.Now.Add(-48 * time.Hour))
						world.LastBackup(s, v, s.Now.AddDate(0, -1, 0))
					}
				}
				for i := range s.Kube.Claims {
					if c := &s.Kube.Claims[i]; c.Created.Equal(s.Now) {
						c.Created = s.Now.AddDate(-1, 0, 0)
					}
				}
			}),
			want:    outcomes{"hub-owner-missing": "fail error 5", "pvc-orphaned": "fail info 5", "backup-stale": "fail critical 5"},
			summary: "5 claims of users that the hub does not have; that is normal after deletions",
		},
	},
	mustNotFire: []damage{
		{
			name: "a default server of which the hub has no row",
			change: func(s *facts.Snapshot) {
				hubOf(s).Spawners = hubOf(s).Spawners[1:]
				world.Settle(s)
			},
		},
		{
			name:   "the configuration says that it is nobody's home",
			change: all(former(1), func(s *facts.Snapshot) { hubOf(s).OtherClaims = []string{"claim-former-*"} }),
		},
		{
			name:   "it is being deleted",
			change: all(goneServer(0, 0), func(s *facts.Snapshot) { claimNamed(s, gpuClaim).Deleting = s.Now.Add(-time.Minute) }),
		},
		{
			name: "a server that was renamed and remembers its claim",
			change: all(goneServer(0, 0), func(s *facts.Snapshot) {
				hubOf(s).Spawners = append(hubOf(s).Spawners, facts.Spawner{ID: 90, UserID: 1, Name: "gpu-2",
					State: facts.SpawnerState{Form: "object", PodName: "p", PVCName: gpuClaim}})
				world.Settle(s)
			}),
		},
		{
			name: "a replaced database is the cause",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003", "student-0007")
			}),
			want: explainedByReset(nil),
			summary: "explained by hub-db-reset: only 2 of 10 owners of claims are in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
	},
	boundary: []damage{
		{
			name:   "in use a moment too long ago to be recent",
			change: goneServer(30*24*time.Hour+time.Second, 60*24*time.Hour),
			want:   outcomes{"pvc-orphaned": "fail info 1", "backup-stale": "fail critical 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 150 MiB, last used 2026-10-21) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-09-21 12:00 UTC",
		},
		{
			name:   "just recent",
			change: goneServer(30*24*time.Hour, 60*24*time.Hour),
			want:   outcomes{"pvc-orphaned": "fail error 1", "backup-stale": "fail critical 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 150 MiB, last used 2026-10-21) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-09-21 12:00 UTC, and in use on 2026-10-21: a backup since then is expected",
		},
		{
			name:   "backed up when it was put away",
			change: goneServer(10*24*time.Hour, 10*24*time.Hour),
			want:   outcomes{"pvc-orphaned": "fail info 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 150 MiB, last used 2026-11-10) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-11-10 12:00 UTC",
		},
		{
			name:   "in use since last night's backup",
			change: goneServer(time.Hour, 26*time.Hour),
			want:   outcomes{"pvc-orphaned": "fail info 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 150 MiB, last used 2026-11-20) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-11-19 10:00 UTC",
		},
		{
			name:   "an empty file system",
			change: all(goneServer(10*24*time.Hour, 12*24*time.Hour), func(s *facts.Snapshot) { volumeOf(s, gpuClaim).ActualBytes = 40 << 20 }),
			want:   outcomes{"pvc-orphaned": "fail info 1", "backup-stale": "fail critical 1"},
			summary: `claim claim-student-0001--gpu (created 2026-06-20, 40 MiB, last used 2026-11-10) is for user "student-0001"'s server "gpu", ` +
				"which the hub does not have; backed up last on 2026-11-08 12:00 UTC",
		},
	},
	sourceFailed: []damage{
		{
			name:    "claims not readable",
			change:  failed(facts.KubeClaims),
			want:    claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s",
		},
		{
			name:    "snapshots not readable",
			change:  failed(facts.KubeSnapshots),
			want:    unknownWithout(facts.KubeSnapshots, nil),
			summary: "source kube/volumesnapshots could not be read: gave up after 30s",
		},
		{
			name:    "half of the users read",
			change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
	},
}

// goneServer adds the claim of a named server that was deleted, last used and
// last backed up so long ago.
func goneServer(used, backup time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.AddClaim(s, facts.Claim{Name: gpuClaim, Created: s.Now.AddDate(0, -5, 0), User: "student-0001", Server: "gpu", HasUser: true,
			Component: facts.HomeComponent})
		v := volumeOf(s, gpuClaim)
		v.ActualBytes, v.LastPodRefAt = 150<<20, facts.At(s.Now.Add(-used))
		world.LastBackup(s, v, s.Now.Add(-backup))
	}
}

// Servers that were not read in full cannot be missed: what is known of users
// is still told.
func TestPVCOrphanedServersUnread(t *testing.T) {
	s := healthy()
	all(former(1), goneServer(0, 0))(s)
	hubOf(s).SpawnersRead = facts.Partial
	suite, err := NewSuite(nil, []string{pvcOrphaned.ID})
	if err != nil {
		t.Fatal(err)
	}
	want := `claim claim-former-1 (created 2026-11-20, 0 B) is user "former-1"'s, whom the hub does not have; never backed up ` +
		"(incomplete: the tables spawners and servers are damaged: 11 rows of spawners could be read, others may be missing)"
	if v := Judge(suite, s)[0]; v.Summary != want || v.Count != 1 {
		t.Errorf("%d findings: %s", v.Count, v.Summary)
	}
}

// Without Longhorn nothing tells sizes or uses: a claim that is not in any of
// the snapshots that there are counts from its creation.
func TestPVCOrphanedWithoutLonghorn(t *testing.T) {
	for age, want := range map[time.Duration]string{20 * 24 * time.Hour: "error", 40 * 24 * time.Hour: "info", 26 * time.Hour: "info"} {
		s := healthy()
		withoutLonghorn(s)
		s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: world.Namespace, Name: gpuClaim, Created: s.Now.Add(-age), Phase: "Bound",
			User: "student-0001", Server: "gpu", HasUser: true, Component: facts.HomeComponent})
		world.Settle(s)
		suite, err := NewSuite(nil, []string{pvcOrphaned.ID})
		if err != nil {
			t.Fatal(err)
		}
		if v := Judge(suite, s)[0]; string(v.Severity) != want || v.Count != 1 {
			t.Errorf("%s: %d findings, %s", age, v.Count, v.Severity)
		}
		s.Kube.Snapshots = nil
		if v := Judge(suite, s)[0]; v.Severity != "info" {
			t.Errorf("%s: nothing is backed up, and that is %s", age, v.Severity)
		}
	}
}
