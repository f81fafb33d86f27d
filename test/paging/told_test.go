package paging

import (
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
)

// scripted is a world in which nothing is left to chance: one route to everybody.
func scripted(t *testing.T) *story {
	s := newStory(t, 0)
	s.policy.routes = []route{{Severity: "info", To: allReceivers}}
	s.policy.severity[madeUp] = "error"
	s.policy.patience, s.policy.quiet, s.policy.resolveAfter, s.policy.reopenWithin, s.policy.repeat = map[string]string{}, false, 1, 0, 4*time.Hour
	s.policy.disabled[unsent] = true
	s.model.wrongClocks, s.now = false, longAgo
	file := historyFile(s.site.dir)
	s.site.history = "sqlite:" + file
	s.site.location = history.Location{URL: s.site.history}
	s.ledger = openLedger(t, "sqlite", "file:"+file, file)
	s.write()
	return s
}

// after lets a run happen after a while, with one receiver answering as told.
func (s *story) after(d time.Duration, receiver string, a act) {
	s.step++
	s.now = s.now.Add(d)
	s.write()
	s.site.gates[receiver].stand(a)
	s.crew.begin()
	p := s.audit(s.now)
	s.note("%3d %s %s", s.step, p.at.Format("2006-01-02 15:04:05"), p.outcome())
	s.rough[s.step] = p.killed
	s.learn()
	s.listen()
	s.hold()
}

// TestEndAfterAReminderThatFailed: what follows a reminder that a receiver did not
// take is not held up by it.
func TestEndAfterAReminderThatFailed(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	busy := act{status: 503, retryAfter: 600}
	s.site.hubs["alpha"].wrong[cookies] = 2
	s.after(0, toChat, act{})
	s.after(5*time.Hour, toChat, busy)
	s.site.hubs["alpha"].wrong[cookies] = 0
	s.after(time.Hour, toChat, busy)
	s.after(time.Hour, toChat, act{})
	s.after(time.Hour, toChat, act{})
	if s.shows(toChat, key{cookies, "alpha"}) {
		s.failf("chat was not told that it is over")
	}
}

// TestEndAfterAReminderThatWasKilled: nor by one of which nobody knows whether the
// receiver has it.
func TestEndAfterAReminderThatWasKilled(t *testing.T) {
	t.Parallel()
	for _, when := range []string{killBefore, killTaken} {
		s := scripted(t)
		s.site.hubs["alpha"].wrong[cookies] = 2
		s.after(0, toPager, act{})
		s.after(5*time.Hour, toPager, act{kill: when})
		s.site.hubs["alpha"].wrong[cookies] = 0
		s.after(time.Hour, toPager, act{})
		s.after(time.Hour, toPager, act{})
		if s.shows(toPager, key{cookies, "alpha"}) {
			s.failf("the pager was not told that it is over, although it was killed %s", when)
		}
	}
}

// TestEndOfWhatWasSilencedInBetween: who was told that it is open, by a process
// that was killed before it could note so, is told soon that it is over although
// nobody was to hear of it in between.
func TestEndOfWhatWasSilencedInBetween(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.site.hubs["alpha"].wrong[cookies] = 2
	s.after(0, toPager, act{kill: killTaken})
	made, err := s.store().Silence(t.Context(), verdict.Silence{Check: cookies, Hub: "*", Subject: "*", Reason: "r", By: "b", At: s.now, Until: s.now.Add(90 * time.Minute)})
	must(t, err)
	s.silences = []*silence{{id: made.ID, check: cookies, hub: "*", subject: "*", from: made.At, until: made.Until}}
	s.after(time.Hour, toPager, act{})
	s.site.hubs["alpha"].wrong[cookies] = 0
	for range 3 {
		s.after(time.Hour, toPager, act{})
	}
	if s.shows(toPager, key{cookies, "alpha"}) {
		s.failf("the pager was not told that it is over")
	}
}

// TestAgainBeforeTheEndWasTold: the end of one incident is not told after the
// beginning of the next one of the same check, which it would end.
func TestAgainBeforeTheEndWasTold(t *testing.T) {
	t.Parallel()
	for _, a := range []act{{status: 503, retryAfter: 600}, {status: 404}} {
		s := scripted(t)
		s.site.hubs["alpha"].wrong[cookies] = 2
		s.after(0, toPager, act{})
		s.site.hubs["alpha"].wrong[cookies] = 0
		s.after(time.Hour, toPager, a)
		s.site.hubs["alpha"].wrong[cookies] = 1
		s.after(time.Hour, toPager, act{})
		s.after(time.Hour, toPager, act{})
		if !s.shows(toPager, key{cookies, "alpha"}) {
			s.failf("the pager shows that it is over")
		}
	}
}
