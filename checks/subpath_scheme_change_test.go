package checks

import (
	"fmt"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestSubpathSchemeChange(t *testing.T) { testCheck(t, subpathSchemeChangeCases) }

// sharedHomes puts all homes of the healthy world on one claim. names makes the
// directories' names of users' names; nil stands for a volume that the audit
// does not see.
func sharedHomes(names func(user string) string, changes ...func(s *facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		h.KubeSpawner.Homes = facts.Homes{Claim: "homes", SubPath: "home/{username}"}
		world.AddClaim(s, facts.Claim{Name: "homes"})
		if names != nil {
			h.KubeSpawner.Homes.Location = "/homes"
			for i := range h.Users {
				h.KubeSpawner.Homes.Names = append(h.KubeSpawner.Homes.Names, "home/"+names(h.Users[i].Name))
			}
		}
		for _, change := range changes {
			change(s)
		}
		world.Settle(s)
	}
}

// lastStartedBy rewrites the state of the first servers as another KubeSpawner
// left it.
func lastStartedBy(version string, servers int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range servers {
			state := &hubOf(s).Spawners[i].State
			state.KubeSpawnerVersion, state.PVCName = version, ""
		}
	}
}

func homesAt(change func(k *facts.KubeSpawner)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { change(&hubOf(s).KubeSpawner) }
}

// onHomes are the verdicts of a hub whose homes share a claim, with this one of
// the check under test: those on servers' own claims are skipped.
func onHomes(outcome string) outcomes {
	return outcomes{"subpath-scheme-change": outcome,
		"pvc-legacy-forgotten": "skipped", "pvc-legacy-unreachable": "skipped", "pvc-name-collision": "skipped"}
}

const strandedOne = `the next start of user "student-0001" mounts directory "home/student-0001", which does not exist, and "home/student-2d0001" does; ` +
	"a directory with the files is expected there"

var subpathSchemeChangeCases = cases{
	check: subpathSchemeChange,
	fires: []damage{
		{
			name: "after the upgrade", change: sharedHomes(kubespawner.Escape),
			want:    onHomes("fail error 10"),
			summary: `10 users get an empty directory at their next start: their files are in directories that subPath "home/{username}" does not render`,
		},
		{
			name: "one user left behind", change: sharedHomes(kubespawner.Safe, homesAt(func(k *facts.KubeSpawner) { k.Homes.Names[0] = "home/student-2d0001" })),
			want:    onHomes("fail error 1"),
			summary: strandedOne,
		},
		{
			name:    "the other way round",
			change:  sharedHomes(kubespawner.Safe, homesAt(func(k *facts.KubeSpawner) { k.Homes.SubPath = "home/{escaped_username}" })),
			want:    onHomes("fail error 10"),
			summary: `10 users get an empty directory at their next start: their files are in directories that subPath "home/{escaped_username}" does not render`,
		},
	},
	mustNotFire: []damage{
		{name: "moved", change: sharedHomes(kubespawner.Safe), want: onHomes("pass")},
		{name: "kept by the template", want: onHomes("pass"),
			change: sharedHomes(kubespawner.Escape, homesAt(func(k *facts.KubeSpawner) { k.Homes.SubPath = "home/{escaped_username}" }))},
		{name: "kept by the slug scheme", want: onHomes("pass"),
			change: sharedHomes(kubespawner.Escape, homesAt(func(k *facts.KubeSpawner) { k.SlugScheme = "escape" }))},
		{name: "nobody was there yet", change: sharedHomes(func(user string) string { return "data-" + user }), want: onHomes("pass")},
		{name: "a hub that was born with 7, unseen", change: sharedHomes(nil), want: onHomes("pass")},
		{name: "an old hub with names that stayed, unseen", want: onHomes("pass"),
			change: sharedHomes(nil, lastStartedBy("", 3), homesAt(func(k *facts.KubeSpawner) { k.Homes.SubPath = "home/{escaped_username}" }))},
		{name: "one directory for all", change: sharedHomes(nil, homesAt(func(k *facts.KubeSpawner) { k.Homes.SubPath = "shared" })),
			want: onHomes("skipped"), summary: `the sub-path "shared" is not a directory for each user`},
		{name: "before the upgrade", change: sharedHomes(kubespawner.Escape, homesAt(func(k *facts.KubeSpawner) { k.Version, k.PVCNameTemplate = "6.2.0", "claim-{username}" })),
			want: outcomes{"pvc-legacy-unreachable": "skipped", "pvc-name-collision": "skipped"}, summary: "KubeSpawner 6.2.0 knows escaped names only"},
	},
	boundary: []damage{
		{name: "both directories", want: onHomes("pass"),
			change: sharedHomes(kubespawner.Safe, homesAt(func(k *facts.KubeSpawner) { k.Homes.Names = append(k.Homes.Names, "home/student-2d0001") }))},
		{
			name: "the first version with safe names", change: sharedHomes(kubespawner.Escape, homesAt(func(k *facts.KubeSpawner) { k.Version = "7.0.0b1" })),
			want:    onHomes("fail error 10"),
			summary: `10 users get an empty directory at their next start: their files are in directories that subPath "home/{username}" does not render`,
		},
		{
			name: "one server from before, unseen", change: sharedHomes(nil, lastStartedBy("", 1)),
			want: onHomes("unknown"),
			summary: `whether the files of 1 user, who has not started a server since KubeSpawner 7, were moved cannot be seen, and subPath "home/{username}" ` +
				`names their directories anew ("home/student-2d0001", now "home/student-0001"): set kubespawner.homes.directory of the hub`,
		},
		{
			name: "many servers from before, unseen", change: sharedHomes(nil, lastStartedBy("", 5)),
			want: onHomes("unknown"),
			summary: `whether the files of 5 users, who have not started a server since KubeSpawner 7, were moved cannot be seen, and subPath "home/{username}" ` +
				`names their directories anew ("home/student-2d0001", now "home/student-0001"; "home/student-2d0002", now "home/student-0002"; ` +
				`"home/student-2d0003", now "home/student-0003" and 2 more): set kubespawner.homes.directory of the hub`,
		},
		{name: "the version is not known, and nothing is missing", change: sharedHomes(kubespawner.Safe, homesAt(func(k *facts.KubeSpawner) { k.Version = "" })),
			want: onHomes("pass")},
	},
	sourceFailed: []damage{
		{name: "users not readable", change: failed(facts.HubDB(world.HubName)), want: databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s"},
		{name: "directories not readable", change: sharedHomes(kubespawner.Safe, func(s *facts.Snapshot) {
			world.Settle(s)
			failed(facts.HomesSource(world.HubName))(s)
		}), want: onHomes("unknown"),
			summary: "source homes/datahub could not be read: gave up after 30s"},
		{
			name: "which version runs is not known", change: sharedHomes(kubespawner.Escape, homesAt(func(k *facts.KubeSpawner) { k.Version = "" })),
			want: onHomes("unknown"),
			summary: "which KubeSpawner the hub runs is not known; under 7.0.0 the files of 10 users would be in another directory than the next start mounts: " +
				"set kubespawner.chart of the hub",
		},
		{
			name: "a field of the hub's own", change: sharedHomes(kubespawner.Safe, homesAt(func(k *facts.KubeSpawner) { k.Homes.SubPath = "{username}/{course}" })),
			want:    onHomes("unknown"),
			summary: `predict the starts of hub datahub: template "{username}/{course}": field "{course}" is not one of KubeSpawner's: names that come from the hub's own code cannot be told`,
		},
	},
}

// A finding names both directories, to whoever reads it and to a script.
func TestSubpathFinding(t *testing.T) {
	s := healthy()
	sharedHomes(kubespawner.Escape)(s)
	v := verdictOf(t, s, subpathSchemeChange)
	if v.Outcome != verdict.Fail {
		t.Fatalf("%s %s", v.Outcome, v.Summary)
	}
	for i, f := range v.Findings {
		user, id := fmt.Sprintf("student-%04d", i+1), fmt.Sprint(i+1)
		if f.Subject != (verdict.Subject{Kind: "user", Name: user, ID: id}) || f.Details["directory"] != "home/"+user || f.Details["data"] != "home/"+kubespawner.Escape(user) || f.Details["claim"] != "homes" {
			t.Errorf("%+v", f)
		}
	}
}
