package world

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// keptBackups is how many backups Longhorn keeps of each volume.
const keptBackups = 7

// BackUp gives a Longhorn volume one more good backup: of its data at a time
// after its newest one.
func BackUp(s *facts.Snapshot, v *facts.LHVolume, at time.Time) {
	l := &s.Longhorn
	i := slices.IndexFunc(l.Backups, func(b facts.Series) bool { return b.Volume == v.Name })
	j := slices.IndexFunc(l.BackupVolumes, func(b facts.LHBackupVolume) bool { return b.Volume == v.Name })
	if i < 0 || j < 0 {
		forgetBackups(s, v)
		addBackups(s, v, at, 1)
		return
	}
	b := &l.Backups[i]
	b.Newest, b.Previous = backupPoint(v, at), b.Newest
	if b.Good < keptBackups {
		b.Good++
	} else {
		b.Oldest = earliest(at.AddDate(0, 0, 1-keptBackups), b.Previous.Time)
	}
	b.Failed, b.Running = nil, nil
	recordBackup(s, v, b.Newest, &l.BackupVolumes[j])
}

// LastBackup makes the newest good backup of a Longhorn volume one of a time,
// with one of each night before since the volume was made; if that is zero, it
// was never backed up.
func LastBackup(s *facts.Snapshot, v *facts.LHVolume, at time.Time) {
	forgetBackups(s, v)
	if !at.IsZero() {
		addBackups(s, v, at, keptBackups)
	}
}

func forgetBackups(s *facts.Snapshot, v *facts.LHVolume) {
	l := &s.Longhorn
	v.LastBackupAt = 0
	l.Backups = slices.DeleteFunc(l.Backups, func(b facts.Series) bool { return b.Volume == v.Name })
	l.BackupVolumes = slices.DeleteFunc(l.BackupVolumes, func(b facts.LHBackupVolume) bool { return b.Volume == v.Name })
}

// addBackups gives a volume that has none up to so many nightly backups, of which
// the newest is of a time.
func addBackups(s *facts.Snapshot, v *facts.LHVolume, at time.Time, nights int) {
	b := facts.Series{System: facts.SystemLonghorn, Volume: v.Name, Newest: backupPoint(v, at), Good: 1, Oldest: at}
	for b.Good < nights && at.AddDate(0, 0, -b.Good).After(v.Created.Time()) {
		b.Oldest = at.AddDate(0, 0, -b.Good)
		if b.Good++; b.Good == 2 {
			b.Previous = backupPoint(v, b.Oldest)
		}
	}
	s.Longhorn.Backups = append(s.Longhorn.Backups, b)
	s.Longhorn.BackupVolumes = append(s.Longhorn.BackupVolumes, backupVolumeOf(s, v))
	recordBackup(s, v, b.Newest, &s.Longhorn.BackupVolumes[len(s.Longhorn.BackupVolumes)-1])
}

// NoBackups takes away all of Longhorn's backups: no volume was ever backed up.
func NoBackups(s *facts.Snapshot) {
	for i := range s.Longhorn.Volumes {
		s.Longhorn.Volumes[i].LastBackupAt = 0
	}
	s.Longhorn.Backups, s.Longhorn.BackupVolumes = nil, nil
	Settle(s)
}

// backUpAll makes the newest backup of each volume one of a time, if there was the
// volume then, by a job of that time of the day.
func backUpAll(s *facts.Snapshot, at time.Time) {
	s.Longhorn.Backups, s.Longhorn.BackupVolumes = nil, nil
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.LastBackupAt = 0; v.Created.Time().Before(at) {
			addBackups(s, v, at, keptBackups)
		}
	}
	for i := range s.Longhorn.RecurringJobs {
		s.Longhorn.RecurringJobs[i].Cron = fmt.Sprintf("%d %d * * *", at.Minute(), at.Hour())
	}
	pollTargets(s)
	Settle(s)
}

// pollTargets has Longhorn look into its backup targets shortly before now.
func pollTargets(s *facts.Snapshot) {
	at := s.Now.Add(-2 * time.Minute)
	for i := range s.Longhorn.BackupTargets {
		if t := &s.Longhorn.BackupTargets[i]; t.Available {
			t.LastSyncedAt = at
		}
	}
	for i := range s.Longhorn.BackupVolumes {
		s.Longhorn.BackupVolumes[i].LastSyncedAt = at
	}
}

func backupPoint(v *facts.LHVolume, at time.Time) facts.Point {
	return facts.Point{Name: "backup-" + madeUpUID(v.Name, timestamp(at))[:13], Time: at, SizeBytes: v.ActualBytes, Target: BackupTarget}
}

func backupVolumeOf(s *facts.Snapshot, v *facts.LHVolume) facts.LHBackupVolume {
	return facts.LHBackupVolume{Name: releaseOf(s.Longhorn.Version).backupVolume(v.Name), Volume: v.Name, Target: BackupTarget}
}

// recordBackup writes down a volume's newest backup where Longhorn does.
func recordBackup(s *facts.Snapshot, v *facts.LHVolume, newest facts.Point, in *facts.LHBackupVolume) {
	v.LastBackupAt = facts.At(newest.Time)
	in.LastBackup, in.LastBackupAt, in.LastSyncedAt, in.StoredBytes = newest.Name, newest.Time, s.Now.Add(-2*time.Minute), v.ActualBytes
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
