package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

var known = map[string][]string{
	"hub-user-count-drift": {"enabled", "severity", "maxDropPercent", "minDrop"},
	"pvc-lost":             {"enabled", "severity"},
}

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func parse(text string, vars map[string]string) (*Config, error) {
	return Parse("etc/hubaudit.yaml", []byte(text), known, env(vars))
}

const full = `
hubs:
  - name: datahub
    namespace: jhub
    database: sqlite:////srv/jupyterhub.sqlite
    kubespawner: {pvcNameTemplate: "claim-{username}", slugScheme: escape, rememberPVCName: false}
    backups:
      - {name: nightly, files: "/backups/*.gz", schedule: "0 3 * * *"}
      - {name: snaps, volumeSnapshots: hub-db-dir, maxAge: 26h}
cluster: {name: prod, context: admin@prod}
longhorn: {namespace: storage}
history: sqlite:/var/lib/hubaudit/history.db
checks:
  hub-user-count-drift: {maxDropPercent: 7.5, minDrop: 3}
  pvc-lost: {enabled: false, severity: warning}
notify:
  slack: {token: "${SLACK}", channel: "#hub"}
  pagerduty: {routingKeyFile: key}
  routes:
    - {severity: warning, to: [slack, pagerduty]}
  repeatInterval: 12h
`

func TestFullFile(t *testing.T) {
	c, err := parse(full, map[string]string{"SLACK": "xoxb-1"})
	if err != nil {
		t.Fatal(err)
	}
	h := c.Hubs[0]
	if h.Namespace != "jhub" || h.KubeSpawner.SlugScheme != "escape" || *h.KubeSpawner.RememberPVCName || h.Backups[1].MaxAge != 26*time.Hour {
		t.Errorf("hub read as %+v", h)
	}
	if c.Notify.Slack.Token != "xoxb-1" || c.Notify.RepeatInterval != 12*time.Hour || c.Notify.Routes[0].Severity != verdict.Warning {
		t.Errorf("notify read as %+v", c.Notify)
	}
	if got := c.Where("checks.pvc-lost.enabled"); got != "etc/hubaudit.yaml:15" {
		t.Errorf("pvc-lost.enabled stands at %s", got)
	}
	if got := c.Path("key"); got != filepath.Join("etc", "key") {
		t.Errorf("relative path became %s", got)
	}
}

func TestDefaults(t *testing.T) {
	c, err := parse("hubs: [{name: a}]\nnotify: {slack: {webhookURLFile: hook}}", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := c.Hubs[0]
	if h.Namespace != "a" || h.KubeSpawner.PVCNameTemplate != "claim-{user_server}" || h.KubeSpawner.SlugScheme != "safe" || !*h.KubeSpawner.RememberPVCName {
		t.Errorf("hub defaults are %+v", h)
	}
	if c.History != "sqlite:hubaudit.db" || c.Longhorn.Namespace != "longhorn-system" || c.Notify.RepeatInterval != 24*time.Hour {
		t.Errorf("defaults are %+v", c)
	}
	if len(c.Notify.Routes) != 1 || c.Notify.Routes[0].Severity != verdict.Warning {
		t.Errorf("default routes are %+v", c.Notify.Routes)
	}
}

// TestMistakes holds each error against what the reader must be told: the
// line, the key and what to write.
func TestMistakes(t *testing.T) {
	base := "hubs: [{name: a}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty file":           {"", "no hub is configured"},
		"only comments":        {"# nothing\n", "no hub is configured"},
		"unknown key":          {base + "histroy: x", `hubaudit.yaml:2: histroy: unknown key; did you mean "history"?`},
		"unknown nested":       {"hubs:\n  - name: a\n    backups:\n      - name: b\n        file: x", `hubaudit.yaml:5: hubs[0].backups[0].file: unknown key; did you mean "files"?`},
		"nothing near":         {base + "zzzzzzzz: 1", "known are checks, cluster"},
		"unknown check":        {base + "checks: {pvc-lots: {enabled: false}}", `unknown check; did you mean "pvc-lost"?`},
		"unknown parameter":    {base + "checks:\n  hub-user-count-drift: {minDrops: 3}", `did you mean "minDrop"?`},
		"check not a mapping":  {base + "checks: {pvc-lost: false}", "must be a mapping such as"},
		"enabled is a word":    {base + "checks: {pvc-lost: {enabled: nope}}", "must be true or false"},
		"bad severity":         {base + "checks: {pvc-lost: {severity: fatal}}", "use critical, error, warning or info"},
		"twice":                {base + "history: a\nhistory: b", "history"},
		"list for mapping":     {base + "cluster: [a]", "must be a mapping"},
		"scalar for list":      {"hubs: a", "must be a list"},
		"mapping for scalar":   {base + "history: {a: b}", "must be a single value"},
		"bad duration":         {base + "notify: {repeatInterval: soon}", "hubaudit.yaml"},
		"no name":              {"hubs: [{namespace: a}]", "hubs[0].name"},
		"same hub twice":       {"hubs: [{name: a}, {name: a}]", "another hub has the name"},
		"bad namespace":        {"hubs: [{name: a, namespace: A_B}]", "is not a namespace"},
		"backup without place": {"hubs: [{name: a, backups: [{name: n}]}]", "set one of files"},
		"backup in two places": {"hubs: [{name: a, backups: [{name: n, files: x, volumeSnapshots: y}]}]", "set one of files"},
		"bad schedule":         {"hubs: [{name: a, backups: [{name: n, files: x, schedule: daily-ish}]}]", "is not a cron schedule"},
		"bad slug scheme":      {"hubs: [{name: a, kubespawner: {slugScheme: none}}]", "neither safe nor escape"},
		"dump and context":     {base + "cluster: {dump: d, context: c}", "exclude each other"},
		"route to nobody":      {base + "notify: {routes: [{severity: error, to: [slack]}]}", `receiver "slack" is not configured`},
		"token, no channel":    {base + "notify: {slack: {tokenFile: t}}", "a bot token needs a channel"},
		"two kinds of slack":   {base + "notify: {slack: {tokenFile: t, channel: c, webhookURLFile: w}}", "set one of tokenFile"},
		"inline secret":        {base + "notify: {pagerduty: {routingKey: abcdef0123456789}}", "a secret does not belong into the configuration"},
		"variable not set":     {base + "notify: {pagerduty: {routingKey: \"${KEY}\"}}", "the environment variable KEY is not set"},
		"not yaml":             {"hubs: [", "not valid YAML"},
		"two documents":        {base + "---\n" + base, "YAML"},
		"alias to itself":      {"hubs: &a [*a]", "hubaudit.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.text, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want it to contain %q", err, c.want)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := parse("hubs: [{name: a, namespcae: b}]\nhistroy: x", nil)
	if err == nil || strings.Count(err.Error(), "did you mean") != 2 {
		t.Errorf("want both mistakes in one error, got %v", err)
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	const secret = "s3cr3t-value"
	for _, text := range []string{
		"hubs: [{name: a}]\nnotify: {slack: {token: " + secret + ", channel: c}}",
		"hubs: [{name: a}]\nnotify: {pagerduty: {routingKey: " + secret + "}}",
		"hubs: [{name: \"${S}\", database: \"${NOPE}\"}]\nnotify: {pagerduty: {routingKey: \"${S}\", routingKeyFile: x}}",
	} {
		_, err := parse(text, map[string]string{"S": secret})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error for %q is %v", text, err)
		}
	}
}

func TestVariables(t *testing.T) {
	c, err := parse(`hubs: [{name: a, database: "sqlite:///${DIR}/$${literal}.db"}]`, map[string]string{"DIR": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Hubs[0].Database; got != "sqlite:///x/${literal}.db" {
		t.Errorf("database is %q", got)
	}
}

func TestSecretFromFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Config{file: filepath.Join(dir, "hubaudit.yaml")}
	if got, err := c.Secret("notify.pagerduty.routingKey", "", "key"); err != nil || got != "abc" {
		t.Errorf("secret is %q, %v", got, err)
	}
	if _, err := c.Secret("notify.pagerduty.routingKey", "", "none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error of a missing file is %v", err)
	}
}

func TestNoFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "hubaudit.yaml"), known); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("error is %v", err)
	}
}

// FuzzParse: no input may crash or hang the reader, and what is accepted has a hub.
func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add("hubs: [{name: a}]")
	f.Add("hubs: &a [*a]")
	f.Add("? [a, b]\n: c")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text, map[string]string{"SLACK": "x"})
		if err == nil && len(c.Hubs) == 0 {
			t.Errorf("accepted a configuration without a hub")
		}
	})
}
