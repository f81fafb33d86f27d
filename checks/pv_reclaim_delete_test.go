package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPVReclaimDelete(t *testing.T) { testCheck(t, pvReclaimDeleteCases) }

// inClass puts the volumes of claims into a StorageClass.
func inClass(class string, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Volumes {
			for _, name := range claims {
				if s.Kube.Volumes[i].ClaimName == name {
					s.Kube.Volumes[i].StorageClass = class
				}
			}
		}
	}
}

// perishing is what both checks of deleted volumes say of claims without a backup.
func perishing(outcome string) outcomes {
	return outcomes{"pv-reclaim-delete": outcome, "hub-user-delete-deletes-data": "fail warning 1"}
}

const newRetain = "; new volumes get Retain"

var pvReclaimDeleteCases = cases{
	check: pvReclaimDelete,
	fires: []damage{
		{
			name: "one class", change: inTurn(goesWithItsClaim("claim-student-0001", "claim-student-0002"), backedUp(30*time.Hour)), want: also(perishing("fail error 1"), outcomes{"backup-stale": "fail error 11"}),
			summary: `2 volumes of user claims (such as those of "student-0001", "student-0002") in StorageClass "longhorn" go with their claims ` +
				"(reclaim policy Delete), Retain is expected; 2 claims with data have no backup since the last use" + newRetain,
		},
		{
			name: "the class as well, and a volume without one", change: inTurn(goesWithItsClaim(), backedUp(30*time.Hour), inClass("", "claim-student-0003"), func(s *facts.Snapshot) {
				s.Kube.StorageClasses[0].ReclaimPolicy = "Delete"
			}),
			want: also(perishing("fail error 3"), outcomes{"backup-stale": "fail error 11"}),
			summary: "volumes go with their claims (reclaim policy Delete), Retain is expected: " +
				`10 of StorageClass "longhorn", 1 of no StorageClass, 1 of the hub itself`,
		},
		{
			name: "without a class", change: inTurn(goesWithItsClaim("claim-student-0003"), backedUp(30*time.Hour), inClass("", "claim-student-0003")), want: also(perishing("fail error 1"), outcomes{"backup-stale": "fail error 11"}),
			summary: `1 volume of user claims (such as those of "student-0003") in no StorageClass goes with their claims ` +
				"(reclaim policy Delete), Retain is expected; 1 claim with data has no backup since the last use",
		},
		{
			name: "the hub's own", change: inTurn(goesWithItsClaim(world.HubClaim), backedUp(30*time.Hour), func(s *facts.Snapshot) { hubOf(s).Backups[0].Copies = nil }),
			want: outcomes{"pv-reclaim-delete": "fail error 1", "backup-hub-db-missing": "fail critical 1", "backup-stale": "fail error 11"},
			summary: "volume pvc-00000003-0000-4000-8000-000000000001 of the hub's own claim hub-db-dir goes with its claim (reclaim policy Delete), Retain is expected; " +
				"no fresh copy of the database is known",
		},
		{
			name: "everybody's homes", change: func(s *facts.Snapshot) {
				world.AddClaim(s, facts.Claim{Name: "homes", Created: s.Now.AddDate(0, -1, 0)})
				volumeOf(s, "homes").ActualBytes = 1 << 40
				world.LastBackup(s, volumeOf(s, "homes"), s.Now.Add(-30*time.Hour))
				hubOf(s).KubeSpawner.Homes.Claim = "homes"
				goesWithItsClaim("homes")(s)
			},
			want: also(namelessHomes(perishing("fail error 1")), outcomes{"backup-stale": "fail error 1"}),
			summary: `1 volume of user claims in StorageClass "longhorn" goes with their claims (reclaim policy Delete), Retain is expected; ` +
				"1 claim with data has no backup since the last use" + newRetain,
		},
		{
			name: "of somebody whom the hub does not know, although it culls", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(30*time.Hour), culled, userRemoved(1)),
			want: outcomes{"pvc-orphaned": "fail error 1", "pv-reclaim-delete": "fail error 1", "hub-owner-missing": "fail info 1", "backup-stale": "fail error 11"},
			summary: `1 volume of user claims (such as those of "student-0001") in StorageClass "longhorn" goes with their claims ` +
				"(reclaim policy Delete), Retain is expected; 1 claim with data has no backup since the last use" + newRetain,
		},
		{
			name: "where the hub deletes them itself, one page is enough", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(30*time.Hour), culled),
			want: outcomes{"pv-reclaim-delete": "fail warning 1", "hub-user-delete-deletes-data": "fail error 1", "backup-stale": "fail error 11"},
			summary: `1 volume of user claims (such as those of "student-0001") in StorageClass "longhorn" goes with their claims ` +
				"(reclaim policy Delete), Retain is expected; 1 claim with data has no backup since the last use" + newRetain,
		},
	},
	mustNotFire: []damage{
		{
			name: "accepted with backups", change: goesWithItsClaim(), want: outcomes{"pv-reclaim-delete": "fail info 2"},
			summary: `volumes go with their claims (reclaim policy Delete), Retain is expected: 11 of StorageClass "longhorn", 1 of the hub itself`,
		},
		{name: "another application's", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "grafana", Component: "monitoring", Created: s.Now.AddDate(0, -1, 0)})
			goesWithItsClaim("grafana")(s)
		}},
		{name: "nobody's home", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "claim-scratch", Created: s.Now.AddDate(0, -1, 0)})
			hubOf(s).OtherClaims = []string{"claim-scratch"}
			goesWithItsClaim("claim-scratch")(s)
		}},
		{name: "the hub's own, its database on a server", change: inTurn(goesWithItsClaim(world.HubClaim), func(s *facts.Snapshot) {
			hubOf(s).Database.Engine = "postgresql"
		}), want: volumeSkipped},
		{name: "a class that only new volumes get", change: func(s *facts.Snapshot) { s.Kube.StorageClasses[0].ReclaimPolicy = "Delete" }},
		{name: "being deleted", change: inTurn(goesWithItsClaim("claim-student-0001"), deletedFor(time.Second, "claim-student-0001"))},
	},
	boundary: []damage{
		{
			name: "backed up as long ago as the rpo", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(26*time.Hour)),
			want: outcomes{"pv-reclaim-delete": "fail info 1"},
			summary: `1 volume of user claims (such as those of "student-0001") in StorageClass "longhorn" goes with their claims ` +
				"(reclaim policy Delete), Retain is expected; every claim with data has a backup since its last use" + newRetain,
		},
		{
			name: "a second longer", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(26*time.Hour+time.Second)), want: also(perishing("fail error 1"), outcomes{"backup-stale": "fail error 11"}),
			summary: `1 volume of user claims (such as those of "student-0001") in StorageClass "longhorn" goes with their claims ` +
				"(reclaim policy Delete), Retain is expected; 1 claim with data has no backup since the last use" + newRetain,
		},
		{
			name: "the last copy of the database is as old as may be", change: inTurn(goesWithItsClaim(world.HubClaim), backedUp(30*time.Hour), lastCopy(26*time.Hour)),
			want: outcomes{"pv-reclaim-delete": "fail info 1", "backup-stale": "fail error 11"},
			summary: "volume pvc-00000003-0000-4000-8000-000000000001 of the hub's own claim hub-db-dir goes with its claim (reclaim policy Delete), Retain is expected; " +
				"a fresh copy of the database exists",
		},
		{
			name: "it is a second older", change: inTurn(goesWithItsClaim(world.HubClaim), backedUp(30*time.Hour), lastCopy(26*time.Hour+time.Second)),
			want: outcomes{"pv-reclaim-delete": "fail error 1", "backup-hub-db-missing": "fail critical 1", "backup-stale": "fail error 11"},
			summary: "volume pvc-00000003-0000-4000-8000-000000000001 of the hub's own claim hub-db-dir goes with its claim (reclaim policy Delete), Retain is expected; " +
				"no fresh copy of the database is known",
		},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{name: "Longhorn not readable", change: failed(facts.LonghornVolumes), want: unknownWithout(facts.LonghornVolumes, nil),
			summary: "source longhorn/volumes could not be read: gave up after 30s"},
	},
}

// lastCopy dates all copies of the hub's database so long ago.
func lastCopy(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		copies := hubOf(s).Backups[0].Copies
		hubOf(s).Backups[0].MaxAge = 26 * time.Hour
		for i := range copies {
			copies[i].Time = s.Now.Add(-age)
		}
	}
}

// BenchmarkPVReclaimDelete judges 100,000 claims whose volumes go with them.
func BenchmarkPVReclaimDelete(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	goesWithItsClaim()(s)
	backedUp(1000 * time.Hour)(s)
	benchmarkCheck(b, s, pvReclaimDelete, 2)
}

// benchmarkCheck judges a world by one check, without what a run shares.
func benchmarkCheck(b *testing.B, s *facts.Snapshot, check *Check, findings int) {
	suite, err := NewSuite(nil, []string{check.ID})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := Judge(suite, s)[0]; v.Count != findings {
			b.Fatalf("%d findings: %s", v.Count, v.Summary)
		}
	}
}
