package world_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// TestObjectsAreJSON holds that Kubernetes' own machinery can copy the
// manifests: it panics at any other type.
func TestObjectsAreJSON(t *testing.T) {
	for i, o := range world.Objects(crowded()) {
		if err := onlyJSON(o); err != nil {
			t.Errorf("object %d, %v: %v", i, o["kind"], err)
		}
	}
}

func onlyJSON(v any) error {
	switch v := v.(type) {
	case string, bool, int64:
		return nil
	case []any:
		for i, item := range v {
			if err := onlyJSON(item); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	case map[string]any:
		for key, item := range v {
			if err := onlyJSON(item); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	default:
		return fmt.Errorf("a %T", v)
	}
}

// TestObjectsAreAll holds that each object of the facts has a manifest, under a
// name of its own.
func TestObjectsAreAll(t *testing.T) {
	s := crowded()
	k, l := &s.Kube, &s.Longhorn
	of := func(system string) []facts.Series {
		return slices.DeleteFunc(slices.Clone(k.Backups), func(one facts.Series) bool { return one.System != system })
	}
	want := map[string]int{
		"v1 Node": len(k.Nodes), "v1 PersistentVolume": len(k.Volumes), "v1 PersistentVolumeClaim": len(k.Claims), "v1 Pod": len(k.Pods),
		"storage.k8s.io/v1 StorageClass": len(k.StorageClasses), "batch/v1 CronJob": len(k.CronJobs), "batch/v1 Job": len(k.Jobs),
		"snapshot.storage.k8s.io/v1 VolumeSnapshot": len(k.Snapshots) + backupsIn(of(facts.SystemVeleroSnap)), "snapshot.storage.k8s.io/v1 VolumeSnapshotContent": len(k.SnapshotContents),
		"velero.io/v1 Backup": len(k.Velero.Backups), "velero.io/v1 Schedule": len(k.Velero.Schedules), "velero.io/v1 BackupStorageLocation": len(k.Velero.Locations),
		"velero.io/v1 Restore": len(k.Velero.Restores), "velero.io/v1 PodVolumeBackup": backupsIn(of(facts.SystemVeleroFile)), "velero.io/v2alpha1 DataUpload": backupsIn(of(facts.SystemVeleroData)),
		"k8up.io/v1 Schedule": len(k.K8up.Schedules), "k8up.io/v1 Snapshot": backupsIn(of(facts.SystemK8up)), "k8up.io/v1 Backup": len(k.K8up.Failed) + len(k.K8up.Running) + len(k.K8up.Succeeded),
		"longhorn.io/v1beta2 Node": len(l.Nodes), "longhorn.io/v1beta2 Volume": len(l.Volumes),
		"longhorn.io/v1beta2 Replica": len(l.Replicas), "longhorn.io/v1beta2 Setting": len(l.Settings),
		"longhorn.io/v1beta2 InstanceManager": len(l.InstanceManagers), "longhorn.io/v1beta2 EngineImage": len(l.EngineImages),
		"longhorn.io/v1beta2 Orphan": len(l.Orphans), "longhorn.io/v1beta2 ShardGroup": len(l.ShardGroups), "longhorn.io/v1beta2 Shard": len(l.Shards),
		"longhorn.io/v1beta2 BackupTarget": len(l.BackupTargets), "longhorn.io/v1beta2 BackupVolume": len(l.BackupVolumes),
		"longhorn.io/v1beta2 Backup": backupsIn(l.Backups), "longhorn.io/v1beta2 RecurringJob": len(l.RecurringJobs),
		"v1 Event": len(l.Salvages), "policy/v1 PodDisruptionBudget": len(k.DisruptionBudgets),
		"ceph.rook.io/v1 CephBlockPool": 2, "ceph.rook.io/v1 CephFilesystem": 1, // with two pools
	}
	got, names := map[string]int{}, map[string]bool{}
	for _, o := range world.Objects(s) {
		kind := fmt.Sprintf("%s %s", o["apiVersion"], o["kind"])
		m := o["metadata"].(map[string]any)
		got[kind]++
		names[fmt.Sprintf("%s %v/%s", kind, m["namespace"], m["name"])] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-facts +objects):\n%s", diff)
	}
	total := 0
	for _, n := range got {
		total += n
	}
	if len(names) != total {
		t.Errorf("%d objects have only %d names", total, len(names))
	}
}

// backupsIn is how many backups series tell of.
func backupsIn(all []facts.Series) (n int) {
	for _, s := range all {
		n += s.Good
		for _, a := range []*facts.Attempt{s.Failed, s.Running} {
			if a != nil {
				n++
			}
		}
	}
	return n
}

func TestObjectsAreTheSameEveryTime(t *testing.T) {
	first, err := json.Marshal(world.Objects(crowded()))
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(world.Objects(crowded()))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Error("two worlds of the same facts have different objects")
	}
}

// TestObjectsOfLonghornVersions holds where the versions differ.
func TestObjectsOfLonghornVersions(t *testing.T) {
	for _, c := range []struct {
		version, api         string
		conditions           any
		evictionIn, engineIn bool // spec.evictionRequested, spec.dataEngine
	}{
		{"v1.2.4", "longhorn.io/v1beta1", map[string]any{}, false, false},
		{"v1.3.0", "longhorn.io/v1beta2", []any{}, false, false},
		{"v1.6.0", "longhorn.io/v1beta2", []any{}, true, true},
		{"v1.12.1", "longhorn.io/v1beta2", []any{}, true, true},
		{"", "longhorn.io/v1beta2", []any{}, true, true},
	} {
		s := world.Healthy(world.Small)
		s.Longhorn.Version = c.version
		for _, o := range world.Objects(s) {
			spec, _ := o["spec"].(map[string]any)
			status, _ := o["status"].(map[string]any)
			switch o["kind"] {
			case "Volume":
				if o["apiVersion"] != c.api {
					t.Errorf("%s: %v, want %s", c.version, o["apiVersion"], c.api)
				}
				if got, want := fmt.Sprintf("%T", status["conditions"]), fmt.Sprintf("%T", c.conditions); got != want {
					t.Errorf("%s: conditions are %s, want %s", c.version, got, want)
				}
				if _, in := spec["dataEngine"]; in != c.engineIn {
					t.Errorf("%s: spec.dataEngine: %v, want %v", c.version, in, c.engineIn)
				}
			case "Replica":
				_, inSpec := spec["evictionRequested"]
				_, inStatus := status["evictionRequested"]
				if inSpec != c.evictionIn || inStatus == c.evictionIn {
					t.Errorf("%s: evictionRequested in spec %v, in status %v", c.version, inSpec, inStatus)
				}
			}
		}
	}
}

// TestBig holds that a world of the benchmark's size has all its objects.
func TestBig(t *testing.T) {
	s := world.Healthy(world.Size{Users: 10_000, Nodes: 20, Replicas: 3})
	if users, claims, replicas := len(s.Hubs[0].Users), len(s.Kube.Claims), len(s.Longhorn.Replicas); users != 10_000 || claims != 11_001 || replicas != 33_003 {
		t.Errorf("%d users, %d claims, %d replicas", users, claims, replicas)
	}
}

var sink any

func BenchmarkHealthy(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sink = world.Healthy(world.Size{Users: 10_000, Nodes: 20, Replicas: 3})
	}
}

func BenchmarkObjects(b *testing.B) {
	s := world.Healthy(world.Size{Users: 10_000, Nodes: 20, Replicas: 3})
	b.ReportAllocs()
	for b.Loop() {
		sink = world.Objects(s)
	}
}

func BenchmarkWriteDump(b *testing.B) {
	s := world.Healthy(world.Size{Users: 10_000, Nodes: 20, Replicas: 3})
	for b.Loop() {
		if err := world.WriteDump(b.TempDir(), s); err != nil {
			b.Fatal(err)
		}
	}
}
