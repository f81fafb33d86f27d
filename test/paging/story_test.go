package paging

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/history"
)

// story is one world from its beginning to its end. Its random choices come from
// its seed alone; when a killed process dies is up to the machine.
type story struct {
	*testing.T
	seed     uint64
	random   *rand.Rand
	site     *site
	policy   *policy
	model    *model
	crew     *crew
	ear      *ear
	ledger   *ledger
	opened   *history.Store
	silences []*silence
	now      time.Time // of the last run
	latest   time.Time // of any run
	known    int       // recorded runs
	step     int
	messages []message
	// rough steps had a process killed; lossy ones a receiver whose answer was kept
	// back; crowded ones several processes at once.
	rough, crowded map[int]bool
	lossy          map[int]map[string]bool
	standing       map[string]string // what is wrong with a receiver
	refused        map[string]bool   // receivers that refused anything
	trouble        string            // what is wrong with the history in this step
	blind          map[int]bool      // steps in which runs may not have been remembered
	limit          int               // of files that processes of this step write; see limits
	log            []string
	failed         bool
}

// fail tells the whole story, once.
func (s *story) failf(format string, args ...any) {
	s.Helper()
	s.Errorf("seed %d, step %d: "+format, append([]any{s.seed, s.step}, args...)...)
	if !s.failed {
		s.failed = true
		s.Logf("the story of seed %d (HUBAUDIT_SEED=%d runs it alone):\n%s", s.seed, s.seed, strings.Join(s.log, "\n"))
	}
}

func (s *story) note(format string, args ...any) { s.log = append(s.log, fmt.Sprintf(format, args...)) }

// chance is true in so many of a hundred cases.
func (s *story) chance(percent int) bool { return s.random.IntN(100) < percent }

func pick[T any](s *story, all []T) T { return all[s.random.IntN(len(all))] }

// Runs and where they lie in time: a month that is over, or one that this
// machine's clock has not come to.
var (
	longAgo = time.Date(2025, 3, 3, 9, 0, 0, 0, time.UTC)
	farOff  = time.Date(2060, 3, 1, 9, 0, 0, 0, time.UTC)
)

// tell plays a story of so many steps.
func (s *story) tell(steps int) {
	s.write()
	for s.step = 1; s.step <= steps && !s.failed; s.step++ {
		s.passTime()
		s.change()
		s.plan()
		s.act()
	}
	if !s.failed {
		s.epilogue()
	}
}

// passTime moves the clock: mostly on, sometimes by days, sometimes back.
func (s *story) passTime() {
	switch n := s.random.IntN(100); {
	case n < 45:
		s.now = s.now.Add(time.Duration(1+s.random.IntN(20)) * time.Minute)
	case n < 85:
		s.now = s.now.Add(time.Duration(1+s.random.IntN(5)) * time.Hour)
	case n < 93:
		s.now = s.now.Add(time.Duration(1+s.random.IntN(30)) * time.Hour)
	default:
		s.now = s.now.Add(-time.Duration(10+s.random.IntN(240)) * time.Minute)
		s.note("    the clock is set back")
	}
	// No two runs begin in the same second.
	s.now = s.now.Truncate(time.Minute).Add(time.Duration(s.step%40) * time.Second)
	for {
		if _, taken := s.model.runs[s.now]; !taken {
			break
		}
		s.now = s.now.Add(time.Minute)
	}
}

// act runs the audit.
func (s *story) act() {
	s.crew.begin()
	times := []time.Time{s.now}
	if s.chance(12) {
		times = append(times, s.now.Add(time.Second))
	}
	mended := s.startTrouble()
	s.limit = s.limits()
	done := s.start(times)
	mended()
	s.crowded[s.step] = len(times) > 1
	s.judge(done...)
}

// judge holds what came of a step's processes against the model.
func (s *story) judge(done ...process) {
	for _, g := range s.site.gates {
		if g.lostAnswers() > 0 {
			if s.lossy[s.step] == nil {
				s.lossy[s.step] = map[string]bool{}
			}
			s.lossy[s.step][g.name] = true
		}
	}
	for _, p := range done {
		s.note("%3d %s %s", s.step, p.at.Format("2006-01-02 15:04:05"), p.outcome())
		s.rough[s.step] = s.rough[s.step] || p.killed || s.blind[s.step]
		if trouble := p.trouble(); trouble != "" {
			s.failf("the process says %s", trouble)
		}
	}
	s.learn()
	s.listen()
	s.hold()
}

func (p *process) outcome() string {
	if p.killed {
		return "killed"
	}
	return fmt.Sprintf("left with %d", p.status)
}

// learn takes in the runs that were recorded, in their order.
func (s *story) learn() {
	all := s.ledger.recorded()
	for _, at := range all[s.known:] {
		found := s.site.truth(s.policy, s.silences, at)
		s.compare(at, found)
		s.model.record(at, s.policy, found)
		if at.After(s.latest) {
			s.latest = at
		}
		s.note("        recorded %s; open: %s", at.Format("15:04:05"), s.model.openNow())
	}
	s.known = len(all)
}

func (m *model) openNow() string {
	var all []string
	for k := range m.incidents {
		if i := m.current(k); i != nil {
			words := k.String() + " " + i.last.severity
			if i.outcome != fail {
				words += " (" + i.outcome + ")"
			}
			if i.muted {
				words += " (muted)"
			}
			all = append(all, words)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// compare holds what a run found out against the truth, and completes that by what
// the audit says of its own messages.
func (s *story) compare(at time.Time, found map[key]judgement) {
	run, err := s.store().Run(s.Context(), "", at.Format("20060102T150405Z")+"-1")
	must(s.T, err)
	for _, v := range run.Verdicts {
		k := key{v.Check, v.Hub}
		if v.Check == unsent {
			j := judgement{outcome: string(v.Outcome), severity: string(v.Severity), count: v.Count, silenced: v.Silence != "", disabled: v.Disabled}
			for _, f := range v.Findings {
				j.about = append(j.about, f.Subject.Name)
			}
			found[k] = j
			continue
		}
		want := found[k]
		if string(v.Outcome) != want.outcome || want.outcome == fail && (string(v.Severity) != want.severity || v.Count != want.count ||
			(v.Silence != "") != want.silenced || (v.ExplainedBy != "") != (want.cause != nil)) {
			s.failf("run %s says %+v of %s, want %+v", at, v, k, want)
		}
	}
}

// store is the history as the product reads it.
func (s *story) store() *history.Store {
	if s.opened == nil {
		var err error
		s.opened, err = history.Open(s.Context(), s.site.location)
		must(s.T, err)
		s.Cleanup(func() { s.opened.Close() })
	}
	return s.opened
}
