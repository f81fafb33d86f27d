package replica

import (
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
)

// Placement is what Longhorn's settings say about where new copies of volumes
// of one data engine may lie.
type Placement struct {
	// Rebuilds is false where nothing is rebuilt at all.
	Rebuilds bool
	// SoftNode, SoftZone and SoftDisk: two copies of a volume may share one.
	SoftNode, SoftZone, SoftDisk bool
	// Cordoned: a node that is cordoned takes copies.
	Cordoned bool
	// MinimalAvailable is how much of a disk must stay free, in percent;
	// overProvisioning how much of it may be promised.
	MinimalAvailable, overProvisioning int64
	// taggedNode and taggedDisk: one with tags takes copies that ask for none.
	taggedNode, taggedDisk bool
}

// RebuildLimit is the setting that switches rebuilding off where it is 0.
const RebuildLimit = "concurrent-replica-rebuild-per-node-limit"

// Percentages of a disk that versions of Longhorn promise to replicas unless told
// otherwise. Where the setting was not read, a check must take the most, as it
// reports that there is no room, and a plan the least, as it counts on room.
const (
	MostPromised  = 500
	LeastPromised = 100
)

// NewPlacement reads the settings for a data engine. promised is the percentage
// where none is told; other settings that are absent are at the default that
// all versions have.
func NewPlacement(settings map[string]string, engine string, promised int64) *Placement {
	yes := func(name string, absent bool) bool { return lhsetting.Bool(settings, name, engine, absent) }
	number := func(name string, absent int64) int64 { return lhsetting.Number(settings, name, engine, absent) }
	return &Placement{
		Rebuilds: number(RebuildLimit, 1) != 0,
		SoftNode: yes("replica-soft-anti-affinity", false), SoftZone: yes("replica-zone-soft-anti-affinity", true),
		SoftDisk: yes("replica-disk-soft-anti-affinity", true), Cordoned: !yes("disable-scheduling-on-cordoned-node", true),
		taggedNode: yes("allow-empty-node-selector-volume", true), taggedDisk: yes("allow-empty-disk-selector-volume", true),
		MinimalAvailable: number("storage-minimal-available-percentage", 10), overProvisioning: number("storage-over-provisioning-percentage", promised),
	}
}

// SuitsNode tells whether a node has the tags that a volume asks for.
func (p *Placement) SuitsNode(v *facts.LHVolume, n *facts.LHNode) bool {
	return suits(v.NodeSelector, n.Tags, p.taggedNode)
}

// SuitsDisk tells the same of a disk that is one of the volume's data engine.
func (p *Placement) SuitsDisk(v *facts.LHVolume, d *facts.LHDisk) bool {
	return suits(v.DiskSelector, d.Tags, p.taggedDisk)
}

// suits tells whether tags have all that a volume selects. One that selects
// nothing suits anywhere, but by a setting not where there are tags.
func suits(selector, tags []string, tagged bool) bool {
	if len(selector) == 0 {
		return tagged || len(tags) == 0
	}
	return !slices.ContainsFunc(selector, func(s string) bool { return !slices.Contains(tags, s) })
}

// SameEngine tells whether a disk is of the kind that a volume's data engine
// writes to.
func SameEngine(v *facts.LHVolume, d *facts.LHDisk) bool {
	return (d.Type == "block") == (v.DataEngine == lhsetting.V2)
}

// Promisable is how many bytes a disk may be promised in all, at their full size.
func (p *Placement) Promisable(d *facts.LHDisk) int64 {
	return (d.MaximumBytes - d.ReservedBytes) / 100 * p.overProvisioning
}
