package checks

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestAuditPartial(t *testing.T) { testCheck(t, auditPartialCases) }

// partialFor lets so many runs before this one have seen only part.
func partialFor(n int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range n {
			s.Past.Runs[i].Complete = false
		}
	}
}

// partial does all that.
func partial(runs int, changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		partialFor(runs)(s)
		for _, change := range changes {
			change(s)
		}
	}
}

var nodesPartial = with(nodesUnknown, "audit-partial", "fail warning 1")

var auditPartialCases = cases{
	check: auditPartial,
	fires: []damage{
		{
			name:    "another source each time",
			change:  partial(2, failing(facts.KubeNodes, facts.CauseTimeout, 0)),
			want:    nodesPartial,
			summary: "3 runs in a row saw only part, now without source kube/nodes; the last complete run was at 2026-11-20 09:00 UTC",
		},
		{
			name: "never complete",
			change: partial(0, failing(facts.KubeNodes, facts.CauseTimeout, 0), func(s *facts.Snapshot) {
				for i := range s.Past.Runs {
					s.Past.Runs[i].Complete = false
				}
			}),
			want:    nodesPartial,
			summary: "31 runs in a row saw only part, now without source kube/nodes; no run that the history knows was complete",
		},
	},
	mustNotFire: []damage{
		{name: "all could be seen in this run", change: partialFor(20)},
		{
			name:   "a source of which audit-input-missing tells",
			change: partial(5, failing(facts.KubeNodes, facts.CauseForbidden, 5)),
			want:   with(nodesUnknown, "audit-input-missing", "fail critical 1"),
		},
		{
			name:   "a list that is empty, of which audit-input-missing tells",
			change: partial(5, func(s *facts.Snapshot) { s.Longhorn.Replicas = nil; world.Settle(s) }),
			want:   with(listsUnknown(nil), "audit-input-missing", "fail critical 1"),
		},
		{name: "first run", change: func(s *facts.Snapshot) {
			s.Past = facts.Past{}
			world.Fail(s, facts.KubeNodes, facts.CauseForbidden, "no")
		}, want: with(with(nodesUnknown, "hub-user-count-drift", "skipped"), "hub-db-pvc-replaced", "skipped")},
	},
	boundary: []damage{
		{name: "the second run", change: partial(1, failing(facts.KubeNodes, facts.CauseTimeout, 0)), want: nodesUnknown},
		{
			name: "the second of two", change: partial(1, failing(facts.KubeNodes, facts.CauseTimeout, 0)), values: map[string]any{"runs": 2}, want: nodesPartial,
			summary: "2 runs in a row saw only part, now without source kube/nodes; the last complete run was at 2026-11-20 10:00 UTC",
		},
	},
	sourceFailed: []damage{{
		name: "history not readable", change: failed(facts.History), want: unknownWithout(facts.History, nil),
		summary: "source history could not be read: gave up after 30s",
	}},
}

// A check that crashes is told of after some runs, and one that is silent for a
// damaged database is left to hub-db-corrupt.
func TestAuditPartialTellsOfCrashes(t *testing.T) {
	s := healthy()
	partialFor(2)(s)
	crash := *lhLowReplicaCount
	crash.Run = func(*Input) Result { panic("index out of range") }
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range suite {
		if suite[i].Check == lhLowReplicaCount {
			suite[i].Check = &crash
		}
	}
	v := verdictNamed(t, Judge(suite, s), "audit-partial")
	if v.Outcome != verdict.Fail || v.Count != 1 || v.Findings[0].Subject.Name != "lh-low-replica-count" || !strings.Contains(v.Summary, "now without check lh-low-replica-count") {
		t.Errorf("%+v", v)
	}
}

func TestAuditPartialLeavesTheCauseToItsCheck(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := healthy()
	partialFor(5)(s)
	hubOf(s).UsersRead = facts.Partial
	hubOf(s).Database.Damage = append(hubOf(s).Database.Damage, facts.Damage{Kind: facts.DamageIntegrity, Message: "page 7 is broken"})
	verdicts := Judge(suite, s)
	if v := verdictNamed(t, verdicts, "hub-db-corrupt"); v.Outcome != verdict.Fail {
		t.Fatalf("%+v", v)
	}
	if v := verdictNamed(t, verdicts, "audit-partial"); v.Outcome != verdict.Pass {
		t.Errorf("%s: %s", v.Outcome, v.Summary)
	}
}

func verdictNamed(t *testing.T, verdicts []verdict.Verdict, check string) verdict.Verdict {
	t.Helper()
	for _, v := range verdicts {
		if v.Check == check {
			return v
		}
	}
	t.Fatalf("no verdict of %s", check)
	return verdict.Verdict{}
}
