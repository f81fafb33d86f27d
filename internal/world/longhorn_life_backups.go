package world

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// nightRun is a run of Longhorn's recurring job: one pod that backs up volume
// after volume, and forbids a second run beside it (app/recurringjob).
type nightRun struct {
	job   *facts.Job
	queue []string
	// volume is the one that is being backed up, "" between two; begun is zero until
	// its snapshot was taken.
	volume string
	asked  time.Time
	begun  time.Time
	taken  content
	size   int64
	failed bool
}

// madeBackup is a backup as it lies in the backup target.
type madeBackup struct {
	facts.Point
	content content
	whole   bool // it had the user's files
}

const (
	backupTime = 2 * time.Minute // of one volume
	attachWait = 10 * time.Minute
	failedTTL  = 24 * time.Hour // Longhorn's setting failed-backup-ttl, since 1.4
)

// nextNight is when the recurring job is due next after t.
func (l *LonghornLife) nextNight(t time.Time) time.Time {
	night := lastNight(t, l.nightHour()).Add(24 * time.Hour)
	return night
}

// nightHour is the time of the day, UTC, of the recurring job.
func (l *LonghornLife) nightHour() time.Duration {
	var minute, hour int
	cron := l.Snapshot.Longhorn.RecurringJobs[0].Cron
	if _, err := fmt.Sscanf(cron, "%d %d * * *", &minute, &hour); err != nil {
		panic("a life has one job every day, not " + cron)
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

// rememberNights takes over the backups that the world began with.
func (l *LonghornLife) rememberNights() {
	s := l.Snapshot
	job := &s.Longhorn.RecurringJobs[0]
	for i := range s.Longhorn.Backups {
		b := &s.Longhorn.Backups[i]
		of := l.volumes[b.Volume]
		of.backups = []madeBackup{{b.Previous, content{1, 0}, true}, {b.Newest, content{1, 1}, true}}
		for n := 2; n < b.Good; n++ {
			p := b.Previous
			p.Time = b.Newest.Time.AddDate(0, 0, -n)
			of.backups = slices.Insert(of.backups, 0, madeBackup{p, content{1, 0}, true})
		}
	}
	l.scheduled = lastNight(s.Now, l.nightHour())
	s.Kube.CronJobs = append(s.Kube.CronJobs, facts.CronJob{Namespace: s.Longhorn.Namespace, Name: job.Name, Schedule: job.Cron,
		LastSchedule: l.scheduled, LastSuccess: l.scheduled.Add(10 * time.Minute)})
	l.ended = &facts.Job{Namespace: s.Longhorn.Namespace, Name: fmt.Sprintf("%s-%d", job.Name, l.scheduled.Unix()/60), Owner: job.Name,
		Created: l.scheduled, Completed: l.cronJob().LastSuccess, Succeeded: 1}
}

func (l *LonghornLife) cronJob() *facts.CronJob { return &l.Snapshot.Kube.CronJobs[0] }

// runJobs is a minute of the recurring job.
func (l *LonghornLife) runJobs() {
	if due := lastNight(l.Snapshot.Now, l.nightHour()); l.run == nil && due.After(l.scheduled) {
		l.startRun(due)
	}
	if l.run == nil {
		return
	}
	if l.run.volume == "" {
		l.nextVolume()
	}
	if l.run.volume == "" {
		l.endRun()
		return
	}
	l.backUpOne(l.volume(l.run.volume))
}

// startRun chooses the volumes (filterVolumesForJob): those that are attached or
// may be attached for it, and neither faulted nor being restored.
func (l *LonghornLife) startRun(due time.Time) {
	s := l.Snapshot
	job := &s.Longhorn.RecurringJobs[0]
	l.scheduled, l.cronJob().LastSchedule = due, due
	l.run = &nightRun{job: &facts.Job{Namespace: s.Longhorn.Namespace, Name: fmt.Sprintf("%s-%d", job.Name, due.Unix()/60), Owner: job.Name, Created: s.Now}}
	if l.minor >= 7 {
		job.Executions++
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.Robustness != "faulted" && !v.Restoring && (v.State == "attached" || s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] == "true") {
			l.run.queue = append(l.run.queue, v.Name)
		}
	}
}

// nextVolume takes the next one up. One that is neither attached nor detached is
// left out with a line in a log, and before 1.5 one that was not written to since
// its newest backup with none.
func (l *LonghornLife) nextVolume() {
	r := l.run
	for len(r.queue) > 0 {
		v := l.volume(r.queue[0])
		r.queue = r.queue[1:]
		switch {
		case v == nil:
		case v.State != "attached" && v.State != "detached":
			r.failed = true
		case l.minor < 5 && l.unchanged(v):
		default:
			r.volume, r.asked, r.begun = v.Name, l.Snapshot.Now, time.Time{}
			return
		}
	}
}

func (l *LonghornLife) unchanged(v *facts.LHVolume) bool {
	of := l.volumes[v.Name]
	return len(of.backups) > 0 && of.backups[len(of.backups)-1].content == of.holds
}

// backUpOne is a minute of one volume's backup.
func (l *LonghornLife) backUpOne(v *facts.LHVolume) {
	r, now := l.run, l.Snapshot.Now
	switch {
	case v == nil:
		r.volume, r.failed = "", true
	case r.begun.IsZero() && v.State == "attached" && v.Robustness != "unknown":
		r.begun, r.taken, r.size = now, l.snapshotOf(v), v.ActualBytes
		if !l.target().Available {
			l.failBackup(v, "the backup target cannot be reached")
			return
		}
		l.volumes[v.Name].running = &facts.Attempt{Name: l.backupName(v), Since: now, Phase: "InProgress"}
		l.writeBackups(v)
	case r.begun.IsZero() && now.Sub(r.asked) > attachWait:
		r.volume, r.failed = "", true // the snapshot was never made, and so no Backup
	case r.begun.IsZero():
	case v.State != "attached" || v.Robustness == "unknown":
		l.failBackup(v, "the volume was detached in the middle")
	case !l.target().Available:
		l.failBackup(v, "the backup target cannot be reached")
	case l.hung || now.Sub(r.begun) < backupTime:
	default:
		l.endBackup(v)
	}
}

// snapshotOf is what a snapshot of a volume holds: what its readers find.
func (l *LonghornLife) snapshotOf(v *facts.LHVolume) content {
	if l.served(v).made == 0 {
		return content{}
	}
	return l.volumes[v.Name].holds
}

func (l *LonghornLife) backupName(v *facts.LHVolume) string {
	return "backup-" + madeUpUID(v.Name, timestamp(l.run.begun))[:13]
}

func (l *LonghornLife) failBackup(v *facts.LHVolume, why string) {
	of := l.volumes[v.Name]
	of.failed = &facts.Attempt{Name: l.backupName(v), Since: l.run.begun, Phase: "Error", Error: why}
	of.running = nil
	l.run.volume, l.run.failed = "", true
	l.writeBackups(v)
}

// endBackup keeps a good backup, and as many before as the job retains.
func (l *LonghornLife) endBackup(v *facts.LHVolume) {
	of := l.volumes[v.Name]
	p := facts.Point{Name: l.backupName(v), Time: l.run.begun, SizeBytes: l.run.size, Target: BackupTarget}
	of.backups = append(of.backups, madeBackup{p, l.run.taken, l.run.taken.made == of.owed})
	of.backups = of.backups[max(0, len(of.backups)-keptBackups):]
	of.failed, of.running, l.run.volume = nil, nil, ""
	l.writeBackups(v)
}

// endRun ends the Job. From 1.10 on it succeeds whatever became of its volumes.
func (l *LonghornLife) endRun() {
	job := l.run.job
	if l.run.failed && l.minor < 10 {
		job.FailedAt, job.Failed = l.Snapshot.Now, 4
	} else {
		job.Completed, job.Succeeded = l.Snapshot.Now, 1
		l.cronJob().LastSuccess = l.Snapshot.Now
	}
	l.ended, l.run = job, nil
}

// writeBackups puts down what Longhorn records of a volume's backups.
func (l *LonghornLife) writeBackups(v *facts.LHVolume) {
	s, of := l.Snapshot, l.volumes[v.Name]
	forgetBackups(s, v)
	b := facts.Series{System: facts.SystemLonghorn, Volume: v.Name, Good: len(of.backups), Failed: of.failed, Running: of.running}
	if b.Good == 0 {
		if of.failed != nil || of.running != nil {
			s.Longhorn.Backups = append(s.Longhorn.Backups, b)
		}
		return
	}
	b.Newest, b.Oldest = of.backups[b.Good-1].Point, of.backups[0].Time
	if b.Good > 1 {
		b.Previous = of.backups[b.Good-2].Point
	}
	s.Longhorn.Backups = append(s.Longhorn.Backups, b)
	s.Longhorn.BackupVolumes = append(s.Longhorn.BackupVolumes, backupVolumeOf(s, v))
	recordBackup(s, v, b.Newest, &s.Longhorn.BackupVolumes[len(s.Longhorn.BackupVolumes)-1])
}

// recordJobs puts the newest Jobs down, and forgets failed backups in their time.
func (l *LonghornLife) recordJobs() {
	s := l.Snapshot
	s.Kube.Jobs = nil
	if l.ended != nil {
		s.Kube.Jobs = append(s.Kube.Jobs, *l.ended)
	}
	if l.run != nil {
		s.Kube.Jobs = append(s.Kube.Jobs, *l.run.job)
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if of := l.volumes[v.Name]; l.minor >= 4 && of.failed != nil && s.Now.Sub(of.failed.Since) > failedTTL {
			of.failed = nil
			l.writeBackups(v)
		}
	}
	pollTargets(s)
}

func (l *LonghornLife) target() *facts.LHBackupTarget { return &l.Snapshot.Longhorn.BackupTargets[0] }

// CutTarget takes the backup target away or brings it back.
func (l *LonghornLife) CutTarget(away bool) {
	t := l.target()
	if t.Available == !away {
		return
	}
	t.Available, t.Since, t.Reason = !away, l.Snapshot.Now, ""
	if away {
		t.Reason = "failed to list backup volumes: dial tcp: i/o timeout"
	}
}

// HangBackups has no backup end any more, or lets those to come end again.
func (l *LonghornLife) HangBackups(hang bool) { l.hung = hang }

// EndHangingRun is what an operator does: deletes the Backup that hangs, and the
// Job that waits for it. Of the Job nothing is left then.
func (l *LonghornLife) EndHangingRun() {
	if !l.hung || l.run == nil {
		l.hung = false
		return
	}
	l.hung, l.ended = false, nil
	if v := l.volume(l.run.volume); v != nil {
		l.volumes[v.Name].running = nil
		l.writeBackups(v)
	}
	l.run = nil
}

// wantsBackup tells whether the job has a volume attached, or wants it to be.
func (l *LonghornLife) wantsBackup(v *facts.LHVolume) bool {
	return l.run != nil && l.run.volume == v.Name
}

// NewestBackup is when the newest good backup of a volume was taken, zero for
// never, and whether it has the user's files.
func (l *LonghornLife) NewestBackup(volume string) (at time.Time, whole bool) {
	of := l.volumes[volume]
	if n := len(of.backups); n > 0 {
		return of.backups[n-1].Time, of.backups[n-1].whole
	}
	return at, false
}

// LastUsed is when a pod last had a volume mounted, zero for never.
func (l *LonghornLife) LastUsed(volume string) time.Time { return l.volumes[volume].used }

// Backing tells whether a volume is being backed up, or still to be in the run
// that goes on.
func (l *LonghornLife) Backing(volume string) bool {
	return l.run != nil && (l.run.volume == volume || slices.Contains(l.run.queue, volume))
}

// Failing tells whether a backup on record failed, or the newest run, or nothing
// is left of that.
func (l *LonghornLife) Failing() bool {
	if l.ended == nil || !l.ended.FailedAt.IsZero() {
		return true
	}
	for _, of := range l.volumes {
		if of.failed != nil {
			return true
		}
	}
	return false
}

// Running is for how long the run of the recurring job has gone on, 0 if none does.
func (l *LonghornLife) Running() time.Duration {
	if l.run == nil {
		return 0
	}
	return l.Snapshot.Now.Sub(l.run.job.Created)
}
