package checks

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVNodeGone(t *testing.T) { testCheck(t, pvNodeGoneCases) }

// stored puts the volume of a claim on other storage than Longhorn, of the class
// local-path, and keeps the claim's backup as a snapshot of last night.
func stored(s *facts.Snapshot, claim, driver string, nodes ...string) *facts.Volume {
	name := volumeOf(s, claim).Name
	removeLonghornVolume(s, name)
	s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: world.Namespace, Name: "nightly-" + claim, Claim: claim,
		Created: s.Now.Add(-9 * time.Hour), Taken: s.Now.Add(-9 * time.Hour), Ready: true})
	c := claimNamed(s, claim)
	c.StorageClass = "local-path"
	world.Settle(s)
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.Name == name {
			v.Driver, v.Handle, v.StorageClass, v.NodeNames = driver, "/opt/local-path-provisioner/"+claim, "local-path", nodes
			return v
		}
	}
	panic("no volume of claim " + claim)
}

// removeLonghornVolume takes a volume and its replicas off Longhorn's records.
func removeLonghornVolume(s *facts.Snapshot, name string) {
	var volumes []facts.LHVolume
	for _, v := range s.Longhorn.Volumes {
		if v.Name != name {
			volumes = append(volumes, v)
		}
	}
	var replicas []facts.LHReplica
	for _, r := range s.Longhorn.Replicas {
		if r.Volume != name {
			replicas = append(replicas, r)
		}
	}
	s.Longhorn.Volumes, s.Longhorn.Replicas = volumes, replicas
}

// storedOn puts a claim's volume on the disk of nodes.
func storedOn(claim string, nodes ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { stored(s, claim, "local", nodes...) }
}

func nodeNamed(s *facts.Snapshot, name string) *facts.Node {
	for i := range s.Kube.Nodes {
		if s.Kube.Nodes[i].Name == name {
			return &s.Kube.Nodes[i]
		}
	}
	panic("no node " + name)
}

// madeAgain gives a claim's volume a node that was made again under its name.
func madeAgain(claim, driver string, ago time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		stored(s, claim, driver, "worker-2") // where student-0005's server runs
		nodeNamed(s, "worker-2").Created = s.Now.Add(-ago)
	}
}

const (
	week      = 7 * 24 * time.Hour
	goneNine  = "node worker-9 is not in Kubernetes, and its own disks have 1 volume: "
	oneIsLost = goneNine + `that of "student-0001"`
)

var pvNodeGoneCases = cases{
	check: pvNodeGone,
	fires: []damage{
		{
			name:    "a home on the disk of a node that is gone",
			change:  storedOn(stopped, "worker-9"),
			want:    outcomes{"pv-node-gone": "fail critical 1"},
			summary: oneIsLost,
		},
		{
			name:    "a hub's own database",
			change:  storedOn(world.HubClaim, "worker-9"),
			want:    outcomes{"pv-node-gone": "fail critical 1"},
			summary: goneNine + "the hub's own database (datahub/hub-db-dir)",
		},
		{
			name: "several nodes",
			change: func(s *facts.Snapshot) {
				storedOn(stopped, "worker-8")(s)
				storedOn("claim-student-0002", "worker-9")(s)
				storedOn("claim-student-0003", "worker-9")(s)
			},
			want:    outcomes{"pv-node-gone": "fail critical 2"},
			summary: "2 nodes that are gone or were made again had 3 volumes on their own disks",
		},
		{
			name:    "another node may have it",
			change:  storedOn(stopped, "worker-1", "worker-9"),
			want:    outcomes{"pv-node-gone": "fail error 1", "pv-one-copy": "skipped"},
			summary: oneIsLost + "; 1 volume may be on another node as well",
		},
		{
			name: "nobody's home",
			change: func(s *facts.Snapshot) {
				s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "zzz", Created: s.Now.Add(-week), Phase: "Bound", ReclaimPolicy: "Retain",
					Driver: "local", NodeNames: []string{"worker-9"}, ClaimNamespace: "monitoring", ClaimName: "prometheus"})
				world.Settle(s)
			},
			want:    outcomes{"pv-node-gone": "fail warning 1"},
			summary: goneNine + "that of claim monitoring/prometheus",
		},
		{
			name:   "local-path on a node made again under its name",
			change: madeAgain(running, facts.MountHostPath, 24*time.Hour),
			want:   outcomes{"pv-node-gone": "fail warning 1", "pv-one-copy": "fail warning 1"},
			summary: `node worker-2 was made again at 2026-11-19 12:00 UTC and may have lost what was on its own disks: 1 volume: that of "student-0005"; ` +
				"the same machine with the same disks is expected",
		},
	},
	mustNotFire: []damage{
		{name: "the node is there", change: storedOn(stopped, "worker-1"), want: outcomes{"pv-one-copy": "fail warning 1"}},
		{name: "only down", change: func(s *facts.Snapshot) {
			storedOn(stopped, "worker-1")(s)
			nodeNamed(s, "worker-1").Taints = []string{"node.kubernetes.io/unreachable"}
		}, want: outcomes{"pv-one-copy": "fail warning 1"}},
		{name: "a cloud's disk", change: func(s *facts.Snapshot) { stored(s, stopped, "ebs.csi.aws.com", "worker-9") }},
		{name: "the claim was deleted: a released volume is pv-released-data's", change: func(s *facts.Snapshot) {
			s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "zzz", Phase: "Released", ReclaimPolicy: "Retain",
				Driver: "local", NodeNames: []string{"worker-9"}, ClaimNamespace: "monitoring", ClaimName: "prometheus"})
			world.Settle(s)
		}},
		{
			name:   "made again, but a pod mounts it since, and this kind cannot be mounted without its data",
			change: madeAgain(running, "local", 24*time.Hour),
			want:   outcomes{"pv-one-copy": "fail warning 1"},
		},
	},
	boundary: []damage{
		{name: "made again just within the time that it is told", change: madeAgain(running, facts.MountHostPath, week-time.Second),
			want: outcomes{"pv-node-gone": "fail warning 1", "pv-one-copy": "fail warning 1"},
			summary: `node worker-2 was made again at 2026-11-13 12:00 UTC and may have lost what was on its own disks: 1 volume: that of "student-0005"; ` +
				"the same machine with the same disks is expected"},
		{name: "made again a week ago", change: madeAgain(running, facts.MountHostPath, week), want: outcomes{"pv-one-copy": "fail warning 1"}},
		{name: "made before the volume", change: func(s *facts.Snapshot) {
			v := stored(s, running, facts.MountHostPath, "worker-2")
			v.Created = s.Now.Add(-time.Hour)
			nodeNamed(s, "worker-2").Created = v.Created
		}, want: outcomes{"pv-one-copy": "fail warning 1"}},
	},
	sourceFailed: []damage{
		{name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
			summary: "source kube/nodes could not be read: gave up after 30s"},
		{name: "pods not readable, and a node made again", change: func(s *facts.Snapshot) {
			madeAgain(running, "local", 24*time.Hour)(s)
			s.Kube.Pods = nil
			failed(facts.KubePods)(s)
		}, want: unknownWithout(facts.KubePods, outcomes{"pv-node-gone": "unknown"}),
			summary: "whether volumes of node worker-2, which was made again, are mounted: source kube/pods could not be read: gave up after 30s"},
	},
}

// The finding names the volumes and whose they are.
func TestPVNodeGoneDetails(t *testing.T) {
	s := healthy()
	storedOn(stopped, "worker-9")(s)
	storedOn(world.HubClaim, "worker-9")(s)
	suite, _ := NewSuite(nil, []string{"pv-node-gone"})
	f := Judge(suite, s)[0].Findings[0]
	if f.Subject.Kind != "node" || f.Subject.Name != "worker-9" || f.Details["users"] != `"student-0001"` || f.Details["claims"] != "datahub/hub-db-dir" ||
		strings.Count(f.Details["volumes"], "pvc-") != 2 {
		t.Errorf("%+v", f)
	}
}
