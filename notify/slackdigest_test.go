package notify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// storm is a run with many new incidents, the worst last.
func storm(n int) []notify.Message {
	all := make([]notify.Message, n)
	for i := range all {
		all[i] = critical()
		all[i].Incident.ID, all[i].Incident.Hub = int64(i+1), fmt.Sprintf("hub%02d", i)
		all[i].Incident.Severity = verdict.Severities[3-i*4/n]
		all[i].FirstOfRun = i == 0
	}
	return all
}

// TestSlackDigest: one message for all, the worst first, with the report in its thread.
func TestSlackDigest(t *testing.T) {
	s := slackServer(t)
	all := append(storm(40), over(""))
	ref, err := bot(s).(notify.Digester).SendDigest(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	posts, files := s.Posts(), s.Files()
	if len(posts) != 1 || len(files) != 1 || files[0].ThreadTS != posts[0].TS {
		t.Fatalf("%d messages, files %+v", len(posts), files)
	}
	golden(t, "slack-digest.json", indented(t, posts[0]))
	checkHarmless(t, posts[0], "storm")
	blocks := string(posts[0].Blocks)
	if n := strings.Count(blocks, "hub3"); n != 10 {
		t.Errorf("the ten worst are named %d times in\n%s", n, blocks)
	}
	// What comes later goes into the thread; the digest stays as it is.
	for _, kind := range []notify.Kind{notify.Changed, notify.Worse, notify.Resolved} {
		again, last := send(t, s, bot(s), criticalAs(kind, ref))
		if again != ref || s.Posts()[0].Edits != 0 || kind != notify.Changed && last.ThreadTS != posts[0].TS {
			t.Errorf("%s: reference %q, thread %q, the digest changed %d times", kind, again, last.ThreadTS, s.Posts()[0].Edits)
		}
	}
	if n := len(s.Posts()); n != 3 {
		t.Errorf("%d messages", n)
	}
	s.Delete(posts[0].TS)
	if again, p := send(t, s, bot(s), criticalAs(notify.Worse, ref)); again == ref || p.ThreadTS != "" {
		t.Errorf("without the digest posted %+v with reference %q", p, again)
	}
}

// TestSlackRootsInFlood: that many are over at once is told in the roots and threads
// that they have, which a digest would leave open for ever.
func TestSlackRootsInFlood(t *testing.T) {
	s := slackServer(t)
	const many = 22
	q := &queue{}
	for n := range int64(many) {
		first := critical()
		first.Incident.ID = n + 1
		ref, _ := send(t, s, bot(s), first)
		q.rows = append(q.rows, wait("slack", n+1, func(d *notify.Delivery) { d.Kind, d.Ref = notify.Resolved, ref }))
	}
	c := notify.Courier{Queue: q, Clock: func() time.Time { return now }, Compose: func(_ context.Context, due []notify.Delivery) ([]notify.Message, error) {
		var all []notify.Message
		for _, d := range due {
			all = append(all, over(d.Ref))
		}
		return all, nil
	}}
	if err := c.Deliver(t.Context(), []notify.Receiver{bot(s)}); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Posts() {
		if p.ThreadTS == "" && (p.Edits != 1 || !strings.Contains(p.Text, "RESOLVED")) {
			t.Errorf("a root was edited %d times and says %q", p.Edits, p.Text)
		}
	}
	if n := len(s.Posts()); n != 2*many {
		t.Errorf("%d messages, want a root and a reply for each", n)
	}
}

// TestSlackDigestFaults: a digest is sent whole or not at all, whatever becomes of the report.
func TestSlackDigestFaults(t *testing.T) {
	s := slackServer(t)
	hook := notify.NewSlackWebhook("hook", s.WebhookURL(), new(pauses).option())
	secrets := map[string]string{"chat.postMessage": notifytest.SlackToken, "webhook": notifytest.SlackHookSecret}
	for name, r := range map[string]notify.Receiver{"chat.postMessage": bot(s), "webhook": hook} {
		for range notify.MaxTries {
			s.Fail(name, notifytest.Fault{Status: 500, Body: secrets[name]})
		}
		_, err := r.(notify.Digester).SendDigest(t.Context(), storm(5))
		checkError(t, err, "it failed: 500 [redacted]", []string{secrets[name]})
		if _, err := r.(notify.Digester).SendDigest(t.Context(), nil); err == nil {
			t.Error("a digest of nothing is sent")
		}
	}
	if n := len(s.Posts()); n != 0 {
		t.Errorf("%d messages", n)
	}
	s.Fail("files.getUploadURLExternal", notifytest.Fault{Status: 403})
	ref, err := bot(s).(notify.Digester).SendDigest(t.Context(), storm(5))
	checkError(t, err, "the message was sent, but upload the report to Slack: it refused: 403", []string{notifytest.SlackToken})
	if ref == "" {
		t.Error("the digest was sent and has no reference")
	}
}
