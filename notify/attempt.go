package notify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/text"
)

// How often and how long a receiver tries; the caller's context bounds it all.
const (
	maxTries       = 4
	attemptTimeout = 15 * time.Second
	firstBackoff   = 2 * time.Second // doubles: 2, 4, 8 seconds
	// rateLimitWait is for a 429 that does not say how long to wait.
	// PagerDuty suggests it (developer-docs, events-API-v2) and counts by the minute.
	rateLimitWait = 30 * time.Second
	maxAnswer     = 1 << 20 // bytes of an answer; Slack's echoes the message
)

// Option changes how a receiver sends.
type Option func(*sender)

// WithWait replaces the waiting between attempts. It returns early, with the
// context's error, when the context ends.
func WithWait(wait func(context.Context, time.Duration) error) Option {
	return func(s *sender) { s.wait = wait }
}

// WithKey says where the receiver's settings stand in the configuration, such as
// notify.receivers[2].slack, for errors to name. Without it they stand directly under
// notify.
func WithKey(key string) Option { return func(s *sender) { s.key = key } }

// sender makes calls to one vendor, with retries and without showing secrets.
type sender struct {
	kind
	wait    func(context.Context, time.Duration) error
	attempt func(context.Context) (context.Context, context.CancelFunc)
	base    http.RoundTripper
	hidden  *text.Redactor
	// address is why the settings cannot be used, nil if they can. It begins with the
	// name of the one that is wrong.
	address error
	// down is true after a call failed however often it was tried. Further calls
	// get one try each, so that many messages to a receiver that is down do not
	// use up the time of the run.
	down bool
}

func newSender(k kind, options []Option, secrets ...string) sender {
	s := sender{kind: k, wait: wait, base: http.DefaultTransport, hidden: text.NewRedactor(secrets...),
		attempt: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, attemptTimeout)
		}}
	for _, o := range options {
		o(&s)
	}
	return s
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

// do calls the vendor until it accepts, refuses for good, or until the tries or
// the context's time are used up. The call gets a client for one attempt.
func (s *sender) do(ctx context.Context, what string, call func(context.Context, *http.Client) error) error {
	if s.address != nil {
		return &SendError{Err: fmt.Errorf("%s: %s.%w", what, s.key, s.address), Refused: true}
	}
	backoff, tries := firstBackoff, maxTries
	if s.down {
		tries = 1
	}
	for try := 1; ; try++ {
		f := s.try(ctx, call)
		switch {
		case f == nil:
			s.down = false
			return nil
		case !f.retry:
			return &SendError{Err: s.redacted(what, f, ""), Refused: ctx.Err() == nil}
		case try == tries:
			s.down = true
			return s.unsent(what, f, ", tried "+text.Count(try, "time"))
		}
		pause := f.after
		if pause == 0 {
			pause, backoff = backoff, 2*backoff
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return s.unsent(what, f, fmt.Sprintf("; trying again in %s would be too late", text.Duration(pause)))
		}
		if err := s.wait(ctx, pause); err != nil {
			return s.unsent(what, &failure{reason: f.reason, cause: err, after: f.after}, "; the time for notifications was used up")
		}
	}
}

// unsent words a failure after which trying again later may help.
func (s *sender) unsent(what string, f *failure, outlook string) error {
	return &SendError{Err: s.redacted(what, f, outlook), After: f.after}
}

// try makes one attempt.
func (s *sender) try(ctx context.Context, call func(context.Context, *http.Client) error) *failure {
	one, cancel := s.attempt(ctx)
	defer cancel()
	x := &exchange{sender: s}
	client := &http.Client{Transport: x,
		// A redirect would carry the secret to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	err := call(one, client)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &failure{reason: "no answer before the time for notifications was used up", cause: ctx.Err()}
	}
	if s.explain != nil {
		if f := s.explain(x, err); f != nil {
			return f
		}
	}
	return x.failure()
}

// failure is why an attempt did not succeed. Its words may still hold a secret.
type failure struct {
	reason string
	// word is the vendor's error word, if it gave one.
	word  string
	cause error
	retry bool
	after time.Duration // what the vendor asked to wait; 0: it did not
}

// exchange is the last request of an attempt and its answer. Both vendors'
// libraries hide parts of it: the Retry-After header, the body of a refusal,
// the network's error under one that shows the URL.
type exchange struct {
	sender *sender
	status int // 0: no answer
	header http.Header
	body   []byte
	err    error
}

func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	*x = exchange{sender: x.sender}
	resp, err := x.sender.base.RoundTrip(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	defer resp.Body.Close()
	if x.body, x.err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); x.err != nil {
		return nil, x.err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	resp.Body = io.NopCloser(bytes.NewReader(x.body))
	return resp, nil
}

// failure classes what any HTTP server may answer.
func (x *exchange) failure() *failure {
	switch {
	case errors.Is(x.err, context.DeadlineExceeded) || errors.Is(x.err, context.Canceled):
		return &failure{reason: "no answer in time", cause: x.err, retry: true}
	case x.err != nil:
		return &failure{reason: "the network failed: " + x.err.Error(), cause: x.err, retry: true}
	case x.status == 0:
		return &failure{reason: "the request could not be made; check the address in the configuration"}
	case x.status == http.StatusTooManyRequests:
		return &failure{reason: "it asks to send more slowly (429)", retry: true, after: cmp.Or(x.retryAfter(), rateLimitWait)}
	case x.status >= 500 || x.status == http.StatusRequestTimeout:
		return &failure{reason: "it failed: " + x.said(), retry: true, after: x.retryAfter()}
	case x.status >= 300 && x.status < 400:
		return &failure{reason: fmt.Sprintf("it redirects (%d), which is not followed because it would carry the secret elsewhere; check the address in the configuration", x.status)}
	case x.status >= 400:
		return &failure{reason: "it refused: " + x.said() + x.sender.advise(x.sender.refusal.about(x.status))}
	}
	return &failure{reason: "the answer is not the vendor's; check the address in the configuration and that no proxy answers instead: " + x.said()}
}

// retryAfter is what the answer asks to wait: whole seconds, or until a time, by the
// clock of who answers. 0 where it does not say, or makes no sense.
func (x *exchange) retryAfter() time.Duration {
	asked := strings.TrimSpace(x.header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(asked, 10, 31); err == nil {
		return time.Duration(max(seconds, 1)) * time.Second
	}
	until, err := http.ParseTime(asked)
	now, clock := http.ParseTime(x.header.Get("Date"))
	if err != nil || clock != nil {
		return 0
	}
	return max(until.Sub(now), time.Second)
}

// said is the status and the beginning of the body, which may be any proxy's.
func (x *exchange) said() string {
	s := strconv.Itoa(x.status)
	if words := x.quote(string(x.body)); words != "" {
		s += " " + words
	}
	return s
}

// quote shortens what a server said for an error. Secrets go first: of one that
// is cut in two, half would stay.
func (x *exchange) quote(s string) string { return text.Sentence(x.sender.redact(s), 200) }

// checkURL returns an error, without the URL, unless requests can be sent there.
func checkURL(raw, what string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%s is not a URL that starts with https://; check the configuration", what)
	}
	return nil
}
