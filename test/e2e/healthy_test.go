package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/discovery"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHealthyWorld(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})

	second := p.audit(t)
	second.expect(t, outcome{})
	if got := second.incidents("opened"); len(got) > 0 {
		t.Errorf("a healthy world opened incidents: %v", got)
	}
	if !strings.Contains(second.markdown, "There is nothing to do.") {
		t.Errorf("the report does not say that there is nothing to do:\n%s", second.markdown)
	}
	items := map[string]map[string]int{}
	for _, src := range second.report.Sources {
		items[src.Name] = src.Items
	}
	if diff := cmp.Diff(itemsOf(s), items, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("items read (-world +read):\n%s", diff)
	}
}

// itemsOf are the numbers of everything that a world's sources hold, on a
// cluster that has Rook, Velero and K8up, if only in name. The history has one
// baseline after the first run: that of the users.
func itemsOf(s *facts.Snapshot) map[string]map[string]int {
	items := map[string]map[string]int{}
	for _, source := range slices.Concat([]string{facts.CephBlockPools, facts.CephFilesystems}, ofVelero, ofK8up) {
		_, kind, _ := strings.Cut(source, "/")
		items[source] = map[string]int{kind: 0}
	}
	for _, src := range s.Sources {
		items[src.Name] = src.Items
	}
	items[facts.History] = map[string]int{"baselines": 1}
	return items
}

// TestFactsOfTheCluster reads worlds back from the API server. It gives each
// object its own creation time and UID, and nothing else is different.
func TestFactsOfTheCluster(t *testing.T) {
	st := mainStage(t)
	t.Setenv("KUBECONFIG", st.admin)
	for name, s := range map[string]*facts.Snapshot{"healthy": healthyWorld(world.Small), "everything": everything()} {
		t.Run(name, func(t *testing.T) {
			st.become(t, s)
			expectFacts(t, st, s)
		})
	}
}

func expectFacts(t *testing.T, st *stage, s *facts.Snapshot) {
	t.Helper()
	s.Kube.Version = serverVersion(t, st)
	client, err := kube.Connect(kube.Options{UserAgent: "hubaudit-e2e"})
	if err != nil {
		t.Fatal(err)
	}
	k, kubeSources := client.Read(t.Context())
	l, longhornSources := longhorn.Read(t.Context(), client, "longhorn-system")
	setByServer := cmp.FilterPath(func(p cmp.Path) bool {
		field, ok := p.Last().(cmp.StructField)
		return ok && (field.Name() == "Created" || field.Name() == "UID")
	}, cmp.Ignore())
	if diff := cmp.Diff(s.Kube, k, cmpopts.EquateEmpty(), setByServer); diff != "" {
		t.Errorf("Kubernetes (-world +read):\n%s", diff)
	}
	want := s.Longhorn
	want.BackupVolumes = want.TellingBackupVolumes()
	if diff := cmp.Diff(want, l, cmpopts.EquateEmpty(), setByServer); diff != "" {
		t.Errorf("Longhorn (-world +read):\n%s", diff)
	}
	for _, c := range k.Claims {
		if c.UID == "" || time.Since(c.Created).Abs() > time.Hour {
			t.Errorf("claim %s has the UID %q and was created at %s", c.Name, c.UID, c.Created)
		}
	}
	ofCluster := func(src facts.Source) bool {
		return strings.HasPrefix(src.Name, "kube/") || strings.HasPrefix(src.Name, "longhorn/") || len(s.Kube.Pools) > 0 && strings.HasPrefix(src.Name, "ceph/")
	}
	only := func(sources []facts.Source) []facts.Source {
		return slices.DeleteFunc(slices.Clone(sources), func(src facts.Source) bool { return !ofCluster(src) })
	}
	byName := cmpopts.SortSlices(func(a, b facts.Source) bool { return a.Name < b.Name })
	if diff := cmp.Diff(only(s.Sources), only(slices.Concat(kubeSources, longhornSources)), byName, cmpopts.IgnoreFields(facts.Source{}, "Duration", "Detail"),
		cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("sources (-world +read):\n%s", diff)
	}
}

func serverVersion(t *testing.T, st *stage) string {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(st.Config())
	if err != nil {
		t.Fatal(err)
	}
	v, err := client.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	return v.GitVersion
}

// everything is a world with each kind of object and as many of its facts as an
// API server takes.
func everything() *facts.Snapshot {
	s := healthyWorld(world.Small)
	k, l, at := &s.Kube, &s.Longhorn, world.Now.Add(-time.Hour)
	k.Nodes[0].Ready, k.Nodes[0].Unschedulable, k.Nodes[1].Ready, k.Nodes[1].Zone = "False", true, "Unknown", ""
	k.Nodes[0].Taints = []string{"ToBeDeletedByClusterAutoscaler", "node.kubernetes.io/unschedulable"}
	k.Claims[2].Phase = "Lost"
	k.Claims[3].KubeSpawnerVersion, k.Claims[3].LabelUser, k.Claims[3].AccessModes = "", "", []string{"ReadWriteOnce", "ReadWriteMany"}
	k.Claims[4].LabelServer, k.Claims[4].Chart = "lab", ""
	k.Claims[5].SourceKind, k.Claims[5].SourceName = "PersistentVolumeClaim", "claim-student-0004"
	k.Claims = append(k.Claims,
		facts.Claim{Namespace: world.Namespace, Name: "pending", Phase: "Pending", StorageClass: "slow", AccessModes: []string{"ReadWriteOncePod"}, RequestBytes: 1500,
			SourceKind: "VolumeSnapshot", SourceName: "good"},
		facts.Claim{Namespace: world.Namespace, Name: "claim-odd", Phase: "Bound", StorageClass: "slow", AccessModes: []string{"ReadWriteOnce"},
			RequestBytes: 1 << 40, HasUser: true, User: "<!channel>\n\x1b[31m" + strings.Repeat("ü", 300), Server: "näme: - # '\""},
		facts.Claim{Namespace: world.Namespace, Name: "claim-nobody", Phase: "Bound", StorageClass: "slow", AccessModes: []string{"ReadWriteOnce"},
			RequestBytes: 1, HasUser: true})
	k.Volumes[1].Phase, k.Volumes[1].ReclaimPolicy = "Released", "Delete"
	k.Volumes = append(k.Volumes,
		facts.Volume{Name: "nfs", Phase: "Available", ReclaimPolicy: "Retain", CapacityBytes: 5e9, Driver: "nfs", Handle: "server:/a/b:c"},
		facts.Volume{Name: "local", Phase: "Failed", ReclaimPolicy: "Retain", CapacityBytes: 1 << 50, Driver: "local", Handle: "/mnt/x",
			NodeNames: []string{"a", "b"}},
		facts.Volume{Name: "host", Phase: "Pending", ReclaimPolicy: "Recycle", CapacityBytes: 1, Driver: "hostPath", Handle: "/srv"},
		facts.Volume{Name: "gce", Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "gcePersistentDisk", Handle: "gke-x",
			ClaimNamespace: world.Namespace, ClaimName: "claim-odd"},
		facts.Volume{Name: "lvm", Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "topolvm.io", Handle: "lvm-1", NodeNames: []string{"a"}},
		facts.Volume{Name: "rbd", Phase: "Bound", ReclaimPolicy: "Retain", CapacityBytes: 1, Driver: "rook-ceph.rbd.csi.ceph.com", Handle: "rbd-1",
			Pool: "replicapool", PoolOf: "rook-ceph"})
	k.Pools = []facts.CephPool{{Namespace: world.Namespace, Name: "ec", Kind: "CephBlockPool", DataChunks: 2, CodingChunks: 1, FailureDomain: "osd", Phase: "Progressing"},
		{Namespace: world.Namespace, Name: "replicapool", Kind: "CephBlockPool", Size: 3, FailureDomain: "host", Phase: "Ready"},
		{Namespace: world.Namespace, Name: "myfs-fast", Kind: "CephFilesystem", Size: 1, FailureDomain: "zone", Phase: "Failure"},
		{Namespace: world.Namespace, Name: "myfs-slow", Kind: "CephFilesystem", Size: 2, FailureDomain: "host", Phase: "Failure"}}
	k.DisruptionBudgets[0].Allowed = 2
	k.Pods[1].Phase, k.Pods[1].Node = "Pending", ""
	k.Pods = append(k.Pods, facts.Pod{Namespace: world.Namespace, Name: "two", Phase: "Running", HasUser: true, User: "ann", Server: "lab", Claims: []string{"a", "b"}})
	k.Pods = append(k.Pods, facts.Pod{Namespace: world.Namespace, Name: "test-hub", Phase: "Pending", Component: facts.HubComponent,
		Image: "hub.example.org/own@sha256:0123", Release: "test"})
	k.StorageClasses = append(k.StorageClasses, facts.StorageClass{Name: "slow", Provisioner: "x.example", ReclaimPolicy: "Delete", BindingMode: "WaitForFirstConsumer", DataLocality: "strict-local"})
	k.CronJobs = []facts.CronJob{
		{Namespace: world.Namespace, Name: "nightly", Schedule: "0 3 * * *", TimeZone: "Australia/Melbourne", LastSchedule: at, LastSuccess: at.Add(time.Minute)},
		{Namespace: world.Namespace, Name: "weekly", Schedule: "@weekly", Suspended: true}}
	k.Jobs = []facts.Job{
		{Namespace: world.Namespace, Name: "nightly-1", Owner: "nightly", Created: at, Completed: at.Add(time.Minute), Succeeded: 1, Failed: 2},
		{Namespace: world.Namespace, Name: "nightly-2", Created: at, Failed: 7, FailedAt: at.Add(time.Hour)}}
	k.Snapshots = []facts.VolumeSnapshot{
		{Namespace: world.Namespace, Name: "good", Claim: "c", Ready: true, Taken: at.Add(time.Second), RestoreBytes: 10 << 30},
		{Namespace: world.Namespace, Name: "imported"},
		{Namespace: world.Namespace, Name: "wrong", Claim: "c", Error: "no space: 100 %"}}
	l.Volumes[0].Robustness, l.Volumes[0].LastDegradedAt, l.Volumes[0].LastAttachedBy = "degraded", facts.At(at), "worker-1"
	l.Volumes[1].Standby, l.Volumes[1].FromBackup, l.Volumes[1].Restoring = true, "s3://b@r/?backup=x", true
	l.Volumes[2].CloneState, l.Volumes[2].DataEngine, l.Volumes[2].DataLocality = "initiated", "v2", "strict-local"
	l.Volumes[3].LastClaimRefAt, l.Volumes[3].LastPodRefAt = facts.At(at), facts.At(at)
	world.LastBackup(s, &l.Volumes[3], time.Time{})
	l.Replicas[0].FailedAt, l.Replicas[0].LastFailedAt, l.Replicas[0].HealthyAt = facts.At(at), facts.At(at), 0
	l.Replicas[1].Active, l.Replicas[1].EvictionRequested = false, true
	l.Replicas[2].NodeID, l.Replicas[2].DiskID = "", ""
	l.Nodes[0].Ready, l.Nodes[0].ReadyReason, l.Nodes[0].EvictionRequested = "False", "KubernetesNodeGone", true
	l.Nodes[1].Ready, l.Nodes[1].ReadySince, l.Nodes[1].AllowScheduling = "", time.Time{}, false
	l.Nodes[1].AutoEvicting, l.Nodes[1].Zone, l.Nodes[1].Tags = true, "", []string{"big", "storage"}
	l.Nodes[1].Disks[0].Tags, l.Nodes[1].Disks[0].Schedulable, l.Nodes[1].Disks[0].ScheduledBytes = []string{"hdd", "old"}, "False", 1<<40
	l.Volumes[5].OfflineRebuilding, l.Volumes[5].Image, l.Volumes[5].NodeSelector, l.Volumes[5].DiskSelector = "enabled", "engine:own", []string{"storage", "big"}, []string{"ssd"}
	l.InstanceManagers[0].State, l.InstanceManagers[0].Engines, l.InstanceManagers[0].Instances = "unknown", 2, 5
	l.EngineImages[0].Refs, l.EngineImages[0].State, l.EngineImages[0].Incompatible, l.EngineImages[0].Missing = 4, "deploying", true, []string{"worker-2", "worker-9"}
	l.Orphans = []facts.LHOrphan{{Name: "orphan-1", Type: "replica", NodeID: "worker-1", DataName: "pvc-x-0123abcd", DiskName: "default-disk", DiskUUID: "u",
		DiskPath: "/var/lib/longhorn/"}, {Name: "orphan-2", Type: "engine-instance", NodeID: "worker-2"}}
	l.ShardGroups = []facts.LHShardGroup{{Name: "sharded", DataChunks: 2, ParityChunks: 1, State: "degraded", Failed: 1, DirtyRegion: true}}
	l.Shards = []facts.LHShard{{Name: "shard-0", Group: "sharded", NodeID: "worker-1", DiskID: "u", State: "normal", EvictionRequested: true},
		{Name: "shard-1", Group: "sharded", Slot: 1, State: "failed"}}
	l.Salvages = []facts.LHSalvage{{Volume: l.Volumes[0].Name, At: at}, {Volume: l.Volumes[1].Name, At: at}}
	l.Nodes[2].Disks = append(l.Nodes[2].Disks, facts.LHDisk{Name: "new", Path: "/new"},
		facts.LHDisk{Name: "old", UUID: "u", Path: "/old", Ready: "False", ReadyReason: "DiskFilesystemChanged", EvictionRequested: true})
	l.Nodes[3].Disks = nil
	world.Settle(s)
	return s
}
