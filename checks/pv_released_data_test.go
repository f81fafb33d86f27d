package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVReleasedData(t *testing.T) { testCheck(t, pvReleasedDataCases) }

// leftOver adds a volume of a claim that was deleted.
func leftOver(claim string, change func(v *facts.Volume)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := facts.Volume{Name: "pv-" + claim, UID: "uid-" + claim, Created: s.Now.AddDate(0, -3, 0), Phase: "Released", ReclaimPolicy: "Retain", StorageClass: world.Class,
			CapacityBytes: 10 << 30, Driver: "driver.longhorn.io", Handle: "lh-" + claim, ClaimNamespace: world.Namespace, ClaimName: claim, ClaimUID: "gone"}
		change(&v)
		s.Kube.Volumes = append(s.Kube.Volumes, v)
		world.Settle(s)
	}
}

func untouchedVolume(*facts.Volume) {}

// claimDeleted deletes a claim and leaves its volume.
func claimDeleted(name string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Claims = slices.DeleteFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Name == name })
		for i := range s.Kube.Volumes {
			if v := &s.Kube.Volumes[i]; v.ClaimName == name {
				v.Phase = "Released"
			}
		}
		world.Settle(s)
	}
}

// stateless leaves a server of which the hub remembers nothing.
func stateless(claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range hubOf(s).Spawners {
			if sp := &hubOf(s).Spawners[i]; sp.State.PVCName == claim {
				sp.State = facts.SpawnerState{}
			}
		}
		world.Settle(s)
	}
}

// newcomer adds a user without a server.
func newcomer(name string, created time.Time) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		h.Users = append(h.Users, facts.User{ID: 41, Name: name, Created: created, Cookie: facts.CookieUnique})
		world.Settle(s)
		world.Remember(s)
	}
}

var oneReleased = outcomes{"pv-released-data": "fail error 1"}

var pvReleasedDataCases = cases{
	check: pvReleasedData,
	fires: []damage{
		{
			name: "a claim that its server remembers", change: claimDeleted("claim-student-0001"),
			want: outcomes{"pv-released-data": oneReleased["pv-released-data"], "pvc-state-missing-claim": "fail critical 1"},
			summary: "volume pvc-00000003-0000-4000-8000-000000000002 (10 GiB, made 2026-06-20) is Released: " +
				`its claim claim-student-0001 of user "student-0001"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "a claim that only its name tells", change: inTurn(claimDeleted("claim-student-0001"), stateless("claim-student-0001")), want: oneReleased,
			summary: "volume pvc-00000003-0000-4000-8000-000000000002 (10 GiB, made 2026-06-20) is Released: " +
				`its claim claim-student-0001 of user "student-0001"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "a name of an older KubeSpawner", change: leftOver("claim-student-2d0001", untouchedVolume), want: oneReleased,
			summary: "volume pv-claim-student-2d0001 (10 GiB, made 2026-08-20) is Released: " +
				`its claim claim-student-2d0001 of user "student-0001"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "made again, empty", change: leftOver("claim-student-0001", untouchedVolume), want: oneReleased,
			summary: `volume pv-claim-student-0001 (10 GiB, made 2026-08-20) is Released: its claim claim-student-0001 of user "student-0001"'s default server was deleted; ` +
				"a claim of that name was made 2026-06-20 12:01 UTC, with another volume",
		},
		{
			name: "the hub's own", change: leftOver(world.HubClaim, untouchedVolume), want: oneReleased,
			summary: "volume pv-hub-db-dir (10 GiB, made 2026-08-20) is Released: its claim hub-db-dir of the hub itself was deleted; " +
				"a claim of that name was made 2026-05-20 12:00 UTC, with another volume",
		},
		{
			name: "everybody's homes", change: inTurn(leftOver("homes", untouchedVolume), func(s *facts.Snapshot) { hubOf(s).KubeSpawner.Homes.Claim = "homes" }),
			want:    namelessHomes(oneReleased),
			summary: "volume pv-homes (10 GiB, made 2026-08-20) is Released: its claim homes of several users was deleted; there is no claim of that name now",
		},
		{
			name: "about to vanish", change: leftOver("claim-student-0001", func(v *facts.Volume) { v.ReclaimPolicy = "Delete" }), want: oneReleased,
			summary: `volume pv-claim-student-0001 (10 GiB, made 2026-08-20) is Released: its claim claim-student-0001 of user "student-0001"'s default server was deleted; ` +
				"a claim of that name was made 2026-06-20 12:01 UTC, with another volume; with reclaim policy Delete it is about to vanish",
		},
		{
			name: "could not be deleted", change: leftOver("claim-student-0001", func(v *facts.Volume) { v.ReclaimPolicy, v.Phase = "Delete", "Failed" }), want: oneReleased,
			summary: `volume pv-claim-student-0001 (10 GiB, made 2026-08-20) is Failed: its claim claim-student-0001 of user "student-0001"'s default server was deleted; ` +
				"a claim of that name was made 2026-06-20 12:01 UTC, with another volume; reclaiming it (Delete) was tried and failed",
		},
		{
			name: "of 2017, whose user has another id now", change: inTurn(func(s *facts.Snapshot) { world.OldNames(s, world.HubName) }, leftOver("claim-student-0001-257", untouchedVolume)),
			want: oneReleased,
			summary: "volume pv-claim-student-0001-257 (10 GiB, made 2026-08-20) is Released: " +
				`its claim claim-student-0001-257 of user "student-0001"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "a name that two users may have had", change: inTurn(newcomer("student-0010lab", world.Now.AddDate(0, -4, 0)), leftOver("claim-student-2d0010lab", untouchedVolume)), want: oneReleased,
			summary: "volume pv-claim-student-2d0010lab (10 GiB, made 2026-08-20) is Released: its claim claim-student-2d0010lab of " +
				`user "student-0010"'s server "lab" or user "student-0010lab"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "in a namespace of the user's own", change: inTurn(func(s *facts.Snapshot) { hubOf(s).KubeSpawner.UserNamespaces = "{hubnamespace}-{username}" },
				leftOver("claim-student-0001", func(v *facts.Volume) { v.ClaimNamespace = "datahub-student-0001" })),
			want: oneReleased,
			summary: `volume pv-claim-student-0001 (10 GiB, made 2026-08-20) is Released: its claim claim-student-0001 of user "student-0001"'s default server was deleted; ` +
				"there is no claim of that name now",
		},
		{
			name: "several", change: inTurn(leftOver("claim-student-0001", untouchedVolume), leftOver("claim-student-0002", untouchedVolume), leftOver("claim-gone", untouchedVolume)),
			want:    outcomes{"pv-released-data": "fail error 3"},
			summary: "3 volumes of the hub and its users lost their claims; 2 are of the hub itself or of users whom it still has",
		},
	},
	mustNotFire: []damage{
		{
			name: "its user is gone", change: leftOver("claim-gone", untouchedVolume), want: outcomes{"pv-released-data": "fail info 1"},
			summary: "volume pv-claim-gone (10 GiB, made 2026-08-20) is Released: its claim claim-gone was deleted; " +
				"there is no claim of that name now; the hub has no server that it would be for",
		},
		{name: "its user is being deleted", change: leftOver("claim-gone", func(v *facts.Volume) { v.ReclaimPolicy = "Delete" })},
		{
			name: "its user came back", change: inTurn(newcomer("back", world.Now.AddDate(0, -1, 0)), leftOver("claim-back", untouchedVolume)),
			want: outcomes{"pv-released-data": "fail warning 1"},
			summary: `volume pv-claim-back (10 GiB, made 2026-08-20) is Released: its claim claim-back of user "back"'s default server was deleted; ` +
				"there is no claim of that name now; the user's row was made 2026-10-20 12:00 UTC, after the volume: perhaps they were deleted and have come back",
		},
		{
			name: "a server that was removed and made again", change: leftOver("claim-student-0010--lab", untouchedVolume), want: outcomes{"pv-released-data": "fail warning 1"},
			summary: `volume pv-claim-student-0010--lab (10 GiB, made 2026-08-20) is Released: its claim claim-student-0010--lab of user "student-0010"'s server "lab" was deleted; ` +
				"a claim of that name was made 2026-06-21 12:10 UTC, with another volume; perhaps the user removed this server and made it again",
		},
		{
			name: "a server that was removed", change: leftOver("claim-student-0001--lab", untouchedVolume), want: outcomes{"pv-released-data": "fail info 1"},
			summary: "volume pv-claim-student-0001--lab (10 GiB, made 2026-08-20) is Released: its claim claim-student-0001--lab was deleted; " +
				"there is no claim of that name now; the hub has no server that it would be for",
		},
		{name: "in another namespace", change: leftOver("claim-student-0001", func(v *facts.Volume) { v.ClaimNamespace = "elsewhere" })},
		{name: "of another namespace while each user has one", change: inTurn(func(s *facts.Snapshot) { hubOf(s).KubeSpawner.UserNamespaces = "{hubnamespace}-{username}" },
			leftOver("claim-student-0001", func(v *facts.Volume) { v.ClaimNamespace = "elsewhere" }))},
		{name: "nobody's home", change: inTurn(leftOver("claim-old-disk", untouchedVolume), func(s *facts.Snapshot) { hubOf(s).OtherClaims = []string{"claim-old-*"} })},
		{name: "free for anybody", change: leftOver("", func(v *facts.Volume) { v.Phase, v.ClaimNamespace = "Available", "" })},
		{name: "the hub's own, its database on a server", change: inTurn(leftOver(world.HubClaim, untouchedVolume), func(s *facts.Snapshot) { hubOf(s).Database.Engine = "postgresql" }), want: volumeSkipped},
	},
	boundary: []damage{
		{
			name: "as old as its user", change: inTurn(newcomer("back", world.Now.AddDate(0, -3, 0)), leftOver("claim-back", untouchedVolume)), want: oneReleased,
			summary: `volume pv-claim-back (10 GiB, made 2026-08-20) is Released: its claim claim-back of user "back"'s default server was deleted; there is no claim of that name now`,
		},
		{
			name: "a second older", change: inTurn(newcomer("back", world.Now.AddDate(0, -3, 0).Add(time.Second)), leftOver("claim-back", untouchedVolume)), want: outcomes{"pv-released-data": "fail warning 1"},
			summary: `volume pv-claim-back (10 GiB, made 2026-08-20) is Released: its claim claim-back of user "back"'s default server was deleted; ` +
				"there is no claim of that name now; the user's row was made 2026-08-20 12:00 UTC, after the volume: perhaps they were deleted and have come back",
		},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{
			name: "a database that is not readable", change: inTurn(withoutRows, leftOver("claim-gone", untouchedVolume)), want: databaseUnknown(outcomes{"pv-released-data": "unknown"}),
			summary: "volume pv-claim-gone of claim claim-gone is Released, and whether its user still exists cannot be told: " +
				"the hub's users are not known, source hubdb/datahub: gave up after 30s",
		},
		{
			name: "a database that is not readable hides nothing of the hub's own", change: inTurn(withoutRows, leftOver(world.HubClaim, untouchedVolume)), want: databaseUnknown(oneReleased),
			summary: "volume pv-hub-db-dir (10 GiB, made 2026-08-20) is Released: its claim hub-db-dir of the hub itself was deleted; " +
				"a claim of that name was made 2026-05-20 12:00 UTC, with another volume",
		},
	},
}

// BenchmarkPVReleasedData looks for the owners of a thousand volumes of former
// users among 100,000 users.
func BenchmarkPVReleasedData(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	for i := range 1000 {
		v := s.Kube.Volumes[i]
		v.Name, v.Phase, v.ClaimName = "left-"+v.Name, "Released", "claim-former-"+v.Name
		s.Kube.Volumes = append(s.Kube.Volumes, v)
	}
	world.Settle(s)
	benchmarkCheck(b, s, pvReleasedData, 1000)
}
