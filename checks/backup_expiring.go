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

var backupExpiring = &Check{
	ID:       "backup-expiring",
	Title:    "No home's last backup is deleted before the next one is made",
	Severity: verdict.Warning,
	Since:    "0.5.0",
	Scope:    PerCluster,
	Needs:    []string{facts.KubeClaims},
	Uses:     homeSources,
	Params: []Param{
		{Name: "slack", Doc: "how long the next run may take until its backup is complete",
			Default: float64(2 * time.Hour), Min: 0, Max: float64(7 * 24 * time.Hour), Unit: UnitDuration},
		{Name: "ahead", Doc: "how long before a last backup is deleted it is reported",
			Default: float64(7 * 24 * time.Hour), Min: float64(time.Hour), Max: float64(90 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "Velero deletes each backup when its time to live is over, whether there is a newer one or not. For these homes that happens before another one " +
			"will be there: the schedule runs less often than its backups live, or nothing runs any more, or the next runs will leave the home out because " +
			"file-system backup reaches only volumes that a pod mounts. From then on these users have no backup at all.",
		FalseAlarms: "Longhorn, K8up and VolumeSnapshots keep backups by their number and not by time: a home with one of theirs is not reported. Those of a paused schedule are backup-schedule-paused's. A home that is in " +
			"another backup of Velero which lives on is not either, unless that reaches only mounted volumes. One that file-system backup leaves out is reported once half of its backup's life is over. Homes of users who have left for good may well lose theirs: delete their claims, " +
			"or leave them out of the audit.",
		Do: []string{
			"See when the backups end: `kubectl -n velero get backups.velero.io -o custom-columns=NAME:.metadata.name,EXPIRES:.status.expiration`.",
			"Make a backup by hand that lives longer, while the homes are still in an old one: `velero backup create keep-homes --include-namespaces NAMESPACE --snapshot-move-data --ttl 2160h`.",
			"Give the schedule a ttl of several of its periods: `kubectl -n velero patch schedules.velero.io NAME --type=merge -p '{\"spec\":{\"template\":{\"ttl\":\"720h\"}}}'`. That holds for backups yet to be made.",
			"For homes that are not mounted, let the schedule take CSI snapshots and move their data (`snapshotMoveData: true`) instead of file-system backups.",
		},
		Dont: []string{
			"Do not delete old backups to make room now: Velero deletes them soon enough.",
		},
		Sources: []string{"velero pkg/controller/gc_controller.go", "velero pkg/podvolume/backupper.go: volumes that no running pod mounts are left out"},
	},
	Run: runBackupExpiring,
}

// expiry is a reason for which last backups are deleted too early.
type expiry struct {
	why   string
	plan  *backups.Plan // what runs too late; nil if nothing will run
	first time.Time     // when the first of them is deleted
	set   string        // and the Velero Backup that it is a part of
	told  *toldHomes
}

func runBackupExpiring(in *Input) Result {
	expiries := map[string]*expiry{}
	in.eachHub(func(hub *Input) {
		lasting := hub.lastingRuns()
		all := hub.homeBackups()
		for i := range all {
			h := &all[i]
			if len(h.active()) == 0 && slices.ContainsFunc(h.plans, idle) && in.judges("backup-schedule-paused") {
				continue // told with its schedule
			}
			held := hub.held(h)
			end := heldUntil(&held)
			if end.IsZero() || end.Sub(in.Now) >= in.Duration("ahead") {
				continue // never, or not soon
			}
			next, plan, why := hub.nextRun(h)
			needed := in.Now.Add(in.Duration("ahead")) // until when there must be one
			switch {
			case plan != nil:
				needed = next.Add(in.Duration("slack"))
			case why == notMounted && end.Sub(in.Now) > held.Newest.Expires.Sub(held.Newest.Time)/2:
				continue // any night may find it mounted, and there are as many left as are gone
			}
			if !end.Before(needed) || lasting.cover(h, needed) {
				continue
			}
			key := why
			if plan != nil {
				key += plan.Kind + " " + plan.Namespace + "/" + plan.Name
			}
			e := expiries[key]
			if e == nil {
				e = &expiry{why: why, plan: plan, told: in.toldHomes()}
				expiries[key] = e
			}
			if e.first.IsZero() || end.Before(e.first) {
				e.first, e.set = end, held.Newest.Set
			}
			e.told.add(hub.Hub, h)
		}
	})
	var r Result
	for _, key := range slices.Sorted(maps.Keys(expiries)) {
		r.Findings = append(r.Findings, in.expiryFinding(expiries[key]))
	}
	return r
}

// heldUntil is when the last backup of a home is deleted by its age, zero for
// never or not known, and where there is none.
func heldUntil(held *backups.Held) time.Time {
	if held.Newest.Expires.IsZero() || slices.ContainsFunc(held.Systems, func(s string) bool { return !strings.HasPrefix(s, velero) }) {
		return time.Time{}
	}
	if !held.Previous.Time.IsZero() {
		if held.Previous.Expires.IsZero() {
			return time.Time{}
		}
		return later(held.Newest.Expires, held.Previous.Expires)
	}
	return held.Newest.Expires
}

const notMounted = "they are not mounted, and the next runs reach only what is"

// nextRun is when something will next back a home up, and what. With nothing
// that will, why says so.
func (in *Input) nextRun(h *homeBackup) (next time.Time, plan *backups.Plan, why string) {
	why = "no schedule covers them"
	for i := range h.plans {
		p := &h.plans[i]
		switch {
		case p.Paused != "":
			why = "their schedule makes no backups"
			continue
		case p.OnlyAttached && h.used.Before(in.Now):
			why = notMounted
			continue
		}
		if at := p.Schedule.Next(in.Now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next, plan = at, p
		}
	}
	if plan != nil {
		why = ""
	}
	return next, plan, why
}

// lasting are Velero's good backups that do not reach mounted volumes only.
type lasting []*facts.VeleroBackup

func (in *Input) lastingRuns() lasting {
	var runs lasting
	for i := range in.Kube.Velero.Backups {
		if b := &in.Kube.Velero.Backups[i]; b.Good() && b.Scope.Claims && !b.Scope.FileSystem && !b.Scope.Selected {
			runs = append(runs, b)
		}
	}
	return runs
}

// cover tells whether one of them has a home and is kept until t.
func (l lasting) cover(h *homeBackup, t time.Time) bool {
	return slices.ContainsFunc(l, func(b *facts.VeleroBackup) bool {
		return b.Scope.Includes(h.claim.Namespace) && backups.Taken(b).After(h.claim.Created) && !b.Expires.Before(t)
	})
}

func (in *Input) expiryFinding(e *expiry) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "backup", Name: cmp.Or(e.set, "velero")},
		Details: map[string]string{"firstDeleted": text.Time(e.first), "backup": e.set}}
	e.told.describe(f.Details)
	f.Message = fmt.Sprintf("Velero deletes the last backups of %s from %s on, in %s", e.told, text.Time(e.first), text.Duration(e.first.Sub(in.Now)))
	if e.plan == nil {
		f.Details["why"] = e.why
		f.Message += "; no others will be made, as " + e.why + e.told.whose()
		return f
	}
	next := e.plan.Schedule.Next(in.Now)
	f.Subject = verdict.Subject{Kind: "schedule", Name: e.plan.Name, Namespace: e.plan.Namespace}
	f.Details["nextRun"] = text.Time(next)
	f.Message += fmt.Sprintf("; the next run, of schedule %s, is due at %s and may take %s%s", e.plan.Name, text.Time(next), text.Duration(in.Duration("slack")), e.told.whose())
	return f
}
