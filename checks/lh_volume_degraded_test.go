package checks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHVolumeDegraded(t *testing.T) { testCheck(t, lhVolumeDegradedCases) }

// lacksOne fails one replica of the running server's volume, which lies on
// worker-3, worker-4 and worker-1, since then, and changes the world further.
func lacksOne(since time.Duration, more ...func(s *facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		failReplicas(s, running, 1)
		v := volumeOf(s, running)
		v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-since))
		for _, change := range more {
			change(s)
		}
	}
}

// filling gives the running server's volume a replica that is being rebuilt.
func filling(s *facts.Snapshot) {
	r := *replicasOf(s, running)[0]
	r.Name, r.NodeID, r.DiskID, r.State = r.Name+"x", "worker-2", lhNodeNamed(s, "worker-2").Disks[0].UUID, "running"
	r.Created, r.HealthyAt, r.LastHealthyAt, r.FailedAt = facts.At(s.Now), 0, 0, 0
	s.Longhorn.Replicas = append(s.Longhorn.Replicas, r)
	world.Settle(s)
}

func lhNodeNamed(s *facts.Snapshot, name string) *facts.LHNode {
	for i := range s.Longhorn.Nodes {
		if s.Longhorn.Nodes[i].Name == name {
			return &s.Longhorn.Nodes[i]
		}
	}
	panic("no node " + name)
}

const (
	runningVolume  = "pvc-00000003-0000-4000-8000-000000000006"
	degradedHour   = "attached volume " + runningVolume + ` of claim datahub/claim-student-0005, user "student-0005"'s default server has 2 usable replicas of 3, 1 replica has failed; 3 are expected, and were there until 2026-11-20 11:00 UTC`
	degradedAtOnce = "attached volume " + runningVolume + ` of claim datahub/claim-student-0005, user "student-0005"'s default server has 2 usable replicas of 3, 1 replica has failed; 3 are expected, and were there until `
)

var lhVolumeDegradedCases = cases{
	check: lhVolumeDegraded,
	fires: []damage{
		{name: "a replica failed and was not replaced", change: lacksOne(time.Hour),
			want: outcomes{"lh-volume-degraded": "fail warning 1"}, summary: degradedHour},
		{name: "no other node takes replicas", change: lacksOne(time.Hour, func(s *facts.Snapshot) {
			lhNodeNamed(s, "worker-2").AllowScheduling, lhNodeNamed(s, "worker-3").AllowScheduling = false, false
		}), want: outcomes{"lh-volume-degraded": "fail warning 1"},
			summary: degradedHour + "; no node may take another copy (2 closed to new replicas, 2 with one already)"},
		{name: "rebuilding is switched off", change: lacksOne(time.Hour, func(s *facts.Snapshot) {
			s.Longhorn.Settings["concurrent-replica-rebuild-per-node-limit"] = "0"
		}), want: outcomes{"lh-volume-degraded": "fail warning 1"},
			summary: degradedHour + "; rebuilding is switched off: setting concurrent-replica-rebuild-per-node-limit is 0"},
		{name: "since yesterday", change: lacksOne(25 * time.Hour),
			want: outcomes{"lh-volume-degraded": "fail error 1"}, summary: degradedAtOnce + "2026-11-19 11:00 UTC"},
		{
			// Three attached volumes had a replica there: one cause, one finding.
			name: "a worker is gone, and nothing took its place",
			change: func(s *facts.Snapshot) {
				world.LoseNode(s, "worker-4")
				for i := range s.Longhorn.Volumes {
					if v := &s.Longhorn.Volumes[i]; v.State == "attached" {
						v.LastDegradedAt = facts.At(s.Now.Add(-time.Hour))
					}
				}
			},
			want: outcomes{"lh-volume-degraded": "fail warning 1", "lh-replica-node-missing": "fail error 1"},
			summary: "attached volumes lack a replica that is on node worker-4, which is not in Kubernetes; all replicas are expected, and were there until 2026-11-20 11:00 UTC; " +
				`3 volumes: the hub's own database (datahub/hub-db-dir); those of "student-0005", "student-0010"`,
		},
		{name: "Longhorn says so, and the records do not say why", change: func(s *facts.Snapshot) {
			v := volumeOf(s, running)
			v.Robustness, v.LastDegradedAt = "degraded", facts.At(s.Now.Add(-time.Hour))
		}, want: outcomes{"lh-volume-degraded": "fail warning 1"},
			summary: "attached volume " + runningVolume + ` of claim datahub/claim-student-0005, user "student-0005"'s default server has 3 usable replicas of 3, ` +
				"its replicas look well on record; 3 are expected, and were there until 2026-11-20 11:00 UTC"},
	},
	mustNotFire: []damage{
		{name: "a replica is being rebuilt", change: lacksOne(23*time.Hour, filling)},
		{name: "a detached volume has no such state", change: func(s *facts.Snapshot) { failReplicas(s, stopped, 1) }},
		{name: "being deleted", change: lacksOne(time.Hour, func(s *facts.Snapshot) { volumeOf(s, running).Deleting = facts.At(s.Now) })},
		{name: "restoring", change: lacksOne(time.Hour, func(s *facts.Snapshot) { volumeOf(s, running).Restoring = true })},
		{name: "one copy left is another check's", change: degraded(time.Hour), want: outcomes{"lh-single-usable-replica": "fail error 1"}},
	},
	boundary: []damage{
		{name: "in its grace", change: lacksOne(30*time.Minute - time.Second)},
		{name: "after it", change: lacksOne(30 * time.Minute), want: outcomes{"lh-volume-degraded": "fail warning 1"}, summary: degradedAtOnce + "2026-11-20 11:30 UTC"},
		{name: "almost a day", change: lacksOne(24*time.Hour - time.Second), want: outcomes{"lh-volume-degraded": "fail warning 1"}, summary: degradedAtOnce + "2026-11-19 12:00 UTC"},
		{name: "a day", change: lacksOne(24 * time.Hour), want: outcomes{"lh-volume-degraded": "fail error 1"}, summary: degradedAtOnce + "2026-11-19 12:00 UTC"},
		{name: "a rebuild that has taken a day", change: lacksOne(24*time.Hour, filling), want: outcomes{"lh-volume-degraded": "fail error 1"},
			summary: strings.Replace(degradedAtOnce, "1 replica has failed", "1 replica was never healthy; 1 replica has failed", 1) + "2026-11-19 12:00 UTC"},
	},
	sourceFailed: []damage{
		{name: "settings not readable", change: failed(facts.LonghornSettings), want: unknownWithout(facts.LonghornSettings, nil),
			summary: "source longhorn/settings could not be read: gave up after 30s"},
		{name: "nodes not readable", change: failed(facts.LonghornNodes), want: unknownWithout(facts.LonghornNodes, nil),
			summary: "source longhorn/nodes could not be read: gave up after 30s"},
	},
}

// Where the check that tells of a single copy is off, this one does.
func TestDegradedWithoutTheOther(t *testing.T) {
	s := healthy()
	degraded(time.Hour)(s)
	for _, c := range []struct {
		settings map[string]Setting
		want     string
	}{
		{nil, "pass"},
		{map[string]Setting{"lh-single-usable-replica": {Disabled: true}}, "fail"},
		{map[string]Setting{"lh-single-usable-replica": {Values: map[string]any{"grace": "2h"}}}, "fail"},
	} {
		suite, err := NewSuite(c.settings, []string{"lh-single-usable-replica", "lh-volume-degraded"})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range Judge(suite, s) {
			if v.Check == "lh-volume-degraded" && string(v.Outcome) != c.want {
				t.Errorf("%v: %s %s", c.settings, v.Outcome, v.Summary)
			}
		}
	}
}

// What keeps every node from taking another copy is said for each.
func TestRoom(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot, v *facts.LHVolume)
		want   string
	}{
		"worker-2 is free": {func(*facts.Snapshot, *facts.LHVolume) {}, ""},
		"not ready":        {func(s *facts.Snapshot, _ *facts.LHVolume) { lhNodeNamed(s, "worker-2").Ready = "Unknown" }, "1 not ready, 3 with one already"},
		"cordoned":         {func(s *facts.Snapshot, _ *facts.LHVolume) { s.Kube.Nodes[1].Unschedulable = true }, "1 cordoned, 3 with one already"},
		"cordoned, and that does not matter": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			s.Kube.Nodes[1].Unschedulable = true
			s.Longhorn.Settings["disable-scheduling-on-cordoned-node"] = "false"
		}, ""},
		"disk closed": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			lhNodeNamed(s, "worker-2").Disks[0].AllowScheduling = false
		}, "3 with one already, 1 without an open disk"},
		"disk evicted": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			lhNodeNamed(s, "worker-2").Disks[0].EvictionRequested = true
		}, "3 with one already, 1 without an open disk"},
		"disk under pressure": {func(s *facts.Snapshot, _ *facts.LHVolume) { lhNodeNamed(s, "worker-2").Disks[0].Schedulable = "False" }, "3 with one already, 1 without an open disk"},
		"block disk":          {func(s *facts.Snapshot, _ *facts.LHVolume) { lhNodeNamed(s, "worker-2").Disks[0].Type = "block" }, "3 with one already, 1 without an open disk"},
		"node tags":           {func(_ *facts.Snapshot, v *facts.LHVolume) { v.NodeSelector = []string{"ssd"} }, "4 without the volume's node tags"},
		"node tags that it has": {func(s *facts.Snapshot, v *facts.LHVolume) {
			v.NodeSelector = []string{"ssd"}
			lhNodeNamed(s, "worker-2").Tags = []string{"fast", "ssd"}
		}, ""},
		"tags for those who ask": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			lhNodeNamed(s, "worker-2").Tags = []string{"ssd"}
			s.Longhorn.Settings["allow-empty-node-selector-volume"] = "false"
		}, "3 with one already, 1 without the volume's node tags"},
		"disk tags": {func(_ *facts.Snapshot, v *facts.LHVolume) { v.DiskSelector = []string{"nvme"} }, "3 with one already, 1 without the volume's disk tags"},
		"promised to others": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			d := &lhNodeNamed(s, "worker-2").Disks[0]
			d.MaximumBytes, d.AvailableBytes, d.ReservedBytes, d.ScheduledBytes = 100*gib, 90*gib, 0, 95*gib
			s.Longhorn.Settings["storage-over-provisioning-percentage"] = "100"
		}, "3 with one already, 1 without room"},
		"full": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			d := &lhNodeNamed(s, "worker-2").Disks[0]
			d.MaximumBytes, d.AvailableBytes = 100*gib, 20*gib
			s.Longhorn.Settings["storage-minimal-available-percentage"] = `{"v1":"25","v2":"10"}`
		}, "3 with one already, 1 without room"},
		"copies may share a node": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			lhNodeNamed(s, "worker-2").AllowScheduling = false
			s.Longhorn.Settings["replica-soft-anti-affinity"] = "true"
		}, ""},
		"zones may not be shared": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			s.Longhorn.Settings["replica-zone-soft-anti-affinity"] = "false"
			lhNodeNamed(s, "worker-2").Zone = lhNodeNamed(s, "worker-3").Zone
		}, "1 in a zone with one already, 3 with one already"},
		"another disk of a node that is emptied": {func(s *facts.Snapshot, _ *facts.LHVolume) {
			lhNodeNamed(s, "worker-2").AllowScheduling = false
			n := lhNodeNamed(s, "worker-3")
			n.Disks[0].EvictionRequested = true
			other := n.Disks[0]
			other.Name, other.UUID, other.EvictionRequested = "second", "other", false
			n.Disks = append(n.Disks, other)
		}, ""},
	} {
		s := healthy()
		c.change(s, volumeOf(s, stopped))
		in := &Input{Snapshot: s, shared: &shared{snapshot: s}}
		volumes := in.volumeHealths()
		for i := range volumes {
			if volumes[i].ClaimName != stopped {
				continue
			}
			want := c.want
			if want != "" {
				want = fmt.Sprintf("no node may take another copy (%s)", want)
			}
			if got := in.room().none(&volumes[i]); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}
