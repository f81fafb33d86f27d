package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVOneCopy(t *testing.T) { testCheck(t, pvOneCopyCases) }

// inPool puts the volume of a claim into a pool of Ceph that keeps size copies.
func inPool(claim string, size int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := stored(s, claim, "rook-ceph.rbd.csi.ceph.com")
		v.Pool, v.PoolOf = "homes", "rook-ceph"
		s.Kube.Pools = []facts.CephPool{{Namespace: "rook-ceph", Name: "homes", Kind: "CephBlockPool", Size: size, FailureDomain: "host", Phase: "Ready"}}
		world.Settle(s)
	}
}

// mayastor puts the volume of a claim on Mayastor with that many copies.
func mayastor(claim string, replicas int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		stored(s, claim, "io.openebs.csi-mayastor")
		s.Kube.StorageClasses = append(s.Kube.StorageClasses, facts.StorageClass{Name: "local-path", Provisioner: "io.openebs.csi-mayastor",
			ReclaimPolicy: "Retain", Replicas: replicas})
		world.Settle(s)
	}
}

const oneHome = `1 volume: that of "student-0001"; at least 2 are expected`

var pvOneCopyCases = cases{
	check: pvOneCopy,
	fires: []damage{
		{
			name: "local-path",
			change: func(s *facts.Snapshot) {
				storedOn(stopped, "worker-1")(s)
				storedOn("claim-student-0002", "worker-2")(s)
				storedOn(world.HubClaim, "worker-2")(s)
			},
			want: outcomes{"pv-one-copy": "fail warning 1"},
			summary: `the first loss of a node may take homes with it: storage class "local-path" keeps one copy of 3 volumes: ` +
				`the hub's own database (datahub/hub-db-dir); those of "student-0001", "student-0002"; at least 2 are expected`,
		},
		{
			name: "hostPath, by the pod that mounts it",
			change: func(s *facts.Snapshot) {
				stored(s, running, facts.MountHostPath)
			},
			want: outcomes{"pv-one-copy": "fail warning 1"},
			summary: `the first loss of a node may take homes with it: storage class "local-path" keeps one copy of 1 volume: ` +
				`that of "student-0005"; at least 2 are expected`,
		},
		{
			name:    "a pool of one copy",
			change:  inPool(stopped, 1),
			want:    outcomes{"pv-one-copy": "fail warning 1", "backup-same-domain": "fail error 1"},
			summary: `the first loss of an osd may take homes with it: pool "rook-ceph/homes" keeps one copy of ` + oneHome,
		},
		{
			name:    "Mayastor with one copy",
			change:  mayastor(stopped, 1),
			want:    outcomes{"pv-one-copy": "fail warning 1", "backup-same-domain": "fail error 1"},
			summary: `the first loss of a host may take homes with it: storage class "local-path" keeps one copy of ` + oneHome,
		},
	},
	mustNotFire: []damage{
		{name: "Longhorn's are lh-low-replica-count's", change: func(*facts.Snapshot) {}},
		{name: "a cloud's disk", change: func(s *facts.Snapshot) { stored(s, stopped, "ebs.csi.aws.com", "worker-1") }},
		{name: "LINSTOR on two nodes", want: outcomes{"backup-same-domain": "fail error 1"}, change: func(s *facts.Snapshot) { stored(s, stopped, "linstor.csi.linbit.com", "worker-1", "worker-2") }},
		{name: "claims of others", change: func(s *facts.Snapshot) {
			s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "zzz", Phase: "Bound", ReclaimPolicy: "Retain", Driver: "local",
				NodeNames: []string{"worker-1"}, ClaimNamespace: "monitoring", ClaimName: "prometheus"})
			world.Settle(s)
		}},
		{name: "the node is gone: that is pv-node-gone's", change: storedOn(stopped, "worker-9"), want: outcomes{"pv-node-gone": "fail critical 1"}},
		{
			name:    "a driver that does not tell",
			change:  func(s *facts.Snapshot) { stored(s, stopped, "csi.example.com") },
			want:    outcomes{"pv-one-copy": "skipped"},
			summary: `where the data lies cannot be told of 1 volume (driver "csi.example.com" does not show where its data lies), 1 in all`,
		},
	},
	boundary: []damage{
		{name: "a pool of two copies", want: outcomes{"backup-same-domain": "fail error 1"}, change: inPool(stopped, 2)},
		{name: "Mayastor with two", want: outcomes{"backup-same-domain": "fail error 1"}, change: mayastor(stopped, 2)},
		{
			name: "a cluster of one node",
			change: func(s *facts.Snapshot) {
				for i := range s.Kube.Volumes {
					v := &s.Kube.Volumes[i]
					v.Driver, v.StorageClass = facts.MountHostPath, "local-path"
				}
				s.Kube.Nodes = s.Kube.Nodes[:1]
				withoutLonghorn(s)
			},
			want: noLonghorn(outcomes{"pv-one-copy": "fail info 1"}),
			summary: `the first loss of a node may take homes with it: storage class "local-path" keeps one copy of 12 volumes: the hub's own database ` +
				`(datahub/hub-db-dir); those of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more; ` +
				"at least 2 are expected, which a cluster of one node cannot have",
		},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{name: "pools not readable", change: func(s *facts.Snapshot) {
			inPool(stopped, 3)(s)
			failed(facts.CephBlockPools)(s)
		}, want: outcomes{"pv-one-copy": "unknown", "backup-same-domain": "fail error 1"}, summary: "source ceph/blockpools could not be read: gave up after 30s"},
	},
}

// What cannot be told is named beside what is found.
func TestPVOneCopyNamesTheUntold(t *testing.T) {
	s := healthy()
	storedOn(stopped, "worker-1")(s)
	stored(s, "claim-student-0002", "csi.example.com")
	suite, _ := NewSuite(nil, []string{"pv-one-copy"})
	f := Judge(suite, s)[0].Findings[0]
	if want := `1 volume (driver "csi.example.com" does not show where its data lies)`; f.Details["notTold"] != want || f.Details["survives"] != "0" {
		t.Errorf("details %v", f.Details)
	}
}
