package paging

import (
	"testing"
	"time"

	"hubaudit/internal/history"
)

// scripted is a world of two hubs in which nothing is left to chance: one route to everybody.
func scripted(t *testing.T) *story { return scriptedOf(t, fewHubs) }

func scriptedOf(t *testing.T, hubs []string) *story {
	s := newStory(t, 0, hubs)
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
	s.site.gates[receiver].stand(a)
	s.next(d)
}

// next lets a run happen after a while.
func (s *story) next(d time.Duration) process {
	s.step++
	s.now = s.now.Add(d)
	s.write()
	s.limit = s.limits()
	s.crew.begin()
	p := s.audit(s.now)
	s.judge(p)
	return p
}

// servedReceivers are all behind which there is a server.
var servedReceivers = []string{toSlack, toChat, toPager, toAlert, toHook, toMail}

// know holds what everybody shows of a key against what is so.
func (s *story) know(k key, open bool) {
	s.Helper()
	for _, r := range allReceivers {
		if s.shows(r, k) != open {
			s.failf("%s shows %s as open: %v", r, k, !open)
		}
	}
}

// toldNow counts what a receiver was told in this step.
func (s *story) toldNow(receiver string) (n int) {
	for _, m := range s.messages {
		if m.receiver == receiver && m.step == s.step {
			n++
		}
	}
	return n
}

// allTold: without a history everybody was told of these, and of nothing else.
func (s *story) allTold(keys ...key) {
	s.Helper()
	told := map[string]map[key]int{}
	for _, r := range allReceivers {
		told[r] = map[key]int{}
	}
	for _, m := range s.messages {
		if m.forgotten {
			told[m.receiver][m.key]++
		}
	}
	for _, r := range allReceivers {
		for _, k := range keys {
			if told[r][k] != 1 || len(told[r]) != len(keys) {
				s.failf("without a history %s was told of %v, want each of %v once", r, told[r], keys)
			}
		}
	}
}

// silence makes one of a check, for a while from now on.
func (s *story) silence(check string, d time.Duration) {
	s.add(&silence{check: check, hub: "*", subject: "*", from: s.now, until: s.now.Add(d)})
}
