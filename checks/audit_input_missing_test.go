package checks

import (
	"maps"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestAuditInputMissing(t *testing.T) { testCheck(t, auditInputMissingCases) }

// failing makes a source fail in this run, after so many runs that failed too.
func failing(name string, cause facts.Cause, earlier int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		world.Fail(s, name, cause, "it did not work")
		past := s.Past.Sources[name]
		past.FailedRuns = earlier
		s.Past.Sources[name] = past
	}
}

var (
	nodesUnknown = unknownWithout(facts.KubeNodes, nil)
	noNodeListed = listsUnknown(outcomes{"pv-node-gone": "unknown", "pv-one-copy": "unknown"})
)

func with(want outcomes, check, outcome string) outcomes {
	want = maps.Clone(want)
	want[check] = outcome
	return want
}

var auditInputMissingCases = cases{
	check: auditInputMissing,
	fires: []damage{
		{
			name:   "the role lost its rights",
			change: failing(facts.KubeNodes, facts.CauseForbidden, 0),
			want:   with(nodesUnknown, "audit-input-missing", "fail critical 1"),
			summary: "source kube/nodes could not be read in this run (forbidden: it did not work); " +
				"it gave 4 items on 2026-11-20 11:00 UTC",
		},
		{
			name:   "the database file is gone",
			change: failing(facts.HubDB(world.HubName), facts.CauseMissing, 0),
			want:   databaseUnknown(outcomes{"audit-input-missing": "fail critical 1"}),
			summary: "source hubdb/datahub could not be read in this run (missing: it did not work); " +
				"it gave 23 items on 2026-11-20 11:00 UTC",
		},
		{
			name: "Longhorn's resources are gone",
			change: func(s *facts.Snapshot) {
				past := maps.Clone(s.Past.Sources)
				withoutLonghorn(s)
				s.Past.Sources = past
			},
			want: noLonghorn(outcomes{"audit-input-missing": "fail critical 14"}),
			summary: "14 sources that worked before or should work cannot be seen: " +
				"longhorn/backups, longhorn/backuptargets, longhorn/backupvolumes, longhorn/engineimages, longhorn/events and 9 more",
		},
		{
			name: "the list of replicas is empty: not three hundred lost volumes",
			change: func(s *facts.Snapshot) {
				s.Longhorn.Replicas = nil
				world.Settle(s)
			},
			want:    with(listsUnknown(nil), "audit-input-missing", "fail critical 1"),
			summary: "source longhorn/replicas answers, but is empty; it gave 36 items on 2026-11-20 11:00 UTC",
		},
		{
			name: "no node is listed",
			change: func(s *facts.Snapshot) {
				s.Kube.Nodes = nil
				world.Settle(s)
			},
			want:    with(noNodeListed, "audit-input-missing", "fail critical 1"),
			summary: "source kube/nodes answers, but is empty; it gave 4 items on 2026-11-20 11:00 UTC",
		},
		{
			name: "never worked",
			change: func(s *facts.Snapshot) {
				s.Past.Sources[facts.KubeNodes] = facts.PastSource{}
				failing(facts.KubeNodes, facts.CauseForbidden, 2)(s)
			},
			want:    with(nodesUnknown, "audit-input-missing", "fail critical 1"),
			summary: "source kube/nodes could not be read in 3 runs in a row (forbidden: it did not work)",
		},
	},
	mustNotFire: []damage{
		{
			name: "first run, and not all of it works",
			change: func(s *facts.Snapshot) {
				s.Past = facts.Past{}
				world.Fail(s, facts.KubeNodes, facts.CauseForbidden, "no")
			},
			want: with(with(nodesUnknown, "hub-user-count-drift", "skipped"), "hub-db-pvc-replaced", "skipped"),
		},
		{
			name: "pods, jobs, snapshots, orphans and events come and go",
			change: func(s *facts.Snapshot) {
				for _, name := range []string{facts.KubePods, facts.KubeJobs, facts.KubeCronJobs, facts.KubeSnapshots,
					facts.LonghornOrphans, facts.LonghornEvents, facts.LonghornShardGroups, facts.LonghornShards} {
					s.Past.Sources[name] = facts.PastSource{LastOK: s.Now, LastItems: 5}
				}
				s.Kube.Pods = nil
				world.Settle(s)
			},
			want: outcomes{"hub-db-ephemeral": "skipped"},
		},
		{
			name:   "an empty hub is hub-user-count-drift's",
			change: func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) },
			want:   outcomes{"pod-unknown-to-hub": "skipped", "pvc-orphaned": "skipped", "hub-user-count-drift": "fail critical 1", "hub-db-reset": "fail critical 1", "hub-owner-missing": "skipped"},
		},
		{
			name: "a source that is no longer configured",
			change: func(s *facts.Snapshot) {
				s.Past.Sources["backup/datahub/old"] = facts.PastSource{LastOK: s.Now, LastItems: 5}
			},
		},
		{
			name: "a list that was empty before",
			change: func(s *facts.Snapshot) {
				s.Past.Sources[facts.KubeNodes] = facts.PastSource{LastOK: s.Now}
				s.Kube.Nodes = nil
				world.Settle(s)
			},
			want: noNodeListed,
		},
	},
	boundary: []damage{
		{name: "the second run without an answer", change: failing(facts.KubeNodes, facts.CauseUnreachable, 1), want: nodesUnknown},
		{
			name: "the third", change: failing(facts.KubeNodes, facts.CauseUnreachable, 2),
			want: with(nodesUnknown, "audit-input-missing", "fail critical 1"),
			summary: "source kube/nodes could not be read in 3 runs in a row (unreachable: it did not work); " +
				"it gave 4 items on 2026-11-20 11:00 UTC",
		},
		{name: "the third of five", change: failing(facts.KubeNodes, facts.CauseTimeout, 2), values: map[string]any{"runs": 5}, want: nodesUnknown},
	},
	sourceFailed: []damage{{
		name:    "history not readable",
		change:  failed(facts.History),
		want:    unknownWithout(facts.History, nil),
		summary: "source history could not be read: gave up after 30s",
	}},
}
