package paging

import (
	"testing"
	"time"
)

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
	s.silence(cookies, 90*time.Minute)
	s.after(time.Hour, toPager, act{})
	s.site.hubs["alpha"].wrong[cookies] = 0
	for range 3 {
		s.after(time.Hour, toPager, act{})
	}
	if s.shows(toPager, key{cookies, "alpha"}) {
		s.failf("the pager was not told that it is over")
	}
}

// TestEndThatFailedAfterASilence: nor is it forgotten that they are to be told if
// that fails at first.
func TestEndThatFailedAfterASilence(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.site.hubs["alpha"].wrong[cookies] = 2
	s.after(0, toPager, act{kill: killTaken})
	s.silence(cookies, 90*time.Minute)
	s.after(time.Hour, toPager, act{})
	s.site.hubs["alpha"].wrong[cookies] = 0
	s.after(time.Hour, toPager, act{status: 503, retryAfter: 600})
	for range 2 {
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
