package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestSnapshotDeletePolicy(t *testing.T) { testCheck(t, snapshotDeletePolicyCases) }

// deleted gives the contents of the snapshots of claims, or of all but the hub's
// own, the policy Delete.
func deleted(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		of := map[string]string{}
		for _, sn := range s.Kube.Snapshots {
			of[sn.Content] = sn.Claim
		}
		for i := range s.Kube.SnapshotContents {
			c := &s.Kube.SnapshotContents[i]
			for _, claim := range claims {
				if of[c.Name] == claim || claim == "homes" && of[c.Name] != world.HubClaim {
					c.DeletionPolicy = "Delete"
				}
			}
		}
	}
}

// databaseOnSnapshots has the hub's database backed up by snapshots of its claim.
func databaseOnSnapshots(s *facts.Snapshot) {
	b := &hubOf(s).Backups[0]
	b.Kind, b.Location, b.Verify, b.Opened, b.Copies = facts.BackupSnapshots, world.Namespace+"/"+world.HubClaim, facts.VerifyNone, nil, nil
	b.Schedule = "0 2 * * *"
	for _, sn := range s.Kube.Snapshots {
		if sn.Claim == world.HubClaim {
			b.Copies = append([]facts.BackupCopy{{Name: sn.Name, Time: sn.Taken, SizeBytes: sn.RestoreBytes, Ready: true}}, b.Copies...)
		}
	}
}

var snapshotDeletePolicyCases = cases{
	check: snapshotDeletePolicy,
	fires: []damage{
		{name: "all homes", change: changes(onlyBy(world.WithSnapshots), deleted("homes")), want: outcomes{"snapshot-delete-policy": "fail warning 1", "backup-same-domain": "fail error 1"}, summary: "snapshots of class longhorn-snapshots are deleted from the storage with their VolumeSnapshots (deletionPolicy Delete), and are the only backups of 11 " +
			`homes of hub datahub; Retain is expected, or a copy elsewhere; the homes of "student-0001", "student-0002", "student-0003", "student-0004", ` +
			`"student-0005" and 5 more`},
		{name: "the database", change: changes(world.WithSnapshots, databaseOnSnapshots, deleted(world.HubClaim)), want: outcomes{"snapshot-delete-policy": "fail warning 1", "backup-untested": "fail error 1", "backup-restore-mismatch": "skipped"}, summary: "snapshots of class longhorn-snapshots are deleted from the storage with their VolumeSnapshots (deletionPolicy Delete), and are the only backups of the hub's database (backup nightly); Retain is expected, or a copy elsewhere"},
	},
	mustNotFire: []damage{
		{name: "Retain", change: changes(onlyBy(world.WithSnapshots)), want: outcomes{"backup-same-domain": "fail error 1"}},
		{name: "Longhorn has backups too", change: changes(world.WithSnapshots, deleted("homes"))},
		{name: "the hub's claim, whose database is copied elsewhere", change: changes(onlyBy(world.WithSnapshots), deleted(world.HubClaim)), want: outcomes{"backup-same-domain": "fail error 1"}},
	},
	boundary: []damage{
		{name: "the older of two", change: changes(onlyBy(world.WithSnapshots), func(s *facts.Snapshot) {
			for i := range s.Kube.SnapshotContents {
				if c := &s.Kube.SnapshotContents[i]; s.Now.Sub(c.Taken) > 24*time.Hour {
					c.DeletionPolicy = "Delete"
				}
			}
		}), want: outcomes{"backup-same-domain": "fail error 1"}},
		{name: "the newest of one home", change: changes(onlyBy(world.WithSnapshots), deleted("claim-student-0004")), want: outcomes{"snapshot-delete-policy": "fail warning 1", "backup-same-domain": "fail error 1"}, summary: "snapshots of class longhorn-snapshots are deleted from the storage with their VolumeSnapshots (deletionPolicy Delete), and are the only backups of 1 " +
			`home of hub datahub; Retain is expected, or a copy elsewhere; the home of "student-0004"`},
	},
	sourceFailed: []damage{
		{name: "contents not readable", change: changes(world.WithSnapshots, failed(facts.KubeSnapshotContents)), want: unknownWithout(facts.KubeSnapshotContents, nil),
			summary: "source kube/volumesnapshotcontents could not be read: gave up after 30s"},
	},
}
