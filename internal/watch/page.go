package watch

import (
	"bytes"
	"compress/gzip"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// rendered is all that is kept of a run: the run itself is as big as the cluster.
type rendered struct {
	at       time.Time
	complete bool
	page     *report.Page
	markdown []byte // gzip
	json     []byte // gzip: it holds every finding
	numbers  []*dto.MetricFamily
}

func render(run *verdict.Run, guides map[string]verdict.Guide) (*rendered, error) {
	r := &rendered{at: run.StartedAt, complete: run.Complete()}
	var err error
	if r.page, err = report.NewPage(run, guides, report.Options{}); err != nil {
		return nil, err
	}
	if r.markdown, err = packed(run, "markdown", guides); err != nil {
		return nil, err
	}
	if r.json, err = packed(run, "json", guides); err != nil {
		return nil, err
	}
	return r, nil
}

func packed(run *verdict.Run, format string, guides map[string]verdict.Guide) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := report.Write(z, format, run, guides, report.Options{}); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func clockTime(t time.Time) string { return text.Time(t) }

// notices are what the page says about its report: how old it is, and what went
// wrong around it or since.
func (s *status) notices(now time.Time) []report.Notice {
	var out []report.Notice
	bad := func(words string) { out = append(out, report.Notice{Text: words, Bad: true}) }
	if why := s.stuckNow(now); why != "" {
		bad("hubaudit is stuck: " + why + ". Restart it.")
	}
	next := "The next run is due at " + clockTime(s.due) + " (" + s.schedule.String() + ")."
	switch {
	case s.stopping:
		next = "hubaudit is being stopped: there will be no further run."
	case !s.begun.IsZero():
		next = "A run has been going since " + clockTime(s.begun) + "."
	}
	switch {
	case s.last == nil && s.ended == 0:
		out = append(out, report.Notice{Text: "No run has ended yet. " + next})
	case s.last == nil:
		bad("No run has got as far as a report yet. " + next)
	case s.stale(now):
		bad("This report is old: it shows how things were at " + clockTime(s.last.at) + ", " + text.Duration(now.Sub(s.last.at)) + " ago. " +
			"Nobody knows what has happened since. " + next)
	default:
		out = append(out, report.Notice{Text: "This report is " + text.Duration(now.Sub(s.last.at)) + " old. " + next})
	}
	if s.trouble != nil {
		bad("The last run, begun at " + clockTime(s.troubled) + ", did not go well: " + oneLine(s.trouble))
	}
	if s.refused != nil {
		bad("The configuration was read again at " + clockTime(s.refusal) + " and refused; the one before goes on: " + oneLine(s.refused))
	}
	return out
}

// oneLine is an error that may be several, each in a line of its own.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
