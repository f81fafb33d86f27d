package checks

import (
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHOrphanLastCopy(t *testing.T) { testCheck(t, lhOrphanLastCopyCases) }

// leaveOrphan leaves a directory of a volume's replica on worker-2, without a
// record that owns it.
func leaveOrphan(s *facts.Snapshot, volume string) *facts.LHOrphan {
	s.Longhorn.Orphans = append(s.Longhorn.Orphans, facts.LHOrphan{Name: "orphan-" + volume, Created: s.Now.Add(-time.Hour), Type: "replica-data",
		NodeID: "worker-2", DataName: volume + "-0a1b2c3d", DiskName: "default-disk", DiskUUID: "00000002-0000-4000-8000-000000000002", DiskPath: "/var/lib/longhorn/"})
	world.Settle(s)
	return &s.Longhorn.Orphans[len(s.Longhorn.Orphans)-1]
}

// orphaned leaves an orphan of the stopped server's volume, of which n replicas
// have failed, and then changes the volume.
func orphaned(n int, change func(v *facts.LHVolume, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, stopped, n)
		leaveOrphan(s, volumeOf(s, stopped).Name)
		change(volumeOf(s, stopped), s.Now)
	}
}

// dropVolume takes Longhorn's record of a claim's volume, and of its replicas.
func dropVolume(s *facts.Snapshot, claim string) (name string) {
	name = volumeOf(s, claim).Name
	withoutRecords(s, claim)
	s.Longhorn.Volumes = slices.DeleteFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.Name == name })
	world.Settle(s)
	return name
}

const (
	volume1 = "pvc-00000003-0000-4000-8000-000000000002" // the stopped server's
	whose1  = `of claim datahub/claim-student-0001, user "student-0001"'s default server `
	place1  = `1 orphan may hold a copy: "/var/lib/longhorn/replicas/` + volume1 + `-0a1b2c3d" of node worker-2 (disk 00000002-0000-4000-8000-000000000002)`
	none1   = "detached volume " + volume1 + " " + whose1 + "has no usable replica, and " + place1 + "; keep it"
	one1    = "detached volume " + volume1 + " " + whose1 + "has one copy left of 3, and " + place1 + "; keep it"
)

var lhOrphanLastCopyCases = cases{
	check: lhOrphanLastCopy,
	fires: []damage{
		{
			name:    "no usable replica",
			change:  orphaned(3, asItWas),
			want:    outcomes{"lh-orphan-last-copy": "fail error 1", "lh-no-usable-replica": "fail critical 1"},
			summary: none1,
		},
		{
			name:    "one usable replica",
			change:  orphaned(2, asItWas),
			want:    outcomes{"lh-orphan-last-copy": "fail error 1", "lh-single-usable-replica": "fail critical 1"},
			summary: one1,
		},
		{
			name: "as Longhorn before 1.9 spells it",
			change: func(s *facts.Snapshot) {
				failReplicas(s, stopped, 3)
				leaveOrphan(s, volume1).Type = "replica"
			},
			want:    outcomes{"lh-orphan-last-copy": "fail error 1", "lh-no-usable-replica": "fail critical 1"},
			summary: none1,
		},
		{
			name: "its records were removed, and its replicas are blank",
			change: func(s *facts.Snapshot) {
				world.ForgetReplicas(s, volume1)
				leaveOrphan(s, volume1)
			},
			want:    outcomes{"lh-orphan-last-copy": "fail error 1", "lh-blank-attach-risk": "fail critical 1"},
			summary: none1,
		},
		{
			name:    "the volume is not on record, the claim is",
			change:  func(s *facts.Snapshot) { leaveOrphan(s, dropVolume(s, stopped)) },
			want:    outcomes{"lh-orphan-last-copy": "fail critical 1", "backup-none": "fail critical 1"},
			summary: "volume " + volume1 + " " + whose1 + "is not on Longhorn's record any more, and " + place1 + "; keep it",
		},
		{
			name: "on a disk of the v2 engine, of two volumes",
			change: func(s *facts.Snapshot) {
				failReplicas(s, stopped, 3)
				failReplicas(s, "claim-student-0002", 2)
				for _, claim := range []string{stopped, "claim-student-0002"} {
					leaveOrphan(s, volumeOf(s, claim).Name+"-r").DiskPath = "0000:00:1e.0"
				}
			},
			want: outcomes{"lh-orphan-last-copy": "fail error 2", "lh-no-usable-replica": "fail critical 1",
				"lh-single-usable-replica": "fail critical 1"},
			summary: "orphans may be copies of 2 volumes, of which 1 has no usable replica: keep them",
		},
		{
			name: "one replica by policy: for information",
			change: func(s *facts.Snapshot) {
				byPolicy(s, stopped)
				leaveOrphan(s, volume1)
			},
			want:    outcomes{"lh-orphan-last-copy": "fail info 1", "lh-low-replica-count": "fail warning 1"},
			summary: "detached volume " + volume1 + " " + whose1 + "has one replica by policy, and " + place1 + "; keep it",
		},
	},
	mustNotFire: []damage{
		{name: "a stale copy of a healthy volume", change: orphaned(0, asItWas)},
		{name: "a process, no data", change: func(s *facts.Snapshot) {
			failReplicas(s, stopped, 2)
			leaveOrphan(s, volume1).Type = "replica-instance"
		}, want: outcomes{"lh-single-usable-replica": "fail critical 1"}},
		{name: "of a volume that is gone with its claim", change: func(s *facts.Snapshot) { leaveOrphan(s, "pvc-of-somebody-who-left") }},
		{name: "a directory that is none of Longhorn's", change: func(s *facts.Snapshot) { leaveOrphan(s, "x").DataName = "my-notes" }},
		{name: "restoring", change: orphaned(3, func(v *facts.LHVolume, _ time.Time) { v.Restoring = true })},
		{name: "being deleted", change: orphaned(3, func(v *facts.LHVolume, now time.Time) { v.Deleting = facts.At(now) })},
		{
			name:   "a Longhorn that knows no orphans",
			change: absent(facts.LonghornOrphans), summary: "source longhorn/orphans is absent: the cluster has no such API",
			want: outcomes{"lh-orphan-last-copy": "skipped", "lh-orphan-autodelete": "skipped"},
		},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}),
			summary: "source longhorn/volumes is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "two copies left", change: orphaned(1, asItWas)},
		{
			name: "an attached volume that began to rebuild less than the grace ago",
			change: func(s *facts.Snapshot) {
				degraded(30*time.Minute - time.Second)(s)
				leaveOrphan(s, volumeOf(s, running).Name)
			},
		},
		{
			name: "as long as the grace",
			change: func(s *facts.Snapshot) {
				degraded(30 * time.Minute)(s)
				leaveOrphan(s, volumeOf(s, running).Name)
			},
			want: outcomes{"lh-orphan-last-copy": "fail error 1", "lh-single-usable-replica": "fail error 1"},
			summary: "attached volume pvc-00000003-0000-4000-8000-000000000006 of claim datahub/claim-student-0005, user \"student-0005\"'s default server " +
				"has one copy left of 3, and 1 orphan may hold a copy: \"/var/lib/longhorn/replicas/pvc-00000003-0000-4000-8000-000000000006-0a1b2c3d\" " +
				"of node worker-2 (disk 00000002-0000-4000-8000-000000000002); keep it",
		},
	},
	sourceFailed: []damage{{
		name: "orphans not readable", change: failed(facts.LonghornOrphans), want: unknownWithout(facts.LonghornOrphans, nil),
		summary: "source longhorn/orphans could not be read: gave up after 30s",
	}},
}

// The finding says where each orphan lies, in details all of them.
func TestOrphanPlaces(t *testing.T) {
	s := healthy()
	failReplicas(s, stopped, 3)
	leaveOrphan(s, volume1)
	for _, node := range []string{"worker-4", "worker-3", "worker-1"} {
		o := leaveOrphan(s, volume1)
		o.Name, o.NodeID, o.DiskUUID = "orphan-on-"+node, node, lhNode(s, node).Disks[0].UUID
	}
	leaveOrphan(s, volume1+"-r").DiskPath = "/dev/nvme1n1"
	f := findingsOf(t, s, "lh-orphan-last-copy")[0]
	expectDetails(t, f, map[string]string{"user": "student-0001",
		"orphans": "orphan-on-worker-1, orphan-" + volume1 + ", orphan-" + volume1 + "-r, orphan-on-worker-3, orphan-on-worker-4",
		"places": `"/var/lib/longhorn/replicas/` + volume1 + `-0a1b2c3d" of node worker-1 (disk 00000002-0000-4000-8000-000000000001); ` +
			`"/var/lib/longhorn/replicas/` + volume1 + `-0a1b2c3d" of node worker-2 (disk 00000002-0000-4000-8000-000000000002); ` +
			`"` + volume1 + `-r-0a1b2c3d" on block device "/dev/nvme1n1" of node worker-2 (disk 00000002-0000-4000-8000-000000000002); ` +
			`"/var/lib/longhorn/replicas/` + volume1 + `-0a1b2c3d" of node worker-3 (disk 00000002-0000-4000-8000-000000000003); ` +
			`"/var/lib/longhorn/replicas/` + volume1 + `-0a1b2c3d" of node worker-4 (disk 00000002-0000-4000-8000-000000000004)`})
}

// A claim without its PersistentVolume still asks for the volume; a
// PersistentVolume without a claim still holds its files.
func TestOrphanOfLostVolume(t *testing.T) {
	for want, change := range map[string]func(s *facts.Snapshot){
		"volume " + volume1 + " " + whose1 + "is not on Longhorn's record any more, and " + place1 + "; keep it": func(s *facts.Snapshot) {
			s.Kube.Volumes = slices.DeleteFunc(s.Kube.Volumes, func(v facts.Volume) bool { return v.Name == volume1 })
		},
		"volume by-hand of no claim is not on Longhorn's record any more, and 1 orphan may hold a copy: \"/var/lib/longhorn/replicas/by-hand-0a1b2c3d\" " +
			"of node worker-2 (disk 00000002-0000-4000-8000-000000000002); keep it": func(s *facts.Snapshot) {
			s.Longhorn.Orphans = nil
			leaveOrphan(s, "by-hand")
			s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "notebooks", Phase: "Available", Driver: facts.LonghornDriver, Handle: "by-hand"})
		},
	} {
		s := healthy()
		leaveOrphan(s, dropVolume(s, stopped))
		change(s)
		findings := findingsOf(t, s, "lh-orphan-last-copy")
		if len(findings) != 1 || findings[0].Message != want {
			t.Errorf("got %v, want %s", findings, want)
		}
	}
}
