package world

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// object is a part of a Kubernetes manifest. Its values are only those that
// JSON has: string, bool, int64, []any and map[string]any.
type object = map[string]any

// Objects are the manifests of a world's cluster, as its API server would give
// them: nodes and volumes before the claims and pods that name them, each kind
// in the order of the facts. A real API server with the real CRDs accepts
// them; what it sets itself there (metadata.uid, creationTimestamp and
// deletionTimestamp) and what belongs to the status subresource is included
// here. Longhorn's objects are those of the world's Longhorn version.
func Objects(s *facts.Snapshot) []map[string]any {
	var all []map[string]any
	for _, k := range kindsOf(s) {
		all = slices.AppendSeq(all, k.all())
	}
	return all
}

// kind is all objects of one resource, each made when it is asked for: of some
// there are more than fit into memory.
type kind struct {
	resource         string // as in `kubectl get <resource>`
	apiVersion, kind string
	objects          iter.Seq[object]
}

// all are the kind's objects with the kind in them.
func (k *kind) all() iter.Seq[object] {
	return func(yield func(object) bool) {
		for o := range k.objects {
			o["apiVersion"], o["kind"] = k.apiVersion, k.kind
			if !yield(o) {
				return
			}
		}
	}
}

// kindsOf lists all resources of the cluster, also those without an object. A
// cluster without Longhorn or Rook does not have their resources.
func kindsOf(s *facts.Snapshot) []kind {
	k := &s.Kube
	kinds := []kind{
		{"nodes", "v1", "Node", each(k.Nodes, nodeObject)},
		{"storageclasses.storage.k8s.io", "storage.k8s.io/v1", "StorageClass", each(k.StorageClasses, storageClassObject)},
		{"persistentvolumes", "v1", "PersistentVolume", each(k.Volumes, volumeObject)},
		{"persistentvolumeclaims", "v1", "PersistentVolumeClaim", each(k.Claims, claimObject)},
		{"pods", "v1", "Pod", each(k.Pods, podObject)},
		{"cronjobs.batch", "batch/v1", "CronJob", each(k.CronJobs, cronJobObject)},
		{"jobs.batch", "batch/v1", "Job", each(k.Jobs, jobObject)},
		{"volumesnapshots.snapshot.storage.k8s.io", "snapshot.storage.k8s.io/v1", "VolumeSnapshot", snapshotObjects(k)},
		{"volumesnapshotcontents.snapshot.storage.k8s.io", "snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", each(k.SnapshotContents, snapshotContentObject)},
	}
	kinds = append(kinds, kind{"poddisruptionbudgets.policy", "policy/v1", "PodDisruptionBudget", each(k.DisruptionBudgets, budgetObject)})
	if len(k.Pools) > 0 {
		kinds = append(kinds, cephKinds(k.Pools)...)
	}
	if hasVelero(k) {
		kinds = append(kinds, veleroKinds(k)...)
	}
	if hasK8up(k) {
		kinds = append(kinds, k8upKinds(k)...)
	}
	if s.Longhorn.Namespace != "" {
		kinds = append(kinds, longhornKinds(&s.Longhorn)...)
	}
	return kinds
}

func each[T any](list []T, manifest func(*T) object) iter.Seq[object] {
	return func(yield func(object) bool) {
		for i := range list {
			if !yield(manifest(&list[i])) {
				return
			}
		}
	}
}

// metadata is what all objects have. A zero deleting is an object that nobody
// asked to delete.
func metadata(namespace, name string, created, deleting time.Time) object {
	m := object{"name": name}
	setText(m, "namespace", namespace)
	setTime(m, "creationTimestamp", created)
	if !deleting.IsZero() {
		setTime(m, "deletionTimestamp", deleting)
		m["deletionGracePeriodSeconds"] = int64(0)
	}
	return m
}

func setText(m object, key, value string) {
	if value != "" {
		m[key] = value
	}
}

func setTime(m object, key string, t time.Time) {
	if !t.IsZero() {
		m[key] = timestamp(t)
	}
}

// timestamp spells a time as Kubernetes and Longhorn do; absent is "".
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// quantity spells a size as Kubernetes does: with the largest binary suffix
// that leaves a whole number.
func quantity(bytes int64) string {
	suffix := 0
	for bytes != 0 && bytes%1024 == 0 && suffix < 5 {
		bytes /= 1024
		suffix++
	}
	return strconv.FormatInt(bytes, 10) + []string{"", "Ki", "Mi", "Gi", "Ti", "Pi"}[suffix]
}

// anys makes a JSON list.
func anys[T any](list ...T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// madeUpUID is the UID of an object whose facts have none, the same in every run.
func madeUpUID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}
