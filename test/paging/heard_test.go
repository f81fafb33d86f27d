package paging

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/notify/notifytest"
)

// message is one that a receiver accepted.
type message struct {
	receiver string
	key      key
	run      time.Time // zero where the receiver is not told
	step     int
	// kind is what a webhook calls it; of others open or resolved.
	kind     string
	severity string // "" where it is not said
	root     bool   // the first message of an incident, as far as the receiver can tell
	id       string
	thread   string // of Slack: the id of the message at its head
	// digest: it is one line of many; shared: it stands in the thread of a digest.
	digest, shared bool
	// forgotten: no history remembers the run.
	forgotten bool
}

func (m *message) over() bool { return m.kind == "resolved" }

// ear reads what receivers accepted, each message once.
type ear struct {
	t    *testing.T
	from *receivers
	keys map[string]key // by fingerprint
	read map[string]int
	// digests are Slack's messages about many incidents.
	digests map[string]bool
}

func newEar(t *testing.T, s *site) *ear {
	e := &ear{t: t, from: s.receivers, keys: map[string]key{}, read: map[string]int{toFile: filled}, digests: map[string]bool{}}
	add := func(k key) { e.keys[verdict.Fingerprint("", k.hub, k.check)] = k }
	for _, c := range clusterChecks {
		add(key{c, ""})
	}
	add(key{unsent, ""})
	for _, h := range s.names {
		for _, c := range hubChecks {
			add(key{c, h})
		}
	}
	return e
}

// since is what was accepted since the last call.
func (e *ear) since(step int) (all []message) {
	bot := e.from.bot.Posts()
	for _, p := range bot[e.read[toSlack]:] {
		all = append(all, e.slack(toSlack, &p)...)
	}
	chat := e.from.chat.Posts()
	for _, p := range chat[e.read[toChat]:] {
		all = append(all, e.slack(toChat, &p)...)
	}
	events := e.from.pager.Events()
	for _, p := range events[e.read[toPager]:] {
		all = append(all, e.page(&p))
	}
	posts := e.from.alerts.Posts()
	for _, p := range posts[e.read[toAlert]:] {
		all = append(all, e.alerts(p)...)
	}
	hooks := e.from.hook.Messages()
	for _, p := range hooks[e.read[toHook]:] {
		m := e.json(toHook, p.Body)
		if m.id != p.ID {
			e.t.Errorf("a webhook's header has the id %s, its body %s", p.ID, m.id)
		}
		all = append(all, m)
	}
	mails := e.from.mail.Mails()
	for _, p := range mails[e.read[toMail]:] {
		all = append(all, e.mail(p.Data)...)
	}
	data := e.from.lines(e.t, e.read[toFile])
	for line := range bytes.Lines(data) {
		if json.Valid(line) && line[len(line)-1] == '\n' { // torn ones are not accepted
			all = append(all, e.json(toFile, line))
		}
	}
	e.read = map[string]int{toSlack: len(bot), toChat: len(chat), toPager: len(events), toAlert: len(posts), toHook: len(hooks), toMail: len(mails),
		toFile: e.read[toFile] + bytes.LastIndexByte(data, '\n') + 1}
	for n := range all {
		all[n].step = step
	}
	return all
}

var runID = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9]+`)

// runOf is the time of the run that a text names.
func (e *ear) runOf(text string) time.Time {
	id, _, _ := strings.Cut(runID.FindString(text), "-")
	at, err := time.Parse("20060102T150405Z", id)
	if err != nil {
		e.t.Errorf("a message names no run: %.300s", text)
	}
	return at
}

// keyOf finds the check and hub that a text is about.
func (e *ear) keyOf(headline, body string) key {
	for _, k := range e.keys {
		if strings.Contains(body, "check `"+k.check+"`") && (k.hub == "" || strings.Contains(headline, k.hub+": ")) {
			return k
		}
	}
	e.t.Errorf("a message is about nothing that is known: %s %s", headline, body)
	return key{}
}

func kindOf(headline string) string {
	if strings.Contains(headline, "RESOLVED · ") {
		return "resolved"
	}
	return "open"
}

func (e *ear) slack(receiver string, p *notifytest.SlackPost) []message {
	blocks := string(p.Blocks)
	if strings.Contains(p.Text, " incidents at once: ") {
		e.digests[p.TS] = true
		return e.digest(message{receiver: receiver, run: e.runOf(blocks), id: p.TS}, p.Text, sectionsOf(e.t, p.Blocks))
	}
	return []message{{receiver: receiver, key: e.keyOf(p.Text, blocks), run: e.runOf(blocks), kind: kindOf(p.Text),
		root: receiver == toSlack && p.ThreadTS == "", id: p.TS, thread: cmp.Or(p.ThreadTS, p.TS), shared: e.digests[p.ThreadTS]}}
}

func (e *ear) page(p *notifytest.PagerDutyEvent) message {
	m := message{receiver: toPager, key: e.keys[strings.TrimPrefix(p.DedupKey, "hubaudit-")], kind: "resolved", id: p.DedupKey}
	if p.Action == "trigger" {
		m.kind, m.severity, m.run = "open", p.Payload.Severity, e.runOf(string(p.Payload.Details))
	}
	return m
}

// alerts are the messages of one request, one for each key. Where one alert of a
// key goes on, the other one only ends what it was before.
func (e *ear) alerts(post []notifytest.Alert) (all []message) {
	at := map[key]int{}
	for _, a := range post {
		m := message{receiver: toAlert, key: key{a.Labels["check"], a.Labels["hub"]}, kind: "open", severity: a.Labels["severity"], run: a.EndsAt.Add(-alertKeep)}
		if a.EndsAt.Sub(a.StartsAt) < alertKeep {
			m.kind, m.run = "resolved", time.Time{}
		}
		n, known := at[m.key]
		switch {
		case !known:
			at[m.key] = len(all)
			all = append(all, m)
		case !m.over():
			all[n] = m
		}
	}
	return all
}

func (e *ear) json(receiver string, body []byte) message {
	var p struct {
		ID, Kind string
		Run      struct{ StartedAt time.Time }
		Incident struct{ Fingerprint, Severity string }
	}
	must(e.t, json.Unmarshal(body, &p))
	return message{receiver: receiver, key: e.keys[p.Incident.Fingerprint], run: p.Run.StartedAt, kind: p.Kind, severity: p.Incident.Severity,
		root: p.Kind == "opened" || p.Kind == "reopened", id: p.ID}
}
