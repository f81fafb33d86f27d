// Package world makes worlds to audit: one healthy hub with its cluster,
// named damages to it, and the files that a real one would leave behind (a hub
// database, kubectl dumps, backups). Tests break one thing in a healthy world;
// the recorded incidents in testdata and the benchmark are made by it too.
package world

import (
	"fmt"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// Now is the time of a healthy world: a Friday noon in term.
var Now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Size is how big a world is.
type Size struct {
	Users    int
	Nodes    int // workers; at least 3
	Replicas int // of each volume
}

// Small is the world of most tests: two of its ten servers run.
var Small = Size{Users: 10, Nodes: 4, Replicas: 3}

// Names in every healthy world.
const (
	HubName   = "datahub"
	Namespace = "datahub"
	HubClaim  = "hub-db-dir"
	Class     = "longhorn"
	// BackupTarget is Longhorn's.
	BackupTarget = "default"
)

// Healthy is a hub in which nothing is wrong: every user with one server and
// one claim, every fifth of them running, every tenth with a second, named
// server; each claim on a Longhorn volume with all its replicas and a backup
// of last night; the hub's database backed up at three.
func Healthy(size Size) *facts.Snapshot {
	s := &facts.Snapshot{Now: Now, Kube: facts.Kube{Version: "v1.36.3"}}
	hub := &facts.Hub{
		Name: HubName, Namespace: Namespace,
		KubeSpawner: facts.KubeSpawner{Version: "7.0.0", Chart: "4.4.0", VersionFrom: "the hub's image", PVCNameTemplate: "claim-{user_server}",
			SlugScheme: "safe", RememberPVCName: true, LegacyNames: true, DeletePVC: true},
		UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true,
		Database: facts.Database{
			Engine: "sqlite", Location: "jupyterhub.sqlite", Revisions: []string{"4621fec11365"},
			CookieNotNull: true, CookieUnique: true, NameUnique: true, Columns: columns(CurrentSchema),
			Modified: Now.Add(-10 * time.Minute),
		},
	}
	s.Hubs = []*facts.Hub{hub}
	s.Longhorn = facts.Longhorn{Namespace: "longhorn-system", Version: "v1.12.1", Settings: map[string]string{
		"current-longhorn-version": "v1.12.1", "node-drain-policy": "block-if-contains-last-replica",
		"allow-recurring-job-while-volume-detached": "true", "default-replica-count": fmt.Sprintf(`{"v1":"%d","v2":"%d"}`, size.Replicas, size.Replicas)}}
	s.Longhorn.EngineImages = []facts.LHEngineImage{{Name: "ei-1f2e3d4c", Image: engineImage("v1.12.1"), State: "deployed", Since: Now.AddDate(0, -7, 0)}}
	s.Longhorn.BackupTargets = []facts.LHBackupTarget{{Name: BackupTarget, URL: "s3://hub-backups@eu-central-1/", Credential: "backup-login",
		PollInterval: 5 * time.Minute, Known: true, Available: true, Since: Now.AddDate(0, -5, 0), LastSyncedAt: Now.Add(-2 * time.Minute)}}
	s.Longhorn.RecurringJobs = []facts.LHRecurringJob{{Name: "nightly", Created: Now.AddDate(0, -6, 0), Task: "backup", Cron: "30 2 * * *",
		Groups: []string{"default"}, Retain: keptBackups, Executions: 180}}
	s.Kube.StorageClasses = []facts.StorageClass{{Name: Class, Provisioner: "driver.longhorn.io",
		ReclaimPolicy: "Retain", BindingMode: "Immediate", Default: true, Replicas: size.Replicas}}
	addNodes(s, size)
	b := builder{s: s, hub: hub, size: size}
	b.addHub()
	for i := 1; i <= size.Users; i++ {
		b.addUser(i)
	}
	OpenBackups(hub)
	Settle(s)
	return s
}

func addNodes(s *facts.Snapshot, size Size) {
	for i := 1; i <= size.Nodes; i++ {
		name := fmt.Sprintf("worker-%d", i)
		created := Now.AddDate(0, -8, 0)
		zone := fmt.Sprintf("zone-%d", i%3+1)
		s.Kube.Nodes = append(s.Kube.Nodes, facts.Node{Name: name, UID: uid("node", i), Created: created,
			Ready: "True", ReadySince: created.Add(time.Minute), Zone: zone})
		addStorage(s, name, zone, i, created.Add(time.Hour))
	}
}

// addStorage makes a node one of Longhorn's, with the n-th disk of the cluster.
func addStorage(s *facts.Snapshot, node, zone string, n int, created time.Time) {
	ready := created.Add(time.Minute)
	s.Longhorn.Nodes = append(s.Longhorn.Nodes, facts.LHNode{Name: node, Created: created,
		Ready: "True", ReadySince: ready, AllowScheduling: true, Zone: zone, Disks: []facts.LHDisk{{Name: "default-disk", UUID: uid("disk", n),
			Path: "/var/lib/longhorn/", Type: "filesystem", Ready: "True", ReadySince: ready, Schedulable: "True", AllowScheduling: true,
			MaximumBytes: 64 << 40, AvailableBytes: 60 << 40, ReservedBytes: 1 << 40}}})
	manager := fmt.Sprintf("instance-manager-%08x", n)
	s.Longhorn.InstanceManagers = append(s.Longhorn.InstanceManagers,
		facts.LHInstanceManager{Name: manager, NodeID: node, Type: "aio", DataEngine: "v1", State: "running"})
	s.Kube.DisruptionBudgets = append(s.Kube.DisruptionBudgets, facts.DisruptionBudget{Namespace: s.Longhorn.Namespace, Name: manager})
}

// engineImage is the image of Longhorn's engine of a version.
func engineImage(version string) string { return "longhornio/longhorn-engine:" + version }

type builder struct {
	s       *facts.Snapshot
	hub     *facts.Hub
	size    Size
	volumes int
}

func (b *builder) addHub() {
	b.addClaim(facts.Claim{Name: HubClaim, Created: Now.AddDate(0, -6, 0), RequestBytes: 1 << 30, Component: "hub"}, true)
	b.attachLast("worker-1")
	b.s.Kube.Pods = append(b.s.Kube.Pods, facts.Pod{Namespace: Namespace, Name: "hub-6b7f9d4c5-x2x7p", Phase: "Running",
		Node: "worker-1", Component: facts.HubComponent, Created: Now.AddDate(0, 0, -9), Claims: []string{HubClaim},
		Image: "quay.io/jupyterhub/k8s-hub:4.4.0", Release: "jhub", Mounts: []facts.Mount{{Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: HubClaim}}})
	backup := facts.Backup{Name: "nightly", Kind: "files", Location: "backups/jupyterhub-*.sqlite.gz", Schedule: "0 3 * * *"}
	for day := range 7 {
		at := time.Date(Now.Year(), Now.Month(), Now.Day(), 3, 0, 12, 0, time.UTC).AddDate(0, 0, -day)
		backup.Copies = append(backup.Copies, facts.BackupCopy{Name: "jupyterhub-" + at.Format("2006-01-02") + ".sqlite.gz",
			Time: at, SizeBytes: int64(8192 + 64*b.size.Users - day), Ready: true})
	}
	b.hub.Backups = []facts.Backup{backup}
}

// OpenBackups has the newest copy of each of a hub's backups opened and found
// as good as the database.
func OpenBackups(h *facts.Hub) {
	for i := range h.Backups {
		b := &h.Backups[i]
		content := facts.Hub{Database: h.Database, UsersRead: h.UsersRead, SpawnersRead: h.SpawnersRead, StatesRead: true,
			Users: slices.Clone(h.Users), Spawners: slices.Clone(h.Spawners), Servers: slices.Clone(h.Servers)}
		b.Verify = facts.VerifyOpen
		b.Opened = &facts.Opened{Copy: b.Copies[0], Level: facts.VerifyOpen, Form: "gzip, sqlite", Content: &content}
	}
}

func (b *builder) addUser(i int) {
	name := fmt.Sprintf("student-%04d", i)
	created := Now.AddDate(0, -5, 0).Add(time.Duration(i) * time.Minute)
	used := Now.Add(-time.Duration(1+i%72) * time.Hour)
	b.hub.Users = append(b.hub.Users, facts.User{ID: int64(i), Name: name, Admin: i == 1, Created: created,
		LastActivity: used, Cookie: facts.CookieUnique})
	b.addServer(i, name, "", created, used, i%5 == 0)
	if i%10 == 0 {
		b.addServer(i, name, "lab", created.Add(24*time.Hour), used, false)
	}
}

func (b *builder) addServer(user int, name, server string, created, used time.Time, running bool) {
	slug := name
	if server != "" {
		slug += "--" + server
	}
	sp := facts.Spawner{ID: int64(len(b.hub.Spawners) + 1), UserID: int64(user), Name: server, LastActivity: used,
		State: facts.SpawnerState{Form: "object", PodName: "jupyter-" + slug, Namespace: Namespace,
			PVCName: "claim-" + slug, KubeSpawnerVersion: "7.0.0"}}
	node := ""
	if running {
		sp.ServerID = int64(len(b.hub.Servers) + 2) // 1 is the hub's own row
		sp.Started = Now.Add(-90 * time.Minute)
		sp.LastActivity = Now.Add(-4 * time.Minute)
		b.hub.Servers = append(b.hub.Servers, facts.Server{ID: sp.ServerID, IP: sp.State.PodName + "." + Namespace, Port: 8888})
		node = fmt.Sprintf("worker-%d", user%b.size.Nodes+1)
		b.s.Kube.Pods = append(b.s.Kube.Pods, facts.Pod{Namespace: Namespace, Name: "jupyter-" + slug, Phase: "Running", Node: node,
			Component: "singleuser-server", User: name, Server: server, HasUser: true, KubeSpawnerVersion: "7.0.0",
			Created: sp.Started, Claims: []string{"claim-" + slug}})
	}
	b.hub.Spawners = append(b.hub.Spawners, sp)
	b.addClaim(facts.Claim{Name: "claim-" + slug, Created: created, RequestBytes: 10 << 30, User: name, Server: server, HasUser: true,
		LabelUser: name, Component: "singleuser-storage", KubeSpawnerVersion: "7.0.0", Chart: "jupyterhub-4.4.0"}, running)
	if running {
		b.attachLast(node)
	}
}

// attachLast attaches the newest volume where the pod runs that mounts it.
func (b *builder) attachLast(node string) {
	b.s.Longhorn.Volumes[len(b.s.Longhorn.Volumes)-1].NodeID = node
}

// addClaim completes a claim and makes its PersistentVolume and Longhorn volume.
func (b *builder) addClaim(c facts.Claim, attached bool) {
	b.volumes++
	n := b.volumes
	c.Namespace, c.UID, c.Phase, c.StorageClass = Namespace, uid("claim", n), "Bound", Class
	c.VolumeName, c.AccessModes = "pvc-"+c.UID, []string{"ReadWriteOnce"}
	b.s.Kube.Claims = append(b.s.Kube.Claims, c)
	b.s.Kube.Volumes = append(b.s.Kube.Volumes, facts.Volume{Name: c.VolumeName, UID: uid("volume", n), Created: c.Created.Add(3 * time.Second),
		Phase: "Bound", ReclaimPolicy: "Retain", StorageClass: Class, CapacityBytes: c.RequestBytes, Driver: "driver.longhorn.io",
		Handle: c.VolumeName, ClaimNamespace: Namespace, ClaimName: c.Name, ClaimUID: c.UID})
	v := facts.LHVolume{Name: c.VolumeName, Created: facts.At(c.Created.Add(2 * time.Second)), State: "detached", Robustness: "unknown",
		WantReplicas: b.size.Replicas, DataEngine: "v1", DataLocality: "disabled", SizeBytes: c.RequestBytes, ActualBytes: 150 << 20,
		BackupTarget:      BackupTarget,
		OfflineRebuilding: "ignored", Image: engineImage(b.s.Longhorn.Version),
		ClaimNamespace: Namespace, ClaimName: c.Name, VolumeName: c.VolumeName}
	if attached {
		v.State, v.Robustness = "attached", "healthy"
	} else {
		v.LastPodRefAt = facts.At(Now.Add(-time.Duration(1+n%72) * time.Hour))
	}
	addBackups(b.s, &v, latestBackup(), keptBackups)
	b.s.Longhorn.Volumes = append(b.s.Longhorn.Volumes, v)
	for r := range b.size.Replicas {
		node := (n+r)%b.size.Nodes + 1
		rep := facts.LHReplica{Name: fmt.Sprintf("%s-r-%08x", v.Name, uint32(n*16+r)), Volume: v.Name, Created: v.Created,
			NodeID: fmt.Sprintf("worker-%d", node), DiskID: uid("disk", node), Active: true, State: "stopped",
			HealthyAt: v.Created + 30, LastHealthyAt: v.Created + 30}
		if attached {
			rep.State = "running"
		}
		b.s.Longhorn.Replicas = append(b.s.Longhorn.Replicas, rep)
	}
}

// latestBackup is when the newest backups were made.
func latestBackup() time.Time {
	return time.Date(Now.Year(), Now.Month(), Now.Day(), 2, 30, 0, 0, time.UTC)
}

// uid is a made-up UID, the same in every run.
func uid(kind string, n int) string {
	kinds := map[string]int{"node": 1, "disk": 2, "claim": 3, "volume": 4}
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", kinds[kind], n)
}
