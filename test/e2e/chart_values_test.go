package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"hubaudit/internal/config"
)

// variants are the values for which the chart's own tests render it, and the kinds
// that come of them besides the ServiceAccount, ConfigMap and rights of every one.
var variants = map[string][]string{
	"values.yaml":               {"CronJob", "PersistentVolumeClaim"},
	"ci/full-values.yaml":       {"CronJob"}, // its claim exists
	"ci/servers-values.yaml":    {"CronJob", "PersistentVolumeClaim"},
	"ci/watch-values.yaml":      {"Deployment", "NetworkPolicy", "Service"},
	"ci/monitoring-values.yaml": {"Deployment", "NetworkPolicy", "PersistentVolumeClaim", "PrometheusRule", "Service", "ServiceMonitor"},
}

var ofEvery = []string{"ClusterRole", "ClusterRoleBinding", "ConfigMap", "ServiceAccount"}

// TestChartVariants looks at what the chart makes of each of its values: which
// objects, that the API server takes them, that their pods are restricted, and that
// the audit takes the configuration.
func TestChartVariants(t *testing.T) {
	st := mainStage(t)
	for values, kinds := range variants {
		t.Run(values, func(t *testing.T) {
			text := helm(t, st, "template", "audit", chartDir, "--namespace", "default", "--values", filepath.Join(chartDir, values))
			objects := decode(t, text)
			var got []string
			for _, o := range objects {
				got = append(got, o.GetKind())
				content, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				st.validate(t, string(content))
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(slices.Concat(ofEvery, kinds)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("objects (-want +rendered):\n%s", diff)
			}
			st.expectSoundPod(t, objects)
			st.expectTakenConfig(t, objects)
		})
	}
}

func decode(t *testing.T, documents string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for reader := yaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096); ; {
		o := &unstructured.Unstructured{}
		err := reader.Decode(&o.Object)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}

func ofKind(t *testing.T, objects []*unstructured.Unstructured, kinds ...string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return slices.Contains(kinds, o.GetKind()) })
	if i < 0 {
		t.Fatalf("the chart makes no %s", strings.Join(kinds, " or "))
	}
	return objects[i]
}

// expectSoundPod has the API server judge the pod under the restricted standard, and
// holds that a volume stands behind each of its mounts.
func (st *stage) expectSoundPod(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	workload := ofKind(t, objects, "CronJob", "Deployment")
	path := []string{"spec", "template"}
	if workload.GetKind() == "CronJob" {
		path = []string{"spec", "jobTemplate", "spec", "template"}
	}
	template, found, err := unstructured.NestedMap(workload.Object, path...)
	if err != nil || !found {
		t.Fatalf("the %s has no pod: %v", workload.GetKind(), err)
	}
	content, err := json.Marshal(object{"apiVersion": "v1", "kind": "PodTemplate", "metadata": object{"name": "audit", "namespace": "default"}, "template": template})
	if err != nil {
		t.Fatal(err)
	}
	st.validate(t, string(content)) // the API server refuses a mount without a volume
	container, _, _ := unstructured.NestedSlice(template, "spec", "containers")
	got := container[0].(object)["securityContext"]
	want := object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": []any{"ALL"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the container's security context (-want +rendered):\n%s", diff)
	}
}

var secretFile = regexp.MustCompile(`/etc/hubaudit/secrets/([A-Za-z0-9._-]+)`)

// expectTakenConfig has the real command check the configuration, with a file for
// each secret that it names.
func (st *stage) expectTakenConfig(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	text, _, _ := unstructured.NestedString(ofKind(t, objects, "ConfigMap").Object, "data", "hubaudit.yaml")
	text = strings.ReplaceAll(text, "/var/run/secrets/kubernetes.io/serviceaccount/", "/etc/hubaudit/secrets/")
	p := &site{dir: t.TempDir(), env: []string{"HISTORY_PASSWORD=1", "SLACK_TOKEN=2", "HEARTBEAT_UUID=3"}}
	for _, found := range secretFile.FindAllStringSubmatch(text, -1) {
		content := strings.Repeat("0", 32)
		switch {
		case strings.HasSuffix(found[1], "-url"), strings.HasSuffix(found[1], "-hook"):
			content = "https://example.org/" + content
		case strings.HasSuffix(found[1], ".pem"):
			content = string(st.Config().CAData)
		}
		if err := os.WriteFile(filepath.Join(p.dir, found[1]), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.configure(t, strings.NewReplacer("/etc/hubaudit/secrets", p.dir, "/var/lib/hubaudit", p.dir).Replace(text))
	if r := p.command(t, "config", "check", "--config", "hubaudit.yaml"); r.status != 0 {
		t.Errorf("the audit refuses the configuration: %s\n%s", r.stderr, text)
	}
}

const refusedBySchema = "values don't meet the specifications of the schema"

// refusedValues are values, and what helm says to them. The secrets in them have "word" in them.
var refusedValues = []struct{ values, says string }{
	{`config: {hubs: [{name: a}], notify: {slack: {token: xoxb-word}}}`, "tokenFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], notify: {pagerduty: {routingKey: word456789abcdef0123456789abcdef}}}`, "config.notify.pagerduty.routingKey is a secret"},
	{`config: {hubs: [{name: a}], notify: {receivers: [{name: x, email: {from: a@b, to: [c@d], server: "e:587", password: word}}]}}`, "config.notify.receivers[0].email.password is a secret"},
	{`config: {hubs: [{name: a}], notify: {webhook: {url: "https://example.org/hooks/word0123456789ab"}}}`, "urlFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], notify: {webhook: {url: "https://user:word@example.org/hooks"}}}`, "config.notify.webhook.url holds a login"},
	{`config: {hubs: [{name: a}], notify: {heartbeatURL: "https://hc-ping.com/word5a31-0000-4000-8000-b7c1a2d3e4f5"}}`, "heartbeatURLFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], notify: {file: {path: /srv/messages.jsonl}}}`, refusedBySchema},
	{`config: {hubs: [{name: a}], notify: {slak: {}}}`, refusedBySchema},
	{`config: {hubs: [{name: a, backups: [{name: b, scratchPassword: word}]}]}`, "config.hubs[0].backups[0].scratchPassword is a secret"},
	{`config: {hubs: [{name: a}], notify: {heartbeatURL: "https://example.org/ping?key=word"}}`, "heartbeatURLFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], notify: {alertmanager: {urls: ["http://a", "http://u:word@b"]}}}`, "config.notify.alertmanager.urls[1] holds a login"},
	{`config: {hubs: [{name: a}], notify: {pagerduty: {routingKey: 12345}}}`, refusedBySchema},
	{`config: {hubs: [{name: a}], historyPassword: word}`, "historyPasswordFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], history: "sqlite:hubaudit.db"}`, refusedBySchema},
	{`config: {hubs: [{name: a}], metrics: {file: /metrics/hubaudit.prom}}`, refusedBySchema},
	{`config: {hubs: [{name: a}], watch: {listen: "0.0.0.0:80"}}`, refusedBySchema},
	{`config: {hubs: []}`, refusedBySchema},
	{`env: [{name: TOKEN}]`, refusedBySchema},
	{`podSecurityContext: {runAsUser: 0}`, refusedBySchema},
	{`podSecurityContext: {runAsNonRoot: false}`, refusedBySchema},
	{`watch: {gracePeriodSeconds: 1}`, refusedBySchema},
	{`unknownKey: 1`, refusedBySchema},
	{`config: {hubs: [{name: a, database: "postgresql://u:word@h/d"}]}`, "databasePasswordFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a, backups: [{name: b, scratch: "mysql://u:word@h/d"}]}]}`, "scratchPasswordFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], history: "postgresql://u@h/d?password=word"}`, "historyPasswordFile: /etc/hubaudit/secrets/KEY"},
	{`config: {hubs: [{name: a}], historyPasswordFile: /etc/hubaudit/secrets/history}`, "set secretName"},
	{`watch: {enabled: true}`, "a pod that stays holds claim hub-db-dir on its node"},
	{`serviceMonitor: {enabled: true}`, "set watch.enabled"},
	{"watch: {enabled: true}\nhubDatabases: []\nserviceMonitor: {enabled: true}", "name Prometheus in watch.allowFrom"},
	{`prometheusRule: {enabled: true}`, "set config.metrics.pushgateway"},
}

// TestChartTakesOnlyWhatIsSound holds that the chart refuses a secret in the
// ConfigMap, a pod that runs as root, and what could not work.
func TestChartTakesOnlyWhatIsSound(t *testing.T) {
	st := mainStage(t)
	for _, c := range refusedValues {
		file := filepath.Join(t.TempDir(), "values.yaml")
		if err := os.WriteFile(file, []byte(c.values), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), st.Binary("helm"), "template", "release", chartDir, "--values", file)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.says) {
			t.Errorf("values %s: %v, want %q in\n%s", c.values, err, c.says, out)
		}
		if bytes.Contains(bytes.ReplaceAll(out, []byte("assword"), nil), []byte("word")) {
			t.Errorf("values %s: the password is shown:\n%s", c.values, out)
		}
	}
}

// valuesSchema is the part of a JSON schema that a test looks at.
type valuesSchema struct {
	Ref         string                   `json:"$ref"`
	Properties  map[string]*valuesSchema `json:"properties"`
	Items       *valuesSchema            `json:"items"`
	Definitions map[string]*valuesSchema `json:"definitions"`
	Closed      bool                     `json:"-"`
}

// UnmarshalJSON also reads the schemas true and false, and those that close an object.
func (s *valuesSchema) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("true")) || bytes.Equal(text, []byte("false")) {
		return nil
	}
	type plain valuesSchema
	if err := json.Unmarshal(text, (*plain)(s)); err != nil {
		return err
	}
	var closing struct {
		Additional any `json:"additionalProperties"`
	}
	err := json.Unmarshal(text, &closing)
	s.Closed = closing.Additional == false
	return err
}

// TestChartKnowsEveryKey holds that the schema of config has the keys of the
// configuration: one that it does not know could not be used in the chart.
func TestChartKnowsEveryKey(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root valuesSchema
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, &root, root.Properties["config"], reflect.TypeFor[config.Config](), "config")
}

// ofTheChart are keys that the chart sets itself.
var ofTheChart = map[string][]string{"config.watch": {"listen", "schedule", "timeZone"}}

func compareKeys(t *testing.T, root, at *valuesSchema, of reflect.Type, path string) {
	t.Helper()
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if at.Items != nil {
		at = at.Items
	}
	if name, ok := strings.CutPrefix(at.Ref, "#/definitions/"); ok {
		at = root.Definitions[name]
	}
	if of.Kind() != reflect.Struct || !at.Closed {
		return
	}
	keys := slices.Clone(ofTheChart[path])
	for field := range of.Fields() {
		key := field.Tag.Get("yaml")
		if sub := at.Properties[key]; sub != nil {
			keys = append(keys, key)
			compareKeys(t, root, sub, field.Type, path+"."+key)
		} else if key != "" && !slices.Contains(keys, key) {
			t.Errorf("the schema does not know %s.%s", path, key)
		}
	}
	for key := range at.Properties {
		if !slices.Contains(keys, key) {
			t.Errorf("the schema knows %s.%s, and the configuration does not", path, key)
		}
	}
}

// TestChartNotes holds that what the notes say can be done where the audit runs.
func TestChartNotes(t *testing.T) {
	st := mainStage(t)
	text := helm(t, st, "install", "audit", chartDir, "--namespace", "default", "--dry-run=client", "--values", filepath.Join(chartDir, "ci", "watch-values.yaml"))
	_, notes, found := strings.Cut(text, "NOTES:")
	if want := fmt.Sprintf("kubectl port-forward deployment/%s 9732", "audit-hubaudit"); !found || !strings.Contains(notes, want) {
		t.Errorf("the notes do not hold %q:\n%s", want, notes)
	}
}
