package dump

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/facts"
)

// readText reads one file's content.
func readText(t testing.TB, content string) (facts.Kube, facts.Longhorn, []error) {
	t.Helper()
	r := newReader("longhorn-system")
	err := r.readAll(t.Context(), folder(t, map[string]string{"dump.yaml": content}))
	if err != nil {
		t.Fatal(err)
	}
	return r.kube.Facts(), r.longhorn.Facts(), r.broken
}

const item = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: a\n  namespace: hub\n  annotations:\n    hub.jupyter.org/username: |-\n      - x\n\n      # y\n      items:\n    other: \"two\n\n      lines\"\nspec:\n  accessModes:\n  - ReadWriteOnce\n"

// indented lays an item into a list, its dash at column n.
func indented(n int, item string) string {
	pad := strings.Repeat(" ", n)
	lines := strings.SplitAfter(item, "\n")
	for i := range lines {
		switch {
		case i == 0:
			lines[i] = pad + "- " + lines[i]
		case strings.TrimSpace(lines[i]) != "":
			lines[i] = pad + "  " + lines[i]
		}
	}
	return strings.Join(lines, "")
}

// TestLayouts has the same two claims in every layout; the facts are the same.
func TestLayouts(t *testing.T) {
	second := strings.Replace(item, "name: a", "name: b", 1)
	const before, behind = "apiVersion: v1\nitems:\n", "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
	flow, err := yaml.YAMLToJSON([]byte(item))
	if err != nil {
		t.Fatal(err)
	}
	want, _, broken := readText(t, item+"---\n"+second)
	if len(want.Claims) != 2 || want.Claims[0].User != "- x\n\n# y\nitems:" || len(broken) > 0 {
		t.Fatalf("two documents give %+v, %v", want.Claims, broken)
	}
	for name, text := range map[string]string{
		"kubectl":            before + indented(0, item) + indented(0, second) + behind,
		"indented":           before + indented(2, item) + indented(2, second) + behind,
		"far indented":       before + indented(7, item) + indented(7, second) + behind,
		"kind first":         "kind: List\n" + before + indented(0, item) + indented(0, second),
		"comments":           "# a\n---\n# b\n" + before + "# c\n" + indented(0, item) + "# d\n\n" + indented(0, second) + "# e\n" + behind + "# f\n",
		"items with comment": "apiVersion: v1\nitems: # two\n" + indented(0, item) + indented(0, second) + behind,
		"CRLF":               strings.ReplaceAll(before+indented(0, item)+indented(0, second)+behind, "\n", "\r\n"),
		"byte order mark":    "\ufeff" + before + indented(0, item) + indented(0, second) + behind,
		"directive and end":  "%YAML 1.1\n---\n" + before + indented(0, item) + indented(0, second) + behind + "...\n",
		"flow item":          before + "- " + string(flow) + "\n" + indented(0, second) + behind,
		"flow list":          "apiVersion: v1\nkind: List\nitems: [" + string(flow) + ",\n" + strings.Replace(string(flow), `"name":"a"`, `"name":"b"`, 1) + "]\n",
		"flow list below":    "apiVersion: v1\nkind: List\nitems:\n  [" + string(flow) + ",\n  " + strings.Replace(string(flow), `"name":"a"`, `"name":"b"`, 1) + "]\n",
		"two lists":          before + indented(0, item) + behind + "---\n" + before + indented(0, second) + behind,
		"list and document":  before + indented(0, item) + behind + "---\n" + second,
		"items null":         "apiVersion: v1\nitems:\nkind: List\n---\n" + item + "---\n" + second,
		"typed":              "kind: PersistentVolumeClaimList\n" + before + indented(0, strings.Replace(item, "kind: PersistentVolumeClaim\n", "", 1)) + indented(0, second),
		"typed, kind last":   before + indented(0, strings.Replace(item, "kind: PersistentVolumeClaim\n", "", 1)) + indented(0, second) + "kind: PersistentVolumeClaimList\n",
		"dash alone":         before + "-\n" + strings.ReplaceAll("  "+strings.TrimSuffix(strings.ReplaceAll(item, "\n", "\n  "), "  "), "\n  \n", "\n\n") + indented(0, second) + behind,
		"a Secret between":   before + indented(0, item) + "- kind: Secret\n  data: {broken\n" + indented(0, second) + behind,
		"an anchor":          before + indented(0, item) + indented(0, strings.Replace(second, "  name: b", "  labels: &l {}\n  finalizers: []\n  name: b", 1)) + behind,
	} {
		t.Run(name, func(t *testing.T) {
			got, _, broken := readText(t, text)
			if diff := cmp.Diff(want, got); diff != "" || len(broken) > 0 {
				t.Errorf("(-want +got):\n%s%v\n%s", diff, broken, text)
			}
		})
	}
}

func TestYAMLErrorsNameTheLine(t *testing.T) {
	const head = "apiVersion: v1\nitems:\n- kind: Secret\n" // 3 lines
	for text, want := range map[string]string{
		head + "- kind: Pod\n  a: [\n  b: c\nkind: List\n": "the object at line 4: yaml: line 6",
		"a: b\n---\n\nc: [\nd: e\n":                        "the object at line 4: yaml: line 5",
		head + "- *nothing\nkind: List\n":                  "unknown anchor",
		"items:\n- a\nkind: PodList\n":                     "the document at line 3: a PodList has items that are no objects",
	} {
		_, _, broken := readText(t, text)
		if len(broken) != 1 || !strings.Contains(broken[0].Error(), want) {
			t.Errorf("%q gives %v, want %q", text, broken, want)
		}
	}
}

// FuzzYAML compares the items cut apart with the same document parsed whole.
func FuzzYAML(f *testing.F) {
	f.Add("apiVersion: v1\nitems:\n" + indented(0, item) + "kind: List\n")
	f.Add("items:\n  - kind: Node\n    apiVersion: v1\n    metadata: {name: a}\nkind: List\n---\nkind: Pod\napiVersion: v1\n")
	f.Add("items:\n-\n  kind: Node\n  apiVersion: longhorn.io/v1beta2\n# x\nkind: List\n...\n%YAML 1.1\n---\na: |\n items:\n - b\n")
	f.Add("items:\n[]\nkind: PodList\n\napiVersion: v1")
	f.Fuzz(func(t *testing.T, text string) {
		whole, err := yaml.YAMLToJSON([]byte(text))
		cutApart := newReader("longhorn-system")
		from := &reading{reader: cutApart, had: map[*seen]bool{}, input: &limited{ctx: t.Context(), r: strings.NewReader(text)}}
		cutErr := from.yaml(from.input)
		if err != nil || cutErr != nil || strings.Contains(text, "---") || strings.Contains(text, "...") {
			return // one of them is for broken text, or more than the first document
		}
		parsed := newReader("longhorn-system")
		all := &reading{reader: parsed, had: map[*seen]bool{}, input: &limited{ctx: t.Context(), r: bytes.NewReader(whole)}}
		if err := all.value(object.NewDecoder(bytes.NewReader(whole)), 0); err != nil {
			return
		}
		if a, b := fmt.Sprint(cutApart.kube.Facts(), cutApart.longhorn.Facts()), fmt.Sprint(parsed.kube.Facts(), parsed.longhorn.Facts()); a != b {
			t.Errorf("cut apart: %s\nwhole: %s\nof %q", a, b, text)
		}
	})
}

// FuzzRead must come to an end with a status for every source.
func FuzzRead(f *testing.F) {
	f.Add([]byte(listOfAll(claimA, pv, lhVolume, replica, setting)))
	f.Add([]byte("items:\n- " + claimA + "\nkind: List\n"))
	f.Add([]byte(zipped("[" + claimA)))
	f.Add([]byte("{\"kind\":\"PodList\",\"items\":[{}]}\n---\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		k, l, sources := Read(t.Context(), folder(t, map[string]string{"dump.yaml": string(content)}), "longhorn-system")
		if len(sources) != len(healthyStatus()) {
			t.Fatalf("%d sources", len(sources))
		}
		counts := map[string]int{facts.KubeClaims: len(k.Claims), facts.KubePods: len(k.Pods), facts.LonghornVolumes: len(l.Volumes), facts.LonghornReplicas: len(l.Replicas)}
		for _, s := range sources {
			if n, ok := counts[s.Name]; ok && n != s.Total() || s.Status != facts.OK && (s.Detail == "" || s.Items != nil) {
				t.Errorf("%+v with %d facts", s, n)
			}
		}
	})
}
