package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
)

func v(check, hub string, outcome verdict.Outcome, series ...float64) verdict.Verdict {
	d := verdict.Verdict{Check: check, Hub: hub, Outcome: outcome, Fingerprint: verdict.Fingerprint("", hub, check)}
	if len(series) > 0 {
		d.Series = map[string]float64{facts.SeriesUsers: series[0]}
	}
	return d
}

func TestOfInterest(t *testing.T) {
	all := []verdict.Verdict{v("x", "a", verdict.Pass), v("x", "b", verdict.Pass), v("y", "", verdict.Pass)}
	if got := ofInterest(append([]verdict.Verdict(nil), all...), nil); len(got) != 3 {
		t.Errorf("without a filter %v", got)
	}
	if diff := cmp.Diff([]verdict.Verdict{all[0], all[2]}, ofInterest(append([]verdict.Verdict(nil), all...), []string{"a"})); diff != "" {
		t.Error(diff)
	}
}

// TestWithoutHistory: every failing verdict counts as opened now, nothing else does.
func TestWithoutHistory(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	run := &verdict.Run{StartedAt: at, Verdicts: []verdict.Verdict{v("x", "a", verdict.Pass), v("y", "a", verdict.Fail), v("z", "", verdict.Unknown)}}
	got := unremembered(run)
	if len(got) != 1 || got[0].Check != "y" || got[0].State != verdict.Opened || got[0].ID != 0 || !got[0].OpenedAt.Equal(at) {
		t.Errorf("incidents are %+v", got)
	}
}

func TestPendingAsSeenNow(t *testing.T) {
	resolved := verdict.Incident{ID: 2, ResolvedAt: time.Unix(1, 0), State: verdict.Resolved}
	pending := []verdict.Incident{{ID: 1, Outcome: verdict.Fail}, resolved, {ID: 3}}
	now := []verdict.Incident{{ID: 1, Outcome: verdict.Unknown}, {ID: 2, State: verdict.Ongoing}}
	want := []verdict.Incident{{ID: 1, Outcome: verdict.Unknown}, resolved, {ID: 3}}
	if diff := cmp.Diff(want, seenNow(pending, now)); diff != "" {
		t.Error(diff)
	}
}

func TestOfHubs(t *testing.T) {
	cfg := &config.Config{Hubs: []config.Hub{{Name: "a"}}}
	got := ofHubs(cfg, []verdict.Incident{{Hub: "a"}, {Hub: "gone"}, {Hub: ""}})
	if diff := cmp.Diff([]verdict.Incident{{Hub: "a"}, {Hub: ""}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestReceivers: a receiver whose secret cannot be read costs only itself.
func TestReceivers(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"key": "0123456789abcdef0123456789abcdef\n", "empty": "\n", "token": "xoxb-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		notify string
		names  []string
		err    string
	}{
		"none":          {"{}", nil, ""},
		"both":          {"{slack: {tokenFile: token, channel: c}, pagerduty: {routingKeyFile: key}}", []string{"slack", "pagerduty"}, ""},
		"no token file": {"{slack: {tokenFile: gone, channel: c}, pagerduty: {routingKeyFile: key}}", []string{"pagerduty"}, "notify.slack.tokenFile"},
		"empty key":     {"{slack: {webhookURLFile: token}, pagerduty: {routingKeyFile: empty}}", []string{"slack"}, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse(filepath.Join(dir, "hubaudit.yaml"), []byte("hubs: [{name: a}]\nnotify: "+c.notify), nil, os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			receivers, err := Receivers(cfg)
			var names []string
			for _, r := range receivers {
				names = append(names, r.Name())
			}
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error is %v, want %q", err, c.err)
			}
			decisions := []notify.Decision{{Receiver: "slack"}, {Receiver: "pagerduty"}}
			if got := reachable(decisions, receivers); len(got) != len(c.names) {
				t.Errorf("reachable are %v", got)
			}
		})
	}
}
