package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCUnattributed(t *testing.T) { testCheck(t, pvcUnattributedCases) }

var pvcUnattributedCases = cases{
	check: pvcUnattributed,
	fires: []damage{
		{
			name:    "a claim named like a home, and nobody's",
			change:  addClaim(facts.Claim{Name: "claim-somebody"}),
			want:    outcomes{"pvc-unattributed": "fail warning 1"},
			summary: "claim claim-somebody (created 2026-11-20, 0 B) looks like a user's home and nothing tells whose, an owner is expected",
		},
		{
			name: "2017: two users of the name in it, and the id is neither's",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				rename(s, 4, "Student.0003")
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-99"})
			},
			want: outcomes{"pvc-unattributed": "fail warning 1", "hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 1"},
			summary: "claim claim-student-0003-99 (created 2026-11-20, 0 B) looks like a user's home and nothing tells whose, an owner is expected; " +
				`it may be that of "Student.0003" or "student-0003"`,
		},
		{
			name: "labels without a user, an empty annotation, a label of nobody",
			change: all(addClaim(facts.Claim{Name: "a", Component: facts.HomeComponent}), addClaim(facts.Claim{Name: "b", HasUser: true}),
				addClaim(facts.Claim{Name: "c", LabelUser: "nobody"})),
			want:    outcomes{"pvc-unattributed": "fail warning 3"},
			summary: "3 claims look like users' homes, and nothing tells whose",
		},
		{
			name: "in the namespace of a user",
			change: all(userNamespaces, func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-x"})
				claimNamed(s, "claim-x").Namespace = "datahub-student-0001"
				world.Settle(s)
			}),
			want:    outcomes{"pvc-unattributed": "fail warning 1"},
			summary: "claim claim-x (created 2026-11-20) looks like a user's home and nothing tells whose, an owner is expected",
		},
	},
	mustNotFire: []damage{
		{
			name: "helpers, copies, a user by label, what is being deleted, and other namespaces",
			change: func(s *facts.Snapshot) {
				hubOf(s).OtherClaims = []string{"claim-shared-*"}
				for _, c := range []facts.Claim{{Name: "shared-data"}, {Name: "claim-tools", Component: "tools"}, {Name: "claim-shared-course"},
					{Name: "claim-copy", SourceKind: "VolumeSnapshot", SourceName: "snap"}, {Name: "claim-old-name", LabelUser: "student-0001"},
					{Name: "claim-going", Deleting: s.Now}, {Name: "jhub-hub-db-dir"}, {Name: "claim-elsewhere"}} {
					world.AddClaim(s, c)
				}
				claimNamed(s, "claim-elsewhere").Namespace = "elsewhere"
				world.Settle(s)
			},
		},
		{
			name: "a claim that the hub itself mounts",
			change: all(addClaim(facts.Claim{Name: "claim-of-the-hub"}), func(s *facts.Snapshot) {
				podNamed(s, hubPodName).Claims = append(podNamed(s, hubPodName).Claims, "claim-of-the-hub")
			}),
		},
		{
			name: "one claim for all users",
			change: func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.PVCNameTemplate, hubOf(s).KubeSpawner.DeletePVC = "claim-homes", false
				world.AddClaim(s, facts.Claim{Name: "claim-homes"})
			},
			want: outcomes{"pvc-name-collision": "skipped"},
		},
		{
			name:   "a former user's",
			change: former(1),
			want:   outcomes{"hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 1"},
		},
		{
			name: "the database holds no users at all",
			change: forget(func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-somebody"})
				world.ResetDatabase(s, world.HubName, "student-0003")
			}),
			want: explainedByReset(outcomes{"pvc-unattributed": "skipped"}),
			summary: "explained by hub-db-reset: only 1 of 10 owners of claims is in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
	},
	boundary: []damage{
		{
			name:    "a name that begins as the template does",
			change:  all(template("home-{username}"), addClaim(facts.Claim{Name: "home-x"})),
			want:    outcomes{"pvc-unattributed": "fail warning 1"},
			summary: "claim home-x (created 2026-11-20, 0 B) looks like a user's home and nothing tells whose, an owner is expected",
		},
		{
			name:   "one that begins otherwise",
			change: all(template("home-{username}"), addClaim(facts.Claim{Name: "homes-x"})),
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
		{
			name:   "the servers' states could have told",
			change: all(addClaim(facts.Claim{Name: "claim-somebody"}), func(s *facts.Snapshot) { hubOf(s).StatesRead = false }),
			want:   with(statesUnknown(), "pvc-unattributed", "unknown"),
			summary: "nothing that is known tells whose 1 claim is: " +
				"the states of the servers were not shown: give the token of the REST API the scope admin:server_state",
		},
	},
}

func addClaim(c facts.Claim) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { world.AddClaim(s, c) }
}

// template sets how the hub names claims, of which it remembers the old ones.
func template(t string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { hubOf(s).KubeSpawner.PVCNameTemplate = t }
}
