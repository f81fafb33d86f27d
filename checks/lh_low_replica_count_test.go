package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHLowReplicaCount(t *testing.T) { testCheck(t, lhLowReplicaCountCases) }

// wantOne makes the volumes of claims ask for one replica, and have it.
func wantOne(claims ...string) func(s *facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			volumeOf(s, claim).WantReplicas = 1
			for _, r := range replicasOf(s, claim)[1:] {
				r.Volume = "none"
			}
		}
		world.Settle(s)
	}
}

const oneIsFew = `volumes in StorageClass "longhorn" ask for too few replicas (1 for 1 replica), at least 2 are expected, and new volumes get 3; 1 volume: that of "student-0001"`

var lhLowReplicaCountCases = cases{
	check: lhLowReplicaCount,
	fires: []damage{
		{name: "one home", change: wantOne(stopped), want: outcomes{"lh-low-replica-count": "fail warning 1"}, summary: oneIsFew},
		{
			name: "a class of its own, and one that is strict-local",
			change: func(s *facts.Snapshot) {
				wantOne(stopped, running)(s)
				volumeOf(s, running).DataLocality = "strict-local"
				pvOf(s, running).StorageClass = "fast"
			},
			want:    outcomes{"lh-low-replica-count": "fail warning 2"},
			summary: `volumes ask for fewer than 2 replicas: 1 of StorageClass "fast", 1 of StorageClass "longhorn"`,
		},
		{
			name: "not a home",
			change: func(s *facts.Snapshot) {
				wantOne(stopped)(s)
				v, pv := volumeOf(s, stopped), pvOf(s, stopped)
				pv.ClaimNamespace, pv.ClaimName, pv.StorageClass = "monitoring", "prometheus-0", "scratch"
				v.ClaimNamespace, v.ClaimName = "monitoring", "prometheus-0"
				c := claimNamed(s, stopped)
				*c = facts.Claim{Namespace: "monitoring", Name: "prometheus-0", Phase: "Bound", UID: c.UID, VolumeName: c.VolumeName, Created: c.Created}
				pv.ClaimUID = c.UID
				hubOf(s).Users, hubOf(s).Spawners = hubOf(s).Users[1:], hubOf(s).Spawners[1:]
				hubOf(s).API.Users, hubOf(s).API.Spawners = hubOf(s).API.Users[1:], hubOf(s).API.Spawners[1:]
				world.Settle(s)
			},
			want: outcomes{"lh-low-replica-count": "fail info 1"},
			summary: `volumes in StorageClass "scratch" ask for too few replicas (1 for 1 replica), at least 2 are expected; ` +
				"1 volume: that of claim monitoring/prometheus-0",
		},
		{
			name: "the default is one, and a class relies on it",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Settings["default-replica-count"] = `{"v1":"1","v2":"3"}`
				s.Kube.StorageClasses = append(s.Kube.StorageClasses, facts.StorageClass{Name: "plain", Provisioner: facts.LonghornDriver, ReclaimPolicy: "Retain"})
				world.Settle(s)
			},
			want: outcomes{"lh-low-replica-count": "fail warning 1"},
			summary: "Longhorn's setting default-replica-count is 1 for data engine v1, at least 2 is expected; " +
				"it holds for volumes whose class names no number, as plain does",
		},
		{
			name:    "the default is one, and nothing relies on it",
			change:  func(s *facts.Snapshot) { s.Longhorn.Settings["default-replica-count"] = "1" },
			want:    outcomes{"lh-low-replica-count": "fail info 1"},
			summary: "Longhorn's setting default-replica-count is 1 for data engine v1, at least 2 is expected; it holds for volumes whose class names no number",
		},
	},
	mustNotFire: []damage{
		{name: "the default of an engine that nothing uses", change: func(s *facts.Snapshot) { s.Longhorn.Settings["default-replica-count"] = `{"v1":"3","v2":"1"}` }},
		{name: "being deleted", change: func(s *facts.Snapshot) { wantOne(stopped)(s); volumeOf(s, stopped).Deleting = facts.At(s.Now) }},
		{name: "fewer than its class asks for now", change: func(s *facts.Snapshot) {
			volumeOf(s, stopped).WantReplicas = 2
			replicasOf(s, stopped)[2].Volume = "none"
		}},
	},
	boundary: []damage{
		{name: "one is enough", change: wantOne(stopped), values: map[string]any{"minReplicas": 1}},
		{name: "three are wanted", change: func(*facts.Snapshot) {}, values: map[string]any{"minReplicas": 3}},
		{name: "four are wanted", change: func(*facts.Snapshot) {}, values: map[string]any{"minReplicas": 4},
			want:    outcomes{"lh-low-replica-count": "fail warning 2"},
			summary: `volumes ask for fewer than 4 replicas: 12 of StorageClass "longhorn"`},
		{
			name: "Longhorn has disks on one node only",
			change: func(s *facts.Snapshot) {
				wantOne(stopped)(s)
				for _, n := range []string{"worker-2", "worker-3", "worker-4"} {
					lhNodeNamed(s, n).Disks = nil
				}
				for i := range s.Longhorn.Replicas {
					r := &s.Longhorn.Replicas[i]
					r.NodeID, r.DiskID = "worker-1", lhNodeNamed(s, "worker-1").Disks[0].UUID
				}
			},
			want:    outcomes{"lh-low-replica-count": "fail info 1", "lh-one-failure-domain": "fail info 1"},
			summary: oneIsFew,
		},
	},
	sourceFailed: []damage{{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
		summary: "source kube/volumes could not be read: gave up after 30s"}},
}

func pvOf(s *facts.Snapshot, claim string) *facts.Volume {
	for i := range s.Kube.Volumes {
		if s.Kube.Volumes[i].ClaimName == claim {
			return &s.Kube.Volumes[i]
		}
	}
	panic("no PersistentVolume of " + claim)
}
