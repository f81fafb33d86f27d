package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// FromCluster finds, among what was read of the cluster, the copies that a
// backup system holds of the claim with a hub's database, or that a CronJob is
// known to have made; newest first. Where a system can hold none, or what was read
// cannot tell, it is a *source.Error, beside the copies that are known all the same.
func FromCluster(s *facts.Snapshot, b *facts.Backup) ([]facts.BackupCopy, error) {
	namespace, name, _ := strings.Cut(b.Location, "/")
	var copies []facts.BackupCopy
	var err error
	switch b.Kind {
	case facts.BackupSnapshots:
		copies, err = FromSnapshots(s.Kube.Snapshots, namespace, name), must(s, b, facts.KubeSnapshots)
	case facts.BackupLonghorn:
		copies, err = fromLonghorn(s, b, namespace, name)
	case facts.BackupVelero:
		copies, err = fromVelero(s, b, namespace, name)
	case facts.BackupK8up:
		copies, err = fromK8up(s, b, namespace, name)
	case facts.BackupCronJob:
		copies, err = fromCronJob(s, b, namespace, name)
	}
	newestFirst(copies)
	return copies, err
}

// must fails unless all these sources were read.
func must(s *facts.Snapshot, b *facts.Backup, sources ...string) error {
	for _, name := range sources {
		switch src := s.Source(name); src.Status {
		case facts.Failed:
			return source.Failed(src.Cause, nil, "%s", src.Detail)
		case facts.Absent: // configured, yet there can be none: that is not by design
			return source.Failed(facts.CauseMissing, nil, "backup %s is configured as %s of %s, but %s", b.Name, kindText[b.Kind], b.Location, src.Detail)
		}
	}
	return nil
}

// may fails if one of these sources could not be read; they need not be there.
func may(s *facts.Snapshot, sources ...string) error {
	for _, name := range sources {
		if src := s.Source(name); src.Status == facts.Failed {
			return source.Failed(src.Cause, nil, "%s", src.Detail)
		}
	}
	return nil
}

var kindText = map[string]string{facts.BackupSnapshots: "VolumeSnapshots", facts.BackupLonghorn: "Longhorn's backups", facts.BackupVelero: "Velero's backups",
	facts.BackupK8up: "K8up's backups", facts.BackupCronJob: "the runs"}

// FromSnapshots are the VolumeSnapshots of a claim as backup copies, newest
// first. A snapshot's time is when the driver took it, and until that is known
// when it was asked for; one that the driver reports an error of is not ready.
func FromSnapshots(snaps []facts.VolumeSnapshot, namespace, claim string) []facts.BackupCopy {
	var copies []facts.BackupCopy
	for _, s := range snaps {
		if s.Namespace != namespace || s.Claim != claim {
			continue
		}
		taken := s.Taken
		if taken.IsZero() {
			taken = s.Created
		}
		copies = append(copies, facts.BackupCopy{Name: s.Name, Time: taken, SizeBytes: s.RestoreBytes,
			Ready: s.Ready && s.Error == "", Error: s.Error})
	}
	newestFirst(copies)
	return copies
}

// fromSeries are the backups by which the series of a claim are judged: the two
// newest good ones of each, the one that failed and the one that runs.
func fromSeries(all []facts.Series, of func(*facts.Series) bool) []facts.BackupCopy {
	var copies []facts.BackupCopy
	for i := range all {
		r := &all[i]
		if !of(r) {
			continue
		}
		for _, p := range []facts.Point{r.Newest, r.Previous} {
			if !p.Time.IsZero() {
				copies = append(copies, facts.BackupCopy{Name: p.Name, Time: p.Time, SizeBytes: p.SizeBytes, Ready: true})
			}
		}
		if f := r.Failed; f != nil {
			copies = append(copies, facts.BackupCopy{Name: f.Name, Time: f.Since, Error: cmp.Or(f.Error, f.Phase, "failed")})
		}
		if run := r.Running; run != nil {
			copies = append(copies, facts.BackupCopy{Name: run.Name, Time: run.Since})
		}
	}
	return copies
}

func fromVelero(s *facts.Snapshot, b *facts.Backup, namespace, claim string) ([]facts.BackupCopy, error) {
	systems := []string{facts.SystemVeleroFile, facts.SystemVeleroData, facts.SystemVeleroSnap}
	copies := fromSeries(s.Kube.Backups, func(r *facts.Series) bool {
		return slices.Contains(systems, r.System) && ofClaim(s, r, namespace, claim)
	})
	err := cmp.Or(must(s, b, facts.VeleroBackups), may(s, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.KubeSnapshotContents))
	if len(copies) > 0 || err != nil {
		return copies, err
	}
	for i := range s.Kube.Velero.Backups {
		if run := &s.Kube.Velero.Backups[i]; run.Good() && run.Unnamed() > 0 && run.Scope.Claims && run.Scope.Includes(namespace) {
			return nil, source.Failed(facts.CauseUnreadable, nil, "Velero's backup %s holds snapshots, but the API does not say of which claims, so whether %s is among them is not known; "+
				"let Velero move their data (snapshotMoveData), or name another place of copies", run.Name, claim)
		}
	}
	return nil, nil
}

// ofClaim tells whether a series is of a claim, by its name or its volume's handle.
func ofClaim(s *facts.Snapshot, r *facts.Series, namespace, claim string) bool {
	if r.Claim != "" {
		return r.Namespace == namespace && r.Claim == claim
	}
	v := volumeOf(s, namespace, claim)
	return v != nil && r.Volume != "" && r.Volume == v.Handle
}

// volumeOf is the PersistentVolume of a claim, nil where it is not known.
func volumeOf(s *facts.Snapshot, namespace, claim string) *facts.Volume {
	c := slices.IndexFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Namespace == namespace && c.Name == claim })
	if c < 0 || s.Kube.Claims[c].VolumeName == "" {
		return nil
	}
	v := slices.IndexFunc(s.Kube.Volumes, func(v facts.Volume) bool { return v.Name == s.Kube.Claims[c].VolumeName })
	if v < 0 {
		return nil
	}
	return &s.Kube.Volumes[v]
}

func fromLonghorn(s *facts.Snapshot, b *facts.Backup, namespace, claim string) ([]facts.BackupCopy, error) {
	if err := must(s, b, facts.LonghornBackups); err != nil {
		return nil, err
	}
	volume := ""
	if v := volumeOf(s, namespace, claim); v != nil && v.Driver == facts.LonghornDriver {
		volume = v.Handle
	}
	for i := range s.Longhorn.Volumes { // what Longhorn remembers of a claim that is gone
		if v := &s.Longhorn.Volumes[i]; volume == "" && v.ClaimNamespace == namespace && v.ClaimName == claim {
			volume = v.Name
		}
	}
	if volume == "" {
		if err := may(s, facts.KubeClaims, facts.KubeVolumes, facts.LonghornVolumes); err != nil {
			return nil, err
		}
		return nil, source.Failed(facts.CauseMissing, nil, "backup %s is configured as Longhorn's backups of %s, but Longhorn has no volume of that claim; look at the claim's name and StorageClass", b.Name, b.Location)
	}
	return fromSeries(s.Longhorn.Backups, func(r *facts.Series) bool { return r.Volume == volume }), nil
}

func fromK8up(s *facts.Snapshot, b *facts.Backup, namespace, claim string) ([]facts.BackupCopy, error) {
	if err := cmp.Or(must(s, b, facts.K8upSnapshots), may(s, facts.K8upBackups)); err != nil {
		return nil, err
	}
	copies := fromSeries(s.Kube.Backups, func(r *facts.Series) bool {
		return r.System == facts.SystemK8up && r.Namespace == namespace && r.Claim == claim
	})
	if at, ran := s.Kube.K8up.Succeeded[namespace]; ran && len(copies) == 0 && !slices.ContainsFunc(s.Kube.Backups, func(r facts.Series) bool {
		return r.System == facts.SystemK8up && r.Namespace == namespace
	}) {
		return nil, source.Failed(facts.CauseUnreadable, nil, "K8up made a backup of namespace %s at %s, but keeps no list of what is in it (skipSnapshotsSync), so whether %s is among it is not known", namespace, at.Format("2006-01-02 15:04"), claim)
	}
	return copies, nil
}

// fromCronJob tells of the runs of a CronJob: the time of a copy is when its job
// ended well. Jobs are cleaned up; the CronJob itself remembers its last success.
func fromCronJob(s *facts.Snapshot, b *facts.Backup, namespace, name string) ([]facts.BackupCopy, error) {
	if err := must(s, b, facts.KubeCronJobs, facts.KubeJobs); err != nil {
		return nil, err
	}
	c := slices.IndexFunc(s.Kube.CronJobs, func(c facts.CronJob) bool { return c.Namespace == namespace && c.Name == name })
	if c < 0 {
		return nil, source.Failed(facts.CauseMissing, nil, "backup %s is configured as the runs of CronJob %s, but there is none in namespace %[3]s: `kubectl -n %[3]s get cronjobs` lists those that are", b.Name, name, namespace)
	}
	var copies []facts.BackupCopy
	remembered := s.Kube.CronJobs[c].LastSuccess
	for i := range s.Kube.Jobs {
		j := &s.Kube.Jobs[i]
		if j.Namespace != namespace || j.Owner != name {
			continue
		}
		if !j.Completed.Before(remembered) {
			remembered = time.Time{} // this job is the last success, or a later one
		}
		copies = append(copies, ofJob(j))
	}
	if !remembered.IsZero() {
		copies = append(copies, facts.BackupCopy{Name: "the last successful run", Time: remembered, Ready: true})
	}
	return copies, nil
}

// ofJob is a job as the copy that it made.
func ofJob(j *facts.Job) facts.BackupCopy {
	c := facts.BackupCopy{Name: "job " + j.Name, Time: cmp.Or(j.Completed, j.Created)}
	switch {
	case !j.FailedAt.IsZero():
		c.Error = fmt.Sprintf("the job failed at %s", j.FailedAt.Format("2006-01-02 15:04"))
	case !j.Active():
		c.Ready = true
	}
	return c
}
