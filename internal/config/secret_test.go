package config

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestURLPassword(t *testing.T) {
	for url, want := range map[string]string{
		"":                            "",
		"sqlite:////srv/a:b@c.sqlite": "",
		"hub.sqlite":                  "",
		"postgresql://hub@db/hub":     "",
		"postgresql://db:5432/hub":    "",
		"postgresql://hub:@db/hub":    "",
		"postgresql+psycopg2://hub:hunter2@db/hub": "hunter2",
		" mysql+pymysql://hub:a/b#c?d@db/hub":      "a/b#c?d",
		"postgresql://:hunter2@/hub":               "hunter2",
		"postgresql://hub:${PW}@db/hub":            "${PW}",
		"postgresql://hub@db/hub?password=hunter2": "hunter2",
		"mysql://hub@db/hub?ssl=1&passwd=hunter2":  "hunter2",
		"postgresql://hub@db/hub?sslmode=require":  "",
		"postgresql://hub@db/hub?a=%zz&password=x": "x",
		"${DB_URL}": "",
	} {
		if got := urlPassword(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

// A password in the hub's own db_url works, and is warned of without being shown.
func TestWrittenPassword(t *testing.T) {
	const secret = "s3cr3t-value"
	for url, want := range map[string]int{
		"postgresql://hub:" + secret + "@db/hub":     1,
		"postgresql://hub@db/hub?password=" + secret: 1,
		"postgresql://hub:${PW}@db/hub":              0,
		"postgresql://hub@db/hub?password=${PW}":     0,
		"${URL}":                                     0,
		"postgresql://hub@db/hub":                    0,
		"sqlite:////srv/jupyterhub.sqlite":           0,
	} {
		c, err := parse("hubs:\n  - name: a\n    database: \""+url+"\"", map[string]string{"PW": secret, "URL": "mysql://hub:" + secret + "@db/hub"})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		warnings := c.Warnings()
		if len(warnings) != want {
			t.Errorf("%s: %v", url, warnings)
		}
		for _, w := range warnings {
			if s := w.String(); !strings.HasPrefix(s, "etc/hubaudit.yaml:3: hubs[0].database: ") || !strings.Contains(s, "databasePasswordFile") || strings.Contains(s, secret) {
				t.Errorf("%s: warned with %s", url, s)
			}
		}
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, content := range map[string]string{"good": "0123456789abcdef\n", "short": "0123456789abcde\n", "empty": " \n", "ca.pem": string(certificate)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := func(password, token, ca, key string) string {
		return "hubs:\n  - name: a\n    database: mysql://h@d/n\n    databasePasswordFile: " + password +
			"\n    api: {url: \"https://h/hub/api\", tokenFile: " + token + ", caFile: " + ca + "}\nmembers: {names: hashed, keyFile: " + key + "}"
	}
	metrics := func(token, ca string) string {
		return "hubs: [{name: a}]\nprometheus: {url: \"https://p\", tokenFile: " + token + ", caFile: " + ca + "}"
	}
	for name, c := range map[string]struct{ text, want string }{
		"all good":        {text("good", "good", "ca.pem", "good"), ""},
		"no password":     {text("none", "good", "ca.pem", "good"), "hubaudit.yaml:4: hubs[0].databasePasswordFile: open "},
		"empty token":     {text("good", "empty", "ca.pem", "good"), "hubaudit.yaml:5: hubs[0].api.tokenFile: "},
		"no certificates": {text("good", "good", "none", "good"), "hubaudit.yaml:5: hubs[0].api.caFile: open "},
		"not in PEM":      {text("good", "good", "short", "good"), "short holds no certificate in PEM form"},
		"short key":       {text("good", "good", "ca.pem", "short"), "hubaudit.yaml:6: members.key: the key has 15 bytes, at least 16 are needed"},
		"prometheus":      {metrics("good", "ca.pem"), ""},
		"its token":       {metrics("none", "ca.pem"), "hubaudit.yaml:2: prometheus.tokenFile: open "},
		"its certificate": {metrics("good", "short"), "hubaudit.yaml:2: prometheus.caFile: "},
		"no key":          {text("good", "good", "ca.pem", "none"), "hubaudit.yaml:6: members.keyFile: open "},
	} {
		cfg, err := Parse(filepath.Join(dir, "hubaudit.yaml"), []byte(c.text), known, env(nil))
		if err != nil {
			t.Fatal(err)
		}
		switch err := cfg.CheckFiles(); {
		case c.want == "" && err == nil:
		case c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "0123456789"):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := (&Config{}).MembersKey(); err != nil {
		t.Errorf("plain names need a key: %v", err)
	}
}

// TestDoubtfulSecrets: what a receiver will hardly work with is warned of once it is
// read, wherever it stands, and is not shown.
func TestDoubtfulSecrets(t *testing.T) {
	dir := t.TempDir()
	key, hook := strings.Repeat("k", 32), "https://hooks.slack.com/services/T0/B0/hunter2hunter2"
	for name, content := range map[string]string{"key": key, "short": "hunter2hunter2", "hook": hook, "other": "https://example.org/hook"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const short, slack = "the key has 14 characters, and those of PagerDuty's Events API v2 have 32", "Slack does not take the messages of a webhook receiver"
	for text, want := range map[string]string{
		"pagerduty: {routingKeyFile: key}":                                  "",
		"pagerduty: {routingKeyFile: short}":                                "hubaudit.yaml:2: notify.pagerduty.routingKeyFile: " + short,
		"receivers: [{name: p, pagerduty: {routingKeyFile: short}}]":        "notify.receivers[0].pagerduty.routingKeyFile: " + short,
		"pagerduty: {routingKey: \"${SHORT}\"}":                             "notify.pagerduty.routingKey: " + short,
		"pagerduty: {routingKey: \"${KEY}\"}":                               "",
		"webhook: {urlFile: hook, secretFile: key}":                         "notify.webhook.urlFile: " + slack,
		"webhook: {url: \"${HOOK}\", secretFile: key}":                      "notify.webhook.url: " + slack,
		"receivers: [{name: w, webhook: {urlFile: hook, secretFile: key}}]": "notify.receivers[0].webhook.urlFile: " + slack,
		"webhook: {urlFile: other, secretFile: key}":                        "",
		"slack: {webhookURLFile: hook}":                                     "",
	} {
		cfg, err := Parse(filepath.Join(dir, "hubaudit.yaml"), []byte("hubs: [{name: a}]\nnotify: {"+text+"}"), known,
			env(map[string]string{"SHORT": "hunter2hunter2", "KEY": key, "HOOK": hook}))
		if err != nil || cfg.CheckFiles() != nil {
			t.Errorf("%s: %v, %v", text, err, cfg.CheckFiles())
			continue
		}
		var all string
		for _, w := range cfg.Warnings() {
			all += w.String() + "\n"
		}
		if (want == "") != (all == "") || !strings.Contains(all, want) || strings.Count(all, "\n") > 1 || strings.Contains(all, "hunter2") {
			t.Errorf("%s: warned of %q, want %q", text, all, want)
		}
	}
}
