package outputs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	markup "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
)

// bidi turns the direction of text round.
var bidi = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x061c, Hi: 0x061c, Stride: 1}, {Lo: 0x200e, Hi: 0x200f, Stride: 1}, {Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}}}

// visible fails for text that does more than be seen.
func visible(t testing.TB, where, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s is not UTF-8", where)
	}
	bad := func(r rune) bool { return r != '\n' && unicode.Is(unicode.Cc, r) || unicode.Is(bidi, r) }
	if i := strings.IndexFunc(s, bad); i >= 0 {
		t.Errorf("%s has a control character: %q", where, s[max(0, i-40):min(len(s), i+40)])
	}
}

// fromMarkdown is the page that a document makes where HTML in it counts.
func fromMarkdown(t testing.TB, document []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(markup.WithUnsafe())).Convert(document, &b))
	return b.Bytes()
}

// elements are those that a page has, with all their attributes. Text may be in code
// or not.
func elements(t testing.TB, page []byte) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return all
		case html.StartTagToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
			if token := z.Token(); token.Data != "code" && token.Data != "wbr" {
				all[token.String()] = true
			}
		}
	}
}

// sameElements fails unless two pages differ in nothing but text.
func sameElements(t testing.TB, what string, harmless, got []byte) {
	t.Helper()
	want := elements(t, harmless)
	if len(want) < 3 {
		t.Errorf("%s is no page: %q", what, harmless)
	}
	if diff := cmp.Diff(want, elements(t, got)); diff != "" {
		t.Errorf("%s has other elements (-harmless +hostile):\n%s", what, diff)
	}
}

// words are the texts of a page.
func words(t testing.TB, page []byte) (all []string) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	must(t, err)
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			all = append(all, n.Data)
		}
	}
	return all
}

// metrics are the names of a page of OpenMetrics and their labels.
func metrics(t testing.TB, page []byte) []string {
	t.Helper()
	if !bytes.HasSuffix(page, []byte("\n# EOF\n")) || bytes.Count(page, []byte("# EOF")) != 1 {
		t.Errorf("the metrics do not end with # EOF: %q", page[max(0, len(page)-60):])
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(bytes.TrimSuffix(page, []byte("# EOF\n"))))
	must(t, err)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, m := range families[name].GetMetric() {
			all = append(all, fmt.Sprint(name, m.GetLabel()))
		}
	}
	if len(all) < 10 {
		t.Errorf("these are no metrics: %s", page)
	}
	return all
}

// shape is a document in which every text but those of fixed sets is the same.
func shape(t testing.TB, document []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatalf("not JSON: %v\n%.500s", err, document)
	}
	return shapeOf(v)
}

func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = shapeOf(value)
		}
	case []any: // how many there are of a kind is no matter
		var kinds []any
		for _, value := range v {
			value = shapeOf(value)
			if !slices.ContainsFunc(kinds, func(other any) bool { return reflect.DeepEqual(other, value) }) {
				kinds = append(kinds, value)
			}
		}
		return kinds
	case string:
		return "text"
	case float64:
		return "number"
	}
	return v
}

// stringsIn are all texts of a document, keys too.
func stringsIn(t testing.TB, document []byte) (all []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		must(t, err)
		if s, ok := token.(string); ok {
			all = append(all, s)
		}
	}
}

// holds tells whether one of the texts of a document is, or has in it, a quoted text.
func holds(t testing.TB, document []byte, quoted string) bool {
	t.Helper()
	var want string
	must(t, json.Unmarshal([]byte(quoted), &want))
	return slices.ContainsFunc(stringsIn(t, document), func(s string) bool { return strings.Contains(s, want) })
}

// mailed is a mail taken apart.
type mailed struct {
	headers             map[string]int // how often each is there
	subject, text, html string
}

func letter(t testing.TB, data []byte) (m mailed) {
	t.Helper()
	message, err := mail.ReadMessage(bytes.NewReader(data))
	must(t, err)
	m.headers = map[string]int{}
	for name, values := range message.Header {
		m.headers[name] = len(values)
	}
	m.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	must(t, err)
	m.read(t, message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), message.Body)
	return m
}

// read reads a part of a mail, which may be of parts itself.
func (m *mailed) read(t testing.TB, contentType, encoding string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	must(t, err)
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			must(t, err)
			m.read(t, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
		}
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	must(t, err)
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	switch kind {
	case "text/plain":
		m.text += string(content)
	case "text/html":
		m.html += string(content)
	}
}
