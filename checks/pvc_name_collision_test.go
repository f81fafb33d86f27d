package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCNameCollision(t *testing.T) { testCheck(t, pvcNameCollisionCases) }

var pvcNameCollisionCases = cases{
	check: pvcNameCollision,
	fires: []damage{
		{
			name:   "charts 0.10 to 3.3: server lab of ann and the default server of annlab",
			change: all(annAndAnnlab, func(s *facts.Snapshot) { world.AddClaim(s, annsLab) }),
			want:   outcomes{"pvc-name-collision": "fail critical 1", "pvc-legacy-unreachable": "fail info 1"},
			summary: `the next starts of user "ann"'s server "lab" and user "annlab"'s default server mount claim claim-annlab, one of its own is expected for each user: claim-annlab (created 2026-11-20, 0 B), the files of user "ann"'s server "lab", whom it was made for; ` +
				"the others see them",
		},
		{
			name:   "neither has started yet",
			change: annAndAnnlab,
			want:   outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next starts of user "ann"'s server "lab" and user "annlab"'s default server mount claim claim-annlab, one of its own is expected for each user; ` +
				"it does not exist yet: whoever starts first gives the others their files",
		},
		{
			name:   "two users' states name one claim",
			change: setState(4, "", func(st facts.SpawnerState) facts.SpawnerState { st.PVCName = "claim-student-0003"; return st }),
			want:   outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next starts of user "student-0003"'s default server and user "student-0004"'s default server mount claim claim-student-0003, one of its own is expected for each user: claim-student-0003 (created 2026-06-20, 150 MiB, last used 2026-11-20), the files of user "student-0003"'s default server, whom it was made for; ` +
				"the others see them",
		},
		{
			name: "a claim without annotations, older than one of the users",
			change: all(annAndAnnlab, func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "claim-annlab", Created: s.Now.AddDate(0, 0, -20)})
			}),
			want: outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next starts of user "ann"'s server "lab" and user "annlab"'s default server mount claim claim-annlab, one of its own is expected for each user: claim-annlab (created 2026-10-31, 0 B), the files of user "ann"'s server "lab", the only one of them who was there when it was made; ` +
				"the others see them",
		},
		{
			name: "after the upgrade that parted the names",
			change: all(annAndAnnlab, func(s *facts.Snapshot) {
				world.AddClaim(s, annsLab)
				k := &hubOf(s).KubeSpawner
				k.Version, k.Chart, k.PVCNameTemplate = "7.0.0", "4.4.0", "claim-{user_server}"
				stopEverything(s)
			}),
			want:    outcomes{"pvc-name-collision": "fail critical 1", "pvc-legacy-unreachable": "fail critical 1"},
			summary: `the next start of user "annlab"'s default server mounts claim-annlab (created 2026-11-20, 0 B), which an older naming gave to user "ann"'s server "lab": a claim of its own is expected, and one user sees the other's files`,
		},
		{
			name:    "which the other has started on since, so that the hub remembers it for them",
			change:  all(annAndAnnlab, upgraded(annsLab), rememberedForAnnlab),
			want:    outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next start of user "annlab"'s default server mounts claim-annlab (created 2026-11-20, 0 B), which an older naming gave to user "ann"'s server "lab": a claim of its own is expected, and one user sees the other's files`,
		},
		{
			name:   "whose user was deleted",
			change: all(annAndAnnlab, upgraded(annsLab), withoutAnn),
			want:   outcomes{"pvc-name-collision": "fail error 1", "hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 1"},
			summary: `the next start of user "annlab"'s default server mounts claim-annlab (created 2026-11-20, 0 B), which an older naming gave to user "ann"'s server "lab": a claim of its own is expected, and one user sees the other's files; ` +
				"the hub does not have that user any more",
		},
		{
			name: "that of a former user of 2017, of whom a label tells",
			change: all(addClaim(facts.Claim{Name: "claim-jo-2dlab", LabelUser: "jo_2Dlab"}), changed(func(h *facts.Hub) {
				h.Users = append(h.Users, facts.User{ID: 11, Name: "jo-2dlab", Created: world.Now.Add(-time.Hour), Cookie: facts.CookieUnique})
			})),
			want: outcomes{"pvc-name-collision": "fail error 1", "hub-owner-missing": "fail info 1", "pvc-orphaned": "fail info 1"},
			summary: `the next start of user "jo-2dlab"'s default server mounts claim-jo-2dlab (created 2026-11-20, 0 B), which an older naming gave to user "jo-lab"'s default server: a claim of its own is expected, and one user sees the other's files; ` +
				"the hub does not have that user any more",
		},
	},
	mustNotFire: []damage{
		{
			name: "a claim that is remembered for a user who was renamed, or for another of the annotated one's servers",
			change: all(changed(func(h *facts.Hub) { h.Users[0].Name = "student-one" }),
				setState(10, "lab", func(st facts.SpawnerState) facts.SpawnerState { st.PVCName = "claim-student-0010"; return st })),
		},
		{
			name:   "several servers of one user on one claim",
			change: setState(10, "lab", func(st facts.SpawnerState) facts.SpawnerState { st.PVCName = "claim-student-0010"; return st }),
		},
		{
			name: "a claim that the configuration says is nobody's home",
			change: func(s *facts.Snapshot) {
				setState(4, "", func(st facts.SpawnerState) facts.SpawnerState { st.PVCName = "claim-student-0003"; return st })(s)
				hubOf(s).OtherClaims = []string{"claim-student-0003"}
			},
		},
	},
	boundary: []damage{
		{
			name:   "as many users as may share by mistake",
			change: sharedBy(3),
			want:   outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next starts of user "student-0001"'s default server and user "student-0002"'s default server and user "student-0003"'s default server mount claim claim-student-0001, one of its own is expected for each user: claim-student-0001 (created 2026-06-20, 150 MiB, last used 2026-11-20), the files of user "student-0001"'s default server, whom it was made for; ` +
				"the others see them",
		},
		{name: "one more: shared on purpose", change: sharedBy(4)},
		{
			name: "one more, and two are allowed", change: sharedBy(4), values: map[string]any{"maxUsers": 4},
			want: outcomes{"pvc-name-collision": "fail critical 1"},
			summary: `the next starts of user "student-0001"'s default server and user "student-0002"'s default server and user "student-0003"'s default server and user "student-0004"'s default server mount claim claim-student-0001, one of its own is expected for each user: claim-student-0001 (created 2026-06-20, 150 MiB, last used 2026-11-20), the files of user "student-0001"'s default server, whom it was made for; ` +
				"the others see them",
		},
		{
			name: "the same user twice in a broken table",
			change: func(s *facts.Snapshot) {
				u := hubOf(s).Users[2]
				u.ID = 11
				hubOf(s).Users = append(hubOf(s).Users, u)
				world.Settle(s)
			},
		},
	},
	sourceFailed: []damage{
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
	},
}

var annsLab = facts.Claim{Name: "claim-annlab", User: "ann", Server: "lab", HasUser: true, Component: facts.HomeComponent, Chart: "jupyterhub-3.3.8"}

// annAndAnnlab makes the hub one of chart 3.3.8 with a user ann, who has a
// server lab, and a user annlab, who is new.
func annAndAnnlab(s *facts.Snapshot) {
	all338(s)
	legacyLab(s)
	removed("claim-student-2d0010lab")(s)
	h := hubOf(s)
	h.Users = append(h.Users, facts.User{ID: 11, Name: "ann", Created: s.Now.AddDate(0, -2, 0), Cookie: facts.CookieUnique},
		facts.User{ID: 12, Name: "annlab", Created: s.Now.Add(-time.Hour), Cookie: facts.CookieUnique})
	h.Spawners = append(h.Spawners, facts.Spawner{ID: 50, UserID: 11, Name: "lab", State: facts.SpawnerState{Form: "object", PodName: "jupyter-annlab"}})
	world.Settle(s)
}

// upgraded upgrades that hub to chart 4.4.0, with a claim that was there before.
func upgraded(c facts.Claim) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.AddClaim(s, c)
		k := &hubOf(s).KubeSpawner
		k.Version, k.Chart, k.PVCNameTemplate = "7.0.0", "4.4.0", "claim-{user_server}"
		stopEverything(s)
	}
}

// rememberedForAnnlab is the state of annlab's default server once that has
// started on claim-annlab.
var rememberedForAnnlab = changed(func(h *facts.Hub) {
	h.Spawners = append(h.Spawners, facts.Spawner{ID: 51, UserID: 12, State: facts.SpawnerState{Form: "object", PodName: "jupyter-annlab",
		Namespace: world.Namespace, PVCName: "claim-annlab", KubeSpawnerVersion: "7.0.0"}})
})

// withoutAnn deletes the user ann with the server lab.
var withoutAnn = changed(func(h *facts.Hub) {
	h.Users = slices.DeleteFunc(h.Users, func(u facts.User) bool { return u.Name == "ann" })
	h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.UserID == 11 })
})

// stopEverything stops all servers of users.
func stopEverything(s *facts.Snapshot) {
	withoutPods(s)
	for i := range hubOf(s).Spawners {
		hubOf(s).Spawners[i].ServerID, hubOf(s).Spawners[i].Started = 0, time.Time{}
	}
	world.Settle(s)
}

// sharedBy writes the claim of student-0001 into the states of the first users.
func sharedBy(users int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for id := range users {
			setState(id+1, "", func(st facts.SpawnerState) facts.SpawnerState { st.PVCName = "claim-student-0001"; return st })(s)
		}
	}
}
