package audit

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/config"
	"hubaudit/notify"
)

// parse reads a configuration with one hub and a history beside it.
func parse(t testing.TB, dir, more string) *config.Config {
	t.Helper()
	cfg, err := config.Parse(filepath.Join(dir, "hubaudit.yaml"), []byte("hubs: [{name: a}, {name: b}]\n"+more), nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestReceivers: a receiver whose secret cannot be read costs only itself, and
// what is meant for it is still decided, as for one that refuses everything.
func TestReceivers(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"key": "0123456789abcdef0123456789abcdef\n", "empty": "\n", "token": "xoxb-1", "hook": "https://hooks.example.org/abc"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const all = `
  slack: {tokenFile: token, channel: c}
  pagerduty: {routingKeyFile: key, region: eu}
  alertmanager: {url: "https://alerts.example.org", username: u, passwordFile: key}
  webhook: {urlFile: hook, secretFile: key}
  email: {from: a@example.org, to: [b@example.org], server: "mail.example.org:587"}
  file: {path: out.jsonl}
  receivers: [{name: physics, slack: {webhookURLFile: hook}}]`
	for name, c := range map[string]struct {
		notify string
		keeps  map[string]notify.Keeps
		usable int
		err    string
	}{
		"none": {" {}", map[string]notify.Keeps{}, 0, ""},
		"all": {all, map[string]notify.Keeps{"slack": notify.KeepsMessage, "pagerduty": notify.KeepsNothing, "alertmanager": notify.KeepsState,
			"webhook": notify.KeepsNothing, "email": notify.KeepsNothing, "file": notify.KeepsNothing, "physics": notify.KeepsNothing}, 7, ""},
		"no token file": {" {slack: {tokenFile: gone, channel: c}, pagerduty: {routingKeyFile: key}}",
			map[string]notify.Keeps{"slack": notify.KeepsMessage, "pagerduty": notify.KeepsNothing}, 1, "notify.slack.tokenFile"},
		"empty key": {" {slack: {webhookURLFile: hook}, pagerduty: {routingKeyFile: empty}}",
			map[string]notify.Keeps{"slack": notify.KeepsNothing, "pagerduty": notify.KeepsNothing}, 1, "is empty"},
		"no certificates": {" {alertmanager: {url: \"https://alerts.example.org\", caFile: gone}}",
			map[string]notify.Keeps{"alertmanager": notify.KeepsState}, 0, "notify.alertmanager.caFile"},
		"no password": {" {email: {from: a@example.org, to: [b@example.org], server: \"mail.example.org:587\", username: u, passwordFile: gone}}",
			map[string]notify.Keeps{"email": notify.KeepsNothing}, 0, "notify.email.passwordFile"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := parse(t, dir, "notify:"+c.notify)
			made, err := receivers(cfg)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error is %v, want %q", err, c.err)
			}
			got := map[string]notify.Keeps{}
			for _, r := range made {
				got[r.Name()] = r.Keeps()
			}
			if diff := cmp.Diff(c.keeps, got); diff != "" {
				t.Errorf("receivers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, policy(cfg, nothing()).Receivers); diff != "" {
				t.Errorf("the policy has others (-made +decided):\n%s", diff)
			}
			usable, again := Receivers(cfg)
			if len(usable) != c.usable || (again != nil) != (err != nil) {
				t.Errorf("%d are usable, want %d; %v", len(usable), c.usable, again)
			}
			for _, r := range made {
				if _, bad := r.(unusable); bad {
					refused := (*notify.SendError)(nil)
					if _, err := r.Send(t.Context(), notify.Message{}); !errors.As(err, &refused) || !refused.Refused || r.Test(t.Context()) == nil {
						t.Errorf("%s, which is not usable, answers %v", r.Name(), err)
					}
				}
			}
		})
	}
}

// TestReceiversNameTheirSettings: what is wrong with a receiver is told by the key under
// which it stands in the configuration.
func TestReceiversNameTheirSettings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer server.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{"token": "xoxb-1", "key": strings.Repeat("k", 32), "hook": server.URL} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := parse(t, dir, strings.NewReplacer("HOST", strings.TrimPrefix(server.URL, "http://"), "ADDRESS", server.URL).Replace(`notify:
  receivers:
    - {name: a, slack: {tokenFile: token, channel: c, apiURL: "ADDRESS"}}
    - {name: b, slack: {webhookURLFile: hook}}
    - {name: c, pagerduty: {routingKeyFile: key, apiURL: "ADDRESS"}}
    - {name: d, alertmanager: {url: "ADDRESS"}}
    - {name: e, webhook: {urlFile: hook}}
    - {name: f, email: {from: a@example.org, to: [b@example.org], server: "HOST", tls: implicit}}
    - {name: g, file: {path: missing/out.jsonl}}`))
	made, err := Receivers(cfg)
	if err != nil || len(made) != 7 {
		t.Fatal(made, err)
	}
	for n, r := range made {
		kinds := []string{"slack", "slack", "pagerduty", "alertmanager", "webhook", "email", "file"}
		if err := r.Test(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("notify.receivers[%d].%s.", n, kinds[n])) {
			t.Errorf("%s: %v", r.Name(), err)
		}
	}
}
