package hubapi

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// client talks to one hub's API.
type client struct {
	base      *url.URL // without credentials, query and last slash
	token     string
	userAgent string
	http      *http.Client
	// wait waits before another attempt, or returns early when ctx ends.
	wait func(ctx context.Context, d time.Duration) error
}

func connect(o Options) (*client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		// The parser's own error shows the URL, which may hold a password.
		return nil, source.Failed(facts.CauseUnreadable, nil, "reading the hub's REST API: its URL is none such as http://hub.jhub.svc:8081/hub/api")
	}
	base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	if o.Token == "" || strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, source.Failed(facts.CauseUnreadable, nil, "reading the REST API at %s: the token is empty or holds a blank, a line break or another character that no token has", base)
	}
	httpClient, err := web.Client(o.CAFile)
	if err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "reading the certificates to trust for %s (caFile)", base)
	}
	return &client{base: base, token: o.Token, userAgent: o.UserAgent, wait: wait, http: httpClient}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// request is one question to the API. decode may be called again, for a new
// attempt.
type request struct {
	what   string // "list the users"
	path   string // below the base
	query  url.Values
	accept string
	decode func(io.Reader) error
}

const (
	// maxTries and firstPause bridge 15 seconds: a hub that restarts is away
	// for about that long.
	maxTries   = 6
	firstPause = 500 * time.Millisecond
	// longestPause bounds what an answer may ask to wait for.
	longestPause = 30 * time.Second
	// maxBody bounds an answer: an old hub's one list of 100,000 users has 100 MB.
	maxBody = 256 << 20
)

// get asks until there is an answer, an error that will stay, or no more time.
func (c *client) get(ctx context.Context, r request) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := c.try(ctx, r)
		f, ok := err.(*failure)
		if !ok || !f.passing || try == maxTries || ctx.Err() != nil {
			return err
		}
		next := max(pause, min(f.after, longestPause))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < next {
			return err // it says more than that the time ran out
		}
		if c.wait(ctx, next) != nil {
			return err
		}
		pause *= 2
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes one attempt. Its errors are failures.
func (c *client) try(ctx context.Context, r request) error {
	u := c.base.JoinPath("/" + r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return &failure{what: r.what, err: err}
	}
	req.Header.Set("Authorization", "token "+c.token)
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", r.accept)
	if r.accept == "" {
		req.Header.Set("Accept", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return broken(ctx, r.what, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was wanted of it has been read
	body := http.MaxBytesReader(nil, resp.Body, maxBody)
	if f := refused(r.what, resp, body); f != nil {
		return f
	}
	if err := r.decode(body); err != nil {
		return broken(ctx, r.what, err)
	}
	return nil
}

// refused reads an answer that is not the wanted one, nil for one that is.
func refused(what string, resp *http.Response, body io.Reader) *failure {
	f := &failure{what: what, status: resp.StatusCode}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	f.page = strings.HasSuffix(media, "html") || strings.HasSuffix(media, "html+xml")
	switch {
	case resp.StatusCode == http.StatusOK && !f.page:
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		f.location = web.RedirectedTo(resp)
		return f
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.passing = true
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			f.after = time.Duration(min(seconds, 3600)) * time.Second
		}
	}
	if !f.page {
		f.words = hubWords(io.LimitReader(body, 1<<16))
	}
	return f
}
