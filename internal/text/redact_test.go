package text_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"hubaudit/internal/text"
)

func TestRedact(t *testing.T) {
	const secret = `p@ss "word"/with\odd<letters>&é`
	r := text.NewRedactor(secret, "", "tiny", "https://user:url%20pass1@hooks.example.org/services/T000/Xsecret?key=0123456789ab")
	inJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ says, want string }{
		{"nothing", "nothing"},
		{"", ""},
		{"no: " + secret + ".", "no: [redacted]."},
		{secret + secret, "[redacted]"},
		{"no: " + url.QueryEscape(secret) + ".", "no: [redacted]."},
		{"no: " + url.PathEscape(secret) + ".", "no: [redacted]."},
		{"no: " + strings.ToLower(url.QueryEscape(secret)) + ".", "no: [redacted]."},
		{"no: " + string(inJSON) + ".", `no: "[redacted]".`},
		{fmt.Sprintf("no: %q.", secret), `no: "[redacted]".`},
		{"no: " + strings.ToUpper(hex.EncodeToString([]byte(secret))) + ".", "no: [redacted]."},
		{"no: " + secret[:14], "no: [redacted]"},
		{"no: " + secret[6:19] + "…", "no: [redacted]…"},
		{"it is tiny", "it is [redacted]"},
		{"dial hooks.example.org/services/T000/Xsecret: refused", "dial hooks.example.org/[redacted]: refused"},
		{"url pass1 and url%20pass1, key=0123456789ab", "[redacted] and [redacted], [redacted]"},
	} {
		if got := r.Redact(tt.says); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.says, got, tt.want)
		}
	}
	for _, login := range []string{"", "a", "ab", "abc"} {
		encoded := base64.StdEncoding.EncodeToString([]byte(login + ":" + secret))
		got := r.Redact("Basic " + encoded)
		if !strings.Contains(got, text.Redacted) || len(got) > len("Basic "+text.Redacted)+12 {
			t.Errorf("the login %q in base64 became %q", login, got)
		}
	}
}

// FuzzRedact: no piece of a secret stays, and what is no secret does.
func FuzzRedact(f *testing.F) {
	f.Add("secret0123456789", "before ", " after", 3, 15)
	f.Add("é\xff<&\"'0123456789", "", "", 0, 100)
	f.Add("short", "a", "b", 0, 5)
	f.Fuzz(func(t *testing.T, secret, before, after string, from, to int) {
		r := text.NewRedactor(secret)
		if got := text.NewRedactor("", "never-said-by-anybody").Redact(before + after); got != before+after {
			t.Errorf("%q became %q", before+after, got)
		}
		if u, err := url.Parse(secret); err == nil && u.Host != "" || from < 0 || to > len(secret) || to-from < 12 || strings.Contains(text.Redacted, secret[from:from+12]) {
			return
		}
		said := secret[from:to]
		if got := r.Redact(before + said + after); strings.Contains(got, said) {
			t.Errorf("%q of %q stays in %q", said, secret, got)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	r := text.NewRedactor("a-secret-of-32-bytes-or-thereabouts", "https://hooks.example.org/services/T000/B000/0123456789")
	says := strings.Repeat("the server says something that is no secret. ", 10)
	for b.Loop() {
		r.Redact(says)
	}
}
