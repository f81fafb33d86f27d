package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHReplicaDiskMissing(t *testing.T) { testCheck(t, lhReplicaDiskMissingCases) }

const (
	disk3 = "00000002-0000-4000-8000-000000000003" // worker-3's in the healthy world
	disk4 = "00000002-0000-4000-8000-000000000004"
	other = "00000002-0000-4000-8000-0000000000ff"
)

func lhNode(s *facts.Snapshot, name string) *facts.LHNode {
	return &s.Longhorn.Nodes[slices.IndexFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool { return n.Name == name })]
}

// otherDisk gives a node another disk in the place of its own.
func otherDisk(s *facts.Snapshot, node string) { lhNode(s, node).Disks[0].UUID = other }

// failedOnLostDisk puts the first replica of a claim's volume, failed, on a disk
// that no node has.
func failedOnLostDisk(s *facts.Snapshot, claim string) *facts.LHReplica {
	r := replicasOf(s, claim)[0]
	r.DiskID, r.FailedAt = other, facts.At(s.Now.Add(-time.Hour))
	return r
}

// moveDisk takes worker-4's disk to worker-1, where Longhorn sees it since then.
func moveDisk(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		from, to := lhNode(s, "worker-4"), lhNode(s, "worker-1")
		d := from.Disks[0]
		from.Disks[0].UUID = other
		d.Name, d.Path, d.ReadySince = "moved", "/mnt/moved", s.Now.Add(-since)
		to.Disks = append(to.Disks, d)
	}
}

// joined makes worker-4 a node that has joined again, and has not shown a disk.
func joinedWithoutDisk(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		n := lhNode(s, "worker-4")
		n.Created, n.Disks[0].UUID = s.Now.Add(-since), ""
	}
}

const (
	onDisk4 = "node worker-4 no longer has disk " + disk4
	nine    = `: Longhorn still counts on 9 replicas there, of 9 volumes: the hub's own database (datahub/hub-db-dir); ` +
		`those of "student-0001", "student-0002", "student-0004", "student-0005", "student-0006" and 3 more`
	onOther = "node worker-3 no longer has disk " + other +
		`: Longhorn still counts on 1 replica there, of 1 volume: that of "student-0001"`
)

var lhReplicaDiskMissingCases = cases{
	check: lhReplicaDiskMissing,
	fires: []damage{
		{
			name:   "a node rebuilt under its name",
			change: func(s *facts.Snapshot) { world.ReplaceNode(s, "worker-4", "worker-4"); world.Rebuild(s) },
			want:   outcomes{"lh-replica-disk-missing": "fail error 1"},
			summary: onDisk4 + `, it was rebuilt under its name: Longhorn still counts on 6 replicas there, of 6 volumes: ` +
				`those of "student-0001", "student-0002", "student-0004", "student-0006", "student-0008" and 1 more`,
		},
		{
			name:    "the disk was taken out of an old node",
			change:  func(s *facts.Snapshot) { otherDisk(s, "worker-4") },
			want:    outcomes{"lh-replica-disk-missing": "fail error 1"},
			summary: onDisk4 + nine,
		},
		{
			name: "two disks, and the last copies of some: those are lh-no-usable-replica's",
			change: func(s *facts.Snapshot) {
				otherDisk(s, "worker-4")
				otherDisk(s, "worker-3")
				failReplicas(s, stopped, 3)
			},
			want: outcomes{"lh-replica-disk-missing": "fail error 2", "lh-no-usable-replica": "fail critical 1",
				"lh-single-usable-replica": "fail critical 5"},
			summary: "18 replicas are on record on 2 disks that their nodes no longer have",
		},
		{
			name:    "failed, and nothing took its place",
			change:  func(s *facts.Snapshot) { failedOnLostDisk(s, stopped) },
			want:    outcomes{"lh-replica-disk-missing": "fail error 1"},
			summary: onOther,
		},
		{
			name:    "another node has the disk, and Longhorn does not follow it",
			change:  moveDisk(time.Hour),
			want:    outcomes{"lh-replica-disk-missing": "fail error 1"},
			summary: onDisk4 + ", which node worker-1 has now" + nine,
		},
	},
	mustNotFire: []damage{
		{
			name: "failed, and replaced long ago",
			change: func(s *facts.Snapshot) {
				r := *failedOnLostDisk(s, stopped)
				r.Name, r.NodeID, r.DiskID, r.FailedAt = r.Name+"x", "worker-3", disk3, 0
				s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
				world.Settle(s)
			},
		},
		{name: "the replica is being deleted", change: func(s *facts.Snapshot) { failedOnLostDisk(s, stopped).Deleting = facts.At(s.Now) }},
		{
			name: "the volume is being deleted",
			change: func(s *facts.Snapshot) {
				failedOnLostDisk(s, stopped)
				volumeOf(s, stopped).Deleting = facts.At(s.Now)
			},
		},
		{name: "a second disk that holds nothing", change: func(s *facts.Snapshot) {
			n := lhNode(s, "worker-4")
			n.Disks = append(n.Disks, facts.LHDisk{Name: "second", UUID: other, Ready: "True"})
		}},
		{
			name:   "the node is gone with its disk: that is lh-replica-node-missing's",
			change: func(s *facts.Snapshot) { world.LoseNode(s, "worker-4") },
			want:   outcomes{"lh-replica-node-missing": "fail error 1"},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "an attached volume in its grace", change: diskLostWhileRunning(30*time.Minute - time.Second)},
		{name: "after it", change: diskLostWhileRunning(30 * time.Minute),
			want:    outcomes{"lh-replica-disk-missing": "fail error 1", "lh-volume-degraded": "fail warning 1"},
			summary: "node worker-3 no longer has disk " + other + `: Longhorn still counts on 1 replica there, of 1 volume: that of "student-0005"`},
		{name: "Longhorn has just seen the disk on another node", change: moveDisk(30*time.Minute - time.Second)},
		{name: "a node that has just joined", change: joinedWithoutDisk(30*time.Minute - time.Second)},
		{name: "and half an hour later", change: joinedWithoutDisk(30 * time.Minute),
			want: outcomes{"lh-replica-disk-missing": "fail error 1"}, summary: onDisk4 + nine},
	},
	sourceFailed: []damage{{
		name: "Longhorn's nodes not readable", change: failed(facts.LonghornNodes), want: unknownWithout(facts.LonghornNodes, nil),
		summary: "source longhorn/nodes could not be read: gave up after 30s",
	}},
}

func diskLostWhileRunning(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failedOnLostDisk(s, running)
		v := volumeOf(s, running)
		v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-since))
	}
}

// A lost disk that held last copies is critical only where no other check pages
// for them.
func TestDiskWithLastCopies(t *testing.T) {
	s := healthy()
	failReplicas(s, stopped, 3)
	replicasOf(s, stopped)[0].FailedAt = 0
	otherDisk(s, "worker-3")
	for _, c := range []struct {
		only []string
		want string
	}{
		{[]string{"lh-replica-disk-missing"}, "critical"},
		{[]string{"lh-replica-disk-missing", "lh-no-usable-replica"}, "error"},
	} {
		suite, err := NewSuite(nil, c.only)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := Judge(suite, s)
		f := verdicts[len(verdicts)-1].Findings[0]
		if string(f.Severity) != c.want {
			t.Errorf("judged with %v it is %s, want %s", c.only, f.Severity, c.want)
		}
		expectDetails(t, f, map[string]string{"node": "worker-3", "replicas": "9", "lastCopies": "1"})
	}
}

// Shards lie on disks as replicas do.
func TestShardsOnLostDisk(t *testing.T) {
	s := healthy()
	shardVolume(s, stopped)
	otherDisk(s, "worker-3")
	findings := findingsOf(t, s, "lh-replica-disk-missing")
	if len(findings) != 1 || findings[0].Details["replicas"] != "9" {
		t.Fatalf("findings: %v", findings)
	}
	s.Longhorn.Replicas = nil
	s.Longhorn.Volumes = []facts.LHVolume{*volumeOf(s, stopped)}
	f := findingsOf(t, s, "lh-replica-disk-missing")[0]
	if want := "node worker-3 no longer has disk " + disk3 + `: Longhorn still counts on 1 shard there, of 1 volume: that of "student-0001"`; f.Message != want {
		t.Errorf("message:\n got %s\nwant %s", f.Message, want)
	}
}

// shardVolume makes a claim's volume one of two data chunks and one parity chunk,
// on the nodes of the replicas that it had.
func shardVolume(s *facts.Snapshot, claim string) {
	v := volumeOf(s, claim)
	v.Sharded = true
	s.Longhorn.ShardGroups = append(s.Longhorn.ShardGroups, facts.LHShardGroup{Name: v.Name, DataChunks: 2, ParityChunks: 1, State: "healthy"})
	for i, r := range replicasOf(s, claim) {
		s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: r.Name + "-s", Group: v.Name, Slot: i, NodeID: r.NodeID, DiskID: r.DiskID, State: "normal"})
	}
	withoutRecords(s, claim)
}
