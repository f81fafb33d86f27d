package checks

import (
	"slices"
	"testing"

	"hubaudit/internal/facts"
)

func TestBackupSizeCollapse(t *testing.T) { testCheck(t, backupSizeCollapseCases) }

// backedUpAs sets how much the newest two backups of claims hold.
func backedUpAs(newest, previous int64, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, claim := range claims {
			inSeries(func(b *facts.Series) { b.Newest.SizeBytes, b.Previous.SizeBytes = newest, previous }, claim)(s)
		}
	}
}

// measuredAs sets how much the kubelet measures in a home.
func measuredAs(bytes int64, claims ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Usage {
			if slices.Contains(claims, s.Usage[i].Claim) {
				s.Usage[i].UsedBytes = bytes
			}
		}
	}
}

const mib = 1 << 20

var backupSizeCollapseCases = cases{
	check: backupSizeCollapse,
	fires: []damage{
		{
			name: "a home in use", change: inTurn(measuredAs(900*mib, running), backedUpAs(100*mib, 900*mib, running)), want: outcomes{"backup-size-collapse": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server in Longhorn, of 2026-11-20 02:30 UTC, holds 100 MiB, the one ` +
				"before (2026-11-19 02:30 UTC) 900 MiB; the home itself holds 900 MiB, at least 50 % are expected",
		},
		{
			name: "a stopped one, of which only the volume's size is known", change: backedUpAs(10*mib, 140*mib, idleOne), want: outcomes{"backup-size-collapse": "fail warning 1"},
			summary: `the newest backup of claim claim-student-0009 of user "student-0009"'s default server in Longhorn, of 2026-11-20 02:30 UTC, holds 10 MiB, the one ` +
				"before (2026-11-19 02:30 UTC) 140 MiB; how much the home itself holds is not known, at least 50 % are expected",
		},
		{
			name: "three at once", change: backedUpAs(10*mib, 140*mib, stopped3...), want: outcomes{"backup-size-collapse": "fail error 1"},
			summary: "the newest backups of 3 homes of hub datahub hold 30 MiB together, those before held 420 MiB: at least 50 % of each are expected, as the homes did " +
				`not shrink alike; the homes of "student-0006", "student-0008", "student-0009"`,
		},
	},
	mustNotFire: []damage{
		{name: "a user cleaned up", change: inTurn(measuredAs(90*mib, running), backedUpAs(100*mib, 900*mib, running))},
		{name: "the volume itself is small: pvc-emptied tells", want: outcomes{"pvc-emptied": "fail warning 1"}, change: inTurn(backedUpAs(10*mib, 900*mib, idleOne), func(s *facts.Snapshot) { volumeOf(s, idleOne).ActualBytes = 11 * mib })},
		{name: "only what was new is told", change: inTurn(backedUpAs(mib, 900*mib, running), inSeries(func(b *facts.Series) { b.Newest.Incremental = true }, running))},
		{name: "the system tells no size", change: backedUpAs(0, 900*mib, running)},
		{name: "one is all there is", change: inSeries(func(b *facts.Series) { b.Previous = facts.Point{} }, running)},
	},
	boundary: []damage{
		{name: "half", change: inTurn(measuredAs(900*mib, running), backedUpAs(450*mib, 900*mib, running))},
		{
			name: "a byte less", change: inTurn(measuredAs(900*mib, running), backedUpAs(450*mib-1, 900*mib, running)), want: outcomes{"backup-size-collapse": "fail error 1"},
			summary: `the newest backup of claim claim-student-0005 of user "student-0005"'s default server in Longhorn, of 2026-11-20 02:30 UTC, holds 450 MiB, the one ` +
				"before (2026-11-19 02:30 UTC) 900 MiB; the home itself holds 900 MiB, at least 50 % are expected",
		},
		{name: "too small to tell", change: inTurn(measuredAs(50*mib, running), backedUpAs(1, 50*mib, running))},
		{name: "a smaller part is asked for", change: inTurn(measuredAs(900*mib, running), backedUpAs(100*mib, 900*mib, running)), values: map[string]any{"keepPercent": 11}},
	},
	sourceFailed: []damage{
		{name: "Prometheus does not answer", change: failed(facts.Prometheus), want: unknownWithout(facts.Prometheus, nil),
			summary: "source prometheus could not be read: gave up after 30s"},
	},
}

var stopped3 = []string{"claim-student-0006", "claim-student-0008", "claim-student-0009"}
