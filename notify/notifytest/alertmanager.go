package notifytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// AlertmanagerToken is the only bearer token that an AlertmanagerServer takes.
const AlertmanagerToken = "SECRETtokenOFtheALERTMANAGER1234"

// Alert is one that an AlertmanagerServer was sent.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// AlertmanagerServer takes alerts as prometheus/alertmanager api/v2 does.
type AlertmanagerServer struct {
	*server
	posts [][]Alert
}

// NewAlertmanagerServer starts a server; Close ends it.
func NewAlertmanagerServer() *AlertmanagerServer {
	s := &AlertmanagerServer{}
	s.server = newServer(func(*http.Request) string { return "alerts" }, s.serve)
	s.http.Start()
	return s
}

// URL is the server's, without /api/v2.
func (s *AlertmanagerServer) URL() string { return s.http.URL }

// Posts are the alerts so far, by request.
func (s *AlertmanagerServer) Posts() [][]Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.posts)
}

// Firing are the alerts that hold at a time, each as it was last sent, in the
// order of their names.
func (s *AlertmanagerServer) Firing(at time.Time) []Alert {
	last := map[string]Alert{}
	for _, alerts := range s.Posts() {
		for _, a := range alerts {
			last[fmt.Sprint(a.Labels)] = a // fmt prints maps in order
		}
	}
	var firing []Alert
	for _, key := range slices.Sorted(maps.Keys(last)) {
		if a := last[key]; a.EndsAt.After(at) {
			firing = append(firing, a)
		}
	}
	return firing
}

func (s *AlertmanagerServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(status int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(message)
	}
	var alerts []Alert
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/api/v2/alerts":
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Header.Get("Authorization") != "Bearer "+AlertmanagerToken:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&alerts) != nil:
		refuse(http.StatusBadRequest, "bad request")
		return
	}
	for _, a := range alerts {
		if problem := a.problem(); problem != "" {
			refuse(http.StatusBadRequest, problem)
			return
		}
	}
	s.posts = append(s.posts, alerts)
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (a *Alert) problem() string {
	if len(a.Labels) == 0 {
		return "at least one label pair required"
	}
	for name, value := range a.Labels {
		if !labelName.MatchString(name) || !utf8.ValidString(value) || strings.TrimSpace(value) == "" {
			return fmt.Sprintf("invalid label %q", name)
		}
	}
	if !a.EndsAt.IsZero() && a.StartsAt.After(a.EndsAt) {
		return "start time must be before end time"
	}
	return ""
}
