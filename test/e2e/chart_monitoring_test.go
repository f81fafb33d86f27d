package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// monitoringWays are the two ways in which the audit's numbers get to Prometheus.
var monitoringWays = map[string]struct {
	args []string
	// labels are those that the numbers get on the way; nil for those of the Service.
	labels map[string]string
}{
	"ServiceMonitor": {args: []string{"--values", filepath.Join(chartDir, "ci", "monitoring-values.yaml")}},
	"Pushgateway": {[]string{"--set", "prometheusRule.enabled=true,prometheusRule.maxAgeSeconds=5400,config.cluster.name=prod,config.metrics.pushgateway=http://push:9091"},
		map[string]string{"job": "hubaudit", "instance": "prod"}},
}

// misspelt are mistakes in the operator's objects, and what the API server says to them.
var misspelt = []struct {
	kind, mistake string
	path          []string // of the list whose first entry has it
	field         string
	value         any
	says          string
}{
	{"ServiceMonitor", "a field", []string{"spec", "endpoints"}, "intervall", "1m", `unknown field "spec.endpoints[0].intervall"`},
	{"ServiceMonitor", "a duration", []string{"spec", "endpoints"}, "interval", "1 minute", "spec.endpoints[0].interval"},
	{"PrometheusRule", "a field", []string{"spec", "groups"}, "rule", []any{}, `unknown field "spec.groups[0].rule"`},
	{"PrometheusRule", "a duration", []string{"spec", "groups"}, "interval", "1 minute", "spec.groups[0].interval"},
}

// TestChartMonitoring has an API server that knows the Prometheus operator's
// resources look at the chart's, as strictly as it can, and proves that it does.
func TestChartMonitoring(t *testing.T) {
	st := mainStage(t)
	for name, way := range monitoringWays {
		t.Run(name, func(t *testing.T) {
			objects := decode(t, helm(t, st, append([]string{"template", "audit", chartDir, "--namespace", "default"}, way.args...)...))
			seen := 0
			for _, o := range objects {
				if o.GroupVersionKind().Group != "monitoring.coreos.com" {
					continue
				}
				seen++
				if err := st.try(t, o); err != nil {
					t.Errorf("%s: %v", o.GetKind(), err)
				}
				for _, m := range misspelt {
					if m.kind == o.GetKind() {
						wantRefused(t, m.kind+" with "+m.mistake+" misspelt", st.try(t, withField(t, o, m.path, m.field, m.value)), m.says)
					}
				}
			}
			if want := map[string]int{"ServiceMonitor": 2, "Pushgateway": 1}[name]; seen != want {
				t.Errorf("%d objects of the operator's, want %d", seen, want)
			}
		})
	}
}

// try has the API server judge an object without keeping it.
func (st *stage) try(t *testing.T, o *unstructured.Unstructured) error {
	t.Helper()
	plural := schema.GroupVersionResource{Group: o.GroupVersionKind().Group, Version: o.GroupVersionKind().Version, Resource: strings.ToLower(o.GetKind()) + "s"}
	_, err := st.Client().Resource(plural).Namespace(o.GetNamespace()).Create(t.Context(), o,
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
	return err
}

// withField is an object whose list at the path has a field in its first entry.
func withField(t *testing.T, o *unstructured.Unstructured, path []string, field string, value any) *unstructured.Unstructured {
	t.Helper()
	o = o.DeepCopy()
	list, found, err := unstructured.NestedSlice(o.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s has no %s: %v", o.GetKind(), strings.Join(path, "."), err)
	}
	list[0].(object)[field] = value
	if err := unstructured.SetNestedSlice(o.Object, list, path...); err != nil {
		t.Fatal(err)
	}
	return o
}

func wantRefused(t *testing.T, what string, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: error %v, want %q", what, err, says)
	}
}

// scrapedAs are the labels that Prometheus gives to what it reads by a
// ServiceMonitor: those of the Service that this selects.
func scrapedAs(t *testing.T, objects []*unstructured.Unstructured) map[string]string {
	t.Helper()
	monitor, service := ofKind(t, objects, "ServiceMonitor"), ofKind(t, objects, "Service")
	selector, _, _ := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	has := service.GetLabels()
	selected := maps.Clone(has)
	maps.Copy(selected, selector)
	if len(selector) == 0 || !maps.Equal(selected, has) || monitor.GetNamespace() != service.GetNamespace() {
		t.Errorf("the ServiceMonitor selects %v in %s, the Service has %v in %s", selector, monitor.GetNamespace(), has, service.GetNamespace())
	}
	endpoints, _, _ := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	named := slices.ContainsFunc(ports, func(p any) bool { return len(endpoints) == 1 && p.(object)["name"] == endpoints[0].(object)["port"] })
	if !named {
		t.Errorf("the ServiceMonitor asks %v, the Service has %v", endpoints, ports)
	}
	return map[string]string{"namespace": service.GetNamespace(), "service": service.GetName()}
}
