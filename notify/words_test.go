package notify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
)

// TestAffectedWithoutSilenced: who is called for some of the findings is not shown
// those that are silenced, and told that there are more.
func TestAffectedWithoutSilenced(t *testing.T) {
	node := func(name string, s verdict.Severity, silence string) verdict.Finding {
		return verdict.Finding{Subject: verdict.Subject{Kind: "node", Name: name}, Severity: s, Message: "node " + name, Silence: silence}
	}
	v := verdict.Verdict{Outcome: verdict.Fail, Count: 1, Silenced: 2, Findings: []verdict.Finding{
		node("a", verdict.Critical, "silence 1"), node("b", verdict.Warning, ""), node("c", verdict.Critical, "silence 1")}}
	whole := v
	whole.Silence, whole.Count, whole.Silenced = "silence 1", 3, 3
	for name, c := range map[string]struct {
		verdict verdict.Verdict
		shown   []string
		more    int
		number  string
	}{
		"some are silenced":            {v, []string{"node b"}, 0, "1 node (2 more are silenced)"},
		"all are: who was told before": {whole, []string{"node a", "node c"}, 1, "3 nodes"},
	} {
		m := &Message{Verdict: &c.verdict}
		m.Incident.Count = c.verdict.Count
		shown, more := m.affected(2)
		if diff := cmp.Diff(c.shown, shown); diff != "" || more != c.more || m.number() != c.number {
			t.Errorf("%s: %v and %d more, %q", name, shown, more, m.number())
		}
	}
}
