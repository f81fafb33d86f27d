package backup

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"hubaudit/internal/facts"
)

// sqlPages answers as the published REST API of Cloud SQL does: a fake, not
// Google's server.
var sqlPages = map[string]string{
	"": `{"items": [
		{"id": "6", "status": "RUNNING", "startTime": "2026-11-23T03:00:00.5Z", "windowStartTime": "2026-11-23T03:00:00Z", "type": "AUTOMATED"},
		{"id": "5", "status": "FAILED", "startTime": "2026-11-22T03:00:00Z", "endTime": "2026-11-22T03:01:00Z", "error": {"code": "INTERNAL", "message": "disk"}},
		{"id": "4", "status": "SUCCESSFUL", "startTime": "2026-11-21T03:00:00Z", "endTime": "2026-11-21T03:09:00Z", "maxChargeableBytes": "4096"}],
		"nextPageToken": "more"}`,
	"more": `{"items": [
		{"id": "3", "status": "SKIPPED", "windowStartTime": "2026-11-20T03:00:00Z"},
		{"id": "2", "status": "OVERDUE", "windowStartTime": "2026-11-19T03:00:00Z"},
		{"id": "1", "status": "DELETED", "startTime": "2026-11-18T03:00:00Z"},
		{"id": "0", "status": "SUCCESSFUL"}]}`,
}

// token is a login that was injected.
type token struct{ err error }

func (s token) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "s3cr3t"}, s.err
}

func sqlLocation(t *testing.T, server *httptest.Server, instance string, source oauth2.TokenSource) Location {
	t.Helper()
	client := &http.Client{Transport: &oauth2.Transport{Source: tokens{source}, Base: http.DefaultTransport}}
	l, err := sqlInstance(t.Context(), Options{CloudSQL: instance, Counted: func(int) {}}, client, func() {}, server.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCloudSQL(t *testing.T) {
	busy := 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer s3cr3t":
			http.Error(w, "unexpected", http.StatusTeapot)
		case busy > 0:
			busy--
			http.Error(w, `{"error": {"code": 503, "message": "backend"}}`, http.StatusServiceUnavailable)
		case strings.Contains(r.URL.Path, "/projects/example.org:proj/instances/hub-db/backupRuns"):
			fmt.Fprint(w, sqlPages[r.URL.Query().Get("pageToken")])
		case strings.Contains(r.URL.Path, "/projects/private/"):
			http.Error(w, `{"error": {"code": 403, "message": "The client is not authorized", "errors": [{"reason": "notAuthorized"}]}}`, http.StatusForbidden)
		case strings.Contains(r.URL.Path, "/projects/circle/"):
			fmt.Fprint(w, `{"nextPageToken": "again"}`)
		default:
			http.Error(w, `{"error": {"code": 404, "message": "The Cloud SQL instance does not exist."}}`, http.StatusNotFound)
		}
	}))
	defer server.Close()
	l := sqlLocation(t, server, "example.org:proj/hub-db", token{})
	got, err := l.List(t.Context())
	day := func(d int) time.Time { return time.Date(2026, 11, d, 3, 0, 0, 0, time.UTC) }
	want := []facts.BackupCopy{
		{Name: "backup run 6", Time: day(23)},
		{Name: "backup run 5", Time: day(22), Error: "Cloud SQL says FAILED: disk"},
		{Name: "backup run 4", Time: day(21), SizeBytes: 4096, Ready: true},
		{Name: "backup run 2", Time: day(19), Error: "Cloud SQL says OVERDUE"},
		{Name: "backup run 0", Ready: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = l.Open(t.Context(), got[2])
	wantFailure(t, "open", err, facts.CauseUnreadable, "can only be restored there")
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tt := range map[string]struct {
		instance string
		ctx      context.Context
		login    error
		cause    facts.Cause
		says     string
	}{
		"private":  {"private/db", t.Context(), nil, facts.CauseForbidden, "cloudsql.backupRuns.list (role Cloud SQL Viewer)"},
		"nowhere":  {"proj/none", t.Context(), nil, facts.CauseMissing, "there is no such instance"},
		"circle":   {"circle/db", t.Context(), nil, facts.CauseUnreadable, "again and again"},
		"late":     {"proj/none", ended, nil, facts.CauseTimeout, "no answer in time"},
		"no login": {"proj/none", t.Context(), fmt.Errorf("no metadata server"), facts.CauseForbidden, "no metadata server"},
		"refused":  {"proj/none", t.Context(), &oauth2.RetrieveError{ErrorCode: "invalid_grant", Body: []byte("s3cr3t")}, facts.CauseForbidden, "invalid_grant"},
	} {
		_, err := sqlLocation(t, server, tt.instance, token{tt.login}).List(tt.ctx)
		wantFailure(t, name, err, tt.cause, tt.says)
		wantNoSecret(t, name, err)
	}
}
