package report

import (
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Words of the table of backups.
const (
	notTested     = "never"
	noGoodCopy    = "none"
	noneCovered   = "no backup of the database is configured"
	unknownNumber = "**unknown**"
)

// testedAs says how far a copy was tested, "" where that is not known any more.
func testedAs(level string) string {
	return map[string]string{facts.VerifyOpen: "opened", facts.VerifyRestore: "restored"}[level]
}

// lastTested is when a copy was tested last, and how.
func (v *view) lastTested(d *verdict.DatabaseBackup) string {
	if d.TestedAt.IsZero() {
		return notTested
	}
	at := v.ago(d.TestedAt)
	if !d.TestedAt.Before(v.run.StartedAt) {
		at = "in this run"
	}
	return strings.TrimSpace(testedAs(d.Level) + " " + at)
}

// backups is a table of the homes of all hubs, and one of the copies of their
// databases.
func (m *markdown) backups() {
	if len(m.run.Coverage) == 0 {
		return
	}
	m.printf("## Backups\n\n| Hub | Homes that need one | Current | Only an older one | None | Cannot be told | Oldest |\n|---|---:|---:|---:|---:|---:|---|\n")
	for i := range m.run.Coverage {
		c := &m.run.Coverage[i]
		if c.Unknown != "" {
			m.printf("| %s |%s %s |\n", mdHub(c.Hub), strings.Repeat(" "+unknownNumber+" |", 5), md(c.Unknown))
			continue
		}
		oldest := ""
		if !c.OldestAt.IsZero() {
			oldest = m.ago(c.OldestAt) + ", " + text.MarkdownName(c.Oldest)
		}
		m.printf("| %s | %s | %s | %s | %s | %s | %s |\n", mdHub(c.Hub), text.Number(c.Homes), text.Number(c.Current), text.Number(c.Old), text.Number(c.None),
			text.Number(c.Untold), oldest)
	}
	m.printf("\n| Hub | Copies of its database | Newest good one | Last tested | Trouble |\n|---|---|---|---|---|\n")
	for i := range m.run.Coverage {
		c := &m.run.Coverage[i]
		if len(c.Database) == 0 {
			m.printf("| %s | %s | | | |\n", mdHub(c.Hub), noneCovered)
		}
		for k := range c.Database {
			d := &c.Database[k]
			good := noGoodCopy
			switch {
			case d.Unread:
				good = unknownNumber
			case !d.GoodAt.IsZero():
				good = m.ago(d.GoodAt) + ", " + text.MarkdownName(d.Good)
			}
			m.printf("| %s | %s (%s) | %s | %s | %s |\n", mdHub(c.Hub), text.MarkdownName(d.Name), text.MarkdownName(d.Location), good, m.lastTested(d), md(d.Trouble))
		}
	}
	m.printf("\n")
}

// backups is a line for the homes of each hub and one for each location of
// copies of its database.
func (t *terminal) backups() {
	if len(t.run.Coverage) == 0 {
		return
	}
	t.section(text.Bold, "BACKUPS")
	for i := range t.run.Coverage {
		c := &t.run.Coverage[i]
		label := styled(text.Bold, hub(c.Hub))
		t.Print("  ", "    ", append([]text.Span{label, plain(" homes: ")}, t.homes(c)...)...)
		if len(c.Database) == 0 {
			t.Print("  ", "    ", label, plain(" database: "), styled(text.Magenta, noneCovered))
		}
		for k := range c.Database {
			d := &c.Database[k]
			t.Print("  ", "    ", append([]text.Span{label, plain(" database, " + text.Name(d.Name) + ": ")}, t.database(d)...)...)
		}
	}
}

func (t *terminal) homes(c *verdict.Coverage) []text.Span {
	if c.Unknown != "" {
		return []text.Span{styled(text.Magenta, "unknown: "), sentence(c.Unknown)}
	}
	if c.Homes == 0 {
		return []text.Span{plain("none needs a backup")}
	}
	spans := []text.Span{plain(text.Number(c.Homes) + " " + text.Plural(c.Homes, "needs", "need") + " a backup")}
	for _, part := range []struct {
		n     int
		words string
		style text.Style
	}{{c.Current, " current", text.Plain}, {c.Old, " only an older one", text.Yellow}, {c.None, " none", text.BoldRed},
		{c.Untold, " cannot be told", text.Magenta}} {
		if part.n > 0 {
			spans = append(spans, plain(" · "), styled(part.style, text.Number(part.n)+part.words))
		}
	}
	if c.OldestAt.IsZero() {
		return spans
	}
	return append(spans, plain(" · oldest "+t.ago(c.OldestAt)+", "+text.Name(c.Oldest)))
}

func (t *terminal) database(d *verdict.DatabaseBackup) []text.Span {
	good := styled(text.BoldRed, "no good copy")
	switch {
	case d.Unread:
		good = styled(text.Magenta, "copies unknown")
	case !d.GoodAt.IsZero():
		good = plain("newest good copy " + text.Name(d.Good) + ", " + t.ago(d.GoodAt))
	}
	spans := []text.Span{good, plain(" · last tested: " + t.lastTested(d))}
	if d.Trouble != "" {
		spans = append(spans, plain(" · "), styled(text.Yellow, text.Sentence(d.Trouble, messageColumns)))
	}
	return spans
}

// jsonCoverage is a hub's part of the table of backups. Homes is left out where
// it is not known.
type jsonCoverage struct {
	Hub      string         `json:"hub"`
	Unknown  string         `json:"unknown,omitempty"`
	Homes    *jsonHomes     `json:"homes,omitempty"`
	Database []jsonDatabase `json:"database"`
}

type jsonHomes struct {
	NeedBackup int    `json:"needBackup"`
	Current    int    `json:"current"`
	Older      int    `json:"older"`
	None       int    `json:"none"`
	Untold     int    `json:"untold"`
	Oldest     string `json:"oldest,omitempty"`
	OldestAt   string `json:"oldestAt,omitempty"`
}

type jsonDatabase struct {
	Name     string `json:"name"`
	Location string `json:"location"`
	Good     string `json:"good,omitempty"`
	GoodAt   string `json:"goodAt,omitempty"`
	Tested   string `json:"tested,omitempty"`
	TestedAt string `json:"testedAt,omitempty"`
	Level    string `json:"level,omitempty"`
	Trouble  string `json:"trouble,omitempty"`
	Unread   bool   `json:"unread"`
}

func (j *jsonWriter) coverage(c *verdict.Coverage) {
	out := jsonCoverage{Hub: c.Hub, Unknown: c.Unknown}
	if c.Unknown == "" {
		out.Homes = &jsonHomes{c.Homes, c.Current, c.Old, c.None, c.Untold, c.Oldest, optionalTime(c.OldestAt)}
	}
	for _, d := range c.Database {
		out.Database = append(out.Database, jsonDatabase{d.Name, d.Location, d.Good, optionalTime(d.GoodAt), d.Tested, optionalTime(d.TestedAt), d.Level, d.Trouble, d.Unread})
	}
	j.value(out)
}
