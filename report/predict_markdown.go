package report

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"hubaudit/internal/text"
)

// markdownStarts is how many starts of a group Markdown lists.
const markdownStarts = 50

func writePredictionMarkdown(w io.Writer, p *Prediction, o Options) error {
	m := &predictionMarkdown{bufio.NewWriter(w), o.MaxFindings}
	switch {
	case p.All:
		m.most = math.MaxInt
	case m.most <= 0:
		m.most = markdownStarts
	}
	for i := range p.Hubs {
		m.hub(&p.Hubs[i], p)
	}
	return m.w.Flush()
}

type predictionMarkdown struct {
	w    *bufio.Writer
	most int
}

// printf writes; the error is kept by the writer and told by its Flush.
func (m *predictionMarkdown) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(m.w, format, args...)
}

func (m *predictionMarkdown) hub(h *HubPrediction, p *Prediction) {
	m.printf("# Hub %s: %s\n\n", text.MarkdownName(h.Hub.Name), text.Markdown(h.headline(), summaryColumns))
	if p.Cluster != "" {
		m.printf("cluster %s · ", text.MarkdownName(p.Cluster))
	}
	m.printf("%s\n\n", text.Time(p.At))
	if h.Unknown != "" {
		m.printf("%s\n\n", md(h.Unknown))
		return
	}
	for _, g := range h.groups(p.All) {
		m.group(h, g)
	}
	m.printf("## What was assumed\n\n")
	for _, s := range h.assumed() {
		m.printf("- %s\n", md(s))
	}
	m.printf("\n")
}

func (m *predictionMarkdown) group(h *HubPrediction, g predictedGroup) {
	m.printf("## %s: %s\n\n", sentenceCase(string(g.outcome)), md(g.title()))
	a := h.advice(g)
	if a.meaning != "" {
		m.printf("%s\n\n", text.MarkdownDoc(a.meaning))
	}
	m.printf("| User | Server | What its next start finds |\n| --- | --- | --- |\n")
	for _, s := range g.starts[:min(len(g.starts), m.most)] {
		server := "the default one"
		if s.Server != "" {
			server = text.MarkdownName(s.Server)
		}
		m.printf("| %s | %s | %s |\n", text.MarkdownName(s.User), server, h.sentenceOf(s, text.MarkdownName))
	}
	m.printf("\n")
	if more := len(g.starts) - m.most; more > 0 {
		m.printf("… and %s more; the JSON has all.\n\n", text.Number(more))
	}
	if len(a.steps) > 0 {
		m.printf("### What to do now\n\n")
		for i, step := range a.steps {
			m.printf("%d. %s\n", i+1, text.MarkdownDoc(step))
		}
		m.printf("\n")
	}
}
