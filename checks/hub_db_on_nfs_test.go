package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubDBOnNFS(t *testing.T) { testCheck(t, hubDBOnNFSCases) }

// hubVolume is the PersistentVolume of the hub's claim.
func hubVolume(s *facts.Snapshot) *facts.Volume {
	name := claimNamed(s, world.HubClaim).VolumeName
	for i := range s.Kube.Volumes {
		if s.Kube.Volumes[i].Name == name {
			return &s.Kube.Volumes[i]
		}
	}
	panic("no volume " + name)
}

// hubVolumeOf puts the hub's claim on a volume of that driver.
func hubVolumeOf(driver string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { hubVolume(s).Driver = driver }
}

func hubClaimModes(modes ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { claimNamed(s, world.HubClaim).AccessModes = modes }
}

var onNFS = outcomes{"hub-db-on-nfs": "fail warning 1"}

var hubDBOnNFSCases = cases{
	check: hubDBOnNFS,
	fires: []damage{
		{
			name: "a volume of an NFS server", change: hubVolumeOf("nfs"), want: with(onNFS, "pv-one-copy", "skipped"),
			summary: "the hub's SQLite database lies on claim hub-db-dir, whose volume pvc-00000003-0000-4000-8000-000000000001 is a network file system (nfs); " +
				"a volume that one node mounts as a disk is expected",
		},
		{
			name: "a cloud's file share", change: hubVolumeOf("efs.csi.aws.com"), want: onNFS,
			summary: "the hub's SQLite database lies on claim hub-db-dir, whose volume pvc-00000003-0000-4000-8000-000000000001 is a network file system (efs.csi.aws.com); " +
				"a volume that one node mounts as a disk is expected",
		},
		{
			name: "Longhorn's own NFS", change: hubClaimModes("ReadWriteOnce", "ReadWriteMany"), want: onNFS,
			summary: "the hub's SQLite database lies on claim hub-db-dir, which asks for ReadWriteMany and so gets a network file system; " +
				"a volume that one node mounts as a disk is expected",
		},
		{
			name: "mounted by the pod itself", change: hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: "nfs"}), want: onNFS,
			summary: "the hub's database lies on a volume of kind nfs at /srv/jupyterhub: SQLite needs a disk of its own",
		},
		{
			name: "while the hub does not run", change: func(s *facts.Snapshot) {
				hubVolumeOf("cephfs")(s)
				withoutHubPod(s)
			},
			want: outcomes{"hub-db-on-nfs": "fail warning 1", "hub-db-ephemeral": "skipped"},
			summary: "the hub's SQLite database lies on claim hub-db-dir, whose volume pvc-00000003-0000-4000-8000-000000000001 is a network file system (cephfs); " +
				"a volume that one node mounts as a disk is expected",
		},
	},
	mustNotFire: []damage{
		{name: "users' homes on NFS", change: func(s *facts.Snapshot) {
			claimNamed(s, "claim-student-0001").AccessModes = []string{"ReadWriteMany"}
		}},
		{name: "a database server, and the claim of before", change: func(s *facts.Snapshot) {
			hubVolumeOf("nfs")(s)
			otherEngine(s)
		}, want: with(volumeSkipped, "pv-one-copy", "skipped")},
		{name: "another volume of the pod on NFS", change: func(s *facts.Snapshot) {
			hubMounts(facts.Mount{Path: "/etc/templates", Kind: "nfs"}, facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: world.HubClaim})(s)
		}},
		{name: "a claim that has no volume", change: func(s *facts.Snapshot) { claimNamed(s, world.HubClaim).VolumeName = "" }},
		{
			name: "neither a pod nor a claim", change: func(s *facts.Snapshot) {
				withoutHubPod(s)
				claimNamed(s, world.HubClaim).Namespace = "elsewhere"
				s.Past.Marks = nil
			},
			want:    outcomes{"hub-db-on-nfs": "skipped", "hub-db-ephemeral": "skipped", "hub-db-pvc-replaced": "skipped", "hub-db-volume-full": "skipped"},
			summary: "namespace datahub has neither a pod with the label component=hub nor a claim hub-db-dir",
		},
	},
	boundary: []damage{
		{name: "Ceph's blocks", change: hubVolumeOf("rook-ceph.rbd.csi.ceph.com")},
		{
			name: "Ceph's files", change: hubVolumeOf("rook-ceph.cephfs.csi.ceph.com"), want: onNFS,
			summary: "the hub's SQLite database lies on claim hub-db-dir, whose volume pvc-00000003-0000-4000-8000-000000000001 is a network file system " +
				"(rook-ceph.cephfs.csi.ceph.com); a volume that one node mounts as a disk is expected",
		},
		{name: "a driver whose name merely ends alike", change: hubVolumeOf("mycephfs.csi.ceph.com"), want: outcomes{"pv-one-copy": "skipped"}},
		{name: "one node, or one pod, at a time", change: hubClaimModes("ReadWriteOnce", "ReadWriteOncePod")},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{
			name: "one of two volumes", change: hubMounts(facts.Mount{Path: "/a", Kind: "nfs"}, facts.Mount{Path: "/b", Kind: facts.MountClaim, Claim: "claim-student-0001"}),
			want:    outcomes{"hub-db-on-nfs": "unknown"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p mounts 2 volumes, 1 of them network file systems, and which one the database lies on cannot be told",
		},
	},
}
