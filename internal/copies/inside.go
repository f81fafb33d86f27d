package copies

import (
	"net/netip"
	"slices"
	"strings"
)

// insideDrivers are CSI drivers, and the ends of the names of some, whose
// snapshots lie in the storage that the volume lies in.
var insideDrivers = []string{"driver.longhorn.io", "rbd.csi.ceph.com", "cephfs.csi.ceph.com", mayastorDriver, linstorDriver,
	"topolvm.io", "topolvm.cybozu.com", "zfs.csi.openebs.io", "local.csi.openebs.io", "cstor.csi.openebs.io", "hostpath.csi.k8s.io",
	"nfs.csi.k8s.io", "csi.piraeus.io", "org.democratic-csi.zfs-local-dataset", "org.democratic-csi.zfs-local-zvol"}

// SnapshotsInside tells whether a driver keeps snapshots with their volumes, on
// storage that is no cloud's. Of a driver that is not known it is false.
func SnapshotsInside(driver string) bool {
	return slices.ContainsFunc(insideDrivers, func(name string) bool { return driver == name || strings.HasSuffix(driver, "."+name) })
}

// ServiceAddress tells whether an address is within the ranges that distributions
// of Kubernetes give to Services. It may be another machine's all the same.
func ServiceAddress(address netip.Addr) bool {
	return slices.ContainsFunc(serviceRanges, func(r netip.Prefix) bool { return r.Contains(address) })
}
