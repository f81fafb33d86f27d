package checks

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			summary: `user "student-0003"'s default server has 2 claims, one is expected: claim-student-0003-3 (created 2026-06-20, 150 MiB, last used 2026-11-20), claim-student-0003-257 (created 2026-11-20, 0 B); ` +
				"the files are probably in claim-student-0003-3, which has the most data; " +
				"the next start mounts claim-student-0003-3; " +
				"the claims are named after ids 3 and 257 of this user: the hub's database was replaced, or the user deleted and added again",
		},
		{
			name: "2017: the id in the old claim is another user's now",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				world.AddClaim(s, facts.Claim{Name: "claim-student-0003-4", Created: s.Now.AddDate(-1, 0, 0)})
				volumeOf(s, "claim-student-0003-4").ActualBytes = 150 << 20
				world.LastBackup(s, volumeOf(s, "claim-student-0003-4"), s.Now.Add(-time.Hour))
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0003"'s default server has 2 claims, one is expected: claim-student-0003-4 (created 2025-11-20, 150 MiB), claim-student-0003-3 (created 2026-06-20, 150 MiB, last used 2026-11-20); ` +
				"the files are probably in claim-student-0003-4, the oldest of about equal ones; " +
				"the next start mounts claim-student-0003-3; " +
				"the claims are named after ids 4 and 3 of this user: the hub's database was replaced, or the user deleted and added again",
		},
		{
			name: "two names of two KubeSpawner versions, one in use, and no Longhorn",
			change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: world.Namespace, Name: "claim-student-2d0005", UID: "x",
					Created: s.Now.Add(-time.Hour), Phase: "Bound", User: "student-0005", HasUser: true, Component: facts.HomeComponent})
				world.Settle(s)
			},
			want: noLonghorn(outcomes{"pvc-duplicate-server": "fail critical 1"}),
			summary: `user "student-0005"'s default server has 2 claims, one is expected: claim-student-0005 (created 2026-06-20, in use), claim-student-2d0005 (created 2026-11-20); ` +
				"the files are probably in claim-student-0005, the oldest; " +
				"claim-student-0005 is mounted now and by the next start; " +
				"claim-student-0005 is named after this hub's settings and claim-student-2d0005 after KubeSpawner before 7 or the slug scheme escape: the names changed with an upgrade or a setting",
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
			summary: `user "student-0001"'s default server has 2 claims, one is expected: claim-student-0001 (created 2026-06-20, 150 MiB, last used 2026-11-20), claim-left (created 2026-11-20, 0 B); ` +
				"the files are probably in claim-student-0001, which has the most data; " +
				"the next start mounts claim-student-0001",
		},
		{
			name: "the forgotten claim, and the one made since, which a pod mounts",
			change: func(s *facts.Snapshot) {
				legacyName(5, "")(s)
				world.AddClaim(s, made("claim-student-0005", 5, ""))
				podOfStudent5(s).Claims = []string{"claim-student-0005"}
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0005"'s default server has 2 claims, one is expected: claim-student-2d0005 (created 2026-06-20, 150 MiB, in use), claim-student-0005 (created 2026-11-20, 0 B, in use); ` +
				"the files are probably in claim-student-2d0005, which has the most data; " +
				"claim-student-0005 is mounted now and by the next start; " +
				"claim-student-2d0005 has the legacy name of this server, which KubeSpawner forgot when a server that ran through the upgrade to 7 was stopped (kubespawner#937)",
		},
		{
			name: "a named server whose name changed with the chart",
			change: func(s *facts.Snapshot) {
				named338(s)
				world.AddClaim(s, made("", 10, "lab"))
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0010"'s server "lab" has 2 claims, one is expected: claim-student-2d0010lab (created 2026-06-21, 150 MiB, last used 2026-11-19), claim-student-0010--lab (created 2026-11-20, 0 B); ` +
				"the files are probably in claim-student-2d0010lab, which has the most data; " +
				"the next start mounts claim-student-0010--lab; " +
				"claim-student-2d0010lab is named after charts 0.10 to 3.3 and claim-student-0010--lab after this hub's settings: the names changed with an upgrade or a setting",
		},
		{
			name: "the user was made anew after the claim",
			change: func(s *facts.Snapshot) {
				legacyName(3, "")(s)
				hubOf(s).Users[2].Created = s.Now.AddDate(0, -1, 0)
				world.AddClaim(s, made("", 3, ""))
				world.Settle(s)
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
			summary: `user "student-0003"'s default server has 2 claims, one is expected: claim-student-2d0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), claim-student-0003 (created 2026-11-20, 0 B); ` +
				"the files are probably in claim-student-2d0003, which has the most data; " +
				"the next start mounts claim-student-0003; " +
				"the hub has known the user since 2026-10-20, after claim-student-2d0003 was made: its database was replaced, or the user deleted and added again",
		},
		{
			name: "a renamed user, and snapshots that tell what was written",
			change: func(s *facts.Snapshot) {
				c := claimNamed(s, "claim-student-0003")
				c.User, c.LabelUser = "former-name", "former-name"
				fresh := made("claim-student-2d0003", 3, "")
				fresh.Namespace, fresh.UID, fresh.Phase, fresh.Created, fresh.RequestBytes = world.Namespace, "fresh", "Bound", s.Now.Add(-time.Hour), 10<<30
				s.Kube.Claims = append(s.Kube.Claims, fresh)
				withoutLonghorn(s)
				for i := range s.Kube.Snapshots {
					s.Kube.Snapshots[i].RestoreBytes = 1 << 20
					if s.Kube.Snapshots[i].Claim == "claim-student-2d0003" {
						s.Kube.Snapshots[i].RestoreBytes = 3 << 30
					}
				}
			},
			want: noLonghorn(outcomes{"pvc-duplicate-server": "fail critical 1"}),
			summary: `user "student-0003"'s default server has 2 claims, one is expected: claim-student-0003 (created 2026-06-20, 1.0 MiB), claim-student-2d0003 (created 2026-11-20, 3.0 GiB); ` +
				"the files are probably in claim-student-2d0003, which has the most data; " +
				"the next start mounts claim-student-0003; " +
				"claim-student-0003 is named after this hub's settings and claim-student-2d0003 after KubeSpawner before 7 or the slug scheme escape: the names changed with an upgrade or a setting",
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
			name: "a copy that Kubernetes made of a claim, and one under otherClaims",
			change: func(s *facts.Snapshot) {
				copied := made("claim-student-0001-copy", 1, "")
				copied.SourceKind, copied.SourceName = "PersistentVolumeClaim", "claim-student-0001"
				world.AddClaim(s, copied)
				world.AddClaim(s, made("archive-student-0001", 1, ""))
				hubOf(s).OtherClaims = []string{"archive-*"}
			},
		},
		{
			name: "two claims of a named server that is gone",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, made("", 1, "old"))
				world.AddClaim(s, made("claim-student-2d0001old", 1, "old"))
			},
			want: outcomes{"pvc-orphaned": "fail info 2"},
		},
		{
			name: "a named server has its own claim",
			change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-student-0001--gpu", User: "student-0001", Server: "gpu", HasUser: true})
			},
			want: outcomes{"pvc-orphaned": "fail info 1"},
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
			want: outcomes{"hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 2"},
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
			want: outcomes{"hub-owner-missing": "fail info 1", "hub-user-twin": "fail warning 1", "pvc-orphaned": "fail info 1", "pvc-unattributed": "fail warning 1"},
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
			want: usersUnknown(outcomes{"pvc-duplicate-server": "fail critical 1", "pvc-legacy-forgotten": "pass", "pvc-state-missing-claim": "pass"}),
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

// The cause and what each claim is good for are told to programs too.
func TestDuplicateDetails(t *testing.T) {
	v := judgedBy(t, pvcDuplicateServer, func(s *facts.Snapshot) {
		legacyName(5, "")(s)
		world.AddClaim(s, made("claim-student-0005", 5, ""))
		podOfStudent5(s).Claims = []string{"claim-student-0005"}
	})
	want := map[string]string{"claims": "claim-student-2d0005 (created 2026-06-20, 150 MiB, in use); claim-student-0005 (created 2026-11-20, 0 B, in use)",
		"likelyData": "claim-student-2d0005", "likelyDataBecause": "which has the most data", "remembered": "claim-student-0005",
		"mounted": "claim-student-0005", "mountedBy": "jupyter-student-0005", "nextStart": "claim-student-0005",
		"nextStartBecause": "the hub remembers it for this server", "cause": "forgotten",
		"hub": world.HubName, "user": "student-0005", "userID": "5", "server": ""}
	if diff := cmp.Diff(want, v.Findings[0].Details); diff != "" {
		t.Error(diff)
	}
	reset := judgedBy(t, pvcDuplicateServer, func(s *facts.Snapshot) {
		world.ResetDatabase(s, world.HubName, "student-0003")
		legacyName(3, "")(s)
		world.AddClaim(s, made("claim-student-0003", 3, ""))
	})
	if f := reset.Findings[0]; f.Details["cause"] != "database-reset" || !strings.HasSuffix(f.Message, "(hub-db-reset)") {
		t.Errorf("after a reset: %s, %s", f.Details["cause"], f.Message)
	}
}

// podOfStudent5 is the pod of a server that runs.
func podOfStudent5(s *facts.Snapshot) *facts.Pod {
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; p.User == "student-0005" {
			return p
		}
	}
	panic("student-0005 has no pod")
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
		taken := s.Now.Add(-10 * time.Hour)
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: "of-" + c.Name, Claim: c.Name, Ready: true, Created: taken, Taken: taken})
	}
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.Driver == facts.LonghornDriver {
			v.Driver = "ebs.csi.aws.com"
		}
	}
	absent(longhornOf(s)...)(s)
	world.Settle(s)
}

// longhornOf are the names of all of Longhorn's sources.
func longhornOf(s *facts.Snapshot) []string {
	var names []string
	for _, src := range s.Sources {
		if strings.HasPrefix(src.Name, "longhorn/") {
			names = append(names, src.Name)
		}
	}
	return names
}

// noLonghorn are the verdicts of a cluster without Longhorn.
func noLonghorn(want outcomes) outcomes {
	for _, c := range Registry {
		if slices.ContainsFunc(c.Needs, func(source string) bool { return strings.HasPrefix(source, "longhorn/") }) {
			want[c.ID] = "skipped"
		}
	}
	return want
}
