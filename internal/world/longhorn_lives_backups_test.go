package world_test

import (
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// aNight is how old a backup may be that a nightly job makes: a day, and two
// hours for the job to get to it.
const aNight = 26 * time.Hour

// lacks tells whether a home is without a current backup: it was used since the
// newest one, and a night was missed.
func (e *estate) lacks(v *facts.LHVolume) bool {
	newest, _ := e.NewestBackup(v.Name)
	return e.Snapshot.Now.Sub(v.Created.Time()) > aNight && newest.Before(e.lastUse(v)) && newest.Before(e.Snapshot.Now.Add(-aNight))
}

// lastUse is when a home was last used, as far as anyone can know: of a server
// whose machine went down the hub learns when it is back.
func (e *estate) lastUse(v *facts.LHVolume) time.Time {
	at := e.LastUsed(v.Name)
	for _, other := range []time.Time{v.Created.Time(), v.LastPodRefAt.Time()} {
		if other.After(at) {
			at = other
		}
	}
	if e.Runs(v.Name) {
		return e.Snapshot.Now
	}
	return at
}

// homesOf are the homes that a finding names.
func (e *estate) homesOf(f verdict.Finding) (homes []*facts.LHVolume) {
	claims := strings.Split(f.Details["claims"], ", ")
	for i := range e.Snapshot.Longhorn.Volumes {
		v := &e.Snapshot.Longhorn.Volumes[i]
		if f.Subject.Name == v.ClaimName || slices.Contains(claims, v.ClaimNamespace+"/"+v.ClaimName) {
			homes = append(homes, v)
		}
	}
	return homes
}

func (e *estate) allLack(f verdict.Finding) bool {
	homes := e.homesOf(f)
	return len(homes) > 0 && !slices.ContainsFunc(homes, func(v *facts.LHVolume) bool { return !e.lacks(v) })
}

// backupTruths are the findings about backups that a life may have.
var backupTruths = map[string]func(e *estate, f verdict.Finding) bool{
	"backup-stale": (*estate).allLack,
	"backup-none":  (*estate).allLack,
	"backup-skips-detached": func(e *estate, f verdict.Finding) bool {
		return e.Snapshot.Longhorn.Settings["allow-recurring-job-while-volume-detached"] == "false" && e.allLack(f)
	},
	"backup-target-unavailable": func(e *estate, f verdict.Finding) bool {
		t := &e.Snapshot.Longhorn.BackupTargets[0]
		return !t.Available && e.Snapshot.Now.Sub(t.Since) >= grace
	},
	"backup-failed": func(e *estate, f verdict.Finding) bool {
		return e.Failing() && (f.Severity != verdict.Error || f.Subject.Kind == "cronjob" || e.allLack(f))
	},
	"backup-stuck": func(e *estate, f verdict.Finding) bool { return e.Running() > 24*time.Hour },
	"backup-size-collapse": func(e *estate, f verdict.Finding) bool {
		return !slices.ContainsFunc(e.homesOf(f), func(v *facts.LHVolume) bool {
			_, whole := e.NewestBackup(v.Name)
			return whole
		})
	},
}

func init() {
	for check, why := range backupTruths {
		truths[check] = why
	}
}

// lookForLapses: a home without a current backup is told, by one check of backups
// or by one that tells that its volume is lost.
func (e *estate) lookForLapses(verdicts []verdict.Verdict) {
	by := map[string]string{}
	for _, v := range verdicts {
		for _, f := range v.Findings {
			if !f.Severity.AtLeast(verdict.Warning) {
				continue
			}
			for _, home := range e.homesOf(f) {
				if strings.HasPrefix(v.Check, "backup-") || v.Check == "pvc-emptied" {
					by[home.Name] = v.Check
				}
			}
			if v.Check == "lh-no-usable-replica" || v.Check == "lh-blank-attach-risk" {
				by[f.Subject.Name] = v.Check
			}
		}
	}
	for _, home := range e.Homes() {
		v := e.Volume(home)
		if e.lacks(v) && by[home] == "" && !e.Backing(home) && !v.Restoring && v.CloneState != "initiated" && v.ActualBytes > 0 {
			newest, _ := e.NewestBackup(home)
			e.say("a lapse of backups is missed: %s has one of %s and was used at %s", home, newest.Format("02 15:04"), e.lastUse(v).Format("02 15:04"))
		}
	}
}

// trouble is something that goes wrong with the backups themselves, or is put
// right again.
func (e *estate) trouble() {
	s := e.Snapshot
	switch e.c.n(3) {
	case 0:
		e.CutTarget(s.Longhorn.BackupTargets[0].Available)
		e.note("the backup target is available: %t", s.Longhorn.BackupTargets[0].Available)
	case 1:
		reach := s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] != "true"
		s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = map[bool]string{true: "true", false: "false"}[reach]
		e.note("the job reaches detached volumes: %t", reach)
	case 2:
		e.HangBackups(e.c.in(2))
		e.note("backups hang, or do not")
	}
}

// mendBackups puts right what trouble left.
func (e *estate) mendBackups() {
	e.CutTarget(false)
	e.EndHangingRun()
	e.Snapshot.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = "true"
}
