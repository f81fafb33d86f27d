package drain

import (
	"math/rand/v2"
	"slices"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// truth is one volume in a simulation that shares nothing with the planner: a
// set of nodes with a good copy, and what Longhorn may do about it.
type truth struct {
	v       *facts.LHVolume // nil for a local volume
	on      map[string]bool
	mounted string // where it is attached
	server  bool   // only a user's server mounts it
}

// truths reads the rules of FACTS 3.5 off the records once more.
func truths(s *facts.Snapshot) map[string]*truth {
	kube := map[string]*facts.Node{}
	for i := range s.Kube.Nodes {
		kube[s.Kube.Nodes[i].Name] = &s.Kube.Nodes[i]
	}
	all := map[string]*truth{}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		written := v.ActualBytes > 0 || v.State == "attached" || !v.LastPodRefAt.IsZero() || !v.LastBackupAt.IsZero()
		if written && !v.Standby {
			all[v.Name] = &truth{v: v, on: map[string]bool{}, server: v.ClaimName != world.HubClaim}
			if v.State == "attached" {
				all[v.Name].mounted = v.NodeID
			}
		}
	}
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		good := r.Deleting.IsZero() && r.FailedAt.IsZero() && !r.HealthyAt.IsZero() && r.Active && kube[r.NodeID] != nil
		for j := range s.Longhorn.Nodes {
			n := &s.Longhorn.Nodes[j]
			if t := all[r.Volume]; t != nil && good && n.Name == r.NodeID && n.Ready == "True" && n.Disks[0].UUID == r.DiskID && n.Disks[0].Ready == "True" {
				t.on[n.Name] = true
			}
		}
	}
	for i := range s.Kube.Volumes {
		if pv := &s.Kube.Volumes[i]; pv.Driver == "local" && kube[pv.NodeNames[0]] != nil {
			all[pv.Name] = &truth{on: map[string]bool{pv.NodeNames[0]: true}}
		}
	}
	return all
}

// rebuildAnywhere gives every volume that Longhorn would rebuild its copies back,
// each on a random node that can take one.
func rebuildAnywhere(r *rand.Rand, s *facts.Snapshot, all map[string]*truth, gone map[string]bool, rolling bool) {
	for _, t := range all {
		if t.v == nil || len(t.on) == 0 {
			continue
		}
		offline := t.v.OfflineRebuilding == "enabled" || t.v.OfflineRebuilding == "ignored" && s.Longhorn.Settings["offline-replica-rebuilding"] == "true"
		if t.mounted == "" && !offline {
			continue
		}
		for len(t.on) < t.v.WantReplicas {
			open := openNodes(s, t, gone, rolling)
			if len(open) == 0 {
				break
			}
			t.on[open[r.IntN(len(open))]] = true
		}
	}
}

func openNodes(s *facts.Snapshot, t *truth, gone map[string]bool, rolling bool) []string {
	var open []string
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		k := slices.IndexFunc(s.Kube.Nodes, func(k facts.Node) bool { return k.Name == n.Name })
		fresh := gone[n.Name]
		usable := fresh && rolling || !fresh && k >= 0 && !s.Kube.Nodes[k].Unschedulable && n.Ready == "True" && n.AllowScheduling
		tagged := len(t.v.NodeSelector) == 0 || len(n.Tags) > 0
		room := n.Disks[0].MaximumBytes-n.Disks[0].ReservedBytes >= t.v.SizeBytes
		zone := s.Longhorn.Settings["replica-zone-soft-anti-affinity"] == "true" || !slices.ContainsFunc(s.Longhorn.Nodes, func(o facts.LHNode) bool { return t.on[o.Name] && o.Zone == n.Zone })
		// A copy on a node that left and came back is a new one under the old name.
		if usable && tagged && room && zone && !t.on[n.Name] {
			open = append(open, n.Name)
		}
	}
	return open
}

// TestPlanIsTrue holds plans of random clusters against the simulation. Where
// nothing is rebuilt, losses must be the same to the volume; where it is, a plan
// that says that a step costs nothing must be right wherever copies are put.
func TestPlanIsTrue(t *testing.T) {
	safe, unsafe := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := randomCluster(r)
		o := randomOptions(r, s)
		plan, err := Plan(s, o)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Costs() {
			unsafe++
		} else {
			safe++
		}
		for range 1 + 4*b2i(o.WaitRebuild) {
			compare(t, seed, r, s, o, plan)
		}
	}
	if safe < 100 || unsafe < 100 {
		t.Errorf("%d plans cost nothing and %d something: too few of one kind", safe, unsafe)
	}
}

func compare(t *testing.T, seed uint64, r *rand.Rand, s *facts.Snapshot, o Options, plan *Result) {
	t.Helper()
	all, gone := truths(s), map[string]bool{}
	doomed := map[string]bool{}
	for i, node := range o.Nodes {
		step := &plan.Steps[i]
		for name, v := range all {
			before := len(v.on)
			delete(v.on, node)
			toldLost, toldBelow := tells(step.Lost, name), tells(step.BelowKeep, name)
			isLost, isBelow := before > 0 && len(v.on) == 0, len(v.on) < before && len(v.on) > 0 && len(v.on) < o.Keep
			if doomed[name] = doomed[name] || toldLost || toldBelow; o.WaitRebuild && (toldLost || toldBelow || !isLost && !isBelow || doomed[name]) {
				continue // a warning of what may happen
			}
			if isLost != toldLost || isBelow != toldBelow {
				t.Fatalf("seed %d, %+v: volume %s at step %d (%s): lost %t and told %t, below %t and told %t", seed, o, name, i+1, node, isLost, toldLost, isBelow, toldBelow)
			}
		}
		for _, v := range all {
			if v.mounted == node {
				v.mounted = ""
				if !v.server && v.v.ClaimName == world.HubClaim {
					v.mounted = "elsewhere"
				}
			}
		}
		gone[node] = true
		if o.WaitRebuild {
			rebuildAnywhere(r, s, all, gone, o.Rolling)
		}
	}
}

func tells(items []Item, volume string) bool {
	return slices.ContainsFunc(items, func(it Item) bool { return it.Volume == volume && it.Why != remainsWhy })
}
