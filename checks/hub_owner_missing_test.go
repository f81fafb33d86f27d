package checks

import (
	"fmt"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubOwnerMissing(t *testing.T) { testCheck(t, hubOwnerMissingCases) }

var hubOwnerMissingCases = cases{
	check: hubOwnerMissing,
	fires: []damage{
		{
			name:    "five owners whom the hub does not know",
			change:  former(5),
			want:    outcomes{"pvc-orphaned": "fail info 5", "hub-owner-missing": "fail error 5"},
			summary: "5 of 15 owners of claims (33.3 %) are not among the hub's users, at most 5 % expected",
		},
		{
			name:    "one former user",
			change:  former(1),
			want:    outcomes{"pvc-orphaned": "fail info 1", "hub-owner-missing": "fail info 1"},
			summary: "1 of 11 owners of claims is not among the hub's users; few are normal after deletions",
		},
		{
			name:    "a hub that keeps the claims of deleted users",
			change:  all(former(5), func(s *facts.Snapshot) { hubOf(s).KubeSpawner.DeletePVC = false }),
			want:    outcomes{"pvc-orphaned": "fail info 5", "hub-owner-missing": "fail info 5"},
			summary: "5 of 15 owners of claims are not among the hub's users; few are normal after deletions",
		},
		{
			name: "claims of named servers, which KubeSpawner left behind",
			change: all(former(1), func(s *facts.Snapshot) {
				for i := range 6 {
					world.AddClaim(s, facts.Claim{Name: fmt.Sprintf("claim-left-%d--lab", i), User: fmt.Sprintf("left-%d", i), Server: "lab", HasUser: true})
				}
			}),
			want:    outcomes{"pvc-orphaned": "fail info 7", "hub-owner-missing": "fail info 7"},
			summary: "7 of 17 owners of claims are not among the hub's users; few are normal after deletions",
		},
		{
			name: "2017: owners of whom only the old name of a claim is left",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				for i := range 5 {
					world.AddClaim(s, facts.Claim{Name: fmt.Sprintf("claim-former-%c-%d", 'a'+i, 20+i)})
				}
			},
			want:    outcomes{"pvc-orphaned": "fail info 5", "hub-owner-missing": "fail error 5"},
			summary: "5 of 15 owners of claims (33.3 %) are not among the hub's users, at most 5 % expected",
		},
		{
			name: "names rewritten in the database",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				for i := range 5 {
					h.Users[i].Name = fmt.Sprintf("student.%04d", i+1)
					h.Spawners[i].State = facts.SpawnerState{}
				}
				world.Settle(s)
			},
			want:    outcomes{"pod-unknown-to-hub": "fail warning 1", "pvc-orphaned": "fail info 5", "hub-owner-missing": "fail error 5", "hub-spawner-state-broken": "fail warning 1"},
			summary: "5 of 10 owners of claims (50.0 %) are not among the hub's users, at most 5 % expected",
		},
	},
	mustNotFire: []damage{
		{
			name: "claims that are being deleted",
			change: all(former(5), func(s *facts.Snapshot) {
				for i := range s.Kube.Claims {
					if c := &s.Kube.Claims[i]; c.User == former1 {
						c.Deleting = s.Now
					}
				}
				for i := 2; i <= 5; i++ {
					world.RemoveClaim(s, world.Namespace, fmt.Sprintf("claim-former-%d", i))
				}
			}),
		},
		{
			name: "claims of helpers, and of people in other namespaces",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "shared-data"})
				world.AddClaim(s, facts.Claim{Name: "claim-tools", Component: "tools"})
				world.AddClaim(s, facts.Claim{Name: "claim-elsewhere", User: "elsewhere", HasUser: true})
				claimNamed(s, "claim-elsewhere").Namespace = "elsewhere"
				world.Settle(s)
			},
		},
		{
			name: "users of another hub in the namespace",
			change: func(s *facts.Snapshot) {
				other := *hubOf(s)
				other.Name, other.Backups = "other", nil
				other.Users, other.Spawners = hubOf(s).Users[4:], hubOf(s).Spawners[4:]
				hubOf(s).Users, hubOf(s).Spawners = hubOf(s).Users[:4], hubOf(s).Spawners[:4]
				s.Hubs = append(s.Hubs, &other)
				world.Settle(s)
				s.Past = facts.Past{}
			},
			want: otherHub(outcomes{"hub-user-count-drift": "skipped", "hub-db-pvc-replaced": "skipped"}),
		},
		{
			name: "a replaced database is the cause",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003", "student-0007")
			}),
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped"},
			summary: "explained by hub-db-reset: only 2 of 10 owners of claims are in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
	},
	boundary: []damage{
		{
			name: "as many as may be", change: former(10), values: map[string]any{"maxPercent": 50},
			want:    outcomes{"pvc-orphaned": "fail info 10", "hub-owner-missing": "fail info 10"},
			summary: "10 of 20 owners of claims are not among the hub's users; few are normal after deletions",
		},
		{
			name: "one more", change: former(11), values: map[string]any{"maxPercent": 50},
			want:    outcomes{"pvc-orphaned": "fail info 11", "hub-owner-missing": "fail error 11"},
			summary: "11 of 21 owners of claims (52.4 %) are not among the hub's users, at most 50 % expected",
		},
		{
			name: "one fewer than the floor", change: former(4),
			want:    outcomes{"pvc-orphaned": "fail info 4", "hub-owner-missing": "fail info 4"},
			summary: "4 of 14 owners of claims are not among the hub's users; few are normal after deletions",
		},
		{
			name: "no users left, and too few owners for a reset",
			change: forget(func(s *facts.Snapshot) {
				for i := 4; i <= 9; i++ {
					world.RemoveClaim(s, world.Namespace, fmt.Sprintf("claim-student-%04d", i))
				}
				world.ResetDatabase(s, world.HubName)
			}),
			want:    outcomes{"pod-unknown-to-hub": "fail warning 2", "pvc-orphaned": "fail info 5", "hub-user-count-drift": "skipped", "hub-owner-missing": "fail info 4"},
			summary: "4 of 4 owners of claims are not among the hub's users; few are normal after deletions",
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
			name:    "half of the users read",
			change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
	},
}

const former1 = "former-1"

// former adds claims of so many people whom the hub does not know.
func former(n int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := 1; i <= n; i++ {
			world.AddClaim(s, facts.Claim{Name: fmt.Sprintf("claim-former-%d", i), User: fmt.Sprintf("former-%d", i), HasUser: true})
		}
	}
}

// The neighbour's users are not known: the claims may be theirs.
func TestHubOwnerMissingNeighbour(t *testing.T) {
	s := healthy()
	former(3)(s)
	s.Hubs = append(s.Hubs, &facts.Hub{Name: "other", Namespace: world.Namespace})
	suite, err := NewSuite(nil, []string{hubOwnerMissing.ID})
	if err != nil {
		t.Fatal(err)
	}
	want := "claims in namespace datahub may belong to hub other, whose users could not be read in full"
	if v := Judge(suite, s)[0]; v.Outcome != "unknown" || v.Summary != want {
		t.Errorf("%s: %s", v.Outcome, v.Summary)
	}
}

// What a person needs to decide is in the finding: the claims, their size and
// use, and a user who may be the same.
func TestHubOwnerMissingFinding(t *testing.T) {
	s := healthy()
	former(1)(s)
	world.AddClaim(s, facts.Claim{Name: "claim-by-hand", User: "Student.0004", HasUser: true})
	suite, err := NewSuite(map[string]Setting{hubOwnerMissing.ID: {}}, []string{hubOwnerMissing.ID})
	if err != nil {
		t.Fatal(err)
	}
	findings := Judge(suite, s)[0].Findings
	for i, want := range []string{
		`"Student.0004", the owner of claim-by-hand (created 2026-11-20, 0 B), is not a user of the hub; ` +
			`it has a user "student-0004", whose name differs only in '-' and '.' and case`,
		`"former-1", the owner of claim-former-1 (created 2026-11-20, 0 B), is not a user of the hub`,
	} {
		if findings[i].Message != want {
			t.Errorf("got %s\nwant %s", findings[i].Message, want)
		}
	}
	if d := findings[0].Details; d["alike"] != "student-0004" || d["requested"] != "10 GiB" {
		t.Errorf("details %v", d)
	}
}
