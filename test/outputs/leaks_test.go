package outputs

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// window is how many bytes of a secret in a row, in any form, are a leak.
const window = 12

// secrets finds pieces of secrets in whatever form.
type secrets struct {
	values  map[string]string // by what they are
	windows map[[window]byte]string
}

// random is a text that nothing else holds.
func random() string { return strings.ToLower(rand.Text()) }

// awkward is a random text with whatever is spelt differently in URLs, JSON, HTML
// and Go, no two of them so close that a window would hold little else.
func awkward() string {
	var b strings.Builder
	for _, special := range `"\<&%+/ é` {
		b.WriteString(random()[:6] + string(special))
	}
	return b.String() + random()[:6]
}

// add plants a secret. The value is the part of it that must not be seen.
func (s *secrets) add(what, value string) {
	if s.values == nil {
		s.values, s.windows = map[string]string{}, map[[window]byte]string{}
	}
	s.values[what] = value
	for _, form := range forms(value) {
		for i := range len(form) - window + 1 {
			s.windows[[window]byte([]byte(form[i:]))] = what
		}
	}
}

// forms are the ways in which a text may be spelt.
func forms(s string) []string {
	quoted, _ := json.Marshal(s) // a string always can be
	all := []string{s, url.QueryEscape(s), url.PathEscape(s), (&url.URL{Path: s}).EscapedPath(), url.UserPassword("", s).String(), string(quoted), fmt.Sprintf("%q", s), fmt.Sprintf("%+q", s), html.EscapeString(s),
		hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // bytes of something else in the first group of three
			whole := make([]byte, before, before+len(s))
			whole = append(whole, s...)
			whole = whole[:len(whole)/3*3]
			all = append(all, encoding.EncodeToString(whole)[[]int{0, 2, 3}[before]:])
		}
	}
	return all
}

// in says which secrets are in a text, each with the piece that was found first.
// But are those that may be there.
func (s *secrets) in(text []byte, but ...string) []string {
	found := map[string]string{}
	for i := range len(text) - window + 1 {
		what, ok := s.windows[[window]byte(text[i:])]
		if ok && found[what] == "" && !slices.Contains(but, what) {
			found[what] = fmt.Sprintf("%s: %q", what, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	return slices.Sorted(maps.Values(found))
}

// absent fails for every secret in a text.
func (s *secrets) absent(t testing.TB, where string, text []byte, but ...string) {
	t.Helper()
	for _, leak := range s.in(text, but...) {
		t.Errorf("%s shows %s", where, leak)
	}
}

func TestLeaksAreFound(t *testing.T) {
	for range 100 {
		var s secrets
		value := awkward()
		s.add("it", value)
		half := value[:18]
		texts := append(forms(value), "user:"+value, half, value[len(value)-18:], value[3:16])
		for _, login := range []string{"", "u", "us", "user"} {
			texts = append(texts, base64.StdEncoding.EncodeToString([]byte(login+":"+value+"x")), base64.StdEncoding.EncodeToString([]byte(login+half)))
		}
		for _, text := range texts {
			if len(s.in([]byte("before "+text+" after"))) != 1 {
				t.Errorf("%q of %q is not found", text, value)
			}
			if len(s.in([]byte(text), "it")) != 0 {
				t.Error("what may be there is found")
			}
		}
		if found := s.in([]byte(awkward() + value[:window-1])); found != nil {
			t.Errorf("another text is taken for it: %v", found)
		}
	}
}
