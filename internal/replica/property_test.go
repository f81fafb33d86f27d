package replica_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
)

// chooser makes the choices of a generated cluster.
type chooser func(n int) int

func pick[T any](c chooser, from ...T) T { return from[c(len(from))] }

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// cluster makes nodes, disks and replicas in all states: most are well, so that
// good replicas are not rare.
func (c chooser) cluster() *facts.Snapshot {
	s := &facts.Snapshot{Now: now}
	times := []time.Time{{}, now.Add(-48 * time.Hour), now.Add(-24 * time.Hour), now}
	yes := func(rare int) bool { return c(rare) == 0 }
	for n := range 3 {
		name := fmt.Sprintf("n%d", n)
		if !yes(6) {
			s.Kube.Nodes = append(s.Kube.Nodes, facts.Node{Name: name, Created: pick(c, times[1:]...), Unschedulable: yes(6),
				Ready: pick(c, "True", "True", "True", "False", "Unknown", "")})
		}
		if yes(6) {
			continue
		}
		node := facts.LHNode{Name: name, Created: pick(c, times[1:]...), Ready: pick(c, "True", "True", "True", "False", ""),
			ReadySince: pick(c, times...), EvictionRequested: yes(6)}
		own := fmt.Sprintf("d%d", n)
		for d := range c(4) {
			node.Disks = append(node.Disks, facts.LHDisk{Name: fmt.Sprint(d), UUID: pick(c, own, own, own, "", "d0", "d1", "d2"),
				Ready: pick(c, "True", "True", "True", "False", ""), EvictionRequested: yes(6)})
		}
		s.Longhorn.Nodes = append(s.Longhorn.Nodes, node)
	}
	for v := range 3 {
		s.Longhorn.Volumes = append(s.Longhorn.Volumes, facts.LHVolume{Name: fmt.Sprintf("v%d", v), Sharded: yes(4), Deleting: facts.At(rarely(yes, now))})
	}
	for r := range 6 {
		on := c(3)
		s.Longhorn.Replicas = append(s.Longhorn.Replicas, facts.LHReplica{Name: fmt.Sprintf("r%d", r), Volume: pick(c, "v0", "v1", "v2", "v3"),
			NodeID: pick(c, fmt.Sprintf("n%d", on), fmt.Sprintf("n%d", on), "n3", ""), DiskID: pick(c, fmt.Sprintf("d%d", on), fmt.Sprintf("d%d", on), "d0", ""),
			Active: !yes(6), HealthyAt: facts.At(pick(c, times...)),
			LastHealthyAt: facts.At(pick(c, times...)), FailedAt: facts.At(rarely(yes, now)), Deleting: facts.At(rarely(yes, now)), EvictionRequested: yes(6),
			LinkedCloneSource: pick(c, "", "", "", "", "", "", "r0", "r1", "r5", "r9")})
	}
	for i := range 4 {
		s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: fmt.Sprintf("s%d", i), Group: pick(c, "v0", "v1"), Slot: c(3),
			NodeID: pick(c, "n0", "n1", "n2", ""), DiskID: pick(c, "d0", "d1", "d2"), State: pick(c, "normal", "normal", "failed", "replacing", "")})
	}
	if !yes(4) {
		s.Longhorn.ShardGroups = []facts.LHShardGroup{{Name: "v0", DataChunks: c(3), ParityChunks: 1}}
	}
	return s
}

func rarely(yes func(int) bool, t time.Time) time.Time {
	if yes(6) {
		return t
	}
	return time.Time{}
}

// witness is the rule for a usable replica in one expression per clause, written
// without the judge. depth ends chains of clones.
func witness(s *facts.Snapshot, r *facts.LHReplica, depth int) bool {
	record := r.Deleting.IsZero() && r.Active && !r.HealthyAt.IsZero() && r.FailedAt.IsZero()
	inKubernetes := slices.ContainsFunc(s.Kube.Nodes, func(n facts.Node) bool {
		return n.Name == r.NodeID && n.Ready != "False" && n.Ready != "Unknown"
	})
	onDisk := r.DiskID != "" && slices.ContainsFunc(s.Longhorn.Nodes, func(n facts.LHNode) bool {
		return n.Name == r.NodeID && n.Ready == "True" &&
			slices.ContainsFunc(n.Disks, func(d facts.LHDisk) bool { return d.UUID == r.DiskID && d.Ready == "True" })
	})
	source := r.LinkedCloneSource == ""
	if i := slices.IndexFunc(s.Longhorn.Replicas, func(o facts.LHReplica) bool { return o.Name == r.LinkedCloneSource }); !source && i >= 0 && depth < 20 {
		of := &s.Longhorn.Replicas[i]
		source = witness(s, of, depth+1) && slices.ContainsFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool {
			return v.Name == of.Volume && v.Deleting.IsZero()
		})
	}
	return record && inKubernetes && onDisk && source
}

// hold checks what must be true of every judgement of every cluster.
func hold(t *testing.T, s *facts.Snapshot) (usable int) {
	t.Helper()
	c := replica.NewCluster(s)
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		j := c.Judge(r)
		if want := witness(s, r, 0); j.Usable() != want {
			t.Errorf("%+v is usable %t, want %t: %v", r, j.Usable(), want, j.Reasons)
		}
		if j.Usable() && (j.Away() || j.Unverified || !j.Since.IsZero()) || !j.Usable() && j.Leaving || j.Away() && j.Unverified {
			t.Errorf("%+v is judged %+v", r, j)
		}
		if j.Usable() {
			usable++
		}
	}
	volumes := replica.Volumes(s, c)
	for i := range volumes {
		v := &volumes[i]
		if v.Need < 1 || v.Copies() < 0 || v.Copies() > max(len(v.Replicas), len(v.Shards)) || v.Usable > max(len(v.Replicas), len(v.Shards)) {
			t.Errorf("%s needs %d, has %d usable of %d replicas and %d shards, %d copies", v.Name, v.Need, v.Usable, len(v.Replicas), len(v.Shards), v.Copies())
		}
	}
	return usable
}

func TestJudgeAgreesWithWitness(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	usable, clusters := 0, 20000
	for range clusters {
		usable += hold(t, chooser(random.IntN).cluster())
		if t.Failed() {
			return
		}
	}
	if share := float64(usable) / float64(6*clusters); share < 0.005 {
		t.Errorf("only %.3f of the generated replicas are usable", share)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	f.Add([]byte{5, 4, 3, 2, 1, 0, 255, 128, 64, 9, 8, 7, 6, 5, 4, 3, 2, 1, 11, 13, 17, 19, 23})
	f.Fuzz(func(t *testing.T, choices []byte) {
		i := 0
		hold(t, chooser(func(n int) int {
			i++
			if i > len(choices) {
				return n - 1
			}
			return int(choices[i-1]) % n
		}).cluster())
	})
}
