package checks

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCStateMissingClaim(t *testing.T) { testCheck(t, pvcStateMissingClaimCases) }

var pvcStateMissingClaimCases = cases{
	check: pvcStateMissingClaim,
	fires: []damage{
		{
			name:   "the claim and its volume are gone",
			change: removed("claim-student-0003"),
			want:   outcomes{"pvc-state-missing-claim": "fail critical 1"},
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003" (id 3), and there is no such claim: its next start makes an empty one; ` +
				"nothing tells where the files are",
		},
		{
			name:   "the volume was kept",
			change: keptVolume("claim-student-0003"),
			want:   outcomes{"pvc-state-missing-claim": "fail critical 1", "pv-released-data": "fail error 1"},
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003" (id 3), and there is no such claim: its next start makes an empty one; ` +
				"the files may be in volume pvc-00000003-0000-4000-8000-000000000004 (Released, 10 GiB), which was this claim's",
		},
		{
			name: "another claim of the server, and a KubeSpawner that waits",
			change: func(s *facts.Snapshot) {
				removed("claim-student-0003")(s)
				world.AddClaim(s, made("claim-student-2d0003", 3, ""))
				hubOf(s).KubeSpawner.Version, hubOf(s).KubeSpawner.Chart = "7.1.0", ""
			},
			want: outcomes{"pvc-state-missing-claim": "fail critical 1"},
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003" (id 3), and there is no such claim: its pod will stay Pending; ` +
				"the files may be in claim-student-2d0003 (created 2026-11-20, 0 B), of the same server",
		},
		{
			name:    "two servers, and nothing tells which KubeSpawner runs",
			change:  all(removed("claim-student-0003"), removed("claim-student-0010--lab"), func(s *facts.Snapshot) { hubOf(s).KubeSpawner.Version = "" }),
			want:    outcomes{"pvc-state-missing-claim": "fail critical 2"},
			summary: "the claims that the hub remembers for 2 servers do not exist: their next starts make empty ones, or from KubeSpawner 7.1 on their pods will stay Pending",
		},
		{
			name:   "a namespace of the user's own, among others that were read",
			change: all(ownNamespaces(3, 4), removedFrom("datahub-student-0003", "claim-student-0003")),
			want:   outcomes{"pvc-state-missing-claim": "fail critical 1"},
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003" (id 3), and there is no such claim: its next start makes an empty one; ` +
				"nothing tells where the files are",
		},
		{
			name: "seen through the REST API",
			change: func(s *facts.Snapshot) {
				removed("claim-student-0003")(s)
				apiOnly(func(*facts.Hub) {})(s)
			},
			want: apiOnlyWant(outcomes{"pvc-state-missing-claim": "fail critical 1"}),
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003", and there is no such claim: its next start makes an empty one; ` +
				"nothing tells where the files are",
		},
	},
	mustNotFire: []damage{
		{
			name: "the hub does not go by what it remembers",
			change: func(s *facts.Snapshot) {
				removed("claim-student-0003")(s)
				hubOf(s).KubeSpawner.RememberPVCName = false
			},
			want:    outcomes{"pvc-state-missing-claim": "skipped"},
			summary: "the hub does not go by the claims that it remembers (rememberPVCName is false)",
		},
		{
			name: "back on KubeSpawner 6",
			change: func(s *facts.Snapshot) {
				removed("claim-student-0003")(s)
				k := &hubOf(s).KubeSpawner
				k.Version, k.Chart, k.PVCNameTemplate = "6.2.0", "3.3.8", "claim-{username}{servername}"
			},
			want:    outcomes{"pvc-state-missing-claim": "skipped", "pvc-legacy-unreachable": "fail critical 11"},
			summary: "KubeSpawner 6.2.0 does not go by the claims that the hub remembers",
		},
		{
			name: "the claim is being deleted",
			change: func(s *facts.Snapshot) {
				claimNamed(s, "claim-student-0003").Deleting = s.Now.Add(-time.Hour)
			},
			want: outcomes{"pvc-terminating": "fail critical 1"},
		},
		{
			name:   "a server without a user",
			change: all(removed("claim-student-0003"), changed(func(h *facts.Hub) { server(h, 3, "").UserID = 77 })),
			want:   outcomes{"hub-spawner-duplicate": "fail warning 1"},
		},
	},
	boundary: []damage{
		{
			name:    "a namespace of users' own that nothing was read of",
			change:  all(ownNamespaces(3), removedFrom("datahub-student-0003", "claim-student-0003")),
			want:    outcomes{"pvc-state-missing-claim": "unknown"},
			summary: "whether 1 claim that the hub remembers exists cannot be told: the list of claims does not cover their namespaces, or lacks some that are in use",
		},
		{
			name: "the volume says that the claim is there",
			change: func(s *facts.Snapshot) {
				for i := range s.Kube.Claims {
					if s.Kube.Claims[i].Name == "claim-student-0003" {
						s.Kube.Claims = append(s.Kube.Claims[:i], s.Kube.Claims[i+1:]...)
						break
					}
				}
				world.Settle(s)
			},
			want:    outcomes{"pvc-state-missing-claim": "unknown"},
			summary: "whether 1 claim that the hub remembers exists cannot be told: the list of claims does not cover their namespaces, or lacks some that are in use",
		},
		{
			name:    "a running pod mounts it",
			change:  removed("claim-student-0005"),
			want:    outcomes{"pvc-state-missing-claim": "unknown"},
			summary: "whether 1 claim that the hub remembers exists cannot be told: the list of claims does not cover their namespaces, or lacks some that are in use",
		},
		{
			name: "started ten minutes ago",
			change: all(removed("claim-student-0005"), withoutPods, changed(func(h *facts.Hub) {
				server(h, 5, "").Started = world.Now.Add(-freshStart)
			})),
			want: outcomes{"pvc-state-missing-claim": "fail critical 1"},
			summary: `the hub remembers claim claim-student-0005 for the default server of user "student-0005" (id 5), and there is no such claim: its next start makes an empty one; ` +
				"nothing tells where the files are",
		},
		{
			name: "started less than ten minutes ago",
			change: all(removed("claim-student-0005"), withoutPods, changed(func(h *facts.Hub) {
				server(h, 5, "").Started = world.Now.Add(-freshStart + time.Second)
			})),
		},
		{
			name: "half of the servers' rows read",
			change: func(s *facts.Snapshot) {
				removed("claim-student-0003")(s)
				hubOf(s).SpawnersRead = facts.Partial
			},
			want: serversUnknown(outcomes{"pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown", "pvc-state-missing-claim": "fail critical 1", "pod-unknown-to-hub": "unknown"}),
			summary: `the hub remembers claim claim-student-0003 for the default server of user "student-0003" (id 3), and there is no such claim: its next start makes an empty one; ` +
				"nothing tells where the files are (incomplete: the tables spawners and servers are damaged: 11 rows of spawners could be read, others may be missing)",
		},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
		{
			name: "a token that may not see states",
			change: func(s *facts.Snapshot) {
				apiOnly(func(*facts.Hub) {})(s)
				hubOf(s).StatesRead = false
			},
			want:    apiOnlyWant(statesUnknown()),
			summary: "the states of the servers were not shown: give the token of the REST API the scope admin:server_state",
		},
	},
}

// A hub goes by its own memory and its own namespace: what one remembers is not
// the other's to miss, and a namespace that was not read is no loss.
func TestMissingClaimOfTwoHubs(t *testing.T) {
	s := healthy()
	other := *hubOf(s)
	other.Name, other.Namespace, other.Spawners = "other", "other", slices.Clone(other.Spawners)
	for i := range other.Spawners {
		other.Spawners[i].State.Namespace = ""
	}
	s.Hubs = append(s.Hubs, &other)
	world.Settle(s)
	suite, err := NewSuite(nil, []string{pvcStateMissingClaim.ID})
	if err != nil {
		t.Fatal(err)
	}
	want := outcomes{"pvc-state-missing-claim": "pass", "pvc-state-missing-claim@other": "unknown"}
	if diff := cmp.Diff(want, judged(Judge(suite, s))); diff != "" {
		t.Errorf("a namespace that was not read: %s", diff)
	}
	world.AddClaim(s, made("claim-student-0001", 1, ""))
	for i := len(s.Kube.Claims) - 1; i >= 0; i-- {
		if c := &s.Kube.Claims[i]; c.Name == "claim-student-0001" {
			c.Namespace = "other"
			break
		}
	}
	world.Settle(s)
	// The one claim shows that the namespace is read, so the ten others are missing.
	want["pvc-state-missing-claim@other"] = "fail critical 10"
	if diff := cmp.Diff(want, judged(Judge(suite, s))); diff != "" {
		t.Errorf("a namespace that was read: %s", diff)
	}
}

// keptVolume deletes a claim whose volume is kept.
func keptVolume(claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		volume := claimNamed(s, claim).VolumeName
		var kept []facts.Claim
		for _, c := range s.Kube.Claims {
			if c.Name != claim {
				kept = append(kept, c)
			}
		}
		s.Kube.Claims = kept
		for i := range s.Kube.Volumes {
			if v := &s.Kube.Volumes[i]; v.Name == volume {
				v.Phase = "Released"
			}
		}
		world.Settle(s)
	}
}

// ownNamespaces moves users' claims into namespaces of their own.
func ownNamespaces(users ...int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).KubeSpawner.UserNamespaces = "{hubnamespace}-{username}"
		for _, id := range users {
			claim := made("", id, "").Name
			ns := world.Namespace + "-" + hubOf(s).Users[id-1].Name
			claimNamed(s, claim).Namespace = ns
			for i := range s.Kube.Volumes {
				if v := &s.Kube.Volumes[i]; v.ClaimName == claim {
					v.ClaimNamespace = ns
				}
			}
			for i := range s.Longhorn.Volumes {
				if v := &s.Longhorn.Volumes[i]; v.ClaimName == claim {
					v.ClaimNamespace = ns
				}
			}
			server(hubOf(s), id, "").State.Namespace = ns
		}
		world.Settle(s)
	}
}

func removedFrom(namespace, claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { world.RemoveClaim(s, namespace, claim) }
}

// withoutPods takes away the pods of users' servers.
func withoutPods(s *facts.Snapshot) {
	var kept []facts.Pod
	for _, p := range s.Kube.Pods {
		if !p.HasUser {
			kept = append(kept, p)
		}
	}
	s.Kube.Pods = kept
	world.Settle(s)
}

// statesUnknown are the verdicts that a token costs which may not see states.
func statesUnknown() outcomes {
	return outcomes{"hub-spawner-state-broken": "unknown", "pvc-legacy-forgotten": "unknown", "pvc-legacy-unreachable": "unknown",
		"pvc-state-missing-claim": "unknown", "pvc-name-collision": "unknown", "pvc-misrouted": "unknown", "pvc-owner-mismatch": "unknown"}
}
