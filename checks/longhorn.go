package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// longhornSources are what replicas cannot be judged without.
var longhornSources = []string{facts.KubeNodes, facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes}

// minVolumeAge is how long a new volume may take to get its replicas.
const minVolumeAge = 10 * time.Minute

// graceParam is shared by the checks that Longhorn itself can cure while a
// volume is attached.
var graceParam = Param{Name: "grace", Doc: "how long an attached volume may take to rebuild before it is reported",
	Default: float64(30 * time.Minute), Min: 0, Max: float64(7 * 24 * time.Hour), Unit: UnitDuration}

// volumeHealths judges all replicas and shards, once for all checks.
func (in *Input) volumeHealths() []replica.Volume {
	if in.shared.volumes == nil && len(in.Longhorn.Volumes) > 0 {
		in.shared.volumes = replica.Volumes(in.Snapshot, in.replicaCluster())
	}
	return in.shared.volumes
}

// longhornGaps says why replicas cannot be judged although their lists were
// read; "" if they can. audit-input-missing says that a list emptied.
func (in *Input) longhornGaps() string { return replica.Gaps(in.Snapshot) }

// shardsUnread says why the shards of a sharded volume cannot be judged; "" if
// they can, or it has none.
func (in *Input) shardsUnread(v *replica.Volume) string {
	if !v.Sharded {
		return ""
	}
	if src, unread := replica.UnreadShards(in.Snapshot); unread {
		return fmt.Sprintf("source %s could not be read: %s", src.Name, src.Detail)
	}
	if !v.NeedKnown() {
		return "sharded volume " + v.Name + " has no shard group on record"
	}
	return ""
}

// settled tells whether a volume's replicas are expected to be complete. A
// sharded volume has no replicas at all; finished is the same for both.
func (in *Input) settled(v *facts.LHVolume) bool { return !v.Sharded && in.finished(v) }

// finished tells whether a volume is not just being made, restored, cloned or
// deleted, nor a standby copy of another cluster's volume.
func (in *Input) finished(v *facts.LHVolume) bool {
	return v.Unsettled() == "" && v.State != "creating" && !in.within(v.Created.Time(), minVolumeAge)
}

// lost tells whether a volume that should have its data has no copy of it left.
func (in *Input) lost(v *replica.Volume) bool {
	return v.Copies() == 0 && v.HasHistory() && in.finished(v.LHVolume)
}

// rebuilding tells whether an attached volume lost a replica so recently that
// Longhorn may still be about to replace it.
func (in *Input) rebuilding(v *facts.LHVolume) bool {
	return v.State == "attached" && v.Robustness == "degraded" && in.within(v.LastDegradedAt.Time(), in.Duration("grace"))
}

// within tells whether t is less than d ago. A time that another clock puts
// less than d ahead is within too; one far ahead is not.
func (in *Input) within(t time.Time, d time.Duration) bool {
	return !t.IsZero() && in.Now.Sub(t).Abs() < d
}

// volumeFinding begins a finding about a volume: who it belongs to and what
// is wrong with each replica or shard that cannot be used. whose is for its
// message.
func (in *Input) volumeFinding(v *replica.Volume) (f verdict.Finding, whose string) {
	details := map[string]string{"state": v.State, "wanted": idText(int64(v.Wanted())), "usable": idText(int64(v.Usable))}
	whose = in.volumeOwner(v.LHVolume, details)
	var unusable []string
	for i := range v.Replicas {
		unusable = appendUnusable(unusable, v.Replicas[i].Name, &v.Replicas[i].Judgement)
	}
	for i := range v.Shards {
		unusable = appendUnusable(unusable, v.Shards[i].Name, &v.Shards[i].Judgement)
	}
	if len(unusable) > 0 {
		details["unusable"] = strings.Join(unusable, "; ")
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: v.Name}, Details: details}, whose
}

func appendUnusable(to []string, name string, j *replica.Judgement) []string {
	if j.Usable() {
		return to
	}
	reasons := make([]string, len(j.Reasons))
	for i, reason := range j.Reasons {
		reasons[i] = reason.String()
	}
	return append(to, name+" "+strings.Join(reasons, " and "))
}

// causes counts why replicas and shards cannot be used, by root cause. A piece
// that should exist and has no record at all is counted too.
type causes struct {
	replicas, shards map[replica.Reason]int
	// norecord are replicas, shards that are not on record.
	norecord, noshard int
}

func (c *causes) add(v *replica.Volume) {
	if c.replicas == nil {
		c.replicas, c.shards = map[replica.Reason]int{}, map[replica.Reason]int{}
	}
	for i := range v.Replicas {
		if r := &v.Replicas[i]; !r.Usable() {
			c.replicas[r.Reasons[0]]++
		}
	}
	for i := range v.Shards {
		if s := &v.Shards[i]; !s.Usable() {
			c.shards[s.Reasons[0]]++
		}
	}
	if v.Sharded {
		c.noshard += max(0, v.Wanted()-len(v.Shards))
	} else {
		c.norecord += max(0, v.WantReplicas-len(v.Replicas))
	}
}

// String tells the causes, the commonest first.
func (c *causes) String() string {
	texts := slices.Concat(countedReasons(c.replicas, "replica"), countedReasons(c.shards, "shard"))
	texts = append(texts, withoutRecord(c.norecord, "replica")...)
	texts = append(texts, withoutRecord(c.noshard, "shard")...)
	return joined(texts, "; ", 4)
}

func withoutRecord(n int, what string) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s %s no record", text.Count(n, what), text.Plural(n, "has", "have"))}
}

// countedReasons tells how many pieces cannot be used for each reason, the
// commonest first. Those that are lost with several nodes are one.
func countedReasons(by map[replica.Reason]int, what string) []string {
	nodes := map[replica.Kind][]string{}
	merged := map[replica.Reason]int{}
	for r, n := range by {
		if r.Kind == replica.NodeGone || r.Kind == replica.NodeUnknown {
			nodes[r.Kind] = append(nodes[r.Kind], r.Node)
			r.Node = ""
		}
		merged[r] += n
	}
	reasons := slices.SortedFunc(maps.Keys(merged), func(a, b replica.Reason) int {
		return cmp.Or(merged[b]-merged[a], strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Node, b.Node),
			strings.Compare(a.Disk, b.Disk), strings.Compare(a.Detail, b.Detail))
	})
	var texts []string
	for _, r := range reasons {
		n := merged[r]
		if on := nodes[r.Kind]; len(on) > 0 {
			slices.Sort(on)
			r.Node = list(on, homesShown)
		}
		said := forMany(r, n)
		if len(nodes[r.Kind]) > 1 {
			said = strings.Replace(strings.Replace(said, "on node ", "on nodes ", 1), "which is ", "which are ", 1)
		}
		texts = append(texts, text.Count(n, what)+" "+said)
	}
	return texts
}

// forMany turns what is said of one replica into what is said of n.
func forMany(r replica.Reason, n int) string {
	one := r.String()
	if n == 1 {
		return one
	}
	for _, verb := range [][2]string{{"is ", "are "}, {"was ", "were "}, {"has ", "have "}} {
		if rest, ok := strings.CutPrefix(one, verb[0]); ok {
			return verb[1] + strings.Replace(rest, "a linked clone of a replica", "linked clones of replicas", 1)
		}
	}
	return one
}

// lossTold tells whether another check says that a volume has no copy left.
func (in *Input) lossTold(v *replica.Volume) bool {
	return in.lossToldApart(v) || in.tells(lhNoUsableReplica) && in.finished(v.LHVolume)
}

// lossToldApart tells whether the check of blank replicas or that of shards says
// that a volume has no copy left.
func (in *Input) lossToldApart(v *replica.Volume) bool {
	return in.finished(v.LHVolume) && (onlyBlank(v) && in.tells(lhBlankAttachRisk) || v.Sharded && in.tells(lhECMargin))
}

// copying tells whether a replica of a volume is being filled now.
func copying(v *replica.Volume) bool {
	return slices.ContainsFunc(v.Replicas, func(r replica.Judged) bool {
		return r.State == "running" && r.HealthyAt.IsZero() && r.FailedAt.IsZero() && r.Deleting.IsZero() && r.NodeID != ""
	})
}

// placeSubject names a node, or a disk of it by its UUID.
func placeSubject(node, disk string) verdict.Subject {
	if disk == "" {
		return verdict.Subject{Kind: "node", Name: node}
	}
	return verdict.Subject{Kind: "disk", Name: disk + " of " + node, ID: disk}
}
