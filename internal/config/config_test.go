package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

var known = map[string][]string{
	"hub-user-count-drift": {"enabled", "severity", "for", "expect", "maxDropPercent", "minDrop"},
	"pvc-lost":             {"enabled", "severity", "for"},
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
    kubespawner: {pvcNameTemplate: "claim-{username}", slugScheme: escape, rememberPVCName: false, deletePVC: false}
    cullUsers: true
    api: {url: "https://hub.example.org/jupyter/hub/api/", tokenFile: token, caFile: ca.pem}
    checks:
      hub-user-count-drift:
        minDrop: 8
        expect: {from: 2026-12-18, to: 2027-01-08T08:00:00+01:00, reason: end of term}
    backups:
      - {name: nightly, files: "/backups/*.gz", schedule: "0 3 * * *"}
      - {name: snaps, volumeSnapshots: hub-db-dir, maxAge: 26h}
cluster: {name: prod, context: admin@prod}
longhorn: {namespace: storage}
prometheus: {url: "https://metrics.example.org/prometheus/", username: audit, passwordFile: p, caFile: ca.pem, matchers: 'cluster="prod", env=~"a|b"'}
history: sqlite:/var/lib/hubaudit/history.db
members: {names: hashed, key: "${MEMBERS_KEY}", keep: 720h}
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
	c, err := parse(full, map[string]string{"SLACK": "xoxb-1", "MEMBERS_KEY": "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	h := c.Hubs[0]
	if h.API.URL != "https://hub.example.org/jupyter/hub/api" || h.API.TokenFile != "token" || h.API.CAFile != "ca.pem" || !h.CullUsers || *h.KubeSpawner.DeletePVC {
		t.Errorf("hub read as %+v, API %+v", h, h.API)
	}
	if key, err := c.MembersKey(); key != "0123456789abcdef" || err != nil || c.Members.Keep != 30*24*time.Hour {
		t.Errorf("members read as %+v, key %q, %v", c.Members, key, err)
	}
	if h.Namespace != "jhub" || h.KubeSpawner.SlugScheme != "escape" || *h.KubeSpawner.RememberPVCName || h.Backups[1].MaxAge != 26*time.Hour {
		t.Errorf("hub read as %+v", h)
	}
	if c.Notify.Slack.Token != "xoxb-1" || c.Notify.RepeatInterval != 12*time.Hour || c.Notify.Routes[0].Severity != verdict.Warning {
		t.Errorf("notify read as %+v", c.Notify)
	}
	if p := c.Prometheus; p.URL != "https://metrics.example.org/prometheus" || p.Username != "audit" || p.Matchers != `cluster="prod", env=~"a|b"` {
		t.Errorf("prometheus read as %+v", p)
	}
	if got := c.Where("checks.pvc-lost.enabled"); got != "etc/hubaudit.yaml:23" {
		t.Errorf("pvc-lost.enabled stands at %s", got)
	}
	if got := c.Where("hubs[0].checks.hub-user-count-drift.expect.reason"); got != "etc/hubaudit.yaml:12" {
		t.Errorf("the hub's reason stands at %s", got)
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
	if h.Namespace != "a" || h.KubeSpawner.PVCNameTemplate != "" || h.KubeSpawner.SlugScheme != "safe" || !*h.KubeSpawner.RememberPVCName ||
		!*h.KubeSpawner.HandleLegacyNames || !*h.KubeSpawner.DeletePVC || h.KubeSpawner.Homes != nil || h.CullUsers || h.API != nil {
		t.Errorf("hub defaults are %+v", h)
	}
	if key, err := c.MembersKey(); c.Members != (Members{Names: "plain", Keep: 400 * 24 * time.Hour}) || key != "" || err != nil {
		t.Errorf("defaults of members are %+v, key %q, %v", c.Members, key, err)
	}
	if c.History != "sqlite:hubaudit.db" || c.Longhorn.Namespace != "longhorn-system" || c.Notify.RepeatInterval != 24*time.Hour {
		t.Errorf("defaults are %+v", c)
	}
	if len(c.Notify.Routes) != 1 || c.Notify.Routes[0].Severity != verdict.Warning {
		t.Errorf("default routes are %+v", c.Notify.Routes)
	}
}

// A key without a value means its default.
func TestNoValue(t *testing.T) {
	c, err := parse("hubs:\n  - {name: a, api: , databasePassword: , checks: , kubespawner: {deletePVC: }}\n"+
		"members: {keep: , names: }\nnotify: {repeatInterval: }\nchecks: {pvc-lost: {enabled: , severity: }}", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Members.Keep != 400*24*time.Hour || c.Members.Names != NamesPlain || c.Notify.RepeatInterval != 24*time.Hour || !*c.Hubs[0].KubeSpawner.DeletePVC {
		t.Errorf("read as %+v", c)
	}
}

// TestMistakes holds each error against what the reader must be told: the
// line, the key and what to write.
func TestMistakes(t *testing.T) {
	base := "hubs: [{name: a}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty file":              {"", "no hub is configured"},
		"only comments":           {"# nothing\n", "no hub is configured"},
		"unknown key":             {base + "histroy: x", `hubaudit.yaml:2: histroy: unknown key; did you mean "history"?`},
		"unknown nested":          {"hubs:\n  - name: a\n    backups:\n      - name: b\n        file: x", `hubaudit.yaml:5: hubs[0].backups[0].file: unknown key; did you mean "files"?`},
		"nothing near":            {base + "zzzzzzzz: 1", "known are checks, cluster"},
		"unknown check":           {base + "checks: {pvc-lots: {enabled: false}}", `unknown check; did you mean "pvc-lost"?`},
		"unknown parameter":       {base + "checks:\n  hub-user-count-drift: {minDrops: 3}", `did you mean "minDrop"?`},
		"check not a mapping":     {base + "checks: {pvc-lost: false}", "must be a mapping such as"},
		"enabled is a word":       {base + "checks: {pvc-lost: {enabled: nope}}", "must be true or false"},
		"bad severity":            {base + "checks: {pvc-lost: {severity: fatal}}", "use critical, error, warning or info"},
		"twice":                   {base + "history: a\nhistory: b", "history"},
		"list for mapping":        {base + "cluster: [a]", "must be a mapping"},
		"scalar for list":         {"hubs: a", "must be a list"},
		"mapping for scalar":      {base + "history: {a: b}", "must be a single value"},
		"bad duration":            {base + "notify: {repeatInterval: soon}", "hubaudit.yaml"},
		"no name":                 {"hubs: [{namespace: a}]", "hubs[0].name"},
		"same hub twice":          {"hubs: [{name: a}, {name: a}]", "another hub has the name"},
		"bad namespace":           {"hubs: [{name: a, namespace: A_B}]", "is not a namespace"},
		"backup without place":    {"hubs: [{name: a, backups: [{name: n}]}]", "set one of files"},
		"backup in two places":    {"hubs: [{name: a, backups: [{name: n, files: x, volumeSnapshots: y}]}]", "set one of files"},
		"bad slug scheme":         {"hubs: [{name: a, kubespawner: {slugScheme: none}}]", "neither safe nor escape"},
		"dump and context":        {base + "cluster: {dump: d, context: c}", "exclude each other"},
		"prometheus nowhere":      {base + "prometheus: {tokenFile: t}", "prometheus.url: must be the URL of a Prometheus"},
		"prometheus without http": {base + "prometheus: {url: \"prometheus:9090\"}", "prometheus.url: must be the URL of a Prometheus"},
		"prometheus's page":       {base + "prometheus: {url: \"http://p:9090/x/graph\"}", "write http://p:9090/x"},
		"prometheus's API":        {base + "prometheus: {url: \"http://p:9090/api/v1/query/\"}", "write http://p:9090"},
		"prometheus with query":   {base + "prometheus: {url: \"http://p:9090?x=1\"}", "must not have anything after"},
		"prometheus in clear":     {base + "prometheus: {url: \"http://p:9090\", caFile: c}", "does not begin with https"},
		"two logins":              {base + "prometheus: {url: \"http://p\", tokenFile: t, username: u, passwordFile: p}", "not both"},
		"two tokens":              {base + "prometheus: {url: \"http://p\", tokenFile: t, token: \"${T}\"}", "prometheus.token: set this or prometheus.tokenFile"},
		"password of nobody":      {base + "prometheus: {url: \"http://p\", passwordFile: p}", "no username"},
		"name without password":   {base + "prometheus: {url: \"http://p\", username: u}", "set passwordFile"},
		"name with a colon":       {base + "prometheus: {url: \"http://p\", username: \"u:v\", passwordFile: p}", "must not hold a colon"},
		"no matchers":             {base + "prometheus: {url: \"http://p\", matchers: prod}", "are not matchers of labels"},
		"matchers that escape":    {base + "prometheus: {url: \"http://p\", matchers: 'a=\"b\"} or vector(1) or x{c=\"d\"'}", "are not matchers of labels"},
		"route to nobody":         {base + "notify: {routes: [{severity: error, to: [slack]}]}", `receiver "slack" is not configured`},
		"token, no channel":       {base + "notify: {slack: {tokenFile: t}}", "a bot token needs a channel"},
		"two kinds of slack":      {base + "notify: {slack: {tokenFile: t, channel: c, webhookURLFile: w}}", "set one of tokenFile"},
		"inline secret":           {base + "notify: {pagerduty: {routingKey: abcdef0123456789}}", "a secret does not belong into the configuration"},
		"variable not set":        {base + "notify: {pagerduty: {routingKey: \"${KEY}\"}}", "the environment variable KEY is not set"},
		"not yaml":                {"hubs: [", "not valid YAML"},
		"two documents":           {base + "---\n" + base, "YAML"},
		"alias to itself":         {"hubs: &a [*a]", "hubaudit.yaml"},

		"unknown check of a hub":     {"hubs:\n  - name: a\n    checks: {pvc-lots: {enabled: false}}", `hubaudit.yaml:3: hubs[0].checks.pvc-lots: unknown check; did you mean "pvc-lost"?`},
		"unknown parameter of a hub": {"hubs:\n  - name: a\n    checks:\n      hub-user-count-drift: {minDrops: 3}", `hubaudit.yaml:4: hubs[0].checks.hub-user-count-drift.minDrops: unknown key; did you mean "minDrop"?`},
		"severity of a hub":          {"hubs:\n  - name: a\n    checks:\n      pvc-lost: {severity: fatal}", "hubaudit.yaml:4: hubs[0].checks.pvc-lost.severity: unknown severity"},
		"checks of a hub as a list":  {"hubs: [{name: a, checks: [pvc-lost]}]", "hubs[0].checks: must be a mapping"},

		"no API URL":               {"hubs: [{name: a, api: {tokenFile: t}}]", "hubs[0].api.url: must be the URL of the hub's API, such as http://hub:8081/hub/api"},
		"API without scheme":       {"hubs: [{name: a, api: {url: \"hub:8081/hub/api\", tokenFile: t}}]", "must be the URL of the hub's API"},
		"API over ftp":             {"hubs: [{name: a, api: {url: \"ftp://hub/hub/api\", tokenFile: t}}]", "must be the URL of the hub's API"},
		"API without host":         {"hubs: [{name: a, api: {url: \"http:///hub/api\", tokenFile: t}}]", "must be the URL of the hub's API"},
		"API not a URL":            {"hubs: [{name: a, api: {url: \"http://hub:x/hub/api\", tokenFile: t}}]", "must be the URL of the hub's API"},
		"API with a user":          {"hubs: [{name: a, api: {url: \"http://u:p@hub/hub/api\", tokenFile: t}}]", "must not hold a user or password"},
		"API with options":         {"hubs: [{name: a, api: {url: \"http://hub/hub/api?token=x\", tokenFile: t}}]", "must not have anything after a ? or #"},
		"API of the proxy":         {"hubs: [{name: a, api: {url: \"https://hub.example.org/jupyter/\", tokenFile: t}}]", "write https://hub.example.org/jupyter/hub/api"},
		"API is the hub":           {"hubs: [{name: a, api: {url: \"http://hub:8081/hub\", tokenFile: t}}]", "write http://hub:8081/hub/api"},
		"API page":                 {"hubs: [{name: a, api: {url: \"http://hub:8081/hub/api/users\", tokenFile: t}}]", "write http://hub:8081/hub/api"},
		"API without token":        {"hubs: [{name: a, api: {url: \"http://hub/hub/api\"}}]", "hubs[0].api: set tokenFile"},
		"API with two tokens":      {"hubs: [{name: a, api: {url: \"http://hub/hub/api\", token: \"${T}\", tokenFile: t}}]", "set this or hubs[0].api.tokenFile, not both"},
		"API token written out":    {"hubs: [{name: a, api: {url: \"http://hub/hub/api\", token: abc}}]", "hubs[0].api.token: a secret does not belong"},
		"certificates without TLS": {"hubs: [{name: a, api: {url: \"http://hub/hub/api\", tokenFile: t, caFile: c}}]", "hubs[0].api.caFile: is of no use"},
		"API is a text":            {"hubs: [{name: a, api: \"http://hub/hub/api\"}]", "hubs[0].api: must be a mapping"},
		"unknown key of the API":   {"hubs: [{name: a, api: {tokenfiel: t}}]", `did you mean "tokenFile"?`},
		"password written out":     {"hubs: [{name: a, database: \"mysql://h@d/n\", databasePassword: abc}]", "hubs[0].databasePassword: a secret does not belong"},
		"two passwords":            {"hubs: [{name: a, database: \"mysql://h@d/n\", databasePassword: \"${T}\", databasePasswordFile: f}]", "set this or hubs[0].databasePasswordFile, not both"},
		"password in URL and file": {"hubs: [{name: a, database: \"mysql://h:x@d/n\", databasePasswordFile: f}]", "the password is both in database and in databasePassword"},
		"password option and file": {"hubs: [{name: a, database: \"postgresql://h@d/n?password=${T}\", databasePasswordFile: f}]", "the password is both in database and in databasePassword"},
		"password, no database":    {"hubs: [{name: a, databasePasswordFile: f}]", "there is a databasePassword and no database"},
		"password of a file":       {"hubs: [{name: a, database: \"sqlite:///x\", databasePasswordFile: f}]", "an SQLite file has none"},
		"password of a file name":  {"hubs: [{name: a, database: x.sqlite, databasePasswordFile: f}]", "an SQLite file has none"},
		"names of another kind":    {base + "members: {names: secret}", `hubaudit.yaml:2: members.names: "secret" is neither plain nor hashed`},
		"hashed without key":       {base + "members: {names: hashed}", "hashed needs a key: set members.keyFile"},
		"key for nothing":          {base + "members: {keyFile: k}", "there is a key, and yet names are kept plain"},
		"two keys":                 {base + "members: {names: hashed, key: \"${T}\", keyFile: k}", "set this or members.keyFile, not both"},
		"key too short":            {base + "members: {names: hashed, key: \"${T}\"}", "the key has 15 bytes, at least 16 are needed"},
		"key written out":          {base + "members: {names: hashed, key: abc}", "members.key: a secret does not belong"},
		"keep nothing":             {base + "members: {keep: 0s}", "members.keep: must be longer than nothing"},
		"keep less":                {base + "members: {keep: -1h}", "members.keep: must be longer than nothing"},
		"cull is a word":           {"hubs: [{name: a, cullUsers: often}]", "hubaudit.yaml"},
		"delete is a word":         {"hubs: [{name: a, kubespawner: {deletePVC: never}}]", "hubaudit.yaml"},
		"window of a wrong check":  {base + "checks:\n  pvc-lost: {expect: {from: 2026-12-01}}", "hubaudit.yaml:3: checks.pvc-lost.expect: this check knows no expected change; these do: hub-user-count-drift"},
		"window of a hub, wrong":   {"hubs:\n  - name: a\n    checks:\n      pvc-lost: {expect: []}", "hubaudit.yaml:4: hubs[0].checks.pvc-lost.expect: this check knows no expected change"},
		"window is a text":         {base + "checks:\n  hub-user-count-drift: {expect: summer}", "hubaudit.yaml:3: checks.hub-user-count-drift.expect: must be a list"},
		"window without from":      {base + "checks:\n  hub-user-count-drift: {expect: {to: 2026-12-01, reason: x}}", `hubaudit.yaml:3: checks.hub-user-count-drift.expect: from: "" is neither a date`},
		"window without to":        {base + "checks:\n  hub-user-count-drift: {expect: {from: 2026-12-01, reason: x}}", `expect: to: "" is neither a date`},
		"window without reason":    {base + "checks:\n  hub-user-count-drift: {expect: {from: 2026-12-01, to: 2026-12-02}}", "say why a change is expected"},
		"window with blank reason": {base + "checks:\n  hub-user-count-drift: {expect: {from: 2026-12-01, to: 2026-12-02, reason: \" \"}}", "say why a change is expected"},
		"window backwards":         {base + "checks:\n  hub-user-count-drift: {expect: {from: 2026-12-02, to: 2026-12-01, reason: x}}", "ends (2026-12-01) before it begins (2026-12-02)"},
		"window with a wrong key":  {base + "checks:\n  hub-user-count-drift:\n    expect:\n      - {from: 2026-12-01, until: 2026-12-02}", "hubaudit.yaml:5: checks.hub-user-count-drift.expect[0].until: unknown key"},
		"second window":            {base + "checks:\n  hub-user-count-drift:\n    expect:\n      - {from: 2026-12-01, to: 2026-12-02, reason: x}\n      - {from: 1.12.2027, to: 2027-12-02, reason: x}", `hubaudit.yaml:6: checks.hub-user-count-drift.expect[1]: from: "1.12.2027" is neither a date`},
		"date and hour by YAML":    {base + "checks:\n  hub-user-count-drift: {expect: {from: 2026-12-01 10:00:00, to: 2026-12-02, reason: x}}", `"2026-12-01 10:00:00" is neither a date`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.text, map[string]string{"T": "0123456789abcde"})
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
		"hubs: [{name: a, database: \"mysql://h@d/n\", databasePassword: " + secret + "}]",
		"hubs: [{name: a, database: \"mysql://h:" + secret + "@d/n\", databasePasswordFile: f}]",
		"hubs: [{name: a, database: \"mysql://h:${S}@d/n\", databasePasswordFile: f}]",
		"hubs: [{name: a, api: {token: " + secret + ", url: \"http://h/hub/api\"}}]",
		"hubs: [{name: a, api: {tokenFile: f, url: \"http://u:" + secret + "@h/hub/api\"}}]",
		"hubs: [{name: a, api: {tokenFile: f, url: \"http://u:" + secret + "@h:x/hub/api\"}}]",
		"hubs: [{name: a, api: {tokenFile: f, url: \"http://h/?token=" + secret + "\"}}]",
		"hubs: [{name: a}]\nprometheus: {url: \"http://u:" + secret + "@h\"}",
		"hubs: [{name: a}]\nprometheus: {url: \"http://u:" + secret + "@h:x\"}",
		"hubs: [{name: a}]\nprometheus: {url: \"http://h\", token: " + secret + "}",
		"hubs: [{name: a}]\nprometheus: {url: \"http://h\", username: u, password: " + secret + "}",
		"hubs: [{name: a}]\nmembers: {names: hashed, key: " + secret + "}",
		"hubs: [{name: a}]\nmembers: {names: hashed, key: \"${S}\"}",
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
	f.Add("hubs: [{name: a, checks: {hub-user-count-drift: {expect: [{from: 2026-12-01, to: 2026-12-02, reason: x}, &b {}, *b]}}}]")
	f.Add("hubs: [{name: a, api: {url: \"http://hub/x\", tokenFile: t}, database: \"postgresql://h:p@d/n?password=x\"}]")
	f.Add("? [a, b]\n: c")
	f.Add(backup("files: \"s3://b-1/*?endpoint=http://m:9000\", schedule: \"CRON_TZ=UTC 0 3 * * *\", verify: restore, scratch: \"mysql+pymysql://a@h:1/n?unix_socket=/x\", maxBytes: 1048576"))
	f.Add("hubs: [{name: a}]\nprometheus: {url: \"http://p/x/graph\", matchers: 'a=\"b\\\"\",c!~\"d\"', username: u}")
	f.Add(everyKind)
	f.Add("hubs: [{name: a}]\nwatch: {schedule: \"TZ=\"}\nnotify: {alertmanager: {labels: {a: {b: c}}, url: \"http://[::1\"}, quietHours: {from: 7:00}}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text, everyVariable)
		if err == nil && len(c.Hubs) == 0 {
			t.Errorf("accepted a configuration without a hub")
		}
		if err == nil {
			c.eachCheck(func(path string, check Check) {
				for _, w := range check.Expect {
					if from, to, err := w.Span(); err != nil || to.Before(from) {
						t.Errorf("accepted the window %+v", w)
					}
				}
				if _, err := ParsePatience(check.For); err != nil {
					t.Errorf("accepted a patience: %v", err)
				}
			})
			names := map[string]bool{}
			for _, r := range c.Notify.All() {
				if names[r.Name] || len(r.kinds()) != 1 {
					t.Errorf("accepted the receiver %+v", r)
				}
				names[r.Name] = true
			}
		}
	})
}

// The table in docs/configuration.md has a row for every key.
func TestEveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| key | default | meaning |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `([^|]*)` \\|").FindAllStringSubmatch(table, -1)
	documented := map[string]bool{}
	for _, row := range rows {
		first := ""
		for i, key := range strings.Split(row[1], "`, `") { // `a.b`, `.c` stands for a.b and a.c
			if i == 0 {
				first = key
			} else {
				key = first[:strings.LastIndex(first, ".")] + key
			}
			documented[key] = true
		}
	}
	var visit func(typ reflect.Type, path string)
	visit = func(typ reflect.Type, path string) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case typ == reflect.TypeFor[Windows](), path == "hubs[].checks":
			path = strings.Replace(path, "hubs[].checks", "hubs[].checks.<id>", 1)
		case typ == reflect.TypeFor[Checks]():
			visit(reflect.TypeFor[Check](), path+".<id>")
			return
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
			visit(typ.Elem(), path+"[]")
			return
		case typ.Kind() == reflect.Struct && strings.HasPrefix(path, "notify.receivers[]."): // as under notify
		case typ.Kind() == reflect.Struct:
			for f := range typ.Fields() {
				key := f.Tag.Get("yaml")
				_, file := typ.FieldByName(f.Name + "File")
				if key != "" && !strings.HasPrefix(key, ",") && !file { // a secret is documented by its file
					visit(f.Type, strings.TrimPrefix(path+"."+key, "."))
				}
			}
			return
		}
		if !documented[path] {
			t.Errorf("docs/configuration.md has no row for %s", path)
		}
	}
	visit(reflect.TypeFor[Config](), "")
	if len(documented) < 30 {
		t.Errorf("only %d keys found in the table", len(documented))
	}
}
