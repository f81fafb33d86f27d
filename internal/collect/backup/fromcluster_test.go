package backup

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// clusterWith is a snapshot in which everything about backups was read, with a
// hub's claim db on a Longhorn volume.
func clusterWith(change func(*facts.Snapshot)) *facts.Snapshot {
	s := &facts.Snapshot{Now: night.AddDate(0, 0, 1)}
	for _, name := range []string{facts.KubeClaims, facts.KubeVolumes, facts.KubeSnapshots, facts.KubeCronJobs, facts.KubeJobs, facts.LonghornVolumes, facts.LonghornBackups,
		facts.VeleroBackups, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.K8upSnapshots, facts.K8upBackups} {
		s.Sources = append(s.Sources, facts.Source{Name: name, Status: facts.OK})
	}
	s.Kube.Claims = []facts.Claim{{Namespace: "lab", Name: "db", VolumeName: "pv-2"}, {Namespace: "hub", Name: "db", VolumeName: "pv-1"}, {Namespace: "hub", Name: "pending"}}
	s.Kube.Volumes = []facts.Volume{{Name: "pv-2", Driver: facts.LonghornDriver, Handle: "vol-2"}, {Name: "pv-1", Driver: facts.LonghornDriver, Handle: "vol-1"}}
	change(s)
	return s
}

func setSource(s *facts.Snapshot, src facts.Source) {
	for i := range s.Sources {
		if s.Sources[i].Name == src.Name {
			s.Sources[i] = src
		}
	}
}

// series has two good backups, one that failed and one that runs.
func series(r facts.Series) facts.Series {
	r.Newest = facts.Point{Name: r.System + "-2", Time: night, SizeBytes: 7}
	r.Previous = facts.Point{Name: r.System + "-1", Time: night.AddDate(0, 0, -1)}
	r.Failed = &facts.Attempt{Name: r.System + "-3", Since: night.Add(time.Hour), Phase: "Error", Error: "no space"}
	r.Running = &facts.Attempt{Name: r.System + "-4", Since: night.Add(2 * time.Hour), Phase: "InProgress"}
	return r
}

// copiesOf are series's as copies.
func copiesOf(system string) []facts.BackupCopy {
	return []facts.BackupCopy{
		{Name: system + "-4", Time: night.Add(2 * time.Hour)},
		{Name: system + "-3", Time: night.Add(time.Hour), Error: "no space"},
		{Name: system + "-2", Time: night, SizeBytes: 7, Ready: true},
		{Name: system + "-1", Time: night.AddDate(0, 0, -1), Ready: true},
	}
}

func TestFromCluster(t *testing.T) {
	for name, tt := range map[string]struct {
		kind, location string
		change         func(*facts.Snapshot)
		want           []facts.BackupCopy
	}{
		"longhorn": {facts.BackupLonghorn, "hub/db", func(s *facts.Snapshot) {
			s.Longhorn.Backups = []facts.Series{series(facts.Series{System: "longhorn", Volume: "vol-1"}), {System: "longhorn", Volume: "vol-2", Newest: facts.Point{Name: "x", Time: night}}}
		}, copiesOf("longhorn")},
		"longhorn, claim gone": {facts.BackupLonghorn, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Claims = nil
			s.Longhorn.Volumes = []facts.LHVolume{{Name: "vol-9", ClaimNamespace: "hub", ClaimName: "db"}}
			s.Longhorn.Backups = []facts.Series{series(facts.Series{System: "longhorn", Volume: "vol-9"})}
		}, copiesOf("longhorn")},
		"longhorn, none yet": {facts.BackupLonghorn, "hub/db", func(*facts.Snapshot) {}, nil},
		"velero by file": {facts.BackupVelero, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Backups = []facts.Series{series(facts.Series{System: facts.SystemVeleroFile, Namespace: "hub", Claim: "db"}),
				series(facts.Series{System: facts.SystemVeleroFile, Namespace: "lab", Claim: "db"}), series(facts.Series{System: facts.SystemK8up, Namespace: "hub", Claim: "db"})}
		}, copiesOf(facts.SystemVeleroFile)},
		"velero, whose snapshots were of another namespace": {facts.BackupVelero, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Velero.Backups = []facts.VeleroBackup{{Name: "nightly-1", Phase: "Completed", CSISnapshots: 3, Scope: facts.VeleroScope{Claims: true, Namespaces: []string{"lab"}}}}
		}, nil},
		"velero by handle": {facts.BackupVelero, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Backups = []facts.Series{series(facts.Series{System: facts.SystemVeleroSnap, Volume: "vol-1"}), series(facts.Series{System: facts.SystemVeleroSnap, Volume: "vol-2"})}
		}, copiesOf(facts.SystemVeleroSnap)},
		"k8up": {facts.BackupK8up, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Backups = []facts.Series{series(facts.Series{System: facts.SystemK8up, Namespace: "hub", Claim: "db"})}
			s.Kube.K8up.Succeeded = map[string]time.Time{"hub": night}
		}, copiesOf(facts.SystemK8up)},
		"k8up, another claim's only": {facts.BackupK8up, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Backups = []facts.Series{series(facts.Series{System: facts.SystemK8up, Namespace: "hub", Claim: "other"})}
			s.Kube.K8up.Succeeded = map[string]time.Time{"hub": night}
		}, nil},
		"cronjob": {facts.BackupCronJob, "hub/dump", func(s *facts.Snapshot) {
			s.Kube.CronJobs = []facts.CronJob{{Namespace: "lab", Name: "dump", LastSuccess: night.AddDate(0, 1, 0)}, {Namespace: "hub", Name: "dump", LastSuccess: night}}
			s.Kube.Jobs = []facts.Job{
				{Namespace: "hub", Name: "dump-1", Owner: "dump", Created: night.Add(-24 * time.Hour), FailedAt: night.Add(-23 * time.Hour), Failed: 3},
				{Namespace: "hub", Name: "dump-2", Owner: "dump", Created: night.Add(-time.Minute), Completed: night, Succeeded: 1, Failed: 1},
				{Namespace: "hub", Name: "dump-3", Owner: "dump", Created: night.Add(time.Hour), Failed: 1},
				{Namespace: "hub", Name: "other", Owner: "other", Created: night, Completed: night, Succeeded: 1}}
		}, []facts.BackupCopy{{Name: "job dump-3", Time: night.Add(time.Hour)}, {Name: "job dump-2", Time: night, Ready: true},
			{Name: "job dump-1", Time: night.Add(-24 * time.Hour), Error: "the job failed at 2026-11-19 04:00"}}},
		"cronjob without jobs": {facts.BackupCronJob, "hub/dump", func(s *facts.Snapshot) {
			s.Kube.CronJobs = []facts.CronJob{{Namespace: "hub", Name: "dump", LastSuccess: night}}
		}, []facts.BackupCopy{{Name: "the last successful run", Time: night, Ready: true}}},
		"cronjob that never ran": {facts.BackupCronJob, "hub/dump", func(s *facts.Snapshot) {
			s.Kube.CronJobs = []facts.CronJob{{Namespace: "hub", Name: "dump"}}
		}, nil},
	} {
		got, err := FromCluster(clusterWith(tt.change), &facts.Backup{Name: "b", Kind: tt.kind, Location: tt.location})
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestFromClusterFailures(t *testing.T) {
	failed := func(name string) func(*facts.Snapshot) {
		return func(s *facts.Snapshot) {
			setSource(s, facts.Source{Name: name, Status: facts.Failed, Cause: facts.CauseForbidden, Detail: "may not list"})
		}
	}
	absent := func(name string) func(*facts.Snapshot) {
		return func(s *facts.Snapshot) {
			setSource(s, facts.Source{Name: name, Status: facts.Absent, Detail: "the cluster has none"})
		}
	}
	for name, tt := range map[string]struct {
		kind, location string
		change         func(*facts.Snapshot)
		cause          facts.Cause
		says           string
	}{
		"snapshots not read":      {facts.BackupSnapshots, "hub/db", failed(facts.KubeSnapshots), facts.CauseForbidden, "may not list"},
		"no snapshots here":       {facts.BackupSnapshots, "hub/db", absent(facts.KubeSnapshots), facts.CauseMissing, "is configured as VolumeSnapshots of hub/db, but the cluster has none"},
		"no Longhorn":             {facts.BackupLonghorn, "hub/db", absent(facts.LonghornBackups), facts.CauseMissing, "Longhorn's backups of hub/db"},
		"another driver's volume": {facts.BackupLonghorn, "hub/pending", func(*facts.Snapshot) {}, facts.CauseMissing, "has no volume of that claim"},
		"claims not read": {facts.BackupLonghorn, "hub/db", func(s *facts.Snapshot) {
			failed(facts.KubeClaims)(s)
			s.Kube.Claims = nil
		}, facts.CauseForbidden, "may not list"},
		"uploads not read": {facts.BackupVelero, "hub/db", failed(facts.VeleroDataUploads), facts.CauseForbidden, "may not list"},
		"no Velero":        {facts.BackupVelero, "hub/db", absent(facts.VeleroBackups), facts.CauseMissing, "Velero's backups of hub/db"},
		"Velero's snapshots may be of any claim": {facts.BackupVelero, "hub/db", func(s *facts.Snapshot) {
			s.Kube.Velero.Backups = []facts.VeleroBackup{{Name: "nightly-1", Phase: "Completed", CSISnapshots: 3, Scope: facts.VeleroScope{Claims: true}}}
		}, facts.CauseUnreadable, "does not say of which claims"},
		"K8up keeps no list": {facts.BackupK8up, "hub/db", func(s *facts.Snapshot) {
			s.Kube.K8up.Succeeded = map[string]time.Time{"hub": night}
		}, facts.CauseUnreadable, "keeps no list of what is in it"},
		"no such CronJob": {facts.BackupCronJob, "hub/dump", func(*facts.Snapshot) {}, facts.CauseMissing, "there is none in namespace hub"},
		"jobs not read":   {facts.BackupCronJob, "hub/dump", failed(facts.KubeJobs), facts.CauseForbidden, "may not list"},
	} {
		_, err := FromCluster(clusterWith(tt.change), &facts.Backup{Name: "b", Kind: tt.kind, Location: tt.location})
		wantFailure(t, name, err, tt.cause, tt.says)
	}
	// What needs not be there may be absent, as DataUploads before Velero 1.12.
	if _, err := FromCluster(clusterWith(absent(facts.VeleroDataUploads)), &facts.Backup{Name: "b", Kind: facts.BackupVelero, Location: "hub/db"}); err != nil {
		t.Error(err)
	}
}
