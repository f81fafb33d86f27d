package world_test

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// agree holds that what Longhorn says of a volume's last backup is the same in
// all places, and that its series can be.
func agree(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	newest, stored := map[string]time.Time{}, map[string]time.Time{}
	for _, b := range s.Longhorn.Backups {
		newest[b.Volume] = b.Newest.Time
		if b.Good < 1 || b.Good == 1 && !b.Oldest.Equal(b.Newest.Time) || b.Good > 1 && !b.Previous.Time.Before(b.Newest.Time) ||
			b.Good > 2 && !b.Oldest.Before(b.Previous.Time) || b.Newest.Time.After(s.Now) {
			t.Errorf("%s has %+v", b.Volume, b)
		}
	}
	for _, b := range s.Longhorn.BackupVolumes {
		stored[b.Volume] = b.LastBackupAt
	}
	for _, v := range s.Longhorn.Volumes {
		if at := v.LastBackupAt.Time(); !at.Equal(newest[v.Name]) || !at.Equal(stored[v.Name]) {
			t.Errorf("volume %s was backed up at %s, its newest backup is of %s, its backup volume says %s", v.Name, at, newest[v.Name], stored[v.Name])
		}
	}
	for _, b := range s.Longhorn.BackupTargets {
		if age := s.Now.Sub(b.LastSyncedAt); b.Available && (age < 0 || age > 3*b.PollInterval) {
			t.Errorf("target %s was looked into %s ago", b.Name, age)
		}
	}
}

func TestBackupsAgree(t *testing.T) {
	for _, incident := range world.Incidents() {
		for _, stage := range incident.Stages {
			t.Run(incident.Name+"/"+stage.Name, func(t *testing.T) { agree(t, stage.Snapshot) })
		}
	}
	t.Run("a Longhorn that lives", func(t *testing.T) {
		l := world.NewLonghornLife(world.Small, "v1.4.3")
		for range 3 {
			l.Pass(26 * time.Hour)
			agree(t, l.Snapshot)
		}
	})
}

func TestBackUp(t *testing.T) {
	s := world.Healthy(world.Small)
	v, at := &s.Longhorn.Volumes[2], s.Now.Add(-30*time.Minute)
	series := func() facts.Series {
		for _, b := range s.Longhorn.Backups {
			if b.Volume == v.Name {
				return b
			}
		}
		return facts.Series{}
	}
	agree(t, s)
	night := v.LastBackupAt
	world.BackUp(s, v, at)
	if b := series(); !b.Newest.Time.Equal(at) || !b.Previous.Time.Equal(night.Time()) || b.Good != 7 {
		t.Errorf("one more: %+v", b)
	}
	agree(t, s)
	world.LastBackup(s, v, s.Now.AddDate(0, -1, 0))
	if b := series(); !b.Newest.Time.Equal(s.Now.AddDate(0, -1, 0)) || b.Good != 7 {
		t.Errorf("a month ago: %+v", b)
	}
	agree(t, s)
	world.LastBackup(s, v, time.Time{})
	if b := series(); b.Good != 0 || !v.LastBackupAt.IsZero() {
		t.Errorf("never: %+v", b)
	}
	agree(t, s)
	world.BackUp(s, v, at)
	if b := series(); b.Good != 1 || !b.Oldest.Equal(at) {
		t.Errorf("the first: %+v", b)
	}
	agree(t, s)
	world.NoBackups(s)
	if len(s.Longhorn.Backups)+len(s.Longhorn.BackupVolumes) > 0 || s.Source(facts.LonghornBackups).Total() != 0 {
		t.Error("there are backups left")
	}
	agree(t, s)
}
