package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	reports "hubaudit/report"
)

// numbers are what Prometheus gets of the audit in some minute: those of its last
// run, and how many messages wait. Without a run it gets nothing.
type numbers struct {
	run    *verdict.Run
	queued map[string]int
}

// alertStories have Prometheus's own evaluator go through the numbers of an audit
// that runs every minute, from the time 0 on. The alerts expected are those that
// fire at the minute given.
var alertStories = []struct {
	name   string
	at     func(minute int) numbers
	firing map[int][]string
}{
	{"all is well", func(minute int) numbers {
		r := completeAt(minute)
		r.Verdicts = append(r.Verdicts, failing("hub-db-corrupt", "a"))
		return numbers{r, map[string]int{"slack": 0}}
	}, map[int][]string{59: nil, 299: nil}},
	{"no run is complete any more", func(minute int) numbers { return numbers{incompleteAt(minute, time.Unix(0, 0)), nil} },
		map[int][]string{104: nil, 107: {"HubauditLastSuccessOld"}}},
	{"no run was ever complete", func(minute int) numbers { return numbers{incompleteAt(minute, time.Time{}), nil} },
		map[int][]string{14: nil, 16: {"HubauditLastSuccessOld"}}},
	{"no run is made any more, and the last numbers stay", func(minute int) numbers { return numbers{completeAt(min(minute, 60)), nil} },
		map[int][]string{164: nil, 167: {"HubauditLastSuccessOld"}}},
	{"two receivers are down for a while", func(minute int) numbers {
		waiting := map[string]int{"slack": 0, "pagerduty": 0}
		if minute > 0 && minute <= 100 {
			waiting["slack"] = 1
		}
		if minute > 0 && minute <= 90 {
			waiting["pagerduty"] = 2
		}
		return numbers{completeAt(minute), waiting}
	}, map[int][]string{60: nil, 62: {"HubauditMessagesQueued"}, 110: nil}},
	{"a receiver is down and only the check tells", func(minute int) numbers {
		r := completeAt(minute)
		r.Verdicts = append(r.Verdicts, failing("audit-notify-failed", ""))
		return numbers{r, nil}
	}, map[int][]string{59: nil, 61: {"HubauditMessagesQueued"}}},
	{"the audit has ended", func(minute int) numbers {
		if minute > 60 {
			return numbers{}
		}
		return numbers{completeAt(minute), map[string]int{"slack": 0}}
	}, map[int][]string{120: nil, 130: {"HubauditAbsent"}}},
}

// lastMinute is how far the stories go.
const lastMinute = 299

func completeAt(minute int) *verdict.Run {
	return &verdict.Run{Cluster: "prod", StartedAt: time.Unix(int64(60*minute), 0), Version: "1",
		Sources:  []facts.Source{{Name: facts.KubeNodes, Status: facts.OK, Items: map[string]int{"nodes": 4}}},
		Verdicts: []verdict.Verdict{{Check: "pv-node-gone", Outcome: verdict.Pass}}}
}

// incompleteAt is a run that could not tell everything; last was the last that could.
func incompleteAt(minute int, last time.Time) *verdict.Run {
	r := completeAt(minute)
	r.Verdicts[0].Outcome, r.LastSuccess = verdict.Unknown, last
	return r
}

func failing(check, hub string) verdict.Verdict {
	return verdict.Verdict{Check: check, Hub: hub, Outcome: verdict.Fail, Severity: verdict.Error, Findings: []verdict.Finding{{Severity: verdict.Error}}}
}

// TestChartAlerts lets promtool evaluate the alerts on the numbers that the audit
// writes, for both ways in which these get to Prometheus.
func TestChartAlerts(t *testing.T) {
	st := mainStage(t)
	for name, way := range monitoringWays {
		t.Run(name, func(t *testing.T) {
			objects := decode(t, helm(t, st, append([]string{"template", "audit", chartDir, "--namespace", "default"}, way.args...)...))
			labels := way.labels
			if labels == nil {
				labels = scrapedAs(t, objects)
			}
			groups, _, _ := unstructured.NestedMap(ofKind(t, objects, "PrometheusRule").Object, "spec")
			dir := t.TempDir()
			writeJSON(t, filepath.Join(dir, "rules.yaml"), groups)
			promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
			tests := []any{alertTest("another audit is well", otherSeries, map[int][]string{61: {"HubauditAbsent"}})}
			for _, story := range alertStories {
				tests = append(tests, alertTest(story.name, seriesOf(t, story.at, labels), story.firing))
			}
			writeJSON(t, filepath.Join(dir, "tests.yaml"), object{"rule_files": []any{"rules.yaml"}, "evaluation_interval": "1m", "tests": tests})
			promtool(t, dir, "test", "rules", "tests.yaml")
		})
	}
}

func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("%v: it is part of Debian's prometheus; install it with test/packages", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", args[0], err, out)
	}
}

// otherSeries are those of an audit elsewhere.
var otherSeries = map[string][]string{`hubaudit_last_run_timestamp_seconds{other="yes"}`: {"0+60x300"}}

// alertTest is a test in promtool's words, of series with a value for each minute.
func alertTest(name string, series map[string][]string, firing map[int][]string) object {
	var input, expected []any
	for of, values := range series {
		input = append(input, object{"series": of, "values": strings.Join(values, " ")})
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

// seriesOf are the series that Prometheus makes of numbers, which it gives these
// labels beside their own.
func seriesOf(t *testing.T, at func(minute int) numbers, labels map[string]string) map[string][]string {
	t.Helper()
	series := map[string][]string{}
	for minute := range lastMinute + 1 {
		scraped := scrape(t, at(minute), labels)
		for key := range scraped {
			if series[key] == nil {
				series[key] = slices.Repeat([]string{"_"}, minute)
			}
		}
		for key := range series {
			value, there := scraped[key]
			if !there {
				value = "stale" // as Prometheus marks what a scrape has no longer
			}
			series[key] = append(series[key], value)
		}
	}
	return series
}

func scrape(t *testing.T, n numbers, labels map[string]string) map[string]string {
	t.Helper()
	if n.run == nil {
		return nil
	}
	families, err := reports.Metrics(n.run, n.queued)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			all := maps.Clone(labels)
			for _, label := range metric.GetLabel() {
				all[label.GetName()] = label.GetValue()
			}
			values[seriesName(family.GetName(), all)] = fmt.Sprint(metric.GetGauge().GetValue())
		}
	}
	return values
}

func seriesName(metric string, labels map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", name, labels[name]))
	}
	return metric + "{" + strings.Join(pairs, ",") + "}"
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
