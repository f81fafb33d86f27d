package world

import (
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// controlNodes is a minute of Longhorn's and Kubernetes' work on nodes and disks
// (node_controller.go, kubernetes_node_controller.go).
func (l *LonghornLife) controlNodes() {
	s := l.Snapshot
	for _, name := range slices.Sorted(maps.Keys(l.machines)) {
		m := l.machines[name]
		if !m.back.IsZero() && !s.Now.Before(m.back) {
			l.comeBack(name, m)
		}
	}
	s.Longhorn.Nodes = slices.DeleteFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return l.kubeNode(n.Name) == nil })
	l.moveHub()
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		if !l.up(n.Name) {
			continue
		}
		for _, d := range n.Disks {
			l.follow(n.Name, &d)
		}
		l.askToLeave(n)
	}
}

// follow has the replicas of a disk go where the disk is.
func (l *LonghornLife) follow(node string, d *facts.LHDisk) {
	for i := range l.Snapshot.Longhorn.Replicas {
		if r := &l.Snapshot.Longhorn.Replicas[i]; d.Ready == "True" && r.DiskID == d.UUID {
			r.NodeID = node
		}
	}
}

// askToLeave hands a node's or disk's request to its replicas.
func (l *LonghornLife) askToLeave(n *facts.LHNode) {
	policy := l.Snapshot.Longhorn.Settings["node-drain-policy"]
	auto := l.minor >= 6 && policy == "block-for-eviction" && l.kubeNode(n.Name).Unschedulable
	n.AutoEvicting = false
	for i := range l.Snapshot.Longhorn.Replicas {
		r := &l.Snapshot.Longhorn.Replicas[i]
		if r.NodeID != n.Name {
			continue
		}
		asked := n.EvictionRequested || slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == r.DiskID && d.EvictionRequested })
		r.EvictionRequested = asked || auto
		n.AutoEvicting = n.AutoEvicting || auto && !asked
	}
}

// GoDown takes a machine's power away for some time. What ran there stops; of
// what was attached there Longhorn does not know anything until it is back.
func (l *LonghornLife) GoDown(node string, d time.Duration) {
	s := l.Snapshot
	l.machines[node].back = s.Now.Add(d)
	k, n := l.kubeNode(node), l.lhNode(node)
	k.Ready, k.ReadySince = "Unknown", s.Now
	n.Ready, n.ReadyReason, n.ReadySince = "False", "KubernetesNodeNotReady", s.Now
}

func (l *LonghornLife) comeBack(node string, m *machine) {
	now := l.Snapshot.Now
	m.back = time.Time{}
	k, n := l.kubeNode(node), l.lhNode(node)
	k.Ready, k.ReadySince = "True", now
	n.Ready, n.ReadyReason, n.ReadySince = "True", "", now
	l.loseProcesses(node)
}

// loseProcesses is what becomes of what ran on a machine that stopped: its
// replicas failed, and volumes whose engine was there are detached. The hub's pod
// starts again, users' servers do not.
func (l *LonghornLife) loseProcesses(node string) {
	s := l.Snapshot
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; r.NodeID == node && r.State == "running" && r.FailedAt.IsZero() {
			l.fail(r)
		}
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.NodeID != node {
			continue
		}
		l.detach(v)
		if v.ClaimName != HubClaim {
			l.StopServer(v.Name)
		}
	}
}

// Cordon keeps new pods and replicas away from a node, or lets them come again.
func (l *LonghornLife) Cordon(node string, cordoned bool) { l.kubeNode(node).Unschedulable = cordoned }

// Drain stops what runs on a node; the hub starts again on another one.
func (l *LonghornLife) Drain(node string) {
	l.Cordon(node, true)
	for _, v := range l.mountedOn(node) {
		if v.ClaimName == HubClaim {
			l.detach(v)
			l.moveHub()
			continue
		}
		l.StopServer(v.Name)
	}
}

// mountedOn are the volumes that pods of a node have or wait for.
func (l *LonghornLife) mountedOn(node string) (on []*facts.LHVolume) {
	for i := range l.Snapshot.Longhorn.Volumes {
		if v := &l.Snapshot.Longhorn.Volumes[i]; l.volumes[v.Name].wanted == node {
			on = append(on, v)
		}
	}
	return on
}

// moveHub starts the hub's pod on another node where its own is gone or drained.
func (l *LonghornLife) moveHub() {
	s := l.Snapshot
	i := slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == HubClaim })
	v := &s.Longhorn.Volumes[i]
	of := l.volumes[v.Name]
	if v.State == "attached" || l.up(of.wanted) && !l.kubeNode(of.wanted).Unschedulable {
		return
	}
	for i := range s.Kube.Nodes {
		n := &s.Kube.Nodes[i]
		if n.Unschedulable || !l.up(n.Name) {
			continue
		}
		of.wanted = n.Name
		for j := range s.Kube.Pods {
			if p := &s.Kube.Pods[j]; slices.Contains(p.Claims, HubClaim) {
				p.Node, p.Created = n.Name, s.Now
			}
		}
		return
	}
}

// Evict asks Longhorn to move all replicas away from a node, or takes that back.
func (l *LonghornLife) Evict(node string, evict bool) {
	n := l.lhNode(node)
	n.EvictionRequested, n.AllowScheduling = evict, !evict
}

// Left is how many replicas are on record on a node.
func (l *LonghornLife) Left(node string) (replicas int) {
	for i := range l.Snapshot.Longhorn.Replicas {
		if l.Snapshot.Longhorn.Replicas[i].NodeID == node {
			replicas++
		}
	}
	return replicas
}

// Remove takes a node out of the cluster and returns its disks, as they are.
func (l *LonghornLife) Remove(node string) []*Disk {
	s := l.Snapshot
	l.Drain(node)
	l.loseProcesses(node)
	disks := l.machines[node].disks
	delete(l.machines, node)
	s.Kube.Nodes = slices.DeleteFunc(s.Kube.Nodes, func(n facts.Node) bool { return n.Name == node })
	loseManagers(s, node)
	return disks
}

// Join adds a node with disks that were others', or with a new one. It may have
// the name of a node that was there before.
func (l *LonghornLife) Join(node, zone string, disks ...*Disk) {
	s := l.Snapshot
	l.made++
	number := 0x1000 + l.made
	s.Longhorn.Nodes = slices.DeleteFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == node }) // with its Kubernetes node
	s.Kube.Nodes = append(s.Kube.Nodes, facts.Node{Name: node, UID: uid("node", number), Created: s.Now, Ready: "True", ReadySince: s.Now, Zone: zone})
	addStorage(s, node, zone, number, s.Now)
	n := l.lhNode(node)
	if l.minor < 5 {
		n.Disks[0].Type = ""
		splitManagers(s)
	}
	if len(disks) == 0 {
		disks = []*Disk{{uuid: n.Disks[0].UUID, content: map[string]content{}}}
	}
	l.machines[node] = &machine{disks: disks}
	record := n.Disks[0]
	n.Disks = nil
	for _, d := range disks {
		record.UUID = d.uuid
		n.Disks = append(n.Disks, record)
	}
}

// TakeDisk takes the first disk out of a node that is up; nil if it has none.
// Longhorn keeps the record of it, not ready, until somebody removes that too.
func (l *LonghornLife) TakeDisk(node string) *Disk {
	m, n := l.machines[node], l.lhNode(node)
	if len(m.disks) == 0 || !l.up(node) {
		return nil
	}
	d := m.disks[0]
	m.disks = m.disks[1:]
	for i := range n.Disks {
		if on := &n.Disks[i]; on.UUID == d.uuid {
			on.Ready, on.ReadyReason, on.ReadySince, on.Schedulable = "False", "DiskFilesystemChanged", l.Snapshot.Now, "False"
		}
	}
	return d
}

// ForgetDisks removes the records of disks that are not there.
func (l *LonghornLife) ForgetDisks(node string) {
	n := l.lhNode(node)
	n.Disks = slices.DeleteFunc(n.Disks, func(d facts.LHDisk) bool { return l.disk(node, d.UUID) == nil })
}

// PutDisk gives a node a disk: nil is a new one.
func (l *LonghornLife) PutDisk(node string, d *Disk) {
	n := l.lhNode(node)
	l.made++
	if d == nil {
		d = &Disk{uuid: uid("disk", 0x1000+l.made), content: map[string]content{}}
	}
	l.machines[node].disks = append(l.machines[node].disks, d)
	n.Disks = slices.DeleteFunc(n.Disks, func(on facts.LHDisk) bool { return on.UUID == d.uuid })
	n.Disks = append(n.Disks, facts.LHDisk{Name: "disk-" + l.name(), UUID: d.uuid, Path: "/mnt/longhorn/", Type: "filesystem", Ready: "True",
		ReadySince: l.Snapshot.Now, Schedulable: "True", AllowScheduling: true, MaximumBytes: 64 << 40, AvailableBytes: 60 << 40, ReservedBytes: 1 << 40})
}

// Fill fills the first disk of a node, or empties it again: a full one takes no
// new replica.
func (l *LonghornLife) Fill(node string, full bool) {
	d := &l.lhNode(node).Disks[0]
	d.Schedulable, d.AvailableBytes = "True", 60<<40
	if full {
		d.Schedulable, d.AvailableBytes = "False", 1<<40
	}
}

// DeleteOrphans removes the directories that no record owns, on disks that
// Longhorn sees.
func (l *LonghornLife) DeleteOrphans() {
	for _, o := range l.Snapshot.Longhorn.Orphans {
		if d := l.disk(o.NodeID, o.DiskUUID); d != nil {
			delete(d.content, strings.TrimPrefix(o.Name, "orphan-"))
		}
	}
	l.findOrphans()
}
