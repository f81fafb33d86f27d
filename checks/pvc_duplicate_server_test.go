package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCDuplicateServer(t *testing.T) { testCheck(t, pvcDuplicateServerCases) }

var pvcDuplicateServerCases = cases{
	check: pvcDuplicateServer,
	fires: []damage{
		{
			name: "2017: a new id, a second claim, an empty home",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-257"})
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0003"'s default server has 2 claims, one is expected: ` +
				"claim-student-0003-3 (created 2026-06-20, 150 MiB, last used 2026-11-20), " +
				"claim-student-0003-257 (created 2026-11-20, 0 B); " +
				"the files are probably in claim-student-0003-3, which has the most data",
		},
		{
			name: "2017: the id in the old claim is another user's now",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-4", Created: s.Now.AddDate(-1, 0, 0)})
				volumeOf(s, "claim-student-0003-4").LastBackupAt = s.Now.Add(-time.Hour)
				volumeOf(s, "claim-student-0003-4").ActualBytes = 150 << 20
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0003"'s default server has 2 claims, one is expected: ` +
				"claim-student-0003-4 (created 2025-11-20, 150 MiB), " +
				"claim-student-0003-3 (created 2026-06-20, 150 MiB, last used 2026-11-20); " +
				"the files are probably in claim-student-0003-4, the oldest of about equal ones",
		},
		{
			name: "two names of two KubeSpawner versions, one in use, and no Longhorn",
			change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: world.Namespace, Name: "claim-student-2d0005", UID: "x",
					Created: s.Now.Add(-time.Hour), Phase: "Bound", User: "student-0005", HasUser: true, Component: userStorage})
				world.Settle(s)
			},
			want: noLonghorn(outcomes{"pvc-duplicate-server": "fail critical 1"}),
			summary: `user "student-0005"'s default server has 2 claims, one is expected: claim-student-0005 (created 2026-06-20), ` +
				"claim-student-2d0005 (created 2026-11-20); the files are probably in claim-student-0005, the oldest",
		},
		{
			name: "all servers of a user on one claim, and a claim that none mounts",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Spawners = append(h.Spawners, facts.Spawner{ID: 50, UserID: 1, Name: "gpu",
					State: facts.SpawnerState{Form: "object", PodName: "p", PVCName: "claim-student-0001"}})
				world.AddClaim(s, facts.Claim{Name: "claim-left", User: "student-0001", HasUser: true})
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0001"'s default server has 2 claims, one is expected: ` +
				"claim-student-0001 (created 2026-06-20, 150 MiB, last used 2026-11-20), claim-left (created 2026-11-20, 0 B); " +
				"the files are probably in claim-student-0001, which has the most data",
		},
		{
			name: "two servers",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-a", User: "student-0001", HasUser: true})
				world.AddClaim(s, facts.Claim{Name: "claim-b", User: "student-0010", Server: "lab", HasUser: true})
			},
			want:    outcomes{"pvc-duplicate-server": "fail critical 2"},
			summary: "2 servers have more than one claim each: some of them see an old or an empty home",
		},
	},
	mustNotFire: []damage{
		{
			name: "a named server has its own claim",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-student-0001--gpu", User: "student-0001", Server: "gpu", HasUser: true})
			},
		},
		{
			name: "the other claim is being deleted",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-old", User: "student-0001", HasUser: true, Deleting: s.Now})
			},
		},
		{
			name: "all servers of a user on one claim",
			change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Spawners = append(h.Spawners, facts.Spawner{ID: 50, UserID: 1, Name: "gpu",
					State: facts.SpawnerState{Form: "object", PodName: "p", PVCName: "claim-student-0001"}})
			},
		},
		{
			name: "one claim for all users, remembered by all",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "homes", User: "student-0001", HasUser: true})
				for i := range hubOf(s).Spawners {
					hubOf(s).Spawners[i].State.PVCName = "homes"
				}
				world.Settle(s)
			},
		},
		{
			name: "claims of a user who is gone",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-a", User: "gone", HasUser: true})
				world.AddClaim(s, facts.Claim{Name: "claim-b", User: "gone", HasUser: true})
			},
			want: outcomes{"hub-owner-missing": "fail info 1"},
		},
		{
			name: "a clone without annotations, and a clone in another namespace",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "clone-of-student-0001"})
				world.AddClaim(s, facts.Claim{Name: "claim-student-0001-clone", User: "student-0001", HasUser: true})
				claimNamed(s, "claim-student-0001-clone").Namespace = "rescue"
				world.Settle(s)
			},
		},
	},
	boundary: []damage{
		{
			name: "two users of one lossy name: only the id decides",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				rename(s, 4, "Student.0003")
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-4"})
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-99"})
			},
			// Who was called Student.0003 so late looks like student-0003 again.
			want: outcomes{"hub-owner-missing": "fail info 1", "hub-user-twin": "fail warning 1"},
		},
		{
			name: "a claim that another user's server remembers",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-handed-over", User: "student-0001", HasUser: true})
				hubOf(s).Spawners = append(hubOf(s).Spawners, facts.Spawner{ID: 50, UserID: 2, Name: "gpu",
					State: facts.SpawnerState{Form: "object", PVCName: "claim-handed-over"}})
			},
		},
		{
			name: "half of the users read: an earlier id proves nothing, an annotation does",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				hubOf(s).UsersRead = facts.Partial
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-257"})
				world.AddClaim(s, facts.Claim{Name: "claim-a", User: "student-0002", HasUser: true})
			},
			want: usersUnknown(outcomes{"pvc-duplicate-server": "fail critical 1"}),
			summary: `user "student-0002"'s default server has 2 claims, one is expected: ` +
				"claim-student-0002-2 (created 2026-06-20, 150 MiB, last used 2026-11-20), claim-a (created 2026-11-20, 0 B); " +
				"the files are probably in claim-student-0002-2, which has the most data " +
				"(incomplete: the table users is damaged: 10 rows could be read, others may be missing)",
		},
	},
	sourceFailed: []damage{{
		name:    "claims not readable",
		change:  failed(facts.KubeClaims),
		want:    claimsUnknown(),
		summary: "source kube/claims could not be read: gave up after 30s",
	}},
}

func rename(s *facts.Snapshot, id int64, name string) {
	for i := range hubOf(s).Users {
		if hubOf(s).Users[i].ID == id {
			hubOf(s).Users[i].Name = name
		}
	}
}

// withoutLonghorn is a cluster that never had Longhorn, with snapshots of all
// claims instead.
func withoutLonghorn(s *facts.Snapshot) {
	s.Longhorn = facts.Longhorn{}
	for _, c := range s.Kube.Claims {
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: "of-" + c.Name, Claim: c.Name, Ready: true})
	}
	absent(facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes, facts.LonghornSettings)(s)
	world.Settle(s)
}

func noLonghorn(want outcomes) outcomes {
	for _, id := range []string{"lh-no-usable-replica", "lh-single-usable-replica", "lh-replica-node-missing"} {
		want[id] = "skipped"
	}
	return want
}
