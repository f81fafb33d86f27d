package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCOwnerMismatch(t *testing.T) { testCheck(t, pvcOwnerMismatchCases) }

var pvcOwnerMismatchCases = cases{
	check: pvcOwnerMismatch,
	fires: []damage{
		{
			name:    "the annotated user is gone, and has nothing in common with the other",
			change:  annotated("claim-student-0002", "zoe", ""),
			want:    outcomes{"pvc-owner-mismatch": "fail error 1", "hub-owner-missing": "fail info 1"},
			summary: ofStudent2 + `"zoe"'s default server, one user is expected`,
		},
		{
			name:   "the annotated user is there: others page for them",
			change: annotated("claim-student-0002", "student-0001", ""),
			want:   outcomes{"pvc-owner-mismatch": "fail warning 1", "pvc-duplicate-server": "fail critical 1"},
			summary: ofStudent2 + `"student-0001"'s default server, one user is expected; ` +
				"what other checks say of the annotated one's claims rests on that annotation",
		},
		{
			name:    "the annotated user is gone, and the other's name is like it",
			change:  annotated("claim-student-0002", "Student.0002", ""),
			want:    outcomes{"pvc-owner-mismatch": "fail info 1", "hub-owner-missing": "fail info 1"},
			summary: ofStudent2 + `"Student.0002"'s default server, one user is expected; they may be one person who was renamed`,
		},
		{
			name:    "several",
			change:  all(annotated("claim-student-0002", "zoe", ""), annotated("claim-student-0003", "zoe", "lab")),
			want:    outcomes{"pvc-owner-mismatch": "fail error 2", "hub-owner-missing": "fail info 1"},
			summary: "2 claims have the name of one user's home and the annotation of another user",
		},
	},
	mustNotFire: []damage{
		{
			name: "the hub remembers it for the one whose name it is",
			change: func(s *facts.Snapshot) {
				claimNamed(s, "claim-student-0002").User = "zoe"
			},
		},
		{
			name: "the hub remembers it for the annotated one: a claim that was handed over",
			change: all(annotated("claim-student-0002", "student-0001", ""), func(s *facts.Snapshot) {
				for i := range hubOf(s).Spawners {
					if sp := &hubOf(s).Spawners[i]; sp.UserID == 1 {
						sp.State.PVCName = "claim-student-0002"
					}
				}
				world.Settle(s)
			}),
			want: outcomes{"pvc-duplicate-server": "fail critical 1", "pvc-name-collision": "fail critical 1"},
		},
		{
			name: "no separator between user and server: the name is the annotated one's too",
			change: func(s *facts.Snapshot) {
				rename(s, 2, "student-0001lab")
				world.AddClaim(s, facts.Claim{Name: "claim-student-2d0001lab", User: "student-0001", Server: "lab", HasUser: true})
				world.AddClaim(s, facts.Claim{Name: "claim-gone-2duser", User: "gone-user", HasUser: true})
			},
			want: outcomes{"hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 2"},
		},
		{
			name: "another server of the same user, helpers, and claims that go",
			change: func(s *facts.Snapshot) {
				annotated("claim-student-0002", "student-0002", "lab")(s)
				annotated("claim-student-0003", "zoe", "")(s)
				annotated("claim-student-0004", "zoe", "")(s)
				claimNamed(s, "claim-student-0003").Deleting = s.Now.Add(-time.Minute)
				hubOf(s).OtherClaims = []string{"claim-student-0004"}
			},
			want: outcomes{"pvc-orphaned": "fail info 1"},
		},
		{
			name:   "a server mounts it, so that pvc-misrouted tells",
			change: all(annotated("claim-student-0002", "zoe", ""), mounts(pod5, "claim-student-0002")),
			want:   outcomes{"pvc-misrouted": "fail critical 1", "hub-owner-missing": "fail info 1"},
		},
	},
	boundary: []damage{
		{
			name:   "claim-<lossy>-<id> of the annotated one, under another id, and the name of a user of today",
			change: all(addClaim(facts.Claim{Name: "claim-student-7", User: "student", HasUser: true}), func(s *facts.Snapshot) { rename(s, 3, "student-7") }, forgetServer(3)),
			want:   outcomes{"hub-owner-missing": "fail info 2", "pvc-orphaned": "fail info 2", "pvc-name-collision": "fail error 1"},
		},
		{
			name:    "the same of somebody else",
			change:  all(addClaim(facts.Claim{Name: "claim-student-7", User: "zoe", HasUser: true}), func(s *facts.Snapshot) { rename(s, 3, "student-7") }, forgetServer(3)),
			want:    outcomes{"pvc-owner-mismatch": "fail error 1", "hub-owner-missing": "fail info 2", "pvc-orphaned": "fail info 1"},
			summary: `claim claim-student-7 (created 2026-11-20, 0 B) has the name of user "student-7"'s default server and is annotated for user "zoe"'s default server, one user is expected`,
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
			name:    "the servers' states could have told",
			change:  func(s *facts.Snapshot) { hubOf(s).StatesRead = false },
			want:    statesUnknown(),
			summary: "the states of the servers were not shown: give the token of the REST API the scope admin:server_state",
		},
	},
}

const ofStudent2 = `claim claim-student-0002 (created 2026-06-20, 150 MiB, last used 2026-11-20) has the name of user "student-0002"'s default server ` +
	"and is annotated for user "

func forgetServer(user int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range hubOf(s).Spawners {
			if sp := &hubOf(s).Spawners[i]; sp.UserID == user {
				sp.State = facts.SpawnerState{}
			}
		}
		world.Settle(s)
	}
}

// annotated gives a claim other annotations, on a hub that remembers nothing of
// the server that has it.
func annotated(claim, user, server string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		c := claimNamed(s, claim)
		c.User, c.Server = user, server
		h := hubOf(s)
		for i := range h.Spawners {
			if h.Spawners[i].State.PVCName == claim {
				h.Spawners[i].State = facts.SpawnerState{}
			}
		}
		world.Settle(s)
	}
}
