package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var backupSchedulePaused = &Check{
	ID:       "backup-schedule-paused",
	Title:    "What makes the backups is not switched off",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Params:   []Param{backupGrace},
	Doc: Doc{
		Meaning: "A schedule that makes the backups of homes or of a hub's database is paused, suspended, refused by the system that should run it, or gone, and nothing " +
			"else covers the same. No run fails, so nobody is told: the newest backup only grows older, and where old ones expire there is none in the end.",
		FalseAlarms: "A schedule beside which another one covers the same homes is not reported, nor is one of homes that another system has current backups of. A " +
			"CronJob is judged if a backup of the database names it; one that only by its own name makes backups is not reported while the database has a " +
			"fresh copy. A schedule that Velero has not looked at gets grace. For a freeze that is wanted, give the check another severity until its end: " +
			"`checks: {backup-schedule-paused: {severity: info}}`.",
		Do: []string{
			"Ask who paused it and why: a restore or a migration may still be going on.",
			"Velero: `velero schedule unpause NAME`. A schedule whose phase is FailedValidation has a cron expression or storage location that Velero does not take: `kubectl -n velero describe schedules.velero.io NAME`.",
			"A CronJob, Longhorn's too: `kubectl -n NAMESPACE patch cronjob NAME -p '{\"spec\":{\"suspend\":false}}'`.",
			"A CronJob that does not exist: `kubectl -n NAMESPACE get cronjobs` shows whether it has another name; then mend hubs[].backups[].cronJob. Otherwise install again what made it.",
			"Start a backup by hand now, as a schedule that runs again does not make up for what it missed.",
		},
		Dont: []string{
			"Do not delete the schedule and make a new one to get rid of the pause: Velero finds old backups by it.",
		},
		Sources: []string{"velero pkg/apis/velero/v1/schedule_types.go and pkg/controller/schedule_controller.go", "longhorn-manager controller/recurring_job_controller.go: a suspended CronJob of a recurring job stays so"},
	},
	Run: runBackupSchedulePaused,
}

func runBackupSchedulePaused(in *Input) Result {
	var r Result
	byPlan := in.pausedPlans()
	for _, key := range slices.SortedFunc(maps.Keys(byPlan), comparePlans) {
		r.Findings = append(r.Findings, byPlan[key].finding())
	}
	for _, m := range in.backupMakers() {
		if m.Suspended && m.recurring == nil && (m.location != "" || !in.freshDatabase(m.hub)) {
			r.Findings = append(r.Findings, suspendedMaker(m))
		}
	}
	for _, h := range in.Hubs {
		for i := range h.Backups {
			if b := &h.Backups[i]; in.lacksMaker(h, b) {
				r.Findings = append(r.Findings, in.missingMaker(h, b))
			}
		}
	}
	if len(r.Findings) > 1 {
		r.Summary = text.Count(len(r.Findings), "schedule") + " of backups make none: " + r.Findings[0].Message
	}
	return r
}

// planKey names the object that a plan is.
type planKey struct{ system, kind, namespace, name string }

func comparePlans(a, b planKey) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.namespace, b.namespace), strings.Compare(a.name, b.name), strings.Compare(a.system, b.system))
}

func keyOf(p *backups.Plan) planKey { return planKey{p.System, p.Kind, p.Namespace, p.Name} }

// pausedPlan is a schedule that makes no backups, and the homes that nothing else
// covers. A home that several such schedules should cover counts for each.
type pausedPlan struct {
	plan *backups.Plan
	told *toldHomes
	// own are hubs' own claims that a backup of the database relies on.
	own map[string]bool
	// ends is when the first of those homes loses its last backup, zero if none does.
	ends time.Time
}

func (in *Input) pausedPlans() map[planKey]*pausedPlan {
	byPlan := map[planKey]*pausedPlan{}
	of := func(p *backups.Plan) *pausedPlan {
		k := keyOf(p)
		if byPlan[k] == nil {
			byPlan[k] = &pausedPlan{plan: p, told: in.toldHomes(), own: map[string]bool{}}
		}
		return byPlan[k]
	}
	paused := func(_ *homeBackup, p *backups.Plan) bool { return p.Paused != "" }
	works := func(_ *homeBackup, p *backups.Plan) bool { return !idle(*p) }
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		for i := range all {
			h := &all[i]
			if !hub.reliesOn(h, paused, works) {
				continue
			}
			held := hub.held(h)
			for i := range h.plans {
				if h.plans[i].Paused != "" {
					of(&h.plans[i]).add(hub.Hub, h, heldUntil(&held))
				}
			}
		}
		for _, c := range hub.databaseClaims() {
			plans := in.backups().Plans(c.Namespace, c.Name)
			if slices.ContainsFunc(plans, func(p backups.Plan) bool { return !idle(p) }) {
				continue
			}
			for i := range plans {
				if plans[i].Paused != "" {
					of(&plans[i]).own[c.Namespace+"/"+c.Name] = true
				}
			}
		}
	})
	return byPlan
}

func (p *pausedPlan) add(hub *facts.Hub, h *homeBackup, ends time.Time) {
	p.told.add(hub, h)
	if !ends.IsZero() && (p.ends.IsZero() || ends.Before(p.ends)) {
		p.ends = ends
	}
}

// databaseClaims are the claims whose backups are configured as a backup of the
// hub's database.
func (in *Input) databaseClaims() []claimKey {
	var claims []claimKey
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		switch b.Kind {
		case facts.BackupLonghorn, facts.BackupVelero, facts.BackupK8up:
			namespace, name, _ := strings.Cut(b.Location, "/")
			claims = append(claims, claimKey{namespace, name})
		}
	}
	return claims
}

func (p *pausedPlan) finding() verdict.Finding {
	words := strings.Fields(strings.ToLower(p.plan.Kind))
	f := verdict.Finding{Subject: verdict.Subject{Kind: words[len(words)-1], Name: p.plan.Name, Namespace: p.plan.Namespace}, Severity: verdict.Error,
		Details: map[string]string{"system": p.plan.System, "schedule": p.plan.Cron, "why": quotedError(p.plan.Paused)}}
	p.told.describe(f.Details)
	var whose []string
	if p.told.len() > 0 {
		whose = append(whose, p.told.String())
	}
	if own := sorted(p.own); len(own) > 0 {
		whose = append(whose, "the database on "+list(own, homesShown))
		f.Details["databases"] = strings.Join(own, ", ")
	}
	f.Message = fmt.Sprintf("%s %s/%s makes no backups: %s; nothing else backs up %s", p.plan.Kind, p.plan.Namespace, p.plan.Name,
		quotedError(p.plan.Paused), strings.Join(whose, " and "))
	if p.told.len() > 0 {
		f.Message += "; " + p.told.backlog()
		if !p.ends.IsZero() {
			f.Details["firstDeleted"] = text.Time(p.ends)
			f.Message += "; Velero deletes the last ones from " + text.Time(p.ends) + " on"
		}
		f.Message += p.told.whose()
	}
	return f
}

// lacksMaker tells whether the CronJob that should make a hub's copies does not
// exist. Where only that is configured its source has failed, which is enough.
func (in *Input) lacksMaker(h *facts.Hub, b *facts.Backup) bool {
	return b.CronJob != "" && b.Kind != facts.BackupCronJob && in.Source(facts.KubeCronJobs).Status == facts.OK &&
		!slices.ContainsFunc(in.Kube.CronJobs, func(c facts.CronJob) bool { return c.Namespace == h.Namespace && c.Name == b.CronJob })
}

func (in *Input) missingMaker(h *facts.Hub, b *facts.Backup) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "cronjob", Name: b.CronJob, Namespace: h.Namespace}, Severity: verdict.Error,
		Details: map[string]string{"hub": h.Name, "backup": b.Name}}
	f.Message = fmt.Sprintf("CronJob %s/%s, which should make backup %s of the database of hub %s, does not exist", h.Namespace, b.CronJob, b.Name, h.Name)
	if in.freshDatabase(h) {
		f.Severity = verdict.Warning
		f.Message += "; there is a fresh copy all the same, so look for a wrong name in hubs[].backups[].cronJob"
	}
	return f
}

func suspendedMaker(m *maker) verdict.Finding {
	f := verdict.Finding{Subject: m.subject(), Severity: verdict.Error, Details: m.details()}
	f.Details["lastSuccess"] = timeDetail(m.lastGood())
	f.Message = fmt.Sprintf("CronJob %s/%s, %s, is suspended; ", m.Namespace, m.Name, m.what())
	if good := m.lastGood(); good.IsZero() {
		f.Message += "no success is on record"
	} else {
		f.Message += "it last succeeded at " + text.Time(good)
	}
	return f
}
