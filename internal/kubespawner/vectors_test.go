package kubespawner

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is one line of testdata/vectors.json.gz: what KubeSpawner's own code
// made of a server.
type vector struct {
	version, slugs, template            string
	user, server                        string
	id                                  int64
	hubNamespace, namespace, pod, claim string
	want, label                         string
}

func (v *vector) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&v.version, &v.slugs, &v.template, &v.user, &v.server, &v.id,
		&v.hubNamespace, &v.namespace, &v.pod, &v.claim, &v.want, &v.label})
}

func vectors(t *testing.T) []vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "vectors.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		all = append(all, v)
	}
	return all
}

// TestVectors compares with what the code of every version rendered: each
// name, each field, each default template.
func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) < 4000 {
		t.Fatalf("only %d vectors", len(all))
	}
	for _, c := range all {
		v, err := ParseVersion(c.version)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Scheme{Version: v, Template: c.template, Slugs: c.slugs}.Compile()
		if err != nil {
			t.Errorf("KubeSpawner %s: %v", c.version, err)
			continue
		}
		s := &Server{User: c.user, ID: c.id, Name: c.server, HubNamespace: c.hubNamespace, Namespace: c.namespace, PodName: c.pod, ClaimName: c.claim}
		if got := n.Name(s); got != c.want {
			t.Errorf("KubeSpawner %s %s %q of %q, %q: %q, want %q", c.version, c.slugs, c.template, c.user, c.server, got, c.want)
		}
		if got := n.Name(s); got != c.want {
			t.Errorf("KubeSpawner %s %q: the second time %q, want %q", c.version, c.template, got, c.want)
		}
		if got := Label(v, c.user); got != c.label {
			t.Errorf("KubeSpawner %s: label of %q is %q, want %q", c.version, c.user, got, c.label)
		}
	}
}
