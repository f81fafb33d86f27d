package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhAutoSalvaged = &Check{
	ID:       "lh-auto-salvaged",
	Title:    "No Longhorn volume was salvaged of late",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Uses:     []string{facts.LonghornEvents},
	Params: []Param{{Name: "window", Doc: "for how long after a salvage it is reported",
		Default: float64(7 * 24 * time.Hour), Min: float64(time.Hour), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "All replicas of the volume had failed, and Longhorn (auto-salvage) or somebody took failed ones into use again. That is how a volume comes back " +
			"after a power cut, and also how one comes back with an older or torn copy: writes that were under way are lost, and a replica that " +
			"failed earlier than the others misses what was written since. The file system may be damaged without anybody seeing it yet.",
		FalseAlarms: "There is none: it is reported for window and then no more. Since 1.12 the volume itself tells; since 1.7 its replicas do, by having failed after they " +
			"last became healthy without a rebuild since; before that only an event does, which Kubernetes keeps for an hour, and the finding goes with it. " +
			"Replicas that were rebuilt are not counted. Where nothing could tell, the check is skipped.",
		Do: []string{
			"Take a backup of the volume as it is now, and keep the ones from before the salvage: set their retention aside.",
			"Check the file system while the volume is not mounted: stop the user's server, attach the volume in maintenance mode and run `fsck -n` on its device.",
			"Ask the user to look at what they worked on at the time of the failure; a notebook of size 0 is typical.",
			"If replicas that were not kept are named in the details, compare them before they are rebuilt over, when the data matters.",
			"Find the cause: the events and logs of the nodes at that time (network, power, a full disk), and Longhorn's instance managers.",
		},
		Dont: []string{
			"Do not let backup retention drop the last backup from before the salvage before the data has been checked.",
			"Do not delete the replicas that were not kept before the user has found their files in order.",
		},
		Sources: []string{"longhorn/longhorn#7425 and #6277", "longhorn-manager controller/volume_controller.go (auto-salvage)"},
	},
	Run: runLHAutoSalvaged,
}

func runLHAutoSalvaged(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	events := make(map[string]time.Time, len(in.Longhorn.Salvages))
	for _, s := range in.Longhorn.Salvages {
		if s.At.After(events[s.Volume]) {
			events[s.Volume] = s.At
		}
	}
	var r Result
	told := in.Source(facts.LonghornEvents).Status == facts.OK
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		told = told || slices.ContainsFunc(v.Replicas, func(r replica.Judged) bool { return !r.LastHealthyAt.IsZero() })
		if !v.Deleting.IsZero() {
			continue
		}
		at, by := salvagedAt(v, events[v.Name])
		if in.within(at, in.Duration("window")) {
			r.Findings = append(r.Findings, in.salvagedVolume(v, at, by))
		}
	}
	switch n := len(r.Findings); {
	case n > 1:
		r.Summary = text.Count(n, "volume") + " were salvaged: their replicas had all failed and were taken into use again"
	case n == 0 && !told && len(volumes) > 0:
		r.Skip = "Longhorn before 1.7 tells of a salvage in events only, and those were not read"
	}
	return r
}

// salvagedAt returns when a volume was last salvaged and how that is known,
// zero if it never was.
func salvagedAt(v *replica.Volume, event time.Time) (at time.Time, by string) {
	at, by = v.LastAutoSalvagedAt.Time(), "volume"
	if event.After(at) {
		at, by = event, "event"
	}
	for i := range v.Replicas {
		if r := v.Replicas[i].LHReplica; keptFailed(r) && r.LastFailedAt.Time().After(at) {
			at, by = r.LastFailedAt.Time(), "replica"
		}
	}
	return at, by
}

// keptFailed tells whether a replica was taken into use again as it was when it
// failed. Longhorn clears healthyAt before it rebuilds one, so that a rebuilt
// replica became healthy after it failed; a salvaged one before.
func keptFailed(r *facts.LHReplica) bool {
	return r.FailedAt.IsZero() && r.Deleting.IsZero() && !r.HealthyAt.IsZero() && r.LastFailedAt.After(r.HealthyAt)
}

func (in *Input) salvagedVolume(v *replica.Volume, at time.Time, by string) verdict.Finding {
	f, whose := in.volumeFinding(v)
	f.Details["salvagedAt"], f.Details["knownBy"] = text.Time(at), by
	var kept, left, times []string
	for i := range v.Replicas {
		r := v.Replicas[i].LHReplica
		failed := r.FailedAt.Time()
		switch {
		case keptFailed(r):
			kept, failed = append(kept, r.Name+" on node "+r.NodeID), r.LastFailedAt.Time()
		case !r.FailedAt.IsZero() && !r.LastGood().IsZero():
			left = append(left, r.Name+" on node "+r.NodeID+", failed "+text.Time(failed))
		}
		if !failed.IsZero() && !slices.Contains(times, failed.Format(time.RFC3339)) {
			times = append(times, failed.Format(time.RFC3339))
		}
	}
	slices.Sort(times)
	if len(times) > 0 {
		f.Details["failedAt"] = strings.Join(times, ", ")
	}
	what := ""
	if len(kept) > 0 {
		f.Details["kept"] = strings.Join(kept, "; ")
		what += "; kept " + text.Plural(len(kept), "is ", "are ") + list(kept, 3)
	}
	if len(left) > 0 {
		f.Details["notKept"] = strings.Join(left, "; ")
		what += "; not kept " + text.Plural(len(left), "is ", "are ") + list(left, 3)
	}
	when := "was salvaged at"
	if by == "replica" {
		when = "was salvaged after its replicas failed at"
	}
	f.Message = fmt.Sprintf("%s volume %s %s %s %s: failed replicas were taken into use again, none should have to be%s",
		v.State, v.Name, whose, when, text.Time(at), what)
	return f
}
