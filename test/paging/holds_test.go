package paging

import (
	"slices"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// listen takes in what receivers accepted, and holds each message against the run
// that it is of.
func (s *story) listen() {
	for _, m := range s.ear.since(s.step) {
		m.forgotten = s.forgotten(&m)
		s.messages = append(s.messages, m)
		s.note("        %s was told: %s %s, %s %s, run %s", m.receiver, m.kind, m.severity, m.key, m.id, m.run.Format("02 15:04:05"))
		if m.digest && !m.forgotten {
			s.listenDigest(&m)
		}
		if m.run.IsZero() || m.digest || m.forgotten {
			continue
		}
		run, recorded := s.model.runs[m.run]
		seen, is := run[m.key]
		switch {
		case !recorded:
			s.failf("%s was told of %s by a run of %s, which the history has not", m.receiver, m.key, m.run)
		case !is && m.over() && len(s.model.incidents[m.key]) > 0:
			// It ended in an earlier run, when this receiver was not configured.
		case !is:
			s.failf("%s was told of %s, which was no incident in the run of %s", m.receiver, m.key, m.run)
		case m.over() && seen.open && s.model.incidents[m.key][0] == seen.incident && !(m.receiver == toSlack && m.root):
			// An earlier one of the same key may be over, and a root may have been brought up to date since.
			s.failf("%s was told that %s is over by the run of %s, in which it was open", m.receiver, m.key, m.run)
		case !m.over() || m.root:
			seen.told[m.receiver] = true
		}
	}
}

// hold holds what receivers show now against the model. Of two processes that send
// at once, one may decide what the other has not told yet: who was told last that
// it is over must be told again by the end of the story.
func (s *story) hold() {
	for k := range s.model.incidents {
		i := s.model.current(k)
		if i == nil {
			continue
		}
		for r := range i.told {
			switch {
			case s.shows(r, k):
			case s.crowded[s.step]:
				delete(i.told, r)
			default:
				s.failf("%s shows that %s is over, which is open since %s", r, k, i.opened)
			}
		}
	}
}

// epilogue ends all faults and lets some runs finish. Then everybody must know how
// things stand.
func (s *story) epilogue() {
	s.note("    all receivers are well from now on")
	for _, name := range allReceivers {
		s.mend(name)
		delete(s.policy.absent, name)
		if g := s.site.gates[name]; g != nil {
			g.plan(nil)
		}
	}
	s.limit, s.trouble = 0, ""
	s.write()
	noon := s.latest
	if s.now.After(noon) {
		noon = s.now
	}
	noon = noon.Truncate(24 * time.Hour).Add(36 * time.Hour)
	for n := range s.policy.resolveAfter + 5 {
		s.calm(noon.Add(time.Duration(n) * 45 * time.Minute))
	}
	for n := range 2 { // the next day, after the time for reminders
		s.calm(noon.Add(28*time.Hour + time.Duration(n)*time.Hour))
	}
	s.reached()
	s.repeats()
	s.remembered()
}

// calm is a run that nothing disturbs.
func (s *story) calm(at time.Time) {
	if s.failed {
		return
	}
	s.step++
	s.now = at
	s.crew.begin()
	p := s.audit(at)
	if p.killed || p.status > 2 || strings.Contains(p.said, "notify ") {
		s.failf("an undisturbed run %s: %s", p.outcome(), p.said)
	}
	s.judge(p)
}

// reached: each incident was told to all who must know, and nobody shows what is over.
func (s *story) reached() {
	for k, all := range s.model.incidents {
		for _, i := range all {
			for r := range i.owed {
				if !i.told[r] && !i.digested[r] && !s.overtaken(r, k, i) {
					s.failf("%s was never told of %s, opened %s", r, k, i.opened)
				}
			}
		}
		i := s.model.current(k)
		for _, r := range allReceivers {
			switch {
			case i == nil && s.shows(r, k) && !s.orphaned(r, k):
				s.failf("%s shows %s as open, which is over", r, k)
			case i != nil && i.owed[r] && !s.shows(r, k):
				s.failf("%s does not show %s as open, which is", r, k)
			case i != nil && i.owed[r] && !i.muted && i.outcome == fail && s.policy.reaches(r, i):
				if told := s.severity(r, k); told != i.last.severity && slices.Contains([]string{toPager, toAlert, toHook, toFile}, r) {
					s.failf("%s was last told that %s is %s, which is %s", r, k, told, i.last.severity)
				}
			}
		}
	}
}

// overtaken tells whether a receiver that refused what it was told may have
// missed an incident that was over when it was told of a later one of the same key.
func (s *story) overtaken(receiver string, k key, i *incident) bool {
	all := s.model.incidents[k]
	later := all[slices.Index(all, i)+1:]
	return s.refused[receiver] && !i.open && slices.ContainsFunc(later, func(next *incident) bool { return next.told[receiver] || !next.owed[receiver] })
}

// repeats: only what a crash or a lost answer kept from being remembered is told
// twice, and then under the same id.
func (s *story) repeats() {
	type content struct {
		receiver, kind string
		key            key
		run            time.Time
	}
	type name struct{ receiver, id string }
	ids, contents := map[content]string{}, map[name]content{}
	type subject struct {
		receiver, kind string
		incident       *incident
	}
	first := map[subject][]message{}
	for _, m := range s.messages {
		if m.forgotten {
			continue
		}
		if m.receiver == toHook || m.receiver == toFile {
			c := content{m.receiver, m.kind, m.key, m.run}
			if id, told := ids[c]; told && id != m.id {
				s.failf("%s was told the same twice, as %s and %s", m.receiver, id, m.id)
			}
			if was, told := contents[name{m.receiver, m.id}]; told && was != c {
				s.failf("%s was told %+v and %+v under one id", m.receiver, was, c)
			}
			_, again := contents[name{m.receiver, m.id}]
			ids[c], contents[name{m.receiver, m.id}] = m.id, c
			if again {
				continue
			}
		}
		if kind := m.kind; m.root || (m.receiver == toHook || m.receiver == toFile) && m.over() {
			if m.receiver == toSlack {
				kind = "opened"
			}
			if i := s.incidentOf(&m); i != nil {
				at := subject{m.receiver, kind, i}
				first[at] = append(first[at], m)
			}
		}
	}
	for what, all := range first {
		allowed := 1
		if what.kind != "opened" {
			allowed = what.incident.reopened
		}
		if what.kind == "resolved" {
			allowed++
		}
		excused := map[int]bool{}
		for _, m := range all {
			if s.rough[m.step] || s.lossy[m.step][m.receiver] {
				excused[m.step] = true
			}
		}
		if len(all) > allowed+len(excused) {
			s.failf("%s was told %d times that %s is %s, want %d and at most %d more after crashes", what.receiver, len(all), what.incident.key, what.kind, allowed, len(excused))
		}
		tally.windows.Add(int64(max(0, len(all)-allowed)))
	}
}

// incidentOf is what a message is about; nil for one that was over before its run and
// is not the only one of its key.
func (s *story) incidentOf(m *message) *incident {
	if seen, is := s.model.runs[m.run][m.key]; is && !(m.over() && seen.open) {
		return seen.incident
	}
	if all := s.model.incidents[m.key]; len(all) == 1 {
		return all[0]
	}
	return nil
}

// remembered: the history has the incidents that the model has, and nothing waits.
func (s *story) remembered() {
	all, err := s.store().Incidents(s.Context(), "", false)
	must(s.T, err)
	var ids []int64
	muted := map[int64]bool{}
	count := 0
	for _, got := range all {
		k := key{got.Check, got.Hub}
		i := s.model.find(k, got.OpenedAt, got.State == verdict.Resolved)
		ids = append(ids, got.ID)
		if i == nil {
			s.failf("the history has an incident %+v that the model has not", got)
			continue
		}
		muted[got.ID] = i.open && i.muted
		if !i.ended.Equal(got.ResolvedAt) || string(got.Severity) != i.last.severity || got.Count != i.last.count || got.Reopened != i.reopened {
			s.failf("the history has %+v, want %+v", got, i)
		}
	}
	for _, list := range s.model.incidents {
		count += len(list)
	}
	if count != len(all) {
		s.failf("the history has %d incidents, want %d", len(all), count)
	}
	told, err := s.store().Deliveries(s.Context(), "", ids)
	must(s.T, err)
	for _, d := range told {
		if !d.Sent() && !muted[d.Incident] {
			s.failf("a message still waits: %+v", d)
		}
	}
}

// find is the incident of a key that opened at a time.
func (m *model) find(k key, opened time.Time, over bool) *incident {
	for _, i := range m.incidents[k] {
		if i.opened.Equal(opened) && i.open != over {
			return i
		}
	}
	return nil
}
