package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVCMisrouted(t *testing.T) { testCheck(t, pvcMisroutedCases) }

const wrongHome = `pod jupyter-student-0005 of user "student-0005"'s default server mounts claim-student-0001, the home of user "student-0001" ` +
	`by its row in the hub's database; a home of user "student-0005" is expected`

var pvcMisroutedCases = cases{
	check: pvcMisrouted,
	fires: []damage{
		{
			name:    "a server on another user's home, as the hub remembers it",
			change:  mounts(pod5, "claim-student-0001"),
			want:    outcomes{"pvc-misrouted": "fail critical 1"},
			summary: wrongHome,
		},
		{
			name: "a server that waits for its volume, on a home by its annotation",
			change: all(mounts(pod5, "claim-student-0001"), withoutStates, func(s *facts.Snapshot) {
				podNamed(s, pod5).Phase = "Pending"
			}),
			want: outcomes{"pvc-misrouted": "fail critical 1", "hub-spawner-state-broken": "fail warning 2"},
			summary: `pod jupyter-student-0005 of user "student-0005"'s default server mounts claim-student-0001, the home of user "student-0001" ` +
				`by its annotation; a home of user "student-0005" is expected`,
		},
		{
			name:   "2017: the id in the name is another user's, and there is no other claim",
			change: all(oldIDs, func(s *facts.Snapshot) { world.RemoveClaim(s, world.Namespace, "claim-student-0003-3") }),
			want:   outcomes{"pvc-misrouted": "fail critical 1"},
			summary: `claim-student-0003-4 (created 2025-11-20, 150 MiB) is named after id 4, which is "student-0004", and "student-0003", whose name it bears, ` +
				"has id 3: their next start makes claim-student-0003-3, a new and empty home",
		},
		{
			name:    "several",
			change:  all(mounts(pod5, "claim-student-0001"), mounts("jupyter-student-0010", "claim-student-0002")),
			want:    outcomes{"pvc-misrouted": "fail critical 2"},
			summary: "2 homes are mounted by other users' servers, or will not be mounted by their own user's",
		},
	},
	mustNotFire: []damage{
		{
			name:   "another user's home beside one's own",
			change: mounts(pod5, "claim-student-0005", "claim-student-0001"),
		},
		{
			name:   "a claim that the configuration says is nobody's home",
			change: all(mounts(pod5, "claim-student-0001"), func(s *facts.Snapshot) { hubOf(s).OtherClaims = []string{"claim-student-0001"} }),
			want:   outcomes{},
		},
		{
			name: "a user who was renamed while their server ran",
			change: func(s *facts.Snapshot) {
				podNamed(s, pod5).User = "former-name"
			},
		},
		{
			name: "claims without an owner, and a shared one with the annotation of the first",
			change: all(mounts(pod5, "course"), mounts("jupyter-student-0010", "shared"), func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "course"})
				world.AddClaim(s, facts.Claim{Name: "shared", User: "student-0001", HasUser: true})
			}),
			want: outcomes{"pvc-duplicate-server": "fail critical 1"},
		},
		{
			name: "one claim for all users",
			change: all(mounts(pod5, "homes"), withoutStates, func(s *facts.Snapshot) {
				hubOf(s).KubeSpawner.PVCNameTemplate, hubOf(s).KubeSpawner.DeletePVC = "homes", false
				world.AddClaim(s, facts.Claim{Name: "homes", User: "student-0001", HasUser: true})
			}),
			want: outcomes{"pvc-duplicate-server": "fail critical 1", "pvc-name-collision": "skipped", "hub-spawner-state-broken": "fail warning 2"},
		},
		{
			name:   "pods that ended, and pods that wait for a node",
			change: all(mounts(pod5, "claim-student-0001"), mounts("jupyter-student-0010", "claim-student-0002"), ended),
		},
		{
			name:   "2017: a second claim of the new id is there already",
			change: oldIDs,
			want:   outcomes{"pvc-duplicate-server": "fail critical 1"},
		},
	},
	boundary: []damage{
		{
			name:    "as many users as may mount a home that is nobody else's",
			change:  all(mounts(pod5, "claim-student-0001"), mounts("jupyter-student-0010", "claim-student-0001")),
			want:    outcomes{"pvc-misrouted": "fail critical 2"},
			summary: "2 homes are mounted by other users' servers, or will not be mounted by their own user's",
		},
		{
			name:   "one user more: they share it",
			values: map[string]any{"maxUsers": 1},
			change: all(mounts(pod5, "claim-student-0001"), mounts("jupyter-student-0010", "claim-student-0001")),
		},
	},
	sourceFailed: []damage{
		{
			name:    "pods not readable",
			change:  failed(facts.KubePods),
			want:    unknownWithout(facts.KubePods, nil),
			summary: "source kube/pods could not be read: gave up after 30s",
		},
		{
			name:    "half of the users read: what was found stays true",
			change:  all(mounts(pod5, "claim-student-0001"), func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial }),
			want:    usersUnknown(outcomes{"pvc-misrouted": "fail critical 1"}),
			summary: wrongHome + " (incomplete: the table users is damaged: 10 rows could be read, others may be missing)",
		},
	},
}

// mounts has a running server mount other claims than its own.
func mounts(pod string, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { podNamed(s, pod).Claims = claims }
}

// withoutStates is a hub that remembers nothing of its servers.
func withoutStates(s *facts.Snapshot) {
	for i := range hubOf(s).Spawners {
		hubOf(s).Spawners[i].State = facts.SpawnerState{}
	}
	world.Settle(s)
}

func ended(s *facts.Snapshot) {
	podNamed(s, pod5).Phase = "Succeeded"
	podNamed(s, "jupyter-student-0010").Phase, podNamed(s, "jupyter-student-0010").Node = "Pending", ""
}

// oldIDs is a hub of 2017 with a claim of one user under the id of another.
func oldIDs(s *facts.Snapshot) {
	world.OldNames(s, world.HubName)
	world.AddClaim(s, facts.Claim{Name: "claim-student-0003-4", Created: s.Now.AddDate(-1, 0, 0)})
	v := volumeOf(s, "claim-student-0003-4")
	v.ActualBytes = 150 << 20
	world.LastBackup(s, v, s.Now.Add(-time.Hour))
}

// A name with nothing of a user but the id says who has that id today, and
// nothing of whose files are on the claim: the annotation does.
func TestPVCMisroutedByIDAlone(t *testing.T) {
	s := healthy()
	withoutStates(s)
	k := &hubOf(s).KubeSpawner
	k.PVCNameTemplate, k.Version, k.Chart = "claim-{userid}", "6.2.0", ""
	world.AddClaim(s, facts.Claim{Name: "claim-5", User: "student-0001", HasUser: true, Component: facts.HomeComponent})
	mounts(pod5, "claim-5")(s)
	suite, err := NewSuite(nil, []string{pvcMisrouted.ID, pvcOwnerMismatch.ID})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := Judge(suite, s)
	want := `pod jupyter-student-0005 of user "student-0005"'s default server mounts claim-5, the home of user "student-0001" ` +
		`by its annotation; a home of user "student-0005" is expected`
	if verdicts[0].Summary != want || verdicts[0].Severity != "critical" {
		t.Errorf("%s %s", verdicts[0].Severity, verdicts[0].Summary)
	}
	if verdicts[1].Outcome != "pass" {
		t.Errorf("it is told twice: %s", verdicts[1].Summary)
	}
	podNamed(s, pod5).Phase = "Succeeded"
	if verdicts = Judge(suite, s); verdicts[0].Outcome != "pass" || verdicts[1].Count != 1 {
		t.Errorf("with no pod on it: %s, %s", verdicts[0].Summary, verdicts[1].Outcome)
	}
}

// Where the next starts of both users mount the claim, the collision is told,
// and once.
func TestPVCMisroutedByCollision(t *testing.T) {
	s := healthy()
	withoutStates(s)
	h := hubOf(s)
	k := &h.KubeSpawner
	k.PVCNameTemplate, k.Version, k.Chart = "claim-{username}{servername}", "6.2.0", "3.3.8"
	rename(s, 1, "ann")
	rename(s, 5, "annlab")
	h.Spawners = append(h.Spawners, facts.Spawner{ID: 90, UserID: 1, Name: "lab"})
	world.AddClaim(s, facts.Claim{Name: "claim-annlab", User: "ann", Server: "lab", HasUser: true, Component: facts.HomeComponent})
	mounts(pod5, "claim-annlab")(s)
	podNamed(s, pod5).User = "annlab"
	suite, err := NewSuite(nil, []string{pvcMisrouted.ID, pvcOwnerMismatch.ID, pvcNameCollision.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Judge(suite, s) {
		want := map[bool]string{true: "fail", false: "pass"}[v.Check == pvcNameCollision.ID]
		if string(v.Outcome) != want {
			t.Errorf("%s is %s: %s", v.Check, v.Outcome, v.Summary)
		}
	}
}

// What a check leaves to another one it tells itself where that is not judged.
func TestPVCMisroutedDisabled(t *testing.T) {
	s := healthy()
	oldIDs(s)
	world.RemoveClaim(s, world.Namespace, "claim-student-0003-3")
	for name, c := range map[string]struct {
		settings map[string]Setting
		only     []string
		want     string
	}{
		"judged":               {nil, nil, "pass"},
		"disabled":             {map[string]Setting{"pvc-misrouted": {Disabled: true}}, nil, "fail critical 1"},
		"disabled for the hub": {map[string]Setting{"pvc-misrouted": {Hubs: map[string]Setting{world.HubName: {Disabled: true}}}}, nil, "fail critical 1"},
		"only the other":       {nil, []string{"pvc-legacy-unreachable"}, "fail critical 1"},
	} {
		suite, err := NewSuite(c.settings, c.only)
		if err != nil {
			t.Fatal(err)
		}
		if got := judged(Judge(suite, s))["pvc-legacy-unreachable"]; got != c.want {
			t.Errorf("pvc-misrouted %s: pvc-legacy-unreachable is %s, want %s", name, got, c.want)
		}
	}
}
