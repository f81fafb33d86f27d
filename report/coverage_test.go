package report_test

import (
	"strings"
	"testing"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// TestCoverageOfUnknown: what could not be told is never a number.
func TestCoverageOfUnknown(t *testing.T) {
	run := healthyRun()
	run.Coverage = []verdict.Coverage{{Hub: "physics", Unknown: "no claims could be read"}}
	for format, want := range map[string]string{
		"markdown": "| `physics` | **unknown** | **unknown** | **unknown** | **unknown** | **unknown** | no claims could be read |",
		"terminal": "physics homes: unknown: no claims could be read",
		"json":     `"unknown": "no claims could be read"`,
	} {
		got := render(t, format, run, report.Options{})
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s:\n%s", format, want, got)
		}
		if strings.Contains(got, "current") || strings.Contains(got, "needBackup") {
			t.Errorf("%s counts what is not known:\n%s", format, got)
		}
	}
}

// TestCoverageOfNothing: a run that was recorded before there was a table has none.
func TestCoverageOfNothing(t *testing.T) {
	run := healthyRun()
	run.Coverage = nil
	for format, unwanted := range map[string]string{"markdown": "## Backups", "terminal": "BACKUPS"} {
		if strings.Contains(render(t, format, run, report.Options{}), unwanted) {
			t.Errorf("%s has an empty table", format)
		}
	}
	if !strings.Contains(render(t, "json", run, report.Options{}), `"coverage": []`) {
		t.Error("the JSON report has no empty list")
	}
}

// TestCoverageOfUnread: a place that could not be read is not one without copies.
func TestCoverageOfUnread(t *testing.T) {
	run := healthyRun()
	run.Coverage = []verdict.Coverage{{Hub: "physics", Database: []verdict.DatabaseBackup{
		{Name: "s3", Location: "s3://b/*", Unread: true, Trouble: "source backup/physics/s3 could not be read"}}}}
	for format, want := range map[string]string{
		"markdown": "| **unknown** | never | source backup/physics/s3 could not be read |",
		"terminal": "physics database, s3: copies unknown · last tested: never · source",
		"json":     `"unread": true`,
	} {
		if got := render(t, format, run, report.Options{}); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s:\n%s", format, want, got)
		}
	}
}
