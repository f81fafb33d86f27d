package paging

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/notify/notifytest"
)

// TestDigests: where many incidents open or end at once, everybody hears of each of
// them, also when the audit is killed at the digest.
func TestDigests(t *testing.T) {
	t.Parallel()
	s := scriptedOf(t, manyHubs)
	for step, wrong := range []int{2, 0, 1} {
		for _, h := range s.site.hubs {
			h.wrong = map[string]int{cookies: wrong, times: wrong, madeUp: wrong}
		}
		if step == 1 {
			s.site.gates[toChat].plan(map[int]act{15: {kill: killTaken}}) // those before it come alone
		}
		for range 2 {
			s.next(time.Hour)
		}
		for _, hub := range manyHubs {
			for _, c := range hubChecks {
				s.know(key{c, hub}, wrong > 0)
			}
		}
	}
	for _, r := range []string{toSlack, toChat, toMail} {
		if !slices.ContainsFunc(s.messages, func(m message) bool { return m.receiver == r && m.digest }) {
			s.failf("%s got no digest", r)
		}
	}
	if !s.rough[3] {
		s.failf("nothing was killed at the digest")
	}
}

// TestReceiversThatHang: all receivers take their first request only after the audit
// has given it up, which the same run makes good.
func TestReceiversThatHang(t *testing.T) {
	t.Parallel()
	for _, over := range []bool{false, true} {
		t.Run(map[bool]string{false: "opened", true: "resolved"}[over], func(t *testing.T) {
			t.Parallel()
			s := scripted(t)
			k := key{cookies, "alpha"}
			s.site.hubs["alpha"].wrong[cookies] = 2
			if over {
				s.next(0)
				s.site.hubs["alpha"].wrong[cookies] = 0
			}
			for _, name := range servedReceivers {
				s.site.gates[name].plan(map[int]act{0: {late: true}})
			}
			s.site.gates[toMail].plan(map[int]act{whenTaken: {late: true}})
			if p := s.next(time.Hour); strings.Contains(p.said, "notify ") {
				s.failf("the run says %s", p.said)
			}
			s.know(k, !over)
			for _, name := range []string{toHook, toMail, toPager} { // who know a message again
				if n := s.toldNow(name); n != 2 {
					s.failf("%s was told %d times, want the one that was late and the one after it", name, n)
				}
			}
			s.next(time.Minute)
			s.know(k, !over)
			s.repeats()
		})
	}
}

// TestMailServerThatFails: whatever a mail server answers to whichever command, the
// mail comes when it is well again, and once.
func TestMailServerThatFails(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.policy.routes = []route{{Severity: "info", To: []string{toMail}}}
	k, last := key{cookies, "alpha"}, 0
	for _, fault := range []struct {
		command string
		code    int
	}{{"MAIL", 451}, {"MAIL", 550}, {"RCPT", 421}, {"RCPT", 452}, {"RCPT", 550}, {"DATA", 421}, {"DATA", 451}, {"DATA", 552}, {"DATA", 554}} {
		s.site.hubs["alpha"].wrong[cookies] = 2 - s.site.hubs["alpha"].wrong[cookies]
		s.site.mail.Fail(fault.command, notifytest.SMTPFault{Code: fault.code, Words: "not now"})
		s.next(time.Hour)
		s.next(10 * time.Minute)
		s.next(10 * time.Minute)
		if open := s.site.hubs["alpha"].wrong[cookies] > 0; s.shows(toMail, k) != open {
			s.failf("after %d to %s the mails say that it is open: %v", fault.code, fault.command, !open)
		}
		if n := len(s.site.mail.Mails()); n != last+1 {
			s.failf("after %d to %s came %d mails, want one", fault.code, fault.command, n-last)
		}
		last = len(s.site.mail.Mails())
	}
}

// TestMailTakenAndNotAnswered: a connection that breaks after the mail was taken has
// it sent once more, under the same id.
func TestMailTakenAndNotAnswered(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.policy.routes = []route{{Severity: "info", To: []string{toMail}}}
	s.site.hubs["alpha"].wrong[cookies] = 2
	s.site.gates[toMail].plan(map[int]act{whenTaken: {lost: true}})
	s.next(0)
	s.next(time.Hour)
	if len(s.messages) != 2 || s.messages[0].id != s.messages[1].id {
		s.failf("the mails are %+v", s.messages)
	}
}

// TestWithoutHistory: a run whose history cannot be used tells everybody of all that
// fails. Once it is back, those who were told before hear how things stand.
func TestWithoutHistory(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	before, meanwhile, healed := key{cookies, "alpha"}, key{madeUp, "beta"}, key{times, "alpha"}
	s.site.hubs["alpha"].wrong[cookies], s.site.hubs["alpha"].wrong[times] = 2, 1
	s.next(0)

	s.site.hubs["beta"].wrong[madeUp] = 1
	s.site.hubs["alpha"].wrong[times] = 0
	back := s.loseHistory(false)
	s.blind[s.step+1] = true
	if p := s.next(time.Hour); p.status != 2 {
		s.failf("a run without a history %s: %s", p.outcome(), p.said)
	}
	back()
	s.allTold(before, meanwhile)
	s.know(healed, true) // nobody knows that it was ever open

	s.next(time.Hour)
	s.know(before, true)
	s.know(meanwhile, true)
	s.know(healed, false)
	s.site.hubs["alpha"].wrong[cookies], s.site.hubs["beta"].wrong[madeUp] = 0, 0
	s.next(time.Hour)
	s.know(before, false)
	s.know(meanwhile, false)
}

// TestHistoryThatIsHeld: a run waits for half a minute for another process to let go
// of the history. Then it goes on without.
func TestHistoryThatIsHeld(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.next(0)
	s.site.hubs["alpha"].wrong[cookies] = 2
	s.step++
	s.blind[s.step] = true
	s.now = s.now.Add(time.Hour)
	s.write()
	s.crew.begin()
	free := s.ledger.hold(time.Hour)
	p := s.audit(s.now)
	free()
	s.judge(p)
	s.allTold(key{cookies, "alpha"})
	if p.status != 2 || !strings.Contains(p.said, "another process has held it for 30s") {
		s.failf("the run %s: %s", p.outcome(), p.said)
	}
}
