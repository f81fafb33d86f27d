package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"

	"hubaudit/internal/text"
)

// What a letter shows at most, in characters where not said otherwise.
const (
	letterSubjectMax  = 150
	letterLineMax     = 500
	letterLinkMax     = 2000
	letterAffected    = 20 // findings
	letterAffectedMax = 300
	letterExplains    = 30 // incidents
	letterDigest      = 200
)

// letter is a message, or a digest of many, as people read it in a mail. All of
// its texts are lines in which nothing acts but what they say.
type letter struct {
	Subject string
	// Title is the subject where it is not too long for one.
	Title    string
	Facts    []letterFact
	Unseen   string
	Sections []letterSection
	Link     string
	Footer   string
	// Colour is the severity's.
	Colour string
}

type letterFact struct{ Name, Value string }

type letterSection struct {
	Title string
	// Prose stands before the lines.
	Prose    string
	Lines    []string
	Numbered bool
	// More says what was left out.
	More string
}

//go:embed letter.txt.tmpl letter.html.tmpl
var letterFiles embed.FS

var (
	letterText = texttemplate.Must(texttemplate.New("letter.txt.tmpl").
			Funcs(texttemplate.FuncMap{"number": func(i int) int { return i + 1 }}).ParseFS(letterFiles, "letter.txt.tmpl"))
	letterHTML = htmltemplate.Must(htmltemplate.ParseFS(letterFiles, "letter.html.tmpl"))
)

var letterColours = map[string]string{"critical": "#b3261e", "error": "#c4571b", "warning": "#9a6b00", "info": "#2a5db0", "resolved": "#2e7d32"}

// newLetter tells of one incident.
func newLetter(m *Message) *letter {
	i := &m.Incident
	l := &letter{Title: line(m.headline()), Link: letterLink(m.Link), Colour: letterColours[string(i.Severity)]}
	l.Subject = text.Limit("[hubaudit] "+m.headline(), letterSubjectMax)
	fact := func(name, value string) {
		if value != "" {
			l.Facts = append(l.Facts, letterFact{name, line(value)})
		}
	}
	fact("Hub", i.Hub)
	fact("Cluster", i.Cluster)
	fact("Check", i.Check)
	fact("Expected", m.Guide.Title)
	since := text.Time(i.OpenedAt)
	if m.Kind == Resolved {
		l.Colour = letterColours["resolved"]
		fact("Was open", m.openFor()+", since "+since)
	} else {
		fact("Since", m.since())
	}
	if m.Kind != Opened {
		fact("Why now", m.Reason)
	}
	if m.Kind != Resolved {
		l.Unseen = line(m.unseenWhy())
		l.Sections = openSections(m)
	}
	l.Footer = fmt.Sprintf("Run %s. More: audit explain %s", line(m.Run.ID), line(i.Check))
	return l
}

// openSections say what it means, for whom, and what to do.
func openSections(m *Message) []letterSection {
	var out []letterSection
	add := func(s letterSection) {
		if len(s.Lines) > 0 {
			out = append(out, s)
		}
	}
	if m.Guide.Meaning != "" {
		out = append(out, letterSection{Title: "What it means", Prose: text.Limit(m.Guide.Meaning, 2*letterLineMax)})
	}
	add(letterSection{Title: "Do now", Lines: ownLines(m.Guide.Do), Numbered: true})
	add(letterSection{Title: "What would make it worse", Lines: ownLines(m.Guide.Dont)})
	shown, more := m.affected(letterAffected)
	add(letterSection{Title: "Affected: " + line(m.number()), Lines: foreignLines(shown, roomFor(len(shown), letterAffected, letterAffectedMax)), More: leftOutOf(more, moreInJSON)})
	explains := m.Explains[:min(len(m.Explains), letterExplains)]
	add(letterSection{Title: "It is also the cause of", Lines: foreignLines(explains, letterAffectedMax), More: leftOutOf(len(m.Explains)-len(explains), " more")})
	return out
}

// newDigest tells of many incidents, a line each, in the order given: the worst first.
func newDigest(all []Message) *letter {
	title := text.Number(len(all)) + " incidents in one message"
	worst := "RESOLVED"
	l := &letter{Title: title, Colour: letterColours["resolved"]}
	var lines []string
	for n := range all {
		m := &all[n]
		if n < letterDigest {
			lines = append(lines, m.headline())
		}
		if m.Kind != Resolved && l.Colour == letterColours["resolved"] {
			l.Colour, worst = letterColours[string(m.Incident.Severity)], strings.ToUpper(string(m.Incident.Severity))
			l.Unseen = "So many at a time mostly have one cause: look at the report before anything else."
		}
		if l.Link == "" {
			l.Link = letterLink(m.Link)
		}
	}
	l.Subject = "[hubaudit] " + worst + " · " + title
	l.Sections = []letterSection{{Title: "Incidents", Lines: foreignLines(lines, letterAffectedMax), More: leftOutOf(len(all)-len(lines), " more, all in the report")}}
	if len(all) > 0 {
		l.Footer = "Run " + line(all[0].Run.ID) + ". More: audit history"
	}
	return l
}

// render writes the letter in both of a mail's forms.
func (l *letter) render() (plain, html string, err error) {
	var p, h bytes.Buffer
	if err := letterText.Execute(&p, l); err != nil {
		return "", "", err
	}
	if err := letterHTML.Execute(&h, l); err != nil {
		return "", "", err
	}
	return p.String(), h.String(), nil
}

// line is foreign text. A mail program makes links of addresses, which would be a stranger's.
func line(s string) string { return foreignLine(s, letterLineMax) }

func foreignLine(s string, max int) string {
	return text.Limit(webAddress.ReplaceAllString(s, "$1: //"), max)
}

func foreignLines(all []string, max int) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = foreignLine(s, max)
	}
	return out
}

// ownLines are the registry's words.
func ownLines(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = text.Limit(s, letterLineMax)
	}
	return out
}

func leftOutOf(more int, what string) string {
	if more <= 0 {
		return ""
	}
	return "… and " + text.Number(more) + what
}

// letterLink is a link that a mail may have, "" for anything else.
func letterLink(link string) string {
	if checkURL(link, "") != nil || len(link) > letterLinkMax || text.Clean(link) != link || strings.ContainsAny(link, " <>\"") {
		return ""
	}
	return link
}
