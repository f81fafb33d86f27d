package text

import (
	"strings"
	"testing"
)

func TestWebAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"https://audit.example/runs/20261120T120000Z-12?a=b&c=d#e": true,
		"http://10.0.0.1:8080/":    true,
		"":                         false,
		"audit.example":            false,
		"/runs/1":                  false,
		"javascript:alert(1)":      false,
		"ftp://audit.example/":     false,
		"https://":                 false,
		"https://u:p@a.example/":   false,
		"https://a.example/a b":    false,
		"https://a.example/\"x":    false,
		"https://a.example/<x>":    false,
		"https://a.example/\u202e": false,
		"https://a.example/\n":     false,
		"https://a.example/" + strings.Repeat("a", 83): false,
	} {
		want := ""
		if good {
			want = address
		}
		if got := WebAddress(address, 100); got != want {
			t.Errorf("%q is %q", address, got)
		}
	}
}

func TestSlackLink(t *testing.T) {
	for address, want := range map[string]string{
		"https://audit.example/runs/1?a=b&c=d":                         "<https://audit.example/runs/1?a=b&amp;c=d|the &lt;report&gt;>",
		"https://audit.example/|x":                                     "",
		"https://audit.example/>x":                                     "",
		"https://audit.example/" + strings.Repeat("&", SlackLinkMax/2): "",
	} {
		if got := SlackLink(address, "the <report>"); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
}

func TestKind(t *testing.T) {
	for kind, want := range map[string]string{"recurringjob": "recurring job", "storageclass": "StorageClass", "user": "user", "": ""} {
		if got := Kind(kind); got != want {
			t.Errorf("%q is %q, want %q", kind, got, want)
		}
	}
}
