package replica_test

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

func TestPlacement(t *testing.T) {
	const gib = 1 << 30
	disk := &facts.LHDisk{MaximumBytes: 200 * gib, ReservedBytes: 100 * gib, Tags: []string{"ssd"}}
	node := &facts.LHNode{Tags: []string{"fast", "storage"}}
	absent := replica.NewPlacement(nil, lhsetting.V1, replica.LeastPromised)
	set := replica.NewPlacement(map[string]string{
		"replica-soft-anti-affinity": "true", "replica-zone-soft-anti-affinity": "false", "replica-disk-soft-anti-affinity": `{"v1":"false","v2":"true"}`,
		"disable-scheduling-on-cordoned-node": "false", "allow-empty-node-selector-volume": "false", "allow-empty-disk-selector-volume": "false",
		"storage-minimal-available-percentage": "25", "storage-over-provisioning-percentage": "200", replica.RebuildLimit: "0",
	}, lhsetting.V1, replica.LeastPromised)
	if p := absent; !p.Rebuilds || p.SoftNode || !p.SoftZone || !p.SoftDisk || p.Cordoned || p.MinimalAvailable != 10 {
		t.Errorf("without settings: %+v", p)
	}
	if p := set; p.Rebuilds || !p.SoftNode || p.SoftZone || p.SoftDisk || !p.Cordoned || p.MinimalAvailable != 25 {
		t.Errorf("with all settings changed: %+v", p)
	}
	about := func(got, want int64) bool { return got > want-1000 && got <= want }
	if got := absent.Promisable(disk); !about(got, 100*gib) {
		t.Errorf("%d bytes are promised by default", got)
	}
	if got := set.Promisable(disk); !about(got, 200*gib) {
		t.Errorf("%d bytes are promised at 200 %%", got)
	}
	for name, c := range map[string]struct {
		selector  []string
		free, set bool // without settings, and where tags are kept for those who ask
	}{
		"nothing asked":   {nil, true, false},
		"one of the tags": {[]string{"storage"}, true, true},
		"both tags":       {[]string{"fast", "storage"}, true, true},
		"another tag":     {[]string{"fast", "hdd"}, false, false},
	} {
		v := &facts.LHVolume{NodeSelector: c.selector}
		if absent.SuitsNode(v, node) != c.free || set.SuitsNode(v, node) != c.set {
			t.Errorf("%s: a node with tags suits: %t by default, %t where they are kept", name, absent.SuitsNode(v, node), set.SuitsNode(v, node))
		}
	}
	if plain := (&facts.LHVolume{}); !set.SuitsNode(plain, &facts.LHNode{}) || !absent.SuitsDisk(plain, disk) || set.SuitsDisk(plain, disk) {
		t.Error("a volume that asks for nothing goes where there are no tags, and elsewhere only where that is allowed")
	}
}

func TestSameEngine(t *testing.T) {
	for _, c := range []struct {
		engine, disk string
		want         bool
	}{{"", "", true}, {"v1", "filesystem", true}, {"v1", "block", false}, {"v2", "block", true}, {"v2", "filesystem", false}} {
		if got := replica.SameEngine(&facts.LHVolume{DataEngine: c.engine}, &facts.LHDisk{Type: c.disk}); got != c.want {
			t.Errorf("engine %q on a disk of type %q: %t", c.engine, c.disk, got)
		}
	}
}

// TestGaps: a list that is empty as a whole says nothing, unless there is nothing
// that it should have.
func TestGaps(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot)
		want   string // in what is said
	}{
		"healthy":            {func(*facts.Snapshot) {}, ""},
		"no replica":         {func(s *facts.Snapshot) { s.Longhorn.Replicas = nil }, "not one replica"},
		"no Kubernetes node": {func(s *facts.Snapshot) { s.Kube.Nodes = nil }, "Kubernetes listed no node"},
		"no Longhorn node":   {func(s *facts.Snapshot) { s.Longhorn.Nodes = nil }, "Longhorn listed no node"},
		"no volume":          {func(s *facts.Snapshot) { s.Longhorn = facts.Longhorn{} }, ""},
		"never used": {func(s *facts.Snapshot) {
			s.Longhorn.Volumes, s.Longhorn.Replicas = []facts.LHVolume{{Name: "new", State: "detached"}}, nil
		}, ""},
		"sharded only": {func(s *facts.Snapshot) {
			s.Longhorn.Volumes, s.Longhorn.Replicas = []facts.LHVolume{{Name: "wide", State: "attached", Sharded: true}}, nil
		}, ""},
	} {
		s := world.Healthy(world.Small)
		c.change(s)
		if got := replica.Gaps(s); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
