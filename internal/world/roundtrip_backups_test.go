package world_test

import (
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// withBackups is a healthy world with backups of one more system.
func withBackups(with func(*facts.Snapshot)) *facts.Snapshot {
	s := world.Healthy(world.Small)
	with(s)
	return s
}

// crowdedBackups gives a world backups of every system, and every fact of them
// that a healthy one does not have.
func crowdedBackups(s *facts.Snapshot) {
	k, t := &s.Kube, world.Now.Add(-time.Hour)
	world.WithVelero(s)
	world.WithK8up(s)
	world.WithSnapshots(s)
	v := &k.Velero
	scope := facts.VeleroScope{Namespaces: []string{"*"}, Excluded: []string{"kube-system", "team-*"}, Selected: true, FileSystem: true, Claims: true}
	v.Backups = append(v.Backups,
		facts.VeleroBackup{Namespace: "velero", Name: "by-hand", Phase: "PartiallyFailed", Created: t, Started: t.Add(time.Second), Completed: t.Add(time.Minute), Expires: t.AddDate(0, 1, 0),
			Location: "second", Scope: scope, Errors: 2, Warnings: 7, FailureReason: "2 volumes: \"timeout\"", VolumeSnapshots: 3, CSISnapshots: 1, NativeSnapshots: 3},
		facts.VeleroBackup{Namespace: "velero", Name: "new", Phase: "New", Created: t, Scope: facts.VeleroScope{}})
	v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: "velero", Name: "paused", Created: t, Cron: "@every 6h", Paused: true, Phase: "FailedValidation", Error: "no location",
		LastSkipped: t, Scope: scope})
	v.Locations = append(v.Locations, facts.VeleroLocation{Namespace: "velero", Name: "second", Provider: "velero.io/aws", URL: "s3://b?endpoint=http://minio.velero.svc:9000", ReadOnly: true,
		Phase: "Unavailable", Error: "403"})
	v.Restores = append(v.Restores, facts.VeleroRestore{Namespace: "velero", Name: "failed", Schedule: "nightly", Phase: "Failed", Errors: 3})
	attempt := func(name, phase string) *facts.Attempt {
		return &facts.Attempt{Name: name, Set: "by-hand", Since: t, Phase: phase, Error: "no space\n100 %"}
	}
	k.Backups = append(k.Backups,
		facts.Series{System: facts.SystemVeleroFile, Namespace: "a", Claim: "c", Failed: attempt("by-hand-1", "Canceled")},
		facts.Series{System: facts.SystemVeleroFile, Namespace: "a", Claim: "d", Good: 1, Oldest: t, Newest: facts.Point{Name: "by-hand", Time: t, SizeBytes: 5, Expires: t.AddDate(0, 1, 0), Set: "by-hand",
			Target: "second"}},
		facts.Series{System: facts.SystemVeleroData, Namespace: "a", Claim: "e", Running: attempt("by-hand-2", "InProgress")},
		facts.Series{System: facts.SystemVeleroSnap, Namespace: "a", Claim: "f", Good: 1, Oldest: t, Newest: facts.Point{Name: "by-hand", Time: t, SizeBytes: 1 << 30, Expires: t.AddDate(0, 1, 0), Set: "by-hand",
			Target: "second"}})
	k.K8up.Schedules = append(k.K8up.Schedules, facts.K8upSchedule{Namespace: "a", Name: "s", Cron: "@daily-random", URL: "/mnt/backup", Selected: true},
		facts.K8upSchedule{Namespace: "b", Name: "only-checks"})
	k.K8up.Failed = map[string]facts.Attempt{"a": {Name: "backup-1", Since: t, Phase: "Failed", Error: "exit 1"}}
	k.K8up.Running = map[string]facts.Attempt{"b": {Name: "backup-2", Since: t, Phase: "Progressing"}}
}
