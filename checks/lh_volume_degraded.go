package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhVolumeDegraded = &Check{
	ID:       "lh-volume-degraded",
	Title:    "Attached Longhorn volumes have all their replicas",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Uses:     []string{facts.LonghornSettings},
	Params: []Param{graceParam,
		{Name: "errorAfter", Doc: "how long a volume may be degraded, even while a replica is being rebuilt, before that is an error",
			Default: float64(24 * time.Hour), Min: 0, Max: float64(90 * 24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "The volume is in use and has had fewer replicas than it should for longer than a rebuild takes to begin. Longhorn rebuilds an attached volume by " +
			"itself; if it does not, something keeps it from doing so: no node without a copy, no room, tags that no disk has, rebuilding " +
			"switched off. Until that is gone the next lost node or disk leaves one copy or none.",
		FalseAlarms: "A rebuild takes time: nothing is reported in the first grace, nor until errorAfter while a replica is visibly being rebuilt. Volumes that " +
			"are new, restoring, cloning, standby or sharded are not judged, and those with one copy or none are lh-single-usable-replica's and " +
			"lh-no-usable-replica's to tell. Volumes that lack a copy because of the same node or disk are one finding. " +
			"Detached volumes have no such state: Longhorn calls them unknown. A volume's own soft anti-affinity is not seen: only the settings are.",
		Do: []string{
			"Do not take another node away until this check passes.",
			"Bring back the node or disk that the message names, if it still exists.",
			"If the message says why no node may take another copy, change that: uncordon a node, enable its scheduling in Longhorn, add a disk or a node, or free space.",
			"Otherwise look at why the rebuild fails: `kubectl -n longhorn-system get replicas.longhorn.io -l longhornvolume=VOLUME -o wide` and `kubectl -n longhorn-system get events --field-selector involvedObject.name=VOLUME`.",
			"Where it fails over and over, back the volume up before anything else.",
		},
		Dont: []string{
			"Do not lower numberOfReplicas to make the volume look healthy.",
			"Do not stop the user's server in the hope that it helps: Longhorn does not rebuild a detached volume.",
		},
		Sources: []string{"longhorn.io/docs: high availability, volume health", "longhorn-manager controller/volume_controller.go (replenishReplicas), scheduler/replica_scheduler.go"},
	},
	Run: runLHVolumeDegraded,
}

// degradation is one cause and the volumes that it degrades.
type degradation struct {
	cause   replica.Reason // of a node or disk; zero for a volume of its own
	volumes []*replica.Volume
	stuck   map[string]int // why no other copy can be made, by number of volumes
	since   time.Time      // of the volume that has been degraded longest; zero: not known
}

func runLHVolumeDegraded(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	type key struct {
		cause  replica.Reason
		volume string
	}
	found, room := map[key]*degradation{}, in.room()
	var why causes
	total, volumes := 0, in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !in.degraded(v) {
			continue
		}
		total++
		why.add(v)
		k := key{cause: placeLost(v)}
		if k.cause == (replica.Reason{}) {
			k.volume = v.Name
		}
		if found[k] == nil {
			found[k] = &degradation{cause: k.cause, stuck: map[string]int{}, since: v.LastDegradedAt.Time()}
		}
		found[k].add(v, room)
	}
	var r Result
	for k, d := range found {
		if k.volume != "" {
			r.Findings = append(r.Findings, in.degradedVolume(d))
		} else {
			r.Findings = append(r.Findings, in.degradedBy(d))
		}
	}
	if len(r.Findings) > 1 {
		r.Summary = fmt.Sprintf("%s %s been degraded for %s or longer: %s", text.Count(total, "attached volume"), text.Plural(total, "has", "have"),
			text.Duration(in.Duration("grace")), why.String())
	}
	return r
}

func (d *degradation) add(v *replica.Volume, room *room) {
	d.volumes = append(d.volumes, v)
	if at := v.LastDegradedAt.Time(); at.Before(d.since) {
		d.since = at
	}
	if none := room.none(v); none != "" {
		d.stuck[none]++
	}
}

// degraded tells whether a volume has lacked a copy for too long, and no check
// of what is left of it tells that.
func (in *Input) degraded(v *replica.Volume) bool {
	switch {
	case v.State != "attached" || v.Robustness != "degraded" || !in.settled(v.LHVolume) || in.rebuilding(v.LHVolume):
		return false
	case copying(v) && in.within(v.LastDegradedAt.Time(), in.Duration("errorAfter")):
		return false
	case v.Usable == 0:
		return !in.tells(lhNoUsableReplica)
	case v.Usable == 1 && v.DataLocality != "strict-local":
		return !in.tells(lhSingleUsableReplica) || in.as(lhSingleUsableReplica).rebuilding(v.LHVolume)
	}
	return true
}

// placeLost returns the lost node or disk that a volume lacks a copy because
// of; none if it lost a replica where the place is well.
func placeLost(v *replica.Volume) replica.Reason {
	for i := range v.Replicas {
		if j := &v.Replicas[i].Judgement; !j.Usable() && j.Reasons[0].Node != "" {
			return j.Reasons[0]
		}
	}
	return replica.Reason{}
}

func (in *Input) degradedVolume(d *degradation) verdict.Finding {
	v := d.volumes[0]
	var why causes
	why.add(v)
	f, whose := in.volumeFinding(v)
	f.Severity = in.degradedSeverity(d, f.Details)
	seen := cmp.Or(why.String(), "its replicas look well on record")
	f.Message = fmt.Sprintf("attached volume %s %s has %d usable %s of %d, %s; %d are expected%s%s", v.Name, whose, v.Usable,
		text.Plural(v.Usable, "replica", "replicas"), v.WantReplicas, seen, v.WantReplicas, d.sinceText(), d.stuckText(f.Details))
	return f
}

func (in *Input) degradedBy(d *degradation) verdict.Finding {
	f := verdict.Finding{Subject: placeSubject(d.cause.Node, d.cause.Disk), Details: map[string]string{"node": d.cause.Node, "cause": string(d.cause.Kind)}}
	f.Severity = in.degradedSeverity(d, f.Details)
	f.Message = fmt.Sprintf("attached volumes lack a replica that %s; all replicas are expected%s%s; %s",
		d.cause, d.sinceText(), d.stuckText(f.Details), in.homesOf(d.volumes, f.Details))
	return f
}

func (in *Input) degradedSeverity(d *degradation, details map[string]string) verdict.Severity {
	if d.since.IsZero() {
		return verdict.Warning
	}
	details["degradedSince"] = text.Time(d.since)
	if in.Now.Sub(d.since) >= in.Duration("errorAfter") {
		return verdict.Error
	}
	return verdict.Warning
}

func (d *degradation) sinceText() string {
	if d.since.IsZero() {
		return ""
	}
	return ", and were there until " + text.Time(d.since)
}

// stuckText says why no other copy is made, and adds it to the details.
func (d *degradation) stuckText(details map[string]string) string {
	if len(d.stuck) == 0 {
		return ""
	}
	words := commonest(d.stuck)
	if len(d.volumes) > 1 {
		for i, reason := range words {
			words[i] = fmt.Sprintf("for %d of them %s", d.stuck[reason], reason)
		}
	}
	details["stuck"] = strings.Join(words, "; ")
	return "; " + joined(words, "; ", 2)
}
