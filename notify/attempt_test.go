package notify

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestRetryAfter: in seconds or until a time by the server's clock; 0 for nonsense.
func TestRetryAfter(t *testing.T) {
	const date = "Fri, 20 Nov 2026 12:00:00 GMT"
	for _, c := range []struct {
		after, date string
		want        time.Duration
	}{
		{"7", date, 7 * time.Second}, {" 7 ", "", 7 * time.Second}, {"0", date, time.Second}, {"", date, 0}, {"soon", date, 0}, {"-5", date, 0},
		{"99999999999", date, 0}, {"Fri, 20 Nov 2026 12:01:30 GMT", date, 90 * time.Second}, {"Fri, 20 Nov 2026 11:00:00 GMT", date, time.Second},
		{"Fri, 20 Nov 2026 12:01:30 GMT", "", 0}, {"Fri, 20 Nov 2026 12:01:30 GMT", "today", 0},
	} {
		x := &exchange{header: http.Header{"Retry-After": {c.after}, "Date": {c.date}}}
		if got := x.retryAfter(); got != c.want {
			t.Errorf("Retry-After %q at %q: %s, want %s", c.after, c.date, got, c.want)
		}
	}
}

// TestSendErrors: what an answer means for the next run.
func TestSendErrors(t *testing.T) {
	for name, c := range map[string]struct {
		failure failure
		refused bool
		after   time.Duration
	}{
		"refused":            {failure{reason: "no"}, true, 0},
		"down":               {failure{reason: "down", retry: true}, false, 0},
		"asked for patience": {failure{reason: "slow", retry: true, after: time.Hour}, false, time.Hour},
	} {
		s := newSender(kind{explain: func(*exchange, error) *failure { f := c.failure; return &f }},
			[]Option{WithWait(func(context.Context, time.Duration) error { return nil })})
		err := s.do(t.Context(), "post", func(context.Context, *http.Client) error { return errors.New("not accepted") })
		why := (*SendError)(nil)
		if !errors.As(err, &why) || why.Refused != c.refused || why.After != c.after {
			t.Errorf("%s: %#v", name, err)
		}
	}
	s := newSender(kind{}, nil)
	s.address = errors.New("no URL")
	if why := (*SendError)(nil); !errors.As(s.do(t.Context(), "post", nil), &why) || !why.Refused {
		t.Error("an address that cannot be used is not refused")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = newSender(kind{}, nil)
	err := s.do(ctx, "post", func(context.Context, *http.Client) error { cancel(); return errors.New("cut") })
	if why := (*SendError)(nil); !errors.As(err, &why) || why.Refused || !errors.Is(err, context.Canceled) {
		t.Errorf("cut short: %v", err)
	}
}
