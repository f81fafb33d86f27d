package report

import (
	"testing"

	"hubaudit/internal/verdict"
)

func TestAffected(t *testing.T) {
	finding := func(kind, name string, details map[string]string) verdict.Finding {
		return verdict.Finding{Subject: verdict.Subject{Kind: kind, Name: name}, Details: details}
	}
	for want, findings := range map[string][]verdict.Finding{
		"2 users": {finding("user", "a", map[string]string{"user": "a"}), finding("user", "b", nil)},
		"2 volumes and 1 claim of 2 users": {finding("volume", "v", map[string]string{"user": "a"}), finding("volume", "w", map[string]string{"user": "b"}),
			finding("claim", "c", map[string]string{"user": "a"})},
		"1 node with the homes of 3 users": {finding("node", "n", map[string]string{"users": `"a", "b, \"c", "d"`})},
		"1 node":                           {finding("node", "n", map[string]string{"users": "not quoted"})},
		"the homes of 2 users":             {finding("hub", "h", map[string]string{"users": `"a", "b"`})},
		"2 recurring jobs":                 {finding("recurringjob", "a", nil), finding("recurringjob", "b", nil)},
		"1 version":                        {finding("version", "v1", nil), finding("version", "v1", nil)},
	} {
		if got := affected(&verdict.Verdict{Findings: findings, Count: len(findings)}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := affected(&verdict.Verdict{Count: 3}); got != "3 findings" {
		t.Errorf("without findings: %q", got)
	}
}
