package report

import (
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var unknownCell = words(toned("unknown", "unknown"))

// Homes is the table of the homes of all hubs, nil where no hub has any coverage.
func (h *htmlView) Homes() *htmlTable {
	if len(h.run.Coverage) == 0 {
		return nil
	}
	t := &htmlTable{Label: "Backups of homes", Numbers: []int{1, 2, 3, 4, 5},
		Head: []string{"Hub", "Homes that need one", "Current", "Only an older one", "None", "Cannot be told", "Oldest"}}
	for i := range h.run.Coverage {
		c := &h.run.Coverage[i]
		if c.Unknown != "" {
			t.Rows = append(t.Rows, []line{words(htmlHub(c.Hub)), unknownCell, unknownCell, unknownCell, unknownCell, unknownCell, words(prose(c.Unknown))})
			continue
		}
		var oldest line
		if !c.OldestAt.IsZero() {
			oldest = words(say(h.ago(c.OldestAt)+", "), coded(c.Oldest))
		}
		row := []line{words(htmlHub(c.Hub))}
		for _, n := range []int{c.Homes, c.Current, c.Old, c.None, c.Untold} {
			row = append(row, words(say(text.Number(n))))
		}
		t.Rows = append(t.Rows, append(row, oldest))
	}
	return t
}

// Copies is the table of the copies of the hubs' databases.
func (h *htmlView) Copies() *htmlTable {
	t := &htmlTable{Label: "Backups of databases", Head: []string{"Hub", "Copies of its database", "Newest good one", "Last tested", "Trouble"}}
	for i := range h.run.Coverage {
		c := &h.run.Coverage[i]
		if len(c.Database) == 0 {
			t.Rows = append(t.Rows, []line{words(htmlHub(c.Hub)), words(say(noneCovered)), nil, nil, nil})
		}
		for k := range c.Database {
			d := &c.Database[k]
			t.Rows = append(t.Rows, []line{words(htmlHub(c.Hub)), words(coded(d.Name), say(" ("), coded(d.Location), say(")")), h.newest(d),
				words(say(h.lastTested(d))), words(prose(d.Trouble))})
		}
	}
	return t
}

func (h *htmlView) newest(d *verdict.DatabaseBackup) line {
	switch {
	case d.Unread:
		return unknownCell
	case d.GoodAt.IsZero():
		return words(say(noGoodCopy))
	default:
		return words(say(h.ago(d.GoodAt)+", "), coded(d.Good))
	}
}
