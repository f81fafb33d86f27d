package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var snapshotDeletePolicy = &Check{
	ID:       "snapshot-delete-policy",
	Title:    "A snapshot that is the only backup outlives its VolumeSnapshot",
	Severity: verdict.Warning,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims, facts.KubeSnapshots, facts.KubeSnapshotContents},
	Uses:     homeSources,
	Doc: Doc{
		Meaning: "The only backups of these homes, or of the hub's database, are CSI snapshots whose VolumeSnapshotContent has deletionPolicy Delete. Who deletes the " +
			"VolumeSnapshot, or the namespace with everything in it, deletes the data in the storage system at the same moment: the very accident that takes the " +
			"claims takes their backups.",
		FalseAlarms: "Delete is right for snapshots that something else copies elsewhere: homes that another system has a backup of are not counted. Snapshots that a schedule " +
			"makes and thins out need Delete to be thinned out at all: then a copy outside, such as Velero's data mover makes, is the answer, and not Retain.",
		Do: []string{
			"Keep the snapshots that there are: `kubectl patch volumesnapshotcontent CONTENT --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Retain\"}}'` for the contents of the newest ones.",
			"For those to come, make a VolumeSnapshotClass with deletionPolicy Retain and use it; the policy of a class cannot be changed.",
			"Retained snapshots stay until somebody deletes them: plan that as well, or the storage fills up.",
			"Better, have a second copy outside of this storage system: Velero with `snapshotMoveData`, Longhorn's or K8up's backups.",
		},
		Dont: []string{
			"Do not delete or re-create the namespace, and do not uninstall the hub's chart together with its namespace, while this is so.",
		},
		Sources: []string{"kubernetes-csi/external-snapshotter client/apis/volumesnapshot/v1/types.go (DeletionPolicy)"},
	},
	Run: runSnapshotDeletePolicy,
}

// deletableSnapshots are the sole backups that go with their VolumeSnapshots, by class.
type deletableSnapshots struct {
	told     *toldHomes
	database []string // the hub's backup locations
	example  string   // a content
}

func runSnapshotDeletePolicy(in *Input) Result {
	contents := in.contentsToDelete()
	if len(contents) == 0 {
		return Result{}
	}
	classes := map[string]*deletableSnapshots{}
	of := func(c *facts.SnapshotContent) *deletableSnapshots {
		class := cmp.Or(in.snapshotClass(c), c.Driver)
		if classes[class] == nil {
			classes[class] = &deletableSnapshots{told: in.toldHomes(), example: c.Name}
		}
		return classes[class]
	}
	all := in.homeBackups()
	for i := range all {
		h := &all[i]
		held := in.held(h)
		if c := contents[claimKey{h.claim.Namespace, held.Newest.Name}]; c != nil && held.System == facts.SystemSnapshot && len(held.Systems) == 1 {
			of(c).told.add(in.Hub, h)
		}
	}
	if b, newest := in.soleDatabaseCopy(); b != nil {
		namespace, _, _ := strings.Cut(b.Location, "/")
		if c := contents[claimKey{namespace, newest.Name}]; c != nil {
			d := of(c)
			d.database = append(d.database, b.Name)
		}
	}
	var r Result
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		r.Findings = append(r.Findings, classes[class].finding(class))
	}
	return r
}

// contentsToDelete are the contents with the policy Delete, by their
// VolumeSnapshots.
func (in *Input) contentsToDelete() map[claimKey]*facts.SnapshotContent {
	contents := map[claimKey]*facts.SnapshotContent{}
	for i := range in.Kube.SnapshotContents {
		if c := &in.Kube.SnapshotContents[i]; c.DeletionPolicy == "Delete" && c.Snapshot != "" {
			contents[claimKey{c.Namespace, c.Snapshot}] = c
		}
	}
	return contents
}

// snapshotClass is the VolumeSnapshotClass of a content, "" if that is not known.
func (in *Input) snapshotClass(c *facts.SnapshotContent) string {
	i, found := slices.BinarySearchFunc(in.Kube.Snapshots, claimKey{c.Namespace, c.Snapshot}, func(s facts.VolumeSnapshot, k claimKey) int {
		return cmp.Or(strings.Compare(s.Namespace, k.Namespace), strings.Compare(s.Name, k.Name))
	})
	if !found {
		return ""
	}
	return in.Kube.Snapshots[i].Class
}

// soleDatabaseCopy is the backup of the hub's database that has a good copy, and
// that copy, if it is the only one that does and is made of VolumeSnapshots.
func (in *Input) soleDatabaseCopy() (sole *facts.Backup, newest *facts.BackupCopy) {
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		good, _ := newestGood(b, in.Now)
		if good == nil {
			continue
		}
		if sole != nil || b.Kind != facts.BackupSnapshots {
			return nil, nil
		}
		sole, newest = b, good
	}
	return sole, newest
}

func (d *deletableSnapshots) finding(class string) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: "volumesnapshotclass", Name: class}, Details: map[string]string{"class": class, "content": d.example}}
	var whose []string
	if d.told.len() > 0 {
		d.told.describe(f.Details)
		whose = append(whose, d.told.String())
	}
	if len(d.database) > 0 {
		whose = append(whose, "the hub's database (backup "+list(d.database, homesShown)+")")
		f.Details["backups"] = strings.Join(d.database, ", ")
	}
	f.Message = fmt.Sprintf("snapshots of class %s are deleted from the storage with their VolumeSnapshots (deletionPolicy Delete), and are the only backups of %s; Retain is expected, or a copy elsewhere%s",
		class, strings.Join(whose, " and of "), d.told.whose())
	return f
}
