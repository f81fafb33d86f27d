package paging

import (
	"slices"
	"time"

	"hubaudit/internal/verdict"
)

// change breaks and heals, silences and reconfigures.
func (s *story) change() {
	for _, name := range s.site.names {
		h := s.site.hubs[name]
		for _, c := range hubChecks {
			if s.chance(22) {
				h.wrong[c] = pick(s, []int{0, 0, 0, 1, 1, 2, 3})
				s.note("    %s: %s is wrong with %d users", name, c, h.wrong[c])
			}
		}
		if s.chance(10) || h.away && s.chance(40) {
			h.away = !h.away
			s.note("    %s: the database is away: %v", name, h.away)
		}
	}
	if s.chance(4 * len(s.site.names)) {
		s.changeAll()
	}
	if s.chance(25) {
		s.site.cluster = pick(s, []string{clusterWhole, clusterWhole, nodeIsGone, nodeIsGone, clusterUnread})
		s.note("    the cluster: %s", s.site.cluster)
	}
	if s.chance(8) {
		c := pick(s, append(slices.Clone(hubChecks), clusterChecks...))
		s.policy.severity[c] = pick(s, []string{"critical", "error", "warning", "info"})
		s.note("    %s has severity %s now", c, s.policy.severity[c])
	}
	if s.chance(4) {
		c := pick(s, append(slices.Clone(hubChecks), clusterChecks...))
		s.policy.disabled[c] = !s.policy.disabled[c]
		s.note("    %s is disabled: %v", c, s.policy.disabled[c])
	}
	if s.chance(4) {
		s.policy.routes = someRoutes(s)
		s.note("    routes are %v", s.policy.routes)
	}
	for _, r := range allReceivers {
		if s.policy.absent[r] && s.chance(30) || len(s.policy.absent) < 2 && s.chance(1) {
			s.configured(r, s.policy.absent[r])
		}
	}
	if s.known > 0 {
		s.changeSilences()
	}
	s.write()
}

// changeAll breaks all hubs at once, as an upgrade may, or heals them.
func (s *story) changeAll() {
	n := pick(s, []int{0, 2, 3})
	for _, h := range s.site.hubs {
		for _, c := range hubChecks {
			h.wrong[c] = n
		}
	}
	s.note("    in all hubs all is wrong with %d users", n)
}

// configured has the configuration name a receiver, or not.
func (s *story) configured(receiver string, is bool) {
	if is {
		delete(s.policy.absent, receiver)
	} else {
		s.policy.absent[receiver] = true
		countFault("a receiver: not configured")
	}
	s.note("    %s is configured: %v", receiver, is)
}

func (s *story) write() {
	s.site.configure(s.policy)
	for _, name := range s.site.names {
		s.site.writeHub(name)
	}
}

// someRoutes are everything to everybody, or as people have them.
func someRoutes(s *story) []route {
	switch s.random.IntN(4) {
	case 0:
		return []route{{Severity: "info", To: allReceivers}}
	case 1:
		return []route{{Severity: "error", To: []string{toPager, toSlack, toHook}}, {Severity: "warning", To: []string{toSlack, toAlert, toFile, toMail}},
			{Severity: "info", Hubs: []string{"a*"}, To: []string{toChat}}}
	case 2:
		return []route{{Severity: "warning", To: []string{"owners", toFile}}, {Severity: "critical", To: []string{toPager}},
			{Severity: "info", Checks: []string{"lh-*"}, To: []string{toAlert, toHook}}}
	}
	return []route{{Severity: "warning", To: []string{toSlack, toPager}}, {Severity: "error", To: allReceivers}}
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
		s.add(&silence{check: check, hub: hub, subject: pick(s, []string{"*", "*", "user1", "user6"}), from: s.now.Add(-time.Minute),
			until: s.now.Add(pick(s, []time.Duration{time.Hour, 6 * time.Hour, 48 * time.Hour}))})
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

func (s *story) add(one *silence) {
	made, err := s.store().Silence(s.Context(), verdict.Silence{Check: one.check, Hub: one.hub, Subject: one.subject, Reason: "r", By: "b", At: one.from, Until: one.until})
	must(s.T, err)
	one.id = made.ID
	s.silences = append(s.silences, one)
	s.note("    silence %d: %s of %s, %s, until %s", one.id, one.check, one.hub, one.subject, one.until.Format("2006-01-02 15:04"))
}
