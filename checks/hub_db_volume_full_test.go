package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubDBVolumeFull(t *testing.T) { testCheck(t, hubDBVolumeFullCases) }

// hubUsage is what the kubelet measured of the hub's claim.
func hubUsage(s *facts.Snapshot) *facts.Usage {
	for i := range s.Usage {
		if u := &s.Usage[i]; u.Namespace == world.Namespace && u.Claim == world.HubClaim {
			return u
		}
	}
	panic("nothing was measured of the hub's claim")
}

// hubDiskFree leaves so many bytes of a volume of 1 GiB. Some are kept for root.
func hubDiskFree(bytes int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		u := hubUsage(s)
		u.CapacityBytes, u.AvailableBytes, u.UsedBytes = 1<<30, bytes, 1<<30-bytes-(1<<20)
	}
}

func hubInodesFree(inodes, left int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		u := hubUsage(s)
		u.Inodes, u.InodesUsed = inodes, inodes-left
	}
}

// leftCopies leaves three copies of 100 MiB beside the database.
func leftCopies(s *facts.Snapshot) {
	for i, date := range []string{"2026-09-01-120000", "2026-03-01-120000", "2025-09-01-120000"} {
		hubOf(s).Database.Copies = append(hubOf(s).Database.Copies, facts.BackupCopy{Name: "jupyterhub.sqlite." + date,
			Time: s.Now.AddDate(0, -3*i, 0), SizeBytes: 100 << 20, Ready: true})
	}
}

// hubUnmeasured takes the hub's claim from what the kubelets measured.
func hubUnmeasured(s *facts.Snapshot) { hubUsage(s).Claim = "another" }

// hubDiskSeen has the audit see the volume itself.
func hubDiskSeen(bytes int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).Database.Disk = facts.Usage{CapacityBytes: 1 << 30, AvailableBytes: bytes, UsedBytes: 1<<30 - bytes, At: s.Now}
	}
}

func withoutPrometheus(s *facts.Snapshot) {
	s.Usage, hubOf(s).MetricUsersAt = nil, time.Time{}
	absent(facts.Prometheus)(s)
}

// volumeSkipped is what this check says of a database on a server.
var volumeSkipped = outcomes{"hub-db-volume-full": "skipped"}

const tenPercent = (1<<30 + 9) / 10

var hubDBVolumeFullCases = cases{
	check: hubDBVolumeFull,
	fires: []damage{
		{
			name: "nearly full of old copies", change: inTurn(hubDiskFree(52<<20), leftCopies),
			want: outcomes{"hub-db-volume-full": "fail critical 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 52 MiB of 1.0 GiB free (5.1 %), at least 25 % is expected; " +
				"3 copies that upgrades left beside the database take 300 MiB",
		},
		{
			name: "nothing left, and the database not readable", change: inTurn(hubDiskFree(0), func(s *facts.Snapshot) { hubOf(s).Database = facts.Database{} }, failed(facts.HubDB(world.HubName))),
			want:    databaseUnknown(outcomes{"hub-db-volume-full": "fail critical 1"}),
			summary: "claim hub-db-dir, on which the hub's database lies, has 0 B of 1.0 GiB free (0.0 %), at least 25 % is expected",
		},
		{
			name: "less than a quarter", change: hubDiskFree(200 << 20), want: outcomes{"hub-db-volume-full": "fail warning 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 200 MiB of 1.0 GiB free (19.5 %), at least 25 % is expected",
		},
		{
			name: "no room for the next upgrade's copy", change: inTurn(hubDiskFree(400<<20), func(s *facts.Snapshot) { hubOf(s).Database.SizeBytes = 600 << 20 }),
			want: outcomes{"hub-db-volume-full": "fail warning 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 400 MiB of 1.0 GiB free (39.1 %), at least 25 % is expected; " +
				"the copy of the database (600 MiB) that the hub's next upgrade makes does not fit",
		},
		{
			name: "space and inodes", change: inTurn(hubDiskFree(52<<20), hubInodesFree(65536, 120)), want: outcomes{"hub-db-volume-full": "fail critical 2"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 120 of 65,536 inodes free (0.2 %), at least 25 % is expected: no file can be made without one",
		},
		{
			name: "seen by the audit itself, without Prometheus", change: inTurn(withoutPrometheus, hubDiskSeen(52<<20)),
			want:    outcomes{"hub-db-volume-full": "fail critical 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 52 MiB of 1.0 GiB free (5.1 %), at least 25 % is expected",
		},
		{
			name: "on no claim that is known", change: inTurn(hubDiskSeen(52<<20), func(s *facts.Snapshot) {
				world.RemoveClaim(s, world.Namespace, world.HubClaim)
				s.Past.Marks = nil
			}),
			want:    outcomes{"hub-db-volume-full": "fail critical 1", "hub-db-pvc-replaced": "skipped"},
			summary: "the volume of the hub's database has 52 MiB of 1.0 GiB free (5.1 %), at least 25 % is expected",
		},
	},
	mustNotFire: []damage{
		{name: "a large volume with a small share free", change: func(s *facts.Snapshot) {
			u := hubUsage(s)
			u.CapacityBytes, u.AvailableBytes, u.UsedBytes = 100<<40, 1<<40, 99<<40
		}},
		{name: "a file system that makes inodes as it needs them", change: hubInodesFree(0, 0)},
		{name: "the audit sees more than Prometheus, which is older", change: inTurn(hubDiskFree(52<<20), hubDiskSeen(500<<20))},
		{name: "copies with room beside them", change: inTurn(hubDiskFree(500<<20), leftCopies)},
		{name: "another hub's claim of that name is full", change: func(s *facts.Snapshot) {
			s.Usage = append(s.Usage, facts.Usage{Namespace: "other", Claim: world.HubClaim, CapacityBytes: 1 << 30, At: s.Now})
			world.Settle(s)
		}},
		{
			name: "a database server", change: otherEngine, want: volumeSkipped,
			summary: "the hub's database is on a server (postgresql), and on which volume that keeps it is not known",
		},
		{
			name: "neither Prometheus nor the volume", change: withoutPrometheus, want: volumeSkipped,
			summary: "no Prometheus is configured, and the audit does not run in a pod that has the hub's volume mounted",
		},
		{
			name: "a driver that does not measure", change: hubUnmeasured, want: volumeSkipped,
			summary: "Prometheus does not know how full claim hub-db-dir is: no pod has it mounted, or its driver does not measure it",
		},
	},
	boundary: []damage{
		{
			name: "a tenth free", change: hubDiskFree(tenPercent), want: outcomes{"hub-db-volume-full": "fail warning 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 102 MiB of 1.0 GiB free (10.0 %), at least 25 % is expected",
		},
		{
			name: "a byte less", change: hubDiskFree(tenPercent - 1), want: outcomes{"hub-db-volume-full": "fail critical 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 102 MiB of 1.0 GiB free (10.0 %), at least 25 % is expected",
		},
		{name: "a quarter free", change: hubDiskFree(256 << 20)},
		{
			name: "a byte less than a quarter", change: hubDiskFree(256<<20 - 1), want: outcomes{"hub-db-volume-full": "fail warning 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 256 MiB of 1.0 GiB free (25.0 %), at least 25 % is expected",
		},
		{name: "as much as is enough", change: hubDiskFree(50 << 20), values: map[string]any{"enoughMiB": 50}},
		{
			name: "a byte less than enough", change: hubDiskFree(50<<20 - 1), values: map[string]any{"enoughMiB": 50}, want: outcomes{"hub-db-volume-full": "fail critical 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 50 MiB of 1.0 GiB free (4.9 %), at least 25 % is expected",
		},
		{name: "as many inodes as are enough", change: hubInodesFree(1_000_000, 10_000)},
		{
			name: "an inode less", change: hubInodesFree(1_000_000, 9_999), want: outcomes{"hub-db-volume-full": "fail critical 1"},
			summary: "claim hub-db-dir, on which the hub's database lies, has 9,999 of 1,000,000 inodes free (1.0 %), at least 25 % is expected: no file can be made without one",
		},
		{name: "the copy just fits", change: inTurn(hubDiskFree(400<<20), func(s *facts.Snapshot) { hubOf(s).Database.SizeBytes = 400 << 20 })},
	},
	sourceFailed: []damage{
		{
			name: "Prometheus not readable", change: failed(facts.Prometheus), want: unknownWithout(facts.Prometheus, nil),
			summary: "source prometheus could not be read: gave up after 30s",
		},
		{
			name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(),
			summary: "source kube/claims could not be read: gave up after 30s",
		},
		{
			name: "the database not readable, and its volume not measured", change: inTurn(hubUnmeasured, failed(facts.HubDB(world.HubName))),
			want:    databaseUnknown(outcomes{"hub-db-volume-full": "unknown"}),
			summary: "source hubdb/datahub could not be read: gave up after 30s",
		},
		{
			name: "several claims, none known", change: func(s *facts.Snapshot) {
				hubMounts(facts.Mount{Path: "/a", Kind: facts.MountClaim, Claim: "claim-student-0001"},
					facts.Mount{Path: "/b", Kind: facts.MountClaim, Claim: "claim-student-0002"})(s)
				s.Past.Marks = nil
			},
			want:    outcomes{"hub-db-pvc-replaced": "unknown", "hub-db-volume-full": "unknown"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p mounts 2 volumes, and which one the database lies on cannot be told",
		},
	},
}
