package report

import (
	"slices"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// stillThere says what a silence is not.
const stillThere = "Nobody is told of these until the silence ends. They are as real as the others."

// hushed is what silences cover of one failing verdict.
type hushed struct {
	violation // with the covered findings alone
	// part: the other findings of the verdict stand among the violations.
	part bool
	by   []coveredBy
}

// coveredBy is one silence, in words, and whom it covers.
type coveredBy struct {
	silence string
	names   []string // the first few
	more    bool
}

// violated sorts a failing verdict: what a silence covers, and what is left.
func (v *view) violated(d *verdict.Verdict) {
	if d.Silence == "" && d.Silenced == 0 {
		v.failing = append(v.failing, violation{d, affected(d)})
		return
	}
	covered, left := *d, *d
	covered.Findings, left.Findings = nil, nil
	for _, f := range d.Findings {
		if f.Silence != "" || d.Silence != "" {
			covered.Findings = append(covered.Findings, f)
		} else {
			left.Findings = append(left.Findings, f)
		}
	}
	if d.Silence == "" {
		v.failing = append(v.failing, violation{&left, affected(&left)})
		covered.Count, covered.Severity = d.Silenced, worst(&covered)
	}
	v.silenced = append(v.silenced, hushed{violation: violation{&covered, affected(&covered)}, part: d.Silence == "", by: bySilence(&covered)})
}

// worst is the worst severity of a verdict's findings.
func worst(d *verdict.Verdict) verdict.Severity {
	if len(d.Findings) == 0 {
		return d.Severity
	}
	return slices.MinFunc(d.Findings, func(a, b verdict.Finding) int { return bySeverity(a.Severity, b.Severity) }).Severity
}

// bySilence tells whom each silence covers, in the order of the findings.
func bySilence(d *verdict.Verdict) []coveredBy {
	var words []string
	findings := map[string][]verdict.Finding{}
	for _, f := range d.Findings {
		silence := f.Silence
		if silence == "" {
			silence = d.Silence
		}
		if findings[silence] == nil {
			words = append(words, silence)
		}
		findings[silence] = append(findings[silence], f)
	}
	if len(words) == 0 {
		return []coveredBy{{silence: d.Silence}}
	}
	var out []coveredBy
	for _, w := range words {
		names, more := violation{Verdict: &verdict.Verdict{Findings: findings[w]}}.first()
		out = append(out, coveredBy{silence: w, names: names, more: more})
	}
	return out
}

// affects says how much of a verdict is covered: "2 volumes", "3 users and 1 node;
// the others are above".
func (h *hushed) affects() string {
	if h.part {
		return h.affected + "; the others are told above"
	}
	return h.affected
}

func (m *markdown) silencedViolations() {
	if len(m.silenced) == 0 {
		return
	}
	m.printf("## Silenced\n\n%s\n\n", stillThere)
	for _, d := range m.silenced {
		m.printf("- **%s**: %s (%s, `%s`), %s: %s\n", d.Severity, text.Markdown(d.Summary, summaryColumns), mdHub(d.Hub), d.Check, m.sinceClause(d.violation), md(d.affects()))
		for _, by := range d.by {
			codes := make([]string, len(by.names))
			for i, name := range by.names {
				codes[i] = text.MarkdownName(name)
			}
			m.printf("  - %s%s\n", md(by.silence), by.list(codes))
		}
	}
	m.printf("\n")
}

// list is the names, as they are to be shown, after the words of the silence.
func (by *coveredBy) list(names []string) string {
	if len(names) == 0 {
		return ""
	}
	all := " (" + strings.Join(names, ", ")
	if by.more {
		all += " …"
	}
	return all + ")"
}

func (t *terminal) silencedViolations() {
	if len(t.silenced) == 0 {
		return
	}
	t.section(text.Bold, "SILENCED")
	t.Print("  ", "  ", plain(stillThere))
	for _, d := range t.silenced {
		t.Print("  ", "    ", styled(severityStyle[d.Severity], string(d.Severity)), plain(" "), plain(text.Sentence(d.Summary, summaryColumns)),
			styled(text.Dim, " ("+hub(d.Hub)+", "+d.Check+", "+t.sinceClause(d.violation)+")"), plain(": "+d.affects()))
		for _, by := range d.by {
			names := make([]string, len(by.names))
			for i, name := range by.names {
				names[i] = text.Name(name)
			}
			t.Print("    - ", "      ", sentence(by.silence), plain(by.list(names)))
		}
	}
}
