package notify_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hubaudit/notify"
)

const (
	switchUUID = "9c1f2b1e-7d55-4f0e-9d7e-2d4b6f0a1c33"
	runUUID    = "0b6c8a52-0f7d-4f5a-8a7c-3a8f4a0e9d11"
)

// deadMan is a switch: it notes what it hears, and answers as it is told.
type deadMan struct {
	*httptest.Server
	heard   []string // method, path and query
	bodies  []string
	answers []int // statuses, 200 when used up
	limit   int
}

func newDeadMan(t *testing.T) *deadMan {
	t.Helper()
	d := &deadMan{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		d.heard, d.bodies = append(d.heard, r.Method+" "+r.URL.RequestURI()), append(d.bodies, string(body))
		if d.limit > 0 {
			w.Header().Set("Ping-Body-Limit", strconv.Itoa(d.limit))
		}
		if len(d.answers) > 0 {
			w.WriteHeader(d.answers[0])
			d.answers = d.answers[1:]
		}
	}))
	t.Cleanup(d.Close)
	return d
}

// atOnce waits no time, and notes how often it was asked to.
func atOnce(waits *int) notify.Option {
	return notify.WithWait(func(ctx context.Context, _ time.Duration) error {
		*waits++
		return ctx.Err()
	})
}

func TestHeartbeat(t *testing.T) {
	for name, c := range map[string]struct{ suffix, query string }{
		"as copied": {"/" + switchUUID, "?"}, "with a slash": {"/" + switchUUID + "/", "?"}, "with a query": {"/ping/" + switchUUID + "?create=1", "?create=1&"},
	} {
		t.Run(name, func(t *testing.T) {
			d, waits := newDeadMan(t), 0
			h := notify.NewHeartbeat(d.URL+c.suffix, atOnce(&waits))
			for _, err := range []error{h.Start(t.Context(), runUUID), h.Success(t.Context(), runUUID, "ok"), h.Fail(t.Context(), runUUID, "bad"), h.Log(t.Context(), runUUID, "so so")} {
				if err != nil {
					t.Error(err)
				}
			}
			base := "POST " + strings.TrimRight(strings.TrimSuffix(c.suffix, "?create=1"), "/")
			want := []string{base + "/start" + c.query + "rid=" + runUUID, base + c.query + "rid=" + runUUID, base + "/fail" + c.query + "rid=" + runUUID, base + "/log" + c.query + "rid=" + runUUID}
			if !slices.Equal(d.heard, want) || !slices.Equal(d.bodies, []string{"", "ok", "bad", "so so"}) || waits > 0 {
				t.Errorf("heard %q with %q after %d waits, want %q", d.heard, d.bodies, waits, want)
			}
		})
	}
}

func TestHeartbeatKeepsToTheLimit(t *testing.T) {
	d, waits := newDeadMan(t), 0
	h := notify.NewHeartbeat(d.URL+"/"+switchUUID, atOnce(&waits))
	long := strings.Repeat("ü", 9_000)
	d.limit = 101
	for range 2 {
		if err := h.Success(t.Context(), runUUID, long); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.bodies[0]) != 10_000 || len(d.bodies[1]) != 100 || !utf8.ValidString(d.bodies[1]) {
		t.Errorf("bodies of %d and %d bytes", len(d.bodies[0]), len(d.bodies[1]))
	}
}

func TestHeartbeatTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answers []int
		tries   int
		fails   bool
	}{
		"once": {[]int{503}, 2, false}, "twice": {[]int{500, 429}, 3, false}, "in vain": {[]int{503, 503, 503}, 3, true}, "not what is refused": {[]int{404}, 1, true},
		"not elsewhere": {[]int{302}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			d, waits := newDeadMan(t), 0
			d.answers = c.answers
			err := notify.NewHeartbeat(d.URL+"/"+switchUUID, atOnce(&waits)).Success(t.Context(), runUUID, "")
			if (err != nil) != c.fails || len(d.heard) != c.tries || waits != c.tries-1 {
				t.Errorf("%v after %d tries and %d waits", err, len(d.heard), waits)
			}
		})
	}
}

// The address is the secret: whoever has it can keep the switch quiet.
func TestHeartbeatHidesItsAddress(t *testing.T) {
	waits := 0
	gone := newDeadMan(t)
	gone.Close()
	moved := newDeadMan(t)
	moved.answers = []int{404, 404}
	for name, address := range map[string]string{
		"unreachable": gone.URL + "/" + switchUUID, "refused": moved.URL + "/" + switchUUID + "?token=correct-horse", "not a URL": "hc-ping.com/" + switchUUID,
		"not one at all": "https://%zz/" + switchUUID, "of another kind": "file:///" + switchUUID,
	} {
		err := notify.NewHeartbeat(address, atOnce(&waits)).Start(t.Context(), runUUID)
		if err == nil || strings.Contains(err.Error(), switchUUID) || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeartbeatEndsWithTheRun(t *testing.T) {
	d, waits := newDeadMan(t), 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := notify.NewHeartbeat(d.URL+"/"+switchUUID, atOnce(&waits)).Start(ctx, runUUID); err == nil || len(d.heard) > 0 {
		t.Errorf("%v, heard %q", err, d.heard)
	}
}
