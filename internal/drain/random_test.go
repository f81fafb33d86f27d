package drain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// randomCluster is a small cluster in any state: nodes that are gone, cordoned,
// rebuilt under their name or not ready; replicas that are fine, failed, blank,
// inactive, or on disks that are nowhere; local volumes; a Ceph pool.
func randomCluster(r *rand.Rand) *facts.Snapshot {
	s := world.Healthy(world.Size{Users: 5 + r.IntN(2), Nodes: 3 + r.IntN(3), Replicas: 1 + r.IntN(3)})
	one := func(n int) bool { return r.IntN(n) == 0 }
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		v.OfflineRebuilding = []string{"ignored", "enabled", "disabled", ""}[r.IntN(4)]
		if one(6) {
			v.ActualBytes, v.LastBackupAt, v.LastPodRefAt = 0, 0, 0
		}
		v.Standby = one(15)
		if one(8) {
			v.NodeSelector = []string{"fast"}
		}
	}
	s.Longhorn.Settings["offline-replica-rebuilding"] = fmt.Sprint(one(2))
	s.Longhorn.Settings["replica-zone-soft-anti-affinity"] = fmt.Sprint(!one(5))
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		if one(6) {
			n.Ready = "False"
		}
		if one(5) {
			n.Disks[0].UUID = fmt.Sprintf("new-disk-%d", i)
		}
		if one(3) {
			n.Tags = []string{"fast"}
		}
		n.AllowScheduling = !one(6)
		if one(8) {
			n.Disks[0].MaximumBytes = 20 << 30
		}
	}
	for i := range s.Longhorn.Replicas {
		damageReplica(r, s, &s.Longhorn.Replicas[i])
	}
	if one(3) && len(s.Kube.Nodes) > 3 {
		s.Kube.Nodes = slices.Delete(s.Kube.Nodes, 1, 2)
	}
	s.Kube.Nodes[0].Unschedulable = one(4)
	for range r.IntN(3) {
		addLocal(s, r, []string{"worker-1", "worker-2", "worker-9"}[r.IntN(3)])
	}
	world.Settle(s)
	return s
}

func damageReplica(r *rand.Rand, s *facts.Snapshot, p *facts.LHReplica) {
	switch r.IntN(12) {
	case 0:
		p.FailedAt = facts.At(s.Now.Add(-time.Hour))
	case 1:
		p.HealthyAt, p.LastHealthyAt = 0, 0
	case 2:
		p.Active = false
	case 3:
		p.DiskID = "a-disk-that-is-nowhere"
	case 4:
		p.NodeID = fmt.Sprintf("worker-%d", 1+r.IntN(7))
	case 5:
		p.Deleting = facts.At(s.Now)
	}
}

// addLocal adds a home on a node's own disk.
func addLocal(s *facts.Snapshot, r *rand.Rand, node string) {
	n := r.Uint32()
	name := fmt.Sprintf("local-%08x", n)
	s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: world.Namespace, Name: "claim-" + name, UID: name, Phase: "Bound", VolumeName: name,
		StorageClass: "local-path", User: name, HasUser: true, Component: "singleuser-storage", Created: s.Now.AddDate(0, -1, 0)})
	s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: name, UID: name, Phase: "Bound", Driver: "local", Handle: "/data/" + name, NodeNames: []string{node},
		StorageClass: "local-path", ClaimNamespace: world.Namespace, ClaimName: "claim-" + name, ClaimUID: name, ReclaimPolicy: "Retain"})
}

// randomOptions name some of the nodes in some order.
func randomOptions(r *rand.Rand, s *facts.Snapshot) Options {
	var names []string
	for i := range s.Kube.Nodes {
		names = append(names, s.Kube.Nodes[i].Name)
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return Options{Nodes: names[:1+r.IntN(len(names))], Rolling: r.IntN(2) == 0, WaitRebuild: r.IntN(2) == 0, Keep: 1 + r.IntN(2)}
}
