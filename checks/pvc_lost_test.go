package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCLost(t *testing.T) { testCheck(t, pvcLostCases) }

func lose(names ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, name := range names {
			claimNamed(s, name).Phase = "Lost"
		}
	}
}

var pvcLostCases = cases{
	check: pvcLost,
	fires: []damage{
		{
			name:   "a user's",
			change: lose("claim-student-0010--lab"),
			want:   outcomes{"pvc-lost": "fail critical 1"},
			summary: `claim claim-student-0010--lab of user "student-0010"'s server "lab" is Lost: ` +
				"its volume pvc-00000003-0000-4000-8000-00000000000c is not in Kubernetes, Bound is expected",
		},
		{
			name:    "the hub's and two users'",
			change:  lose("hub-db-dir", "claim-student-0001", "claim-student-0002"),
			want:    outcomes{"pvc-lost": "fail critical 3"},
			summary: "3 claims are Lost: their volumes are not in Kubernetes",
		},
		{
			name: "one of 2017 whose owner is gone",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				world.AddClaim(s, facts.Claim{Name: "claim-sam-257"})
				claimNamed(s, "claim-sam-257").VolumeName = "pvc-1"
				lose("claim-sam-257")(s)
			},
			want:    outcomes{"pvc-orphaned": "fail info 1", "pvc-lost": "fail critical 1", "hub-owner-missing": "fail info 1"},
			summary: "claim claim-sam-257 of a user whose name is not known is Lost: its volume pvc-1 is not in Kubernetes, Bound is expected",
		},
	},
	mustNotFire: []damage{
		{
			name: "another application's",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "grafana", Component: "monitoring"})
				lose("grafana")(s)
			},
		},
		{
			name: "in another namespace",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-other", User: "student-0001", HasUser: true})
				lose("claim-other")(s)
				claimNamed(s, "claim-other").Namespace = "elsewhere"
				world.Settle(s)
			},
		},
	},
	boundary: []damage{
		{
			name: "being deleted",
			change: func(s *facts.Snapshot) {
				lose("claim-student-0001")(s)
				claimNamed(s, "claim-student-0001").Deleting = s.Now
			},
		},
		{name: "not bound yet", change: func(s *facts.Snapshot) { claimNamed(s, "claim-student-0001").Phase = "Pending" },
			want: outcomes{"pvc-pending": "fail warning 1"}},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s"},
		{
			name: "a database that is not readable hides no Lost claim",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Users, h.Spawners, h.Servers, h.Database = nil, nil, nil, facts.Database{}
				failed(facts.HubDB(world.HubName))(s)
				lose("claim-student-0001")(s)
			},
			want: databaseUnknown(outcomes{"pvc-lost": "fail critical 1"}),
			summary: `claim claim-student-0001 of user "student-0001"'s default server is Lost: ` +
				"its volume pvc-00000003-0000-4000-8000-000000000002 is not in Kubernetes, Bound is expected",
		},
	},
}
