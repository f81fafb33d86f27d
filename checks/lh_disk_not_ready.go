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

var lhDiskNotReady = &Check{
	ID:       "lh-disk-not-ready",
	Title:    "Longhorn can use all of its nodes and disks",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params: []Param{{Name: graceParam.Name, Doc: "how long a node or disk may be away before it is reported",
		Default: graceParam.Default, Min: graceParam.Min, Max: graceParam.Max, Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "A node or disk that Longhorn counts on is not ready: the copies on it cannot be read or written. They are usually intact, but miss what is written " +
			"meanwhile, and with them away the loss of other nodes may be the loss of the data. DiskFilesystemChanged means that another " +
			"file system is mounted where the disk was: an empty one, if a mount failed.",
		FalseAlarms: "What was ready less than grace ago is rebooting or being upgraded and is not reported. Where Longhorn does not tell since when, it is reported at once. " +
			"A node that is not in Kubernetes is lh-replica-node-missing's or lh-node-gone-lingering's to tell; a place that holds no copy is a " +
			"warning, and nothing at all if it is closed to new replicas or was never read. Full disks are ready: they take no new replica. " +
			"All that lies on a node that is down is one finding. Volumes without any other copy are told by lh-no-usable-replica as critical.",
		Do: []string{
			"Look at the reason in the message and in `kubectl -n longhorn-system get nodes.longhorn.io NODE -o yaml`.",
			"KubernetesNodeNotReady, KubernetesNodePressure: bring the node itself back, `kubectl describe node NODE`.",
			"ManagerPodDown, ManagerPodMissing: `kubectl -n longhorn-system get pods -l app=longhorn-manager -o wide`, then look at that pod's log, or at why the DaemonSet has none there (taints, tolerations).",
			"DiskFilesystemChanged: on the node compare `findmnt` for the disk's path with /etc/fstab and mount the right device again; longhorn-disk.cfg in it must have the disk's UUID.",
			"NoDiskInfo, DiskNotReady, DiskServiceUnreachable: look at the kernel's messages for I/O errors, and for block disks at the instance manager of the node.",
			"Do not take another node away meanwhile. If the disk is dead, let the volumes rebuild elsewhere and read lh-single-usable-replica.",
		},
		Dont: []string{
			"Do not delete the disk or the node from Longhorn while the message says that copies lie there.",
			"Do not format the disk or write a new longhorn-disk.cfg: a disk with another UUID is another disk to Longhorn.",
		},
		Sources: []string{"longhorn-manager controller/node_controller.go (conditions of nodes and disks), controller/monitor/disk_monitor.go"},
	},
	Run: runLHDiskNotReady,
}

// downPlace is a node or a disk that is not ready.
type downPlace struct {
	node   roomNode
	disk   *facts.LHDisk // nil for the node as a whole
	reason string
	since  time.Time
	// volumes have a copy there, last of these no other.
	volumes, last []*replica.Volume
}

func runLHDiskNotReady(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	places := in.downPlaces()
	if len(places) == 0 {
		return Result{}
	}
	in.fillPlaces(places)
	var r Result
	nodes, disks := 0, 0
	for _, p := range places {
		if !in.worthTelling(p) {
			continue
		}
		r.Findings = append(r.Findings, in.placeDown(p))
		if p.disk == nil {
			nodes++
		} else {
			disks++
		}
	}
	switch {
	case nodes+disks < 2:
	case disks == 0:
		r.Summary = text.Count(nodes, "node") + " of Longhorn's are not ready"
	case nodes == 0:
		r.Summary = text.Count(disks, "disk") + " of Longhorn's are not ready"
	default:
		r.Summary = fmt.Sprintf("%s and %s of Longhorn's are not ready", text.Count(nodes, "node"), text.Count(disks, "disk"))
	}
	return r
}

// downPlaces finds the nodes that are not ready, and the disks that are not on
// nodes that are.
func (in *Input) downPlaces() []*downPlace {
	var places []*downPlace
	for _, n := range in.room().nodes {
		switch {
		case n.Ready != "True":
			places = append(places, &downPlace{node: n, reason: n.ReadyReason, since: n.ReadySince})
			continue
		case n.kube.Ready == "False" || n.kube.Ready == "Unknown":
			// Longhorn's own record is stale where its manager is down everywhere.
			places = append(places, &downPlace{node: n, reason: "KubernetesNodeNotReady", since: n.kube.ReadySince})
			continue
		}
		for i := range n.Disks {
			if d := &n.Disks[i]; d.Ready != "True" && !readyTwin(n.LHNode, d) && (d.UUID != "" || d.Ready != "") {
				places = append(places, &downPlace{node: n, disk: d, reason: d.ReadyReason, since: d.ReadySince})
			}
		}
	}
	return places
}

// readyTwin tells whether the same disk is on the node's record a second time,
// ready: a path that was entered twice.
func readyTwin(n *facts.LHNode, d *facts.LHDisk) bool {
	for i := range n.Disks {
		if other := &n.Disks[i]; d.UUID != "" && other.UUID == d.UUID && other.Ready == "True" {
			return true
		}
	}
	return false
}

// fillPlaces notes which volumes have copies where.
func (in *Input) fillPlaces(places []*downPlace) {
	nodes, disks := map[string]*downPlace{}, map[place]*downPlace{}
	for _, p := range places {
		if p.disk == nil {
			nodes[p.node.Name] = p
		} else {
			disks[place{p.node.Name, p.disk.UUID}] = p
		}
	}
	volumes := in.volumeHealths()
	for i := range volumes {
		v := &volumes[i]
		if !v.Deleting.IsZero() {
			continue
		}
		note := func(node, disk string) {
			if p := cmp.Or(nodes[node], disks[place{node, disk}]); p != nil {
				p.note(v, in.lost(v))
			}
		}
		for j := range v.Replicas {
			if r := v.Replicas[j].LHReplica; r.Deleting.IsZero() && !r.LastGood().IsZero() {
				note(r.NodeID, r.DiskID)
			}
		}
		for j := range v.Shards {
			if s := v.Shards[j].LHShard; s.Deleting.IsZero() && s.State == "normal" {
				note(s.NodeID, s.DiskID)
			}
		}
	}
}

func (p *downPlace) note(v *replica.Volume, last bool) {
	if n := len(p.volumes); n > 0 && p.volumes[n-1] == v {
		return // a second copy of the same volume
	}
	p.volumes = append(p.volumes, v)
	if last {
		p.last = append(p.last, v)
	}
}

// alone tells whether volumes without another copy lie there and no check of
// what is left of them tells it.
func (in *Input) alone(p *downPlace) bool { return len(p.last) > 0 && !in.tells(lhNoUsableReplica) }

func (in *Input) worthTelling(p *downPlace) bool {
	if len(p.volumes) == 0 && (!p.node.AllowScheduling || p.disk == nil && len(p.node.Disks) == 0 || p.disk != nil && !p.disk.AllowScheduling) {
		return false // it is taken out of service, or never was in it
	}
	return in.alone(p) || !in.within(p.since, in.Duration("grace"))
}

func (in *Input) placeDown(p *downPlace) verdict.Finding {
	f := verdict.Finding{Subject: placeSubject(p.node.Name, ""), Details: map[string]string{"node": p.node.Name}}
	what := "node " + p.node.Name
	if p.disk != nil {
		name := cmp.Or(p.disk.UUID, p.disk.Name)
		f.Subject = placeSubject(p.node.Name, name)
		f.Details["disk"], f.Details["path"] = p.disk.Name, p.disk.Path
		what = fmt.Sprintf("disk %s (%s, %s) of node %s", name, p.disk.Name, p.disk.Path, p.node.Name)
	}
	when := ""
	if !p.since.IsZero() {
		f.Details["since"] = text.Time(p.since)
		when = " since " + text.Time(p.since)
	}
	if p.reason != "" {
		f.Details["reason"] = p.reason
		when += " (" + p.reason + ")"
	}
	f.Message = fmt.Sprintf("%s is not ready%s, ready is expected; %s", what, when, in.whatLiesThere(p, f.Details))
	switch {
	case in.alone(p):
		f.Severity = verdict.Critical
	case len(p.volumes) == 0:
		f.Severity = verdict.Warning
	}
	return f
}

// whatLiesThere says how many volumes have copies in a place and whose they
// are: of all, or of those that have no other where there are such.
func (in *Input) whatLiesThere(p *downPlace, details map[string]string) string {
	switch {
	case len(p.volumes) == 0:
		return "no copy lies there"
	case len(p.last) == 0:
		return "copies lie there of " + in.homesOf(p.volumes, details)
	}
	in.homesOf(p.volumes, details)
	only := map[string]string{}
	whose := in.homesOf(p.last, only)
	details["withoutOtherCopy"] = only["volumes"]
	return fmt.Sprintf("copies of %s lie there, and no other copy can be used of %s", text.Count(len(p.volumes), "volume"), whose)
}
