package notify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// criticalAs is the critical message as one of another kind, in an incident's thread.
func criticalAs(kind notify.Kind, ref string) notify.Message {
	m := critical()
	m.Kind, m.Ref, m.Reason = kind, ref, "this is why: "+string(kind)
	if kind != notify.Opened {
		m.Incident.State = verdict.Ongoing
	}
	if kind == notify.Resolved {
		m = over(ref)
	}
	return m
}

// TestSlackStory: an incident has one message in the channel, always as it is now,
// and its thread has a reply for each change. Those that call somebody also show
// in the channel.
func TestSlackStory(t *testing.T) {
	s := slackServer(t)
	b := bot(s)
	m := criticalAs(notify.Opened, "")
	m.FirstOfRun = true
	ref, root := send(t, s, b, m)
	if root.ThreadTS != "" || root.Broadcast || root.Edits != 0 {
		t.Errorf("the first message is %+v", root)
	}
	files := s.Files()
	if len(files) != 1 || string(files[0].Content) != report || files[0].ThreadTS != root.TS ||
		files[0].Channel != notifytest.SlackChannelID || files[0].Name != "hubaudit-20261120T120000Z-12.md" {
		t.Errorf("the report was uploaded as %+v", files)
	}
	for n, step := range []struct {
		kind             notify.Kind
		severity         verdict.Severity
		reply, broadcast bool
		text             string
	}{
		{notify.Changed, verdict.Critical, false, false, "🔴 CRITICAL · datahub"},
		{notify.Worse, verdict.Error, true, true, "🟠 ERROR, GETTING WORSE · datahub"},
		{notify.Repeated, verdict.Error, true, false, "🟠 STILL ERROR · datahub"},
		{notify.Repeated, verdict.Critical, true, true, "🔴 STILL CRITICAL · datahub"},
		{notify.Resolved, verdict.Critical, true, false, "✅ RESOLVED · datahub"},
		{notify.Reopened, verdict.Warning, true, true, "🟡 WARNING AGAIN · datahub"},
	} {
		before := len(s.Posts())
		m := criticalAs(step.kind, ref)
		m.Incident.Severity = step.severity
		again, last := send(t, s, b, m)
		posts := s.Posts()
		if again != ref || posts[0].Edits != n+1 || !strings.HasPrefix(posts[0].Text, step.text) || !strings.Contains(string(posts[0].Blocks), m.Reason) ||
			posts[0].Form["parse"] != "none" {
			t.Errorf("step %d: reference %q, the root is %q after %d changes", n, again, posts[0].Text, posts[0].Edits)
		}
		if !step.reply {
			if len(posts) != before {
				t.Errorf("step %d: %s makes a new message", n, step.kind)
			}
			continue
		}
		if len(posts) != before+1 || last.ThreadTS != root.TS || last.Broadcast != step.broadcast || !strings.HasPrefix(last.Text, step.text) || !strings.Contains(string(last.Blocks), m.Reason) {
			t.Errorf("step %d: %d new messages, the last in thread %q, broadcast %v: %s\n%s", n, len(posts)-before, last.ThreadTS, last.Broadcast, last.Text, last.Blocks)
		}
		if len(last.Blocks) >= len(posts[0].Blocks) && step.kind != notify.Resolved {
			t.Errorf("step %d: the reply is not shorter than the root", n)
		}
	}
	if len(s.Files()) != 1 {
		t.Error("the report was uploaded more than once")
	}
}

// TestSlackRootGone: an incident whose root is gone, or in a channel that the
// configuration has left, gets a new one.
func TestSlackRootGone(t *testing.T) {
	for _, kind := range []notify.Kind{notify.Changed, notify.Worse, notify.Resolved} {
		s := slackServer(t)
		ref, first := send(t, s, bot(s), critical())
		s.Delete(first.TS)
		again, p := send(t, s, bot(s), criticalAs(kind, ref))
		if p.ThreadTS != "" || again == ref || !strings.Contains(again, p.TS) || len(s.Posts()) != 1 {
			t.Errorf("%s: posted %+v with reference %q", kind, p, again)
		}
		for _, old := range []string{"#old-channel C0HUBALERTS " + p.TS, "#old-channel C0OLD 1700000000.000001", notifytest.SlackChannel + " C0GONE 1700000000.000001",
			"not a reference", notifytest.SlackChannel + " C0HUBALERTS " + p.TS + " nonsense"} {
			if _, p := send(t, s, bot(s), criticalAs(kind, old)); p.ThreadTS != "" || p.Channel != notifytest.SlackChannelID {
				t.Errorf("with reference %q posted to %s, thread %q", old, p.Channel, p.ThreadTS)
			}
		}
	}
}

// TestSlackRootGoneMeanwhile: the root was there for the update and not for the reply.
func TestSlackRootGoneMeanwhile(t *testing.T) {
	s := slackServer(t)
	ref, _ := send(t, s, bot(s), critical())
	s.Fail("chat.postMessage", notifytest.Fault{Status: 200, Body: `{"ok":false,"error":"thread_not_found"}`})
	again, p := send(t, s, bot(s), criticalAs(notify.Worse, ref))
	if p.ThreadTS != "" || again == ref {
		t.Errorf("posted %+v with reference %q", p, again)
	}
}

// TestSlackFixed: what can be changed no more is told in its thread.
func TestSlackFixed(t *testing.T) {
	for _, word := range []string{"edit_window_closed", "cant_update_message"} {
		s := slackServer(t)
		ref, root := send(t, s, bot(s), critical())
		s.Fix(root.TS, word)
		again, p := send(t, s, bot(s), criticalAs(notify.Changed, ref))
		if again != ref || p.TS != root.TS {
			t.Errorf("%s: a silent change makes the message %+v", word, p)
		}
		again, p = send(t, s, bot(s), criticalAs(notify.Worse, ref))
		if again != ref || p.ThreadTS != root.TS {
			t.Errorf("%s: posted %+v with reference %q", word, p, again)
		}
	}
}

// TestSlackHalfway: the reply fails after the root was changed. The next run tells
// it once, and the root is the same.
func TestSlackHalfway(t *testing.T) {
	s := slackServer(t)
	ref, _ := send(t, s, bot(s), critical())
	for range notify.MaxTries {
		s.Fail("chat.postMessage", notifytest.Fault{Status: 503})
	}
	_, err := bot(s).Send(t.Context(), criticalAs(notify.Worse, ref))
	checkError(t, err, "post to Slack channel C0HUBALERTS: it failed: 503", []string{notifytest.SlackToken})
	root := s.Posts()[0]
	if len(s.Posts()) != 1 || root.Edits != 1 {
		t.Fatalf("%d messages, the root changed %d times", len(s.Posts()), root.Edits)
	}
	send(t, s, bot(s), criticalAs(notify.Worse, ref))
	posts := s.Posts()
	if len(posts) != 2 || posts[0].Text != root.Text || string(posts[0].Blocks) != string(root.Blocks) {
		t.Errorf("%d messages, the root is\n%s", len(posts), posts[0].Blocks)
	}
}

// TestSlackUpdateFaults: chat.update fails in each way, and its secret stays one.
func TestSlackUpdateFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault   notifytest.Fault
		want    string // the error where it always fails; "" where it is tried once
		refused bool
	}{
		"429":      {notifytest.Fault{Status: 429, RetryAfter: "7"}, "send more slowly", false},
		"503":      {notifytest.Fault{Status: 503, Body: notifytest.SlackToken}, "it failed: 503", false},
		"reset":    {notifytest.Fault{Reset: true}, "the network failed", false},
		"internal": {notifytest.Fault{Status: 200, Body: `{"ok":false,"error":"internal_error"}`}, "internal_error", false},
		"403":      {notifytest.Fault{Status: 403, Body: notifytest.SlackToken}, "it refused: 403", true},
		"auth":     {notifytest.Fault{Status: 200, Body: `{"ok":false,"error":"token_revoked"}`}, "the bot token is not valid", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := slackServer(t)
			ref, _ := send(t, s, bot(s), critical())
			for range notify.MaxTries {
				s.Fail("chat.update", c.fault)
			}
			_, err := bot(s).Send(t.Context(), criticalAs(notify.Worse, ref))
			checkError(t, err, c.want, []string{notifytest.SlackToken})
			if why := (*notify.SendError)(nil); !errors.As(err, &why) || why.Refused != c.refused || name == "429" && why.After != 7*time.Second {
				t.Errorf("the error is %+v", why)
			}
			if n := len(s.Posts()); n != 1 {
				t.Errorf("%d messages although the root could not be changed", n)
			}
			if c.refused {
				return
			}
			once := slackServer(t)
			ref, _ = send(t, once, bot(once), critical())
			once.Fail("chat.update", c.fault)
			if _, p := send(t, once, bot(once), criticalAs(notify.Worse, ref)); p.ThreadTS == "" || len(once.Posts()) != 2 || once.Posts()[0].Edits != 1 {
				t.Errorf("after one fault %d messages, the last %+v", len(once.Posts()), p)
			}
		})
	}
}

// TestSlackUpdateAnswerLost: an update that is done twice is one.
func TestSlackUpdateAnswerLost(t *testing.T) {
	s := slackServer(t)
	ref, _ := send(t, s, bot(s), critical())
	s.Fail("chat.update", notifytest.Fault{Served: true, Reset: true})
	send(t, s, bot(s), criticalAs(notify.Worse, ref))
	if n := len(s.Posts()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// TestSlackRates: a server that enforces Slack's rates gets every message, as late
// as it asks.
func TestSlackRates(t *testing.T) {
	s := slackServer(t)
	s.LimitRates()
	var waited time.Duration
	b := notify.NewSlackBot("slack", notifytest.SlackToken, notifytest.SlackChannel, s.APIURL(), notify.WithWait(func(_ context.Context, d time.Duration) error {
		waited += d
		s.Pass(d)
		return nil
	}))
	const incidents, updates = 20, 60
	var ref string
	for range incidents {
		ref, _ = send(t, s, b, critical())
	}
	for range updates {
		send(t, s, b, criticalAs(notify.Changed, ref))
	}
	posts := s.Posts()
	if len(posts) != incidents || posts[incidents-1].Edits != updates {
		t.Errorf("%d messages, the last changed %d times", len(posts), posts[len(posts)-1].Edits)
	}
	if waited < 17*time.Second || waited > time.Minute {
		t.Errorf("waited %v", waited)
	}
}

// TestSlackPerMinute: as many as the vendors take.
func TestSlackPerMinute(t *testing.T) {
	s := slackServer(t)
	got := map[string]int{}
	for _, r := range []notify.Receiver{bot(s), notify.NewSlackWebhook("hook", s.WebhookURL()), notify.NewPagerDuty("pagerduty", notifytest.PagerDutyKey, "")} {
		got[r.Name()] = r.(interface{ PerMinute() int }).PerMinute()
	}
	if diff := cmp.Diff(map[string]int{"slack": 50, "hook": 60, "pagerduty": 120}, got); diff != "" {
		t.Errorf("messages a minute (-want +got):\n%s", diff)
	}
}
