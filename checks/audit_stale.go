package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var auditStale = &Check{
	ID:       "audit-stale",
	Title:    "The audit runs as often as it should",
	Severity: verdict.Error,
	Since:    "0.6.0",
	Scope:    PerCluster,
	Needs:    []string{facts.History},
	Params: []Param{
		{Name: "period", Doc: "how far apart runs are meant to be; 0 learns it from the last runs", Max: float64(31 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "periods", Doc: "how many periods, and half of one for runs that start late, may pass without a run", Default: 2, Min: 1, Max: 1000, Unit: "periods"},
	},
	Doc: Doc{
		Meaning: "For some time there was no run, and what happened then nobody has seen: a loss from that time is found late, and what came and went is never found. " +
			"This is told by the first run afterwards, or by the audit of another cluster that shares the history. An audit that has stopped for good cannot say so itself: that takes a " +
			"heartbeat (`notify.heartbeatURL`) or an alert on the metric `hubaudit_last_success_timestamp_seconds`.",
		FalseAlarms: "How far apart runs are is learnt from the last 30: the middle of their distances, each weighed by how long it is, so that runs by hand in between do not " +
			"count, and by at most ten times the plain middle, so that an outage does not become normal; it is at least 10 minutes. " +
			"A break that comes at the same time of day as an earlier one of that length, or of more than a day at the same time of the week, is taken for the schedule's, as of one that leaves the weekend " +
			"out. Set `period` for a schedule that rests otherwise. Where nothing in the cluster bears a time from the break, the clock may have been set, and the check is unknown; it is skipped where the last run bears " +
			"a time that shows that the clock was set. A run that saw only part counts as a run: audit-partial tells of those. The audit of another cluster is told of for 30 days, and then taken for one that was taken down.",
		Do: []string{
			"Find out why no run came: `kubectl get cronjob,job,pod` in the audit's namespace shows suspended, failed, pending and evicted ones.",
			"Look at what happened in the time that the finding names: upgrades, drained nodes, restored databases.",
			"Have a heartbeat wait for the audit, so that the next stop is told while it lasts.",
		},
		Dont: []string{
			"Do not take a pass of the other checks for proof that nothing happened in between: they judge what is there now.",
		},
		Sources: []string{"healthchecks.io: a job that does not run reports nothing", "Berkeley DataHub post-mortem, 2017: nobody watched for 47 minutes"},
	},
	Run: runAuditStale,
}

const (
	// goneAudit is after how long the audit of another cluster is taken for one that
	// was taken down.
	goneAudit = 30 * 24 * time.Hour
	// cloudedClock is why nothing is said of a break in which nothing happened.
	cloudedClock = "nothing in the cluster bears a time in between: nobody watched then, or the clock was set"
)

func runAuditStale(in *Input) Result {
	own := rhythmOf(in.Past.Runs, in.Duration("period"))
	var r Result
	switch gap := in.gapSince(own); {
	case !own.known():
		r.Skip = fmt.Sprintf("%s so far; how far apart they are can be told from %d on", text.Count(len(in.Past.Runs), "run"), minRhythm)
	case gap == 0:
	case in.Past.LastRecorded.Sub(own.last).Abs() > own.period:
		r.Skip = fmt.Sprintf("the last run was recorded with the time %s: the clock has been set since", text.Time(in.Past.LastRecorded))
	case !in.witnessed(own.last.Add(own.period), in.Now.Add(-own.period)):
		r.Unknown = fmt.Sprintf("no run since %s, and %s", text.Time(own.last), cloudedClock)
	default:
		r.Findings = append(r.Findings, staleFinding("audit "+in.ClusterName, in.ClusterName, own, in.Now,
			fmt.Sprintf("nobody watched from %s to %s: there was no run for %s", text.Time(own.last), text.Time(in.Now), text.Duration(gap))))
	}
	since := in.watchedSince(own)
	for _, other := range in.Past.Audits {
		if f, stale := in.staleAudit(other, since); stale {
			r.Findings = append(r.Findings, f)
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s have stopped or paused", text.Count(n, "audit"))
	}
	return r
}

// gapSince is how long ago an audit's last run was, if that is too long, else 0.
func (in *Input) gapSince(a rhythm) time.Duration {
	gap := in.Now.Sub(a.last)
	if !a.known() || gap <= a.allowed(in.Number("periods")) || a.rests(gap) {
		return 0
	}
	return gap
}

// watchedSince is from when on the history was there to be written to, as far as
// the audit's own runs tell: other audits had no chance before. It is in the
// future where that cannot be said at all.
func (in *Input) watchedSince(own rhythm) time.Time {
	runs := in.Past.Runs
	if len(runs) == 0 || in.gapSince(own) > 0 {
		return in.Now
	}
	for i := range len(runs) - 1 {
		if own.known() && runs[i].At.Sub(runs[i+1].At) > own.allowed(in.Number("periods")) {
			return runs[i].At
		}
	}
	if len(runs) >= fullRhythm {
		return time.Time{}
	}
	return runs[len(runs)-1].At
}

// staleAudit tells of another cluster's audit that has stopped while this one ran.
func (in *Input) staleAudit(other facts.PastAudit, since time.Time) (verdict.Finding, bool) {
	a := rhythmOf(other.Runs, 0)
	gap := in.gapSince(a)
	if gap == 0 || gap > goneAudit || in.Now.Sub(since) <= a.allowed(in.Number("periods")) ||
		!in.witnessed(a.last.Add(a.period), in.Now.Add(-a.period)) {
		return verdict.Finding{}, false
	}
	name := other.Cluster
	if name == "" {
		name = "without a name"
	}
	return staleFinding("audit of cluster "+name, other.Cluster, a, in.Now,
		fmt.Sprintf("the audit of cluster %s has not run since %s, for %s", name, text.Time(a.last), text.Duration(gap))), true
}

func staleFinding(name, cluster string, a rhythm, now time.Time, what string) verdict.Finding {
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "audit", Name: name},
		Message: what + ", and one every " + text.Duration(a.period) + " is usual",
		Details: map[string]string{"cluster": cluster, "lastRun": text.Time(a.last), "until": text.Time(now), "period": text.Duration(a.period)},
	}
}
