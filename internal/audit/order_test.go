package audit

import (
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

// TestTakenBack: what failed and was taken back, as it was silenced or over, keeps
// nothing else from being told, and has not failed any more.
func TestTakenBack(t *testing.T) {
	silenced := func(v *verdict.Verdict) { v.Silence = "silence 1" }
	warning := func(v *verdict.Verdict) { v.Severity = verdict.Warning }
	for name, c := range map[string]struct {
		before int // users, told before the receiver was down
		change []func(*verdict.Verdict)
		muted  bool
		after  int // users when the receiver is back
		want   []string
	}{
		"silenced for a while":    {0, nil, true, 5, []string{"opened 5 users"}},
		"a warning, silenced":     {0, []func(*verdict.Verdict){warning}, true, 5, []string{"opened 5 users"}},
		"silenced, and over":      {0, nil, true, 0, []string{"resolved 5 users"}},
		"worse unheard, and over": {2, nil, false, 0, []string{"opened 2 users", "resolved 5 users"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "")
			next := func(users int, change ...func(*verdict.Verdict)) error {
				s.now = s.now.Add(15 * time.Minute)
				return s.run(users, append(change, c.change...)...)
			}
			if err := next(c.before); err != nil {
				t.Fatal(err)
			}
			path := s.cfg.Notify.File.Path
			s.cfg.Notify.File.Path = "gone/out.jsonl"
			if err := next(5); err == nil {
				t.Error("a folder that is not there took a message")
			}
			s.cfg.Notify.File.Path = path
			if c.muted {
				if err := next(5, silenced); err != nil {
					t.Error("silenced:", err)
				}
			}
			for range 3 {
				if err := next(c.after); err != nil {
					t.Error(err)
				}
			}
			s.told(c.want...)
		})
	}
}

// TestOneKey: receivers that know an incident by its fingerprint never hear last
// that an earlier one is over, while the next is open.
func TestOneKey(t *testing.T) {
	warning := func(v *verdict.Verdict) { v.Severity = verdict.Warning }
	for name, c := range map[string]struct {
		settings string
		steps    func(next func(users int, change ...func(*verdict.Verdict)), down func(bool))
		want     []string
	}{
		"the receiver was down": {"", func(next func(int, ...func(*verdict.Verdict)), down func(bool)) {
			next(5)
			down(true)
			next(0)
			down(false)
			next(7)
		}, []string{"opened 5 users", "resolved 5 users", "opened 7 users"}},
		"the end of a warning waits for the morning": {"  quietHours: {from: \"12:20\", to: \"18:00\"}\n",
			func(next func(int, ...func(*verdict.Verdict)), _ func(bool)) {
				next(5, warning)
				next(0, warning)
				next(7)
			}, []string{"opened 5 users", "resolved 5 users", "opened 7 users"}},
		"a warning that nobody heard waits": {"  quietHours: {from: \"12:10\", to: \"18:00\"}\n",
			func(next func(int, ...func(*verdict.Verdict)), _ func(bool)) {
				next(5, warning)
				next(0, warning)
				next(7)
			}, []string{"opened 5 users", "resolved 5 users", "opened 7 users"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, c.settings)
			path := s.cfg.Notify.File.Path
			isDown := false
			next := func(users int, change ...func(*verdict.Verdict)) {
				s.now = s.now.Add(15 * time.Minute)
				if err := s.run(users, change...); (err != nil) != isDown {
					t.Errorf("%d users: error %v", users, err)
				}
			}
			c.steps(next, func(down bool) {
				if isDown, s.cfg.Notify.File.Path = down, path; down {
					s.cfg.Notify.File.Path = "out.jsonl/below a file" // which may be mended, and is no refusal
				}
			})
			s.now = s.now.Add(9 * time.Hour)
			next(7)
			s.told(c.want...)
		})
	}
}

// TestCauseElsewhere: what is explained is told to those who do not hear of its cause.
func TestCauseElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		checks []string
		want   []string
	}{
		"the cause is told":        {nil, []string{"opened 1 users"}},
		"the cause goes to nobody": {[]string{"hub-cookie*"}, []string{"opened 3 users"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "")
			s.cfg.Notify.Routes[0].Checks = c.checks
			run := failed("hub-db-reset", s.now, 1)
			explained := func(v *verdict.Verdict) {
				v.ExplainedBy, v.Because = run.Verdicts[0].Fingerprint, "the database was reset"
			}
			run.Verdicts = append(run.Verdicts, failed("hub-cookie-id-null", s.now, 3, explained).Verdicts...)
			var rulings []notify.Ruling
			if err := s.store.Record(t.Context(), run, history.Moves{Plan: plan(s.cfg, run, &rulings)}); err != nil {
				t.Fatal(err)
			}
			if err := deliver(t.Context(), s.cfg, s.store, run, s.options()); err != nil {
				t.Error(err)
			}
			s.told(c.want...)
		})
	}
}
