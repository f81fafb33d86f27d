package prometheus

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// client asks one server. It is not the one of prometheus/client_golang: that
// reads an answer whole and makes a map of each sample's labels.
type client struct {
	base *url.URL // without credentials, query and last slash
	o    Options
	http *http.Client
	// get: the server does not take a query by POST.
	get bool
}

func connect(o Options) (*client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		// The parser's own error shows the URL, which may hold a password.
		return nil, source.Failed(facts.CauseUnreadable, nil, "asking Prometheus: its URL is none such as http://prometheus.monitoring.svc:9090, without a user or password")
	}
	base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, source.Failed(facts.CauseUnreadable, nil, "asking Prometheus at %s: the token holds a blank, a line break or another character that no token has", base)
	}
	httpClient, err := web.Client(o.CAFile)
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "reading the certificates to trust for Prometheus at %s (prometheus.caFile)", base)
	}
	return &client{base: base, o: o, http: httpClient}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// maxBody bounds an answer: that about 100,000 volumes has 13 MB.
const maxBody = 256 << 20

// query asks for an instant vector and hands on its samples. Its errors are
// made by source.Failed. Samples of an answer that turns out to be none have
// been handed on by then.
func (c *client) query(ctx context.Context, query string, each func(sample)) error {
	for {
		resp, err := c.send(ctx, query)
		if err != nil {
			return c.broken(ctx, err)
		}
		switch resp.StatusCode {
		case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
			// A proxy may let only GET through, as what reads.
			if !c.get {
				c.get = true
				_ = resp.Body.Close() // nobody wants it
				continue
			}
		}
		return c.answer(ctx, resp, each)
	}
}

// send asks by POST as long as the server takes that: no limit on the length of
// a URL then applies.
func (c *client) send(ctx context.Context, query string) (*http.Response, error) {
	u := c.base.JoinPath("/api/v1/query")
	form := url.Values{"query": {query}, "time": {strconv.FormatInt(c.o.At.Unix(), 10)}}
	method, body := http.MethodPost, io.Reader(strings.NewReader(form.Encode()))
	if c.get {
		method, body, u.RawQuery = http.MethodGet, nil, form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.o.UserAgent)
	if !c.get {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// The transport may then send it again over a new connection; not sent itself.
		req.Header["Idempotency-Key"] = nil
	}
	switch {
	case c.o.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	case c.o.Username+c.o.Password != "":
		req.SetBasicAuth(c.o.Username, c.o.Password)
	}
	return c.http.Do(req)
}

func (c *client) answer(ctx context.Context, resp *http.Response, each func(sample)) error {
	defer func() { _ = resp.Body.Close() }() // what was wanted of it has been read
	body := http.MaxBytesReader(nil, resp.Body, maxBody)
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	page := strings.HasSuffix(media, "html") || strings.HasSuffix(media, "html+xml")
	if resp.StatusCode != http.StatusOK || page {
		said := refusal{}
		if !page {
			said = decodeRefusal(io.LimitReader(body, 1<<16))
		}
		return c.refused(resp, page, said)
	}
	a, err := decode(body, each)
	switch {
	case err != nil:
		return c.broken(ctx, err)
	case a.status != "success":
		return c.refused(resp, false, refusal{Type: a.errorType, Words: a.words})
	case len(a.warnings) > 0:
		return source.Failed(facts.CauseUnreadable, nil, "Prometheus at %s warns, so that volumes may be missing from its answer: %s; see its log, and those of the stores behind it",
			c.base, web.Brief(strings.Join(a.warnings, "; ")))
	}
	return nil
}
