package e2e

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// backedUpBy is a small healthy world at a time, in which another system than
// Longhorn makes the backups.
func backedUpBy(system func(*facts.Snapshot)) func(at time.Time) *facts.Snapshot {
	return func(at time.Time) *facts.Snapshot {
		s := healthyWorld(world.Small)
		s.Now = at
		world.NoBackups(s)
		s.Longhorn.RecurringJobs, s.Longhorn.BackupTargets[0].URL = nil, ""
		system(s)
		for i := range s.Kube.Backups {
			if b := &s.Kube.Backups[i]; b.Good > 2 {
				b.Good, b.Oldest = 2, b.Previous.Time
			}
		}
		world.Settle(s)
		return s
	}
}

// aged makes all that Velero or K8up did three days older, so that it was before
// what an API server says that was made now.
func aged(s *facts.Snapshot) {
	const by = -72 * time.Hour
	for i := range s.Kube.Backups {
		b := &s.Kube.Backups[i]
		b.Newest.Time, b.Previous.Time, b.Oldest = b.Newest.Time.Add(by), b.Previous.Time.Add(by), b.Oldest.Add(by)
	}
	for i := range s.Kube.Velero.Backups {
		b := &s.Kube.Velero.Backups[i]
		b.Created, b.Started, b.Completed = b.Created.Add(by), b.Started.Add(by), b.Completed.Add(by)
	}
}

// ran adds a run of Velero's schedule, which ended with a phase or did not end, the
// night before last and after all others. The API server says that it was created
// when the test ran, which is before it began.
func ran(s *facts.Snapshot, phase string) {
	aged(s)
	v := &s.Kube.Velero
	at := s.Now.Truncate(24 * time.Hour).Add(-23 * time.Hour)
	b := facts.VeleroBackup{Namespace: world.VeleroNamespace, Name: "nightly-newest", Schedule: world.NightlySchedule, Phase: phase, Created: at, Started: at,
		Location: world.VeleroLocation, Scope: v.Schedules[0].Scope}
	if phase == "Failed" {
		b.Completed, b.Errors, b.FailureReason = at.Add(time.Minute), 1, "no space left"
	}
	v.Backups = append(v.Backups, b)
}

// byFile has Velero back up by file, which reaches only volumes that are mounted.
func byFile(s *facts.Snapshot) {
	world.WithVelero(s)
	v := &s.Kube.Velero
	for i := range v.Schedules {
		v.Schedules[i].Scope.FileSystem, v.Schedules[i].Scope.MoveData = true, false
	}
	for i := range v.Backups {
		v.Backups[i].Scope.FileSystem, v.Backups[i].Scope.MoveData, v.Backups[i].CSISnapshots = true, false, 0
	}
	for i := range s.Kube.Backups {
		s.Kube.Backups[i].System = facts.SystemVeleroFile
	}
}

// byDataMover has Velero move the data of CSI snapshots instead, of homes that
// nobody has used for five days: a DataUpload's data is of when it was asked for,
// which the API server says was two days ago.
func byDataMover(s *facts.Snapshot) {
	*s = *backedUpBy(world.WithVelero)(s.Now)
	for _, pod := range []string{pod5, "jupyter-student-0010"} {
		stopServer(s, pod)
	}
	at := s.Now.AddDate(0, 0, -5)
	h := world.Hub(s, world.HubName)
	for i := range h.Users {
		h.Users[i].LastActivity = at
	}
	for i := range h.Spawners {
		h.Spawners[i].LastActivity = at
	}
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; v.ClaimName != world.HubClaim {
			v.State, v.Robustness, v.NodeID, v.LastPodRefAt = "detached", "unknown", "", facts.At(at)
		}
	}
}

// only leaves of Velero's backups those of some claims.
func only(s *facts.Snapshot, claims ...string) {
	s.Kube.Backups = slices.DeleteFunc(s.Kube.Backups, func(b facts.Series) bool { return !slices.Contains(claims, b.Claim) })
}

var veleroBackups = []damage{
	{name: "the schedule is paused", damage: func(s *facts.Snapshot) { s.Kube.Velero.Schedules[0].Paused = true },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-schedule-paused error": {"schedule nightly"}}}},
	{name: "the storage location is not available", damage: func(s *facts.Snapshot) {
		l := &s.Kube.Velero.Locations[0]
		l.Phase, l.Error, l.LastSyncedAt = "Unavailable", "the bucket was deleted", s.Now.Add(-5*time.Hour)
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-target-unavailable critical": {"backupstoragelocation default"}}}},
	{name: "the last run failed", damage: func(s *facts.Snapshot) { ran(s, "Failed") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-failed error": {"schedule nightly"}}}},
	{name: "the last run hangs", damage: func(s *facts.Snapshot) { ran(s, "InProgress") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-stuck error": {"schedule nightly"}}}},
	{name: "the schedule was deleted, and the backups expire", damage: func(s *facts.Snapshot) { s.Kube.Velero.Schedules = nil },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-expiring warning": {"backup nightly"}}}},
	{name: "only the homes of running servers are in it", damage: func(s *facts.Snapshot) { only(s, claim5, "claim-student-0010") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-partial-coverage critical": {"backup nightly"}}}},
	{name: "by the data mover", damage: byDataMover},
	{name: "by the data mover, and only two homes are in it", damage: func(s *facts.Snapshot) {
		byDataMover(s)
		only(s, claim5, "claim-student-0010")
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-partial-coverage critical": {"backup nightly"}}}},
	{name: "the storage is MinIO in the cluster", damage: func(s *facts.Snapshot) {
		s.Kube.Velero.Locations[0].URL += "?endpoint=http://minio.velero.svc:9000"
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-same-domain error": {"hub datahub"}}}},
}

// ofNewestRun is a damage whose subjects name Velero's newest run.
func ofNewestRun(d damage) damage {
	run := "backup nightly-" + world.Now.Format("20060102") + "010000"
	fail := map[string][]string{}
	for check, subjects := range d.want.Fail {
		fail[check] = slices.Clone(subjects)
		for i := range subjects {
			if subjects[i] == "backup nightly" {
				fail[check][i] = run
			}
		}
	}
	d.want.Fail = fail
	return d
}

// TestVeleroBackups breaks Velero's backups, which are all there are, in one way
// after another, on its own CRDs and with the chart's rights.
func TestVeleroBackups(t *testing.T) {
	st := mainStage(t)
	st.Apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": world.VeleroNamespace}})
	healthy := backedUpBy(byFile)
	s := healthy(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	var list []damage
	for _, d := range veleroBackups {
		list = append(list, ofNewestRun(d))
	}
	st.breakEach(t, p, healthy, outcome{}, list)
}

var k8upBackups = []damage{
	{name: "the schedule has no part for backups any more", damage: func(s *facts.Snapshot) {
		aged(s)
		s.Kube.K8up.Schedules[0].Cron = ""
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-target-unset critical": {lhTarget}}}}, // nothing else is told to
	{name: "the last run failed", damage: func(s *facts.Snapshot) {
		aged(s)
		s.Kube.K8up.Succeeded = nil
		s.Kube.K8up.Failed = map[string]facts.Attempt{world.Namespace: {Name: "nightly-x7", Phase: "Failed", Error: "repository is locked", Since: s.Now.Add(-60 * time.Hour)}}
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-failed error": {"backup nightly-x7"}}}},
}

// TestK8upBackups is the same of K8up.
func TestK8upBackups(t *testing.T) {
	st := mainStage(t)
	healthy := backedUpBy(world.WithK8up)
	s := healthy(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	st.breakEach(t, p, healthy, outcome{}, k8upBackups)
}

var snapshotBackups = []damage{
	{name: "snapshots beside them that go with their VolumeSnapshots", damage: func(s *facts.Snapshot) {
		world.WithSnapshots(s)
		deletable(s)
	}},
	{name: "a snapshot beside them that is not ready", damage: func(s *facts.Snapshot) {
		s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: world.Namespace, Name: claim3 + "-now", Claim: claim3, Error: "rpc error: no space"})
	}, want: outcome{Status: 1, Fail: map[string][]string{"snapshot-not-ready warning": {"volumesnapshot " + claim3 + "-now"}}}},
	{name: "snapshots are all there is", damage: func(s *facts.Snapshot) { *s = *backedUpBy(world.WithSnapshots)(s.Now) },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-same-domain error": {"hub datahub"}}}},
	{name: "and go with their VolumeSnapshots", damage: func(s *facts.Snapshot) {
		*s = *backedUpBy(world.WithSnapshots)(s.Now)
		deletable(s)
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-same-domain error": {"hub datahub"},
		"snapshot-delete-policy warning": {"volumesnapshotclass longhorn-snapshots"}}}},
}

func deletable(s *facts.Snapshot) {
	for i := range s.Kube.SnapshotContents {
		s.Kube.SnapshotContents[i].DeletionPolicy = "Delete"
	}
}

// TestSnapshotBackups takes VolumeSnapshots, beside Longhorn's backups and instead.
func TestSnapshotBackups(t *testing.T) {
	st := mainStage(t)
	s := backedUpWorld(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	st.breakEach(t, p, backedUpWorld, outcome{}, snapshotBackups)
}
