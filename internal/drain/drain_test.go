package drain

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// The small world's volumes: the hub's is 01 on worker-2, 3 and 4, student-0001's
// is 02 on worker-3, 4 and 1, and so on around the ring.
const (
	hubVolume   = "pvc-00000003-0000-4000-8000-000000000001"
	firstVolume = "pvc-00000003-0000-4000-8000-000000000002"
)

func lhVolume(s *facts.Snapshot, name string) *facts.LHVolume {
	return &s.Longhorn.Volumes[slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.Name == name })]
}

// only leaves a volume the replicas that keep is true for.
func only(s *facts.Snapshot, volume string, keep func(*facts.LHReplica) bool) {
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == volume && !keep(&r) })
}

func onNode(names ...string) func(*facts.LHReplica) bool {
	return func(r *facts.LHReplica) bool { return slices.Contains(names, r.NodeID) }
}

func failed(s *facts.Snapshot, source string) { set(s, source, facts.Failed) }
func absent(s *facts.Snapshot, source string) { set(s, source, facts.Absent) }

func set(s *facts.Snapshot, source string, status facts.Status) {
	for i := range s.Sources {
		if s.Sources[i].Name == source {
			s.Sources[i].Status, s.Sources[i].Detail = status, "for some reason"
		}
	}
}

func local(s *facts.Snapshot, driver, node string, change func(*facts.Volume)) {
	addLocal(s, rand.New(rand.NewPCG(7, 7)), node)
	v := &s.Kube.Volumes[len(s.Kube.Volumes)-1]
	v.Driver = driver
	if change != nil {
		change(v)
	}
	world.Settle(s)
}

// summary is a plan in one line: what is lost and below at each step, and what is
// not clear.
func summary(r *Result) string {
	var parts []string
	for i := range r.Steps {
		s := &r.Steps[i]
		part := s.Node
		for _, l := range []struct {
			name  string
			items []Item
		}{{"lost", s.Lost}, {"below", s.BelowKeep}, {"apart", s.Apart}} {
			if len(l.items) > 0 {
				var who []string
				for _, it := range l.items {
					who = append(who, string(it.Role)+":"+it.User)
				}
				part += " " + l.name + " " + strings.Join(who, ",")
			}
		}
		parts = append(parts, part)
	}
	for _, it := range r.Unclear {
		parts = append(parts, "unclear "+string(it.Role)+":"+it.User)
	}
	if len(r.Gone) > 0 {
		parts = append(parts, "gone "+r.Gone[0].User)
	}
	for _, u := range r.Unknown {
		word, _, _ := strings.Cut(u, " ")
		parts = append(parts, "unknown "+word)
	}
	if r.Safe {
		parts = append(parts, "SAFE")
	}
	return strings.Join(parts, "; ")
}

const student1 = "home:student-0001"

func TestPlan(t *testing.T) {
	three := func(*facts.LHReplica) bool { return false }
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot)
		o      Options
		want   string
	}{
		"one node of a healthy cluster":             {nil, Options{Nodes: []string{"worker-1"}}, "worker-1; SAFE"},
		"two nodes":                                 {nil, Options{Nodes: []string{"worker-1", "worker-2"}}, "worker-1; worker-2; SAFE"},
		"one copy on the node, the other ones gone": {func(s *facts.Snapshot) { only(s, firstVolume, onNode("worker-3")) }, Options{Nodes: []string{"worker-3"}}, "worker-3 lost " + student1},
		"one copy, on another node":                 {func(s *facts.Snapshot) { only(s, firstVolume, onNode("worker-3")) }, Options{Nodes: []string{"worker-1"}}, "worker-1; SAFE"},
		"two copies and keep two":                   {func(s *facts.Snapshot) { only(s, firstVolume, onNode("worker-3", "worker-4")) }, Options{Nodes: []string{"worker-4"}, Keep: 2}, "worker-4 below " + student1},
		"two copies and keep two, another node":     {func(s *facts.Snapshot) { only(s, firstVolume, onNode("worker-3", "worker-4")) }, Options{Nodes: []string{"worker-1"}, Keep: 2}, "worker-1; SAFE"},
		"the hub's own is first": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			only(s, hubVolume, onNode("worker-3"))
		}, Options{Nodes: []string{"worker-3"}}, "worker-3 lost hub:," + student1},
		"never written": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			v := lhVolume(s, firstVolume)
			v.ActualBytes, v.LastBackupAt, v.LastPodRefAt = 0, 0, 0
		}, Options{Nodes: []string{"worker-3"}}, "worker-3; SAFE"},
		"a standby copy": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			lhVolume(s, firstVolume).Standby = true
		}, Options{Nodes: []string{"worker-3"}}, "worker-3 apart " + student1 + "; SAFE"},
		"restoring": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			lhVolume(s, firstVolume).Restoring = true
		}, Options{Nodes: []string{"worker-3"}}, "worker-3 apart " + student1 + "; SAFE"},
		"the only remains: a replica that failed": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			s.Longhorn.Replicas[slices.IndexFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == firstVolume })].FailedAt = facts.At(s.Now)
		}, Options{Nodes: []string{"worker-3"}}, "worker-3 lost " + student1},
		"the only remains: on a node that is down": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			s.Longhorn.Nodes[2].Ready = "False"
		}, Options{Nodes: []string{"worker-1", "worker-3"}}, "worker-1; worker-3 lost " + student1},
		"the only remains: an orphan": {func(s *facts.Snapshot) {
			only(s, firstVolume, three)
			s.Longhorn.Orphans = []facts.LHOrphan{{Name: "o", Type: "replica-data", NodeID: "worker-2", DataName: firstVolume + "-0a1b2c3d"}}
		}, Options{Nodes: []string{"worker-1", "worker-2"}}, "worker-1; worker-2 lost " + student1},
		"no remains": {func(s *facts.Snapshot) { only(s, firstVolume, three) }, Options{Nodes: []string{"worker-2"}}, "worker-2; gone student-0001; SAFE"},
		"a blank replica is no remains": {func(s *facts.Snapshot) {
			only(s, firstVolume, onNode("worker-3"))
			r := &s.Longhorn.Replicas[slices.IndexFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == firstVolume })]
			r.HealthyAt, r.LastHealthyAt = 0, 0
		}, Options{Nodes: []string{"worker-3"}}, "worker-3; gone student-0001; SAFE"},
		"the same node with new disks": {func(s *facts.Snapshot) {
			world.ReplaceNode(s, "worker-3", "worker-3")
			only(s, firstVolume, onNode("worker-3", "worker-4"))
		}, Options{Nodes: []string{"worker-4"}}, "worker-4 lost " + student1},
		"a node that is gone":             {func(s *facts.Snapshot) { world.LoseNode(s, "worker-3") }, Options{Nodes: []string{"worker-3"}}, "worker-3; SAFE"},
		"a local home on the node":        {func(s *facts.Snapshot) { local(s, "local", "worker-2", nil) }, Options{Nodes: []string{"worker-2"}}, "worker-2 lost home:local-f5c5ce19"},
		"a local home on another node":    {func(s *facts.Snapshot) { local(s, "local", "worker-1", nil) }, Options{Nodes: []string{"worker-2"}}, "worker-2; SAFE"},
		"a local home on an unknown node": {func(s *facts.Snapshot) { local(s, "local", "ip-10-0-0-1", nil) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unclear home:local-f5c5ce19"},
		"a home on unknown storage":       {func(s *facts.Snapshot) { local(s, "who.knows/csi", "", func(v *facts.Volume) { v.NodeNames = nil }) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unclear home:local-f5c5ce19"},
		"nobody's volume on unknown storage": {func(s *facts.Snapshot) {
			local(s, "who.knows/csi", "", func(v *facts.Volume) { v.NodeNames, v.Phase = nil, "Released" })
		}, Options{Nodes: []string{"worker-2"}}, "worker-2; SAFE"},
		"a home on a cloud's disk": {func(s *facts.Snapshot) { local(s, "ebs.csi.aws.com", "", func(v *facts.Volume) { v.NodeNames = nil }) }, Options{Nodes: []string{"worker-2"}}, "worker-2; SAFE"},
		"one of two nodes that may have it": {func(s *facts.Snapshot) {
			local(s, "local", "", func(v *facts.Volume) { v.NodeNames = []string{"worker-1", "worker-2"} })
		}, Options{Nodes: []string{"worker-3", "worker-2"}}, "worker-3; worker-2; unclear home:local-f5c5ce19"},
		"a pool that survives":        {func(s *facts.Snapshot) { cephHome(s, 3) }, Options{Nodes: []string{"worker-2", "worker-3"}}, "worker-2; worker-3; SAFE"},
		"a pool with more nodes gone": {func(s *facts.Snapshot) { cephHome(s, 2) }, Options{Nodes: []string{"worker-2", "worker-3"}}, "worker-2; worker-3; unclear home:local-f5c5ce19"},
		"nodes unknown":               {func(s *facts.Snapshot) { failed(s, facts.KubeNodes) }, Options{Nodes: []string{"worker-2"}}, "unknown kube/nodes"},
		"replicas unknown":            {func(s *facts.Snapshot) { failed(s, facts.LonghornReplicas) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unknown longhorn/replicas"},
		"Longhorn's nodes unknown":    {func(s *facts.Snapshot) { failed(s, facts.LonghornNodes) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unknown longhorn/nodes"},
		"PersistentVolumes unknown":   {func(s *facts.Snapshot) { failed(s, facts.KubeVolumes) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unknown kube/volumes"},
		"pods unknown":                {func(s *facts.Snapshot) { failed(s, facts.KubePods) }, Options{Nodes: []string{"worker-2"}}, "worker-2; unknown kube/pods"},
		"Longhorn's volumes without Longhorn": {func(s *facts.Snapshot) {
			for _, name := range []string{facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes} {
				absent(s, name)
			}
			s.Longhorn = facts.Longhorn{}
			s.Kube.Volumes = s.Kube.Volumes[1:2]
		}, Options{Nodes: []string{"worker-2"}}, "worker-2; unclear " + student1},
		"a volume that Longhorn does not have": {func(s *facts.Snapshot) { s.Kube.Volumes[1].Handle = "nowhere"; s.Longhorn.Volumes[1].ActualBytes = 0 }, Options{Nodes: []string{"worker-2"}}, "worker-2; gone student-0001; SAFE"},
		"no replica at all on record":          {func(s *facts.Snapshot) { s.Longhorn.Replicas = nil }, Options{Nodes: []string{"worker-2"}}, "worker-2; unknown Longhorn"},
		"the hub's database in a folder of the node": {func(s *facts.Snapshot) {
			s.Hubs[0].Database.Location = "/srv/jupyterhub/jupyterhub.sqlite"
			s.Kube.Pods[slices.IndexFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.Component == "hub" })].Mounts[0].Kind = facts.MountHostPath
		}, Options{Nodes: []string{"worker-1"}}, "worker-1 lost hub:"},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			if c.change != nil {
				c.change(s)
			}
			r, err := Plan(s, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if r.Costs() != (len(r.Remedies) > 1) {
				t.Errorf("costs %t, and %d remedies", r.Costs(), len(r.Remedies))
			}
		})
	}
}

// cephHome adds a home in a pool with so many copies on hosts.
func cephHome(s *facts.Snapshot, size int) {
	local(s, "rook-ceph.rbd.csi.ceph.com", "", func(v *facts.Volume) { v.NodeNames, v.Pool, v.PoolOf = nil, "replicapool", "rook-ceph" })
	s.Kube.Pools = []facts.CephPool{{Namespace: "rook-ceph", Name: "replicapool", Kind: "CephBlockPool", Size: size, FailureDomain: "host", Phase: "Ready"}}
	world.Settle(s)
}

func TestPlanMisuse(t *testing.T) {
	s := world.Healthy(world.Small)
	for want, o := range map[string]Options{
		`there is no node "worker-22": did you mean "worker-2"?`:                             {Nodes: []string{"worker-22"}},
		`there is no node "x": the nodes are "worker-1", "worker-2", "worker-3", "worker-4"`: {Nodes: []string{"x"}},
		`node "worker-1" is named twice: a node can be drained once`:                         {Nodes: []string{"worker-1", "worker-1"}},
		"name the nodes to drain, or ask for a rolling rebuild of all":                       {},
		"-1 copies cannot be kept: keep 1 or more":                                           {Nodes: []string{"worker-1"}, Keep: -1},
	} {
		if r, err := Plan(s, o); err == nil || err.Error() != want {
			t.Errorf("%+v: got %v, %v", o, r, err)
		}
	}
}

// TestNectar replays the rebuild: after the first worker was replaced, the drain
// of the second is refused and names the homes; rebuilt in between it is safe.
func TestNectar(t *testing.T) {
	stages := world.Nectar2023().Stages
	first := stages[1].Snapshot
	r, err := Plan(first, Options{Nodes: []string{"worker-2"}})
	if err != nil {
		t.Fatal(err)
	}
	lost := r.Steps[0].Lost
	if r.Safe || len(lost) != 96 || lost[0].User == "" || lost[0].Role != RoleHome {
		t.Errorf("safe %t, %d lost, first %+v", r.Safe, len(lost), lost[0])
	}
	if l := r.Steps[0].Longhorn; l.Blocks() || len(l.Unprotected) != len(lost) || l.Trouble != "" {
		t.Errorf("Longhorn 1.2.4 let this drain go: %+v", l)
	}
	for _, want := range []string{"evictionRequested", "start each user's server once", "Do not delete one by hand"} {
		if !slices.ContainsFunc(r.Remedies, func(m Remedy) bool { return strings.Contains(m.Do, want) }) {
			t.Errorf("no remedy says %q", want)
		}
	}
	for _, stage := range stages[:2] { // neither before, nor half-way, is the rolling rebuild safe
		if r, err := Plan(stage.Snapshot, Options{Rolling: true, WaitRebuild: true}); err != nil || r.Safe {
			t.Errorf("%s: safe although nothing rebuilds what is detached (%v)", stage.Name, err)
		}
	}
	rebuilt := *first
	rebuilt.Longhorn.Replicas = slices.Clone(first.Longhorn.Replicas)
	rebuilt.Longhorn.Volumes = slices.Clone(first.Longhorn.Volumes)
	var all []string
	for i := range rebuilt.Longhorn.Volumes {
		all = append(all, rebuilt.Longhorn.Volumes[i].Name)
	}
	for _, v := range all {
		world.Rebuild(&rebuilt, v)
	}
	if r, err := Plan(&rebuilt, Options{Nodes: []string{"worker-2"}}); err != nil || !r.Safe {
		t.Errorf("rebuilt, and still not safe: %s, %v", summary(r), err)
	}
}

// TestWaitingHelps: with offline rebuilding every volume is rebuilt between the
// steps, and a rolling rebuild of all is safe; without, the advice is to wait.
func TestWaitingHelps(t *testing.T) {
	s := world.Healthy(world.Small)
	s.Longhorn.Settings["offline-replica-rebuilding"] = `{"v1":"true","v2":"false"}`
	hasty, err := Plan(s, Options{Rolling: true})
	if err != nil || hasty.Safe || hasty.Order.SafeSteps != 2 {
		t.Fatalf("%v, order %+v", err, hasty.Order)
	}
	if !slices.ContainsFunc(hasty.Remedies, func(m Remedy) bool { return strings.Contains(m.Do, "--wait-rebuild") }) {
		t.Error("nobody recommends to wait")
	}
	if r, err := Plan(s, Options{Rolling: true, WaitRebuild: true, Keep: 2}); err != nil || !r.Safe || len(r.Steps) != 4 {
		t.Errorf("waiting, and not safe: %s, %v", summary(r), err)
	}
	s.Longhorn.Settings["concurrent-replica-rebuild-per-node-limit"] = "0"
	if r, err := Plan(s, Options{Rolling: true, WaitRebuild: true}); err != nil || r.Safe {
		t.Errorf("safe although Longhorn may rebuild nothing (%v)", err)
	}
}

// TestNewNodesTakeCopies: where every node has a copy, only a node that comes back
// can take another.
func TestNewNodesTakeCopies(t *testing.T) {
	s := world.Healthy(world.Size{Users: 5, Nodes: 3, Replicas: 3})
	s.Longhorn.Settings["offline-replica-rebuilding"] = "true"
	if r, err := Plan(s, Options{Rolling: true, WaitRebuild: true, Keep: 2}); err != nil || !r.Safe {
		t.Errorf("%s, %v", summary(r), err)
	}
	if r, err := Plan(s, Options{Nodes: []string{"worker-1", "worker-2"}, WaitRebuild: true, Keep: 2}); err != nil || r.Safe {
		t.Errorf("safe although nothing can be rebuilt (%v)", err)
	}
	for i := range s.Longhorn.Nodes {
		s.Longhorn.Nodes[i].Disks[0].MaximumBytes = 1<<40 + 15<<30 // room for one volume
	}
	if r, err := Plan(s, Options{Rolling: true, WaitRebuild: true, Keep: 2}); err != nil || r.Safe {
		t.Errorf("safe although a new node has no room for all (%v)", err)
	}
}

// TestInterrupted: the pods with volumes on a node, and what may stop the drain.
func TestInterrupted(t *testing.T) {
	s := world.Healthy(world.Small)
	s.Kube.DisruptionBudgets = append(s.Kube.DisruptionBudgets, facts.DisruptionBudget{Namespace: world.Namespace, Name: "hub"},
		facts.DisruptionBudget{Namespace: world.Namespace, Name: "proxy", Allowed: 1}, facts.DisruptionBudget{Namespace: "elsewhere", Name: "db"})
	world.Settle(s)
	r, err := Plan(s, Options{Nodes: []string{"worker-1", "worker-2"}})
	if err != nil {
		t.Fatal(err)
	}
	pods := r.Steps[0].Interrupted
	if len(pods) != 1 || pods[0].Name != "hub-6b7f9d4c5-x2x7p" || !pods[0].Moves || pods[0].Hub != world.HubName {
		t.Errorf("worker-1: %+v", pods)
	}
	pods = r.Steps[1].Interrupted
	if len(pods) != 1 || pods[0].User != "student-0005" || pods[0].Moves {
		t.Errorf("worker-2: %+v", pods)
	}
	if !slices.Equal(r.Steps[0].Budgets, []string{"datahub/hub"}) {
		t.Errorf("budgets %v", r.Steps[0].Budgets)
	}
}

// TestLonghornIsAskedLate: a replica of a server's volume has stopped when Longhorn
// is asked to let the server's node go, so a policy that spares stopped ones only
// does not protect it.
func TestLonghornIsAskedLate(t *testing.T) {
	s := world.Healthy(world.Small)
	s.Longhorn.Settings["node-drain-policy"] = "allow-if-replica-is-stopped"
	v := &s.Longhorn.Volumes[slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == "claim-student-0005" })]
	only(s, v.Name, onNode("worker-4"))
	for node, blocks := range map[string]bool{"worker-4": false, "worker-2": true} { // where the server runs
		v.NodeID = node
		r, err := Plan(s, Options{Nodes: []string{"worker-4"}})
		if err != nil {
			t.Fatal(err)
		}
		if l := r.Steps[0].Longhorn; l.Blocks() != blocks || l.Trouble != "" || r.Safe {
			t.Errorf("attached on %s: %+v, safe %t", node, l, r.Safe)
		}
	}
}

// TestLinkedClone: a clone goes with the node of what it is a clone of.
func TestLinkedClone(t *testing.T) {
	s := world.Healthy(world.Small)
	only(s, firstVolume, onNode("worker-3"))
	source := s.Longhorn.Replicas[slices.IndexFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == hubVolume && r.NodeID == "worker-2" })].Name
	s.Longhorn.Replicas[slices.IndexFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == firstVolume })].LinkedCloneSource = source
	r, err := Plan(s, Options{Nodes: []string{"worker-2"}})
	if got := summary(r); err != nil || got != "worker-2 lost "+student1 {
		t.Errorf("%s, %v", got, err)
	}
}

// TestSharded: shards are counted as Longhorn needs them.
func TestSharded(t *testing.T) {
	s := world.Healthy(world.Small)
	only(s, firstVolume, func(*facts.LHReplica) bool { return false })
	v := lhVolume(s, firstVolume)
	v.Sharded = true
	s.Longhorn.ShardGroups = []facts.LHShardGroup{{Name: v.Name, DataChunks: 2, ParityChunks: 1, State: "healthy"}}
	for i, node := range []string{"worker-1", "worker-2", "worker-3"} {
		s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: v.Name + node, Group: v.Name, Slot: i, NodeID: node, DiskID: s.Longhorn.Nodes[i].Disks[0].UUID, State: "normal"})
	}
	world.Settle(s)
	r, err := Plan(s, Options{Nodes: []string{"worker-1", "worker-4", "worker-2"}})
	if got := summary(r); err != nil || !strings.Contains(got, "worker-2 lost ") || !strings.Contains(got, student1) {
		t.Errorf("%s, %v", got, err)
	}
	if why := r.Steps[2].Lost[slices.IndexFunc(r.Steps[2].Lost, func(it Item) bool { return it.Volume == v.Name })].Why; !strings.Contains(why, "has 2 shards left and needs 2") {
		t.Errorf("because it %s", why)
	}
}

// FuzzPlan: whatever is on record, a plan is made, is the same when made again,
// and never says safe of a step that costs something.
func FuzzPlan(f *testing.F) {
	f.Add(uint64(1), "worker-2", "attached", uint8(3))
	f.Add(uint64(2), "a\nb`c|d", "\x1b[31m", uint8(0))
	f.Add(uint64(3), "", "", uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, name, state string, bits uint8) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := randomCluster(r)
		o := randomOptions(r, s)
		s.Longhorn.Replicas[r.IntN(len(s.Longhorn.Replicas))].NodeID = name
		v := &s.Longhorn.Volumes[r.IntN(len(s.Longhorn.Volumes))]
		v.State, v.NodeID, v.WantReplicas, v.SizeBytes = state, name, int(int8(bits)), -v.SizeBytes*int64(bits&1)
		s.Kube.Pods[0].Node, s.Longhorn.Version = name, state
		s.Longhorn.Settings["storage-over-provisioning-percentage"] = name
		plan, err := Plan(s, o)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Plan(s, o)
		if summary(plan) != summary(again) {
			t.Errorf("two plans of one cluster: %s\n%s", summary(plan), summary(again))
		}
		if plan.Safe && (plan.Costs() || len(plan.Unclear) > 0) || len(plan.Steps) != len(o.Nodes) {
			t.Errorf("safe: %s", summary(plan))
		}
	})
}
