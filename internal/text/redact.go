package text

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// piece is how many bytes of a secret in a row are taken out wherever they stand:
// fewer say nothing, and who repeats a secret may cut it.
const piece = 12

// shortestPart is how long a part of a URL is at least to be a secret: shorter ones
// may be words of any error.
const shortestPart = 8

// Redactor takes secrets out of what others say: servers repeat what they were
// sent, libraries what they could not read.
type Redactor struct {
	pieces map[[piece]byte]struct{}
	short  []string
}

// NewRedactor knows secrets in every form in which they are usually spelt: as they
// are, escaped for URLs, JSON, HTML or Go, in base64 or hexadecimal digits. Of a URL
// all that follows the host is secret, and the password. Empty ones are left out.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{pieces: map[[piece]byte]struct{}{}}
	for _, secret := range secrets {
		u, err := url.Parse(secret)
		if err != nil || u.Host == "" {
			r.add(secret)
			continue
		}
		password, _ := u.User.Password()
		r.add(password)
		parts := []string{u.EscapedPath(), u.Path, path.Base(u.Path), u.RawQuery, u.Fragment}
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
		for _, part := range parts {
			if part = strings.TrimPrefix(part, "/"); len(part) >= shortestPart {
				r.add(part)
			}
		}
	}
	return r
}

func (r *Redactor) add(secret string) {
	if secret == "" {
		return
	}
	for _, form := range spellings(secret) {
		if len(form) < piece {
			r.short = append(r.short, form)
		}
		for i := range len(form) - piece + 1 {
			r.pieces[[piece]byte([]byte(form[i:]))] = struct{}{}
		}
	}
}

// percent is an escaped byte of a URL, whose digits some write small.
var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// spellings are the forms of a secret.
func spellings(secret string) []string {
	inJSON, _ := json.Marshal(secret) // a string always can be
	inHex := hex.EncodeToString([]byte(secret))
	all := []string{secret, inHex, strings.ToUpper(inHex), html.EscapeString(secret), strings.Trim(string(inJSON), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`), strings.Trim(fmt.Sprintf("%+q", secret), `"`)}
	for _, inURL := range []string{url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(), url.UserPassword("", secret).String()} {
		all = append(all, inURL, percent.ReplaceAllStringFunc(inURL, strings.ToLower))
	}
	for before := range 3 { // a login in base64 begins with the user's name
		// What depends on the bytes around it is left out.
		whole := append(make([]byte, before), secret...)
		whole = whole[:len(whole)/3*3]
		if skip := []int{0, 2, 3}[before]; len(whole) >= piece {
			all = append(all, base64.StdEncoding.EncodeToString(whole)[skip:], base64.URLEncoding.EncodeToString(whole)[skip:])
		}
	}
	return all
}

// Redact puts Redacted in the place of every secret, and of every piece of one.
func (r *Redactor) Redact(s string) string {
	hidden := make([]bool, len(s))
	hide := func(from, to int) {
		for i := from; i < to; i++ {
			hidden[i] = true
		}
	}
	for i := range len(s) - piece + 1 {
		if _, ok := r.pieces[[piece]byte([]byte(s[i:i+piece]))]; ok {
			hide(i, i+piece)
		}
	}
	for _, form := range r.short {
		for from := 0; ; {
			i := strings.Index(s[from:], form)
			if i < 0 {
				break
			}
			hide(from+i, from+i+len(form))
			from += i + len(form)
		}
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !hidden[i]:
			b.WriteByte(s[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(Redacted)
		}
	}
	return b.String()
}
