package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// PayloadSchema names the JSON of the webhook and file receivers, which
// docs/notifications.md documents. Within it, fields are only ever added.
const PayloadSchema = "hubaudit-message/v1"

// What one message in JSON holds at most. Sizes are in bytes, encoded.
const (
	payloadLimit    = 256 << 10
	payloadExplains = 32 << 10
	payloadOne      = 16 << 10 // one finding
	payloadText     = 2 << 10  // one text, before it is encoded
)

type payload struct {
	Schema string `json:"schema"`
	// ID is the same whenever this message is sent again.
	ID       string           `json:"id"`
	Kind     Kind             `json:"kind"`
	Reason   string           `json:"reason"`
	Run      payloadRun       `json:"run"`
	Incident *payloadIncident `json:"incident,omitempty"`
	Guide    *payloadGuide    `json:"guide,omitempty"`
	// Explains are a line for each incident of which this one is the cause.
	Explains        []json.RawMessage `json:"explains,omitempty"`
	ExplainsLeftOut int               `json:"explainsLeftOut,omitempty"`
	Findings        []json.RawMessage `json:"findings,omitempty"`
	FindingsLeftOut int               `json:"findingsLeftOut,omitempty"`
	ReportURL       string            `json:"reportURL,omitempty"`
}

type payloadRun struct {
	ID        string    `json:"id"`
	StartedAt time.Time `json:"startedAt"`
	Version   string    `json:"version,omitempty"`
}

type payloadIncident struct {
	Fingerprint string           `json:"fingerprint"`
	Status      string           `json:"status"` // open or resolved
	Severity    verdict.Severity `json:"severity"`
	Cluster     string           `json:"cluster"`
	Hub         string           `json:"hub"`
	Check       string           `json:"check"`
	Title       string           `json:"title"`
	Summary     string           `json:"summary"`
	Count       int              `json:"count"`
	Silenced    int              `json:"silenced,omitempty"`
	OpenedAt    time.Time        `json:"openedAt"`
	ResolvedAt  time.Time        `json:"resolvedAt,omitzero"`
	Reopened    int              `json:"reopened,omitempty"`
	// Unseen is why an open incident cannot be seen at present.
	Unseen string `json:"unseen,omitempty"`
}

type payloadGuide struct {
	Meaning string   `json:"meaning,omitempty"`
	Do      []string `json:"do,omitempty"`
	Dont    []string `json:"dont,omitempty"`
}

// id names the message: it stays the same however often and in whichever run
// it is sent, and whatever is told next of the incident has another one.
func (m *Message) id() string {
	i := &m.Incident
	sum := sha256.Sum256([]byte(strings.Join([]string{"hubaudit message", m.Receiver, i.Fingerprint,
		i.OpenedAt.UTC().Format(time.RFC3339), string(m.Kind), m.Run.ID}, "\x00")))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// payload is the message in JSON, without a line break and at most payloadLimit
// long. Texts are what they are, also in names that try to be more: no character
// that a terminal, an editor or a page would act on stands unescaped.
func (m *Message) payload() ([]byte, error) {
	p := &payload{Schema: PayloadSchema, ID: m.id(), Kind: m.Kind, Reason: clip(m.Reason), ReportURL: clip(m.Link),
		Run:      payloadRun{clip(m.Run.ID), m.runTime(), clip(m.Run.Version)},
		Incident: m.payloadIncident(), Guide: m.payloadGuide()}
	explains := make([]string, len(m.Explains))
	for n, line := range m.Explains {
		explains[n] = clip(line)
	}
	var err error
	if p.Explains, p.ExplainsLeftOut, err = fitting(explains, payloadExplains); err != nil {
		return nil, err
	}
	head, err := encode(p)
	if err != nil {
		return nil, err
	}
	const counts = 100 // bytes of what is added below beside the findings
	if p.Findings, p.FindingsLeftOut, err = fitting(m.uncovered(), payloadLimit-len(head)-counts); err != nil {
		return nil, err
	}
	if m.Verdict != nil {
		p.FindingsLeftOut = max(p.FindingsLeftOut, m.Verdict.Count-len(p.Findings))
	}
	return encode(p)
}

func (m *Message) payloadIncident() *payloadIncident {
	i := &m.Incident
	p := &payloadIncident{Fingerprint: i.Fingerprint, Status: "open", Severity: i.Severity, Cluster: clip(i.Cluster), Hub: clip(i.Hub),
		Check: clip(i.Check), Title: clip(m.Guide.Title), Summary: clip(i.Summary), Count: i.Count, OpenedAt: m.startedAt(),
		Reopened: i.Reopened, Unseen: clip(m.unseenWhy())}
	if m.Kind == Resolved {
		p.Status, p.ResolvedAt, p.Unseen = "resolved", m.endedAt(), ""
	}
	if m.Verdict != nil {
		p.Silenced = m.Verdict.Silenced
	}
	return p
}

func (m *Message) payloadGuide() *payloadGuide {
	g := &payloadGuide{Meaning: clip(m.Guide.Meaning)}
	if m.Kind == Resolved {
		return nil // nothing is to be done
	}
	for _, step := range m.Guide.Do {
		g.Do = append(g.Do, clip(step))
	}
	for _, step := range m.Guide.Dont {
		g.Dont = append(g.Dont, clip(step))
	}
	return g
}

// startedAt is when the incident was opened, never after the run: the clock may
// have been set back since.
func (m *Message) startedAt() time.Time {
	if opened := m.Incident.OpenedAt.UTC(); opened.Before(m.runTime()) {
		return opened
	}
	return m.runTime()
}

// endedAt is when a resolved incident ended, between its start and the run.
func (m *Message) endedAt() time.Time {
	end := m.Incident.ResolvedAt.UTC()
	if end.IsZero() || end.After(m.runTime()) {
		return m.runTime()
	}
	if started := m.startedAt(); end.Before(started) {
		return started
	}
	return end
}

// uncovered are the findings that no silence covers, all where it covers all.
func (m *Message) uncovered() []verdict.Finding {
	if m.Verdict == nil {
		return nil
	}
	if m.Verdict.Silenced == 0 || m.Verdict.Silence != "" && m.Verdict.Silenced >= len(m.Verdict.Findings) {
		return m.Verdict.Findings
	}
	var out []verdict.Finding
	for _, f := range m.Verdict.Findings {
		if f.Silence == "" {
			out = append(out, f)
		}
	}
	return out
}

// fitting encodes as many of all, from the first, as fit into room bytes, and
// counts the others. What is beyond all measure is left out by itself.
func fitting[T any](all []T, room int) (kept []json.RawMessage, left int, err error) {
	for n := range all {
		one, err := encode(all[n])
		if err != nil {
			return nil, 0, err
		}
		if len(one) > payloadOne {
			left++
			continue
		}
		if room -= len(one) + len(","); room < 0 {
			return kept, left + len(all) - n, nil
		}
		kept = append(kept, one)
	}
	return kept, left, nil
}

func encode(v any) ([]byte, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the message as JSON: %w; please report this as a bug of hubaudit", err)
	}
	return text.EscapeJSON(encoded), nil
}

// clip bounds a text without changing what it keeps.
func clip(s string) string {
	if len(s) <= payloadText {
		return s
	}
	end := payloadText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// testPayload says that it is a test.
func testPayload(id string, at time.Time) ([]byte, error) {
	return encode(&payload{Schema: PayloadSchema, ID: id, Kind: "test", Reason: testText, Run: payloadRun{StartedAt: at}})
}

const testText = "This is a test of hubaudit by audit notify test. Nothing is wrong."
