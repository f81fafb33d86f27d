package checks

import (
	"maps"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCTerminating(t *testing.T) { testCheck(t, pvcTerminatingCases) }

// deletedFor leaves claims deleted for that long, and still there.
func deletedFor(age time.Duration, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, name := range claims {
			claimNamed(s, name).Deleting = s.Now.Add(-age)
		}
	}
}

// userRemoved takes a user with their servers out of the hub.
func userRemoved(id int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		h.Users = slices.DeleteFunc(h.Users, func(u facts.User) bool { return u.ID == id })
		h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.UserID == id })
		world.Settle(s)
		world.Remember(s)
	}
}

// podless takes away the pod that mounts a claim, as if it never ran.
func podless(claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.HasUser && p.Claims[0] == claim })
		for i := range hubOf(s).Spawners {
			if sp := &hubOf(s).Spawners[i]; sp.State.PVCName == claim {
				hubOf(s).Servers = slices.DeleteFunc(hubOf(s).Servers, func(srv facts.Server) bool { return srv.ID == sp.ServerID })
				sp.ServerID, sp.Started = 0, time.Time{}
			}
		}
		world.Settle(s)
		world.Remember(s)
	}
}

func withoutRows(s *facts.Snapshot) {
	h := hubOf(s)
	h.Users, h.Spawners, h.Servers, h.Database = nil, nil, nil, facts.Database{}
	failed(facts.HubDB(world.HubName))(s)
}

var (
	oneEnding     = outcomes{"pvc-terminating": "fail critical 1"}
	heldByStudent = `claim claim-student-0005 of user "student-0005"'s default server was deleted at 2026-11-20 11:59 UTC and only pod jupyter-student-0005 keeps it: ` +
		"when that stops, it is gone"
	staysReleased = ", its volume pvc-00000003-0000-4000-8000-000000000006 stays (Retain) and the next start gets a new, empty one"
)

var pvcTerminatingCases = cases{
	check: pvcTerminating,
	fires: []damage{
		{name: "a running server's", change: deletedFor(time.Second, "claim-student-0005"), want: oneEnding, summary: heldByStudent + staysReleased},
		{
			name: "and its data with it", change: inTurn(goesWithItsClaim("claim-student-0005"), deletedFor(time.Second, "claim-student-0005")), want: oneEnding,
			summary: heldByStudent + " and its data with it (volume pvc-00000003-0000-4000-8000-000000000006, reclaim policy Delete)",
		},
		{
			name: "the hub's own", change: deletedFor(time.Hour, world.HubClaim), want: oneEnding,
			summary: "claim hub-db-dir of the hub itself was deleted at 2026-11-20 11:00 UTC and only pod hub-6b7f9d4c5-x2x7p keeps it: when that stops, it is gone, " +
				"its volume pvc-00000003-0000-4000-8000-000000000001 stays (Retain) and the next start gets a new, empty one",
		},
		{
			name: "no pod keeps it", change: deletedFor(time.Hour, "claim-student-0001"), want: oneEnding,
			summary: `claim claim-student-0001 of user "student-0001"'s default server was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: ` +
				"at any moment it is gone, its volume pvc-00000003-0000-4000-8000-000000000002 stays (Retain) and the next start gets a new, empty one",
		},
		{
			name: "the whole namespace", change: func(s *facts.Snapshot) {
				for i := range s.Kube.Claims {
					s.Kube.Claims[i].Deleting = s.Now.Add(-time.Second)
				}
			},
			want:    outcomes{"pvc-terminating": "fail critical 3", "backup-target-unset": "skipped"},
			summary: "3 claims are being deleted; 3 that are needed are kept by nothing but a pod, and gone when that stops",
		},
		{
			name: "everybody's homes", change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "homes"})
				hubOf(s).KubeSpawner.Homes.Claim = "homes"
				deletedFor(time.Hour, "homes")(s)
			},
			want: namelessHomes(oneEnding),
			summary: "claim homes of several users was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: at any moment it is gone, " +
				"its volume pvc-00000003-0000-4000-8000-00000000000d stays (Retain) and the next start gets a new, empty one",
		},
		{
			name: "two pods mount it", change: func(s *facts.Snapshot) {
				deletedFor(time.Second, "claim-student-0005")(s)
				second := *podOf(s, "claim-student-0005")
				second.Name, second.Phase, second.User, second.HasUser, second.Component = "restore", "Succeeded", "", false, ""
				s.Kube.Pods = append(s.Kube.Pods, second)
				world.Settle(s)
			},
			want: oneEnding,
			summary: `claim claim-student-0005 of user "student-0005"'s default server was deleted at 2026-11-20 11:59 UTC and only the pods ` +
				"jupyter-student-0005, restore (ended) keep it: when they stop, it is gone" + staysReleased,
		},
		{
			name: "the pod is being stopped", change: func(s *facts.Snapshot) {
				deletedFor(time.Second, "claim-student-0005")(s)
				podOf(s, "claim-student-0005").Deleting = s.Now
			},
			want: oneEnding,
			summary: `claim claim-student-0005 of user "student-0005"'s default server was deleted at 2026-11-20 11:59 UTC and only pod ` +
				"jupyter-student-0005 (being stopped) keeps it: when that stops, it is gone" + staysReleased,
		},
	},
	mustNotFire: []damage{
		{name: "another application's", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "grafana", Component: "monitoring"})
			deletedFor(time.Hour, "grafana")(s)
		}},
		{name: "nobody's home", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "claim-scratch"})
			hubOf(s).OtherClaims = []string{"claim-scr*"}
			deletedFor(time.Hour, "claim-scratch")(s)
		}},
		{
			name: "its user is gone", change: inTurn(userRemoved(1), deletedFor(time.Hour, "claim-student-0001")),
			want: outcomes{"pvc-terminating": "fail info 1"},
			summary: `claim claim-student-0001 of user "student-0001"'s default server was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: ` +
				"at any moment it is gone, its volume pvc-00000003-0000-4000-8000-000000000002 stays (Retain) and the next start gets a new, empty one; " +
				"this seems to be wanted: the hub no longer has this server",
		},
		{name: "its user is being deleted, the pod with them", change: func(s *facts.Snapshot) {
			podless("claim-student-0005")(s)
			userRemoved(5)(s)
			deletedFor(time.Second, "claim-student-0005")(s)
		}},
		{
			name: "its server was removed", change: func(s *facts.Snapshot) {
				h := hubOf(s)
				h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.Name == "lab" })
				world.Settle(s)
				world.Remember(s)
				goesWithItsClaim("claim-student-0010--lab")(s)
				deletedFor(time.Hour, "claim-student-0010--lab")(s)
			},
			want: outcomes{"pvc-terminating": "fail info 1"},
			summary: `claim claim-student-0010--lab of user "student-0010"'s server "lab" was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: ` +
				"at any moment it is gone and its data with it (volume pvc-00000003-0000-4000-8000-00000000000c, reclaim policy Delete); " +
				"this seems to be wanted: the hub no longer has this server",
		},
		{
			name: "a copy that was made for a recovery", change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-student-0001-copy", User: "student-0001", HasUser: true, SourceKind: "PersistentVolumeClaim", SourceName: "claim-student-0001"})
				deletedFor(time.Hour, "claim-student-0001-copy")(s)
			},
			want: outcomes{"pvc-terminating": "fail info 1"},
			summary: `claim claim-student-0001-copy of user "student-0001" was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: ` +
				"at any moment it is gone, its volume pvc-00000003-0000-4000-8000-00000000000d stays (Retain) and the next start gets a new, empty one; " +
				"this seems to be wanted: it was made as a copy of PersistentVolumeClaim claim-student-0001, and no server uses it",
		},
	},
	boundary: []damage{
		{name: "no pod, as long as it may take", change: deletedFor(2*time.Minute, "claim-student-0001")},
		{
			name: "a second longer", change: deletedFor(2*time.Minute+time.Second, "claim-student-0001"), want: oneEnding,
			summary: `claim claim-student-0001 of user "student-0001"'s default server was deleted at 2026-11-20 11:57 UTC and no pod keeps it, another finalizer does: ` +
				"at any moment it is gone, its volume pvc-00000003-0000-4000-8000-000000000002 stays (Retain) and the next start gets a new, empty one",
		},
		{name: "it may take longer", change: deletedFor(time.Hour, "claim-student-0001"), values: map[string]any{"minAge": "1h"}},
		{name: "a pod without a node keeps nothing", change: func(s *facts.Snapshot) {
			deletedFor(time.Second, "claim-student-0005")(s)
			podOf(s, "claim-student-0005").Node = ""
			podOf(s, "claim-student-0005").Phase = "Pending"
		}},
		{
			name: "a claim whose owner nothing tells", change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-x", Component: "singleuser-storage"})
				deletedFor(time.Hour, "claim-x")(s)
			},
			want: outcomes{"pvc-terminating": "fail warning 1"},
			summary: "claim claim-x of a user whose name is not known was deleted at 2026-11-20 11:00 UTC and no pod keeps it, another finalizer does: " +
				"at any moment it is gone, its volume pvc-00000003-0000-4000-8000-00000000000d stays (Retain) and the next start gets a new, empty one",
		},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s"},
		{
			name: "pods not readable, just deleted", change: inTurn(deletedFor(time.Second, "claim-student-0005"), func(s *facts.Snapshot) { s.Kube.Pods = nil }, failed(facts.KubePods)),
			want:    unknownWithout(facts.KubePods, outcomes{"pvc-terminating": "unknown"}),
			summary: "claim claim-student-0005 is being deleted since 2026-11-20 11:59 UTC, and whether a pod mounts it could not be read",
		},
		{
			name: "pods not readable", change: inTurn(deletedFor(time.Hour, "claim-student-0005"), func(s *facts.Snapshot) { s.Kube.Pods = nil }, failed(facts.KubePods)),
			want: unknownWithout(facts.KubePods, outcomes{"pvc-terminating": "fail critical 1"}),
			summary: `claim claim-student-0005 of user "student-0005"'s default server was deleted at 2026-11-20 11:00 UTC, and what keeps it could not be read: ` +
				"at any moment it is gone" + staysReleased,
		},
		{
			name: "volumes not readable", change: inTurn(deletedFor(time.Second, "claim-student-0005"), func(s *facts.Snapshot) { s.Kube.Volumes = nil }, failed(facts.KubeVolumes)),
			want:    unknownWithout(facts.KubeVolumes, oneEnding),
			summary: heldByStudent + ", and its data with it unless its volume has reclaim policy Retain",
		},
		{
			name: "a database that is not readable, a pod mounts it", change: inTurn(withoutRows, deletedFor(time.Second, "claim-student-0005")),
			want: databaseUnknown(oneEnding), summary: heldByStudent + staysReleased,
		},
		{
			name: "a database that is not readable, no pod mounts it", change: inTurn(withoutRows, deletedFor(time.Hour, "claim-student-0001")),
			want: databaseUnknown(outcomes{"pvc-terminating": "unknown"}),
			summary: "claim claim-student-0001 is being deleted, and whether that is wanted cannot be told: " +
				"the hub's users are not known, source hubdb/datahub: gave up after 30s",
		},
		{
			name: "a lost database is no deletion of users", change: func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0002")
				forget(func(*facts.Snapshot) {})(s)
				deletedFor(time.Hour, "claim-student-0001")(s)
			},
			want: outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "pvc-terminating": "unknown", "hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped"},
			summary: "claim claim-student-0001 is being deleted, and whether that is wanted cannot be told: hub-db-reset: only 1 of 9 owners of claims is in the database, " +
				"at least 50 % expected; its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
	},
}

// podOf returns the pod that mounts a claim.
func podOf(s *facts.Snapshot, claim string) *facts.Pod {
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; len(p.Claims) > 0 && p.Claims[0] == claim {
			return p
		}
	}
	panic("no pod mounts " + claim)
}

// namelessHomes are the verdicts on a hub with everybody's home on one claim.
func namelessHomes(want outcomes) outcomes {
	all := outcomes{"pvc-legacy-forgotten": "skipped", "pvc-legacy-unreachable": "skipped", "pvc-name-collision": "skipped"}
	maps.Copy(all, want)
	return all
}

// BenchmarkPVCTerminating judges a namespace of 100,000 claims that was deleted.
func BenchmarkPVCTerminating(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].Deleting = s.Now.Add(-time.Hour)
	}
	benchmarkCheck(b, s, pvcTerminating, len(s.Kube.Claims))
}
