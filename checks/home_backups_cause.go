package checks

import (
	"slices"
	"strings"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// causeJudge tells why homes have no current backup.
type causeJudge struct {
	in      *Input
	uses    *lastUses
	outages *outages
	// stuck are the recurring jobs of Longhorn whose Job does not end.
	stuck map[string]bool
	// sets are the runs of Velero that do not end, by their schedules, failedSets the
	// newest runs of schedules where they ended badly: those that are told.
	sets, failedSets map[claimKey]*facts.VeleroBackup
	// unlisted is when K8up's newest backup was made of each namespace where it keeps
	// no list of what is in it.
	unlisted map[string]time.Time
	// lost are the volumes without a copy, nil before they were looked for.
	lost map[*facts.LHVolume]bool
	// schedules: Velero or K8up has some, for whatever.
	schedules bool
}

func (in *Input) causeJudge(j *homesJudge) causeJudge {
	// What a check of the cluster tells is judged as that check does, and not by
	// what is set for the hub: else it would not tell the homes that are left to it.
	cluster := *in
	cluster.Hub = nil
	c := causeJudge{in: in, uses: &j.uses, outages: cluster.outages(), sets: cluster.stuckSets(), failedSets: cluster.failedSets(),
		stuck: map[string]bool{}, unlisted: in.unlistedByK8up(),
		schedules: len(in.Kube.Velero.Schedules)+len(in.Kube.K8up.Schedules) > 0}
	for _, s := range cluster.stuckJobs() {
		if s.maker.recurring != nil {
			c.stuck[s.maker.Name] = true
		}
	}
	return c
}

// unlistedByK8up is by namespace when K8up last made a backup of all its claims of
// which it keeps no list (skipSnapshotsSync): of these namespaces there is no
// Snapshot at all.
func (in *Input) unlistedByK8up() map[string]time.Time {
	unlisted := map[string]time.Time{}
	for i := range in.Kube.K8up.Schedules {
		s := &in.Kube.K8up.Schedules[i]
		if at, ran := in.Kube.K8up.Succeeded[s.Namespace]; ran && s.Cron != "" && !s.Selected {
			unlisted[s.Namespace] = at
		}
	}
	if len(unlisted) == 0 {
		return nil
	}
	for i := range in.Kube.Backups {
		if s := &in.Kube.Backups[i]; s.System == facts.SystemK8up {
			delete(unlisted, s.Namespace)
		}
	}
	return unlisted
}

// of tells why a home has no current backup, or that it may have one.
func (c *causeJudge) of(h *homeBackup, held *backups.Held) (homeState, homeCause) {
	plans := h.active()
	ours := held.System == "" || held.System == facts.SystemLonghorn
	alone := !slices.ContainsFunc(h.plans, func(p backups.Plan) bool { return p.System != facts.SystemLonghorn })
	switch {
	case h.volume != nil && c.lostVolumes()[h.volume]:
		return h.state, lostVolume
	case h.volume != nil && ours && alone && c.targetUnset(h.volume):
		return h.state, targetUnset
	case len(plans) > 0 && !slices.ContainsFunc(plans, c.reachable):
		return h.state, targetUnavailable
	case len(h.plans) > 0 && len(plans) == 0 && slices.ContainsFunc(h.plans, func(p backups.Plan) bool { return p.Paused != "" }):
		return h.state, schedulePaused
	case c.skips(h, plans):
		return h.state, skipsDetached
	}
	if run := c.run(h, plans); run != nil && c.wouldDo(h, backups.Taken(run.VeleroBackup)) {
		switch {
		case run.Unnamed() > 0 && run.Whole():
			return homeCurrent, noCause
		case run.Unnamed() > 0:
			return homeUnsure, notReached
		}
		return h.state, notReached
	}
	if c.wouldDo(h, c.unlisted[h.claim.Namespace]) {
		return homeUnsure, notListed
	}
	switch {
	case len(h.plans) == 0 && c.schedulable(h, held):
		return h.state, unscheduled
	case held.Running != nil && c.in.hangs(held.Running.Since),
		slices.ContainsFunc(plans, c.hangs):
		return h.state, stuck
	case held.Failed != nil, slices.ContainsFunc(plans, func(p backups.Plan) bool { return c.failed(h, &p) }):
		return h.state, failedBackup
	}
	return h.state, noCause
}

// lostVolumes are those of which no copy is left, as another check says.
func (c *causeJudge) lostVolumes() map[*facts.LHVolume]bool {
	if c.lost != nil {
		return c.lost
	}
	c.lost = map[*facts.LHVolume]bool{}
	if ready, _ := lhNoUsableReplica.sourcesReady(c.in.Snapshot, c.in.Hub); ready != verdict.Pass || c.in.longhornGaps() != "" {
		return c.lost
	}
	all := c.in.volumeHealths()
	for i := range all {
		if v := &all[i]; c.in.lost(v) && c.in.lossTold(v) {
			c.lost[v.LHVolume] = true
		}
	}
	return c.lost
}

// targetUnset tells whether a volume's backups have nowhere to go.
func (c *causeJudge) targetUnset(v *facts.LHVolume) bool {
	return c.in.Source(facts.LonghornBackupTargets).Status == facts.OK && !c.in.targetIsSet(targetName(v))
}

// hangs tells whether what a plan runs has not ended for long.
func (c *causeJudge) hangs(p backups.Plan) bool {
	return p.Kind == backups.RecurringJob && c.stuck[p.Name] || p.Kind == backups.VeleroSchedule && c.sets[claimKey{p.Namespace, p.Name}] != nil
}

func (c *causeJudge) reachable(p backups.Plan) bool { return !c.outages.hit(&p) }

// skips tells whether only recurring jobs of Longhorn cover the home, which leave
// out what is not attached, and whether it may not have been at the last run.
func (c *causeJudge) skips(h *homeBackup, plans []backups.Plan) bool {
	return skippingJob(plans) != nil && !slices.ContainsFunc(plans, func(p backups.Plan) bool { return !p.OnlyAttached }) && !c.mounted(h)
}

// skippingJob is the first recurring job among plans that leaves out what is not
// attached, nil if there is none.
func skippingJob(plans []backups.Plan) *backups.Plan {
	i := slices.IndexFunc(plans, func(p backups.Plan) bool { return p.Kind == backups.RecurringJob && p.OnlyAttached })
	if i < 0 {
		return nil
	}
	return &plans[i]
}

// mounted tells whether the home was in use, as far as is known, when its last
// backup was due.
func (c *causeJudge) mounted(h *homeBackup) bool {
	owner, _ := c.in.userClaim(h.claim)
	started, runs := c.uses.started[serverKey{owner.UserID, owner.Server}]
	return runs && owner.UserID != 0 && !started.After(h.latest) && (h.volume == nil || h.volume.State == "attached")
}

// run is what Velero has of the home's namespace by the first of its schedules
// that cover the home, or by hand; nil if there is nothing to restore from.
func (c *causeJudge) run(h *homeBackup, plans []backups.Plan) *backups.Run {
	schedule := ""
	if i := slices.IndexFunc(plans, func(p backups.Plan) bool { return p.Kind == backups.VeleroSchedule }); i >= 0 {
		schedule = plans[i].Name
	} else if len(plans) > 0 {
		return nil
	}
	run := c.in.backups().Run(h.claim.Namespace, schedule)
	if run == nil || run.Scope.Selected {
		return nil
	}
	return run
}

// failed tells whether a plan's newest run, which took in the home, failed as a
// whole.
func (c *causeJudge) failed(h *homeBackup, p *backups.Plan) bool {
	b := c.failedSets[claimKey{p.Namespace, p.Name}]
	return p.Kind == backups.VeleroSchedule && b != nil && strings.HasPrefix(b.Phase, "Failed") && b.Scope.Includes(h.claim.Namespace)
}

// wouldDo tells whether what was backed up at that time would be a current backup
// of the home, if it holds it.
func (c *causeJudge) wouldDo(h *homeBackup, at time.Time) bool {
	return at.After(h.newest) && h.fresh(at) && at.After(h.claim.Created)
}

// fresh tells whether a backup of that time would do for the home.
func (h *homeBackup) fresh(at time.Time) bool {
	return !h.used.IsZero() && !at.Before(h.used) || !at.Before(h.due)
}

// schedulable tells whether what backs up other claims could back up this one.
// What made VolumeSnapshots is not known, and may make more.
func (c *causeJudge) schedulable(h *homeBackup, held *backups.Held) bool {
	if held.System == facts.SystemSnapshot {
		return false
	}
	return c.schedules || h.volume != nil && c.in.Source(facts.LonghornRecurringJobs).Status == facts.OK
}

func isVelero(system string) bool { return strings.HasPrefix(system, velero) }
