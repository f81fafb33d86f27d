package world

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
)

// ForgetReplicas takes away every record of the named volumes' replicas, as
// somebody does who cleans up after lost nodes. To Longhorn a volume without
// records is a new one: it makes a full set of blank replicas at once, even
// while the volume stays detached.
func ForgetReplicas(s *facts.Snapshot, volumes ...string) {
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool {
		return slices.Contains(volumes, r.Volume)
	})
	for i := range s.Longhorn.Volumes {
		if v := &s.Longhorn.Volumes[i]; slices.Contains(volumes, v.Name) {
			addBlank(s, v, i)
		}
	}
	Settle(s)
}

// addBlank gives a volume its replicas anew, on nodes that follow the n-th.
func addBlank(s *facts.Snapshot, v *facts.LHVolume, n int) {
	for i := range min(v.WantReplicas, len(s.Longhorn.Nodes)) {
		node := &s.Longhorn.Nodes[(n+i)%len(s.Longhorn.Nodes)]
		s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: fmt.Sprintf("%s-r-b%07x", v.Name, n*16+i),
			Volume: v.Name, Created: facts.At(s.Now), NodeID: node.Name, DiskID: node.Disks[0].UUID, Active: true, State: "stopped"})
	}
}

// FormatReplicas is what a mount does to a volume whose replicas are all blank:
// it formats them, and to Longhorn they are healthy from then on.
func FormatReplicas(s *facts.Snapshot, v *facts.LHVolume) {
	v.ActualBytes = 35 << 20 // an empty ext4
	for i := range s.Longhorn.Replicas {
		if r := &s.Longhorn.Replicas[i]; r.Volume == v.Name {
			r.HealthyAt, r.LastHealthyAt, r.FailedAt = facts.At(s.Now), facts.At(s.Now), 0
		}
	}
}
