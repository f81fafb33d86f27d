package checks

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubDBReset(t *testing.T) { testCheck(t, hubDBResetCases) }

var hubDBResetCases = cases{
	check: hubDBReset,
	fires: []damage{
		{
			name: "a new database in which two have logged in",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003", "student-0007")
			}),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped"},
			summary: "only 2 of 10 owners of claims are in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
		{
			name: "2017: no creation times, but low ids beside claims of high ones",
			change: forget(func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				world.ResetDatabase(s, world.HubName, "student-0009")
				hubOf(s).Users[0].Created = time.Time{}
			}),
			// The claim of the one who is back still bears the earlier id.
			want: outcomes{"pvc-orphaned": "skipped", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped"},
			summary: "only 1 of 10 owners of claims is in the database, at least 50 % expected; " +
				"its highest user id is 1 while claims are named after ids up to 10",
		},
		{
			name: "the chart was installed again, old schema",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0009")
				hubOf(s).Users[0].Created = time.Time{}
				claimNamed(s, world.HubClaim).Created = s.Now.AddDate(0, 0, -2)
			}),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped"},
			summary: "only 1 of 10 owners of claims is in the database, at least 50 % expected; " +
				"its volume hub-db-dir was created on 2026-11-18, 150 days 23 h after the median claim",
		},
	},
	mustNotFire: []damage{
		{
			name: "all users deleted, their claims with them",
			change: forget(func(s *facts.Snapshot) {
				hubOf(s).Users, hubOf(s).Spawners = nil, nil
				for i := range s.Kube.Claims {
					if s.Kube.Claims[i].HasUser {
						s.Kube.Claims[i].Deleting = s.Now.Add(-time.Minute)
					}
				}
				world.Settle(s)
			}),
			want: outcomes{"pod-unknown-to-hub": "fail warning 2", "hub-user-count-drift": "skipped", "backup-target-unset": "skipped"}, summary: "",
		},
		{
			name: "most users deleted, their claims kept",
			change: forget(func(s *facts.Snapshot) {
				hubOf(s).Users = hubOf(s).Users[7:]
				hubOf(s).Spawners = hubOf(s).Spawners[7:]
				world.Settle(s)
			}),
			want: outcomes{"pod-unknown-to-hub": "fail warning 1", "pvc-orphaned": "fail info 7", "hub-user-count-drift": "skipped", "hub-owner-missing": "fail error 7"},
		},
		{
			name: "claims of another hub in the namespace",
			change: forget(func(s *facts.Snapshot) {
				other := *hubOf(s)
				other.Name, other.Backups = "other", nil
				other.Users, other.Spawners = hubOf(s).Users[2:], hubOf(s).Spawners[2:]
				hubOf(s).Users, hubOf(s).Spawners = hubOf(s).Users[:2], hubOf(s).Spawners[:2]
				for i := range hubOf(s).Users {
					hubOf(s).Users[i].Created = s.Now
				}
				s.Hubs = append(s.Hubs, &other)
				world.Settle(s)
			}),
			want: otherHub(outcomes{"hub-user-count-drift": "skipped"}),
		},
	},
	boundary: []damage{
		{
			name: "exactly half of the owners are known",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0001", "student-0002", "student-0003", "student-0004", "student-0005")
			}),
			want: outcomes{"pod-unknown-to-hub": "fail warning 2", "pvc-orphaned": "fail info 6", "hub-user-count-drift": "skipped", "hub-owner-missing": "fail error 5"},
		},
		{
			name:   "one owner fewer than the minimum",
			change: forget(func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) }),
			values: map[string]any{"minOwners": 11},
			want:   outcomes{"pod-unknown-to-hub": "fail warning 2", "pvc-orphaned": "fail info 11", "hub-user-count-drift": "skipped", "hub-owner-missing": "fail error 10"},
		},
		{
			name:    "as many owners as the minimum",
			change:  forget(func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) }),
			values:  map[string]any{"minOwners": 10},
			want:    outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-user-count-drift": "skipped", "hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped"},
			summary: "only 0 of 10 owners of claims are in the database, at least 50 % expected; the database has no user at all",
		},
		{name: "a day after the median claim", change: forget(resetAfter(24 * time.Hour)), want: outcomes{"pod-unknown-to-hub": "fail warning 2", "pvc-orphaned": "fail info 10", "hub-user-count-drift": "skipped", "hub-owner-missing": "fail error 9"}},
		{
			name: "a day and a second after", change: forget(resetAfter(24*time.Hour + time.Second)),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-user-count-drift": "skipped", "hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped"},
			summary: "only 1 of 10 owners of claims is in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-06-21, 1 day after the median claim",
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
			name: "the other hub of the namespace not readable",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003")
				other := *hubOf(s)
				other.Name, other.Backups, other.Users, other.Spawners = "other", nil, nil, nil
				s.Hubs = append(s.Hubs, &other)
				world.Settle(s)
				world.Fail(s, facts.HubDB("other"), facts.CauseUnreachable, "connection refused")
			}),
			want:    otherHub(otherUnread(outcomes{"pod-unknown-to-hub": "unknown", "pvc-orphaned": "unknown", "hub-user-count-drift": "skipped", "hub-db-reset": "unknown", "hub-owner-missing": "unknown"})),
			summary: "claims in namespace datahub may belong to hub other, whose database could not be read in full",
		},
	},
}

// forget is a change that the history knows nothing of: the check needs none.
func forget(change func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		change(s)
		s.Past = facts.Past{Marks: s.Past.Marks}
	}
}

// resetAfter makes a new database whose first user came so long after the
// median claim.
func resetAfter(d time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		median := claimNamed(s, "claim-student-0006").Created
		world.ResetDatabase(s, world.HubName, "student-0001")
		hubOf(s).Users[0].Created = median.Add(d)
	}
}

// otherUnread adds the verdicts that the second hub's database costs.
func otherUnread(want outcomes) outcomes {
	for _, c := range Registry {
		for _, name := range slices.Concat(c.Needs, c.Uses) {
			if name == HubDatabase || name == HubUsers {
				want[c.ID+"@other"] = "unknown"
			}
		}
	}
	return want
}

// otherHub adds the verdicts of a second hub in which nothing is wrong but
// that it has no backup and no baseline.
func otherHub(want outcomes) outcomes {
	for _, c := range Registry {
		if c.Scope == PerHub {
			key := c.ID + "@other"
			if want[key] == "" {
				want[key] = cmp.Or(notApplicable[c.ID], "pass")
			}
		}
	}
	for _, id := range []string{"hub-user-count-drift@other", "hub-db-pvc-replaced@other", "backup-restore-mismatch@other"} {
		if want[id] == "pass" {
			want[id] = "skipped"
		}
	}
	want["backup-hub-db-missing@other"] = "fail critical 1"
	want["namespace-two-hubs"], want["namespace-two-hubs@other"] = "fail error 1", "fail error 1"
	return want
}
