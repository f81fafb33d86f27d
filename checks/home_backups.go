package checks

import (
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
)

// heldSources are what the backups of claims are read from.
var heldSources = []string{facts.KubeSnapshots, facts.LonghornVolumes, facts.LonghornBackups,
	facts.VeleroBackups, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.K8upSnapshots}

// rpoParam and slackParam are backup-none's and backup-stale's, and hold for all
// checks of homes' backups.
var (
	rpoParam = Param{Name: "rpo", Doc: "how old a claim may be before it must have a backup, and a backup that no schedule is known of: a day, and two hours for a nightly backup to be made",
		Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(365 * 24 * time.Hour), Unit: UnitDuration}
	slackParam = Param{Name: "slack", Doc: "how long a scheduled backup may take before it counts as missed",
		Default: float64(2 * time.Hour), Min: 0, Max: float64(7 * 24 * time.Hour), Unit: UnitDuration}
)

// homeState tells what there is of a home that needs a backup.
type homeState uint8

const (
	homeNone    homeState = iota // no good backup in any system
	homeOld                      // only one that is too old
	homeCurrent                  // one that is newer than its last use, or as new as the schedule promises
	// homeUnsure: a fresh backup of Velero's or K8up's may or may not hold it, as the
	// API does not say which volumes are in it.
	homeUnsure
)

// homeCause is why a home has no current backup: the first that holds, in this
// order. The check of the cause tells the home.
type homeCause uint8

const (
	noCause           homeCause = iota // none that is known: backup-none and backup-stale tell it
	targetUnset                        // backup-target-unset
	targetUnavailable                  // backup-target-unavailable
	schedulePaused                     // backup-schedule-paused
	skipsDetached                      // backup-skips-detached
	notReached                         // backup-partial-coverage
	notListed                          // backup-partial-coverage
	unscheduled                        // backup-unscheduled
	stuck                              // backup-stuck
	failedBackup                       // backup-failed
	// lostVolume: there is nothing left to back up, which lh-no-usable-replica or
	// lh-blank-attach-risk tell; it comes before all others.
	lostVolume
)

// causeChecks are the ids of the checks that tell the homes of a cause.
var causeChecks = map[homeCause]string{
	targetUnset: "backup-target-unset", targetUnavailable: "backup-target-unavailable", schedulePaused: "backup-schedule-paused",
	skipsDetached: "backup-skips-detached", notReached: "backup-partial-coverage", notListed: "backup-partial-coverage", unscheduled: "backup-unscheduled",
	stuck: "backup-stuck", failedBackup: "backup-failed", lostVolume: "lh-no-usable-replica",
}

// homeBackup is a user's claim that needs a backup, and what there is of it.
type homeBackup struct {
	claim  *facts.Claim
	volume *facts.LHVolume // nil for other storage
	state  homeState
	cause  homeCause
	// used is when it was last used, zero where nothing tells; newest the time of its
	// newest good backup, in any system.
	used, newest time.Time
	*homePlans
}

// backups is what every claim of the cluster has, once for all checks.
func (in *Input) backups() *backups.Index {
	if in.shared.backups == nil {
		in.shared.backups = backups.NewWith(in.Snapshot, in.joined())
	}
	return in.shared.backups
}

// homeBackups are the hub's user claims that need a backup, in the order of the
// snapshot, worked out once for all checks. A claim that is too young for one, or
// that no run of its schedule was due for yet, is not among them.
func (in *Input) homeBackups() []homeBackup {
	homes, known := in.shared.homes[in.Hub]
	if !known {
		homes = in.judgeHomes()
		if in.shared.homes == nil {
			in.shared.homes = map[*facts.Hub][]homeBackup{}
		}
		in.shared.homes[in.Hub] = homes
		in.hubShared().uses = lastUses{} // which nobody asks for again
	}
	return homes
}

// uncovered are the homes without a current backup for that cause.
func (in *Input) uncovered(cause homeCause) []*homeBackup {
	return in.homesThat(func(h *homeBackup) bool { return h.lacks() && h.cause == cause })
}

// unexplained are the homes in a state whose cause no check of this run tells.
func (in *Input) unexplained(state homeState) []*homeBackup {
	return in.homesThat(func(h *homeBackup) bool {
		return h.state == state && (h.cause == noCause || !in.judges(causeChecks[h.cause]))
	})
}

// toldElsewhere tells whether a home without a current backup is told by another
// check than that of the cause.
func (in *Input) toldElsewhere(h *homeBackup, cause homeCause) bool {
	check := causeChecks[h.cause]
	switch {
	case !h.lacks() || h.cause == cause:
		return false
	case check != "" && in.judges(check):
		return true
	case h.state == homeNone:
		return in.judges("backup-none")
	}
	return in.judges("backup-stale")
}

func (in *Input) homesThat(is func(*homeBackup) bool) []*homeBackup {
	var found []*homeBackup
	all := in.homeBackups()
	for i := range all {
		if is(&all[i]) {
			found = append(found, &all[i])
		}
	}
	return found
}

// lacks tells whether it certainly has no current backup.
func (h *homeBackup) lacks() bool { return h.state == homeNone || h.state == homeOld }

// held is what all systems hold of a home.
func (in *Input) held(h *homeBackup) backups.Held {
	return in.backups().Of(h.claim.Namespace, h.claim.Name)
}

// eachHub calls f with the input of each hub, for a check of the cluster.
func (in *Input) eachHub(f func(hub *Input)) {
	for _, hub := range in.Hubs {
		other := *in
		other.Hub = hub
		f(&other)
	}
}

// judges is tells for a check that is named by its id, as checks that tell each
// other's subjects cannot name each other.
func (in *Input) judges(id string) bool {
	for i := range in.shared.suite {
		if c := &in.shared.suite[i]; c.Check.ID == id {
			return !c.on(in.Hub).Disabled
		}
	}
	return false
}

// settingOf is a parameter as it is set for another check and the hub.
func (in *Input) settingOf(id string, p Param) time.Duration {
	for i := range in.shared.suite {
		if c := &in.shared.suite[i]; c.Check.ID == id {
			if value, ok := c.on(in.Hub).values[p.Name]; ok {
				return time.Duration(value)
			}
		}
	}
	return time.Duration(p.Default)
}
