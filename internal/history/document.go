package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// A document is what a run saw, compressed: a head, then every verdict
// followed by its findings, each a JSON value of its own, so that 100,000
// findings are written and read one by one. Text that is not UTF-8 comes back
// with U+FFFD in place of the wrong bytes.

type documentHead struct {
	Sources  []documentSource   `json:"sources"`
	Notes    []string           `json:"notes"`
	Coverage []documentCoverage `json:"coverage,omitempty"`
	Verdicts int                `json:"verdicts"`
}

// documentCoverage and documentBackup are as documentSource.
type documentCoverage struct {
	Hub      string           `json:"hub"`
	Unknown  string           `json:"unknown,omitempty"`
	Homes    int              `json:"homes"`
	Current  int              `json:"current"`
	Old      int              `json:"old"`
	None     int              `json:"none"`
	Untold   int              `json:"untold,omitempty"`
	Oldest   string           `json:"oldest,omitempty"`
	OldestAt time.Time        `json:"oldestAt,omitzero"`
	Database []documentBackup `json:"database"`
}

type documentBackup struct {
	Name     string    `json:"name"`
	Location string    `json:"location"`
	Good     string    `json:"good,omitempty"`
	GoodAt   time.Time `json:"goodAt,omitzero"`
	Tested   string    `json:"tested,omitempty"`
	TestedAt time.Time `json:"testedAt,omitzero"`
	Level    string    `json:"level,omitempty"`
	Trouble  string    `json:"trouble,omitempty"`
	Unread   bool      `json:"unread,omitempty"`
}

func storedCoverage(c *verdict.Coverage) documentCoverage {
	d := documentCoverage{c.Hub, c.Unknown, c.Homes, c.Current, c.Old, c.None, c.Untold, c.Oldest, c.OldestAt, nil}
	for _, b := range c.Database {
		d.Database = append(d.Database, documentBackup(b))
	}
	return d
}

func (d *documentCoverage) coverage() verdict.Coverage {
	c := verdict.Coverage{Hub: d.Hub, Unknown: d.Unknown, Homes: d.Homes, Current: d.Current, Old: d.Old, None: d.None, Untold: d.Untold, Oldest: d.Oldest, OldestAt: d.OldestAt}
	for _, b := range d.Database {
		c.Database = append(c.Database, verdict.DatabaseBackup(b))
	}
	return c
}

type documentVerdict struct {
	Verdict  verdict.Verdict `json:"verdict"` // without its findings
	Findings int             `json:"findings"`
}

// documentSource and storedIncident give the fields of the types that they
// convert from a name in JSON that outlives a renaming in Go.
type documentSource struct {
	Name     string         `json:"name"`
	Status   facts.Status   `json:"status"`
	Cause    facts.Cause    `json:"cause,omitempty"`
	Detail   string         `json:"detail,omitempty"`
	Items    map[string]int `json:"items"`
	Duration time.Duration  `json:"nanoseconds"`
}

type storedIncident struct {
	ID           int64                 `json:"id"`
	Fingerprint  string                `json:"fingerprint"`
	Cluster      string                `json:"cluster"`
	Hub          string                `json:"hub"`
	Check        string                `json:"check"`
	State        verdict.IncidentState `json:"state"`
	Outcome      verdict.Outcome       `json:"outcome"`
	Severity     verdict.Severity      `json:"severity"`
	Summary      string                `json:"summary"`
	Count        int                   `json:"count"`
	OpenedAt     time.Time             `json:"openedAt"`
	ResolvedAt   time.Time             `json:"resolvedAt,omitzero"`
	Reason       string                `json:"reason,omitempty"`
	FailingSince time.Time             `json:"failingSince,omitzero"`
	FailingRuns  int                   `json:"failingRuns,omitempty"`
	CleanRuns    int                   `json:"cleanRuns,omitempty"`
	Reopened     int                   `json:"reopened,omitempty"`
	Silence      string                `json:"silence,omitempty"`
	ExplainedBy  string                `json:"explainedBy,omitempty"`
	Because      string                `json:"because,omitempty"`
}

// encodeDocument makes the document of a run.
func encodeDocument(run *verdict.Run) ([]byte, error) {
	var buf bytes.Buffer
	// The fastest level: findings repeat each other, the better ones gain little.
	zip, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	enc := json.NewEncoder(zip)
	enc.SetEscapeHTML(false)
	head := documentHead{Notes: run.Notes, Verdicts: len(run.Verdicts)}
	for _, src := range run.Sources {
		head.Sources = append(head.Sources, documentSource(src))
	}
	for i := range run.Coverage {
		head.Coverage = append(head.Coverage, storedCoverage(&run.Coverage[i]))
	}
	if err := enc.Encode(head); err != nil {
		return nil, fmt.Errorf("encode the sources: %w", err)
	}
	for _, v := range run.Verdicts {
		if err := encodeVerdict(enc, v); err != nil {
			return nil, fmt.Errorf("encode the verdict of check %s, hub %q: %w", v.Check, v.Hub, err)
		}
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func encodeVerdict(enc *json.Encoder, v verdict.Verdict) error {
	findings := v.Findings
	v.Findings = nil
	v.Since = nil // comes from the incident
	if err := enc.Encode(documentVerdict{v, len(findings)}); err != nil {
		return err
	}
	for i := range findings {
		if err := enc.Encode(&findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// decodeDocument fills in a run what its document holds.
func decodeDocument(body []byte, run *verdict.Run) error {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	dec := json.NewDecoder(zip)
	var head documentHead
	if err := dec.Decode(&head); err != nil {
		return err
	}
	run.Notes = head.Notes
	for _, src := range head.Sources {
		run.Sources = append(run.Sources, facts.Source(src))
	}
	for i := range head.Coverage {
		run.Coverage = append(run.Coverage, head.Coverage[i].coverage())
	}
	for range head.Verdicts {
		v, err := decodeVerdict(dec)
		if err != nil {
			return err
		}
		run.Verdicts = append(run.Verdicts, v)
	}
	// Reading to the end is what compares the checksum.
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("no end where it should be"), err)
	}
	return nil
}

func decodeVerdict(dec *json.Decoder) (verdict.Verdict, error) {
	var v documentVerdict
	if err := dec.Decode(&v); err != nil {
		return verdict.Verdict{}, err
	}
	for range v.Findings {
		var f verdict.Finding
		if err := dec.Decode(&f); err != nil {
			return verdict.Verdict{}, err
		}
		v.Verdict.Findings = append(v.Verdict.Findings, f)
	}
	return v.Verdict, nil
}

func encodeIncidents(list []verdict.Incident) (string, error) {
	stored := make([]storedIncident, len(list))
	for i, inc := range list {
		stored[i] = storedIncident(inc)
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func decodeIncidents(text string) ([]verdict.Incident, error) {
	var stored []storedIncident
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, err
	}
	var list []verdict.Incident
	for _, inc := range stored {
		list = append(list, verdict.Incident(inc))
	}
	return list, nil
}
