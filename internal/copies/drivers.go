package copies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

const (
	mayastorDriver = "io.openebs.csi-mayastor"
	linstorDriver  = "linstor.csi.linbit.com"
)

// outside are the CSI drivers and kinds whose storage is no node of the cluster
// that uses it.
var outside = set(
	"awsElasticBlockStore", "azureDisk", "azureFile", "cinder", "fc", "gcePersistentDisk", "vsphereVolume",
	"ebs.csi.aws.com", "efs.csi.aws.com", "fsx.csi.aws.com", "fsx.openzfs.csi.aws.com", "s3.csi.aws.com",
	"pd.csi.storage.gke.io", "filestore.csi.storage.gke.io", "gcsfuse.csi.storage.gke.io", "lustre.csi.storage.gke.io",
	"disk.csi.azure.com", "file.csi.azure.com", "blob.csi.azure.com",
	"cinder.csi.openstack.org", "nfs.manila.csi.openstack.org", "cephfs.manila.csi.openstack.org",
	"csi.vsphere.vmware.com", "csi.nutanix.com", "csi.trident.netapp.io", "csi.proxmox.sinextra.dev",
	"dobs.csi.digitalocean.com", "csi.hetzner.cloud", "linodebs.csi.linode.com", "block.csi.vultr.com", "csi.scaleway.com",
	"csi.exoscale.com", "storage.csi.upcloud.com", "blockvolume.csi.oraclecloud.com", "fss.csi.oraclecloud.com", "vpc.block.csi.ibm.io",
	"diskplugin.csi.alibabacloud.com", "nasplugin.csi.alibabacloud.com", "com.tencent.cloud.csi.cbs", "disk.csi.everest.io",
	"csi.san.synology.com", "csi.hpe.com", "pure-csi", "csi-isilon.dellemc.com", "csi-powerstore.dellemc.com", "csi-unity.dellemc.com",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// isCeph tells whether a driver or kind is Ceph's. Rook names the CSI drivers
// after its own namespace.
func isCeph(driver string) bool {
	for _, of := range []string{"rbd.csi.ceph.com", "cephfs.csi.ceph.com", "nfs.csi.ceph.com"} {
		if driver == of || strings.HasSuffix(driver, "."+of) {
			return true
		}
	}
	return driver == "rbd" || driver == "cephfs"
}

// ceph finds the pool that a volume lies in. Without Rook, Ceph is not on this
// cluster's nodes.
func (f *finder) ceph(d *Data) {
	pool, of := d.PV.Pool, d.PV.PoolOf
	if class := f.classes[d.PV.StorageClass]; pool == "" && class != nil {
		pool, of = class.Pool, class.PoolOf
	}
	for _, source := range []string{facts.CephBlockPools, facts.CephFilesystems} {
		if src := f.snapshot.Source(source); src.Status == facts.Failed {
			d.Unknown = "the pools of Ceph could not be read: " + src.Detail
			return
		}
	}
	found := f.pools(pool, of)
	switch {
	case len(found) > 0:
		weakest := slices.MinFunc(found, func(a, b *facts.CephPool) int { return survives(a) - survives(b) })
		name := weakest.Namespace + "/" + weakest.Name
		if weakest.Size == 0 && weakest.DataChunks == 0 {
			d.Unknown = "pool " + name + " does not say how many copies it keeps"
			return
		}
		d.Failures, d.Domain, d.PoolName = survives(weakest), weakest.FailureDomain, name
	case len(f.snapshot.Kube.Pools) == 0:
		d.Outside = true
	case pool == "":
		d.Unknown = "its driver does not tell the pool of Ceph that it lies in"
	default:
		d.Unknown = fmt.Sprintf("pool %q of Ceph cluster %q is not one that Rook keeps here", pool, of)
	}
}

// pools are those that a volume of that pool may lie in: the pool, or where only
// the file system is told all of its. A cluster that is not told may be any.
func (f *finder) pools(name, of string) []*facts.CephPool {
	if name == "" {
		return nil
	}
	var found []*facts.CephPool
	for i := range f.snapshot.Kube.Pools {
		p := &f.snapshot.Kube.Pools[i]
		named := p.Name == name || p.Kind == "CephFilesystem" && strings.HasPrefix(p.Name, name+"-")
		if named && (of == "" || of == p.Namespace) {
			found = append(found, p)
		}
	}
	return found
}

// survives is how many losses of its failure domain a pool survives.
func survives(p *facts.CephPool) int {
	if p.Size > 0 {
		return p.Size - 1
	}
	return p.CodingChunks
}

// mayastor spreads the copies that the volume's class asks for over nodes.
func (f *finder) mayastor(d *Data) {
	class := f.classes[d.PV.StorageClass]
	if class == nil || class.Replicas == 0 {
		d.Unknown = "how many copies Mayastor keeps is not known: its storage class does not say"
		return
	}
	d.Failures, d.Domain = class.Replicas-1, "host"
}

// served is data on a server of the network, which may be a pod of this cluster.
func (f *finder) served(d *Data) {
	server, _, _ := strings.Cut(d.PV.Handle, ":")
	kind := "NFS"
	switch d.PV.Driver {
	case "nfs.csi.k8s.io": // SERVER#SHARE#NAME, or anything where somebody wrote it by hand
		server, _, _ = strings.Cut(d.PV.Handle, "#")
	case "iscsi":
		kind = "iSCSI"
	}
	class := f.classes[d.PV.StorageClass]
	byPod := class != nil && (strings.Contains(class.Provisioner, "nfs-server-provisioner") || strings.Contains(class.Provisioner, "nfs-ganesha"))
	if byPod || inCluster(server) || strings.Contains(d.PV.Handle, "openebs") {
		d.Unknown = fmt.Sprintf("its %s server %q may be a pod of this cluster, and where that keeps its data is not known", kind, server)
		return
	}
	d.Outside = true
}

// serviceRanges are where distributions of Kubernetes put their services'
// addresses unless told otherwise.
var serviceRanges = []netip.Prefix{
	netip.MustParsePrefix("10.96.0.0/12"),    // kubeadm
	netip.MustParsePrefix("10.43.0.0/16"),    // K3s, RKE2
	netip.MustParsePrefix("10.152.183.0/24"), // MicroK8s
	netip.MustParsePrefix("172.20.0.0/16"),   // EKS; its 10.100.0.0/16 is within kubeadm's
	netip.MustParsePrefix("172.30.0.0/16"),   // OpenShift
	netip.MustParsePrefix("34.118.224.0/20"), // GKE
	netip.MustParsePrefix("10.0.0.0/16"),     // AKS
}

// inCluster tells whether a server's name or address can be a service's of this
// cluster.
func inCluster(server string) bool {
	if address, err := netip.ParseAddr(server); err == nil {
		for _, r := range serviceRanges {
			if r.Contains(address) {
				return true
			}
		}
		return false
	}
	name := strings.TrimSuffix(server, ".")
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".svc") || strings.Contains(name, ".svc.") || strings.HasSuffix(name, ".cluster.local")
}
