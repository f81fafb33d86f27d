package paging

import (
	"slices"
	"time"
)

// silence is one that a world has made.
type silence struct {
	id                  int64
	check, hub, subject string
	from, until         time.Time
	ended               bool // by somebody, whatever clocks say
}

// covers tells whether a silence holds for what a check finds about a user.
func (s *silence) covers(k key, subject string, at time.Time) bool {
	return !s.ended && !at.Before(s.from) && at.Before(s.until) &&
		matchesAny([]string{s.check}, k.check) && matchesAny([]string{s.hub}, k.hub) && (s.subject == "*" || s.subject == subject)
}

// truth is what a run at a time must find out.
func (s *site) truth(p *policy, silences []*silence, at time.Time) map[key]judgement {
	found := map[key]judgement{}
	for _, name := range s.names {
		for _, c := range hubChecks {
			h := s.hubs[name]
			found[key{c, name}] = verdictOn(p, silences, key{c, name}, at, h.away, subjects(c, h.wrong[c]))
		}
	}
	for _, c := range clusterChecks {
		var gone []string
		if s.cluster == nodeIsGone {
			gone = []string{"worker-2"}
		}
		found[key{c, ""}] = verdictOn(p, silences, key{c, ""}, at, s.cluster == clusterUnread, gone)
	}
	cause, effect := found[key{node, ""}], found[key{lacking, ""}]
	if cause.outcome == fail && effect.outcome == fail && !cause.silenced && !effect.silenced && rank(cause.severity) >= rank(effect.severity) {
		effect.cause = &key{node, ""}
		found[key{lacking, ""}] = effect
	}
	return found
}

// subjects are the users with whom something is wrong.
func subjects(check string, n int) (names []string) {
	for u := 1; u <= users; u++ {
		if check == cookies && u <= n || check != cookies && u > users-n {
			names = append(names, "user"+string(rune('0'+u)))
		}
	}
	return names
}

func verdictOn(p *policy, silences []*silence, k key, at time.Time, unread bool, wrong []string) judgement {
	j := judgement{severity: p.severity[k.check], count: len(wrong)}
	switch {
	case p.disabled[k.check]:
		return judgement{outcome: "skipped", disabled: true, severity: j.severity}
	case unread:
		return judgement{outcome: unknown, severity: j.severity}
	case len(wrong) == 0:
		return judgement{outcome: pass, severity: j.severity}
	}
	j.outcome = fail
	uncovered := slices.DeleteFunc(slices.Clone(wrong), func(subject string) bool {
		return slices.ContainsFunc(silences, func(s *silence) bool { return s.covers(k, subject, at) })
	})
	if j.silenced = len(uncovered) == 0; !j.silenced {
		j.count = len(uncovered)
	}
	return j
}
