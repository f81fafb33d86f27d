package checks

import (
	"fmt"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCLegacyUnreachable(t *testing.T) { testCheck(t, pvcLegacyUnreachableCases) }

var pvcLegacyUnreachableCases = cases{
	check: pvcLegacyUnreachable,
	fires: []damage{
		{
			name:    "a named server of charts 0.10 to 3.3",
			change:  all(named338, setState(10, "lab", before7)),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 1"},
			summary: `user "student-0010"'s server "lab" has its files in claim-student-2d0010lab (created 2026-06-21, 150 MiB, last used 2026-11-19), a name that the hub does not try: its next start makes claim-student-0010--lab, an empty home`,
		},
		{
			name:    "the hub remembers nothing of the server",
			change:  all(legacyName(3, ""), setState(3, "", func(facts.SpawnerState) facts.SpawnerState { return facts.SpawnerState{Form: "empty"} })),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 1"},
			summary: `user "student-0003"'s default server has its files in claim-student-2d0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), which the hub does not look for, as it remembers nothing of this server: its next start makes claim-student-0003, an empty home`,
		},
		{
			name: "users whose servers have no row, on PostgreSQL",
			change: all(legacyName(3, ""), legacyName(4, ""), withoutRow(3), withoutRow(4), func(s *facts.Snapshot) {
				hubOf(s).Database.Engine = "postgresql"
			}),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 2", "hub-db-volume-full": "skipped"},
			summary: "the next start of 2 servers makes an empty home: their claims have names that the hub does not try",
		},
		{
			name: "legacy names are switched off",
			change: all(legacyName(3, ""), setState(3, "", before7), func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.LegacyNames = false
			}),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 1"},
			summary: `user "student-0003"'s default server has its files in claim-student-2d0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), a name that the hub does not try: its next start makes claim-student-0003, an empty home`,
		},
		{
			name:    "before the upgrade: a named server would lose its home",
			change:  all(all338, legacyLab),
			want:    outcomes{"pvc-legacy-unreachable": "fail info 1"},
			summary: `a change to chart 4.4.0 would take their home from 1 of 11 servers, such as user "student-0010"'s server "lab": run audit predict --chart 4.4.0 before upgrading`,
		},
		{
			name: "before the upgrade, and a server has lost its home already",
			change: all(all338, legacyLab, func(s *facts.Snapshot) {
				renameClaim(s, "claim-student-2d0003", "claim-student-0003-3")
				claimNamed(s, "claim-student-0003-3").Chart = "jupyterhub-1.2.0"
			}),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 2"},
			summary: `user "student-0003"'s default server has its files in claim-student-0003-3 (created 2026-06-20, 150 MiB, last used 2026-11-20), a name that the hub does not try: its next start makes claim-student-2d0003, an empty home`,
		},
	},
	mustNotFire: []damage{
		{name: "before the upgrade: every home goes with it", change: all(all338, removed("claim-student-0010--lab"), changed(func(h *facts.Hub) { h.Spawners = h.Spawners[:len(h.Spawners)-1] }))},
		{
			name: "both claims exist",
			change: func(s *facts.Snapshot) {
				all(named338, setState(10, "lab", before7))(s)
				world.AddClaim(s, made("", 10, "lab"))
			},
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
		},
		{
			name: "a replaced database is the cause",
			change: all(legacyName(3, ""), forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003", "student-0007")
			})),
			want: outcomes{"hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped", "hub-owner-missing": "skipped", "pvc-legacy-unreachable": "skipped",
				"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped"},
			summary: "explained by hub-db-reset: only 2 of 10 owners of claims are in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
		{
			name: "a hub of 2017: no upgrade leads from there to today",
			change: func(s *facts.Snapshot) {
				world.OldNames(s, world.HubName)
				rename(s, 4, "Student.0004")
			},
		},
		{
			name:   "the hub's database is emptied",
			change: func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) },
			want: usersUnknown(outcomes{"hub-db-corrupt": "fail critical 1", "hub-user-count-drift": "fail critical 1",
				"hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped", "pvc-legacy-unreachable": "skipped", "hub-source-disagree": "pass",
				"pod-unknown-to-hub": "skipped", "pvc-misrouted": "skipped", "pvc-orphaned": "skipped",
				"pvc-owner-mismatch": "skipped", "pvc-unattributed": "skipped"}),
			summary: "explained by hub-db-corrupt: the database holds no users at all",
		},
	},
	boundary: []damage{
		{
			name: "the running chart itself made the claim: the template in the configuration is not the hub's",
			change: func(s *facts.Snapshot) {
				all338(s)
				setState(10, "lab", before7)(s)
				c := claimNamed(s, "claim-student-0010--lab") // claim-{username}--{servername}, which nobody told the audit
				c.KubeSpawnerVersion, c.Chart = "", "jupyterhub-3.3.8"
			},
			want: outcomes{"pvc-legacy-unreachable": "unknown"},
			summary: `claim-student-0010--lab of user "student-0010"'s server "lab" was made under chart 3.3.8, which the hub runs, and the template "claim-{username}{servername}" ` +
				"gives it another name, claim-student-2d0010lab: set pvcNameTemplate to the hub's own in the audit's configuration",
		},
		{
			name: "KubeSpawner 7 has no upgrade before it",
			change: all(all338, legacyLab, func(s *facts.Snapshot) {
				k := &hubOf(s).KubeSpawner
				k.Version, k.Chart, k.PVCNameTemplate = "7.0.0", "4.4.0", "claim-{user_server}"
			}),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 1", "pvc-legacy-forgotten": "fail critical 2"},
			summary: `user "student-0010"'s server "lab" has its files in claim-student-2d0010lab (created 2026-06-21, 150 MiB, last used 2026-11-19), a name that the hub does not try: its next start makes claim-student-0010--lab, an empty home`,
		},
		{
			name:    "half of the claims have names that nothing gives",
			change:  renamedClaims(5),
			want:    outcomes{"pvc-legacy-unreachable": "fail critical 5"},
			summary: "the next start of 5 servers makes an empty home: their claims have names that the hub does not try",
		},
		{
			name:    "most of them: the hub names claims in a way that the audit was not told",
			change:  renamedClaims(6),
			want:    outcomes{"pvc-legacy-unreachable": "unknown"},
			summary: `the claims of 6 of 10 servers have names that neither the template "claim-{user_server}" nor any older one gives: set pvcNameTemplate to the hub's own in the audit's configuration`,
		},
		{
			name: "nothing tells which version runs, and it may be that of these names",
			change: all(named338, setState(10, "lab", before7), changed(func(h *facts.Hub) {
				h.KubeSpawner.Version, h.KubeSpawner.Chart, h.KubeSpawner.VersionFrom = "", "", ""
			})),
			want:    outcomes{"pvc-legacy-unreachable": "unknown"},
			summary: "which KubeSpawner the hub runs is not known; under 7.0.0 the next start of 1 server would make an empty home: set kubespawner.chart of the hub",
		},
		{
			name: "a template that today's KubeSpawner does not know",
			change: func(s *facts.Snapshot) {
				k := &hubOf(s).KubeSpawner
				k.Version, k.Chart, k.PVCNameTemplate, k.TemplateSet = "6.2.0", "", "claim-{legacy_escape_username}--{servername}", true
			},
		},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
	},
}

// named338 gives the claim of student-0010's server lab the name that charts
// 0.10 to 3.3 gave it.
func named338(s *facts.Snapshot) {
	renameClaim(s, "claim-student-0010--lab", "claim-student-2d0010lab")
	c := claimNamed(s, "claim-student-2d0010lab")
	c.KubeSpawnerVersion, c.Chart = "", "jupyterhub-3.3.8"
}

// all338 makes the hub one of chart 3.3.8, with the claims of all users' default
// servers named as it does.
func all338(s *facts.Snapshot) {
	for i := range hubOf(s).Users {
		legacyName(int64(i+1), "")(s)
		setState(int64(i+1), "", before7)(s)
	}
	for i := range s.Kube.Pods {
		s.Kube.Pods[i].KubeSpawnerVersion = ""
	}
	k := &hubOf(s).KubeSpawner
	k.Version, k.Chart, k.PVCNameTemplate = "6.2.0", "3.3.8", "claim-{username}{servername}"
}

func legacyLab(s *facts.Snapshot) { all(named338, setState(10, "lab", before7))(s) }

// renamedClaims gives the claims of the first users names that only the hub's own
// code can make, which it remembers of none.
func renamedClaims(users int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for id := range users {
			setState(id+1, "", rewritten)(s)
			home := fmt.Sprintf("home-of-%d", id+1)
			renameClaim(s, made("", id+1, "").Name, home)
			claimNamed(s, home).Chart = "jupyterhub-4.0.0"
		}
		removed("claim-student-0010--lab")(s)
		hubOf(s).Spawners = hubOf(s).Spawners[:10]
		world.Settle(s)
	}
}

// withoutRow takes away the rows of a user's servers.
func withoutRow(user int64) func(*facts.Snapshot) {
	return changed(func(h *facts.Hub) {
		var kept []facts.Spawner
		for _, sp := range h.Spawners {
			if sp.UserID != user {
				kept = append(kept, sp)
			}
		}
		h.Spawners = kept
	})
}

// BenchmarkHomes judges where 100,000 users' next starts find their files: each
// check alone, so that each pays for the views that a run shares.
func BenchmarkHomes(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	for _, check := range []*Check{pvcDuplicateServer, pvcLegacyForgotten, pvcLegacyUnreachable, pvcStateMissingClaim, pvcNameCollision} {
		b.Run(check.ID, func(b *testing.B) {
			suite, err := NewSuite(nil, []string{check.ID})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v := Judge(suite, s)[0]; v.Outcome != "pass" {
					b.Fatalf("%s: %s", v.Outcome, v.Summary)
				}
			}
		})
	}
}
