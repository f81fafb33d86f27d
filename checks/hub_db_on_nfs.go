package checks

import (
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubDBOnNFS = &Check{
	ID:       "hub-db-on-nfs",
	Title:    "An SQLite database does not lie on a network file system",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase, facts.KubeClaims, facts.KubeVolumes, facts.KubePods},
	Doc: Doc{
		Meaning: "SQLite keeps itself whole by file locks and by knowing what has reached the disk, and network file systems get both wrong often " +
			"enough: NFS, SMB and their kin have damaged databases, and a lock that is lost with a connection leaves the hub answering " +
			"`database is locked`. JupyterHub's documentation advises against it. Any volume that several nodes can mount at once " +
			"(ReadWriteMany) is such a file system, also where the storage behind it is blocks: Longhorn serves its own over NFS.",
		FalseAlarms: "A file system with proper locks (CephFS, Lustre, NFS 4.1 from a good server) may serve one hub for years; if you have decided to " +
			"rely on it and have tested backups, set the severity to info. A class that merely allows ReadWriteMany is not reported, " +
			"a claim that asks for it is. Of drivers that serve both blocks and files the audit knows only what the claim asks for.",
		Do: []string{
			"Make sure that there is a good backup of the database now (see backup-hub-db-missing), and look at hub-db-corrupt.",
			"Make a claim with access mode ReadWriteOnce in a class of block storage.",
			"Stop the hub (`kubectl -n NAMESPACE scale deployment/hub --replicas=0`), copy the database with `sqlite3 OLD \".backup 'NEW'\"` in a pod that mounts both claims, and compare the number of users.",
			"Point the hub at the new claim (with Zero to JupyterHub `hub.db.pvc.storageClassName` for a new hub-db-dir), or move to PostgreSQL or MySQL, and start it.",
			"Accept the new claim for the audit: `audit accept hub-db-pvc-replaced --hub HUB --reason \"moved off NFS\"`.",
		},
		Dont: []string{
			"Do not copy the file while the hub runs, and do not start two hubs on it.",
			"Do not switch the database to WAL mode: it needs shared memory, which a network file system does not have.",
			"Do not delete the old claim before the hub has run on the new one for a while.",
		},
		Sources: []string{
			"jupyterhub/jupyterhub docs/source/explanation/database.md",
			"sqlite.org/howtocorrupt.html, section 2.1, and sqlite.org/useovernet.html",
			"jupyterhub/zero-to-jupyterhub-k8s PR 1011",
			"longhorn/website content/docs: RWX volumes are served by a share manager over NFSv4",
		},
	},
	Run: runHubDBOnNFS,
}

// networkFileSystems are the kinds of volumes, in Kubernetes' own words, and
// the CSI drivers that give nothing but a network file system or files in an
// object store. A driver that a vendor prefixes with a name, as Rook does with
// Ceph's, counts by its ending.
var networkFileSystems = []string{
	"nfs", "cephfs", "azureFile", "glusterfs", "quobyte", // k8s.io/api core/v1 PersistentVolumeSource
	"nfs.csi.k8s.io",                 // kubernetes-csi/csi-driver-nfs
	"smb.csi.k8s.io",                 // kubernetes-csi/csi-driver-smb
	"efs.csi.aws.com",                // kubernetes-sigs/aws-efs-csi-driver
	"fsx.csi.aws.com",                // kubernetes-sigs/aws-fsx-csi-driver, Lustre
	"fsx.openzfs.csi.aws.com",        // kubernetes-sigs/aws-fsx-openzfs-csi-driver, NFS
	"s3.csi.aws.com",                 // awslabs/mountpoint-s3-csi-driver
	"filestore.csi.storage.gke.io",   // kubernetes-sigs/gcp-filestore-csi-driver
	"gcsfuse.csi.storage.gke.io",     // GoogleCloudPlatform/gcs-fuse-csi-driver
	"file.csi.azure.com",             // kubernetes-sigs/azurefile-csi-driver
	"blob.csi.azure.com",             // kubernetes-sigs/blob-csi-driver
	"cephfs.csi.ceph.com",            // ceph/ceph-csi
	"nfs.csi.ceph.com",               // ceph/ceph-csi
	"manila.csi.openstack.org",       // kubernetes/cloud-provider-openstack: nfs.… and cephfs.…
	"fss.csi.oraclecloud.com",        // oracle/oci-cloud-controller-manager
	"lustre.csi.oraclecloud.com",     // oracle/oci-cloud-controller-manager
	"nasplugin.csi.alibabacloud.com", // kubernetes-sigs/alibaba-cloud-csi-driver
	"org.gluster.glusterfs",          // gluster/gluster-csi-driver
	"csi.juicefs.com",                // juicedata/juicefs-csi-driver
}

func isNetworkFileSystem(kindOrDriver string) bool {
	return slices.ContainsFunc(networkFileSystems, func(known string) bool {
		return kindOrDriver == known || strings.Contains(known, ".") && strings.HasSuffix(kindOrDriver, "."+known)
	})
}

func runHubDBOnNFS(in *Input) Result {
	if !onFile(&in.Hub.Database) {
		return Result{}
	}
	pod, unsure := in.hubPod()
	if unsure != "" {
		return Result{Unknown: unsure}
	}
	if pod == nil {
		return in.withoutPod()
	}
	mounts := in.databaseMounts(pod)
	var r Result
	for _, m := range mounts {
		if f, on := in.onNetwork(m); on {
			f.Details["pod"], f.Details["mountPath"] = pod.Name, m.Path
			r.Findings = append(r.Findings, f)
		}
	}
	if n := len(r.Findings); n > 0 && n < len(mounts) {
		return Result{Unknown: fmt.Sprintf("the hub's pod %s mounts %s, %d of them network file systems, and which one the database lies on cannot be told",
			pod.Name, text.Count(len(mounts), "volume"), n)}
	}
	return r
}

// withoutPod judges the claim that z2jh names for the database while the hub
// does not run.
func (in *Input) withoutPod() Result {
	c := in.hubNamespaceClaim(func(c *facts.Claim) bool { return facts.IsHubClaim(c.Name) })
	if c == nil {
		return Result{Skip: fmt.Sprintf("namespace %s has neither a pod with the label component=hub nor a claim %s", in.Hub.Namespace, facts.HubClaim)}
	}
	var r Result
	if f, on := in.claimOnNetwork(c); on {
		r.Findings = []verdict.Finding{f}
	}
	return r
}

func (in *Input) onNetwork(m *facts.Mount) (verdict.Finding, bool) {
	if m.Kind != facts.MountClaim {
		message := fmt.Sprintf("the hub's database lies on a volume of kind %s at %s: SQLite needs a disk of its own", m.Kind, m.Path)
		return verdict.Finding{Subject: in.databaseSubject(), Message: message, Details: map[string]string{"driver": m.Kind}}, isNetworkFileSystem(m.Kind)
	}
	c := in.claimByName(m.Claim)
	if c == nil {
		return verdict.Finding{}, false
	}
	return in.claimOnNetwork(c)
}

func (in *Input) claimOnNetwork(c *facts.Claim) (verdict.Finding, bool) {
	why, driver := "", ""
	if v := in.volumeOfClaim(c); v != nil {
		driver = v.Driver
	}
	switch {
	case isNetworkFileSystem(driver):
		why = fmt.Sprintf("whose volume %s is a network file system (%s)", c.VolumeName, driver)
	case slices.Contains(c.AccessModes, "ReadWriteMany"):
		why = "which asks for ReadWriteMany and so gets a network file system"
	}
	return verdict.Finding{Subject: claimSubject(c),
		Message: fmt.Sprintf("the hub's SQLite database lies on claim %s, %s; a volume that one node mounts as a disk is expected", c.Name, why),
		Details: map[string]string{"volume": c.VolumeName, "driver": driver, "accessModes": strings.Join(c.AccessModes, ", "), "storageClass": c.StorageClass}}, why != ""
}
