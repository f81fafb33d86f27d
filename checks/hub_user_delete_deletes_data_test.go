package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestHubUserDeleteDeletesData(t *testing.T) { testCheck(t, hubUserDeleteDeletesDataCases) }

// goesWithItsClaim sets the reclaim policy of the claims' volumes to Delete; no
// names means all.
func goesWithItsClaim(claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Volumes {
			v := &s.Kube.Volumes[i]
			if len(claims) == 0 {
				v.ReclaimPolicy = "Delete"
			}
			for _, name := range claims {
				if v.ClaimName == name {
					v.ReclaimPolicy = "Delete"
				}
			}
		}
	}
}

// backedUp sets the last backup of all volumes to that age.
func backedUp(age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Longhorn.Volumes {
			world.LastBackup(s, &s.Longhorn.Volumes[i], s.Now.Add(-age))
		}
	}
}

// lastUsed sets when the claim of a stopped server was last used.
func lastUsed(claim string, age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		volumeOf(s, claim).LastPodRefAt = facts.At(s.Now.Add(-age))
		for i := range hubOf(s).Spawners {
			if sp := &hubOf(s).Spawners[i]; sp.State.PVCName == claim {
				sp.LastActivity = s.Now.Add(-age)
			}
		}
		world.Settle(s)
	}
}

func culled(s *facts.Snapshot) { hubOf(s).CullUsers = true }

func inTurn(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, change := range changes {
			change(s)
		}
	}
}

var (
	deletedByHand = outcomes{"hub-user-delete-deletes-data": "fail warning 1", "pv-reclaim-delete": "fail error 1"}
	oneDeletable  = "deleting a user deletes the user's claim, and the volumes of 1 of 11 user claims with data have reclaim policy Delete " +
		"and no backup since they were last used; deletePVC false, reclaim policy Retain or a backup within 1 day 2 h is expected"
)

var hubUserDeleteDeletesDataCases = cases{
	check: hubUserDeleteDeletesData,
	fires: []damage{
		{
			name: "by hand", change: inTurn(goesWithItsClaim(), backedUp(30*time.Hour)),
			want: outcomes{"hub-user-delete-deletes-data": "fail warning 1", "pv-reclaim-delete": "fail error 2", "backup-stale": "fail error 11"},
			summary: "deleting a user deletes the user's claim, and the volumes of 11 of 11 user claims with data have reclaim policy Delete " +
				"and no backup since they were last used; deletePVC false, reclaim policy Retain or a backup within 1 day 2 h is expected",
		},
		{
			name: "by the hub itself", change: inTurn(goesWithItsClaim("claim-student-0001", "claim-student-0002"), backedUp(30*time.Hour), culled),
			want: outcomes{"hub-user-delete-deletes-data": "fail error 1", "pv-reclaim-delete": "fail warning 1", "backup-stale": "fail error 11"},
			summary: "the hub deletes users who were idle for long (cullUsers), and with a user goes the user's claim, and the volumes of 2 of 11 user claims with data " +
				"have reclaim policy Delete and no backup since they were last used; deletePVC false, reclaim policy Retain or a backup within 1 day 2 h is expected",
		},
		{
			name: "never backed up, and not used for long", change: inTurn(goesWithItsClaim("claim-student-0001"), neverBackedUp("claim-student-0001"),
				lastUsed("claim-student-0001", 1000*time.Hour)),
			want:    outcomes{"hub-user-delete-deletes-data": "fail warning 1", "pv-reclaim-delete": "fail error 1", "backup-none": "fail critical 1"},
			summary: oneDeletable,
		},
		{
			name: "without Longhorn, a snapshot of before the last use", change: func(s *facts.Snapshot) {
				withoutLonghorn(s)
				goesWithItsClaim("claim-student-0001")(s)
				s.Kube.Snapshots = nil
				for _, c := range s.Kube.Claims {
					s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: "s-" + c.Name, Claim: c.Name, Ready: true,
						Created: s.Now.Add(-time.Hour), Taken: s.Now.Add(-30 * time.Hour)})
				}
				world.Settle(s)
			},
			want: noLonghorn(outcomes{"hub-user-delete-deletes-data": "fail warning 1", "pv-reclaim-delete": "fail error 1", "backup-stale": "fail error 11"}), summary: oneDeletable,
		},
	},
	mustNotFire: []damage{
		{name: "volumes are kept", want: outcomes{"backup-stale": "fail error 11"}, change: inTurn(backedUp(30*time.Hour), culled)},
		{name: "backed up last night", change: inTurn(goesWithItsClaim(), culled), want: outcomes{"pv-reclaim-delete": "fail info 2"}},
		{name: "claims are kept", change: func(s *facts.Snapshot) {
			inTurn(goesWithItsClaim(), backedUp(30*time.Hour), culled)(s)
			hubOf(s).KubeSpawner.DeletePVC = false
		}, want: outcomes{"pv-reclaim-delete": "fail error 2", "backup-stale": "fail error 11"}},
		{name: "not used since the last backup", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(30*time.Hour), lastUsed("claim-student-0001", 1000*time.Hour)),
			want: outcomes{"pv-reclaim-delete": "fail info 1", "backup-stale": "fail error 10"}},
		{name: "nothing in it", change: func(s *facts.Snapshot) {
			inTurn(goesWithItsClaim("claim-student-0001"), backedUp(30*time.Hour))(s)
			volumeOf(s, "claim-student-0001").ActualBytes = 0
		}, want: outcomes{"pv-reclaim-delete": "fail info 1", "backup-stale": "fail error 10"}},
		{name: "the hub's own volume", change: inTurn(goesWithItsClaim(world.HubClaim), backedUp(30*time.Hour)), want: outcomes{"pv-reclaim-delete": "fail info 1", "backup-stale": "fail error 11"}},
		{name: "a volume that is not there", want: outcomes{"backup-stale": "fail error 11"}, change: func(s *facts.Snapshot) {
			inTurn(goesWithItsClaim("claim-student-0001"), backedUp(30*time.Hour))(s)
			claimNamed(s, "claim-student-0001").VolumeName = "gone"
		}},
		{name: "of somebody whom the hub does not know", change: func(s *facts.Snapshot) {
			world.AddClaim(s, facts.Claim{Name: "claim-gone", User: "gone", HasUser: true, Created: s.Now.AddDate(0, -1, 0)})
			volumeOf(s, "claim-gone").ActualBytes = 1 << 20
			inTurn(goesWithItsClaim("claim-gone"), backedUp(30*time.Hour))(s)
		}, want: outcomes{"pvc-orphaned": "fail info 1", "hub-owner-missing": "fail info 1", "pv-reclaim-delete": "fail error 1", "backup-stale": "fail error 12"}},
	},
	boundary: []damage{
		{name: "backed up as long ago as the rpo", change: inTurn(goesWithItsClaim(), backedUp(26*time.Hour)), want: outcomes{"pv-reclaim-delete": "fail info 2"}},
		{
			name: "a second longer", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(26*time.Hour+time.Second)), want: also(deletedByHand, outcomes{"backup-stale": "fail error 11"}),
			summary: oneDeletable,
		},
		{name: "backed up when it was last used", change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(50*time.Hour), lastUsed("claim-student-0001", 50*time.Hour)),
			want: outcomes{"pv-reclaim-delete": "fail info 1", "backup-stale": "fail error 10"}},
		{
			name:   "used a second later",
			change: inTurn(goesWithItsClaim("claim-student-0001"), backedUp(50*time.Hour), lastUsed("claim-student-0001", 50*time.Hour-time.Second)), want: also(deletedByHand, outcomes{"backup-stale": "fail error 11"}),
			summary: oneDeletable,
		},
		{name: "a longer rpo", change: inTurn(goesWithItsClaim(), backedUp(30*time.Hour)), values: map[string]any{"rpo": "30h"}, want: outcomes{"pv-reclaim-delete": "fail error 2", "backup-stale": "fail error 11"}},
	},
	sourceFailed: []damage{
		{name: "volumes not readable", change: failed(facts.KubeVolumes), want: unknownWithout(facts.KubeVolumes, nil),
			summary: "source kube/volumes could not be read: gave up after 30s"},
		{name: "snapshots not readable", change: failed(facts.KubeSnapshots), want: unknownWithout(facts.KubeSnapshots, nil),
			summary: "source kube/volumesnapshots could not be read: gave up after 30s"},
	},
}
