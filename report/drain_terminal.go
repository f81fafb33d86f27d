package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"hubaudit/internal/drain"
	"hubaudit/internal/text"
)

// terminalItems is how many volumes of one step a terminal lists.
const terminalItems = 10

// drainTerminal writes a drain to a terminal.
type drainTerminal struct {
	*Drain
	*text.Page
	most int
}

func writeDrainTerminal(w io.Writer, d *Drain, o Options) error {
	t := &drainTerminal{d, text.NewPage(w, o.Color, o.Width), o.MaxFindings}
	switch {
	case d.All:
		t.most = math.MaxInt
	case t.most <= 0:
		t.most = terminalItems
	}
	t.head()
	t.gaps()
	for i := range d.Steps {
		t.step(i)
	}
	t.gone()
	t.remedies()
	t.Blank()
	t.Print("", "", styled(text.Bold, "ASSUMED"))
	for _, s := range d.assumed() {
		t.Print("  - ", "    ", sentence(s))
	}
	return t.Flush()
}

var answerStyle = map[string]text.Style{"SAFE": text.Green, "NOT SAFE": text.BoldRed, "COULD NOT TELL": text.Magenta}

func (t *drainTerminal) head() {
	t.Print("", "  ", styled(answerStyle[t.answer()], t.answer()), plain(": "), plain(t.headline()))
	line := text.Time(t.At)
	if t.Cluster != "" {
		line = "cluster " + text.Name(t.Cluster) + " · " + line
	}
	if t.Longhorn != "" {
		line += " · Longhorn " + text.Name(t.Longhorn)
	}
	t.Print("", "  ", styled(text.Dim, line+" · "+text.Count(t.Judged, "volume")+" judged"))
	if words := t.orderWords(text.Name); words != "" {
		t.Print("", "  ", plain(words))
	}
}

// gaps comes first: what could not be seen is not fine.
func (t *drainTerminal) gaps() {
	if len(t.Unknown)+len(t.Unclear) == 0 {
		return
	}
	t.Blank()
	t.Print("", "", styled(text.Magenta, "COULD NOT BE TOLD"))
	for _, u := range t.Unknown {
		t.Print("  - ", "    ", sentence(u))
	}
	t.items(t.Unclear)
}

func (t *drainTerminal) items(items []drain.Item) {
	for i := range items[:min(len(items), t.most)] {
		it := &items[i]
		t.Print("  - ", "    ", plain(whose(it, text.Name)+" "), sentence(it.Why))
	}
	if more := len(items) - t.most; more > 0 {
		t.Print("    ", "    ", plain("and "+text.Number(more)+" more; --all lists them, --output json has all"))
	}
}

func (t *drainTerminal) step(i int) {
	s := &t.Steps[i]
	style := text.Green
	if len(s.Lost)+len(s.BelowKeep) > 0 {
		style = text.BoldRed
	}
	t.Blank()
	t.Print("", "  ", styled(text.Bold, fmt.Sprintf("STEP %d", i+1)), plain(" "), styled(text.Bold, text.Name(s.Node)), plain(": "), styled(style, t.stepTitle(s)))
	if len(s.Lost) > 0 {
		t.Print("  ", "  ", styled(text.BoldRed, "Lost"), plain(" with this node, unless they are moved first:"))
		t.items(s.Lost)
	}
	if len(s.BelowKeep) > 0 {
		t.Print("  ", "  ", styled(text.Red, "Below "+t.copies(t.Keep)), plain(":"))
		t.items(s.BelowKeep)
	}
	for _, r := range t.remarks(s, foreign{text.Name, func(s string) string { return text.Sentence(s, messageColumns) }}) {
		t.Print("  ", "  ", plain(r))
	}
}

// gone names what is lost already.
func (t *drainTerminal) gone() {
	if len(t.Gone) == 0 {
		return
	}
	t.Blank()
	t.Print("", "  ", styled(text.Magenta, "ALREADY WITHOUT A COPY"), plain(", whatever is drained: "+text.Count(len(t.Gone), "volume")))
	t.items(t.Gone)
}

func (t *drainTerminal) remedies() {
	if len(t.Remedies) == 0 {
		return
	}
	t.Blank()
	t.Print("", "", styled(text.Bold, "WHAT MAKES IT SAFE"))
	for i := range t.Remedies {
		r := &t.Remedies[i]
		first := "  " + strconv.Itoa(i+1) + ". "
		rest := strings.Repeat(" ", len(first))
		spans := text.Doc(r.Do)
		if r.Volumes > 0 {
			spans = append(spans, styled(text.Dim, " ("+text.Count(r.Volumes, "volume")+")"))
		}
		t.Print(first, rest, spans...)
		if len(r.Nodes) > 0 {
			t.Print(rest, rest, plain(firstOf(r.Nodes, 50, text.Name)))
		}
	}
}
