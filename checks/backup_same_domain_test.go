package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupSameDomain(t *testing.T) { testCheck(t, backupSameDomainCases) }

func target(url string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { s.Longhorn.BackupTargets[0].URL = url }
}

const (
	allInside   = "all backups of 11 homes of hub datahub lie in "
	elevenHomes = `; a copy outside of the cluster is expected; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`
)

// besideDatabase has the copies of the hub's database lie on its own volume.
func besideDatabase(s *facts.Snapshot) { hubOf(s).Backups[0].OnDatabaseVolume = true }

var backupSameDomainCases = cases{
	check: backupSameDomain,
	fires: []damage{
		{
			name: "an NFS server in the cluster", change: target("nfs://longhorn-nfs.storage.svc.cluster.local:/backups"), want: outcomes{"backup-same-domain": "fail error 1"},
			summary: allInside + "Longhorn's BackupTarget default (nfs://longhorn-nfs.storage.svc.cluster.local:/backups), which is a Service of this cluster" + elevenHomes,
		},
		{
			name: "a node's own disk", change: target("nfs://worker-1.example.org:/srv"), want: outcomes{"backup-same-domain": "fail error 1"},
			summary: allInside + "Longhorn's BackupTarget default (nfs://worker-1.example.org:/srv), which is on a node of this cluster" + elevenHomes,
		},
		{
			name: "an address of Services, as far as can be told", change: target("nfs://10.96.4.7:/srv"), want: outcomes{"backup-same-domain": "fail warning 1"},
			summary: allInside + "Longhorn's BackupTarget default (nfs://10.96.4.7:/srv), whose address is within the usual range of a cluster's Services" + elevenHomes,
		},
		{
			name:   "one home that has only snapshots of Longhorn's own",
			change: inTurn(neverBackedUp(running), snapshotOf(running, 8*time.Hour)),
			want:   outcomes{"backup-same-domain": "fail error 1"},
			summary: "all backups of 1 home of hub datahub lie in the storage of driver driver.longhorn.io itself, as snapshots; a copy outside of the cluster is expected; " +
				`the home of "student-0005"`,
		},
		{
			name: "Velero to a MinIO beside it", change: inTurn(onlyVelero, veleroHasAll, func(s *facts.Snapshot) {
				s.Kube.Velero.Locations[0].URL = "s3://velero?endpoint=http://minio.velero.svc:9000"
			}),
			want:    outcomes{"backup-same-domain": "fail error 1"},
			summary: allInside + "Velero's BackupStorageLocation default (s3://velero?endpoint=http://minio.velero.svc:9000), which is a Service of this cluster" + elevenHomes,
		},
		{
			name: "the database's copies lie beside it", change: besideDatabase, want: outcomes{"backup-same-domain": "fail error 1"},
			summary: "no backup of the hub's database lies outside of what it protects: nightly (backups/jupyterhub-*.sqlite.gz) lies on the volume of the database itself; " +
				"a copy on another machine is expected",
		},
	},
	mustNotFire: []damage{
		{name: "an NFS server elsewhere", change: target("nfs://nas.example.org:/backups")},
		{name: "a bucket", change: target("s3://svc.cluster.local@eu-central-1/")},
		{name: "a cloud's disk snapshots", change: inTurn(neverBackedUp(running), snapshotOf(running, 8*time.Hour), disk(running))},
		{name: "a copy in another place as well", change: inTurn(target("nfs://nfs.storage.svc:/b"), veleroHasAll)},
		{name: "the database has a location elsewhere as well", change: inTurn(besideDatabase, func(s *facts.Snapshot) {
			second := hubOf(s).Backups[0]
			second.Name, second.OnDatabaseVolume, second.Opened, second.Verify = "second", false, nil, facts.VerifyNone
			hubOf(s).Backups = append(hubOf(s).Backups, second)
			world.Settle(s)
		})},
	},
	boundary: []damage{
		{name: "a name that ends like a Service's", change: target("nfs://backup-svc.example.org:/b")},
	},
	sourceFailed: []damage{
		{name: "nodes not readable", change: failed(facts.KubeNodes), want: unknownWithout(facts.KubeNodes, nil),
			summary: "source kube/nodes could not be read: gave up after 30s"},
	},
}
