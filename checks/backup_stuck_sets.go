package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// stuckSets are, by schedule, the oldest Velero Backups that hang of those
// schedules that cover a hub.
func (in *Input) stuckSets() map[claimKey]*facts.VeleroBackup {
	stuck := map[claimKey]*facts.VeleroBackup{}
	for i := range in.Kube.Velero.Backups {
		b := &in.Kube.Velero.Backups[i]
		k := claimKey{b.Namespace, b.Schedule}
		if !b.Running() || !in.hangs(backups.Taken(b)) || !in.coversHub(&b.Scope) || !in.scheduled(b) {
			continue
		}
		if have := stuck[k]; have == nil || backups.Later(have, b) {
			stuck[k] = b
		}
	}
	return stuck
}

// scheduled tells whether the Schedule that made a Velero Backup is still there.
func (in *Input) scheduled(b *facts.VeleroBackup) bool {
	return slices.ContainsFunc(in.Kube.Velero.Schedules, func(s facts.VeleroSchedule) bool { return s.Namespace == b.Namespace && s.Name == b.Schedule })
}

// homesOfRun are the homes without a current backup that a run is told with, and how
// many others it is about, which are told apart.
func (in *Input) homesOfRun(b *facts.VeleroBackup, cause homeCause) (told *toldHomes, left int) {
	told = in.toldHomes()
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		for i := range all {
			switch h := &all[i]; {
			case !h.lacks():
			case !h.plannedBy(b.Namespace, b.Schedule):
				if held := hub.held(h); isPart(held.Failed, b) || isPart(held.Running, b) {
					left++
				}
			case hub.toldElsewhere(h, cause):
				left++
			default:
				told.add(hub.Hub, h)
			}
		}
	})
	return told, left
}

// isPart tells whether an attempt was made in a run.
func isPart(a *facts.Attempt, of *facts.VeleroBackup) bool { return a != nil && a.Set == of.Name }

func (in *Input) stuckSet(b *facts.VeleroBackup) verdict.Finding {
	since := backups.Taken(b)
	f := verdict.Finding{Subject: verdict.Subject{Kind: "schedule", Name: b.Schedule, Namespace: b.Namespace}, Severity: verdict.Warning,
		Details: map[string]string{"backup": b.Name, "phase": cmp.Or(b.Phase, "New"), "since": text.Time(since)}}
	told, left := in.homesOfRun(b, stuck)
	f.Message = fmt.Sprintf("Velero's backup %s of schedule %s is %s since %s, %s ago", b.Name, b.Schedule, f.Details["phase"], text.Time(since), text.Duration(in.Now.Sub(since)))
	if b.Phase == "" || b.Phase == "New" || b.Phase == "InProgress" {
		f.Message += ", and the schedule makes no other one before it ends"
	}
	switch {
	case told.len() > 0:
		f.Severity = verdict.Error
		told.describe(f.Details)
		f.Message += fmt.Sprintf("; no current backup of %s; %s%s", told, told.backlog(), told.whose())
	case left > 0:
		f.Message += "; the homes without a current backup are reported with their own cause"
	default:
		f.Message += "; every home has a current backup all the same"
	}
	return f
}

// stuckJob is a Job that should have ended long ago.
type stuckJob struct {
	maker *maker
	job   *facts.Job
	// waits are the backups that hang which it waits for, told the homes that have
	// no current backup because of it.
	waits []string
	told  *toldHomes
}

// stuckJobs are the Jobs that hang, of CronJobs that make backups: the oldest of
// each.
func (in *Input) stuckJobs() []*stuckJob {
	var stuck []*stuckJob
	for _, m := range in.backupMakers() {
		patience := in.settingOf("backup-stuck", patienceParam)
		if period := m.period(in.Now); period > 0 {
			patience = min(patience, max(2*period, time.Hour))
		}
		for _, j := range slices.Backward(m.jobs) {
			if j.Active() && in.Now.Sub(j.Created) > patience {
				stuck = append(stuck, &stuckJob{maker: m, job: j, told: in.toldHomes()})
				break
			}
		}
	}
	return stuck
}

// jobOf is the Job that hangs of one of those plans, nil if none does.
func jobOf(jobs []*stuckJob, plans []backups.Plan) *stuckJob {
	for _, s := range jobs {
		if s.maker.recurring != nil && slices.ContainsFunc(plans, func(p backups.Plan) bool { return p.Kind == backups.RecurringJob && p.Name == s.maker.Name }) {
			return s
		}
	}
	return nil
}

// add notes a home that the Job should back up, and its unfinished backup.
func (s *stuckJob) add(hub *facts.Hub, h *homeBackup, a *facts.Attempt, hangs bool) {
	if hangs {
		s.waits = append(s.waits, a.Name)
	}
	if h.lacks() && (h.cause == stuck || hangs) {
		s.told.add(hub, h)
	}
}

func (in *Input) stuckJobFinding(s *stuckJob) verdict.Finding {
	f := verdict.Finding{Subject: s.maker.subject(), Severity: verdict.Error, Details: s.maker.details()}
	f.Details["job"], f.Details["since"] = s.job.Name, text.Time(s.job.Created)
	f.Message = fmt.Sprintf("Job %s/%s of CronJob %s, %s, has run since %s, for %s", s.job.Namespace, s.job.Name, s.maker.Name, s.maker.what(),
		text.Time(s.job.Created), text.Duration(in.Now.Sub(s.job.Created)))
	if s.maker.recurring == nil {
		if s.maker.location == "" && in.freshDatabase(s.maker.hub) {
			f.Severity = verdict.Warning
			f.Message += "; the hub's database has a fresh copy all the same"
		}
		return f
	}
	f.Message += ", and Longhorn starts no other one before it ends"
	if s.told.len() > 0 {
		s.told.describe(f.Details)
		f.Message += fmt.Sprintf("; no current backup of %s; %s", s.told, s.told.backlog())
	}
	if len(s.waits) > 0 {
		slices.Sort(s.waits)
		f.Details["backups"] = strings.Join(s.waits, ", ")
		f.Message += "; delete first the Backups that hang (" + list(s.waits, homesShown) + "), then the Job"
	} else {
		f.Message += "; delete the Job"
	}
	f.Message += ", and neither the CronJob nor the RecurringJob" + s.told.whose()
	return f
}
