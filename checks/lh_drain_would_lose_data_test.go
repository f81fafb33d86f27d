package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHDrainWouldLoseData(t *testing.T) { testCheck(t, lhDrainWouldLoseDataCases) }

// only leaves a claim's volume with the replicas that the named nodes have.
func onlyOn(s *facts.Snapshot, claim string, nodes ...string) {
	keep := map[string]bool{}
	for _, n := range nodes {
		keep[n] = true
	}
	for _, r := range replicasOf(s, claim) {
		if !keep[r.NodeID] {
			r.FailedAt = facts.At(s.Now.Add(-3 * time.Hour))
		}
	}
}

// byPolicy makes a claim's volume one that is meant to have one replica, on
// worker-1.
func byPolicy(s *facts.Snapshot, claim string) {
	onlyOn(s, claim, "worker-1")
	kept := s.Longhorn.Replicas[:0:0]
	for _, r := range s.Longhorn.Replicas {
		if r.FailedAt.IsZero() {
			kept = append(kept, r)
		}
	}
	s.Longhorn.Replicas = kept
	volumeOf(s, claim).WantReplicas = 1
	world.Settle(s)
}

// local moves a claim from Longhorn to a node's own disk.
func local(s *facts.Snapshot, claim, node string) {
	c := *claimNamed(s, claim)
	volume := c.VolumeName
	for i := range s.Kube.Volumes {
		if pv := &s.Kube.Volumes[i]; pv.Name == volume {
			pv.Driver, pv.Handle, pv.NodeNames, pv.StorageClass = "local", "/mnt/disks/1", []string{node}, "local"
		}
	}
	withoutRecords(s, claim)
	for i := range s.Longhorn.Volumes {
		if s.Longhorn.Volumes[i].Name == volume {
			s.Longhorn.Volumes = append(s.Longhorn.Volumes[:i:i], s.Longhorn.Volumes[i+1:]...)
			break
		}
	}
	world.Settle(s)
}

// evict has Longhorn move everything away from a node.
func evict(s *facts.Snapshot, node string) {
	n := lhNode(s, node)
	n.EvictionRequested, n.AllowScheduling = true, false
}

const (
	worker1Has  = `node worker-1 is cordoned and has every copy of 1 volume: that of "student-0001"`
	worker1Gone = "node worker-1 is being deleted and has every copy of "
)

var lhDrainWouldLoseDataCases = cases{
	check: lhDrainWouldLoseData,
	fires: []damage{
		{
			name: "2023: the last of three nodes is cordoned",
			change: func(s *facts.Snapshot) {
				onlyOn(s, stopped, "worker-1")
				cordon(s, "worker-1")
			},
			want:    outcomes{"lh-drain-would-lose-data": "fail critical 1", "lh-single-usable-replica": "fail critical 1"},
			summary: worker1Has,
		},
		{
			name: "three nodes that leave together",
			change: func(s *facts.Snapshot) {
				cordon(s, "worker-1", "worker-3", "worker-4")
			},
			want:    outcomes{"lh-drain-would-lose-data": "fail critical 3"},
			summary: "3 nodes that are leaving have every copy of 3 volumes",
		},
		{
			name: "one replica by policy",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				cordon(s, "worker-1")
			},
			want:    outcomes{"lh-drain-would-lose-data": "fail critical 1", "lh-low-replica-count": "fail warning 1"},
			summary: worker1Has,
		},
		{
			name: "a local volume, and the hub's own database",
			change: func(s *facts.Snapshot) {
				local(s, stopped, "worker-1")
				onlyOn(s, world.HubClaim, "worker-3")
				for _, r := range replicasOf(s, world.HubClaim) {
					if r.FailedAt.IsZero() {
						r.NodeID, r.DiskID = "worker-1", lhNode(s, "worker-1").Disks[0].UUID
					}
				}
				s.Kube.Nodes[0].Deleting = s.Now
			},
			want: outcomes{"lh-drain-would-lose-data": "fail critical 1", "lh-single-usable-replica": "fail error 1",
				"backup-none": "fail critical 1", "pv-one-copy": "fail warning 1"},
			summary: worker1Gone + `2 volumes: the hub's own database (datahub/hub-db-dir); those of "student-0001"`,
		},
		{
			name: "Longhorn is moving it away, and the autoscaler does not wait",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				evict(s, "worker-1")
				s.Kube.Nodes[0].Taints = []string{"ToBeDeletedByClusterAutoscaler"}
			},
			want:    outcomes{"lh-drain-would-lose-data": "fail critical 1", "lh-low-replica-count": "fail warning 1"},
			summary: `node worker-1 is about to be removed by the cluster autoscaler and has every copy of 1 volume: that of "student-0001"`,
		},
		{
			name: "nobody's data",
			change: func(s *facts.Snapshot) {
				s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "zzz", Phase: "Bound", ReclaimPolicy: "Retain", Driver: "local", Handle: "/mnt/1",
					NodeNames: []string{"worker-1"}, ClaimNamespace: "monitoring", ClaimName: "prometheus"})
				world.Settle(s)
				cordon(s, "worker-1")
			},
			want:    outcomes{"lh-drain-would-lose-data": "fail error 1"},
			summary: "node worker-1 is cordoned and has every copy of 1 volume: that of claim monitoring/prometheus",
		},
		{
			name: "evicted as it should be: it is only said",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				evict(s, "worker-1")
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-drain-would-lose-data": "fail info 1", "lh-low-replica-count": "fail warning 1"},
			summary: `node worker-1 is cordoned and still has every copy of 1 volume: that of "student-0001"; ` +
				"Longhorn is moving them, and the node has to stay until then",
		},
	},
	mustNotFire: []damage{
		{name: "another node has a copy", change: func(s *facts.Snapshot) { cordon(s, "worker-1", "worker-2") }},
		{
			name: "nothing is left to lose",
			change: func(s *facts.Snapshot) {
				failReplicas(s, stopped, 3)
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-no-usable-replica": "fail critical 1"},
		},
		{
			name: "a volume that was never used",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				forgotten(volumeOf(s, stopped), s.Now)
				cordon(s, "worker-1")
			},
			want: outcomes{"lh-low-replica-count": "fail warning 1"},
		},
		{
			name: "restoring",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				volumeOf(s, stopped).Restoring = true
				cordon(s, "worker-1")
			},
		},
		{
			name: "storage outside of the cluster",
			change: func(s *facts.Snapshot) {
				local(s, stopped, "worker-1")
				for i := range s.Kube.Volumes {
					if pv := &s.Kube.Volumes[i]; pv.Driver == "local" {
						pv.Driver, pv.NodeNames = "ebs.csi.aws.com", nil
					}
				}
				cordon(s, "worker-1")
			},
			want: outcomes{"backup-none": "fail critical 1"},
		},
		{
			name: "a local volume on a node that stays",
			change: func(s *facts.Snapshot) {
				local(s, stopped, "worker-2")
				cordon(s, "worker-1")
			},
			want: outcomes{"backup-none": "fail critical 1", "pv-one-copy": "fail warning 1"},
		},
	},
	boundary: []damage{
		{
			name: "two of its three nodes leave",
			change: func(s *facts.Snapshot) {
				cordon(s, "worker-1", "worker-4")
			},
		},
		{
			name: "three, of which one is ready again",
			change: func(s *facts.Snapshot) {
				cordon(s, "worker-1", "worker-4")
				onlyOn(s, stopped, "worker-1", "worker-3")
			},
		},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{
			name: "pods not readable, and a folder of a node that a pod would tell",
			change: func(s *facts.Snapshot) {
				s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "zzz", Phase: "Bound", ReclaimPolicy: "Retain", Driver: "hostPath",
					ClaimNamespace: "monitoring", ClaimName: "prometheus"})
				world.Settle(s)
				cordon(s, "worker-1")
				failed(facts.KubePods)(s)
			},
			want:    unknownWithout(facts.KubePods, outcomes{"lh-drain-would-lose-data": "unknown"}),
			summary: "source kube/pods could not be read: gave up after 30s",
		},
		{name: "Longhorn not readable", change: failed(facts.LonghornReplicas), want: replicasUnknown(nil),
			summary: "source longhorn/replicas could not be read: gave up after 30s"},
	},
}

// A volume of several nodes that leave is told with each of them, and its people
// are in the details.
func TestDrainFindings(t *testing.T) {
	s := healthy()
	onlyOn(s, stopped, "worker-1", "worker-3")
	cordon(s, "worker-1", "worker-3")
	findings := findingsOf(t, s, "lh-drain-would-lose-data")
	if len(findings) != 2 {
		t.Fatalf("findings: %v", findings)
	}
	if want := `node worker-1 is cordoned and, together with worker-3, has every copy of 1 volume: that of "student-0001"`; findings[0].Message != want {
		t.Errorf("message:\n got %s\nwant %s", findings[0].Message, want)
	}
	expectDetails(t, findings[0], map[string]string{"with": "worker-3", "leaving": "is cordoned", "users": `"student-0001"`,
		"volumes": volumeOf(s, stopped).Name})
	evict(s, "worker-3")
	if f := findingsOf(t, s, "lh-drain-would-lose-data")[0]; f.Severity != "info" {
		t.Errorf("one copy is being moved: %s %s", f.Severity, f.Message)
	}
}

// Longhorn attaches a detached volume to move its replicas.
func TestDrainWhileEvicting(t *testing.T) {
	for _, state := range []string{"attached", "detached"} {
		s := healthy()
		byPolicy(s, stopped)
		cordon(s, "worker-1")
		volumeOf(s, stopped).State = state
		if got := findingsOf(t, s, "lh-drain-would-lose-data")[0].Severity; got != "critical" {
			t.Errorf("%s, and nothing moves it: %s", state, got)
		}
		evict(s, "worker-1")
		if got := findingsOf(t, s, "lh-drain-would-lose-data")[0].Severity; got != "info" {
			t.Errorf("%s, and being moved: %s", state, got)
		}
	}
}
