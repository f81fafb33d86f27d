package checks

import (
	"slices"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
)

// homePlans are the plans that cover homes, and what they demand. Homes with the
// same plans share one.
type homePlans struct {
	plans []backups.Plan
	// latest is the latest run that was due, zero where none was; due is how old a
	// backup may be, before the same while that run is still going on, and allowed
	// the age that this makes.
	latest, due, before time.Time
	allowed             time.Duration
}

// active are the plans that make backups.
func (p *homePlans) active() []backups.Plan {
	if !slices.ContainsFunc(p.plans, idle) {
		return p.plans
	}
	return slices.DeleteFunc(slices.Clone(p.plans), idle)
}

func idle(p backups.Plan) bool { return p.Paused != "" || p.Fault != nil }

// homesJudge holds every home against its backups and plans.
type homesJudge struct {
	in         *Input
	rpo, slack time.Duration
	uses       lastUses
	plans      map[plansKey]*homePlans
	causes     causeJudge
}

// plansKey tells shared plans apart by the first of them.
type plansKey struct {
	first *backups.Plan
	// velero and k8up: those of either that may or may not cover the home do.
	velero, k8up bool
}

func (in *Input) judgeHomes() []homeBackup {
	j := homesJudge{in: in, rpo: in.settingOf("backup-none", rpoParam), slack: in.settingOf("backup-stale", slackParam),
		uses: in.lastUses(), plans: map[plansKey]*homePlans{}}
	j.causes = in.causeJudge(&j)
	homes := make([]homeBackup, 0, len(in.Kube.Claims))
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if v, owner, ok := in.homeData(c, j.rpo); ok && (v == nil || v.Unsettled() == "") {
			if h, needs := j.home(c, v, owner); needs {
				homes = append(homes, h)
			}
		}
	}
	return homes
}

// home judges a claim; false if nothing should have backed it up yet.
func (j *homesJudge) home(c *facts.Claim, v *facts.LHVolume, owner attribution.Owner) (homeBackup, bool) {
	held := j.in.backups().OfClaim(c, v)
	h := homeBackup{claim: c, volume: v, used: j.in.usedLast(c, v, owner, j.uses), newest: held.Newest.Time, homePlans: j.plansOf(c, v, &held)}
	due := h.due
	running := held.Running != nil && !j.in.hangs(held.Running.Since) && !held.Running.Since.Before(h.latest.Add(-clockSkew))
	if running {
		due = h.before
	}
	switch {
	case h.newest.IsZero():
		h.state = homeNone
		if running || j.awaits(&h) {
			return h, false
		}
	case !h.used.IsZero() && !h.newest.Before(h.used), !h.newest.Before(due):
		h.state = homeCurrent
		return h, true
	default:
		h.state = homeOld
	}
	h.state, h.cause = j.causes.of(&h, &held)
	return h, true
}

// awaits tells whether a home is so young, and a plan that covers it at least as
// old, that the first run for it is still to come.
func (j *homesJudge) awaits(h *homeBackup) bool {
	planned := slices.ContainsFunc(h.active(), func(p backups.Plan) bool {
		return p.Created.Before(h.claim.Created.Add(j.rpo)) && !p.Schedule.Next(j.in.Now).IsZero()
	})
	return planned && h.latest.Before(h.claim.Created)
}

// plansOf are the plans that cover a claim, with what they demand.
func (j *homesJudge) plansOf(c *facts.Claim, v *facts.LHVolume, held *backups.Held) *homePlans {
	plans := j.in.backups().PlansOf(c.Namespace, v)
	var k plansKey
	if len(plans) > 0 {
		// A label selector that has not selected a home in any earlier run, good or
		// not, does not cover it.
		k = plansKey{&plans[0], slices.ContainsFunc(held.Systems, isVelero) || inRun(held.Failed) || inRun(held.Running),
			slices.Contains(held.Systems, facts.SystemK8up)}
	}
	of := j.plans[k]
	if of == nil {
		if !k.velero || !k.k8up {
			plans = slices.DeleteFunc(slices.Clone(plans), func(p backups.Plan) bool {
				return p.May && !(k.velero && isVelero(p.System) || k.k8up && p.System == facts.SystemK8up)
			})
		}
		of = j.demands(plans)
		j.plans[k] = of
	}
	return of
}

// inRun tells whether an attempt was made in a run of Velero's.
func inRun(a *facts.Attempt) bool { return a != nil && a.Set != "" }

// demands works out how old a backup may be. One run within rpo is enough, where
// several plans have one; otherwise the latest run of any counts. A plan that runs
// daily or less often demands nothing younger than rpo: it may have been moved to
// another hour.
func (j *homesJudge) demands(plans []backups.Plan) *homePlans {
	of := &homePlans{plans: plans, allowed: j.rpo}
	of.latest, of.due = j.dueAt(plans, j.in.Now)
	of.before = of.due
	if !of.latest.IsZero() {
		_, of.before = j.dueAt(plans, of.latest.Add(j.slack-time.Second))
		of.allowed = max(j.rpo, of.due.Sub(of.before))
	}
	return of
}

func (j *homesJudge) dueAt(plans []backups.Plan, now time.Time) (latest, demanded time.Time) {
	recent := now.Add(-j.rpo)
	var least time.Time
	for i := range plans {
		p := &plans[i]
		due := p.Due(now, j.slack)
		latest = later(latest, due)
		if !p.Schedule.Every(12*time.Hour, due) && due.After(recent) {
			due = recent
		}
		if !due.Before(recent) && (least.IsZero() || due.Before(least)) {
			least = due
		}
	}
	switch {
	case !least.IsZero():
		return latest, least
	case !latest.IsZero():
		return latest, latest
	}
	return latest, recent
}
