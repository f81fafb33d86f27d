package paging

import (
	"slices"
	"sync"
	"time"

	"hubaudit/internal/verdict"
)

// plan says what goes wrong with the receivers in a step.
func (s *story) plan() {
	for _, name := range allReceivers {
		g := s.site.gates[name]
		if g == nil {
			continue
		}
		switch {
		case s.standing[name] == "" && s.chance(4):
			s.breakReceiver(name, g)
		case s.standing[name] != "" && s.chance(35):
			g.stand(act{})
			s.standing[name] = ""
			s.note("    %s is well again", name)
		}
		g.plan(nil)
	}
	if n := s.random.IntN(100); n < 45 {
		name := pick(s, slices.DeleteFunc(slices.Clone(allReceivers), func(r string) bool { return r == toFile }))
		when, request := pick(s, killTimes), pick(s, []int{0, 0, 0, 1, 1, 2, 3, 5, 8})
		s.site.gates[name].plan(map[int]act{request: {kill: when}})
		s.note("    a kill waits at request %d of %s, %s", request, name, when)
	} else if n < 48 {
		name := pick(s, []string{toSlack, toChat, toPager, toAlert, toHook})
		s.site.gates[name].plan(map[int]act{0: {lost: true}})
		s.note("    the first answer of %s is lost", name)
	}
}

// breakReceiver makes a receiver refuse, or ask for patience. Neither keeps a run
// waiting.
func (s *story) breakReceiver(name string, g *gate) {
	if name == toMail {
		return // its server knows no such answers
	}
	a := pick(s, []act{{status: 503, retryAfter: 600}, {status: 429, retryAfter: 900}, {status: 404}, {status: 403}})
	g.stand(a)
	s.standing[name] = "broken"
	s.refused[name] = s.refused[name] || a.retryAfter == 0
	s.note("    %s answers %d from now on, retry after %d", name, a.status, a.retryAfter)
}

// start runs processes at the same time, and kills them after a random while or
// where a gate says so.
func (s *story) start(times []time.Time) []process {
	done := make([]process, len(times))
	var all sync.WaitGroup
	for n, at := range times {
		all.Go(func() {
			done[n] = s.audit(at)
		})
	}
	if s.chance(30) {
		after := time.Duration(s.random.IntN(90_000)) * time.Microsecond
		s.note("    a kill comes after %s", after)
		timer := time.AfterFunc(after, s.crew.kill)
		defer timer.Stop()
	}
	all.Wait()
	return done
}

// audit is one run of the command at a time.
func (s *story) audit(at time.Time) process {
	return s.crew.run(s.T, at, append([]string{"now", "--config", s.site.config(), "--at", at.Format(time.RFC3339), "--output", "json",
		"--log-level", "error"}, judged()...)...)
}

// changeSilences makes silences and ends them, by a clock that the runs share.
func (s *story) changeSilences() {
	make, end := s.chance(7), s.chance(5)
	if !make && !end {
		return
	}
	if make {
		check, hub := pick(s, append(slices.Clone(hubChecks), "lh-*", node, "hub-*")), "*"
		if s.chance(50) {
			hub = pick(s, s.site.names)
		}
		one := &silence{check: check, hub: hub, subject: pick(s, []string{"*", "*", "user1", "user6"}), from: s.now.Add(-time.Minute), until: s.now.Add(pick(s, []time.Duration{time.Hour, 6 * time.Hour, 48 * time.Hour}))}
		made, err := s.store().Silence(s.Context(), verdict.Silence{Check: one.check, Hub: one.hub, Subject: one.subject, Reason: "r", By: "b", At: one.from, Until: one.until})
		must(s.T, err)
		one.id = made.ID
		s.silences = append(s.silences, one)
		s.note("    silence %d: %s of %s, %s, until %s", one.id, one.check, one.hub, one.subject, one.until.Format("2006-01-02 15:04"))
	}
	if !end {
		return
	}
	for _, one := range s.silences {
		if !one.ended && s.now.Before(one.until) && s.now.After(one.from) {
			must(s.T, s.store().EndSilence(s.Context(), "", one.id, s.now))
			one.ended = true
			s.note("    silence %d is ended", one.id)
			return
		}
	}
}
