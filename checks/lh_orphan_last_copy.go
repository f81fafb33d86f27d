package checks

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhOrphanLastCopy = &Check{
	ID:       "lh-orphan-last-copy",
	Title:    "No orphan is the last or last but one copy of a Longhorn volume",
	Severity: verdict.Critical,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    append(slices.Clone(longhornSources), facts.LonghornOrphans),
	Uses:     []string{facts.KubeVolumes, facts.KubeClaims},
	Params:   []Param{graceParam},
	Doc: Doc{
		Meaning: "A directory of a replica lies on a disk without a record that owns it, and its volume has no usable replica, or only one, or no record " +
			"any more while a claim still asks for it. The directory may hold the user's files as they were when Longhorn lost track of it. " +
			"Longhorn offers it for deletion, and with automatic deletion of orphans takes it away itself.",
		FalseAlarms: "An orphan of a volume that has two copies is stale and not reported, nor one of a volume that is gone with its claim, of one that is " +
			"new, restoring, cloning, standby or being deleted, or of an attached one that began to rebuild less than grace ago. Where a volume has the " +
			"one replica that it is meant to have, an orphan is information only; where another check pages for the lost volume already, it is an error. An orphan may be old or blank: only a look at it can tell.",
		Do: []string{
			"Keep it: switch automatic deletion off with `kubectl -n longhorn-system patch settings.longhorn.io orphan-resource-auto-deletion --type=merge -p '{\"value\":\"\"}'` (before Longhorn 1.9 `orphan-auto-deletion` with the value `false`).",
			"Keep the volume detached where it has no usable replica: stop the user's server, and do not let it start.",
			"Copy the directory named in the details to another disk, with its sparse files: `cp -a --sparse=always PATH TARGET`.",
			"See whether it holds data: the size and age of its `volume-snap-*.img` and `volume-head-*.img`, and `volume.meta` (Rebuilding has to be false).",
			"Export the copy as a block device (Longhorn's documentation, \"Exporting a Volume from a Single Replica\"), mount it read-only, and compare it with the newest backup before either becomes the user's home.",
		},
		Dont: []string{
			"Do not delete the orphan, in Longhorn's UI or with kubectl: that deletes the directory on the disk.",
			"Do not evict, remove or wipe the disk or the node that it lies on.",
			"Do not mount the directory's image files for writing.",
		},
		Sources: []string{"longhorn/longhorn#7482, #9972", "longhorn-manager controller/orphan_controller.go"},
	},
	Run: runLHOrphanLastCopy,
}

func runLHOrphanLastCopy(in *Input) Result {
	if why := in.longhornGaps(); why != "" {
		return Result{Unknown: why}
	}
	var r Result
	orphans := in.orphansByVolume()
	lost := in.claimsOf(orphans)
	without := 0
	for name, of := range orphans {
		if v := in.volumeNamed(name); v != nil {
			if f, ok := in.orphanOf(v, of); ok {
				if v.Copies() == 0 {
					without++
				}
				r.Findings = append(r.Findings, f)
			}
		} else if k, ok := lost[name]; ok {
			without++
			r.Findings = append(r.Findings, in.orphanOfLost(name, k, of))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("orphans may be copies of %s, of which %s no usable replica: keep them", text.Count(n, "volume"),
			text.Number(without)+text.Plural(without, " has", " have"))
	}
	return r
}

// orphansByVolume gathers the directories of replicas that no record owns, each
// volume's in the order of their names.
func (in *Input) orphansByVolume() map[string][]*facts.LHOrphan {
	orphans := map[string][]*facts.LHOrphan{}
	for i := range in.Longhorn.Orphans {
		o := &in.Longhorn.Orphans[i]
		if name := o.Volume(); name != "" {
			orphans[name] = append(orphans[name], o)
		}
	}
	return orphans
}

// claimsOf finds the claims of volumes that have orphans and no record: through
// the PersistentVolume, or where that is gone too, the claim that names it.
func (in *Input) claimsOf(orphans map[string][]*facts.LHOrphan) map[string]claimKey {
	claims := map[string]claimKey{}
	norecord := func(volume string) bool { return len(orphans[volume]) > 0 && in.volumeNamed(volume) == nil }
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; norecord(c.VolumeName) {
			claims[c.VolumeName] = claimKey{c.Namespace, c.Name}
		}
	}
	for i := range in.Kube.Volumes {
		if pv := &in.Kube.Volumes[i]; pv.Driver == facts.LonghornDriver && norecord(pv.Handle) && pv.Deleting.IsZero() {
			claims[pv.Handle] = claimKey{pv.ClaimNamespace, pv.ClaimName}
		}
	}
	return claims
}

// orphanOf is the finding about the orphans of a volume on record; false if the
// volume has copies enough or is not to be judged.
func (in *Input) orphanOf(v *replica.Volume, orphans []*facts.LHOrphan) (verdict.Finding, bool) {
	copies := v.Copies()
	if copies > 1 || !in.finished(v.LHVolume) || copies == 1 && in.rebuilding(v.LHVolume) {
		return verdict.Finding{}, false
	}
	f, whose := in.volumeFinding(v)
	left := "has no usable replica"
	switch {
	case copies == 0 && v.HasHistory() && in.lossTold(v):
		f.Severity = verdict.Error
	case copies == 0:
		f.Severity = verdict.Critical
	case !v.Sharded && v.WantReplicas <= 1:
		f.Severity, left = verdict.Info, "has one replica by policy"
	default:
		f.Severity, left = verdict.Error, fmt.Sprintf("has one copy left of %d", v.Wanted())
	}
	where := orphanPlaces(orphans, f.Details)
	f.Message = fmt.Sprintf("%s volume %s %s %s, and %s; keep %s", v.State, v.Name, whose, left, where, text.Plural(len(orphans), "it", "them"))
	return f, true
}

// orphanOfLost is the finding about the orphans of a volume that Longhorn has no
// record of.
func (in *Input) orphanOfLost(name string, claim claimKey, orphans []*facts.LHOrphan) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: name}, Severity: verdict.Critical, Details: map[string]string{}}
	whose := "of no claim"
	if claim.Name != "" {
		whose = in.claimOwner(claim, f.Details)
	}
	where := orphanPlaces(orphans, f.Details)
	f.Message = fmt.Sprintf("volume %s %s is not on Longhorn's record any more, and %s; keep %s", name, whose, where, text.Plural(len(orphans), "it", "them"))
	return f
}

// orphanPlaces says where orphans lie, for a message, and adds all to details.
func orphanPlaces(orphans []*facts.LHOrphan, details map[string]string) string {
	orphans = slices.SortedFunc(slices.Values(orphans), func(a, b *facts.LHOrphan) int {
		return cmp.Or(strings.Compare(a.NodeID, b.NodeID), strings.Compare(a.DataName, b.DataName))
	})
	var names, places []string
	for _, o := range orphans {
		place := fmt.Sprintf("%q", path.Join(o.DiskPath, "replicas", o.DataName))
		if o.OnBlockDisk() {
			place = fmt.Sprintf("%q on block device %q", o.DataName, o.DiskPath)
		}
		names = append(names, o.Name)
		places = append(places, fmt.Sprintf("%s of node %s (disk %s)", place, o.NodeID, o.DiskUUID))
	}
	details["orphans"], details["places"] = strings.Join(names, ", "), strings.Join(places, "; ")
	return fmt.Sprintf("%s may hold a copy: %s", text.Count(len(orphans), "orphan"), joined(places, "; ", 3))
}
