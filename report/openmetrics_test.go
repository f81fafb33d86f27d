package report_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// measured is a run's metrics as text, read by the parser that node_exporter's
// textfile collector uses.
func measured(t *testing.T, run *verdict.Run) (string, map[string]map[string]float64) {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, "openmetrics", run, guides, report.Options{}); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(b.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	values := map[string]map[string]float64{}
	for name, family := range families {
		values[name] = map[string]float64{}
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetName() != "cluster" {
					labels = append(labels, l.GetValue())
				}
			}
			values[name][strings.Join(labels, " ")] = m.Gauge.GetValue()
		}
	}
	return b.String(), values
}

func TestMetrics(t *testing.T) {
	run := badRun()
	run.LastSuccess = run.StartedAt.Add(-2 * time.Hour)
	text, values := measured(t, run)
	for name, want := range map[string]map[string]float64{
		"hubaudit_build_info":                     {"0.1.0": 1},
		"hubaudit_run_complete":                   {"": 0},
		"hubaudit_last_run_timestamp_seconds":     {"": float64(run.StartedAt.Unix())},
		"hubaudit_last_success_timestamp_seconds": {"": float64(run.StartedAt.Unix() - 7200)},
		"hubaudit_run_duration_seconds":           {"": 1.234},
		"hubaudit_verdicts":                       {"fail": 3, "unknown": 2, "skipped": 1, "pass": 2},
		"hubaudit_findings":                       {"hub-cookie-id-null datahub critical": 23, "lh-single-usable-replica  critical": 1, "lh-single-usable-replica  error": 1},
		"hubaudit_source_up":                      {"hubdb/datahub": 0, "kube/nodes": 1},
		"hubaudit_source_items":                   {"nodes kube/nodes": 4},
		"hubaudit_incidents_open":                 {"critical true": 3, "warning true": 1, "info false": 0},
	} {
		for labels, value := range want {
			if got, ok := values[name][labels]; !ok || got != value {
				t.Errorf("%s{%s} is %v (%t), want %v", name, labels, got, ok, value)
			}
		}
	}
	for _, personal := range []string{"student", "claim-", "pvc-0000"} {
		if strings.Contains(text, personal) {
			t.Errorf("there is a name with %q in the metrics", personal)
		}
	}
	if !strings.HasSuffix(text, "# EOF\n") || !strings.Contains(text, `cluster="prod"`) {
		t.Errorf("this is not OpenMetrics of the cluster:\n%s", text)
	}
}

func TestMetricsOfLastSuccess(t *testing.T) {
	complete := healthyRun()
	if _, values := measured(t, complete); values[report.LastSuccess][""] != float64(complete.StartedAt.Unix()) {
		t.Errorf("a complete run is no success: %v", values[report.LastSuccess])
	}
	if _, values := measured(t, badRun()); values[report.LastSuccess] != nil {
		t.Errorf("a success that nobody knows of: %v", values[report.LastSuccess])
	}
}

// What is silenced, or explained by something else, is counted on its own.
func TestMetricsOfSilence(t *testing.T) {
	run := badRun()
	v := at(run, "lh-single-usable-replica")
	v.Findings[0].Silence = "silenced by ops"
	for i := range run.Incidents {
		if run.Incidents[i].Check == "backup-none" {
			run.Incidents[i].ExplainedBy = v.Fingerprint
		}
	}
	run.Incidents = append(run.Incidents, verdict.Incident{Severity: verdict.Warning, State: verdict.Pending})
	_, values := measured(t, run)
	if got := values["hubaudit_findings_silenced"]["lh-single-usable-replica  critical"]; got != 1 {
		t.Errorf("%v silenced", got)
	}
	if got, ok := values["hubaudit_findings"]["lh-single-usable-replica  critical"]; ok {
		t.Errorf("%v not silenced", got)
	}
	open := values["hubaudit_incidents_open"]
	if open["warning false"] != 1 || open["warning true"] != 0 {
		t.Errorf("open: %v", open)
	}
}

func TestMetricsQueued(t *testing.T) {
	families, err := report.Metrics(healthyRun(), map[string]int{"slack": 3, "pagerduty": 0})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.WriteMetrics(&b, families); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`hubaudit_messages_queued{cluster="prod",receiver="slack"} 3.0`, `hubaudit_messages_queued{cluster="prod",receiver="pagerduty"} 0.0`} {
		if !strings.Contains(b.String(), line+"\n") {
			t.Errorf("%s is not in\n%s", line, b.String())
		}
	}
}

// A name in the wrong encoding, or one that would end a label, does no harm.
func TestMetricsOfHostileNames(t *testing.T) {
	run := badRun()
	run.Cluster = "a\"b\\c\nd\xff"
	for i := range run.Verdicts {
		if run.Verdicts[i].Hub != "" {
			run.Verdicts[i].Hub = "x\"} 1\n# EOF\xfe"
		}
	}
	if _, values := measured(t, run); values["hubaudit_findings"]["hub-cookie-id-null x\"} 1\n# EOF\uFFFD critical"] != 23 {
		t.Errorf("%v", values["hubaudit_findings"])
	}
}

// promtool is Prometheus's own judge of what is exposed.
func TestMetricsArePromtools(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: test/packages has it")
	}
	for _, run := range []*verdict.Run{healthyRun(), badRun()} {
		text, _ := measured(t, run)
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func BenchmarkMetrics(b *testing.B) {
	run := healthyRun()
	findings := make([]verdict.Finding, 100_000)
	for i := range findings {
		findings[i] = verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: "v"}, Message: "m"}
	}
	fail(run, "lh-single-usable-replica", verdict.Critical, "many", 0, findings...)
	for b.Loop() {
		if _, err := report.Metrics(run, nil); err != nil {
			b.Fatal(err)
		}
	}
}
