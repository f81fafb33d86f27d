package checks

import (
	"slices"
	"time"

	"hubaudit/internal/facts"
)

const (
	// minRhythm is how many runs tell how far apart runs are, fullRhythm how many
	// the history gives at most.
	minRhythm, fullRhythm = 6, 30
	// shortestPeriod is the least that counts as the distance of two runs: what is
	// scheduled more often may be late by that.
	shortestPeriod = 10 * time.Minute
	wholeDay       = 24 * time.Hour
	// outlierWeight bounds what one long distance weighs, in plain middle ones.
	outlierWeight = 10
)

// rhythm is when the runs of an audit come.
type rhythm struct {
	period time.Duration // 0 where it is not known
	last   time.Time
	runs   []facts.PastRun // the newest first
}

// rhythmOf learns how far apart runs are, unless period says it.
func rhythmOf(runs []facts.PastRun, period time.Duration) rhythm {
	r := rhythm{period: period, runs: runs}
	if len(runs) == 0 {
		return rhythm{}
	}
	r.last = runs[0].At
	if period == 0 && len(runs) >= minRhythm {
		r.period = max(middleDistance(runs), shortestPeriod)
	}
	return r
}

// middleDistance is the median of the distances between runs, each weighed by
// its length: half of the time lies in distances that are as long or longer. Any
// number of runs within a few minutes then changes nothing, and neither does one
// long break, whose weight is bounded.
func middleDistance(runs []facts.PastRun) time.Duration {
	distances := make([]time.Duration, len(runs)-1)
	for i := range distances {
		distances[i] = max(runs[i].At.Sub(runs[i+1].At), 0)
	}
	slices.Sort(distances)
	bound := outlierWeight * max(distances[len(distances)/2], shortestPeriod)
	weigh := func(d time.Duration) time.Duration { return min(d, bound) }
	var total, sum time.Duration
	for _, d := range distances {
		total += weigh(d)
	}
	for _, d := range distances {
		if sum += weigh(d); 2*sum >= total {
			return d
		}
	}
	return 0
}

func (r *rhythm) known() bool { return r.period > 0 }

// allowed is how long may pass without a run. The half of a period is for one
// that starts late.
func (r *rhythm) allowed(periods float64) time.Duration {
	return time.Duration((periods + 0.5) * float64(r.period))
}

// rests tells whether a break after the last run is one that the schedule makes:
// there was one about as long at the same time of the day before, or of the
// week if it is longer than a day.
func (r *rhythm) rests(gap time.Duration) bool {
	every := wholeDay
	if gap > wholeDay {
		every = 7 * wholeDay
	}
	slack := min(r.period, every/4) / 2
	for i := range len(r.runs) - 1 {
		before, after := r.runs[i+1].At, r.runs[i].At
		off := (r.last.Sub(before) + slack) % every
		if after.Sub(before) >= gap-slack && off >= 0 && off <= 2*slack {
			return true
		}
	}
	return false
}

// witnessed tells whether something happened between two times, as far as other
// clocks than the audit's tell. Without it a long break may be a clock that was set.
func (in *Input) witnessed(from, to time.Time) bool {
	between := func(times ...time.Time) bool {
		return slices.ContainsFunc(times, func(t time.Time) bool { return t.After(from) && t.Before(to) })
	}
	for _, hub := range in.Hubs {
		if anyOf(hub.Users, func(u *facts.User) bool { return between(u.Created, u.LastActivity) }) ||
			anyOf(hub.Spawners, func(s *facts.Spawner) bool { return between(s.Started, s.LastActivity) }) {
			return true
		}
	}
	k, l := &in.Kube, &in.Longhorn
	madeThen := func(b *facts.Series) bool { return between(b.Newest.Time, b.Previous.Time) }
	return anyOf(in.Past.Audits, func(a *facts.PastAudit) bool {
		return anyOf(a.Runs, func(r *facts.PastRun) bool { return between(r.At) })
	}) ||
		anyOf(k.Pods, func(p *facts.Pod) bool { return between(p.Created, p.Deleting) }) ||
		anyOf(k.Jobs, func(j *facts.Job) bool { return between(j.Created, j.Completed, j.FailedAt) }) ||
		anyOf(k.CronJobs, func(c *facts.CronJob) bool { return between(c.LastSchedule, c.LastSuccess) }) ||
		anyOf(k.Claims, func(c *facts.Claim) bool { return between(c.Created, c.Deleting) }) ||
		anyOf(k.Nodes, func(n *facts.Node) bool { return between(n.Created, n.Deleting, n.ReadySince) }) ||
		anyOf(k.Snapshots, func(s *facts.VolumeSnapshot) bool { return between(s.Created, s.Taken) }) ||
		anyOf(l.Volumes, func(v *facts.LHVolume) bool {
			return between(v.Created.Time(), v.LastBackupAt.Time(), v.LastPodRefAt.Time(), v.LastDegradedAt.Time())
		}) ||
		anyOf(l.Replicas, func(r *facts.LHReplica) bool { return between(r.Created.Time(), r.HealthyAt.Time(), r.FailedAt.Time()) }) ||
		anyOf(k.Backups, madeThen) || anyOf(l.Backups, madeThen)
}

func anyOf[T any](list []T, is func(*T) bool) bool {
	for i := range list {
		if is(&list[i]) {
			return true
		}
	}
	return false
}
