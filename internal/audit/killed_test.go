package audit

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// killed is an outbox whose process dies after the receiver's answer.
type killed struct{ *outbox }

func (killed) Sent(context.Context, ...verdict.Delivery) error { return nil }

// TestAlertOfKilled: a run that is killed before it noted what Alertmanager has leaves
// no alert of another severity firing, once the next run has told of the incident.
func TestAlertOfKilled(t *testing.T) {
	const over = verdict.Severity("")
	for name, c := range map[string]struct {
		told   []verdict.Severity // by runs that end well
		killed []verdict.Severity // by runs that do not
		last   verdict.Severity   // by one that does
	}{
		"before anything was noted":    {nil, []verdict.Severity{verdict.Critical}, verdict.Warning},
		"as it got worse, and back":    {[]verdict.Severity{verdict.Warning}, []verdict.Severity{verdict.Critical}, verdict.Warning},
		"as it got better, and back":   {[]verdict.Severity{verdict.Critical}, []verdict.Severity{verdict.Warning}, verdict.Critical},
		"as it got worse, and is over": {[]verdict.Severity{verdict.Warning}, []verdict.Severity{verdict.Critical}, over},
		"and it is over":               {nil, []verdict.Severity{verdict.Critical}, over},
		"killed over and over":         {[]verdict.Severity{verdict.Info}, []verdict.Severity{verdict.Warning, verdict.Error, verdict.Critical, verdict.Warning}, verdict.Info},
		"over and over, until it is":   {nil, []verdict.Severity{verdict.Warning, verdict.Error, verdict.Critical}, over},
	} {
		t.Run(name, func(t *testing.T) {
			server := notifytest.NewAlertmanagerServer()
			t.Cleanup(server.Close)
			s := alertStage(t, server.URL())
			for _, severity := range c.told {
				s.alert(severity, false)
			}
			for _, severity := range c.killed {
				s.alert(severity, true)
			}
			s.alert(c.last, false)
			var firing []verdict.Severity
			for _, a := range server.Firing(s.now) {
				firing = append(firing, verdict.Severity(a.Labels["severity"]))
			}
			want := []verdict.Severity{c.last}
			if c.last == over {
				want = nil
			}
			if !slices.Equal(firing, want) {
				t.Errorf("firing as %v, want %v", firing, want)
			}
		})
	}
}

// alertStage is a stage that tells an Alertmanager.
func alertStage(t *testing.T, url string) *stage {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(notifytest.AlertmanagerToken), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, now: noon, cfg: parse(t, dir, "notify: {alertmanager: {url: \""+url+"\", tokenFile: token}}\n")}
	var err error
	if s.store, err = OpenHistory(t.Context(), s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

// alert is a run that fails with a severity, or with none.
func (s *stage) alert(severity verdict.Severity, dies bool) {
	s.Helper()
	s.now = s.now.Add(15 * time.Minute)
	run := failed("hub-cookie-id-null", s.now, len(severity), func(v *verdict.Verdict) { v.Severity = severity })
	var rulings []notify.Ruling
	if err := s.store.Record(s.Context(), run, history.Moves{Plan: plan(s.cfg, run, &rulings)}); err != nil {
		s.Fatal(err)
	}
	var queue notify.Queue = newOutbox(s.store, s.cfg, "test", s.options())
	if dies {
		queue = killed{queue.(*outbox)}
	}
	all, err := receivers(s.cfg)
	if err != nil {
		s.Fatal(err)
	}
	if err := send(s.Context(), s.cfg, s.store, run, all, queue, s.options()); err != nil {
		s.Error(err)
	}
}
