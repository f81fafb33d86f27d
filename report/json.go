package report

import (
	"bufio"
	"io"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Schema names the form of the JSON report. Fields may be added to it; one
// that changes its meaning or goes needs a new name. docs/json.md describes it.
const Schema = "hubaudit/v1"

type jsonRun struct {
	ID              string  `json:"id"`
	Cluster         string  `json:"cluster"`
	StartedAt       string  `json:"startedAt"`
	DurationSeconds float64 `json:"durationSeconds"`
	Version         string  `json:"version"`
}

type jsonSource struct {
	Name            string         `json:"name"`
	Status          facts.Status   `json:"status"`
	Cause           facts.Cause    `json:"cause,omitempty"`
	Detail          string         `json:"detail"`
	Items           map[string]int `json:"items"`
	DurationSeconds float64        `json:"durationSeconds"`
}

type jsonIncident struct {
	Check       string                `json:"check"`
	Hub         string                `json:"hub"`
	State       verdict.IncidentState `json:"state"`
	Verdict     verdict.Outcome       `json:"verdict"`
	Severity    verdict.Severity      `json:"severity"`
	Summary     string                `json:"summary"`
	Count       int                   `json:"count"`
	Fingerprint string                `json:"fingerprint"`
	OpenedAt    string                `json:"openedAt"`
	ResolvedAt  string                `json:"resolvedAt,omitempty"`
	Reason      string                `json:"reason,omitempty"`
	Silence     string                `json:"silence,omitempty"`
	ExplainedBy string                `json:"explainedBy,omitempty"`
	Because     string                `json:"because,omitempty"`
}

// jsonWriter streams the report, so that a long one is never held as a whole.
// After the first error it does nothing.
type jsonWriter struct {
	buffered *bufio.Writer
	enc      *jsontext.Encoder
	err      error
}

func newJSONWriter(w io.Writer) *jsonWriter {
	buffered := bufio.NewWriterSize(w, 64<<10)
	return &jsonWriter{buffered: buffered, enc: jsontext.NewEncoder(buffered, jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true),
		jsontext.AllowDuplicateNames(true))}
}

// flush writes what is buffered and returns the first error.
func (j *jsonWriter) flush() error {
	if j.err != nil {
		return j.err
	}
	return j.buffered.Flush()
}

func writeJSON(w io.Writer, run *verdict.Run) error {
	j := newJSONWriter(w)
	j.token(jsontext.BeginObject)
	j.field("schema", Schema)
	j.field("run", jsonRun{run.ID, run.Cluster, rfc3339(run.StartedAt), seconds(run.Duration), run.Version})
	j.field("summary", run.Summary())
	j.field("notes", run.Notes)
	list(j, "sources", run.Sources, func(s *facts.Source) {
		j.value(jsonSource{s.Name, s.Status, s.Cause, s.Detail, s.Items, seconds(s.Duration)})
	})
	list(j, "verdicts", run.Verdicts, j.verdict)
	list(j, "incidents", run.Incidents, j.incident)
	list(j, "coverage", run.Coverage, j.coverage)
	j.token(jsontext.EndObject) // with a final newline
	return j.flush()
}

func (j *jsonWriter) verdict(d *verdict.Verdict) {
	j.token(jsontext.BeginObject)
	j.field("check", d.Check)
	j.field("hub", d.Hub)
	j.field("verdict", d.Outcome)
	j.field("severity", d.Severity)
	j.field("summary", d.Summary)
	j.field("count", d.Count)
	j.field("fingerprint", d.Fingerprint)
	if d.Since != nil {
		j.field("since", rfc3339(*d.Since))
	}
	if d.Silenced > 0 || d.Silence != "" {
		j.field("silenced", d.Silenced)
	}
	if d.Silence != "" {
		j.field("silence", d.Silence)
	}
	if d.ExplainedBy != "" {
		j.field("explainedBy", d.ExplainedBy)
		j.field("because", d.Because)
	}
	list(j, "findings", d.Findings, func(f *verdict.Finding) { j.value(f) })
	if series := finite(d.Series); len(series) > 0 {
		j.field("series", series)
	}
	if len(d.Rebase) > 0 {
		j.field("rebase", d.Rebase)
	}
	if d.Disabled {
		j.field("disabled", true)
	}
	j.token(jsontext.EndObject)
}

// finite leaves out what JSON has no number for.
func finite(series map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(series))
	for name, n := range series {
		if !math.IsNaN(n) && !math.IsInf(n, 0) {
			out[name] = n
		}
	}
	return out
}

func (j *jsonWriter) incident(inc *verdict.Incident) {
	out := jsonIncident{Check: inc.Check, Hub: inc.Hub, State: inc.State, Verdict: inc.Outcome, Severity: inc.Severity,
		Summary: inc.Summary, Count: inc.Count, Fingerprint: inc.Fingerprint, OpenedAt: rfc3339(inc.OpenedAt), Reason: inc.Reason,
		Silence: inc.Silence, ExplainedBy: inc.ExplainedBy, Because: inc.Because}
	if !inc.ResolvedAt.IsZero() {
		out.ResolvedAt = rfc3339(inc.ResolvedAt)
	}
	j.value(out)
}

func list[T any](j *jsonWriter, name string, items []T, write func(*T)) {
	j.value(name)
	j.token(jsontext.BeginArray)
	for i := range items {
		write(&items[i])
	}
	j.token(jsontext.EndArray)
}

func (j *jsonWriter) field(name string, v any) {
	j.value(name)
	j.value(v)
}

func (j *jsonWriter) token(t jsontext.Token) {
	if j.err == nil {
		j.err = j.enc.WriteToken(t)
	}
}

// value writes one value with what a terminal would act on spelled out, so
// that the report can also be looked at in one.
func (j *jsonWriter) value(v any) {
	if j.err != nil {
		return
	}
	encoded, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err == nil {
		err = j.enc.WriteValue(text.EscapeJSON(encoded))
	}
	j.err = err
}

func rfc3339(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// seconds are rounded to milliseconds.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
