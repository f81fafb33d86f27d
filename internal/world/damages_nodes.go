package world

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// LoseNode drains a node and deletes it, as Kubernetes and Longhorn show it
// afterwards: servers that ran there are stopped, the hub moved, and the
// replicas that lay there stay on record. Longhorn marks a replica of an
// attached volume failed; that of a detached one keeps looking healthy.
func LoseNode(s *facts.Snapshot, name string) {
	before := len(s.Kube.Nodes)
	s.Kube.Nodes = slices.DeleteFunc(s.Kube.Nodes, func(n facts.Node) bool { return n.Name == name })
	if len(s.Kube.Nodes) == before {
		panic("no node " + name)
	}
	s.Longhorn.Nodes = slices.DeleteFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == name })
	loseManagers(s, name)
	attached := map[string]*facts.LHVolume{}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.NodeID == name {
			moveOrStop(s, v)
		}
		if v.State == "attached" {
			attached[v.Name] = v
		}
	}
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		v := attached[r.Volume]
		switch {
		case v == nil:
			r.State = "stopped"
		case r.NodeID == name:
			r.FailedAt, r.LastFailedAt, r.State = facts.At(s.Now), facts.At(s.Now), "stopped"
			v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now)
		}
	}
	Settle(s)
}

// loseManagers takes away Longhorn's pods of a node and what guards them.
func loseManagers(s *facts.Snapshot, node string) {
	gone := map[string]bool{}
	s.Longhorn.InstanceManagers = slices.DeleteFunc(s.Longhorn.InstanceManagers, func(m facts.LHInstanceManager) bool {
		gone[m.Name] = gone[m.Name] || m.NodeID == node
		return m.NodeID == node
	})
	s.Kube.DisruptionBudgets = slices.DeleteFunc(s.Kube.DisruptionBudgets, func(b facts.DisruptionBudget) bool {
		return b.Namespace == s.Longhorn.Namespace && gone[b.Name]
	})
}

// moveOrStop takes the pod of a volume off a drained node: the hub's starts
// again on the first node left, a user's is gone.
func moveOrStop(s *facts.Snapshot, v *facts.LHVolume) {
	i := slices.IndexFunc(s.Kube.Pods, func(p facts.Pod) bool {
		return p.Namespace == v.ClaimNamespace && slices.Contains(p.Claims, v.ClaimName)
	})
	if i >= 0 && s.Kube.Pods[i].Component == "hub" && len(s.Kube.Nodes) > 0 {
		s.Kube.Pods[i].Node, v.NodeID = s.Kube.Nodes[0].Name, s.Kube.Nodes[0].Name
		return
	}
	v.State, v.Robustness, v.NodeID, v.LastPodRefAt = "detached", "unknown", "", facts.At(s.Now)
	if i < 0 {
		return
	}
	pod := s.Kube.Pods[i]
	s.Kube.Pods = slices.Delete(s.Kube.Pods, i, i+1)
	for _, h := range s.Hubs {
		for j := range h.Spawners {
			sp := &h.Spawners[j]
			if h.Namespace == pod.Namespace && sp.State.PodName == pod.Name {
				h.Servers = slices.DeleteFunc(h.Servers, func(srv facts.Server) bool { return srv.ID == sp.ServerID })
				sp.ServerID, sp.Started = 0, time.Time{}
			}
		}
	}
}

// AddNode adds a new, empty worker in the zone that has the fewest. A name that
// an earlier node had gives a node rebuilt under its name: its disk has a new UUID.
func AddNode(s *facts.Snapshot, name string) {
	workers := map[string]int{}
	for _, n := range s.Kube.Nodes {
		workers[n.Zone]++
	}
	zones := slices.Sorted(maps.Keys(workers))
	zone := "zone-1"
	if len(zones) > 0 {
		zone = slices.MinFunc(zones, func(a, b string) int { return workers[a] - workers[b] })
	}
	addNode(s, name, zone)
}

func addNode(s *facts.Snapshot, name, zone string) {
	n := 1000 + len(s.Kube.Nodes)
	for slices.ContainsFunc(s.Kube.Nodes, func(have facts.Node) bool { return have.UID == uid("node", n) }) {
		n++
	}
	s.Kube.Nodes = append(s.Kube.Nodes, facts.Node{Name: name, UID: uid("node", n), Created: s.Now, Ready: "True", ReadySince: s.Now, Zone: zone})
	addStorage(s, name, zone, n, s.Now)
	Settle(s)
}

// ReplaceNode loses a node and adds a new one in its zone, often under the same name.
func ReplaceNode(s *facts.Snapshot, name, by string) {
	zone := zoneOf(s, name)
	LoseNode(s, name)
	addNode(s, by, zone)
}

// zoneOf is the zone of a node, "" if there is no such node.
func zoneOf(s *facts.Snapshot, name string) string {
	for i := range s.Kube.Nodes {
		if s.Kube.Nodes[i].Name == name {
			return s.Kube.Nodes[i].Zone
		}
	}
	return ""
}

// Rebuild is what Longhorn does once a volume is attached: failed and lost
// replicas of the named volumes give way to new, healthy ones on nodes that
// the volume is not on yet. No names means all attached volumes.
func Rebuild(s *facts.Snapshot, volumes ...string) {
	alive := map[string]facts.LHNode{}
	for _, n := range s.Longhorn.Nodes {
		alive[n.Name] = n
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if len(volumes) > 0 && !slices.Contains(volumes, v.Name) || len(volumes) == 0 && v.State != "attached" {
			continue
		}
		rebuildVolume(s, v, alive)
	}
	Settle(s)
}

func rebuildVolume(s *facts.Snapshot, v *facts.LHVolume, alive map[string]facts.LHNode) {
	on := map[string]bool{}
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool {
		n, ok := alive[r.NodeID]
		bad := r.Volume == v.Name && (!r.FailedAt.IsZero() || !ok ||
			!slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == r.DiskID }))
		if r.Volume == v.Name && !bad {
			on[r.NodeID] = true
		}
		return bad
	})
	for _, n := range s.Longhorn.Nodes {
		if len(on) >= v.WantReplicas {
			break
		}
		if on[n.Name] {
			continue
		}
		on[n.Name] = true
		state := "stopped"
		if v.State == "attached" {
			state = "running"
		}
		s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{
			Name: fmt.Sprintf("%s-r-%s", v.Name, n.Disks[0].UUID[len(n.Disks[0].UUID)-8:]), Volume: v.Name, Created: facts.At(s.Now),
			NodeID: n.Name, DiskID: n.Disks[0].UUID, Active: true, State: state, HealthyAt: facts.At(s.Now), LastHealthyAt: facts.At(s.Now)})
	}
	if v.State == "attached" {
		v.Robustness = "healthy"
	}
}
