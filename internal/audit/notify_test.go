package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

func nothing() *verdict.Run { return &verdict.Run{} }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// lines are what the receiver of the kind file was sent: "opened 5 users".
func lines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		kind, summary := between(line, `"kind":"`), between(line, `"summary":"`)
		out = append(out, kind+" "+summary)
	}
	return out
}

func between(s, before string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, `"`)
	return s
}

// stage is a history and a configuration that sends to a file.
type stage struct {
	*testing.T
	cfg   *config.Config
	store *history.Store
	now   time.Time
	out   string
	log   bytes.Buffer
}

func newStage(t *testing.T, more string) *stage {
	dir := t.TempDir()
	s := &stage{T: t, now: noon, out: filepath.Join(dir, "out.jsonl"),
		cfg: parse(t, dir, "notify:\n  file: {path: out.jsonl}\n  repeatInterval: 24h\n"+more)}
	var err error
	if s.store, err = OpenHistory(t.Context(), s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

func (s *stage) options() Options {
	return Options{Clock: func() time.Time { return s.now }, Log: zerolog.New(zerolog.SyncWriter(&s.log))}
}

// run records a run that failed with so many users, 0 for none, and sends.
func (s *stage) run(users int, change ...func(*verdict.Verdict)) error {
	run := failed("hub-cookie-id-null", s.now, users, change...)
	var rulings []notify.Ruling
	if err := s.store.Record(s.Context(), run, history.Moves{Plan: plan(s.cfg, run, &rulings)}); err != nil {
		s.Fatal(err)
	}
	logRulings(s.options().Log, rulings)
	return deliver(s.Context(), s.cfg, s.store, run, s.options())
}

func failed(check string, at time.Time, users int, change ...func(*verdict.Verdict)) *verdict.Run {
	d := verdict.Verdict{Check: check, Hub: "a", Outcome: verdict.Pass, Severity: verdict.Critical, Fingerprint: verdict.Fingerprint("", "a", check)}
	if users > 0 {
		d.Outcome, d.Count, d.Summary = verdict.Fail, users, fmt.Sprintf("%d users", users)
		for n := range users {
			d.Findings = append(d.Findings, verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: fmt.Sprint("u", n)}, Severity: verdict.Critical, Message: "m"})
		}
	}
	for _, c := range change {
		c(&d)
	}
	return &verdict.Run{StartedAt: at, Verdicts: []verdict.Verdict{d}}
}

func (s *stage) told(want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, lines(s.T, s.out)); diff != "" {
		s.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestOutage: what happens while a receiver is down is told when it is back, in
// order: what opened and is over, what opened and is worse by now.
func TestOutage(t *testing.T) {
	s := newStage(t, "")
	if err := os.Mkdir(s.out, 0o700); err != nil {
		t.Fatal(err)
	}
	for n, users := range []int{5, 6, 0} {
		err := s.run(users)
		if err == nil || !strings.Contains(err.Error(), "notify file of hub-cookie-id-null of a (incident 1): ") {
			t.Errorf("run %d: %v", n, err)
		}
		s.now = s.now.Add(time.Hour)
	}
	if past, err := s.store.Undelivered(t.Context(), "", receiverNames(s.cfg)); err != nil || len(past) != 1 || past[0].Messages != 2 || past[0].Tries != 3 || !past[0].Refused {
		t.Errorf("undelivered: %+v, %v", past, err)
	}
	if err := os.Remove(s.out); err != nil {
		t.Fatal(err)
	}
	if err := s.run(0); err != nil {
		t.Error(err)
	}
	s.told("opened 6 users", "resolved 6 users")
	if log := s.log.String(); !strings.Contains(log, `"reason":"not-told"`) || !strings.Contains(log, `"reason":"it-is-over"`) ||
		!strings.Contains(log, `"refused":true`) || !strings.Contains(log, `"message":"sent"`) {
		t.Errorf("log:\n%s", log)
	}
}

// TestQuietNight: a warning of the night is sent in the morning, by a run or
// between runs, with the findings of the run that decided it.
func TestQuietNight(t *testing.T) {
	warning := func(v *verdict.Verdict) { v.Severity = verdict.Warning }
	s := newStage(t, "  quietHours: {from: \"10:00\", to: \"18:00\"}\n")
	if err := s.run(5, warning); err != nil {
		t.Error(err)
	}
	s.now = s.now.Add(5 * time.Hour)
	if err := Deliver(t.Context(), s.cfg, s.options()); err != nil {
		t.Error(err)
	}
	s.told()
	s.now = s.now.Add(time.Hour)
	for range 2 {
		if err := Deliver(t.Context(), s.cfg, s.options()); err != nil {
			t.Error(err)
		}
	}
	s.told("opened 5 users")
	if text, err := os.ReadFile(s.out); err != nil || !strings.Contains(string(text), `"name":"u4"`) {
		t.Errorf("the message of an earlier run lacks its findings: %s, %v", text, err)
	}
}

// TestBetweenRuns: what failed is not tried again and again between two runs.
func TestBetweenRuns(t *testing.T) {
	s := newStage(t, "")
	if err := os.Mkdir(s.out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.run(5); err == nil {
		t.Error("a folder took a message")
	}
	if err := Deliver(t.Context(), s.cfg, s.options()); err != nil {
		t.Errorf("tried between runs: %v", err)
	}
}

// TestWaitingIsTold: a run in which nothing is due to be tried is not fine while
// somebody has not heard.
func TestWaitingIsTold(t *testing.T) {
	s := newStage(t, "")
	if err := s.run(5); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(25 * time.Hour)
	run := failed("hub-cookie-id-null", s.now, 5)
	var rulings []notify.Ruling
	if err := s.store.Record(t.Context(), run, history.Moves{Plan: plan(s.cfg, run, &rulings)}); err != nil {
		t.Fatal(err)
	}
	due, err := s.store.Due(t.Context(), "", "file", s.now)
	if err != nil || len(due) != 1 {
		t.Fatalf("due: %+v, %v", due, err)
	}
	due[0].Tries, due[0].Error, due[0].NotBefore = 3, "it asks to send more slowly", s.now.Add(time.Hour)
	if err := s.store.Failed(t.Context(), false, due[0]); err != nil {
		t.Fatal(err)
	}
	err = deliver(t.Context(), s.cfg, s.store, run, s.options())
	if err == nil || err.Error() != "notify file: 1 message queued since 2026-11-21 13:00 UTC and not due to be tried again yet: it asks to send more slowly" {
		t.Errorf("error %v", err)
	}
}

// TestUnrememberedIsTold: without a history everything that fails is told at once,
// in quiet hours too, but not what is silenced.
func TestUnrememberedIsTold(t *testing.T) {
	s := newStage(t, "  quietHours: {from: \"10:00\", to: \"18:00\"}\n")
	for _, silence := range []string{"", "silence 1"} {
		run := failed("hub-cookie-id-null", s.now, 5, func(v *verdict.Verdict) { v.Severity, v.Silence = verdict.Warning, silence })
		if err := remember(t.Context(), nil, run, history.Moves{}, s.options()); err == nil {
			t.Error("remembered by nothing")
		}
		if err := deliver(t.Context(), s.cfg, nil, run, s.options()); err != nil {
			t.Error(err)
		}
	}
	s.told("opened 5 users")
}

// TestPolicy: the configuration's routes and owners, and receivers in disgrace.
func TestPolicy(t *testing.T) {
	cfg := parse(t, t.TempDir(), "notify: {file: {path: x}, repeatInterval: 6h}")
	cfg.Notify.Routes = []config.Route{{Severity: verdict.Info, Checks: []string{"hub-*"}, To: []string{"file"}}}
	cfg.Hubs[1].Owners = []string{"file"}
	run := &verdict.Run{Verdicts: []verdict.Verdict{{Check: notifyFailed, Fingerprint: "f", Findings: []verdict.Finding{{Subject: verdict.Subject{Kind: "receiver", Name: "file"}}}}}}
	want := notify.Policy{Routes: []notify.Route{{Severity: verdict.Info, Checks: []string{"hub-*"}, To: []string{"file"}}},
		Owners: map[string][]string{"a": nil, "b": {"file"}}, Receivers: map[string]notify.Keeps{"file": notify.KeepsNothing}, Repeat: 6 * time.Hour,
		About: map[string][]string{"f": {"file"}}}
	if diff := cmp.Diff(want, policy(cfg, run)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCompose: a message tells what its run saw, also when that is over, or its
// findings are forgotten, and names what it explains.
func TestCompose(t *testing.T) {
	s := newStage(t, "  reportURL: https://audit.example.org/runs/{run}\n")
	first := failed("hub-db-reset", s.now, 5)
	first.Verdicts = append(first.Verdicts, failed("hub-cookie-id-null", s.now, 3, func(v *verdict.Verdict) { v.ExplainedBy = first.Verdicts[0].Fingerprint }).Verdicts...)
	if err := s.store.Record(t.Context(), first, history.Moves{}); err != nil {
		t.Fatal(err)
	}
	second := failed("hub-db-reset", s.now.Add(time.Hour), 0)
	if err := s.store.Record(t.Context(), second, history.Moves{}); err != nil {
		t.Fatal(err)
	}
	c, err := newComposer(s.cfg, s.store, second, s.options())
	if err != nil {
		t.Fatal(err)
	}
	row := verdict.Delivery{Incident: first.Incidents[0].ID, Fingerprint: first.Incidents[0].Fingerprint, Receiver: "file", Severity: verdict.Error, Count: 5, Summary: "5 users", Ref: "ref"}
	rows := make([]verdict.Delivery, 3)
	for n, run := range []string{second.ID, first.ID, "20200101T000000Z-1"} {
		rows[n] = row
		rows[n].Run, rows[n].Kind = run, []verdict.DeliveryKind{notify.Resolved, notify.Opened, notify.Worse}[n]
	}
	got, err := c.compose(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	over, opened, forgotten := got[0], got[1], got[2]
	if over.Run != second || over.Verdict != nil || over.Incident.State != verdict.Resolved || len(over.Report) == 0 || len(over.Explains) > 0 ||
		over.Link != "https://audit.example.org/runs/"+second.ID || over.Ref != "ref" || over.Guide.ID != "hub-db-reset" {
		t.Errorf("it is over: %+v", over)
	}
	if opened.Run.ID != first.ID || opened.Run.Verdicts != nil || opened.Verdict == nil || len(opened.Verdict.Findings) != 5 || len(opened.Report) > 0 ||
		opened.Incident.State == verdict.Resolved || !opened.Incident.ResolvedAt.IsZero() || opened.Incident.Severity != verdict.Error {
		t.Errorf("it opened: %+v", opened)
	}
	if diff := cmp.Diff([]string{"hub-cookie-id-null of a: 3 users"}, opened.Explains); diff != "" {
		t.Error(diff)
	}
	if forgotten.Verdict != nil || forgotten.Incident.Check != "hub-db-reset" || forgotten.Incident.State != verdict.Ongoing || forgotten.Run.ID != rows[2].Run {
		t.Errorf("forgotten: %+v", forgotten)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.compose(ctx, rows); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of time: %v", err)
	}
}

// TestGuide: commands on a hub itself have its namespace, those on what may be elsewhere
// do not, and nobody else's guide changes.
func TestGuide(t *testing.T) {
	cfg := parse(t, t.TempDir(), "")
	cfg.Hubs[0].Namespace = "jhub-a"
	c, err := newComposer(cfg, nil, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	do := func(hub string) string {
		return strings.Join(c.guide(&verdict.Incident{Check: "hub-user-count-drift", Hub: hub}).Do, "\n")
	}
	if a := do("a"); !strings.Contains(a, "kubectl -n jhub-a scale deployment/hub") || !strings.Contains(a, "kubectl -n NAMESPACE get pvc") {
		t.Error(a)
	}
	if b := do("b"); !strings.Contains(b, "kubectl -n b scale deployment/hub") {
		t.Error(b)
	}
	if cluster := do(""); !strings.Contains(cluster, "kubectl -n NAMESPACE scale deployment/hub") {
		t.Error(cluster)
	}
}

// TestSpool: what no history remembers is there once for each receiver.
func TestSpool(t *testing.T) {
	q := newSpool([]verdict.Delivery{{Receiver: "a"}, {Receiver: "b"}, {Receiver: "a"}})
	due, err := q.Due(t.Context(), "a")
	if err != nil || len(due) != 2 || due[0].ID == due[1].ID {
		t.Fatalf("due %+v, %v", due, err)
	}
	if err := q.Sent(t.Context(), due[0]); err != nil {
		t.Error(err)
	}
	if left, _ := q.Due(t.Context(), "a"); len(left) != 1 || left[0].ID != due[1].ID {
		t.Errorf("left %+v", left)
	}
}
