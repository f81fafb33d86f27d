package report_test

import (
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

const byCarol = "silence 3 by carol until 2026-11-25 12:00 UTC: disk is ordered"

// silencedRun has one verdict that is silenced whole and one of which half is.
func silencedRun() *verdict.Run {
	run := healthyRun()
	claim := func(name string, severity verdict.Severity) verdict.Finding {
		return verdict.Finding{Subject: verdict.Subject{Kind: "claim", Namespace: "datahub", Name: name}, Severity: severity, Message: name + " is lost"}
	}
	fail(run, "pvc-lost", verdict.Critical, "2 claims have lost their volumes", 3*time.Hour, claim("claim-known", verdict.Critical), claim("claim-new", verdict.Warning))
	d := at(run, "pvc-lost")
	d.Findings[0].Silence, d.Silenced, d.Severity, d.Count = byCarol, 1, verdict.Warning, 1
	fail(run, "backup-none", verdict.Error, "1 claim has no backup", time.Hour, claim("claim-bare", verdict.Error))
	d = at(run, "backup-none")
	d.Findings[0].Silence, d.Silence, d.Silenced = byCarol, byCarol, 1
	return run
}

func TestSilencedIsShown(t *testing.T) {
	for format, want := range map[string][]string{
		"markdown": {
			"# 1 invariant is violated (1 warning), 1 silenced\n",
			"| **silenced** | | 2 violations (critical) | | | |\n",
			"## 1. Warning: 2 claims have lost their volumes\n",
			"- **For whom:** 1 claim: `claim-new`\n",
			"| claim `datahub/claim-new` | claim-new is lost |\n",
			"## Silenced\n\nNobody is told of these until the silence ends. They are as real as the others.\n\n" +
				"- **critical**: 2 claims have lost their volumes (`datahub`, `pvc-lost`), since 2026-11-20 09:00 UTC (3 h): 1 claim; the others are told above\n" +
				"  - silence 3 by carol until 2026-11-25 12:00 UTC: disk is ordered (`claim-known`)\n" +
				"- **error**: 1 claim has no backup (`datahub`, `backup-none`), since 2026-11-20 11:00 UTC (1 h): 1 claim\n" +
				"  - silence 3 by carol until 2026-11-25 12:00 UTC: disk is ordered (`claim-bare`)\n",
		},
		"terminal": {
			"1 invariant is violated (1 warning), 1 silenced\n",
			"  silenced    2 violations, critical\n",
			"\nSILENCED\n  Nobody is told of these until the silence ends. They are as real as the others.\n" +
				"  critical 2 claims have lost their volumes (datahub, pvc-lost, since 2026-11-20 09:00 UTC (3 h)): 1 claim; the others are told above\n" +
				"    - silence 3 by carol until 2026-11-25 12:00 UTC: disk is ordered (claim-known)\n",
		},
		"json": {
			`"fail": 2,`, `"silenced": 1`, `"silence": "` + byCarol + `"`,
		},
	} {
		got := render(t, format, silencedRun(), report.Options{Width: 200})
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s lacks\n%s\nin:\n%s", format, w, got)
			}
		}
		if format != "json" && strings.Count(got, "claim-known is lost") > 0 {
			t.Errorf("%s tells of a silenced finding among the others:\n%s", format, got)
		}
	}
}

// A run whose only violations are silenced is not fine.
func TestSilencedIsNotFine(t *testing.T) {
	run := silencedRun()
	at(run, "pvc-lost").Outcome = verdict.Pass
	for _, format := range []string{"markdown", "terminal"} {
		got := render(t, format, run, report.Options{Width: 200})
		if !strings.HasPrefix(strings.TrimPrefix(got, "# "), "1 violated invariant is silenced, 7 hold\n") || strings.Contains(got, "nothing to do") {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}

// Of what the history keeps, findings may be missing; the words of the silence are not.
func TestSilencedWithoutFindings(t *testing.T) {
	run := silencedRun()
	at(run, "backup-none").Findings = nil
	if got := render(t, "markdown", run, report.Options{}); !strings.Contains(got, ": 1 finding\n  - "+byCarol+"\n") {
		t.Errorf("got:\n%s", got)
	}
}

// Reasons, names of people and of subjects are other people's text.
func TestHostileSilence(t *testing.T) {
	run := silencedRun()
	d := at(run, "backup-none")
	hostile := "silence 3 by <!channel> until \x1b[31m: [x](http://evil.example)\n# wrong"
	d.Silence, d.Findings[0].Silence, d.Findings[0].Subject.Name = hostile, hostile, "a`b\x1b[2J"
	for _, format := range report.Formats {
		got := render(t, format, run, report.Options{Width: 200})
		if strings.Contains(got, "\x1b") || strings.Contains(got, "\n# wrong") || format == "markdown" && strings.Contains(got, " [x](http") {
			t.Errorf("%s:\n%q", format, got)
		}
	}
}

func TestBecauseIsShown(t *testing.T) {
	run := silencedRun()
	d := at(run, "pvc-lost")
	d.ExplainedBy, d.Because = "abc", "node worker-1 is lost"
	for format, want := range map[string]string{"markdown": "- **Because:** node worker-1 is lost\n", "terminal": "because     node worker-1 is lost\n", "json": `"because": "node worker-1 is lost"`} {
		if got := render(t, format, run, report.Options{Width: 200}); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%s", format, want, got)
		}
	}
}
