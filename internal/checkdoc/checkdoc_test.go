package checkdoc_test

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"

	"hubaudit/checks"
	"hubaudit/internal/checkdoc"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var update = flag.Bool("update", false, "rewrite docs/checks.md and the golden files")

// sample is a check that has one of everything.
var sample = &checks.Check{
	ID: "sample-check", Title: "Every sample has a `sample_id`", Severity: verdict.Critical, Since: "0.1.0", Scope: checks.PerHub,
	Needs: []string{checks.HubDatabase, facts.KubeClaims}, Uses: []string{checks.HubUsers, checks.HubBackups, facts.History}, Baseline: true, Expects: true,
	Params: []checks.Param{
		{Name: "maxDropPercent", Doc: "the largest drop that is normal", Default: 10, Min: 0, Max: 100, Unit: "percent"},
		{Name: "maxAge", Doc: "how old a sample may be", Default: float64(26 * time.Hour), Min: float64(time.Minute), Max: float64(90 * time.Minute), Unit: checks.UnitDuration},
	},
	Doc: checks.Doc{
		Meaning:     "Samples without a sample_id are all taken for the first one, which is long enough to be wrapped on a terminal of eighty columns.\n\nSecond <paragraph>.",
		FalseAlarms: "None.",
		Do:          []string{"Stop it: `kubectl -n NAMESPACE get pods | grep hub`.", "Then start it; this step is long enough to be wrapped, so that its indent is seen."},
		Dont:        []string{"Do not * restart it."},
		Sources:     []string{"jupyterhub/kubespawner#937"},
	},
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale; if the change is meant, go generate ./internal/checkdoc (-file +now):\n%s", path, diff)
	}
}

func TestPageIsFresh(t *testing.T) {
	var b bytes.Buffer
	if err := checkdoc.Markdown(&b, checks.Registry); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/checks.md", b.Bytes())
}

func TestSample(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"sample.md":  func(w io.Writer) error { return checkdoc.Markdown(w, []*checks.Check{sample}) },
		"sample.txt": func(w io.Writer) error { return checkdoc.Explain(w, sample, false, 0) },
		"color.txt":  func(w io.Writer) error { return checkdoc.Explain(w, sample, true, 60) },
		"list.txt": func(w io.Writer) error {
			return checkdoc.List(w, []*checks.Check{sample, {ID: "b", Severity: verdict.Info, Title: "B holds"}}, false, 0)
		},
		"narrow.txt":   func(w io.Writer) error { return checkdoc.List(w, []*checks.Check{sample}, false, 40) },
		"registry.txt": func(w io.Writer) error { return checkdoc.List(w, nil, false, 40) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name, b.Bytes())
		})
	}
}

// The page has a heading for every check, links only to them, and nothing that
// a renderer takes for HTML but the first line.
func TestPageStructure(t *testing.T) {
	var b bytes.Buffer
	if err := checkdoc.Markdown(&b, checks.Registry); err != nil {
		t.Fatal(err)
	}
	headings, links, html := map[string]bool{}, map[string]bool{}, 0
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(gmtext.NewReader(b.Bytes()))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 2 {
				headings["#"+string(n.Lines().Value(b.Bytes()))] = true
			}
		case *ast.Link:
			links[string(n.Destination)] = true
		case *ast.HTMLBlock, *ast.RawHTML:
			html++
		case *ast.AutoLink, *ast.Image:
			t.Errorf("unexpected %s in the page", n.Kind())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, c := range checks.Registry {
		want["#"+c.ID] = true
	}
	if diff := gocmp.Diff(want, headings); diff != "" {
		t.Errorf("headings (-registry +page):\n%s", diff)
	}
	if diff := gocmp.Diff(want, links); diff != "" {
		t.Errorf("links (-registry +page):\n%s", diff)
	}
	if html != 1 {
		t.Errorf("%d pieces of HTML, want the first line only", html)
	}
}

func TestExplanationsFit(t *testing.T) {
	for _, c := range checks.Registry {
		for _, width := range []int{0, 40, 120} {
			var b bytes.Buffer
			if err := checkdoc.Explain(&b, c, false, width); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				// Only a command may be longer than a line.
				if n := text.Width(strings.TrimSuffix(line, "\n")); n > cmp.Or(width, text.DefaultWidth) && !strings.Contains(line, "`") {
					t.Errorf("%s at width %d: %d columns: %s", c.ID, width, n, line)
				}
			}
		}
	}
}

type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorIsTold(t *testing.T) {
	registry := []*checks.Check{sample}
	for name, err := range map[string]error{
		"write the page of the checks: ":          checkdoc.Markdown(full{}, registry),
		"write the explanation of sample-check: ": checkdoc.Explain(full{}, sample, false, 0),
		"write the list of checks: ":              checkdoc.List(full{}, registry, false, 0),
	} {
		if !errors.Is(err, errFull) || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
