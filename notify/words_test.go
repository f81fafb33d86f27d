package notify

import (
	"encoding/json"
	"slices"
	"strings"
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

// TestFewFindingsInFull: a finding may name the first thing to do, at its end. Where
// there are few they are not cut as where there are many.
func TestFewFindingsInFull(t *testing.T) {
	const end = "restore the newest copy first"
	finding := verdict.Finding{Severity: verdict.Critical, Subject: verdict.Subject{Kind: "database", Name: "hub"},
		Message: strings.Repeat("the database was emptied ", 40) + end}
	for n, whole := range map[int]bool{1: true, 400: false} {
		m := &Message{Run: &verdict.Run{}, Verdict: &verdict.Verdict{Outcome: verdict.Fail, Count: n, Findings: slices.Repeat([]verdict.Finding{finding}, n)}}
		m.Incident = verdict.Incident{Check: "hub-db-corrupt", Severity: verdict.Critical, Outcome: verdict.Fail, Count: n, Summary: "emptied"}
		letter, html, err := newLetter(m).render()
		if err != nil {
			t.Fatal(err)
		}
		for sink, words := range map[string]string{
			"Slack": encoded(t, slackBlocks(m)), "mail": letter, "HTML": html, "PagerDuty": encoded(t, pagerDutyPayload(m)),
			"Alertmanager": alertAnnotations(m)["affected"],
		} {
			if strings.Contains(words, end) != whole {
				t.Errorf("%d findings in %s, in full should be %t:\n%.900s", n, sink, whole, words)
			}
		}
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDigestMail: the subject says how bad it is, and what is over looks for no cause.
func TestDigestMail(t *testing.T) {
	message := func(kind Kind, s verdict.Severity) Message {
		return Message{Run: &verdict.Run{}, Decision: Decision{Kind: kind, Incident: verdict.Incident{Severity: s, Hub: "datahub", Summary: "it fails"}}}
	}
	over := []Message{message(Resolved, verdict.Critical), message(Resolved, verdict.Error)}
	mixed := append([]Message{message(Opened, verdict.Error), message(Worse, verdict.Warning)}, over...)
	for want, all := range map[string][]Message{"RESOLVED · 2 incidents in one message": over, "ERROR · 4 incidents in one message": mixed} {
		if l := newDigest(all); l.Subject != "[hubaudit] "+want || (l.Unseen == "") != (len(all) == len(over)) {
			t.Errorf("subject %q, %q", l.Subject, l.Unseen)
		}
	}
}
