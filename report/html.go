package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"slices"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

//go:embed html.css
var htmlStyle string

//go:embed html.tmpl
var htmlSource string

// ContentSecurityPolicy allows a Page its own style and nothing else: no script,
// no form, and nothing from elsewhere. It stands in the page, and belongs into the
// header where one is served.
var ContentSecurityPolicy = "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; form-action 'none'"

func styleHash() string {
	sum := sha256.Sum256([]byte(htmlStyle))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

var htmlTemplate = template.Must(template.New("page").Parse(htmlSource))

// Notice is a line above a page's report about the report itself, such as how old
// it is. Bad ones stand out. The text may quote anything.
type Notice struct {
	Text string
	Bad  bool
}

// Page is a report as one HTML document that loads nothing and runs nothing, to be
// written as often as it is asked for. The zero Page says that there is no report yet.
type Page struct{ title, body []byte }

// NewPage renders a run. Of the options only MaxFindings counts.
func NewPage(run *verdict.Run, guides map[string]verdict.Guide, o Options) (*Page, error) {
	return newPage(newView(run, guides), o)
}

func newPage(v *view, o Options) (*Page, error) {
	h := &htmlView{view: v, Most: o.MaxFindings}
	if h.Most <= 0 {
		h.Most = markdownFindings
	}
	var body bytes.Buffer
	if err := htmlTemplate.ExecuteTemplate(&body, "report", h); err != nil {
		return nil, err
	}
	return &Page{title: []byte(h.Headline()), body: body.Bytes()}, nil
}

// Write writes the document with notices above the report.
func (p *Page) Write(w io.Writer, notices ...Notice) error {
	lines := make([]Notice, len(notices))
	for i, n := range notices {
		lines[i] = Notice{text.Sentence(n.Text, messageColumns), n.Bad}
	}
	var b bytes.Buffer
	if err := htmlTemplate.ExecuteTemplate(&b, "top", map[string]any{
		"Title": string(p.title), "Policy": ContentSecurityPolicy, "Style": template.CSS(htmlStyle), "Notices": lines,
	}); err != nil {
		return err
	}
	b.Write(p.body)
	if err := htmlTemplate.ExecuteTemplate(&b, "end", nil); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeHTML(w io.Writer, v *view, o Options) error {
	page, err := newPage(v, o)
	if err != nil {
		return err
	}
	return page.Write(w)
}

// span is a piece of a line. The template escapes its text, which is clean and
// short already.
type span struct {
	Text string
	Code bool
	Tone string // one of the tones of html.css: a severity, unknown, dim or strong
	To   int    // the number of the violation that it leads to
}

// line is spans one after another: a paragraph, an item, a cell.
type line []span

func say(s string) span         { return span{Text: s} }
func prose(s string) span       { return span{Text: text.Sentence(s, messageColumns)} }
func summary(s string) span     { return span{Text: text.Sentence(s, summaryColumns)} }
func coded(s string) span       { return span{Text: text.Name(s), Code: true} }
func toned(tone, s string) span { return span{Text: s, Tone: tone} }
func words(spans ...span) line  { return spans }

func graded(s verdict.Severity) span { return toned(string(s), string(s)) }

func htmlHub(hub string) span {
	if hub == "" {
		return say("the cluster")
	}
	return coded(hub)
}

// doc is a paragraph of the registry's own documentation, in which what stands
// between backticks is code.
func doc(s string) line {
	var out line
	parts := strings.Split(strings.Join(strings.Fields(s), " "), "`")
	for i, part := range parts {
		if part != "" {
			out = append(out, span{Text: text.Clean(part), Code: i%2 == 1 && i < len(parts)-1})
		}
	}
	return out
}

func docs(paragraphs []string) []line {
	out := make([]line, len(paragraphs))
	for i, p := range paragraphs {
		out[i] = doc(p)
	}
	return out
}

// htmlItem is an item of a list with a list of its own.
type htmlItem struct {
	Line line
	Sub  []line
}

// htmlTable is a table. Numbers tells which columns are set to the right.
type htmlTable struct {
	Label   string
	Head    []string
	Numbers []int
	Rows    [][]line
}

// IsNumber tells whether a column holds numbers.
func (t htmlTable) IsNumber(column int) bool { return slices.Contains(t.Numbers, column) }
