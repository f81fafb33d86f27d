package copies_test

import (
	"fmt"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// What is left when nodes go.
func TestLeft(t *testing.T) {
	type answer struct {
		copies int
		known  bool
	}
	zoned := func(s *facts.Snapshot) { s.Kube.Nodes[3].Zone = "" } // worker-1 is in zone-2, worker-2 in zone-3, worker-3 in zone-1
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		gone   []string
		want   answer
	}{
		"local, its node":         {volume("local", "/d", on("worker-2")), []string{"worker-2"}, answer{0, true}},
		"local, another":          {volume("local", "/d", on("worker-2")), []string{"worker-1"}, answer{1, true}},
		"local, gone before":      {volume("local", "/d", on("worker-9")), nil, answer{0, true}},
		"one of two, not known":   {volume("local", "/d", on("worker-1", "worker-2")), []string{"worker-1"}, answer{0, false}},
		"one of two, both":        {volume("local", "/d", on("worker-1", "worker-2")), []string{"worker-1", "worker-2"}, answer{0, true}},
		"LINSTOR, one of two":     {volume("linstor.csi.linbit.com", "x", on("worker-1", "worker-2")), []string{"worker-1"}, answer{1, true}},
		"not known":               {volume("csi.example.com", "x"), nil, answer{0, false}},
		"outside, all":            {volume("ebs.csi.aws.com", "x"), []string{"worker-1", "worker-2", "worker-3", "worker-4"}, answer{1, true}},
		"pool, none":              {both(volume("rbd.csi.ceph.com", "x", in("p", "")), pool(replicated)), nil, answer{3, true}},
		"pool, two":               {both(volume("rbd.csi.ceph.com", "x", in("p", "")), pool(replicated)), []string{"worker-1", "worker-2"}, answer{1, true}},
		"pool, as many as it has": {both(volume("rbd.csi.ceph.com", "x", in("p", "")), pool(replicated)), []string{"worker-1", "worker-2", "worker-3"}, answer{0, false}},
		"pool, not one of ours":   {both(volume("rbd.csi.ceph.com", "x", in("p", "")), pool(replicated)), []string{"worker-9"}, answer{3, true}},
		"osds, one node":          {both(volume("rbd.csi.ceph.com", "x", in("fs-one", "")), pool(single)), []string{"worker-1"}, answer{0, false}},
		"osds, none":              {both(volume("rbd.csi.ceph.com", "x", in("fs-one", "")), pool(single)), nil, answer{1, true}},
		"zones, two nodes of one": {both(volume("rbd.csi.ceph.com", "x", in("ec", "")), pool(erasure)), []string{"worker-1", "worker-4"}, answer{2, true}},
		"zones, one of each":      {both(volume("rbd.csi.ceph.com", "x", in("ec", "")), pool(erasure)), []string{"worker-1", "worker-2"}, answer{1, true}},
		"zones, one without":      {both(volume("rbd.csi.ceph.com", "x", in("ec", "")), pool(erasure), zoned), []string{"worker-1", "worker-4"}, answer{1, true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			c.change(s)
			copies, known := all(s)[0].Left(these(c.gone...))
			if got := (answer{copies, known}); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func both(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, c := range changes {
			c(s)
		}
	}
}

// Adding nodes to those that are gone never leaves more, and what is known stays
// so with fewer.
func FuzzLeft(f *testing.F) {
	f.Add("local", "/d", "worker-1,worker-2", "p", uint8(3))
	f.Add("rook.rbd.csi.ceph.com", "x", "", "ec", uint8(7))
	f.Add("nfs", "10.96.0.1:/x", "", "", uint8(15))
	f.Add("nfs.csi.k8s.io", "#", "", "", uint8(15))
	f.Add("iscsi", "[::1]:3260/iqn/0", "worker-4", "", uint8(1))
	f.Fuzz(func(t *testing.T, driver, handle, nodes, poolName string, gone uint8) {
		s := world.Healthy(world.Size{Users: 1, Nodes: 4, Replicas: 3})
		volume(driver, handle, in(poolName, ""))(s)
		if nodes != "" {
			s.Kube.Volumes[0].NodeNames = strings.Split(nodes, ",")
		}
		s.Kube.Pools = []facts.CephPool{replicated, erasure, single, double}
		data := all(s)
		for i := range data {
			d := &data[i]
			before, _ := d.Left(nobody)
			for n := range 4 {
				fewer := these(taken(gone &^ (1 << n))...)
				some, known := d.Left(fewer)
				more, stillKnown := d.Left(these(taken(gone)...))
				if some < 0 || known && stillKnown && more > some || known && some > before {
					t.Errorf("%s: %d copies, %d without fewer nodes, %d without %b", place(d), before, some, more, gone)
				}
			}
		}
	})
}

// taken names the workers whose bits are set.
func taken(bits uint8) (names []string) {
	for n := range 4 {
		if bits&(1<<n) != 0 {
			names = append(names, fmt.Sprintf("worker-%d", n+1))
		}
	}
	return names
}
