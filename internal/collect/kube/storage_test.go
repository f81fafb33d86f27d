package kube

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/facts"
)

func TestBacking(t *testing.T) {
	type pvs = corev1.PersistentVolumeSource
	for _, tt := range []struct {
		source         pvs
		driver, handle string
	}{
		{pvs{}, "", ""},
		{pvs{CSI: &corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-1"}}, "ebs.csi.aws.com", "vol-1"},
		{pvs{NFS: &corev1.NFSVolumeSource{Server: "nfs.example.org", Path: "/homes/a"}}, "nfs", "nfs.example.org:/homes/a"},
		{pvs{Local: &corev1.LocalVolumeSource{Path: "/mnt/a"}}, "local", "/mnt/a"},
		{pvs{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}, "hostPath", "/data"},
		{pvs{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "disk-1"}}, "gcePersistentDisk", "disk-1"},
		{pvs{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-2"}}, "awsElasticBlockStore", "vol-2"},
		{pvs{AzureDisk: &corev1.AzureDiskVolumeSource{DiskName: "d", DataDiskURI: "https://d.vhd"}}, "azureDisk", "https://d.vhd"},
		{pvs{AzureDisk: &corev1.AzureDiskVolumeSource{DiskName: "d"}}, "azureDisk", "d"},
		{pvs{AzureFile: &corev1.AzureFilePersistentVolumeSource{ShareName: "s"}}, "azureFile", "s"},
		{pvs{RBD: &corev1.RBDPersistentVolumeSource{RBDPool: "rbd", RBDImage: "img"}}, "rbd", "rbd/img"},
		{pvs{CephFS: &corev1.CephFSPersistentVolumeSource{Path: "/a"}}, "cephfs", "/a"},
		{pvs{ISCSI: &corev1.ISCSIPersistentVolumeSource{TargetPortal: "10.0.0.1:3260", IQN: "iqn.x", Lun: 2}}, "iscsi", "10.0.0.1:3260/iqn.x/2"},
		{pvs{FC: &corev1.FCVolumeSource{WWIDs: []string{"a", "b"}}}, "fc", "a,b"},
		{pvs{Cinder: &corev1.CinderPersistentVolumeSource{VolumeID: "c"}}, "cinder", "c"},
		{pvs{VsphereVolume: &corev1.VsphereVirtualDiskVolumeSource{VolumePath: "[ds] a"}}, "vsphereVolume", "[ds] a"},
		{pvs{Glusterfs: &corev1.GlusterfsPersistentVolumeSource{Path: "g"}}, "glusterfs", "g"},
		{pvs{FlexVolume: &corev1.FlexPersistentVolumeSource{Driver: "acme/flex"}}, "acme/flex", ""},
		{pvs{PortworxVolume: &corev1.PortworxVolumeSource{VolumeID: "p"}}, "portworxVolume", "p"},
		{pvs{StorageOS: &corev1.StorageOSPersistentVolumeSource{VolumeName: "s"}}, "storageos", "s"},
		{pvs{ScaleIO: &corev1.ScaleIOPersistentVolumeSource{VolumeName: "v"}}, "scaleIO", "v"},
		{pvs{Quobyte: &corev1.QuobyteVolumeSource{Volume: "q"}}, "quobyte", "q"},
		{pvs{Flocker: &corev1.FlockerVolumeSource{DatasetName: "f"}}, "flocker", "f"},
		{pvs{PhotonPersistentDisk: &corev1.PhotonPersistentDiskVolumeSource{PdID: "p"}}, "photonPersistentDisk", "p"},
	} {
		if driver, handle := backing(&tt.source); driver != tt.driver || handle != tt.handle {
			t.Errorf("backing(%+v) = %q, %q, want %q, %q", tt.source, driver, handle, tt.driver, tt.handle)
		}
	}
}

func TestPinnedTo(t *testing.T) {
	term := func(key string, op corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: op, Values: values}}}
	}
	got := pinnedTo(&corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
		term("kubernetes.io/hostname", "In", "b", "a"), term("kubernetes.io/hostname", "NotIn", "z"),
		term("topology.kubernetes.io/zone", "In", "zone-1"), term("kubernetes.io/hostname", "In", "a"),
		{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "In", Values: []string{"c"}}}},
	}}})
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q", got)
	}
	for key, pinned := range map[string]bool{"openebs.io/nodename": true, "openebs.io/nodeid": true, "topology.topolvm.io/node": true,
		"topology.topolvm.cybozu.com/node": true, "topology.lvm.csi/node": true, "topology.hostpath.csi/node": true, "linbit.com/hostname": true,
		"directpv.min.io/node": true, "org.democratic-csi.topology/node": true, "topology.ebs.csi.aws.com/zone": false, "linbit.com/sp-thin": false} {
		got := pinnedTo(&corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term(key, "In", "w1")}}})
		if slices.Equal(got, []string{"w1"}) != pinned || len(got) > 1 {
			t.Errorf("%s pins to %q", key, got)
		}
	}
	for _, none := range []*corev1.VolumeNodeAffinity{nil, {}, {Required: &corev1.NodeSelector{}}} {
		if got := pinnedTo(none); got != nil {
			t.Errorf("pinnedTo(%v) = %q", none, got)
		}
	}
}

func TestCephPool(t *testing.T) {
	for name, tt := range map[string]struct {
		driver     string
		attributes map[string]string
		pool, of   string
	}{
		"Rook's block":   {"rook-ceph.rbd.csi.ceph.com", map[string]string{"clusterID": "ceph-1", "pool": "replicapool"}, "replicapool", "ceph-1"},
		"erasure-coded":  {"rook-ceph.rbd.csi.ceph.com", map[string]string{"pool": "header", "dataPool": "ec"}, "ec", "rook-ceph"},
		"ceph-csi's own": {"rbd.csi.ceph.com", map[string]string{"clusterID": "b9127830-b0cc", "pool": "rbd"}, "rbd", "b9127830-b0cc"},
		"a file system":  {"rook-ceph.cephfs.csi.ceph.com", map[string]string{"fsName": "myfs", "pool": "myfs-fast"}, "myfs-fast", "rook-ceph"},
		"its first pool": {"rook-ceph.cephfs.csi.ceph.com", map[string]string{"fsName": "myfs"}, "myfs", "rook-ceph"},
		"nothing told":   {"rbd.csi.ceph.com", nil, "", ""},
		"another driver": {"driver.longhorn.io", map[string]string{"pool": "x", "clusterID": "y"}, "", ""},
		"NFS on Ceph":    {"rook-ceph.nfs.csi.ceph.com", map[string]string{"fsName": "myfs"}, "", ""},
		"no driver":      {"", nil, "", ""},
	} {
		if pool, of := cephPool(tt.driver, tt.attributes); pool != tt.pool || of != tt.of {
			t.Errorf("%s: %q of %q, want %q of %q", name, pool, of, tt.pool, tt.of)
		}
	}
}

func TestPools(t *testing.T) {
	tables := NewTables()
	put := func(source, raw string) {
		for _, r := range tables.Resources() {
			if r.Source == source && !r.Put(r.Len(), []byte(raw)) {
				t.Fatalf("%s: %v", raw, r.Err())
			}
		}
	}
	put(facts.CephBlockPools, `{"metadata":{"namespace":"r","name":"builtin-mgr"},"spec":{"name":".mgr","replicated":{"size":1}}}`)
	put(facts.CephBlockPools, `{"metadata":{"namespace":"r","name":"bare"}}`)
	put(facts.CephFilesystems, `{"metadata":{"namespace":"r","name":"fs"},"spec":{"preservePoolNames":true,"dataPools":[{"name":"own","failureDomain":"osd","replicated":{"size":"2"}}]}}`)
	put(facts.CephFilesystems, `{"metadata":{"namespace":"q","name":"empty"},"spec":null}`)
	want := []facts.CephPool{
		{Namespace: "r", Name: ".mgr", Kind: "CephBlockPool", Size: 1, FailureDomain: "host"},
		{Namespace: "r", Name: "bare", Kind: "CephBlockPool", FailureDomain: "host"},
		{Namespace: "r", Name: "own", Kind: "CephFilesystem", Size: 2, FailureDomain: "osd"}}
	for range 2 { // asking twice gives the same
		if diff := cmp.Diff(want, tables.Facts().Pools); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestDefaults(t *testing.T) {
	if c := storageClass(&storagev1.StorageClass{Parameters: map[string]string{"numberOfReplicas": "many"}}); c.ReclaimPolicy != "Delete" || c.BindingMode != "Immediate" || c.Replicas != 0 {
		t.Errorf("storage class: %+v", c)
	}
	if c := storageClass(&storagev1.StorageClass{Provisioner: mayastor, Parameters: map[string]string{"numberOfReplicas": "3", "repl": "2", "dataLocality": "strict-local"}}); c.Replicas != 2 || c.DataLocality != "strict-local" {
		t.Errorf("storage class: %+v", c)
	}
	if n := node(&corev1.Node{}); n.Ready != "Unknown" {
		t.Errorf("a node nobody reported of is %q, want Unknown", n.Ready)
	}
	old := claim(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.BetaStorageClassAnnotation: "gp2"}}})
	if old.StorageClass != "gp2" || old.HasUser || !old.Created.IsZero() || !old.Deleting.IsZero() {
		t.Errorf("claim: %+v", old)
	}
}
