package checks

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHSingleUsableReplica(t *testing.T) { testCheck(t, lhSingleUsableReplicaCases) }

// The healthy world's claim student-0001 is stopped: its volume is detached,
// with replicas on worker-3, worker-4 and worker-1. That of student-0005 runs.
const (
	stopped = "claim-student-0001"
	running = "claim-student-0005"
)

// failReplicas marks the first n replicas of a claim's volume failed.
func failReplicas(s *facts.Snapshot, claim string, n int) {
	for _, r := range replicasOf(s, claim)[:n] {
		r.FailedAt = facts.At(s.Now.Add(-3 * time.Hour))
	}
}

// degraded leaves the running server's volume with one replica, since then.
func degraded(since time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, running, 2)
		v := volumeOf(s, running)
		v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-since))
	}
}

// onlyOne leaves the stopped server's volume with one replica and then
// changes the volume.
func onlyOne(change func(v *facts.LHVolume, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, stopped, 2)
		change(volumeOf(s, stopped), s.Now)
	}
}

// oneDown fails one replica of the stopped server's volume, while the node of
// another is not ready since then.
func oneDown(s *facts.Snapshot, since time.Duration) {
	failReplicas(s, stopped, 1)
	for i := range s.Longhorn.Nodes {
		if n := &s.Longhorn.Nodes[i]; n.Name == "worker-4" {
			n.Ready, n.ReadySince = "False", s.Now.Add(-since)
		}
	}
}

const oneFailed = "1 volume has a single usable replica: 2 replicas have failed"

var lhSingleUsableReplicaCases = cases{
	check: lhSingleUsableReplica,
	fires: []damage{
		{
			name: "2023: two workers replaced, one after the other",
			change: func(s *facts.Snapshot) {
				world.ReplaceNode(s, "worker-1", "worker-5")
				world.ReplaceNode(s, "worker-2", "worker-6")
			},
			// Every volume was on three of four workers, six of twelve on both of
			// these; one of the six is attached and rebuilding.
			want:    outcomes{"lh-single-usable-replica": "fail critical 5", "lh-replica-node-missing": "fail error 2"},
			summary: "5 volumes have a single usable replica: 10 replicas are on nodes worker-1, worker-2, which are not in Kubernetes",
		},
		{
			name: "the nodes came back under their names, with new disks",
			change: func(s *facts.Snapshot) {
				for _, n := range []string{"worker-1", "worker-2", "worker-3"} {
					world.ReplaceNode(s, n, n)
				}
				world.Rebuild(s)
				for _, claim := range detachedClaims(s) {
					if v := volumeOf(s, claim); usableOn(s, v.Name, "worker-4") == 0 {
						world.RemoveClaim(s, world.Namespace, claim)
					}
				}
				hubOf(s).Spawners = nil
				world.Settle(s)
			},
			want: outcomes{"lh-single-usable-replica": "fail critical 8", "lh-replica-disk-missing": "fail error 3"},
			summary: "8 volumes have a single usable replica: " +
				"6 replicas are on disk 00000002-0000-4000-8000-000000000001 that node worker-1 no longer has: the node was rebuilt under its name; " +
				"5 replicas are on disk 00000002-0000-4000-8000-000000000002 that node worker-2 no longer has: the node was rebuilt under its name; " +
				"5 replicas are on disk 00000002-0000-4000-8000-000000000003 that node worker-3 no longer has: the node was rebuilt under its name",
		},
		{name: "a running server's volume is at work", change: degraded(time.Hour),
			want: outcomes{"lh-single-usable-replica": "fail error 1"}, summary: oneFailed},
		{
			name: "two records are missing",
			change: func(s *facts.Snapshot) {
				drop := map[string]bool{}
				for _, r := range replicasOf(s, stopped)[1:] {
					drop[r.Name] = true
				}
				var kept []facts.LHReplica
				for _, r := range s.Longhorn.Replicas {
					if !drop[r.Name] {
						kept = append(kept, r)
					}
				}
				s.Longhorn.Replicas = kept
			},
			want:    outcomes{"lh-single-usable-replica": "fail critical 1"},
			summary: "1 volume has a single usable replica: 2 replicas have no record",
		},
		{
			name:    "one failed, and a node is down for hours",
			change:  func(s *facts.Snapshot) { oneDown(s, 3*time.Hour) },
			want:    outcomes{"lh-single-usable-replica": "fail error 1", "lh-disk-not-ready": "fail error 1"},
			summary: "1 volume has a single usable replica: 1 replica has failed; 1 replica is on node worker-4, which is not ready since 2026-11-20 09:00 UTC",
		},
		{
			name: "one failed, and a new machine took a node's name and is not ready yet",
			change: func(s *facts.Snapshot) {
				oneDown(s, time.Minute)
				nodeNamed(s, "worker-4").Created = s.Now
			},
			want:    outcomes{"lh-single-usable-replica": "fail critical 1"},
			summary: "1 volume has a single usable replica: 1 replica has failed; 1 replica is on node worker-4, which is not ready since 2026-11-20 11:59 UTC",
		},
	},
	mustNotFire: []damage{
		{name: "one replica by choice", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.WantReplicas = 1 }),
			want: outcomes{"lh-low-replica-count": "fail warning 1"}},
		{name: "strict-local", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.DataLocality = "strict-local" })},
		{name: "standby", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.Standby = true })},
		{name: "restoring", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.Restoring = true })},
		{name: "cloning", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.CloneState = "initiated" })},
		{name: "being deleted", change: onlyOne(func(v *facts.LHVolume, now time.Time) { v.Deleting = facts.At(now) })},
		{name: "sharded: it has no replicas", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.Sharded = true }),
			want: outcomes{"lh-ec-margin": "fail critical 1"}},
		{
			name: "two nodes cordoned: their replicas are usable until they leave",
			change: func(s *facts.Snapshot) {
				for i := range s.Kube.Nodes[:2] {
					s.Kube.Nodes[i].Unschedulable = true
				}
			},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "two of three left", change: func(s *facts.Snapshot) { failReplicas(s, stopped, 1) }},
		{name: "one failed, and a node reboots", change: func(s *facts.Snapshot) { oneDown(s, 30*time.Minute-time.Second) }},
		{name: "a node is down as long as the grace", change: func(s *facts.Snapshot) { oneDown(s, 30*time.Minute) },
			want:    outcomes{"lh-single-usable-replica": "fail error 1", "lh-disk-not-ready": "fail error 1"},
			summary: "1 volume has a single usable replica: 1 replica has failed; 1 replica is on node worker-4, which is not ready since 2026-11-20 11:30 UTC"},
		{name: "rebuilding since less than the grace", change: degraded(30*time.Minute - time.Second)},
		{name: "as long as the grace", change: degraded(30 * time.Minute),
			want: outcomes{"lh-single-usable-replica": "fail error 1"}, summary: oneFailed},
		{name: "a clock far ahead is no grace", change: degraded(-48 * time.Hour),
			want: outcomes{"lh-single-usable-replica": "fail error 1"}, summary: oneFailed},
		{name: "younger than ten minutes", change: onlyOne(func(v *facts.LHVolume, now time.Time) { v.Created = facts.At(now.Add(-10*time.Minute + time.Second)) })},
		{name: "ten minutes old", change: onlyOne(func(v *facts.LHVolume, now time.Time) { v.Created = facts.At(now.Add(-10 * time.Minute)) }),
			want: outcomes{"lh-single-usable-replica": "fail critical 1"}, summary: oneFailed},
		{name: "cloned long ago", change: onlyOne(func(v *facts.LHVolume, _ time.Time) { v.CloneState = "completed" }),
			want: outcomes{"lh-single-usable-replica": "fail critical 1"}, summary: oneFailed},
	},
	sourceFailed: []damage{
		{name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
			summary: "source kube/nodes could not be read: gave up after 30s"},
		{
			name: "no replica on the first run",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Replicas, s.Past.Sources = nil, nil
				world.Settle(s)
			},
			want: listsUnknown(nil),
			summary: "Longhorn has 12 volumes and not one replica: either the list of replicas is incomplete, " +
				"or Longhorn's manager is down and its records are gone",
		},
	},
}

func detachedClaims(s *facts.Snapshot) []string {
	var names []string
	for _, v := range s.Longhorn.Volumes {
		if v.State == "detached" {
			names = append(names, v.ClaimName)
		}
	}
	return names
}

// usableOn counts the replicas of a volume on a node.
func usableOn(s *facts.Snapshot, volume, node string) int {
	n := 0
	for _, r := range s.Longhorn.Replicas {
		if r.Volume == volume && r.NodeID == node {
			n++
		}
	}
	return n
}

// Whose data a volume holds follows from its claim; where that is gone, from
// nothing.
func TestVolumeOwner(t *testing.T) {
	const volume = "pvc-00000003-0000-4000-8000-000000000002"
	for want, change := range map[string]func(s *facts.Snapshot){
		`of claim datahub/claim-student-0001, user "student-0001"'s default server has`: func(*facts.Snapshot) {},
		"of claim datahub/claim-student-0001, shared by several users has": func(s *facts.Snapshot) {
			for i := range hubOf(s).Spawners {
				hubOf(s).Spawners[i].State.PVCName = stopped
			}
		},
		"of no claim any more, last of datahub/claim-student-0001 has": func(s *facts.Snapshot) {
			volumeOf(s, stopped).LastClaimRefAt = facts.At(s.Now)
			for i := range s.Kube.Volumes {
				if s.Kube.Volumes[i].Name == volume {
					s.Kube.Volumes[i].Phase = "Released"
				}
			}
		},
		"of claim datahub/renamed has": func(s *facts.Snapshot) { // the PersistentVolume knows better
			for i := range s.Kube.Volumes {
				if s.Kube.Volumes[i].Name == volume {
					s.Kube.Volumes[i].ClaimName = "renamed"
				}
			}
		},
		"of no claim has": func(s *facts.Snapshot) {
			volumeOf(s, stopped).ClaimName = ""
			s.Kube.Volumes = nil
		},
	} {
		s := healthy()
		failReplicas(s, stopped, 2)
		change(s)
		suite, _ := NewSuite(nil, []string{"lh-single-usable-replica"})
		if got := Judge(suite, s)[0].Findings[0].Message; !strings.HasPrefix(got, "detached volume "+volume+" "+want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The finding names whom to call and what is left.
func TestSingleReplicaFinding(t *testing.T) {
	s := healthy()
	failReplicas(s, stopped, 2)
	suite, _ := NewSuite(nil, []string{"lh-single-usable-replica"})
	f := Judge(suite, s)[0].Findings[0]
	volume := volumeOf(s, stopped).Name
	if want := "detached volume " + volume + ` of claim datahub/claim-student-0001, user "student-0001"'s default server ` +
		"has 1 usable replica of 3, on node worker-1; at least 2 are expected"; f.Message != want {
		t.Errorf("message:\n got %s\nwant %s", f.Message, want)
	}
	replicas := replicasOf(s, stopped)
	for key, want := range map[string]string{"claim": stopped, "namespace": "datahub", "hub": "datahub", "user": "student-0001", "userID": "1",
		"server": "", "attributedBy": "state", "lastNode": "worker-1", "lastReplica": replicas[2].Name, "usable": "1", "wanted": "3",
		"unusable": replicas[0].Name + " has failed; " + replicas[1].Name + " has failed"} {
		if f.Details[key] != want {
			t.Errorf("details[%s] = %q, want %q", key, f.Details[key], want)
		}
	}
}
