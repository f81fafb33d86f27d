package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhReplicaDiskMissing = &Check{
	ID:       "lh-replica-disk-missing",
	Title:    "Every Longhorn replica lies on a disk that its node has",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    longhornSources,
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "Longhorn's records count on replicas that lie on a disk which their node no longer has: the disk was taken out, or the node was rebuilt " +
			"under its old name with an empty disk. Longhorn compares names of nodes, not disks, before it lets a drain go ahead, so it takes " +
			"the new node for the one that protects the volumes. A detached volume stays in this state for as long as nobody mounts it.",
		FalseAlarms: "A disk that another node has now is followed by Longhorn itself, and is reported only if that has not happened within grace. A node that " +
			"joined less than grace ago and has not shown all its disks is not reported. Not counted are replicas and volumes that are being deleted, failed " +
			"ones that an attached volume lost less than grace ago, and failed ones whose volume has all its replicas again.",
		Do: []string{
			"Do not drain, rebuild or delete another node until this check passes.",
			"If the old disk still exists, keep it as it is, put it back into the node, or into another one, and add it to that node in Longhorn without formatting it: Longhorn knows it by its UUID, and the replicas follow it.",
			"If it is gone for good, take the replicas on it off record, one by one and only for volumes that have another usable one (see lh-single-usable-replica): `kubectl -n longhorn-system delete replicas.longhorn.io REPLICA`. As long as they are there Longhorn cannot attach the volume: it waits for them to start, or before 1.5 starts empty ones in their place.",
			"Then let the volumes rebuild a few at a time: start the user's server, or set `offlineRebuilding` to `enabled` (Longhorn 1.9 and later), until each volume is Healthy.",
			"Volumes for which it was the last copy must not be mounted: restore their newest backup into a new volume.",
		},
		Dont: []string{
			"Do not format or reuse a disk that was taken out.",
			"Do not delete the records of the lost disk in one go: a volume without any record gets blank replicas and is formatted by its next mount.",
			"Do not trust that Longhorn lets the next drain go ahead.",
		},
		Sources: []string{"longhorn-manager controller/node_controller.go, datastore/longhorn.go (ListVolumePDBProtectedHealthyReplicasRO)", "Nectar post-mortem, 2023"},
	},
	Run: runLHReplicaDiskMissing,
}

// lostDisk is a disk that its node no longer has, and what is on record on it.
type lostDisk struct {
	reason           replica.Reason
	replicas, shards int
	volumes          []*replica.Volume
	// last is how many volumes have no copy anywhere else, untold for how many of
	// them no other check says so.
	last, untold int
}

func runLHReplicaDiskMissing(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	lost := map[string]*lostDisk{}
	volumes := in.volumeHealths()
	for i := range volumes {
		if v := &volumes[i]; v.Deleting.IsZero() && v.State != "deleting" {
			in.findLostDisks(v, lost)
		}
	}
	var r Result
	pieces := 0
	for _, d := range lost {
		pieces += d.replicas + d.shards
		r.Findings = append(r.Findings, in.missingDisk(d))
	}
	if len(lost) > 1 {
		r.Summary = fmt.Sprintf("%s are on record on %s that their nodes no longer have", text.Count(pieces, "replica"), text.Count(len(lost), "disk"))
	}
	return r
}

// findLostDisks notes the disks that a volume's replicas and shards lay on and
// that their nodes no longer have.
func (in *Input) findLostDisks(v *replica.Volume, lost map[string]*lostDisk) {
	note := func(j *replica.Judgement) *lostDisk {
		reason, ok := diskReason(j)
		if !ok || in.diskComing(reason) {
			return nil
		}
		key := reason.Node + "/" + reason.Disk // a disk that was copied has its UUID twice
		d := lost[key]
		if d == nil {
			d = &lostDisk{reason: reason}
			lost[key] = d
		}
		if reason.Kind == replica.NodeRebuilt {
			d.reason = reason // its newer replicas alone do not tell
		}
		if n := len(d.volumes); n == 0 || d.volumes[n-1] != v {
			d.add(v, in)
		}
		return d
	}
	for i := range v.Replicas {
		if r := &v.Replicas[i]; in.countedOn(v, r) {
			if d := note(&r.Judgement); d != nil {
				d.replicas++
			}
		}
	}
	for i := range v.Shards {
		if s := &v.Shards[i]; s.Deleting.IsZero() && s.State == "normal" { // others are lh-ec-margin's
			if d := note(&s.Judgement); d != nil {
				d.shards++
			}
		}
	}
}

func (d *lostDisk) add(v *replica.Volume, in *Input) {
	d.volumes = append(d.volumes, v)
	if !in.lost(v) {
		return
	}
	d.last++
	if !in.lossTold(v) {
		d.untold++
	}
}

// diskReason returns why something cannot be used if that is its disk, which is
// not where it should be.
func diskReason(j *replica.Judgement) (replica.Reason, bool) {
	for _, r := range j.Reasons {
		switch r.Kind {
		case replica.DiskGone, replica.NodeRebuilt, replica.DiskMoved:
			return r, true
		}
	}
	return replica.Reason{}, false
}

// diskComing tells whether a disk may be found without anybody's help: its node
// has just joined and not shown all its disks, or Longhorn has just seen it on
// another node.
func (in *Input) diskComing(r replica.Reason) bool {
	grace := in.Duration("grace")
	for i := range in.Longhorn.Nodes {
		n := &in.Longhorn.Nodes[i]
		if r.Kind == replica.DiskMoved {
			if slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == r.Disk && in.within(d.ReadySince, grace) }) {
				return true
			}
		} else if n.Name == r.Node {
			unread := len(n.Disks) == 0 || slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == "" })
			return unread && in.within(n.Created, grace)
		}
	}
	return false
}

func (in *Input) missingDisk(d *lostDisk) verdict.Finding {
	f := verdict.Finding{Subject: placeSubject(d.reason.Node, d.reason.Disk), Severity: verdict.Error,
		Details: map[string]string{"node": d.reason.Node, "replicas": idText(int64(d.replicas + d.shards)), "lastCopies": idText(int64(d.last))}}
	what := fmt.Sprintf("node %s no longer has disk %s", d.reason.Node, d.reason.Disk)
	switch d.reason.Kind {
	case replica.NodeRebuilt:
		what += ", it was rebuilt under its name"
		f.Details["rebuilt"] = "true"
	case replica.DiskMoved:
		what += ", which node " + d.reason.Detail + " has now"
		f.Details["nodeNow"] = d.reason.Detail
	}
	pieces := text.Count(d.replicas, "replica")
	if d.replicas == 0 {
		pieces = text.Count(d.shards, "shard")
	} else if d.shards > 0 {
		pieces += " and " + text.Count(d.shards, "shard")
	}
	f.Message = fmt.Sprintf("%s: Longhorn still counts on %s there, of %s", what, pieces, in.homesOf(d.volumes, f.Details))
	if d.last > 0 {
		f.Message += fmt.Sprintf("; %s no other copy", text.Count(d.last, "volume")+text.Plural(d.last, " has", " have"))
	}
	if d.untold > 0 {
		f.Severity = verdict.Critical
	}
	return f
}
