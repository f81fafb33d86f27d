package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	heartbeatTimeout = 10 * time.Second // of one attempt
	heartbeatTries   = 3
	// heartbeatBody is how many bytes of a summary are sent, unless the server says
	// that it keeps fewer.
	heartbeatBody = 10_000
)

// Heartbeat tells a dead man's switch that the audit runs, by the protocol of
// healthchecks.io and its kin. Who watches the switch is called when it hears
// nothing for too long. It is used by one goroutine at a time.
type Heartbeat struct {
	sender
	url   url.URL
	limit int
}

// NewHeartbeat makes the switch at that URL, which may have a query. It is a
// secret: no error shows it.
func NewHeartbeat(raw string, options ...Option) *Heartbeat {
	h := &Heartbeat{sender: newSender(heartbeatKind, options, raw), limit: heartbeatBody}
	h.attempt = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, heartbeatTimeout)
	}
	if u, err := url.Parse(raw); err == nil {
		h.url = *u
	}
	if h.address == nil {
		h.address = checkURL(raw, "heartbeatURL")
	}
	return h
}

// Start says that a run has begun. rid is a UUID of the run, the same in all calls
// about it.
func (h *Heartbeat) Start(ctx context.Context, rid string) error {
	return h.ping(ctx, "start", rid, "")
}

// Success says that a run was complete and its messages went out, Fail that
// nobody can rely on it, Log what it was without saying either, so that the
// switch goes off if that lasts. The body is for who reads the switch's page: no
// name of a person belongs into it.
func (h *Heartbeat) Success(ctx context.Context, rid, body string) error {
	return h.ping(ctx, "", rid, body)
}

// Fail is described at Success.
func (h *Heartbeat) Fail(ctx context.Context, rid, body string) error {
	return h.ping(ctx, "fail", rid, body)
}

// Log is described at Success.
func (h *Heartbeat) Log(ctx context.Context, rid, body string) error {
	return h.ping(ctx, "log", rid, body)
}

// ping tries a few times, for half a minute at the most: nothing waits for a
// heartbeat for longer.
func (h *Heartbeat) ping(ctx context.Context, signal, rid, body string) error {
	what := "send the heartbeat"
	if h.address != nil {
		return h.redacted(what, &failure{reason: h.key + "." + h.address.Error()}, "")
	}
	to := h.addressOf(signal, rid)
	for try := 1; ; try++ {
		f := h.try(ctx, func(ctx context.Context, client *http.Client) error { return h.post(ctx, client, to, body) })
		switch {
		case f == nil:
			return nil
		case !f.retry || try == heartbeatTries:
			return h.redacted(what, f, "; look at notify.heartbeatURL and whether it can be reached from here")
		}
		if err := h.wait(ctx, firstBackoff); err != nil {
			return h.redacted(what, f, "")
		}
	}
}

// addressOf is where a signal goes.
func (h *Heartbeat) addressOf(signal, rid string) string {
	u := h.url
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	if signal != "" {
		u.Path += "/" + signal
	}
	query := u.Query()
	query.Set("rid", rid)
	u.RawQuery = query.Encode()
	return u.String()
}

func (h *Heartbeat) post(ctx context.Context, client *http.Client, to, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(atMost(body, h.limit)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "hubaudit")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if n, err := strconv.Atoi(resp.Header.Get("Ping-Body-Limit")); err == nil && n > 0 {
		h.limit = min(heartbeatBody, n)
	}
	if resp.StatusCode/100 != 2 {
		return errors.New("not accepted")
	}
	return nil
}

// atMost cuts a text after so many bytes, between characters.
func atMost(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	for bytes > 0 && !utf8.RuneStart(s[bytes]) {
		bytes--
	}
	return s[:bytes]
}
