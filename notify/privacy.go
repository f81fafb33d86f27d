package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"maps"
	"slices"
	"sync"

	"hubaudit/internal/verdict"
)

// How names are shown to receivers.
const (
	privacyHash  = "hash"
	privacyShort = "short"
)

// Privacy replaces the names of people, and the names of claims, pods and
// directories, which are made of them, in what leaves for receivers. A nil
// Privacy replaces nothing.
//
// It knows the people whom the findings of the run name, and the names that
// KubeSpawner makes of theirs by default. It cannot know that a word of prose
// in an error that a server returned, a hub, a node or a file is somebody's name,
// nor one that stands only in the words of an older run and not in quotation
// marks; names of one or two characters and short numbers are replaced only in
// quotation marks and in names of claims and pods, and shortening leaves a part
// of every name.
type Privacy struct {
	short bool

	mu  sync.Mutex
	mac hash.Hash
	// last is the run that was hidden last, hidden what became of it.
	last, hidden *verdict.Run
	names        *nameTable
}

// NewPrivacy is a Privacy of a mode: "hash" shows a keyed hash of each name, the
// same in every message, "short" its first characters, and "names" (nil) all of it.
// Who has the key can tell by trying which name a hash is of.
func NewPrivacy(mode, key string) *Privacy {
	switch mode {
	case privacyHash, privacyShort:
		return &Privacy{short: mode == privacyShort, mac: hmac.New(sha256.New, []byte(key))}
	}
	return nil
}

// Hide is the message without names, and without the report, which is full of
// them: render one of p.Run(m.Run) where one is to go along.
func (p *Privacy) Hide(m Message) Message {
	if p == nil {
		return m
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	run := p.run(m.Run)
	names := p.names
	n := -1
	if m.Run != nil && m.Verdict != nil {
		n = slices.IndexFunc(m.Run.Verdicts, func(v verdict.Verdict) bool { return v.Check == m.Verdict.Check && v.Hub == m.Verdict.Hub })
	}
	switch {
	case m.Verdict == nil:
	case n >= 0 && &m.Run.Verdicts[n] == m.Verdict:
		m.Verdict = &run.Verdicts[n]
	default: // another run's
		names = p.table(m.Run, m.Verdict)
		v := names.verdict(m.Verdict)
		m.Verdict = &v
	}
	m.Run, m.Report = run, nil
	m.Incident = names.incident(m.Incident)
	m.Reason = names.hide(m.Reason)
	m.Explains = names.hideAll(m.Explains)
	return m
}

// Run is a copy of the run without names. What of it is of no use in a report
// is left out.
func (p *Privacy) Run(run *verdict.Run) *verdict.Run {
	if p == nil {
		return run
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run(run)
}

// run remembers its answer: all messages of a run ask for it.
func (p *Privacy) run(run *verdict.Run) *verdict.Run {
	if p.names == nil || p.last != run {
		p.names = p.table(run, nil)
		p.last, p.hidden = run, p.names.run(run)
	}
	return p.hidden
}

func (t *nameTable) run(run *verdict.Run) *verdict.Run {
	if run == nil {
		return nil
	}
	out := *run
	out.Verdicts = make([]verdict.Verdict, len(run.Verdicts))
	for i := range run.Verdicts {
		out.Verdicts[i] = t.verdict(&run.Verdicts[i])
	}
	out.Incidents = make([]verdict.Incident, len(run.Incidents))
	for i := range run.Incidents {
		out.Incidents[i] = t.incident(run.Incidents[i])
	}
	out.Sources = slices.Clone(run.Sources)
	for i := range out.Sources {
		out.Sources[i].Detail = t.hide(out.Sources[i].Detail)
	}
	out.Coverage = slices.Clone(run.Coverage)
	for i := range out.Coverage {
		t.coverage(&out.Coverage[i])
	}
	out.Notes = t.hideAll(run.Notes)
	return &out
}

func (t *nameTable) verdict(v *verdict.Verdict) verdict.Verdict {
	out := *v
	out.Summary, out.Silence, out.Because = t.hide(v.Summary), t.hide(v.Silence), t.hide(v.Because)
	out.Marks, out.Rebase, out.Sizes = nil, nil, nil
	out.Findings = make([]verdict.Finding, len(v.Findings))
	for i, f := range v.Findings {
		switch kind := f.Subject.Kind; {
		case kind == "user":
			f.Subject.Name = t.person(f.Subject.Name)
		case objectKinds[kind]:
			f.Subject.Name = t.object(f.Subject.Name, kind)
		default:
			f.Subject.Name = t.hide(f.Subject.Name)
		}
		f.Subject.Namespace = t.hide(f.Subject.Namespace)
		f.Message, f.Silence = t.hide(f.Message), t.hide(f.Silence)
		f.Details = maps.Clone(f.Details)
		for key, value := range f.Details {
			f.Details[key] = t.detail(key, value)
		}
		out.Findings[i] = f
	}
	return out
}

func (t *nameTable) incident(i verdict.Incident) verdict.Incident {
	i.Summary, i.Reason, i.Silence, i.Because = t.hide(i.Summary), t.hide(i.Reason), t.hide(i.Silence), t.hide(i.Because)
	return i
}

func (t *nameTable) coverage(c *verdict.Coverage) {
	c.Unknown = t.hide(c.Unknown)
	if c.Oldest != "" {
		c.Oldest = t.object(c.Oldest, "claim")
	}
	c.Database = slices.Clone(c.Database)
	for i := range c.Database {
		d := &c.Database[i]
		d.Trouble = t.hide(d.Trouble)
	}
}
