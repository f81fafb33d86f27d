package dump

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// scalars are values of which some look like what they are not.
var scalars = []string{`""`, `''`, `"a # b"`, `'a "b" \n'`, `'{"a":1}'`, `"it's"`, `"a\n"`, `'it''s'`, `{}`, `[]`, `[a]`, `a`, `a b`, `a: b`, `a:b`, `a:`, `a #b`, `a#b`, `a `,
	`0`, `7`, `007`, `0x1f`, `0o7`, `0b1`, `1_000`, `-1`, `+1`, `1.5`, `1e5`, `1e-5`, `1.2.3`, `7.0.0`, `10Gi`, `10G`, `1E`, `12:30:45`, `2026-11-20`, `2026-11-20T02:30:00Z`,
	`2001-12-14 21:59:43.10 -5`, `00000003-0000-4000-8000-000000000001`, `1234e-56`, `123456789012345`, `1234567890123456`, `99999999999999999999`, `1_0-1`, `0x1-f`,
	`/var/lib`, `/`, `true`, `True`, `yes`, `No`, `y`, `ON`, `null`, `Null`, `~`, `.inf`, `.nan`, `<<`, `=`, `inf`, `nan`, `s3://b@r/?backup=x&volume=y`, `longhornio/engine:v1.12.1`,
	`&a b`, `*a`, `!!str 1`, `|`, `>-`, `é`, "\ta", `@a`, "`a", `%a`, `-`, `- a`, `? a`, `"a" b`, `'a' 'b'`, `"a`, ``}

// documents are plain ones, and some that are nearly so.
func documents() []string {
	all := []string{replicaYAML, item, indented(2, item), "a:\nb: 1\n", "a:\n- b\n- c: 1\n  d:\n    e: f\n- g:\n  - h\n  i: j\nk: l\n",
		"a: b\n c\n", "a: b\n- c\n", "a:\n    b: c\n  d: e\n", "a: 1\na: 2\n", "- a\n- b\n", "- - a\n", "-\n  a: b\n", "a:\n\n  b: c\n", "a: b\n\n", "a: |\n  b\n", "a:  b\n", "a: b # c\n",
		"# a\nb: c\n", "? a\n: b\n", "<<: {a: b}\n", "1: a\n", "true: a\n", "a/b.c-d_e: f\n", "a\n", "a: \n", "a:b\n", "\ufeffa: b\n", "a: b\r\n", "---\na: b\n", "a: b\n...\n", "  \n", ""}
	for _, s := range scalars {
		all = append(all, "a: "+s+"\nb:\n- "+s+"\n- c: "+s+"\n", s+": a\n")
	}
	return all
}

// same reports a difference between plainJSON and the parser; ok is false where
// it is left to the parser.
func same(t *testing.T, text string) (ok bool) {
	t.Helper()
	got, ok := plainJSON(nil, []byte(text))
	if !ok {
		return false
	}
	parsed, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%q is read as %s, but %v", text, got, err)
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%q is read as %s: %v", text, got, err)
	}
	if err := json.Unmarshal(parsed, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Fatalf("%q (-parser +plain):\n%s", text, diff)
	}
	return true
}

func TestPlainJSON(t *testing.T) {
	for _, text := range documents() {
		same(t, text)
	}
	for _, text := range []string{replicaYAML, "    " + strings.ReplaceAll(strings.TrimSpace(replicaYAML), "\n", "\n    "), "a:\n- b\n- c: 1\n  d:\n    e: f\n- g:\n  - h\n  i: j\nk: l\n"} {
		if !same(t, text) {
			t.Errorf("the parser was needed for %s", text)
		}
	}
}

// FuzzPlainJSON: what is read without the parser is what the parser makes of it.
func FuzzPlainJSON(f *testing.F) {
	for _, text := range documents() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { same(t, text) })
}
