package report

import (
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// htmlViolation is a failing verdict with everything a person needs to act on it.
type htmlViolation struct {
	h        *htmlView
	d        violation
	No       int
	Severity string
	Meaning  []line
	Do, Dont []line
}

// Failing are the violations, worst first.
func (h *htmlView) Failing() []htmlViolation {
	out := make([]htmlViolation, len(h.failing))
	for i, d := range h.failing {
		guide := h.guides[d.Check]
		out[i] = htmlViolation{h: h, d: d, No: i + 1, Severity: string(d.Severity),
			Meaning: docs(text.Paragraphs(guide.Meaning)), Do: docs(guide.Do), Dont: docs(guide.Dont)}
	}
	return out
}

// Heading is the severity and what was found.
func (v htmlViolation) Heading() line {
	return words(say(sentenceCase(v.Severity)+": "), summary(v.d.Summary))
}

// htmlTerm is a line of what is known of a violation.
type htmlTerm struct {
	Term string
	Line line
}

// Terms are what must hold, where, since when, why where that is known, and for whom.
func (v htmlViolation) Terms() []htmlTerm {
	terms := []htmlTerm{
		{"Must hold", append(doc(v.h.title(v.d.Check)), say(" ("), coded(v.d.Check), say(")"))},
		{"Where", words(htmlHub(v.d.Hub))},
		{"Since", words(say(v.h.since(v.d)))},
	}
	if v.d.Because != "" {
		terms = append(terms, htmlTerm{"Because", words(prose(v.d.Because))})
	}
	return append(terms, htmlTerm{"For whom", v.forWhom()})
}

func (v htmlViolation) forWhom() line {
	out := words(prose(v.d.affected))
	names, more := v.d.first()
	for i, name := range names {
		before := ": "
		if i > 0 {
			before = ", "
		}
		out = append(out, say(before), coded(name))
	}
	if more {
		out = append(out, say(" …"))
	}
	return out
}

// Findings is the table of what was seen, nil where nothing is kept of it.
func (v htmlViolation) Findings() *htmlTable {
	findings, _ := shown(v.d, v.h.Most)
	if len(findings) == 0 {
		return nil
	}
	t := &htmlTable{Label: "Findings", Head: []string{"Who or what", "Seen"}}
	if mixed(findings) {
		t.Head = append([]string{"Severity"}, t.Head...)
	}
	for _, f := range findings {
		row := []line{htmlSubject(f.Subject), words(prose(f.Message))}
		if mixed(findings) {
			row = append([]line{words(graded(f.Severity))}, row...)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// More says how many findings are not listed, and where they are; "" if there are none.
func (v htmlViolation) More() string {
	findings, more := shown(v.d, v.h.Most)
	if len(findings) == 0 || more <= 0 {
		return ""
	}
	return "… and " + remainder(v.d, more) + "."
}

func htmlSubject(s verdict.Subject) line {
	name := s.Name
	if s.Namespace != "" {
		name = s.Namespace + "/" + name
	}
	out := words(prose(s.Kind), say(" "), coded(name))
	if s.ID != "" && s.ID != s.Name {
		out = append(out, say(" (id "), prose(s.ID), say(")"))
	}
	return out
}
