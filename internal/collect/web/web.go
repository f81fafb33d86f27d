// Package web holds what the collectors share that ask a server over HTTP with
// a secret: whom they talk to, and how they tell what went wrong.
package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Client returns a client that trusts the system's certificates and those of
// caFile, in PEM, which may be empty. It never follows a redirect: that would
// carry the secret to wherever it points.
func Client(caFile string) (*http.Client, error) {
	roots, err := trusted(caFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: Proxy, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 1}
	return &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// Proxy is the environment's for https, where it sees only whom the audit
// talks to. Over http it would see the secret.
func Proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// trusted is the system's certificates and those of the file, nil for the
// system's alone.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// Untrusted tells whether TLS failed because of a certificate, or for want of TLS.
func Untrusted(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return verify || authority || alert || record
}

// RedirectedTo is where an answer points, without a query: a login page's holds
// where one came from.
func RedirectedTo(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return Clean((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
}

// Clean makes foreign text into what every report and database can hold: valid
// UTF-8 without NUL.
func Clean(s string) string {
	const replacement = "\uFFFD"
	return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
}

// Brief is clean text in one line of bounded length.
func Brief(text string) string {
	const limit = 300
	text = strings.Join(strings.Fields(Clean(text)), " ")
	if len(text) <= limit {
		return text
	}
	cut := limit
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Briefly wraps an error so that its text is brief: decoders may complain of
// whole pages.
func Briefly(err error) error { return briefly{err} }

type briefly struct{ err error }

func (b briefly) Error() string { return Brief(b.err.Error()) }
func (b briefly) Unwrap() error { return b.err }
