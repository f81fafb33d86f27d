package notify_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// bench is one receiver against its server.
type bench struct {
	call     string // the server's name for sending a message
	receiver func(...notify.Option) notify.Receiver
	fail     func(string, ...notifytest.Fault)
	requests func(string) int
	accepted func() int
	secrets  []string
}

// benches has each receiver with a server of its own.
func benches(t *testing.T) map[string]bench {
	bot, hook, pd := notifytest.NewSlackServer(), notifytest.NewSlackServer(), notifytest.NewPagerDutyServer()
	for _, close := range []func(){bot.Close, hook.Close, pd.Close} {
		t.Cleanup(close)
	}
	return map[string]bench{
		"slack bot": {"chat.postMessage", func(o ...notify.Option) notify.Receiver {
			return notify.NewSlackBot("slack", notifytest.SlackToken, notifytest.SlackChannel, bot.APIURL(), o...)
		}, bot.Fail, bot.Requests, func() int { return len(bot.Posts()) }, []string{notifytest.SlackToken}},
		"slack webhook": {"webhook", func(o ...notify.Option) notify.Receiver {
			return notify.NewSlackWebhook("slack", hook.WebhookURL(), o...)
		}, hook.Fail, hook.Requests, func() int { return len(hook.Posts()) }, []string{notifytest.SlackHookSecret}},
		"pagerduty": {"enqueue", func(o ...notify.Option) notify.Receiver {
			return notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, pd.URL(), o...)
		}, pd.Fail, pd.Requests, func() int { return len(pd.Events()) }, []string{notifytest.PagerDutyKey}},
	}
}

// echo is the body of a proxy that repeats what it was asked.
func (b bench) echo() string {
	return "<html>cannot reach /services/T000/B000/" + strings.Join(b.secrets, " ") + strings.Repeat(" and again "+b.secrets[0], 20) + "</html>"
}

// TestFaults sends one message through each receiver while its server fails in
// each way.
func TestFaults(t *testing.T) {
	type result struct {
		Requests, Accepted int
		Pauses             []time.Duration
	}
	const s = time.Second
	reset, hang := notifytest.Fault{Reset: true}, notifytest.Fault{Hang: true}
	status := func(code int) notifytest.Fault { return notifytest.Fault{Status: code} }
	slow := func(after string) notifytest.Fault { return notifytest.Fault{Status: 429, RetryAfter: after} }
	for name, c := range map[string]struct {
		faults []notifytest.Fault
		want   result
		err    string // what the error says; "" where it is delivered
	}{
		"no fault":              {nil, result{1, 1, nil}, ""},
		"429 with Retry-After":  {[]notifytest.Fault{slow("7"), slow("0")}, result{3, 1, []time.Duration{7 * s, s}}, ""},
		"429 without":           {[]notifytest.Fault{slow("")}, result{2, 1, []time.Duration{30 * s}}, ""},
		"429 with nonsense":     {[]notifytest.Fault{slow("soon"), slow("-5")}, result{3, 1, []time.Duration{30 * s, 30 * s}}, ""},
		"429 for ever":          {[]notifytest.Fault{slow("1"), slow("1"), slow("1"), slow("1")}, result{4, 0, []time.Duration{s, s, s}}, "send more slowly (429), tried 4 times"},
		"500 once":              {[]notifytest.Fault{status(500)}, result{2, 1, []time.Duration{2 * s}}, ""},
		"503 for ever":          {[]notifytest.Fault{status(503), status(502), status(503), status(503)}, result{4, 0, []time.Duration{2 * s, 4 * s, 8 * s}}, "it failed: 503, tried 4 times"},
		"reset once":            {[]notifytest.Fault{reset}, result{2, 1, []time.Duration{2 * s}}, ""},
		"reset for ever":        {[]notifytest.Fault{reset, reset, reset, reset}, result{4, 0, []time.Duration{2 * s, 4 * s, 8 * s}}, "the network failed: "},
		"hangs once":            {[]notifytest.Fault{hang}, result{2, 1, []time.Duration{2 * s}}, ""},
		"hangs for ever":        {[]notifytest.Fault{hang, hang, hang, hang}, result{4, 0, []time.Duration{2 * s, 4 * s, 8 * s}}, "no answer in time, tried 4 times"},
		"408":                   {[]notifytest.Fault{status(408)}, result{2, 1, []time.Duration{2 * s}}, ""},
		"403":                   {[]notifytest.Fault{status(403)}, result{1, 0, nil}, "it refused: 403"},
		"redirect":              {[]notifytest.Fault{status(307)}, result{1, 0, nil}, "it redirects (307), which is not followed"},
		"200 of somebody else":  {[]notifytest.Fault{{Status: 200, Body: "<html>sign in</html>"}}, result{1, 0, nil}, "the answer is not the vendor's"},
		"accepted, answer lost": {[]notifytest.Fault{{Served: true, Reset: true}}, result{2, 2, []time.Duration{2 * s}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for receiver, b := range benches(t) {
				t.Run(receiver, func(t *testing.T) {
					var p pauses
					r := b.receiver(p.option(), scripted(b, c.faults))
					m := critical()
					m.Report = nil
					_, err := r.Send(t.Context(), m)
					if diff := cmp.Diff(c.want, result{b.requests(b.call), b.accepted(), p.all}); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					checkError(t, err, c.err, b.secrets)
				})
			}
		})
	}
}

// scripted gives the server its faults. An attempt that the server is to let
// hang ends when its request has arrived there, instead of after some time.
func scripted(b bench, faults []notifytest.Fault) notify.Option {
	hanging := make(chan context.CancelFunc, 1)
	for _, f := range faults {
		if f.Hang {
			f.Struck = func() { (<-hanging)() }
		}
		b.fail(b.call, f)
	}
	attempts := 0
	return notify.WithAttempt(func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		if attempts++; attempts <= len(faults) && faults[attempts-1].Hang {
			hanging <- cancel
		}
		return ctx, cancel
	})
}

// checkError wants the words in the error and no secret in any part of it.
func checkError(t *testing.T, err error, words string, secrets []string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("not delivered: %v", err)
	case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
		t.Errorf("error %v, want %q", err, words)
	}
	showsNone(t, err, secrets)
}

// showsNone looks through an error and all that it wraps.
func showsNone(t *testing.T, err error, secrets []string) {
	t.Helper()
	if err == nil {
		return
	}
	for _, secret := range secrets {
		for from := 0; from+12 <= len(secret); from++ { // not even a part of it
			if part := secret[from : from+12]; strings.Contains(err.Error(), part) {
				t.Errorf("the error shows %q of a secret: %v", part, err)
				return
			}
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		showsNone(t, e.Unwrap(), secrets)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			showsNone(t, inner, secrets)
		}
	}
}

// TestSecrets: in every failure, also where a server repeats the request, the
// error shows no secret.
func TestSecrets(t *testing.T) {
	for _, status := range []int{200, 202, 204, 301, 400, 401, 403, 404, 410, 429, 500, 503} {
		for receiver, b := range benches(t) {
			if receiver == "pagerduty" && status == http.StatusAccepted {
				continue // this is how it accepts
			}
			for range notify.MaxTries {
				b.fail(b.call, notifytest.Fault{Status: status, Body: b.echo()})
			}
			_, err := b.receiver(new(pauses).option()).Send(t.Context(), critical())
			if err == nil {
				t.Errorf("%s: delivered in spite of status %d", receiver, status)
			}
			showsNone(t, err, b.secrets)
		}
	}
}

// TestAddresses: an address that cannot be used is named by its key, never shown.
func TestAddresses(t *testing.T) {
	const secret = "SECRETpartOFtheADDRESS"
	for _, address := range []string{"hooks.slack.com/services/" + secret, "https://hooks.slack.com/%zz/" + secret,
		"https://hooks slack.com/" + secret, "https:///" + secret, "ftp://hooks.slack.com/" + secret, "https://host:" + secret + "/", "\x00" + secret,
		"http://127.0.0.1:1/services/" + secret} {
		for name, r := range map[string]notify.Receiver{
			"notify.slack.webhookURL":  notify.NewSlackWebhook("slack", address, new(pauses).option()),
			"notify.slack.apiURL":      notify.NewSlackBot("slack", secret, "#c", address, new(pauses).option()),
			"notify.pagerduty.apiURL":  notify.NewPagerDuty("pagerduty", secret, address, new(pauses).option()),
			"notify.slack.webhookURL ": notify.NewSlackWebhook("slack", address+"?token="+secret, new(pauses).option()),
		} {
			_, err := r.Send(t.Context(), critical())
			if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) && !strings.Contains(err.Error(), "refused") {
				t.Errorf("%q: %v", address, err)
			}
			showsNone(t, err, []string{secret})
			showsNone(t, r.Test(t.Context()), []string{secret})
		}
	}
}

// TestDeadline: the context bounds waiting and sending, and the error says so.
func TestDeadline(t *testing.T) {
	for receiver, b := range benches(t) {
		t.Run(receiver+" asks for more than is left", func(t *testing.T) {
			var p pauses
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			b.fail(b.call, notifytest.Fault{Status: 429, RetryAfter: "86400"})
			_, err := b.receiver(p.option()).Send(ctx, critical())
			checkError(t, err, "trying again in 1 day would be too late", b.secrets)
			if len(p.all) > 0 {
				t.Errorf("waited %v for nothing", p.all)
			}
		})
		t.Run(receiver+" hangs when the time is up", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b.fail(b.call, notifytest.Fault{Hang: true, Struck: cancel})
			_, err := b.receiver(new(pauses).option()).Send(ctx, critical())
			checkError(t, err, "no answer before the time for notifications was used up", b.secrets)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v does not tell that the context ended", err)
			}
		})
		t.Run(receiver+" time is up while waiting", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			b.fail(b.call, notifytest.Fault{Status: 503, Struck: cancel})
			_, err := b.receiver().Send(ctx, critical())
			checkError(t, err, "the time for notifications was used up", b.secrets)
		})
	}
}

// answers is a network on which every request gets the same answer.
type answers struct {
	status     int
	retryAfter string
	body       string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
		Header: http.Header{"Retry-After": {a.retryAfter}, "Content-Type": {"application/json"}}}, nil
}

// FuzzAnswer: whatever a server or a proxy answers, also with the secret in
// it, no receiver crashes or shows the secret, and none waits for no time.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{"", "ok", `{"ok":true,"channel":"C1","ts":"1.2"}`, `{"ok":false,"error":"%s"}`, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["%s"]}}`,
		`{"status":"invalid event","message":"%s","errors":["%s"]}`, "<html>%s</html>", `{"ok":false,"error":"missing_scope","needed":"%s"}`, "no_service %s", "{"} {
		for _, status := range []int{200, 202, 400, 404, 429, 500} {
			f.Add(status, "1", body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		if status < 200 || status > 599 {
			t.Skip("no server's status")
		}
		const secret = "SECRETsecretSECRETsecretSECRET32"
		a := notify.WithTransport(answers{status, retryAfter, strings.ReplaceAll(body, "%s", secret)})
		var p pauses
		for _, r := range []notify.Receiver{
			notify.NewSlackBot("slack", secret, "#c", "", p.option(), a), notify.NewPagerDuty("pagerduty", secret, "", p.option(), a),
			notify.NewSlackWebhook("slack", "https://hooks.slack.com/services/T/B/"+secret, p.option(), a)} {
			_, err := r.Send(t.Context(), critical())
			showsNone(t, err, []string{secret})
		}
		for _, d := range p.all {
			if d < time.Second {
				t.Errorf("waits %v", d)
			}
		}
	})
}
