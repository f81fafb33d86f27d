package backups

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/schedule"
)

// Kinds of objects that plan backups, as Plan.Kind.
const (
	RecurringJob   = "RecurringJob"
	VeleroSchedule = "Velero Schedule"
	K8upSchedule   = "K8up Schedule"
)

// Plan is one schedule that covers a claim.
type Plan struct {
	// System is what it makes backups with; Kind, Namespace and Name are the object.
	System, Kind, Namespace, Name string
	Cron                          string
	// Schedule is never due where Cron could not be read; Fault says why.
	Schedule schedule.Schedule
	Fault    error
	Created  time.Time
	// Paused says why it makes none now, "" if it does.
	Paused string
	// OnlyAttached: it leaves out what no pod mounts when it runs.
	OnlyAttached bool
	// May: whether it covers the claim cannot be told, as a label selector decides.
	May bool
	// Target is where its backups go: a BackupTarget, a Velero storage location, a
	// K8up repository; "" for the default.
	Target string
}

// Due is the run of the plan that has to be over now, if one takes slack at most;
// zero if none has been due since the plan was made.
func (p *Plan) Due(now time.Time, slack time.Duration) time.Time {
	due := p.Schedule.Due(now, slack)
	if due.Before(p.Created) {
		return time.Time{}
	}
	return due
}

// unseen is how long Velero may take to look at a new schedule.
const unseen = 30 * time.Minute

// planKey is by what claims share their plans.
type planKey struct {
	namespace string
	longhorn  bool
	jobs      string
	target    string
	engine    string
}

// Plans are what should back a claim up. The slice is shared by all claims with
// the same plans, and nil for a claim with none.
func (x *Index) Plans(namespace, claim string) []Plan {
	return x.PlansOf(namespace, x.claims.Volume(namespace, claim))
}

// PlansOf is the same of a claim in a namespace with a Longhorn volume behind it,
// nil for none.
func (x *Index) PlansOf(namespace string, v *facts.LHVolume) []Plan {
	k := planKey{namespace: namespace}
	if v != nil {
		k.longhorn, k.target, k.engine = true, v.BackupTarget, v.DataEngine
		if len(v.Jobs)+len(v.JobGroups) > 0 {
			k.jobs = strings.Join(v.Jobs, " ") + "/" + strings.Join(v.JobGroups, " ")
		}
	}
	plans, ok := x.plans[k]
	if !ok {
		if v != nil {
			plans = x.recurringJobs(v)
		}
		plans = x.k8upSchedules(x.veleroSchedules(plans, namespace), namespace)
		x.plans[k] = plans
	}
	return plans
}

// DetachedSetting is Longhorn's setting without which recurring jobs leave out
// volumes that are not attached.
const DetachedSetting = "allow-recurring-job-while-volume-detached"

// JobsReachDetached tells whether Longhorn's recurring jobs attach volumes that
// are not. The default is that they do not.
func JobsReachDetached(s *facts.Snapshot, engine string) bool {
	value, _ := lhsetting.Value(s.Longhorn.Settings, DetachedSetting, engine)
	set, err := strconv.ParseBool(value)
	return err == nil && set
}

// recurringJobs are those that make backups and select the volume, by its labels
// or as one without any.
func (x *Index) recurringJobs(v *facts.LHVolume) []Plan {
	groups := v.JobGroups
	if len(v.Jobs)+len(groups) == 0 {
		groups = []string{"default"}
	}
	var plans []Plan
	for i := range x.s.Longhorn.RecurringJobs {
		j := &x.s.Longhorn.RecurringJobs[i]
		selected := slices.Contains(v.Jobs, j.Name) || slices.ContainsFunc(j.Groups, func(g string) bool { return slices.Contains(groups, g) })
		if !j.Backup() || !selected {
			continue
		}
		p := Plan{System: facts.SystemLonghorn, Kind: RecurringJob, Namespace: x.s.Longhorn.Namespace, Name: j.Name, Cron: j.Cron,
			Created: j.Created, OnlyAttached: !JobsReachDetached(x.s, v.DataEngine), Target: v.BackupTarget}
		if slices.ContainsFunc(x.s.Kube.CronJobs, func(c facts.CronJob) bool { return c.Suspended && c.Namespace == p.Namespace && c.Name == p.Name }) {
			p.Paused = "its CronJob is suspended"
		}
		plans = append(plans, planned(p))
	}
	return plans
}

func planned(p Plan) Plan {
	p.Schedule, p.Fault = schedule.Parse(p.Cron, "")
	return p
}

func (x *Index) veleroSchedules(plans []Plan, namespace string) []Plan {
	for i := range x.s.Kube.Velero.Schedules {
		s := &x.s.Kube.Velero.Schedules[i]
		if !s.Scope.Claims || !s.Scope.Includes(namespace) {
			continue
		}
		p := Plan{System: facts.SystemVeleroSnap, Kind: VeleroSchedule, Namespace: s.Namespace, Name: s.Name, Cron: s.Cron,
			Created: s.Created, OnlyAttached: s.Scope.FileSystem, May: s.Scope.Selected, Target: s.Location}
		switch {
		case s.Scope.FileSystem:
			p.System = facts.SystemVeleroFile
		case s.Scope.MoveData:
			p.System = facts.SystemVeleroData
		}
		switch {
		case s.Paused:
			p.Paused = "it is paused"
		case s.Phase == "FailedValidation":
			p.Paused = "Velero does not accept it"
			if s.Error != "" {
				p.Paused += ": " + s.Error
			}
		case s.Phase != "Enabled" && x.s.Now.Sub(s.Created) > unseen:
			p.Paused = "Velero has not taken it up"
		}
		plans = append(plans, planned(p))
	}
	return plans
}

func (x *Index) k8upSchedules(plans []Plan, namespace string) []Plan {
	for i := range x.s.Kube.K8up.Schedules {
		s := &x.s.Kube.K8up.Schedules[i]
		if s.Namespace != namespace || s.Cron == "" {
			continue
		}
		plans = append(plans, planned(Plan{System: facts.SystemK8up, Kind: K8upSchedule, Namespace: s.Namespace, Name: s.Name, Cron: s.Cron, May: s.Selected, Target: s.URL}))
	}
	return plans
}
