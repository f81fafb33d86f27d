package paging

import (
	"path"
	"slices"
	"time"
)

// Outcomes of a check.
const (
	pass    = "pass"
	fail    = "fail"
	unknown = "unknown"
)

// judgement is what one run finds out about one key.
type judgement struct {
	outcome  string
	severity string
	count    int
	silenced bool     // all of it
	cause    *key     // that explains all of it
	about    []string // receivers that it says are out of order
	disabled bool
}

// incident is one as the model has it.
type incident struct {
	key      key
	opened   time.Time
	ended    time.Time
	open     bool
	clean    int // runs in a row in which it held
	reopened int
	last     judgement // that failed
	outcome  string
	muted    bool
	// owed are the receivers that must have been told that it is open; told those that were.
	owed, told map[string]bool
	// digested are those that were told of its key in a digest, which names no run.
	digested map[string]bool
}

// failing is a key that has not failed for long enough.
type failing struct {
	since time.Time
	runs  int
}

// moment is an incident in one run.
type moment struct {
	*incident
	open bool
}

// model knows what the audit must think and tell, going by the runs that were recorded.
type model struct {
	// wrongClocks: all runs lie in the future of this machine's clock, so that none
	// is too late to count.
	wrongClocks bool
	latest      time.Time
	pending     map[key]*failing
	incidents   map[key][]*incident
	runs        map[time.Time]map[key]moment
	// shows tells whether a receiver still shows a key as open.
	shows func(receiver string, k key) bool
}

func newModel(wrongClocks bool) *model {
	return &model{wrongClocks: wrongClocks, pending: map[key]*failing{}, incidents: map[key][]*incident{}, runs: map[time.Time]map[key]moment{}}
}

// current is the open incident of a key, nil if there is none.
func (m *model) current(k key) *incident {
	for _, i := range m.incidents[k] {
		if i.open {
			return i
		}
	}
	return nil
}

// record is a run that the history has. One that is older than what the history
// has changes nothing.
func (m *model) record(at time.Time, p *policy, found map[key]judgement) {
	m.runs[at] = map[key]moment{}
	if !m.wrongClocks && at.Before(m.latest) {
		for k := range m.incidents {
			if i := m.current(k); i != nil {
				m.runs[at][k] = moment{i, true}
			}
		}
		return
	}
	m.latest = at
	for k, j := range found {
		if i := m.current(k); i != nil {
			i.judge(at, p, j)
			m.runs[at][k] = moment{i, i.open}
		} else if i := m.begin(at, p, k, j); i != nil {
			m.runs[at][k] = moment{i, true}
		}
	}
	m.owe(p)
}

// judge is one more verdict on an open incident.
func (i *incident) judge(at time.Time, p *policy, j judgement) {
	i.outcome = j.outcome
	switch {
	case j.outcome == fail:
		i.clean, i.last = 0, j
	case j.outcome == pass:
		if i.clean++; i.clean >= p.resolveAfter {
			i.end(at)
		}
	case j.disabled:
		i.end(at)
	}
}

func (i *incident) end(at time.Time) {
	i.open, i.ended = false, at
	if at.Before(i.opened) {
		i.ended = i.opened
	}
}

// begin is a verdict where no incident is open.
func (m *model) begin(at time.Time, p *policy, k key, j judgement) *incident {
	if j.outcome == pass || j.disabled {
		delete(m.pending, k)
	}
	if j.outcome != fail {
		return nil
	}
	f := m.pending[k]
	if f == nil {
		f = &failing{since: at}
		m.pending[k] = f
	}
	if at.Before(f.since) {
		f.since = at
	}
	f.runs++
	if runs, long := p.patienceOf(k.check); f.runs < runs || at.Sub(f.since) < long {
		return nil
	}
	delete(m.pending, k)
	i := m.reopened(k, f.since, at, p.reopenWithin)
	if i == nil {
		i = &incident{key: k, opened: at, owed: map[string]bool{}, told: map[string]bool{}, digested: map[string]bool{}}
		m.incidents[k] = append(m.incidents[k], i)
	} else {
		i.reopened, i.owed, i.ended = i.reopened+1, map[string]bool{}, time.Time{}
		for r := range i.told { // who was told of its end must be told again
			if !m.shows(r, k) {
				delete(i.told, r)
			}
		}
		i.digested = map[string]bool{}
	}
	i.open, i.clean, i.outcome, i.last = true, 0, fail, j
	return i
}

// reopened is the incident that goes on with failures since a time.
func (m *model) reopened(k key, since, at time.Time, within time.Duration) *incident {
	var last *incident
	for _, i := range m.incidents[k] {
		after := since.Sub(i.ended)
		if within > 0 && after >= 0 && after <= within && !i.ended.After(at) && (last == nil || !i.ended.Before(last.ended)) {
			last = i
		}
	}
	return last
}

// patienceOf is for how many runs, and how long, a check must fail.
func (p *policy) patienceOf(check string) (runs int, long time.Duration) {
	switch p.patience[check] {
	case "2 runs":
		return 2, 0
	case "3 runs":
		return 3, 0
	case "90m":
		return 0, 90 * time.Minute
	}
	return 0, 0
}

// owe notes who must hear of what is open after a run.
func (m *model) owe(p *policy) {
	for k := range m.incidents {
		i := m.current(k)
		if i == nil {
			continue
		}
		cause := (*incident)(nil)
		if i.last.cause != nil {
			cause = m.current(*i.last.cause)
		}
		i.muted = i.last.silenced || cause != nil && !cause.last.silenced
		for _, r := range allReceivers {
			switch {
			case i.muted && !i.told[r]:
				delete(i.owed, r)
			case !i.muted && i.outcome != pass && p.reaches(r, i):
				i.owed[r] = true
			}
		}
	}
}

// reaches tells whether a route brings an incident to a receiver.
func (p *policy) reaches(receiver string, i *incident) bool {
	all := p.reached(i)
	fit := slices.DeleteFunc(slices.Clone(all), func(r string) bool { return slices.Contains(i.last.about, r) })
	if len(fit) > 0 {
		all = fit
	}
	return slices.Contains(all, receiver)
}

func (p *policy) reached(i *incident) (all []string) {
	defer func() { all = p.without(all) }()
	for _, r := range p.routes {
		if rank(i.last.severity) < rank(r.Severity) || !matchesAny(r.Hubs, i.key.hub) || !matchesAny(r.Checks, i.key.check) {
			continue
		}
		for _, to := range r.To {
			if to == "owners" {
				all = append(all, p.owners[i.key.hub]...)
			} else {
				all = append(all, to)
			}
		}
	}
	return all
}

func rank(severity string) int {
	return slices.Index([]string{"info", "warning", "error", "critical"}, severity)
}

func matchesAny(globs []string, name string) bool {
	for _, g := range globs {
		if ok, err := path.Match(g, name); ok && err == nil {
			return true
		}
	}
	return len(globs) == 0
}
