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
		Custom(
			Resource{Source: facts.KubeSnapshots, Item: "volumesnapshots", Group: "snapshot.storage.k8s.io", Versions: []string{"v1", "v1beta1"},
				Kind: "VolumeSnapshot", Plural: "volumesnapshots"},
			&k.Snapshots, volumeSnapshot, func(s *facts.VolumeSnapshot) (string, string) { return s.Namespace, s.Name }),
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
	return t
}

// Resources are the kinds of objects that fill the tables.
func (t *Tables) Resources() []*Resource { return t.resources }

// Facts returns what the tables hold, sorted.
func (t *Tables) Facts() facts.Kube {
	for _, r := range t.resources {
		r.Sort()
	}
	k := t.kube
	k.Pools = slices.Clone(t.blockPools)
	for _, f := range t.filesystems {
		k.Pools = append(k.Pools, f.pools...)
	}
	slices.SortStableFunc(k.Pools, func(a, b facts.CephPool) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return k
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
