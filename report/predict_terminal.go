package report

import (
	"io"
	"math"
	"strconv"
	"strings"

	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
)

// predictionTerminal writes a prediction to a terminal.
type predictionTerminal struct {
	*text.Page
	most int
}

// terminalStarts is how many starts of a group a terminal lists.
const terminalStarts = 10

var outcomeStyle = map[prediction.Outcome]text.Style{
	prediction.Other: text.BoldRed, prediction.Empty: text.BoldRed, prediction.Pending: text.Red, prediction.Same: text.Green,
}

func writePredictionTerminal(w io.Writer, p *Prediction, o Options) error {
	t := &predictionTerminal{text.NewPage(w, o.Color, o.Width), o.MaxFindings}
	switch {
	case p.All:
		t.most = math.MaxInt
	case t.most <= 0:
		t.most = terminalStarts
	}
	for i := range p.Hubs {
		if i > 0 {
			t.Blank()
		}
		t.hub(&p.Hubs[i], p)
	}
	return t.Flush()
}

func (t *predictionTerminal) hub(h *HubPrediction, p *Prediction) {
	groups := h.groups(p.All)
	style := text.Green
	switch {
	case h.Unknown != "":
		style = text.Magenta
	case len(groups) > 0:
		style = outcomeStyle[groups[0].outcome]
	}
	t.Print("", "  ", styled(text.Bold, text.Name(h.Hub.Name)), plain(": "), styled(style, text.Sentence(h.headline(), summaryColumns)))
	line := text.Time(p.At)
	if p.Cluster != "" {
		line = "cluster " + text.Name(p.Cluster) + " · " + line
	}
	t.Print("", "  ", styled(text.Dim, line))
	if h.Unknown != "" {
		t.Print("  ", "  ", sentence(h.Unknown))
		return
	}
	for _, g := range groups {
		t.group(h, g)
	}
	t.Blank()
	t.Print("", "", styled(text.Bold, "ASSUMED"))
	for _, s := range h.assumed() {
		t.Print("  - ", "    ", sentence(s))
	}
}

func (t *predictionTerminal) group(h *HubPrediction, g predictedGroup) {
	t.Blank()
	t.Print("", "  ", styled(outcomeStyle[g.outcome], strings.ToUpper(string(g.outcome))+" "), styled(text.Bold, g.title()))
	a := h.advice(g)
	if a.meaning != "" {
		t.Print("  ", "  ", plain(a.meaning))
	}
	for _, s := range g.starts[:min(len(g.starts), t.most)] {
		t.Print("  - ", "    ", styled(text.Bold, owner(s)), plain(" "), plain(h.sentenceOf(s, text.Name)))
	}
	if more := len(g.starts) - t.most; more > 0 {
		t.Print("    ", "    ", plain("and "+text.Number(more)+" more; --output json has all"))
	}
	if len(a.steps) == 0 {
		return
	}
	t.Print("  ", "  ", styled(text.Bold, "Do now"))
	for i, step := range a.steps {
		first := "  " + strconv.Itoa(i+1) + ". "
		t.Print(first, strings.Repeat(" ", len(first)), text.Doc(step)...)
	}
}
