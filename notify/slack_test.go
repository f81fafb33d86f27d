package notify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

func slackServer(t *testing.T) *notifytest.SlackServer {
	s := notifytest.NewSlackServer()
	t.Cleanup(s.Close)
	return s
}

func bot(s *notifytest.SlackServer) notify.Receiver {
	return notify.NewSlackBot("slack", notifytest.SlackToken, notifytest.SlackChannel, s.APIURL(), new(pauses).option())
}

// send delivers a message that must be accepted, and returns it as the server saw it.
func send(t *testing.T, s *notifytest.SlackServer, r notify.Receiver, m notify.Message) (string, notifytest.SlackPost) {
	t.Helper()
	ref, err := r.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	posts := s.Posts()
	return ref, posts[len(posts)-1]
}

func TestSlackGolden(t *testing.T) {
	s := slackServer(t)
	ref, p := send(t, s, bot(s), critical())
	golden(t, "slack-critical.json", indented(t, p))
	_, p = send(t, s, bot(s), still(ref))
	golden(t, "slack-unseen-reply.json", indented(t, p))
	golden(t, "slack-unseen.json", indented(t, s.Posts()[0]))
	_, p = send(t, s, bot(s), over(ref))
	golden(t, "slack-resolved-reply.json", indented(t, p))
	golden(t, "slack-resolved.json", indented(t, s.Posts()[0]))
}

func indented(t *testing.T, p notifytest.SlackPost) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSlackUploadFails: the message counts as sent, and the error says what failed.
func TestSlackUploadFails(t *testing.T) {
	for method, words := range map[string]string{
		"files.getUploadURLExternal":   "upload the report to Slack: Slack refused: missing_scope: add the scope files:write to the Slack app",
		"upload":                       "upload the report to Slack: it failed: 500",
		"files.completeUploadExternal": "upload the report to Slack: Slack refused: missing_scope",
	} {
		s := slackServer(t)
		fault := notifytest.Fault{Status: 200, Body: `{"ok":false,"error":"missing_scope","needed":"files:write","provided":"chat:write"}`}
		if method == "upload" {
			fault = notifytest.Fault{Status: 500}
		}
		s.Fail(method, fault, fault, fault, fault)
		m := critical()
		m.FirstOfRun = true
		ref, err := bot(s).Send(t.Context(), m)
		checkError(t, err, words, []string{notifytest.SlackToken, s.APIURL()})
		if posted := (*notify.PostedError)(nil); !errors.As(err, &posted) || ref == "" || len(s.Posts()) != 1 {
			t.Errorf("%s: posted %d messages, reference %q, error %v", method, len(s.Posts()), ref, err)
		}
	}
}

// TestSlackUploadRetries: each step may fail once; the message is posted once.
func TestSlackUploadRetries(t *testing.T) {
	s := slackServer(t)
	s.Fail("files.getUploadURLExternal", notifytest.Fault{Status: 429, RetryAfter: "3"})
	s.Fail("upload", notifytest.Fault{Reset: true})
	s.Fail("files.completeUploadExternal", notifytest.Fault{Status: 503})
	m := critical()
	m.FirstOfRun = true
	send(t, s, bot(s), m)
	if files := s.Files(); len(files) != 1 || string(files[0].Content) != report || len(s.Posts()) != 1 {
		t.Errorf("%d files, %d messages", len(files), len(s.Posts()))
	}
}

// TestSlackWords: ok:false is a failure in spite of its status 200, and the
// error says what to do.
func TestSlackWords(t *testing.T) {
	for word, c := range map[string]struct {
		tries  int
		advice string
	}{
		"invalid_auth":        {1, "put a current one (xoxb-…) into notify.slack.tokenFile"},
		"channel_not_found":   {1, "check notify.slack.channel, and invite the bot"},
		"not_in_channel":      {1, "invite the bot to the channel"},
		"is_archived":         {1, "unarchive it or choose another one"},
		"msg_blocks_too_long": {1, "report this as a bug (too long)"},
		"restricted_action":   {1, "ask an administrator"},
		"something_new":       {1, "Slack refused: something_new"},
		"internal_error":      {4, "internal_error (too long), tried 4 times"},
		"ratelimited":         {4, "it asks to send more slowly, tried 4 times"},
	} {
		s := slackServer(t)
		for range notify.MaxTries {
			s.Fail("chat.postMessage", notifytest.Fault{Status: 200,
				Body: `{"ok":false,"error":"` + word + `","response_metadata":{"messages":["too long"]}}`})
		}
		_, err := bot(s).Send(t.Context(), critical())
		want := c.advice
		if strings.HasPrefix(want, "report this") {
			want = "report this as a bug of hubaudit (too long)"
		}
		checkError(t, err, want, []string{notifytest.SlackToken})
		if n := s.Requests("chat.postMessage"); n != c.tries {
			t.Errorf("%s: %d tries, want %d", word, n, c.tries)
		}
	}
}

// TestSlackSetup: what is wrong with the configuration, by the server's own rules.
func TestSlackSetup(t *testing.T) {
	s := slackServer(t)
	for _, c := range []struct{ token, channel, want string }{
		{"xoxb-wrong", notifytest.SlackChannel, "post to Slack channel #hub-alerts: Slack refused: invalid_auth: the bot token is not valid"},
		{"", notifytest.SlackChannel, "not_authed: the bot token is not valid"},
		{notifytest.SlackToken, notifytest.SlackPrivate, "not_in_channel: invite the bot to the channel"},
		{notifytest.SlackToken, "#typo", "channel_not_found: there is no such channel"},
	} {
		r := notify.NewSlackBot("slack", c.token, c.channel, s.APIURL())
		_, err := r.Send(t.Context(), critical())
		checkError(t, err, c.want, []string{notifytest.SlackToken})
		checkError(t, r.Test(t.Context()), c.want, []string{notifytest.SlackToken})
	}
	hook := notify.NewSlackWebhook("slack", strings.TrimSuffix(s.WebhookURL(), notifytest.SlackHookSecret)+"revoked")
	checkError(t, hook.Test(t.Context()), "no_service: the webhook is gone: make a new one", nil)
	if err := errors.Join(bot(s).Test(t.Context()), notify.NewSlackWebhook("slack", s.WebhookURL()).Test(t.Context())); err != nil {
		t.Error(err)
	}
	for _, p := range s.Posts() {
		if !strings.HasPrefix(p.Text, "This is a test of hubaudit") {
			t.Errorf("the test message says %q", p.Text)
		}
	}
}

// TestSlackHostile: names change nothing but text.
func TestSlackHostile(t *testing.T) {
	s := slackServer(t)
	ref, _ := send(t, s, bot(s), critical())
	for _, name := range hostile {
		for _, r := range []notify.Receiver{bot(s), notify.NewSlackWebhook("slack", s.WebhookURL())} {
			for _, kind := range []notify.Kind{notify.Opened, notify.Worse, notify.Repeated, notify.Resolved} {
				m := named(name)
				m.Kind, m.Ref, m.Link = kind, ref, "https://hub.example/"+name
				_, p := send(t, s, r, m)
				checkHarmless(t, p, name)
				checkHarmless(t, s.Posts()[0], name)
			}
			if _, err := r.(notify.Digester).SendDigest(t.Context(), []notify.Message{named(name), over("")}); err != nil {
				t.Fatal(err)
			}
			posts := s.Posts()
			checkHarmless(t, posts[len(posts)-1], name)
		}
	}
}

func checkHarmless(t *testing.T, p notifytest.SlackPost, name string) {
	t.Helper()
	found := slices.DeleteFunc(p.Controls(), func(c string) bool { // the link that we make is to where we say
		return strings.HasPrefix(c, "<https://hub.example/") && strings.HasSuffix(c, "|report>") && strings.Count(c, "|") == 1
	})
	if len(found) > 0 {
		t.Errorf("%q makes Slack act on %q", name, found)
	}
	var texts []struct{ Text struct{ Type, Text string } }
	if err := json.Unmarshal(p.Blocks, &texts); err != nil {
		t.Fatal(err)
	}
	for _, b := range append(texts, struct{ Text struct{ Type, Text string } }{struct{ Type, Text string }{"mrkdwn", p.Text}}) {
		if strings.ContainsFunc(b.Text.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("%q brings control characters into %q", name, b.Text.Text)
		}
		if b.Text.Type == "mrkdwn" && strings.Count(b.Text.Text, "`")%2 == 1 {
			t.Errorf("%q leaves a code span open in %q", name, b.Text.Text)
		}
	}
	if p.Form["parse"] != "none" || p.Form["link_names"] != "" {
		t.Errorf("Slack is told to parse: %v", p.Form)
	}
}

// large is an incident of 100,000 users, each with a long name of characters
// that grow when they are escaped, and a check with very much to say.
func large() notify.Message {
	m := critical()
	long := strings.Repeat("<&>🔴", 500)
	m.Incident.Hub, m.Incident.Cluster, m.Incident.Check, m.Incident.Summary, m.Reason = long, long, long, long, long
	m.Run.ID, m.Guide.Meaning = long, long
	m.Explains = make([]string, 1000)
	for n := range m.Explains {
		m.Explains[n] = long
	}
	m.Guide.Do, m.Guide.Dont = make([]string, 100), make([]string, 100)
	for n := range m.Guide.Do {
		m.Guide.Do[n], m.Guide.Dont[n] = long, long
	}
	m.Verdict.Findings = make([]verdict.Finding, 100_000)
	for n := range m.Verdict.Findings {
		m.Verdict.Findings[n] = verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: long}, Message: long}
	}
	m.Verdict.Count, m.Incident.Count = 100_000, 100_000
	return m
}

// TestSlackLarge: the server enforces Slack's limits; the message says how much
// it left out.
func TestSlackLarge(t *testing.T) {
	s := slackServer(t)
	for _, kind := range []notify.Kind{notify.Opened, notify.Worse, notify.Repeated, notify.Resolved} {
		for _, outcome := range []verdict.Outcome{verdict.Fail, verdict.Unknown} {
			m := large()
			m.Kind, m.Incident.Outcome, m.Incident.State = kind, outcome, verdict.Ongoing
			m.Verdict.Summary = m.Reason
			ref, p := send(t, s, bot(s), m)
			m.Ref = ref
			_, reply := send(t, s, bot(s), m)
			checkHarmless(t, reply, "large")
			if kind == notify.Opened && outcome == verdict.Fail && !strings.Contains(string(p.Blocks), "… and 99,995 more") {
				t.Errorf("the message does not say how many it leaves out:\n%s", p.Blocks)
			}
			checkHarmless(t, p, "large")
		}
	}
}

func BenchmarkSlackLarge(b *testing.B) {
	s := notifytest.NewSlackServer()
	defer s.Close()
	r, m := bot(s), large()
	for b.Loop() {
		if _, err := r.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSlackShown: what a person reads, word for word, in short cases.
func TestSlackShown(t *testing.T) {
	s := slackServer(t)
	for _, c := range []struct {
		change func(*notify.Message)
		text   string
		also   string
	}{
		{func(*notify.Message) {}, "🔴 CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id", "2026-11-20 12:00 UTC, found by this run"},
		{func(m *notify.Message) { m.Incident.Severity = verdict.Warning }, "🟡 WARNING · datahub: 1,003 of 1,053 users have no cookie_id", ""},
		{func(m *notify.Message) { m.Kind, m.Incident.Severity = notify.Worse, verdict.Error }, "🟠 ERROR, GETTING WORSE · datahub: 1,003 of 1,053 users have no cookie_id", "*Why now:*"},
		{func(m *notify.Message) {
			m.Kind, m.Incident.State, m.Incident.OpenedAt = notify.Repeated, verdict.Ongoing, now.Add(-25*time.Hour)
		}, "🔴 STILL CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id", "2026-11-19 11:00 UTC (1 day 1 h)"},
		{func(m *notify.Message) { m.Incident.Hub = "" }, "🔴 CRITICAL · prod: 1,003 of 1,053 users have no cookie_id", "cluster `prod`"},
		{func(m *notify.Message) { m.Verdict.Findings[3].Subject.Kind = "claim" }, "🔴 CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id", "1,003 findings"},
		{func(m *notify.Message) { m.Guide, m.Verdict = verdict.Guide{}, nil }, "🔴 CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id", "audit explain hub-cookie-id-null"},
	} {
		m := critical()
		c.change(&m)
		_, p := send(t, s, bot(s), m)
		if p.Text != c.text || !strings.Contains(string(p.Blocks), c.also) {
			t.Errorf("shown %q with blocks\n%s\nwant %q with %q", p.Text, p.Blocks, c.text, c.also)
		}
	}
	if n := len(s.Posts()); n != 7 {
		t.Error(fmt.Sprint(n, " messages"))
	}
}
