package checks

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/schedule"
	"hubaudit/internal/verdict"
)

// maker is a CronJob that makes backups, and its Jobs, newest first.
type maker struct {
	*facts.CronJob
	// hub is whose database or namespace it is about; nil for Longhorn's own.
	hub *facts.Hub
	// location is the configured backup that it makes, "" where only its name says
	// that it makes one.
	location string
	// recurring is what Longhorn runs it for.
	recurring *facts.LHRecurringJob
	jobs      []*facts.Job
}

// makesBackups and keepsHouse tell from a CronJob's name what it is for: one that
// cleans up after backups or looks at them makes none.
var (
	makesBackups = regexp.MustCompile(`(?i)backup|dump|snapshot`)
	keepsHouse   = regexp.MustCompile(`(?i)clean|prune|purge|delet|expir|rotat|retention|restor|test|verif|check|monitor|report|alert|sync`)
)

// backupMakers are the CronJobs that make backups: those configured as makers of
// a hub's copies, those of a hub's namespace whose name says so, and those that
// Longhorn runs its recurring backups with.
func (in *Input) backupMakers() []*maker {
	var makers []*maker
	byName := map[claimKey]*maker{}
	for i := range in.Kube.CronJobs {
		c := &in.Kube.CronJobs[i]
		if m := in.maker(c); m != nil {
			makers = append(makers, m)
			byName[claimKey{c.Namespace, c.Name}] = m
		}
	}
	for i := range in.Kube.Jobs {
		j := &in.Kube.Jobs[i]
		if m := byName[claimKey{j.Namespace, j.Owner}]; m != nil {
			m.jobs = append(m.jobs, j)
		}
	}
	for _, m := range makers {
		slices.SortFunc(m.jobs, func(a, b *facts.Job) int {
			return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.Name, a.Name))
		})
	}
	return makers
}

// maker says what backups a CronJob makes, nil if none.
func (in *Input) maker(c *facts.CronJob) *maker {
	if c.Namespace == in.Longhorn.Namespace {
		for i := range in.Longhorn.RecurringJobs {
			if j := &in.Longhorn.RecurringJobs[i]; j.Name == c.Name && j.Backup() {
				return &maker{CronJob: c, recurring: j}
			}
		}
	}
	var named *maker
	for _, h := range in.Hubs {
		if h.Namespace != c.Namespace {
			continue
		}
		for i := range h.Backups {
			if b := &h.Backups[i]; b.CronJob == c.Name {
				return &maker{CronJob: c, hub: h, location: b.Name}
			}
		}
		if named == nil && makesBackups.MatchString(c.Name) && !keepsHouse.MatchString(c.Name) {
			named = &maker{CronJob: c, hub: h}
		}
	}
	return named
}

// lastGood is when it last succeeded, zero for never as far as is on record.
func (m *maker) lastGood() time.Time {
	at := m.LastSuccess
	for _, j := range m.jobs {
		at = later(at, j.Completed)
	}
	return at
}

// lastFailed is the newest of its Jobs that failed for good and after which none
// succeeded, nil if there is none.
func (m *maker) lastFailed() *facts.Job {
	good := m.lastGood()
	for _, j := range m.jobs {
		if !j.FailedAt.IsZero() && j.FailedAt.After(good) {
			return j
		}
	}
	return nil
}

// goneAfter is when it last ran, if that run left neither a success nor a Job: it
// failed, and its Job was cleaned up. Zero if not, or where Kubernetes does not
// note successes.
func (m *maker) goneAfter(now time.Time, grace time.Duration) time.Time {
	good := m.lastGood()
	if good.IsZero() || !m.LastSchedule.After(good) || now.Sub(m.LastSchedule) < grace {
		return time.Time{}
	}
	// The Job is made within moments of the time that it is noted for.
	if slices.ContainsFunc(m.jobs, func(j *facts.Job) bool { return !j.Created.Before(m.LastSchedule.Add(-time.Minute)) }) {
		return time.Time{}
	}
	return m.LastSchedule
}

// period is how long it is from one run to the next, 0 if that cannot be told.
func (m *maker) period(now time.Time) time.Duration {
	s, err := schedule.Parse(m.Schedule, m.TimeZone)
	if err != nil {
		return 0
	}
	next := s.Next(now)
	if next.IsZero() {
		return 0
	}
	return s.Next(next).Sub(next)
}

// what says in words what a CronJob makes backups of.
func (m *maker) what() string {
	switch {
	case m.recurring != nil:
		return "which runs Longhorn's recurring job of that name"
	case m.location != "":
		return "which makes backup " + m.location + " of hub " + m.hub.Name + "'s database"
	}
	return "which by its name makes backups in the namespace of hub " + m.hub.Name
}

func (m *maker) subject() verdict.Subject {
	return verdict.Subject{Kind: "cronjob", Name: m.Name, Namespace: m.Namespace}
}

func (m *maker) details() map[string]string {
	details := map[string]string{"namespace": m.Namespace, "schedule": m.Schedule}
	if m.hub != nil {
		details["hub"] = m.hub.Name
	}
	if m.location != "" {
		details["backup"] = m.location
	}
	return details
}

// freshDatabase tells whether some location has a good copy of a hub's database
// that is new enough.
func (in *Input) freshDatabase(h *facts.Hub) bool {
	slack := in.settingOf("backup-hub-db-missing", slackParam)
	return slices.ContainsFunc(h.Backups, func(b facts.Backup) bool {
		newest, _ := newestGood(&b, in.Now)
		return newest != nil && in.demands(&b, slack).met(newest)
	})
}
