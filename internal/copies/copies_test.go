package copies_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/copies"
	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/world"
)

func all(s *facts.Snapshot) []copies.Data {
	return copies.All(s, replica.Volumes(s, replica.NewCluster(s)))
}

func nobody(string) bool { return false }

func these(names ...string) func(string) bool {
	return func(node string) bool { return slices.Contains(names, node) }
}

// volume is one PersistentVolume of claim hub/home beside the healthy world's.
func volume(driver, handle string, change ...func(*facts.Volume)) func(*facts.Snapshot) {
	v := facts.Volume{Name: "a", Phase: "Bound", Driver: driver, Handle: handle, StorageClass: "class", ClaimNamespace: "hub", ClaimName: "home"}
	for _, c := range change {
		c(&v)
	}
	return func(s *facts.Snapshot) { s.Kube.Volumes = append([]facts.Volume{v}, s.Kube.Volumes...) }
}

func on(nodes ...string) func(*facts.Volume) { return func(v *facts.Volume) { v.NodeNames = nodes } }

func in(pool, of string) func(*facts.Volume) {
	return func(v *facts.Volume) { v.Pool, v.PoolOf = pool, of }
}

func class(c facts.StorageClass) func(*facts.Snapshot) {
	c.Name = "class"
	return func(s *facts.Snapshot) { s.Kube.StorageClasses = append(s.Kube.StorageClasses, c) }
}

func pool(p facts.CephPool) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { s.Kube.Pools = append(s.Kube.Pools, p) }
}

func pod(node, phase string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: "hub", Name: node, Phase: phase, Node: node, Claims: []string{"home"}})
	}
}

func oneNode(s *facts.Snapshot) { s.Kube.Nodes = s.Kube.Nodes[:1] }

var (
	replicated = facts.CephPool{Namespace: "rook", Name: "p", Kind: "CephBlockPool", Size: 3, FailureDomain: "host"}
	erasure    = facts.CephPool{Namespace: "rook", Name: "ec", Kind: "CephBlockPool", DataChunks: 4, CodingChunks: 2, FailureDomain: "zone"}
	single     = facts.CephPool{Namespace: "rook", Name: "fs-one", Kind: "CephFilesystem", Size: 1, FailureDomain: "osd"}
	double     = facts.CephPool{Namespace: "rook", Name: "fs-two", Kind: "CephFilesystem", Size: 2, FailureDomain: "host"}
)

// place is where a volume's data lies, in short.
func place(d *copies.Data) string {
	var nodes []string
	for _, p := range d.Pieces {
		nodes = append(nodes, p.Node)
	}
	switch {
	case d.Unknown != "":
		return "unknown: " + d.Unknown
	case d.Outside:
		return "outside"
	case d.Pool():
		return fmt.Sprintf("pool %q survives %d %s", d.PoolName, d.Failures, d.Domain)
	}
	return strings.Join(nodes, " ")
}

func TestPlaces(t *testing.T) {
	const local, hostPath, rbd, cephFS, mayastor = "local", "hostPath", "rook.rbd.csi.ceph.com", "rook.cephfs.csi.ceph.com", "io.openebs.csi-mayastor"
	type changes []func(*facts.Snapshot)
	for name, c := range map[string]struct {
		change changes
		want   string
	}{
		"local":                        {changes{volume(local, "/d", on("worker-2"))}, "worker-2"},
		"local on a node that is gone": {changes{volume(local, "/d", on("worker-9"))}, ""},
		"local without affinity":       {changes{volume(local, "/d")}, `unknown: driver "local" does not show where its data lies`},
		"local on one of several": {changes{volume(local, "/d", on("worker-1", "worker-2"))},
			"unknown: it may be used on nodes worker-1, worker-2, and which of them have the data is not known"},
		"LVM of a driver that nobody listed": {changes{volume("lvm.example.com", "x", on("worker-2"))}, "worker-2"},
		"LINSTOR on two nodes":               {changes{volume("linstor.csi.linbit.com", "x", on("worker-1", "worker-2"))}, "worker-1 worker-2"},
		"hostPath with affinity":             {changes{volume(hostPath, "/d", on("worker-3"))}, "worker-3"},
		"hostPath of a running pod":          {changes{volume(hostPath, "/d"), pod("worker-3", "Running")}, "worker-3"},
		"hostPath of two pods on one node":   {changes{volume(hostPath, "/d"), pod("worker-3", "Running"), pod("worker-3", "Running")}, "worker-3"},
		"hostPath of pods on two nodes": {changes{volume(hostPath, "/d"), pod("worker-3", "Running"), pod("worker-1", "Running")},
			"unknown: it is a folder of a node (hostPath), and nothing tells of which"},
		"hostPath of a pod that ended": {changes{volume(hostPath, "/d"), pod("worker-3", "Succeeded")},
			"unknown: it is a folder of a node (hostPath), and nothing tells of which"},
		"hostPath where there is one node": {changes{volume(hostPath, "/d"), oneNode}, "worker-1"},
		"EBS":                              {changes{volume("ebs.csi.aws.com", "vol-1", on("worker-1"))}, "outside"},
		"a disk of Google's, in-tree":      {changes{volume("gcePersistentDisk", "d")}, "outside"},
		"NFS of a filer":                   {changes{volume("nfs", "filer.example.org:/homes")}, "outside"},
		"NFS of an address":                {changes{volume("nfs", "192.0.2.7:/homes")}, "outside"},
		"NFS of a service's address":       {changes{volume("nfs", "10.96.12.7:/homes")}, `unknown: its NFS server "10.96.12.7" may be a pod of this cluster, and where that keeps its data is not known`},
		"NFS of a service":                 {changes{volume("nfs", "nfs.storage.svc.cluster.local:/")}, `unknown: its NFS server "nfs.storage.svc.cluster.local" may be a pod of this cluster, and where that keeps its data is not known`},
		"NFS of a provisioner's own server": {changes{volume("nfs", "192.0.2.7:/homes"), class(facts.StorageClass{Provisioner: "cluster.local/nfs-server-provisioner"})},
			`unknown: its NFS server "192.0.2.7" may be a pod of this cluster, and where that keeps its data is not known`},
		"NFS by CSI":                     {changes{volume("nfs.csi.k8s.io", "filer.example.org#homes#pvc-1#")}, "outside"},
		"iSCSI":                          {changes{volume("iscsi", "192.0.2.7:3260/iqn.2001-04.com.example:x/0")}, "outside"},
		"iSCSI by OpenEBS":               {changes{volume("iscsi", "192.0.2.7:3260/iqn.2016-09.com.openebs.jiva:x/0")}, `unknown: its iSCSI server "192.0.2.7" may be a pod of this cluster, and where that keeps its data is not known`},
		"of a kind that is not known":    {changes{volume("", "")}, "unknown: its kind of storage is not known"},
		"of a driver that does not tell": {changes{volume("csi.example.com", "x")}, `unknown: driver "csi.example.com" does not show where its data lies`},
		"Longhorn without a record":      {changes{volume("driver.longhorn.io", "a")}, "unknown: Longhorn has no volume of that name on record"},
		"a pool":                         {changes{volume(rbd, "x", in("p", "rook")), pool(replicated)}, `pool "rook/p" survives 2 host`},
		"a pool told by the class":       {changes{volume(rbd, "x"), class(facts.StorageClass{Pool: "ec", PoolOf: "rook"}), pool(replicated), pool(erasure)}, `pool "rook/ec" survives 2 zone`},
		"a file system, whichever pool":  {changes{volume(cephFS, "x", in("fs", "rook")), pool(double), pool(single)}, `pool "rook/fs-one" survives 0 osd`},
		"a pool of a file system":        {changes{volume(cephFS, "x", in("fs-two", "")), pool(double), pool(single)}, `pool "rook/fs-two" survives 1 host`},
		"a pool of another cluster":      {changes{volume(rbd, "x", in("p", "other")), pool(replicated)}, `unknown: pool "p" of Ceph cluster "other" is not one that Rook keeps here`},
		"a pool that is not told":        {changes{volume(rbd, "x"), pool(replicated)}, "unknown: its driver does not tell the pool of Ceph that it lies in"},
		"a pool that does not say":       {changes{volume(rbd, "x", in("p", "rook")), pool(facts.CephPool{Namespace: "rook", Name: "p"})}, "unknown: pool rook/p does not say how many copies it keeps"},
		"Ceph elsewhere":                 {changes{volume("rbd.csi.ceph.com", "x", in("p", "fsid"))}, "outside"},
		"pools that could not be read": {changes{volume(rbd, "x", in("p", "rook")), func(s *facts.Snapshot) {
			s.Sources = append(s.Sources, facts.Source{Name: facts.CephBlockPools, Status: facts.Failed, Detail: "forbidden"})
		}}, "unknown: the pools of Ceph could not be read: forbidden"},
		"Mayastor":                      {changes{volume(mayastor, "x"), class(facts.StorageClass{Replicas: 2})}, `pool "" survives 1 host`},
		"Mayastor that does not say":    {changes{volume(mayastor, "x"), class(facts.StorageClass{})}, "unknown: how many copies Mayastor keeps is not known: its storage class does not say"},
		"Mayastor of a class that went": {changes{volume(mayastor, "x")}, "unknown: how many copies Mayastor keeps is not known: its storage class does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			for _, change := range c.change {
				change(s)
			}
			d := &all(s)[0]
			if d.Name() != "a" {
				t.Fatalf("the first volume is %s", d.Name())
			}
			if got := place(d); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// The copies of Longhorn's volumes are the replicas that are usable.
func TestLonghorn(t *testing.T) {
	s := world.Healthy(world.Small)
	s.Longhorn.Nodes[0].EvictionRequested = true
	world.LoseNode(s, "worker-4")
	slices.Reverse(s.Kube.Volumes) // the order of the input does not matter
	data := all(s)
	if len(data) != len(s.Longhorn.Volumes) {
		t.Fatalf("%d data of %d volumes", len(data), len(s.Longhorn.Volumes))
	}
	for i := range data {
		d := &data[i]
		v := d.Longhorn
		if v == nil || d.PV == nil || d.PV.Handle != v.Name || d.Need != 1 || len(d.Pieces) != v.Usable || len(d.Pinned) > 0 || d.Pool() || d.Outside || d.Unknown != "" {
			t.Fatalf("%s: %+v", d.Name(), d)
		}
		for _, p := range d.Pieces {
			k := slices.IndexFunc(v.Replicas, func(r replica.Judged) bool { return r.Name == p.Replica })
			r := &v.Replicas[k]
			if p.Node != r.NodeID || p.Disk != r.DiskID || p.Evicting != (p.Node == "worker-1") || p.Zone == "" || !r.Usable() {
				t.Errorf("%s: piece %+v of replica %+v", d.Name(), p, r)
			}
		}
		left, known := d.Left(these("worker-1", "worker-2", "worker-3"))
		if all, _ := d.Left(nobody); !known || left != 0 || all != v.Usable {
			t.Errorf("%s: %d of %d left", d.Name(), left, all)
		}
		if ns, claim, bound := d.Claim(); !bound || ns != world.Namespace || claim != v.ClaimName {
			t.Errorf("%s is of claim %s/%s, bound %t", d.Name(), ns, claim, bound)
		}
	}
	if !slices.IsSortedFunc(data, func(a, b copies.Data) int { return strings.Compare(a.Name(), b.Name()) }) {
		t.Error("not sorted")
	}
}

// A volume without a PersistentVolume is of the claim that Longhorn notes, one
// with a Released one of none.
func TestClaims(t *testing.T) {
	s := world.Healthy(world.Small)
	first, second := s.Longhorn.Volumes[0].Name, s.Longhorn.Volumes[1].Name
	s.Kube.Volumes = slices.DeleteFunc(s.Kube.Volumes, func(v facts.Volume) bool { return v.Handle == first })
	for i := range s.Kube.Volumes {
		if s.Kube.Volumes[i].Handle == second {
			s.Kube.Volumes[i].Phase = "Released"
		}
	}
	s.Kube.Volumes = append(s.Kube.Volumes, facts.Volume{Name: "new", Phase: "Available", Driver: "local"})
	data := all(s)
	if len(data) != len(s.Longhorn.Volumes) || data[0].PV != nil || data[0].Name() != first {
		t.Fatalf("%d data, the first %s of %v", len(data), data[0].Name(), data[0].PV)
	}
	if _, claim, bound := data[0].Claim(); !bound || claim != "hub-db-dir" {
		t.Errorf("without a PersistentVolume: claim %s, bound %t", claim, bound)
	}
	if _, claim, bound := data[1].Claim(); bound || claim == "" {
		t.Errorf("released: claim %s, bound %t", claim, bound)
	}
	s.Longhorn.Volumes[0].LastClaimRefAt = facts.At(s.Now)
	if _, _, bound := all(s)[0].Claim(); bound {
		t.Error("a claim of the past is bound")
	}
}

func TestSharded(t *testing.T) {
	sharded := func(change func(s *facts.Snapshot)) copies.Data {
		s := world.Healthy(world.Small)
		v := &s.Longhorn.Volumes[0]
		v.Sharded = true
		s.Longhorn.ShardGroups = []facts.LHShardGroup{{Name: v.Name, DataChunks: 2, ParityChunks: 1}}
		for slot := range 3 {
			n := s.Longhorn.Nodes[slot]
			s.Longhorn.Shards = append(s.Longhorn.Shards, facts.LHShard{Name: fmt.Sprint("s", slot), Group: v.Name, Slot: slot,
				NodeID: n.Name, DiskID: n.Disks[0].UUID, State: "normal"})
		}
		world.Settle(s)
		change(s)
		return all(s)[0]
	}
	d := sharded(func(*facts.Snapshot) {})
	for want, gone := range [][]string{{"worker-1", "worker-2"}, {"worker-1"}, {"worker-4"}} {
		if got, known := d.Left(these(gone...)); got != want || !known {
			t.Errorf("without %v %d are left, known %t, want %d", gone, got, known, want)
		}
	}
	d = sharded(func(s *facts.Snapshot) { s.Longhorn.Shards[2].Slot = 1 })
	if got, _ := d.Left(nobody); got != 1 {
		t.Errorf("two shards of one slot count as %d copies", got)
	}
	if got, _ := d.Left(these("worker-2")); got != 1 {
		t.Errorf("of two shards of one slot %d copies are left without the first", got)
	}
	for want, change := range map[string]func(*facts.Snapshot){
		"its shard group is not on record, so how many shards it needs is not known": func(s *facts.Snapshot) { s.Longhorn.ShardGroups = nil },
		"its shards could not be read: gave up":                                      func(s *facts.Snapshot) { world.Fail(s, facts.LonghornShards, facts.CauseTimeout, "gave up") },
	} {
		d := sharded(change)
		if _, known := d.Left(nobody); known || d.Unknown != want {
			t.Errorf("known %t: %s, want %s", known, d.Unknown, want)
		}
	}
}

func BenchmarkAll(b *testing.B) {
	s := world.Healthy(world.Size{Users: 90909, Nodes: 50, Replicas: 3})
	volumes := replica.Volumes(s, replica.NewCluster(s))
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		if data := copies.All(s, volumes); len(data) != 100000 {
			b.Fatal(len(data))
		}
	}
}
