package checks

import (
	"cmp"
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhVolumeFaulted = &Check{
	ID:       "lh-volume-faulted",
	Title:    "No Longhorn volume is faulted",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params: []Param{{Name: "settle", Doc: "how long Longhorn may take to salvage a volume, or to start its engine again, after its last replica failed",
		Default: float64(2 * time.Minute), Min: 0, Max: float64(24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "Longhorn marked every replica of the volume failed and has not taken one back by itself: automatic salvage is off, or the nodes and disks of the " +
			"failed replicas are not there. The volume cannot be attached. The data is usually still on the disks, and one replica, the " +
			"last to fail, has the newest of it. A standby or restoring volume that is faulted has failed to follow its backup.",
		FalseAlarms: "When an engine stops, its volume is faulted for seconds and comes back by itself: a volume that has a usable replica, or whose last replica failed " +
			"less than settle ago, is not reported. Nor is one that never held data, nor a sharded one. Where lh-no-usable-replica tells of the same volume, this " +
			"is listed as information only, to name the replica to salvage.",
		Do: []string{
			"Stop whatever would attach the volume: `kubectl -n NAMESPACE scale deployment/hub --replicas=0` stops new servers.",
			"Bring back the nodes and disks of the failed replicas first; if the automatic salvage is on, Longhorn then takes the volume back by itself.",
			"Copy the replica's folder away before anything is written to it: `DISK/replicas/NAME-*` on its node.",
			"Salvage the one replica that the details name as best, in Longhorn's UI (Salvage on the volume's page); not all at once, for the others may be older.",
			"Attach the volume without a frontend (maintenance mode) or take a snapshot, check the files, and back it up before the user is let in.",
			"If it is a standby or restored volume, delete it and restore the backup again.",
		},
		Dont: []string{
			"Do not salvage every replica: Longhorn may then serve an older one and overwrite the newest.",
			"Do not delete failed replicas: to Longhorn a volume without any is a new, blank one.",
		},
		Sources: []string{"longhorn/longhorn#7425", "longhorn-manager controller/volume_controller.go (isAutoSalvageNeeded)"},
	},
	Run: runLHVolumeFaulted,
}

func runLHVolumeFaulted(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	volumes := in.volumeHealths()
	for i := range volumes {
		if v := &volumes[i]; in.faulted(v) {
			r.Findings = append(r.Findings, in.faultedVolume(v))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = text.Count(n, "volume") + " are faulted: all their replicas have failed"
	}
	return r
}

// faulted tells whether a volume stays faulted. With a usable replica Longhorn
// is about to bring it back: it calls no other detached volume faulted but one
// without.
func (in *Input) faulted(v *replica.Volume) bool {
	if v.Sharded || v.Robustness != "faulted" || v.Usable > 0 || !v.Deleting.IsZero() || v.State == "deleting" {
		return false
	}
	if !v.HasHistory() && !v.Restoring && !v.Standby {
		return false
	}
	var last facts.Moment
	for i := range v.Replicas {
		last = max(last, v.Replicas[i].FailedAt)
	}
	return !in.within(last.Time(), in.Duration("settle"))
}

func (in *Input) faultedVolume(v *replica.Volume) verdict.Finding {
	f, whose := in.volumeFinding(v)
	what := "holds " + bytesText(v.ActualBytes) + " by its last count"
	switch {
	case v.Restoring || v.Standby:
		f.Severity, what = verdict.Error, "was to be filled from a backup, which failed"
	case in.settled(v.LHVolume) && in.tells(lhNoUsableReplica):
		f.Severity = verdict.Info
	}
	f.Message = fmt.Sprintf("%s volume %s %s is faulted, an available one is expected; it %s; %s",
		v.State, v.Name, whose, what, salvageAdvice(v, f.Details))
	return f
}

// salvageAdvice names the replica that has the newest data, and adds it to the
// details.
func salvageAdvice(v *replica.Volume, details map[string]string) string {
	best := bestToSalvage(v, inReach)
	newest := bestToSalvage(v, func(*replica.Judged, *replica.Judged) int { return 0 })
	if best == nil {
		return "no replica of it ever held data"
	}
	details["bestReplica"], details["bestNode"], details["bestDisk"] = best.Name, best.NodeID, best.DiskID
	if at := best.LastGood(); !at.IsZero() {
		details["bestHealthyAt"] = text.Time(at.Time())
	}
	advice := fmt.Sprintf("of its replicas %s on node %s is the best to salvage", best.Name, best.NodeID)
	if !best.FailedAt.IsZero() {
		details["bestFailedAt"] = text.Time(best.FailedAt.Time())
		advice += ", it failed last, " + text.Time(best.FailedAt.Time())
	}
	switch why := best.Reasons[0]; {
	case why.Node != "":
		advice += ", but it " + why.String()
	case newest != best:
		details["newestReplica"], details["newestNode"] = newest.Name, newest.NodeID
		advice += fmt.Sprintf("; newer is only %s, which %s", newest.Name, newest.Reasons[0])
	}
	return advice
}

// bestToSalvage returns the replica that was written to last among those that
// prefer puts first; nil: none ever held data. What failed earlier misses the
// last writes.
func bestToSalvage(v *replica.Volume, prefer func(a, b *replica.Judged) int) *replica.Judged {
	var best *replica.Judged
	for i := range v.Replicas {
		r := &v.Replicas[i]
		if r.LastGood().IsZero() || !r.Deleting.IsZero() {
			continue
		}
		if best == nil || cmp.Or(prefer(r, best), cmp.Compare(r.FailedAt, best.FailedAt), cmp.Compare(r.LastGood(), best.LastGood())) > 0 {
			best = r
		}
	}
	return best
}

// inReach prefers a replica whose node and disk are there.
func inReach(a, b *replica.Judged) int {
	reach := func(r *replica.Judged) int {
		if r.Reasons[0].Node == "" {
			return 1
		}
		return 0
	}
	return reach(a) - reach(b)
}
