package report

import (
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// htmlView is a view as the template asks for it. The sections and their words
// are those of the Markdown report.
type htmlView struct {
	*view
	Most int // findings listed of one verdict
}

// Headline is the run in one line.
func (h *htmlView) Headline() string { return h.headline() }

// Tone is that of the worst that the run found.
func (h *htmlView) Tone() string {
	switch {
	case len(h.failing) > 0:
		return string(h.failing[0].Severity)
	case h.calm():
		return "calm"
	default:
		return "unknown"
	}
}

// Facts says which run it is.
func (h *htmlView) Facts() []line {
	var out []line
	if h.run.Cluster != "" {
		out = append(out, words(say("cluster "), coded(h.run.Cluster)))
	}
	return append(out, words(say(text.Time(h.run.StartedAt))), words(say("took "+text.Duration(h.run.Duration))),
		words(say(strings.TrimSpace("hubaudit "+text.Sentence(h.run.Version, messageColumns)))), words(say("run "), coded(h.run.ID)))
}

// Notes are things about the run itself.
func (h *htmlView) Notes() []line {
	var out []line
	for _, note := range h.run.Notes {
		out = append(out, words(toned("strong", "Note. "), prose(note)))
	}
	return out
}

// Coverage tells how much was judged.
func (h *htmlView) Coverage() string { return h.coverage() }

// Glance is the table of everything that needs somebody, nil where one look is enough.
func (h *htmlView) Glance() *htmlTable {
	if !h.needsGlance() {
		return nil
	}
	t := &htmlTable{Label: "At a glance", Head: []string{"", "No.", "What", "Hub", "Since", "For whom"}, Numbers: []int{1}}
	if n := h.sum.Unknown; n > 0 {
		t.Rows = append(t.Rows, []line{words(toned("unknown", "unknown")), nil, words(say(text.Count(n, "invariant") + " could not be checked")), h.hubsOf(h.unknown), nil, nil})
	}
	if n := len(h.hidden); n > 0 {
		t.Rows = append(t.Rows, []line{words(toned("unknown", "still open")), nil,
			words(say(text.Count(n, "incident") + " not visible at present (" + string(h.hidden[0].Severity) + ")")), nil, words(say(h.hiddenSince())), nil})
	}
	for i, d := range h.failing {
		what := summary(d.Summary)
		what.To = i + 1
		t.Rows = append(t.Rows, []line{words(graded(d.Severity)), words(say(text.Number(i + 1))), words(what), words(htmlHub(d.Hub)), words(say(h.since(d))), words(prose(d.affected))})
	}
	if n := len(h.silenced); n > 0 {
		t.Rows = append(t.Rows, []line{words(toned("strong", "silenced")), nil, words(say(text.Count(n, "violation") + " (" + string(h.silenced[0].Severity) + ")")), nil, nil, nil})
	}
	return t
}

// hubsOf lists the hubs of groups.
func (h *htmlView) hubsOf(groups []group) line {
	var hubs line
	seen := map[string]bool{}
	for _, g := range groups {
		for _, d := range g.verdicts {
			if seen[d.Hub] {
				continue
			}
			seen[d.Hub] = true
			if len(hubs) > 0 {
				hubs = append(hubs, say(", "))
			}
			hubs = append(hubs, htmlHub(d.Hub))
		}
	}
	return hubs
}

// NotFine says what unknown means.
func (h *htmlView) NotFine() string { return notFine }

// Unknown lists what could not be checked, by reason.
func (h *htmlView) Unknown() []htmlItem {
	var out []htmlItem
	for _, g := range h.view.unknown {
		it := htmlItem{Line: words(prose(g.key))}
		if len(g.verdicts) > mostTitled {
			for _, hub := range g.byHub() {
				sub := words(htmlHub(hub.key), say(": "))
				for i, check := range hub.checks() {
					if i > 0 {
						sub = append(sub, say(", "))
					}
					sub = append(sub, coded(check))
				}
				it.Sub = append(it.Sub, sub)
			}
		} else {
			for _, d := range g.verdicts {
				it.Sub = append(it.Sub, h.titled(d, say(", "+string(d.Severity))))
			}
		}
		out = append(out, it)
	}
	return out
}

// titled is a verdict by its hub and what must hold.
func (h *htmlView) titled(d *verdict.Verdict, more ...span) line {
	out := append(words(htmlHub(d.Hub), say(": ")), doc(h.title(d.Check))...)
	out = append(out, say(" ("), coded(d.Check))
	return append(append(out, more...), say(")"))
}

// NotSeen says what an incident out of sight is.
func (h *htmlView) NotSeen() string { return notSeen }

// Hidden lists the incidents that this run could not see.
func (h *htmlView) Hidden() []line {
	var out []line
	for _, inc := range h.hidden {
		out = append(out, words(graded(inc.Severity), say(": "), summary(inc.Summary), say(" ("), htmlHub(inc.Hub), say(", "), coded(inc.Check),
			say("), open since "+h.ago(inc.OpenedAt)+", now "+unseen(inc))))
	}
	return out
}

// StillThere says what a silence is not.
func (h *htmlView) StillThere() string { return stillThere }

// Silenced lists what silences cover, and below each by which.
func (h *htmlView) Silenced() []htmlItem {
	var out []htmlItem
	for _, d := range h.silenced {
		it := htmlItem{Line: words(graded(d.Severity), say(": "), summary(d.Summary), say(" ("), htmlHub(d.Hub), say(", "), coded(d.Check),
			say("), "+h.sinceClause(d.violation)+": "), prose(d.affects()))}
		for _, by := range d.by {
			sub := words(prose(by.silence))
			for i, name := range by.names {
				sub = append(sub, say([]string{" (", ", "}[min(i, 1)]), coded(name))
			}
			switch {
			case by.more:
				sub = append(sub, say(" …)"))
			case len(by.names) > 0:
				sub = append(sub, say(")"))
			}
			it.Sub = append(it.Sub, sub)
		}
		out = append(out, it)
	}
	return out
}

// Resolved lists the incidents that this run ended.
func (h *htmlView) Resolved() []line {
	var out []line
	for _, inc := range h.resolved {
		out = append(out, words(graded(inc.Severity), say(": "), summary(inc.Summary), say(" ("), htmlHub(inc.Hub), say(", "), coded(inc.Check),
			say("), open from "+text.Time(inc.OpenedAt)+" for "+text.Duration(inc.ResolvedAt.Sub(inc.OpenedAt))+": "), prose(inc.Reason)))
	}
	return out
}

// Holding lists the checks that hold, with their hubs.
func (h *htmlView) Holding() []line {
	var out []line
	for _, g := range h.holding {
		l := append(doc(h.title(g.key)), say(" ("), coded(g.key), say("): "))
		out = append(out, append(l, h.hubsOf([]group{g})...))
	}
	return out
}

// Skipped lists what was skipped, by reason.
func (h *htmlView) Skipped() []htmlItem {
	var out []htmlItem
	for _, g := range h.skipped {
		it := htmlItem{Line: words(prose(g.key))}
		for _, d := range g.verdicts {
			it.Sub = append(it.Sub, h.titled(d))
		}
		out = append(out, it)
	}
	return out
}

// Sources is the table of what was read; nil where nothing was.
func (h *htmlView) Sources() *htmlTable {
	if len(h.run.Sources) == 0 {
		return nil
	}
	t := &htmlTable{Label: "Sources", Head: []string{"Source", "Status", "Read", "Took", "Detail"}}
	for _, s := range h.run.Sources {
		status := say(string(s.Status))
		if s.Status == facts.Failed {
			status.Tone = "critical"
		}
		t.Rows = append(t.Rows, []line{words(coded(s.Name)), words(status), words(prose(items(s))), words(say(text.Duration(s.Duration))), words(prose(s.Detail))})
	}
	return t
}
