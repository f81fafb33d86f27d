package report

import (
	"strconv"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

func (t *terminal) violation(n int, d violation) {
	style := severityStyle[d.Severity]
	t.Blank()
	label := strconv.Itoa(n) + ". " + strings.ToUpper(string(d.Severity)) + ": "
	t.Print("", "   ", styled(style, label), styled(text.Bold, text.Sentence(d.Summary, summaryColumns)))
	t.labelled("must hold", append(text.Doc(t.title(d.Check)), styled(text.Dim, " ("+d.Check+")"))...)
	t.labelled("where", plain(hub(d.Hub)))
	t.labelled("since", plain(t.since(d)))
	if d.Because != "" {
		t.labelled("because", sentence(d.Because))
	}
	t.labelled("for whom", plain(d.affected), sentence(firstOwners(d)))
	guide := t.guides[d.Check]
	for i, p := range text.Paragraphs(guide.Meaning) {
		t.labelled([]string{"meaning", ""}[min(i, 1)], text.Doc(p)...)
	}
	t.steps("Do now", guide.Do, func(i int) string { return strconv.Itoa(i+1) + ". " })
	t.steps("Do not", guide.Dont, func(int) string { return "- " })
	t.findings(d)
}

func (t *terminal) labelled(label string, spans ...text.Span) {
	t.Label("   ", plain(label), labelColumns, spans...)
}

func (t *terminal) steps(heading string, steps []string, bullet func(int) string) {
	if len(steps) == 0 {
		return
	}
	t.Print("   ", "   ", styled(text.Bold, heading))
	for i, step := range steps {
		first := "     " + bullet(i)
		t.Print(first, strings.Repeat(" ", len(first)), text.Doc(step)...)
	}
}

func (t *terminal) findings(d violation) {
	findings, more := shown(d, t.most)
	if len(findings) == 0 {
		return
	}
	t.Print("   ", "   ", styled(text.Bold, "Findings"))
	for _, f := range findings {
		spans := []text.Span{sentence(f.Message)}
		if f.Subject.Name == "" || !strings.Contains(f.Message, f.Subject.Name) { // most messages begin with their subject
			spans = append([]text.Span{styled(text.Bold, subject(f.Subject)), plain(": ")}, spans...)
		}
		if f.Severity != d.Severity && f.Severity != "" {
			spans = append([]text.Span{styled(severityStyle[f.Severity], string(f.Severity)), plain(" ")}, spans...)
		}
		t.Print("     - ", "       ", spans...)
	}
	if more > 0 {
		t.Print("     ", "       ", plain("… and "+remainder(d, more)))
	}
}

// firstOwners names the first users whose things the subjects are.
func firstOwners(d violation) string {
	names := owners(d.Verdict)
	if len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > named {
		names, more = names[:named], " …"
	}
	for i := range names {
		names[i] = text.Name(names[i])
	}
	return ": " + strings.Join(names, ", ") + more
}

func subject(s verdict.Subject) string {
	name := s.Name
	if s.Namespace != "" {
		name = s.Namespace + "/" + name
	}
	out := s.Kind + " " + text.Name(name)
	if s.ID != "" && s.ID != s.Name {
		out += " (id " + text.Name(s.ID) + ")"
	}
	return out
}
