package audit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// whole are the options of a run that judges everything.
func (s *stage) whole() Options {
	o := s.options()
	o.Notify = true
	var err error
	if o.Suite, err = checks.NewSuite(nil, nil); err != nil {
		s.Fatal(err)
	}
	return o
}

// lineOf is the line of a file that begins with a word.
func lineOf(t *testing.T, file, word string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, word) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// number is a time as OpenMetrics has it.
func number(t time.Time) string { return strconv.FormatFloat(float64(t.Unix()), 'g', -1, 64) }

func TestMetricsFile(t *testing.T) {
	s := newStage(t, "metrics: {file: hubaudit.prom}\n")
	file := s.cfg.Path("hubaudit.prom")
	const last = "hubaudit_last_success_timestamp_seconds "
	publishOne := func(run *verdict.Run, o Options) error {
		return publish(t.Context(), s.cfg, s.store, run, o)
	}
	limited := s.whole()
	limited.Suite = limited.Suite[:3]
	if err := publishOne(nothing(), limited); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run of three checks wrote metrics: %v", err)
	}
	if err := publishOne(failed("x", noon, 2), s.whole()); err != nil {
		t.Fatal(err)
	}
	if got := lineOf(t, file, last); got != last+number(noon) {
		t.Errorf("the last success is %q", got)
	}
	if got := lineOf(t, file, "hubaudit_messages_queued"); got != `hubaudit_messages_queued{receiver="file"} 0.0` {
		t.Errorf("%q", got)
	}

	// Without a history nobody knows of a success: the file keeps the one it has.
	blind := failed("x", noon.Add(time.Hour), 0)
	blind.Sources = []facts.Source{{Name: facts.History, Status: facts.Failed}}
	if err := publish(t.Context(), s.cfg, nil, blind, s.whole()); err != nil {
		t.Fatal(err)
	}
	if got := lineOf(t, file, last); got != last+number(noon) {
		t.Errorf("without a history %q", got)
	}
	if got := lineOf(t, file, "hubaudit_last_run_timestamp_seconds "); got != "hubaudit_last_run_timestamp_seconds "+number(noon.Add(time.Hour)) {
		t.Errorf("the last run is %q", got)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".hubaudit.prom*"))
	if info, statErr := os.Stat(file); err != nil || statErr != nil || len(left) > 0 || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v, drafts %q", err, statErr, left)
	}
}

// A file that cannot be written is an error that names it, and leaves no draft.
func TestMetricsFileRefused(t *testing.T) {
	s := newStage(t, "metrics: {file: hubaudit.prom}\n")
	if err := os.Mkdir(s.cfg.Path("hubaudit.prom"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := publish(t.Context(), s.cfg, s.store, failed("x", noon, 0), s.whole())
	if err == nil || !strings.Contains(err.Error(), "hubaudit.prom") || !strings.Contains(err.Error(), "metrics.file") {
		t.Errorf("%v", err)
	}
	if left, err := filepath.Glob(s.cfg.Path(".hubaudit.prom*")); err != nil || len(left) > 0 {
		t.Errorf("%v, drafts %q", err, left)
	}
}

// deadMan notes the paths that it is asked for.
type deadMan struct {
	*httptest.Server
	mu     sync.Mutex
	heard  []string
	bodies []string
}

func newDeadMan(t *testing.T) *deadMan {
	d := &deadMan{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1<<14)
		n, _ := r.Body.Read(body) // what is cut off is not looked at
		d.mu.Lock()
		defer d.mu.Unlock()
		d.heard, d.bodies = append(d.heard, r.URL.Path), append(d.bodies, string(body[:n]))
		if rid := r.URL.Query().Get("rid"); len(rid) != 36 {
			t.Errorf("rid %q", rid)
		}
	}))
	t.Cleanup(d.Close)
	return d
}

func TestHeartbeatOfRuns(t *testing.T) {
	incomplete := func(v *verdict.Verdict) { v.Outcome = verdict.Unknown }
	for name, c := range map[string]struct {
		run                *verdict.Run
		remembered, around error
		options            func(*Options)
		want               []string
	}{
		"complete":          {run: failed("x", noon, 2), want: []string{"/secret/start", "/secret"}},
		"partial":           {run: failed("x", noon, 2, incomplete), want: []string{"/secret/start", "/secret/log"}},
		"a message stayed":  {run: failed("x", noon, 2), around: errors.New("slack"), want: []string{"/secret/start", "/secret/log"}},
		"not recorded":      {run: failed("x", noon, 2), remembered: errors.New("full"), want: []string{"/secret/start", "/secret/fail"}},
		"of a part":         {run: failed("x", noon, 2), options: func(o *Options) { o.Hubs = []string{"a"} }},
		"that tells nobody": {run: failed("x", noon, 2), options: func(o *Options) { o.Notify = false }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeadMan(t)
			s := newStage(t, "  heartbeatURLFile: heartbeat\n")
			if err := os.WriteFile(s.cfg.Path("heartbeat"), []byte(d.URL+"/secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			o := s.whole()
			if c.options != nil {
				c.options(&o)
			}
			h := beat(t.Context(), s.cfg, o)
			h.end(t.Context(), s.cfg, s.store, c.run, c.remembered, c.around)
			if diff := cmp.Diff(c.want, d.heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
			if n := len(d.bodies); n > 0 && (!strings.Contains(d.bodies[n-1], "critical x a") || strings.Contains(d.bodies[n-1], "u1")) {
				t.Errorf("the body is %q", d.bodies[n-1])
			}
			if strings.Contains(s.log.String(), "secret") {
				t.Errorf("the log shows the address: %s", s.log.String())
			}
		})
	}
}

// Where every receiver leaves what it is sent, nobody can rely on the audit.
func TestHeartbeatFailsWhereNobodyHears(t *testing.T) {
	d := newDeadMan(t)
	s := newStage(t, "  heartbeatURLFile: heartbeat\n")
	if err := os.WriteFile(s.cfg.Path("heartbeat"), []byte(d.URL+"/secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.out, 0o755); err != nil { // the file cannot be written
		t.Fatal(err)
	}
	if err := s.run(2); err == nil {
		t.Fatal("the message was delivered")
	}
	o := s.whole()
	h := beat(t.Context(), s.cfg, o)
	h.end(t.Context(), s.cfg, s.store, failed("x", noon, 2), nil, errors.New("file"))
	if diff := cmp.Diff([]string{"/secret/start", "/secret/fail"}, d.heard); diff != "" {
		t.Error(diff)
	}
}

// A switch that does not answer costs the run nothing but a line of its log.
func TestHeartbeatUnheard(t *testing.T) {
	d := newDeadMan(t)
	s := newStage(t, "  heartbeatURLFile: heartbeat\n")
	o := s.whole()
	h := beat(t.Context(), s.cfg, o) // there is no such file
	h.end(t.Context(), s.cfg, s.store, failed("x", noon, 2), nil, nil)
	if len(d.heard) > 0 || !strings.Contains(s.log.String(), "no heartbeat") {
		t.Errorf("heard %q, log %s", d.heard, s.log.String())
	}
}

// While nobody hears of a cause, what it explains is told for its own sake.
func TestHeard(t *testing.T) {
	incidents := func(causeState verdict.IncidentState, silence string) []verdict.Incident {
		return []verdict.Incident{{Fingerprint: "cause", State: causeState, Silence: silence}, {Fingerprint: "effect", State: verdict.Opened, ExplainedBy: "cause", Because: "b"}}
	}
	for name, c := range map[string]struct {
		incidents []verdict.Incident
		told      bool
	}{
		"told": {incidents(verdict.Ongoing, ""), false}, "silenced": {incidents(verdict.Ongoing, "s"), true}, "over": {incidents(verdict.Resolved, ""), true},
		"pending, and so not there": {incidents(verdict.Ongoing, "")[1:], true},
	} {
		got := heard(c.incidents)
		if effect := got[len(got)-1]; effect.Told() != c.told {
			t.Errorf("%s: told is %t", name, effect.Told())
		}
	}
}
