package history_test

import (
	"testing"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
)

// wantOneSpan: the check "a", which always failed, has one incident, and no
// check has two that are open.
func wantOneSpan(t *testing.T, s *history.Store, cluster string, inOrder bool) {
	t.Helper()
	incidents, err := s.Incidents(t.Context(), cluster, false)
	must(t, err)
	spans, open := map[string]int{}, map[string]int{}
	for _, inc := range incidents {
		spans[inc.Check]++
		if inc.State != verdict.Resolved {
			open[inc.Check]++
		}
	}
	if spans["a"] != 1 || open["a"] != 1 || open["b"] > 1 {
		t.Errorf("%s: incidents %v, open %v", cluster, spans, open)
	}
	if inOrder && spans["b"] != 6 {
		t.Errorf("%s: %d incidents of a check that failed in six of twelve runs", cluster, spans["b"])
	}
}
