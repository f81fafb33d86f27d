package world_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/collect/dump"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// crowded is a world with every kind of object, and every fact that a healthy
// world does not have.
func crowded() *facts.Snapshot {
	s := world.Healthy(world.Small)
	k, l, t := &s.Kube, &s.Longhorn, world.Now.Add(-time.Hour)
	k.Nodes[0].Ready, k.Nodes[0].Unschedulable, k.Nodes[1].Ready, k.Nodes[1].Zone = "False", true, "Unknown", ""
	k.Nodes[0].Taints, k.Nodes[1].ReadySince = []string{"ToBeDeletedByClusterAutoscaler", "node.kubernetes.io/unschedulable"}, time.Time{}
	k.Claims[1].Deleting, k.Claims[2].Phase = t, "Lost"
	k.Claims[2].LabelServer, k.Claims[2].SourceKind, k.Claims[2].SourceName = "lab", "VolumeSnapshot", "nightly"
	k.Claims[4].SourceKind, k.Claims[4].SourceName = "PersistentVolumeClaim", "claim-a"
	k.Claims[3].KubeSpawnerVersion, k.Claims[3].LabelUser, k.Claims[3].AccessModes = "", "", []string{"ReadWriteOnce", "ReadWriteMany"}
	k.Claims = append(k.Claims,
		facts.Claim{Namespace: world.Namespace, Name: "pending", UID: "p", Created: t, Phase: "Pending", AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 1500},
		facts.Claim{Namespace: "other", Name: "claim-ann", UID: "q", Created: t, Phase: "Bound", HasUser: true, User: "<!channel>\n\x1b[31m" + strings.Repeat("ü", 300),
			Server: "näme: - # '\"", AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 1 << 40},
		facts.Claim{Namespace: "other", Name: "claim-nobody", UID: "r", Created: t, Phase: "Bound", HasUser: true, AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 1})
	k.Volumes[0].Deleting, k.Volumes[1].Phase, k.Volumes[1].ReclaimPolicy = t, "Released", "Delete"
	k.Volumes = append(k.Volumes,
		facts.Volume{Name: "nfs", UID: "1", Created: t, Phase: "Available", ReclaimPolicy: "Retain", CapacityBytes: 5e9, Driver: "nfs", Handle: "server:/a/b:c"},
		facts.Volume{Name: "local", UID: "2", Created: t, Phase: "Failed", ReclaimPolicy: "Recycle", CapacityBytes: 1 << 50, Driver: "local", Handle: "/mnt/x", NodeNames: []string{"a", "b"}},
		facts.Volume{Name: "host", UID: "3", Created: t, Phase: "Pending", ReclaimPolicy: "Retain", CapacityBytes: 1025, Driver: "hostPath", Handle: "/"},
		facts.Volume{Name: "gce", UID: "4", Created: t, Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "gcePersistentDisk", Handle: "gke-x",
			ClaimNamespace: "other", ClaimName: "claim-ann"},
		facts.Volume{Name: "lvm", UID: "5", Created: t, Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "local.csi.openebs.io", Handle: "lvm-1", NodeNames: []string{"a"}},
		facts.Volume{Name: "rbd", UID: "6", Created: t, Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "rook-ceph.rbd.csi.ceph.com", Handle: "rbd-1",
			Pool: "replicapool", PoolOf: "rook-ceph"},
		facts.Volume{Name: "cephfs", UID: "7", Created: t, Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "rook-ceph.cephfs.csi.ceph.com", Handle: "fs-1",
			Pool: "myfs-fast", PoolOf: "rook-ceph"})
	k.Pods[0].Deleting, k.Pods[1].Phase, k.Pods[1].Node = t, "Pending", ""
	k.Pods = append(k.Pods, facts.Pod{Namespace: "other", Name: "two", Created: t, Phase: "Running", HasUser: true, User: "ann", Server: "lab", Claims: []string{"a", "b"}})
	k.Pods = append(k.Pods, facts.Pod{Namespace: "other", Name: "hub", Created: t, Phase: "Running", Component: facts.HubComponent, Image: "hub.example.org/own:1", Claims: []string{"a", "unmounted"},
		Mounts: []facts.Mount{{Path: "/a", Kind: facts.MountClaim, Claim: "a"}, {Path: "/b", Kind: facts.MountEmptyDir}, {Path: "/c", Kind: facts.MountHostPath},
			{Path: "/d", Kind: "nfs"}, {Path: "/e", Kind: facts.MountCSI}}})
	k.StorageClasses = append(k.StorageClasses, facts.StorageClass{Name: "slow", Provisioner: "x.example", ReclaimPolicy: "Delete", BindingMode: "WaitForFirstConsumer", DataLocality: "strict-local"},
		facts.StorageClass{Name: "mayastor", Provisioner: "io.openebs.csi-mayastor", ReclaimPolicy: "Retain", BindingMode: "Immediate", Replicas: 2},
		facts.StorageClass{Name: "ceph", Provisioner: "rook-ceph.rbd.csi.ceph.com", ReclaimPolicy: "Retain", BindingMode: "Immediate", Pool: "replicapool", PoolOf: "rook-ceph"})
	slices.SortFunc(k.StorageClasses, func(a, b facts.StorageClass) int { return strings.Compare(a.Name, b.Name) })
	k.DisruptionBudgets[0].Allowed = 2
	k.Pools = []facts.CephPool{{Namespace: "rook-ceph", Name: "replicapool", Kind: "CephBlockPool", Size: 3, FailureDomain: "host", Phase: "Ready"},
		{Namespace: "rook-ceph", Name: "ec", Kind: "CephBlockPool", DataChunks: 2, CodingChunks: 1, FailureDomain: "osd", Phase: "Progressing"},
		{Namespace: "rook-ceph", Name: "myfs-fast", Kind: "CephFilesystem", Size: 1, FailureDomain: "zone", Phase: "Failure"},
		{Namespace: "rook-ceph", Name: "myfs-slow", Kind: "CephFilesystem", Size: 2, FailureDomain: "host", Phase: "Failure"}}
	k.CronJobs = []facts.CronJob{
		{Namespace: "a", Name: "nightly", Schedule: "0 3 * * *", TimeZone: "Australia/Melbourne", LastSchedule: t, LastSuccess: t.Add(time.Minute)},
		{Namespace: "a", Name: "weekly", Schedule: "@weekly", Suspended: true}}
	k.Jobs = []facts.Job{
		{Namespace: "a", Name: "nightly-1", Owner: "nightly", Created: t, Completed: t.Add(time.Minute), Succeeded: 1, Failed: 2},
		{Namespace: "a", Name: "nightly-2", Created: t, Failed: 7, FailedAt: t.Add(time.Hour)}, {Namespace: "b", Name: "now", Created: t}}
	k.Snapshots = []facts.VolumeSnapshot{
		{Namespace: "a", Name: "content", Created: t},
		{Namespace: "a", Name: "good", Created: t, Claim: "c", Ready: true, Taken: t.Add(time.Second), RestoreBytes: 10 << 30},
		{Namespace: "a", Name: "wrong", Created: t, Claim: "c", Error: "no space: 100 %"}}
	l.Volumes[0].Robustness, l.Volumes[0].LastDegradedAt, l.Volumes[0].LastAttachedBy = "degraded", facts.At(t), "worker-1"
	l.Volumes[1].Deleting, l.Volumes[1].Standby, l.Volumes[1].FromBackup, l.Volumes[1].Restoring = facts.At(t), true, "s3://b@r/?backup=x", true
	l.Volumes[2].CloneState, l.Volumes[2].DataEngine, l.Volumes[2].DataLocality = "initiated", "v2", "strict-local"
	l.Volumes[3].LastClaimRefAt, l.Volumes[3].LastPodRefAt, l.Volumes[3].LastBackupAt = facts.At(t), facts.At(t), 0
	l.Volumes[4].Sharded = true
	l.Volumes[5].LastAutoSalvagedAt, l.Volumes[5].OfflineRebuilding, l.Volumes[5].Image = facts.At(t), "enabled", ""
	l.Volumes[6].NodeSelector, l.Volumes[6].DiskSelector = []string{"storage", "big"}, []string{"ssd"}
	l.Replicas[0].FailedAt, l.Replicas[0].LastFailedAt, l.Replicas[0].HealthyAt = facts.At(t), facts.At(t), 0
	l.Replicas[1].Active, l.Replicas[1].EvictionRequested, l.Replicas[1].Deleting = false, true, facts.At(t)
	l.Replicas[2].LinkedCloneSource, l.Replicas[2].NodeID, l.Replicas[2].DiskID = "source-r-1", "", ""
	l.Nodes[0].Ready, l.Nodes[0].ReadyReason, l.Nodes[0].EvictionRequested = "False", "KubernetesNodeGone", true
	l.Nodes[1].Ready, l.Nodes[1].ReadySince, l.Nodes[1].AllowScheduling = "", time.Time{}, false
	l.Nodes[1].AutoEvicting, l.Nodes[1].Zone, l.Nodes[1].Tags = true, "", []string{"big", "storage"}
	l.Nodes[1].Disks[0].Tags, l.Nodes[1].Disks[0].Schedulable, l.Nodes[1].Disks[0].ScheduledBytes = []string{"hdd", "old"}, "False", 1<<40
	l.Nodes[2].Disks = append(l.Nodes[2].Disks, facts.LHDisk{Name: "new", Path: "/new"},
		facts.LHDisk{Name: "old", UUID: "u", Path: "/old", Ready: "False", ReadyReason: "DiskFilesystemChanged", EvictionRequested: true})
	l.Nodes[3].Disks = nil
	l.InstanceManagers[0].State, l.InstanceManagers[0].Engines, l.InstanceManagers[0].Instances = "unknown", 2, 5
	l.EngineImages[0].Refs, l.EngineImages[0].State, l.EngineImages[0].Missing = 4, "deploying", []string{"worker-2", "worker-9"}
	l.Orphans = []facts.LHOrphan{{Name: "orphan-1", Created: t, Deleting: t, Type: "replica", NodeID: "worker-1", DataName: "pvc-x-0123abcd", DiskName: "default-disk", DiskUUID: "u",
		DiskPath: "/var/lib/longhorn/"}, {Name: "orphan-2", Created: t, Type: "engine-instance", NodeID: "worker-2"}}
	l.ShardGroups = []facts.LHShardGroup{{Name: l.Volumes[4].Name, DataChunks: 2, ParityChunks: 1, State: "degraded", Failed: 1, DirtyRegion: true}}
	l.Shards = []facts.LHShard{{Name: "shard-0", Group: l.Volumes[4].Name, NodeID: "worker-1", DiskID: "u", State: "normal", EvictionRequested: true},
		{Name: "shard-1", Group: l.Volumes[4].Name, Deleting: t, Slot: 1, State: "failed"}}
	backedUp(l, t)
	crowdedBackups(s)
	l.Salvages = []facts.LHSalvage{{Volume: l.Volumes[0].Name, At: t}, {Volume: l.Volumes[1].Name, At: t}}
	world.Settle(s)
	return s
}

// backedUp gives Longhorn backups of every kind.
func backedUp(l *facts.Longhorn, t time.Time) {
	l.Volumes[0].Jobs, l.Volumes[0].JobGroups = []string{"hourly", "nightly"}, []string{"default"}
	l.Volumes[1].JobGroups, l.Volumes[1].BackupTarget = []string{"homes"}, "second"
	l.BackupTargets = append(l.BackupTargets, facts.LHBackupTarget{Name: "second", Known: true, Reason: "no route to host: s3.example.org", Since: t},
		facts.LHBackupTarget{Name: "third", URL: "nfs://backup.example.org:/longhorn", Known: true, Available: true, PollInterval: 90 * time.Second, LastSyncedAt: t})
	l.RecurringJobs = append(l.RecurringJobs, facts.LHRecurringJob{Name: "trim", Created: t, Task: "filesystem-trim", Cron: "@weekly", Groups: []string{"a", "b"}},
		facts.LHRecurringJob{Name: "hourly", Created: t, Task: "backup-force-create", Cron: "0 * * * *", Retain: 24})
	point := func(name string, hour int, target string) facts.Point {
		return facts.Point{Name: name, Time: t.Add(time.Duration(hour) * time.Hour), SizeBytes: 1 << 21, Target: target}
	}
	b := l.Backups
	b[0].Running = &facts.Attempt{Name: "backup-runs", Since: t, Phase: "InProgress"}
	b[1].Failed = &facts.Attempt{Name: "backup-failed", Since: t, Phase: "Error", Error: "cannot mount nfs: ü"}
	b[2].Running, b[2].Failed = &facts.Attempt{Name: "backup-new", Since: t, Phase: "New"}, &facts.Attempt{Name: "backup-unknown", Since: t, Phase: "Unknown"}
	l.Backups = append(b,
		facts.Series{System: facts.SystemLonghorn, Volume: b[0].Volume, Newest: point("other-2", 0, "third"), Previous: point("other-1", -1, "third"), Good: 3, Oldest: t.Add(-9 * time.Hour)},
		facts.Series{System: facts.SystemLonghorn, Volume: "pvc-removed", Newest: point("backup-removed", -100, "default"), Good: 1, Oldest: t.Add(-100 * time.Hour)},
		facts.Series{System: facts.SystemLonghorn, Volume: "pvc-never", Failed: &facts.Attempt{Name: "backup-never", Since: t, Phase: "Error", Error: "x"}})
	l.BackupVolumes = append(l.BackupVolumes, facts.LHBackupVolume{Name: "pvc-removed", Volume: "pvc-removed", Target: "default", Error: "cannot read: timeout"})
}

func TestDumpHoldsTheFacts(t *testing.T) {
	of := func(version string) *facts.Snapshot {
		s := crowded()
		world.FitLonghorn(s, version)
		return s
	}
	none := crowded()
	none.Longhorn = facts.Longhorn{}
	for i := range none.Sources {
		if strings.HasPrefix(none.Sources[i].Name, "longhorn/") {
			none.Sources[i] = facts.Source{Name: none.Sources[i].Name, Status: facts.Absent}
		}
	}
	for name, s := range map[string]*facts.Snapshot{"healthy": world.Healthy(world.Small), "crowded": crowded(),
		"Velero": withBackups(world.WithVelero), "K8up": withBackups(world.WithK8up), "snapshots": withBackups(world.WithSnapshots),
		"Longhorn 1.2": of("v1.2.4"), "Longhorn 1.4": of("v1.4.3"), "Longhorn 1.5": of("v1.5.5"), "Longhorn 1.10": of("v1.10.0"),
		"Longhorn 1.12.0": of("v1.12.0"), "no Longhorn": none} {
		t.Run(name, func(t *testing.T) {
			world.Settle(s)
			dir := t.TempDir()
			if err := world.WriteDump(dir, s); err != nil {
				t.Fatal(err)
			}
			kube, longhorn, sources := dump.Read(context.Background(), dir, "longhorn-system")
			if diff := cmp.Diff(s.Kube, kube, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("kube (-world +read):\n%s", diff)
			}
			s.Longhorn.BackupVolumes = s.Longhorn.TellingBackupVolumes()
			if diff := cmp.Diff(s.Longhorn, longhorn, cmpopts.EquateEmpty(), ignoreAbsentNamespace(s)); diff != "" {
				t.Errorf("longhorn (-world +read):\n%s", diff)
			}
			if diff := cmp.Diff(clusterSources(s), plain(sources), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sources (-world +read):\n%s", diff)
			}
		})
	}
}

// ignoreAbsentNamespace leaves the configured namespace of Longhorn out where
// there is no Longhorn.
func ignoreAbsentNamespace(s *facts.Snapshot) cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool { return s.Longhorn.Namespace == "" && p.String() == "Namespace" }, cmp.Ignore())
}

func clusterSources(s *facts.Snapshot) []facts.Source {
	return plain(slices.DeleteFunc(slices.Clone(s.Sources), func(src facts.Source) bool {
		kind, _, _ := strings.Cut(src.Name, "/")
		return !slices.Contains([]string{"kube", "longhorn", "ceph", "velero", "k8up"}, kind)
	}))
}

// plain is sources without what differs from run to run, and without those of
// Ceph, Velero and K8up where there is none, of which worlds do not speak.
func plain(sources []facts.Source) []facts.Source {
	sources = slices.DeleteFunc(slices.Clone(sources), func(src facts.Source) bool {
		kind, _, _ := strings.Cut(src.Name, "/")
		return src.Status == facts.Absent && slices.Contains([]string{"ceph", "velero", "k8up"}, kind)
	})
	for i := range sources {
		sources[i].Duration, sources[i].Detail = 0, ""
	}
	slices.SortFunc(sources, func(a, b facts.Source) int { return strings.Compare(a.Name, b.Name) })
	return sources
}

// damagedHub is a healthy hub of a JupyterHub version, then broken in its rows.
func damagedHub(version string) *facts.Hub {
	s := world.Healthy(world.Small)
	hub := s.Hubs[0]
	hub.Users[0].LastActivity = time.Time{}
	hub.Users[1].Name = "<!channel>\t'\"\\ ü"
	hub.Spawners[1].State = facts.SpawnerState{}
	hub.Spawners[2].State = facts.SpawnerState{Form: "empty"}
	hub.Spawners[3].State = facts.SpawnerState{Form: "broken"}
	hub.Spawners[5].State = facts.SpawnerState{Form: "object", PodName: "jupyter-\"x\""}
	hub.Users[0].BrokenTimes, hub.Users[2].BrokenTimes, hub.Users[2].CookieHandMade = "last_activity", "created,last_activity", true
	hub.Spawners[1].BrokenTimes, hub.Spawners[2].BrokenTimes = "started,last_activity", "last_activity"
	world.FitSchema(hub, version)
	return hub
}

// asRead leaves out what a file has and facts do not: where it is, its size,
// its tables, and the words for its damage.
var asRead = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(facts.Database{}, "Location", "SizeBytes", "Tables"),
	cmpopts.IgnoreFields(facts.Damage{}, "Message"),
}

func readBack(t *testing.T, hub *facts.Hub, version string) hubdb.Result {
	t.Helper()
	dir := t.TempDir()
	if err := world.WriteDatabase(filepath.Join(dir, "jupyterhub.sqlite"), hub, version); err != nil {
		t.Fatal(err)
	}
	read, err := hubdb.Read(context.Background(), hubdb.Options{URL: "sqlite:///jupyterhub.sqlite", BaseDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestDatabaseHoldsTheFacts(t *testing.T) {
	for _, version := range world.Schemas() {
		for name, damage := range map[string]func(*facts.Snapshot, string, ...int64){
			"sound": func(*facts.Snapshot, string, ...int64) {}, "null": world.NullCookies, "shared": world.ShareCookies} {
			t.Run(version+" "+name, func(t *testing.T) {
				hub := damagedHub(version)
				s := &facts.Snapshot{Now: world.Now, Hubs: []*facts.Hub{hub}}
				damage(s, hub.Name)
				if name != "sound" {
					hub.Users[4].Cookie, hub.Users[4].CookieSharedWith = facts.CookieEmpty, 0
					hub.Users[5].Cookie, hub.Users[5].CookieSharedWith = facts.CookieUnique, 0
				}
				read := readBack(t, hub, version)
				want := hubdb.Result{Database: hub.Database, UsersRead: facts.Complete, SpawnersRead: facts.Complete, Users: hub.Users, Spawners: hub.Spawners, Servers: hub.Servers}
				if diff := cmp.Diff(want, read, asRead); diff != "" {
					t.Errorf("(-world +read):\n%s", diff)
				}
				if len(read.Database.Tables) < 8 {
					t.Errorf("only the tables %v", read.Database.Tables)
				}
			})
		}
	}
}

func TestDatabaseThatWasLost(t *testing.T) {
	wiped := world.Healthy(world.Small)
	world.WipeDatabase(wiped, world.HubName)
	zero := world.Healthy(world.Small)
	world.WipeDatabase(zero, world.HubName)
	zero.Hubs[0].Database.Damage = []facts.Damage{{Kind: facts.DamageZeroBytes}}
	for name, s := range map[string]*facts.Snapshot{"saved over": wiped, "truncated to nothing": zero} {
		for _, version := range []string{"0.7.2", world.CurrentSchema} {
			t.Run(name+" "+version, func(t *testing.T) {
				read := readBack(t, s.Hubs[0], version)
				if diff := cmp.Diff(hubdb.Result{Database: s.Hubs[0].Database, UsersRead: facts.None, SpawnersRead: facts.None}, read, asRead); diff != "" {
					t.Errorf("(-world +read):\n%s", diff)
				}
			})
		}
	}
}

func TestDatabaseThatLostItsUsers(t *testing.T) {
	for _, version := range world.Schemas()[1:] {
		s := world.Healthy(world.Small)
		world.RemakeUsers(s, world.HubName)
		world.FitSchema(s.Hubs[0], version)
		read := readBack(t, s.Hubs[0], version)
		want := hubdb.Result{Database: s.Hubs[0].Database, UsersRead: facts.Complete, SpawnersRead: facts.Complete, Spawners: s.Hubs[0].Spawners, Servers: s.Hubs[0].Servers}
		if diff := cmp.Diff(want, read, asRead); diff != "" {
			t.Errorf("%s (-world +read):\n%s", version, diff)
		}
	}
}

func TestDatabaseErrors(t *testing.T) {
	hub := damagedHub(world.CurrentSchema)
	path := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	if err := world.WriteDatabase(path, hub, "3.14"); err == nil || !strings.Contains(err.Error(), "0.7.2, ") {
		t.Errorf("unknown schema: %v, want one that names the known ones", err)
	}
	if err := world.WriteDatabase(path, hub, "0.7.2"); err == nil || !strings.Contains(err.Error(), "cookie_id") {
		t.Errorf("constraints that 0.7 does not have: %v", err)
	}
	hub.Database.Damage = []facts.Damage{{Kind: facts.DamageTruncated}}
	if err := world.WriteDatabase(path, hub, world.CurrentSchema); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("damage that cannot be written: %v", err)
	}
	hub.Database.Damage = nil
	hub.Users[1].ID = hub.Users[0].ID
	if err := world.WriteDatabase(path, hub, world.CurrentSchema); err == nil || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("two users with one id: %v", err)
	}
}

func TestBackupsHoldTheDatabase(t *testing.T) {
	incident := world.HealthyRecording()
	hub := incident.Stages[0].Snapshot.Hubs[0]
	dir := t.TempDir()
	if err := world.WriteBackups(dir, hub, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	copies, err := backup.ReadFiles(context.Background(), filepath.Join(dir, "jupyterhub-*.sqlite.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sizes := cmpopts.IgnoreFields(facts.BackupCopy{}, "SizeBytes")
	if diff := cmp.Diff(hub.Backups[0].Copies, copies, sizes); diff != "" {
		t.Errorf("(-world +read):\n%s", diff)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(copies) {
		t.Errorf("%d files for %d copies (%v)", len(left), len(copies), err)
	}
	fresh := filepath.Join(t.TempDir(), "jupyterhub.sqlite")
	if err := world.WriteDatabase(fresh, hub, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range copies {
		if got := unzip(t, filepath.Join(dir, c.Name)); string(got) != string(want) {
			t.Errorf("%s is not a copy of the database", c.Name)
		}
	}
}
