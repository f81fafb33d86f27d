package kube

import (
	"cmp"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"

	"hubaudit/internal/facts"
)

// Tables are the lists of facts.Kube while they are being filled.
type Tables struct {
	kube        facts.Kube
	blockPools  []facts.CephPool
	filesystems []filesystem
	snapshots   snapshotFold
	contents    contentFold
	podVolumes  volumeBackups
	dataUploads volumeBackups
	k8upHeld    k8upSnapshots
	k8upBackups []k8upBackup
	resources   []*Resource
}

// ceph is the API group of Rook.
const ceph = "ceph.rook.io"

// NewTables returns empty tables.
func NewTables() *Tables {
	t := &Tables{}
	k := &t.kube
	core, batch := []string{"v1"}, []string{"v1"}
	t.resources = []*Resource{
		builtin[corev1.PersistentVolumeClaim](
			Resource{Source: facts.KubeClaims, Item: "claims", Versions: core, Kind: "PersistentVolumeClaim", Plural: "persistentvolumeclaims"},
			&k.Claims, claim, func(c *facts.Claim) (string, string) { return c.Namespace, c.Name }),
		builtin[corev1.PersistentVolume](
			Resource{Source: facts.KubeVolumes, Item: "volumes", Versions: core, Kind: "PersistentVolume", Plural: "persistentvolumes"},
			&k.Volumes, volume, func(v *facts.Volume) (string, string) { return "", v.Name }),
		builtin[corev1.Node](
			Resource{Source: facts.KubeNodes, Item: "nodes", Versions: core, Kind: "Node", Plural: "nodes"},
			&k.Nodes, node, func(n *facts.Node) (string, string) { return "", n.Name }),
		builtin[corev1.Pod](
			Resource{Source: facts.KubePods, Item: "pods", Versions: core, Kind: "Pod", Plural: "pods"},
			&k.Pods, pod, func(p *facts.Pod) (string, string) { return p.Namespace, p.Name }),
		builtin[storagev1.StorageClass](
			Resource{Source: facts.KubeStorageClasses, Item: "storageclasses", Group: "storage.k8s.io", Versions: core, Kind: "StorageClass", Plural: "storageclasses"},
			&k.StorageClasses, storageClass, func(c *facts.StorageClass) (string, string) { return "", c.Name }),
		builtin[batchv1.CronJob](
			Resource{Source: facts.KubeCronJobs, Item: "cronjobs", Group: "batch", Versions: batch, Kind: "CronJob", Plural: "cronjobs"},
			&k.CronJobs, cronJob, func(c *facts.CronJob) (string, string) { return c.Namespace, c.Name }),
		builtin[batchv1.Job](
			Resource{Source: facts.KubeJobs, Item: "jobs", Group: "batch", Versions: batch, Kind: "Job", Plural: "jobs"},
			&k.Jobs, job, func(j *facts.Job) (string, string) { return j.Namespace, j.Name }),
		builtin[policyv1.PodDisruptionBudget](
			Resource{Source: facts.KubeDisruptionBudgets, Item: "poddisruptionbudgets", Group: "policy", Versions: core, Kind: "PodDisruptionBudget", Plural: "poddisruptionbudgets"},
			&k.DisruptionBudgets, disruptionBudget, func(b *facts.DisruptionBudget) (string, string) { return b.Namespace, b.Name }),
		Custom(
			Resource{Source: facts.CephBlockPools, Item: "blockpools", Group: ceph, Versions: core, Kind: "CephBlockPool", Plural: "cephblockpools"},
			&t.blockPools, blockPool, func(p *facts.CephPool) (string, string) { return p.Namespace, p.Name }),
		Custom(
			Resource{Source: facts.CephFilesystems, Item: "filesystems", Group: ceph, Versions: core, Kind: "CephFilesystem", Plural: "cephfilesystems"},
			&t.filesystems, toFilesystem, func(f *filesystem) (string, string) { return f.namespace, f.name }),
	}
	t.resources = append(t.resources, t.snapshotResources()...)
	t.resources = append(t.resources, t.veleroResources()...)
	t.resources = append(t.resources, t.k8upResources()...)
	return t
}

func (t *Tables) snapshotResources() []*Resource {
	t.snapshots.reset()
	versions := []string{"v1", "v1beta1"}
	return []*Resource{
		Folded(Resource{Source: facts.KubeSnapshots, Item: "volumesnapshots", Group: snapshotGroup, Versions: versions, Kind: "VolumeSnapshot", Plural: "volumesnapshots"},
			t.snapshots.add, t.snapshots.reset),
		Folded(Resource{Source: facts.KubeSnapshotContents, Item: "volumesnapshotcontents", Group: snapshotGroup, Versions: versions,
			Kind: "VolumeSnapshotContent", Plural: "volumesnapshotcontents"},
			t.contents.add, t.contents.reset),
	}
}

func (t *Tables) veleroResources() []*Resource {
	v, versions := &t.kube.Velero, []string{"v1"}
	return []*Resource{
		Custom(Resource{Source: facts.VeleroBackups, Item: "backups", Group: velero, Versions: versions, Kind: "Backup", Plural: "backups"},
			&v.Backups, veleroBackup, func(b *facts.VeleroBackup) (string, string) { return b.Namespace, b.Name }),
		Custom(Resource{Source: facts.VeleroSchedules, Item: "schedules", Group: velero, Versions: versions, Kind: "Schedule", Plural: "schedules"},
			&v.Schedules, veleroSchedule, func(s *facts.VeleroSchedule) (string, string) { return s.Namespace, s.Name }),
		Custom(Resource{Source: facts.VeleroLocations, Item: "backupstoragelocations", Group: velero, Versions: versions, Kind: "BackupStorageLocation", Plural: "backupstoragelocations"},
			&v.Locations, veleroLocation, func(l *facts.VeleroLocation) (string, string) { return l.Namespace, l.Name }),
		Custom(Resource{Source: facts.VeleroRestores, Item: "restores", Group: velero, Versions: versions, Kind: "Restore", Plural: "restores"},
			&v.Restores, veleroRestore, func(r *facts.VeleroRestore) (string, string) { return r.Namespace, r.Name }),
		Folded(Resource{Source: facts.VeleroVolumeBackups, Item: "podvolumebackups", Group: velero, Versions: versions, Kind: "PodVolumeBackup", Plural: "podvolumebackups"},
			t.podVolumes.addPodVolume, t.podVolumes.reset),
		Folded(Resource{Source: facts.VeleroDataUploads, Item: "datauploads", Group: velero, Versions: []string{"v2alpha1"}, Kind: "DataUpload", Plural: "datauploads"},
			t.dataUploads.addDataUpload, t.dataUploads.reset),
	}
}

func (t *Tables) k8upResources() []*Resource {
	versions := []string{"v1"}
	return []*Resource{
		Custom(Resource{Source: facts.K8upSchedules, Item: "schedules", Group: k8up, Versions: versions, Kind: "Schedule", Plural: "schedules"},
			&t.kube.K8up.Schedules, k8upSchedule, func(s *facts.K8upSchedule) (string, string) { return s.Namespace, s.Name }),
		Folded(Resource{Source: facts.K8upSnapshots, Item: "snapshots", Group: k8up, Versions: versions, Kind: "Snapshot", Plural: "snapshots"},
			t.k8upHeld.add, t.k8upHeld.reset),
		Custom(Resource{Source: facts.K8upBackups, Item: "backups", Group: k8up, Versions: versions, Kind: "Backup", Plural: "backups"},
			&t.k8upBackups, toK8upBackup, func(b *k8upBackup) (string, string) { return b.namespace, b.attempt.Name }),
	}
}

// Resources are the kinds of objects that fill the tables.
func (t *Tables) Resources() []*Resource { return t.resources }

// Facts returns what the tables hold, sorted, and leaves those empty that are
// folded.
func (t *Tables) Facts() facts.Kube {
	for _, r := range t.resources {
		r.Sort()
	}
	k := t.kube
	t.addBackups(&k)
	k.Pools = slices.Clone(t.blockPools)
	for _, f := range t.filesystems {
		k.Pools = append(k.Pools, f.pools...)
	}
	slices.SortStableFunc(k.Pools, func(a, b facts.CephPool) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return k
}

// addBackups completes the backups of claims with what was read beside them.
func (t *Tables) addBackups(k *facts.Kube) {
	k.Snapshots, k.SnapshotContents = t.snapshots.facts(k.Claims), t.contents.facts()
	join := newVeleroJoin(k)
	t.snapshots.velero.absorb(&t.contents.velero)
	join.add(k, facts.SystemVeleroFile, &t.podVolumes.seriesFold)
	join.add(k, facts.SystemVeleroData, &t.dataUploads.seriesFold)
	join.add(k, facts.SystemVeleroSnap, &t.snapshots.velero)
	k.Backups = append(k.Backups, t.k8upHeld.facts()...)
	k8upRuns(t.k8upBackups, &k.K8up)
	slices.SortFunc(k.Backups, func(a, b facts.Series) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Claim, b.Claim),
			strings.Compare(a.Volume, b.Volume), strings.Compare(a.System, b.System))
	})
}

// Sources are the names of all sources that Read reads.
func Sources() []string { return Names(NewTables().Resources()) }

// Names are the source names of resources.
func Names(resources []*Resource) []string {
	names := make([]string, len(resources))
	for i, r := range resources {
		names[i] = r.Source
	}
	return names
}

// Unreachable is the status of all sources when there is no client to read
// them with, because of err.
func Unreachable(err error) []facts.Source { return AllFailed(NewTables().Resources(), err) }
