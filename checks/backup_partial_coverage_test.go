package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupPartialCoverage(t *testing.T) { testCheck(t, backupPartialCoverageCases) }

// readVelero makes Velero's sources ones that were read.
func readVelero(s *facts.Snapshot) {
	for _, name := range []string{facts.VeleroBackups, facts.VeleroSchedules, facts.VeleroLocations, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.VeleroRestores} {
		if s.Source(name).Status == facts.Absent {
			s.Sources = append(s.Sources, facts.Source{Name: name, Status: facts.OK, Items: map[string]int{"objects": 1}})
		}
	}
	world.Settle(s)
	for _, name := range []string{facts.VeleroBackups, facts.VeleroSchedules, facts.VeleroLocations, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.VeleroRestores} {
		for i := range s.Sources {
			if s.Sources[i].Name == name {
				s.Sources[i].Status = facts.OK
			}
		}
	}
}

// veleroHas adds a run of Velero's schedule nightly, which backs up mounted
// volumes by file, so long ago, with these claims in it.
func veleroHas(run, phase string, age time.Duration, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		at := s.Now.Add(-age)
		scope := facts.VeleroScope{Namespaces: []string{world.Namespace}, Claims: true, FileSystem: true}
		if len(s.Kube.Velero.Schedules) == 0 {
			s.Kube.Velero.Schedules = []facts.VeleroSchedule{{Namespace: "velero", Name: "nightly", Created: s.Now.AddDate(-1, 0, 0), Cron: "0 3 * * *", Phase: "Enabled", LastBackup: at, Scope: scope}}
			s.Kube.Velero.Locations = []facts.VeleroLocation{{Namespace: "velero", Name: "default", Provider: "aws", URL: "s3://velero", Default: true, Phase: "Available",
				LastSyncedAt: s.Now.Add(-time.Minute), LastValidated: s.Now.Add(-time.Minute)}}
		}
		s.Kube.Velero.Backups = append(s.Kube.Velero.Backups, facts.VeleroBackup{Namespace: "velero", Name: run, Schedule: "nightly", Phase: phase, Created: at, Started: at,
			Completed: at.Add(time.Minute), Expires: at.AddDate(0, 1, 0), Location: "default", Scope: scope})
		for _, claim := range claims {
			s.Kube.Backups = append(s.Kube.Backups, facts.Series{System: facts.SystemVeleroFile, Namespace: world.Namespace, Claim: claim, Good: 1, Oldest: at,
				Newest: facts.Point{Name: run + "-" + claim, Time: at, Set: run, Target: "default", Expires: at.AddDate(0, 1, 0)}})
		}
		world.Settle(s)
		readVelero(s)
	}
}

// onlyVelero takes Longhorn's jobs and backups away.
func onlyVelero(s *facts.Snapshot) {
	jobs()(s)
	world.NoBackups(s)
}

// narrowed changes what all of Velero's runs and schedules take in.
func narrowed(change func(*facts.VeleroScope)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Velero.Backups {
			change(&s.Kube.Velero.Backups[i].Scope)
		}
		for i := range s.Kube.Velero.Schedules {
			change(&s.Kube.Velero.Schedules[i].Scope)
		}
	}
}

// snapshots makes the newest run one in which a plugin of the storage's own made
// so many snapshots.
func nativeSnapshots(n int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		b := &s.Kube.Velero.Backups[len(s.Kube.Velero.Backups)-1]
		b.VolumeSnapshots, b.NativeSnapshots = n, n
		narrowed(func(scope *facts.VeleroScope) { scope.FileSystem = false })(s)
	}
}

// csiSnapshots makes the newest run one of CSI snapshots that stay in the storage
// system: of them only their number is left once it has ended.
func csiSnapshots(n int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Velero.Backups[len(s.Kube.Velero.Backups)-1].CSISnapshots = n
		narrowed(func(scope *facts.VeleroScope) { scope.FileSystem = false })(s)
	}
}

func homeClaims(s *facts.Snapshot) (all []string) {
	for _, c := range s.Kube.Claims {
		if c.Name != world.HubClaim {
			all = append(all, c.Name)
		}
	}
	return all
}

func veleroHasAll(s *facts.Snapshot) {
	veleroHas("nightly-1", "Completed", 9*time.Hour, homeClaims(s)...)(s)
}

var backupPartialCoverageCases = cases{
	check: backupPartialCoverage,
	fires: []damage{
		{
			name: "Completed, and only the home in use is in it", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour, running)),
			want: outcomes{"backup-partial-coverage": "fail critical 1"},
			summary: "Velero's newest backup nightly-1 (Completed) takes in the namespace but does not hold 10 of 11 homes of hub datahub; none of them has a backup; its " +
				`file-system backup reaches only volumes that a running pod mounts; the homes of "student-0001", "student-0002", "student-0003", "student-0004", ` +
				`"student-0006" and 4 more`,
		},
		{
			name: "a plugin's own snapshots, fewer than claims", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour), nativeSnapshots(11)),
			want: outcomes{"backup-partial-coverage": "fail warning 1"},
			summary: "Velero's newest backup nightly-1 (Completed) holds snapshots of 11 volumes and takes in 12 claims: which are missing the API does not tell, and of 11 " +
				`homes of hub datahub no other current backup is known; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" ` +
				"and 5 more",
		},
		{
			name: "CSI snapshots that stay in the storage system, fewer than claims", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour), csiSnapshots(11)),
			want: outcomes{"backup-partial-coverage": "fail warning 1"},
			summary: "Velero's newest backup nightly-1 (Completed) holds snapshots of 11 volumes and takes in 12 claims: which are missing the API does not tell, and of 11 " +
				`homes of hub datahub no other current backup is known; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" ` +
				"and 5 more",
		},
		{
			name: "CSI snapshots, though they should have been moved", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour), csiSnapshots(12),
				narrowed(func(scope *facts.VeleroScope) { scope.MoveData = true })),
			want: outcomes{"backup-partial-coverage": "fail critical 1"},
			summary: "Velero's newest backup nightly-1 (Completed) takes in the namespace but does not hold 11 of 11 homes of hub datahub; none of them has a backup; one " +
				`of every claim is expected; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
		{
			name: "K8up without a list of them", change: func(s *facts.Snapshot) {
				inTurn(onlyVelero, world.WithK8up)(s)
				s.Kube.Backups = slices.DeleteFunc(s.Kube.Backups, func(r facts.Series) bool { return r.System == facts.SystemK8up })
			},
			want: outcomes{"backup-partial-coverage": "fail warning 1"},
			summary: "K8up's newest backup succeeded and keeps no list of what is in it (skipSnapshotsSync): whether it holds 11 of 11 homes of hub datahub the API does not tell, " +
				`and no other current backup of them is known; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
	},
	mustNotFire: []damage{
		{name: "K8up with a list of them", change: inTurn(onlyVelero, world.WithK8up)},
		{name: "Longhorn has them", change: veleroHas("nightly-1", "Completed", 9*time.Hour, running)},
		{name: "all are in it", change: inTurn(onlyVelero, veleroHasAll)},
		{name: "one that was not used since an earlier run that holds it", change: func(s *facts.Snapshot) {
			onlyVelero(s)
			lastUsed(idleOne, 40*24*time.Hour)(s)
			veleroHas("nightly-0", "Completed", 20*24*time.Hour, idleOne)(s)
			var rest []string
			for _, claim := range homeClaims(s) {
				if claim != idleOne {
					rest = append(rest, claim)
				}
			}
			veleroHas("nightly-1", "Completed", 9*time.Hour, rest...)(s)
		}},
		{name: "a plugin's own snapshots of all", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour), nativeSnapshots(12))},
		{name: "CSI snapshots of all, which stay in the storage system", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour), csiSnapshots(12))},
		{name: "CSI snapshots of most, and the others by file", change: inTurn(onlyVelero, veleroHas("nightly-1", "Completed", 9*time.Hour, running, idleOne), csiSnapshots(10))},
		{name: "other namespaces", change: inTurn(veleroHas("nightly-1", "Completed", 9*time.Hour), narrowed(func(scope *facts.VeleroScope) { scope.Namespaces = []string{"shop"} }))},
	},
	boundary: []damage{
		{
			name: "a home that is narrowed out by a label is not scheduled",
			change: func(s *facts.Snapshot) {
				onlyVelero(s)
				veleroHas("nightly-1", "Completed", 9*time.Hour, homeClaims(s)[1:]...)(s)
				narrowed(func(scope *facts.VeleroScope) { scope.Selected = true })(s)
			},
			want: outcomes{"backup-unscheduled": "fail critical 1"},
		},
		{
			name: "all but one", change: func(s *facts.Snapshot) {
				onlyVelero(s)
				veleroHas("nightly-1", "Completed", 9*time.Hour, homeClaims(s)[:10]...)(s)
			},
			want: outcomes{"backup-partial-coverage": "fail critical 1"},
			summary: "Velero's newest backup nightly-1 (Completed) takes in the namespace but does not hold 1 of 11 homes of hub datahub; it has no backup; its file-system " +
				`backup reaches only volumes that a running pod mounts; the home of "student-0010"`,
		},
	},
	sourceFailed: []damage{
		{name: "Velero's runs not readable", change: inTurn(readVelero, failed(facts.VeleroBackups)), want: unknownWithout(facts.VeleroBackups, nil),
			summary: "source velero/backups could not be read: gave up after 30s"},
	},
}
