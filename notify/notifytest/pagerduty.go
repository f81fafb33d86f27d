package notifytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// PagerDutyKey is the only routing key that a PagerDutyServer knows.
const PagerDutyKey = "0123456789abcdefSECRETkey0123456"

// Limits of the Events API v2 (PagerDuty/developer-docs docs/events-API-v2).
const (
	pagerDutyBody    = 512000
	pagerDutyKeyLen  = 32
	pagerDutyDedup   = 255
	pagerDutySummary = 1024
)

// PagerDutyEvent is an event that was accepted.
type PagerDutyEvent struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Client     string `json:"client"`
	Payload    *struct {
		Summary   string          `json:"summary"`
		Source    string          `json:"source"`
		Severity  string          `json:"severity"`
		Timestamp string          `json:"timestamp"`
		Component string          `json:"component"`
		Group     string          `json:"group"`
		Class     string          `json:"class"`
		Details   json.RawMessage `json:"custom_details"`
	} `json:"payload"`
	// Raw is the body as it came.
	Raw json.RawMessage `json:"-"`
}

// PagerDutyAlert is what the events of one dedup key made.
type PagerDutyAlert struct {
	DedupKey string
	Open     bool
	// Incidents counts how often it was opened: a trigger after a resolve opens
	// a new incident.
	Incidents int
	Summary   string
	Severity  string
}

// PagerDutyServer is the Events API v2.
type PagerDutyServer struct {
	*server
	events []PagerDutyEvent
	alerts map[string]*PagerDutyAlert
}

// NewPagerDutyServer starts a server; Close ends it.
func NewPagerDutyServer() *PagerDutyServer {
	s := &PagerDutyServer{alerts: map[string]*PagerDutyAlert{}}
	s.server = newServer(func(*http.Request) string { return "enqueue" }, s.serve)
	s.http.Start()
	return s
}

// URL is what stands for https://events.pagerduty.com.
func (s *PagerDutyServer) URL() string { return s.http.URL }

// Events are the events accepted so far.
func (s *PagerDutyServer) Events() []PagerDutyEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Alert returns the alert of a dedup key, zero if there never was one.
func (s *PagerDutyServer) Alert(dedupKey string) PagerDutyAlert {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.alerts[dedupKey]; a != nil {
		return *a
	}
	return PagerDutyAlert{}
}

func (s *PagerDutyServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return
	case r.URL.Path != "/v2/enqueue" || r.Method != http.MethodPost:
		w.WriteHeader(http.StatusNotFound)
		return
	case len(body) > pagerDutyBody:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	e := PagerDutyEvent{Raw: body}
	problems := []string{"not JSON"}
	if json.Unmarshal(body, &e) == nil {
		problems = e.problems()
	}
	if len(problems) > 0 {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": problems})
		return
	}
	if e.RoutingKey != PagerDutyKey {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"status":"invalid key","message":"Invalid routing key"}`)
		return
	}
	s.accept(e)
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
}

// accept changes the alert as the API does: a trigger opens it or
// updates the open one, anything else without an open alert is dropped.
func (s *PagerDutyServer) accept(e PagerDutyEvent) {
	s.events = append(s.events, e)
	a := s.alerts[e.DedupKey]
	if e.Action != "trigger" {
		if a != nil && e.Action == "resolve" {
			a.Open = false
		}
		return
	}
	if a == nil {
		a = &PagerDutyAlert{DedupKey: e.DedupKey}
		s.alerts[e.DedupKey] = a
	}
	if !a.Open {
		a.Open = true
		a.Incidents++
	}
	a.Summary, a.Severity = e.Payload.Summary, e.Payload.Severity
}

// problems are what the API complains about.
func (e *PagerDutyEvent) problems() []string {
	var out []string
	complain := func(wrong bool, format string, args ...any) {
		if wrong {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	complain(len(e.RoutingKey) != pagerDutyKeyLen, "Length of 'routing_key' is incorrect (should be %d characters)", pagerDutyKeyLen)
	complain(!slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.Action), "'event_action' is invalid")
	complain(len(e.DedupKey) > pagerDutyDedup, "'dedup_key' is too long (maximum is %d characters)", pagerDutyDedup)
	if e.Action != "trigger" {
		complain(e.DedupKey == "", "'dedup_key' is missing")
		return out
	}
	p := e.Payload
	if p == nil {
		return append(out, "'payload' is missing")
	}
	complain(p.Summary == "", "'payload.summary' is missing or blank")
	complain(utf8.RuneCountInString(p.Summary) > pagerDutySummary, "'payload.summary' is too long (maximum is %d characters)", pagerDutySummary)
	complain(p.Source == "", "'payload.source' is missing or blank")
	complain(!slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity), "'payload.severity' is invalid")
	if p.Timestamp != "" {
		_, err := time.Parse(time.RFC3339, p.Timestamp)
		complain(err != nil, "'payload.timestamp' is not ISO 8601")
	}
	return out
}
