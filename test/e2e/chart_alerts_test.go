package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Each alert's test has Prometheus's own evaluator go through numbers as of an audit
// that is asked or pushes every minute, from the time 0 on. The alerts expected are
// those that fire at the minute given.
var alertStories = []struct {
	name   string
	series map[string]string // by name and labels beside those of every series
	firing map[int][]string
}{
	{"all is well", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x300", "hubaudit_last_success_timestamp_seconds": "0+60x300",
		`hubaudit_messages_queued{receiver="slack"}`: "0x300", `hubaudit_findings{check="hub-db-corrupt",hub="a",severity="critical"}`: "1x300"},
		map[int][]string{59: nil, 299: nil}},
	{"no run is complete any more", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x300", "hubaudit_last_success_timestamp_seconds": "0x300"},
		map[int][]string{104: nil, 107: {"HubauditLastSuccessOld"}}},
	{"no run was ever complete", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x300"},
		map[int][]string{14: nil, 16: {"HubauditLastSuccessOld"}}},
	{"two receivers are down for a while", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x300", "hubaudit_last_success_timestamp_seconds": "0+60x300",
		`hubaudit_messages_queued{receiver="slack"}`: "0 1x100 0x200", `hubaudit_messages_queued{receiver="pagerduty"}`: "0 2x90 0x210"},
		map[int][]string{60: nil, 62: {"HubauditMessagesQueued"}, 110: nil}},
	{"a receiver is down and only the check tells", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x300", "hubaudit_last_success_timestamp_seconds": "0+60x300",
		`hubaudit_findings{check="audit-notify-failed",hub="",severity="error"}`: "1x300"},
		map[int][]string{59: nil, 61: {"HubauditMessagesQueued"}}},
	{"the audit has ended", map[string]string{"hubaudit_last_run_timestamp_seconds": "0+60x60 _x240", "hubaudit_last_success_timestamp_seconds": "0+60x60 _x240"},
		map[int][]string{120: nil, 130: {"HubauditAbsent"}}},
	{"another audit is well", map[string]string{`hubaudit_last_run_timestamp_seconds{other="yes"}`: "0+60x300"},
		map[int][]string{61: {"HubauditAbsent"}}},
}

// TestChartAlerts lets promtool evaluate the alerts for both ways in which metrics get
// to Prometheus.
func TestChartAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: it is part of Debian's prometheus; install it with test/packages", err)
	}
	st := mainStage(t)
	for name, way := range map[string]struct {
		args   []string
		labels string
	}{
		"ServiceMonitor": {[]string{"--values", filepath.Join(chartDir, "ci", "monitoring-values.yaml")}, `namespace="default",service="audit-hubaudit"`},
		"Pushgateway": {[]string{"--set", "prometheusRule.enabled=true,prometheusRule.maxAgeSeconds=5400,config.cluster.name=prod,config.metrics.pushgateway=http://push:9091"},
			`job="hubaudit",instance="prod"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := helm(t, st, append([]string{"template", "audit", chartDir, "--namespace", "default"}, way.args...)...)
			rules := ofKind(t, decode(t, text), "PrometheusRule")
			groups, _, _ := unstructured.NestedMap(rules.Object, "spec")
			dir := t.TempDir()
			writeJSON(t, filepath.Join(dir, "rules.yaml"), groups)
			var tests []any
			for _, story := range alertStories {
				tests = append(tests, alertTest(story.name, story.series, story.firing, way.labels))
			}
			writeJSON(t, filepath.Join(dir, "tests.yaml"), object{"rule_files": []any{"rules.yaml"}, "evaluation_interval": "1m", "tests": tests})
			cmd := exec.CommandContext(t.Context(), promtool, "test", "rules", "tests.yaml")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// alertTest is a test in promtool's words.
func alertTest(name string, series map[string]string, firing map[int][]string, labels string) object {
	var input, expected []any
	for of, values := range series {
		input = append(input, object{"series": labelled(of, labels), "values": values})
	}
	for minute, alerts := range firing {
		samples := []any{}
		for _, alert := range alerts {
			samples = append(samples, object{"labels": fmt.Sprintf("{alertname=%q}", alert), "value": 1})
		}
		expected = append(expected, object{"expr": `count by (alertname) (ALERTS{alertstate="firing"})`, "eval_time": fmt.Sprintf("%dm", minute), "exp_samples": samples})
	}
	return object{"name": name, "interval": "1m", "input_series": input, "promql_expr_test": expected}
}

// labelled adds labels to a series, but not to one of another audit.
func labelled(series, labels string) string {
	name, own, found := strings.Cut(series, "{")
	switch {
	case !found:
		return name + "{" + labels + "}"
	case strings.HasPrefix(own, "other="):
		return series
	}
	return name + "{" + labels + "," + own
}

func writeJSON(t *testing.T, file string, content any) {
	t.Helper()
	text, err := json.Marshal(content) // which is YAML
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
