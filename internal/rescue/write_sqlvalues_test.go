package rescue

import (
	"encoding/hex"
	"strings"
	"testing"
)

// FuzzText reads literals as servers do: what is between plain quotes holds
// nothing that any setting gives another meaning.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "ann", "o'brien", `\`, "a\x00b", "\xff", "é😀", `{"pvc_name":"claim-ann"}`, "$1", "--", "/*", "#", ";"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for engine, d := range dialects {
			literal := d.text(s)
			if inner, ok := strings.CutPrefix(literal, "'"); ok {
				inner, closed := strings.CutSuffix(inner, "'")
				if !closed || inner != s || strings.ContainsAny(inner, "'\\;\n\r\x00$#%/*?") {
					t.Errorf("%s: %q becomes %s", engine, s, literal)
				}
				continue
			}
			before, after, _ := strings.Cut(d.hex, "%x")
			digits, ok := strings.CutPrefix(literal, before)
			digits, closed := strings.CutSuffix(digits, after)
			if got, err := hex.DecodeString(digits); !ok || !closed || err != nil || string(got) != s {
				t.Errorf("%s: %q becomes %s", engine, s, literal)
			}
		}
	})
}

func TestState(t *testing.T) {
	for want, s := range map[string]Server{
		"": {Namespace: "jhub"},
		`{"pvc_name":"claim-ann","namespace":"jhub"}`: {Namespace: "jhub", Claim: "claim-ann"},
		`{"pvc_name":"claim-<&>"}`:                    {Claim: "claim-<&>"},
	} {
		if got := s.state(); got != want {
			t.Errorf("the state of %+v is %s, want %s", s, got, want)
		}
	}
}
