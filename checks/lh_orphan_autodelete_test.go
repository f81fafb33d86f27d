package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHOrphanAutodelete(t *testing.T) { testCheck(t, lhOrphanAutodeleteCases) }

// leftDirectory leaves a directory of a claim's volume on worker-2 that no record owns.
func leftDirectory(claim string, deleting time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		o := facts.LHOrphan{Name: "orphan-" + claim, Created: s.Now.Add(-time.Hour), Type: "replica-data", NodeID: "worker-2",
			DataName: volumeOf(s, claim).Name + "-0badcafe", DiskName: "default-disk"}
		if deleting > 0 {
			o.Deleting = s.Now.Add(-deleting)
		}
		s.Longhorn.Orphans = append(s.Longhorn.Orphans, o)
		world.Settle(s)
	}
}

const orphansDeleted = "Longhorn's setting orphan-resource-auto-deletion is replica-data: replica data that no record owns is deleted without anybody having looked"

var autodelete = setLonghorn("orphan-resource-auto-deletion", "replica-data")

var lhOrphanAutodeleteCases = cases{
	check: lhOrphanAutodelete,
	fires: []damage{
		{name: "replica data", change: autodelete, want: outcomes{"lh-orphan-autodelete": "fail warning 1"}, summary: orphansDeleted},
		{name: "the switch before 1.9", change: both(runs("v1.8.1"), setLonghorn("orphan-auto-deletion", "true")),
			want:    outcomes{"lh-orphan-autodelete": "fail warning 1"},
			summary: "Longhorn's setting orphan-auto-deletion is true: replica data that no record owns is deleted without anybody having looked"},
		{
			name:    "a volume has lost all its copies",
			change:  both(autodelete, func(s *facts.Snapshot) { failReplicas(s, stopped, 3) }),
			want:    outcomes{"lh-orphan-autodelete": "fail error 1", "lh-no-usable-replica": "fail critical 1"},
			summary: orphansDeleted + `; it may be all that is left of 1 volume: that of "student-0001"`,
		},
	},
	mustNotFire: []damage{
		{name: "only processes", change: setLonghorn("orphan-resource-auto-deletion", "instance")},
		{name: "the new setting rules", change: setLonghorn("orphan-resource-auto-deletion", "", "orphan-auto-deletion", "true")},
		{name: "off", change: setLonghorn("orphan-auto-deletion", "false")},
		{name: "no settings at all", change: setLonghorn("", "")},
	},
	boundary: []damage{
		{name: "in a list with spaces", change: setLonghorn("orphan-resource-auto-deletion", "instance; replica-data "), want: outcomes{"lh-orphan-autodelete": "fail warning 1"},
			summary: "Longhorn's setting orphan-resource-auto-deletion is instance; replica-data: replica data that no record owns is deleted without anybody having looked"},
		{name: "part of another word", change: setLonghorn("orphan-resource-auto-deletion", "old-replica-data-index")},
		{
			name:    "an orphan of a volume with two copies",
			change:  both(autodelete, leftDirectory(stopped, 0), func(s *facts.Snapshot) { failReplicas(s, stopped, 1) }),
			want:    outcomes{"lh-orphan-autodelete": "fail warning 1"},
			summary: orphansDeleted,
		},
		{
			name:   "an orphan of a volume with one copy",
			change: both(autodelete, leftDirectory(stopped, 0), func(s *facts.Snapshot) { failReplicas(s, stopped, 2) }),
			want: outcomes{"lh-orphan-autodelete": "fail error 1", "lh-single-usable-replica": "fail critical 1",
				"lh-orphan-last-copy": "fail error 1"},
			summary: orphansDeleted + `; it may be all that is left of 1 volume: that of "student-0001"`,
		},
	},
	sourceFailed: []damage{
		{name: "orphans not readable", change: both(autodelete, failed(facts.LonghornOrphans)), want: unknownWithout(facts.LonghornOrphans, nil),
			summary: "source longhorn/orphans could not be read: gave up after 30s"},
		{name: "not a switch", change: setLonghorn("orphan-auto-deletion", "sometimes"), want: outcomes{"lh-orphan-autodelete": "unknown"},
			summary: `Longhorn's setting orphan-auto-deletion is "sometimes", which this version of audit does not know`},
	},
}
