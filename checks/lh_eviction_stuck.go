package checks

import (
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

var lhEvictionStuck = &Check{
	ID:       "lh-eviction-stuck",
	Title:    "Evictions of Longhorn replicas get on",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Uses:     []string{facts.LonghornSettings, facts.History},
	Params: []Param{
		{Name: graceParam.Name, Doc: "how long nothing may move while no other disk may take a replica",
			Default: graceParam.Default, Min: graceParam.Min, Max: graceParam.Max, Unit: UnitDuration},
		{Name: "stuckAfter", Doc: "how long not one replica may leave a node although others may take it; four times as long while one is being rebuilt",
			Default: float64(6 * time.Hour), Min: float64(10 * time.Minute), Max: float64(30 * 24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "Somebody, or Longhorn's drain policy, asked for the replicas to leave a node or disk, and they do not. Whoever waits for that before a drain waits for " +
			"ever; whoever does not wait takes away the copies that are still there.",
		FalseAlarms: "Longhorn does not record when an eviction was asked for, so the audit notes in its history how many replicas are left on each node, and counts from " +
			"the last run that saw one leave. In the first hours of an eviction nothing is reported, unless no other disk may take a replica: then it cannot end by itself, " +
			"and grace is enough. Without a history only that can be told, and the check is skipped while evictions are under way. Replicas that cannot be used " +
			"any more are others' to tell. A volume's own soft anti-affinity is not seen: only the settings are.",
		Do: []string{
			"Read in the message why no disk takes the replicas, and make room: enable scheduling on a node, add a disk or a node, free space, or allow `replica-soft-anti-affinity` on a cluster that has as many nodes as replicas.",
			"See what is left: `kubectl -n longhorn-system get replicas.longhorn.io -l longhornnode=NODE -o wide`.",
			"For a volume that stays, see whether it is attached and rebuilding: `kubectl -n longhorn-system get events --field-selector involvedObject.name=VOLUME`; a detached one is attached by Longhorn itself for the eviction once a disk may take the replica.",
			"Linked clones are never moved: delete the clone, or make it a full copy.",
			"Run `audit drain NODE` before the node is taken away.",
		},
		Dont: []string{
			"Do not drain or delete the node while the message says that replicas are left there.",
			"Do not delete the replicas by hand to speed it up.",
		},
		Sources: []string{"longhorn/longhorn#4238", "longhorn-manager controller/volume_eviction_controller.go, controller/volume_controller.go (EvictReplicas), controller/node_controller.go (syncReplicaEvictionRequested)"},
	},
	Run: runLHEvictionStuck,
}

// markEvicting begins the name of the mark that holds how many replicas were
// left on a node that is being evicted; the node's name follows.
const markEvicting = "evicting/"

// eviction is what is left on a node to be moved away.
type eviction struct {
	node     string
	replicas int
	volumes  []*replica.Volume
	stuck    map[string]int // why none may take a replica, by number of volumes
	copying  bool           // a replica of one of them is being filled elsewhere
}

func runLHEvictionStuck(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	evictions := in.evictions()
	r := Result{Marks: map[string]string{}}
	for key, mark := range in.Past.Marks {
		if node, ok := strings.CutPrefix(key.Name, markEvicting); ok && key.Hub == "" && mark.Value != facts.MarkNone && evictions[node] == nil {
			r.Marks[key.Name] = facts.MarkNone
		}
	}
	remembers := in.Source(facts.History).Status == facts.OK
	for _, node := range slices.Sorted(maps.Keys(evictions)) {
		e := evictions[node]
		r.Marks[markEvicting+node] = e.mark()
		since, known := in.unmovedSince(e)
		switch {
		case len(e.stuck) > 0 && (!remembers || known && in.Now.Sub(since) >= in.Duration("grace")),
			known && in.Now.Sub(since) >= in.patience(e):
			r.Findings = append(r.Findings, in.stuckEviction(e, since))
		}
	}
	switch {
	case len(r.Findings) > 1:
		r.Summary = fmt.Sprintf("evictions of replicas are stuck on %s", text.Count(len(r.Findings), "node"))
	case len(r.Findings) == 0 && len(evictions) > 0 && !remembers:
		r.Skip = "replicas are being evicted, and without a history it cannot be told for how long"
	}
	return r
}

// evictions finds the replicas that are still to leave, by node.
func (in *Input) evictions() map[string]*eviction {
	found, room := map[string]*eviction{}, in.room()
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !v.Deleting.IsZero() {
			continue
		}
		for j := range v.Replicas {
			r := &v.Replicas[j]
			if !r.Evicting || !room.evicting(r.LHReplica) {
				continue
			}
			e := found[r.NodeID]
			if e == nil {
				e = &eviction{node: r.NodeID, stuck: map[string]int{}}
				found[r.NodeID] = e
			}
			e.add(v, r, room)
		}
	}
	return found
}

func (e *eviction) add(v *replica.Volume, r *replica.Judged, room *room) {
	e.replicas++
	e.copying = e.copying || copying(v)
	if n := len(e.volumes); n > 0 && e.volumes[n-1] == v {
		return
	}
	e.volumes = append(e.volumes, v)
	if r.LinkedCloneSource != "" {
		e.stuck["Longhorn moves no linked clone"]++
	} else if none := room.none(v); none != "" && !copying(v) {
		e.stuck[none]++
	}
}

func (e *eviction) mark() string { return idText(int64(e.replicas)) + " left" }

// unmovedSince tells since when as many replicas as now are left on a node.
func (in *Input) unmovedSince(e *eviction) (time.Time, bool) {
	mark, ok := in.Past.Marks[facts.SeriesKey{Name: markEvicting + e.node}]
	return mark.Since, ok && mark.Value == e.mark()
}

// patience is how long nothing may move although it could: a rebuild of a large
// volume takes its time, one that starts over and over looks the same.
func (in *Input) patience(e *eviction) time.Duration {
	if e.copying {
		return 4 * in.Duration("stuckAfter")
	}
	return in.Duration("stuckAfter")
}

func (in *Input) stuckEviction(e *eviction, since time.Time) verdict.Finding {
	f := verdict.Finding{Subject: placeSubject(e.node, ""), Details: map[string]string{"replicas": idText(int64(e.replicas))}}
	when := ""
	if !since.IsZero() {
		f.Details["unmovedSince"] = text.Time(since)
		when = ", and none has left since " + text.Time(since)
	}
	why := ""
	if words := commonest(e.stuck); len(words) > 0 {
		for i, reason := range words {
			words[i] = fmt.Sprintf("for %s %s", text.Count(e.stuck[reason], "volume"), reason)
		}
		f.Details["stuck"] = strings.Join(words, "; ")
		why = "; " + joined(words, "; ", 2)
	}
	f.Message = fmt.Sprintf("%s %s to leave node %s%s%s; none is expected to stay; %s", text.Count(e.replicas, "replica"), text.Plural(e.replicas, "is", "are"),
		e.node, when, why, in.homesOf(e.volumes, f.Details))
	return f
}
