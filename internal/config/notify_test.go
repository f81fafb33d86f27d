package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
)

// everyKind has a receiver of each kind twice, and what else belongs to notify.
const everyKind = `
hubs:
  - {name: datahub, owners: [mail], checks: {pvc-lost: {for: 5m}}}
  - {name: physics, owners: [chat, slack], checks: {pvc-lost: {for: 0s}}}
  - {name: lab}
historyPasswordFile: pw
history: postgresql://hubaudit@db/hubaudit
checks: {pvc-lost: {for: 3 runs}, hub-user-count-drift: {for: 30m}}
notify:
  slack: {token: "${SLACK}", channel: "#hub"}
  pagerduty: {routingKeyFile: key, region: eu}
  alertmanager: {urls: ["http://am-0:9093/", "https://am.example.org/am"], tokenFile: t, caFile: ca, labels: {team: hubs, site: "${SITE}"}}
  webhook: {url: "https://example.org/hook", secretFile: s}
  email: {from: "Hubaudit <hubaudit@example.org>", to: [a@example.org], server: "smtp.example.org:465"}
  file: {path: messages.jsonl}
  receivers:
    - {name: chat, slack: {webhookURLFile: hook}}
    - {name: second-pager, pagerduty: {routingKey: "${KEY}", apiURL: "http://localhost:1"}}
    - {name: alerts, alertmanager: {url: "http://am:9093", username: u, passwordFile: p, keep: 2h}}
    - {name: hook, webhook: {urlFile: u, secret: "${SECRET}"}}
    - {name: mail, email: {from: a@b.example, to: [c@d.example], server: "127.0.0.1:25", tls: none}}
    - {name: log, file: {path: /var/log/x}}
  routes:
    - {severity: error, to: [pagerduty, second-pager]}
    - {severity: warning, hubs: ["", "d*"], checks: ["pvc-*"], to: [slack, alertmanager, webhook, email, file, alerts, hook, log]}
    - {severity: warning, to: [owners]}
  quietHours: {from: "20:00", to: 07:30, days: [sat, sun], timeZone: Europe/Zurich}
  privacy: hash
  privacyKey: "${MEMBERS_KEY}"
  reportURL: https://example.org/reports/{run}.html
  heartbeatURL: "${BEAT}"
  resolveAfter: 3
  reopenWithin: 48h
metrics: {file: hubaudit.prom, pushgateway: "https://push.example.org/", username: u, passwordFile: p, caFile: ca}
watch: {schedule: "0 */2 * * *", timeZone: Europe/Zurich, jitter: 5m, listen: "127.0.0.1:9732"}
`

var everyVariable = map[string]string{"SLACK": "xoxb-1", "SITE": "north", "KEY": "k", "SECRET": "0123456789abcdef01234567", "MEMBERS_KEY": "0123456789abcdef",
	"BEAT": "https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"}

func TestEveryKindOfReceiver(t *testing.T) {
	c, err := parse(everyKind, everyVariable)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Notify.All() {
		got = append(got, r.Name+" "+r.Key())
	}
	want := []string{"slack notify.slack", "pagerduty notify.pagerduty", "alertmanager notify.alertmanager", "webhook notify.webhook", "email notify.email", "file notify.file",
		"chat notify.receivers[0].slack", "second-pager notify.receivers[1].pagerduty", "alerts notify.receivers[2].alertmanager", "hook notify.receivers[3].webhook",
		"mail notify.receivers[4].email", "log notify.receivers[5].file"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
	n := c.Notify
	if a := n.Alertmanager; a.Keep != 26*time.Hour || a.URLs[0] != "http://am-0:9093" || a.Labels["site"] != "north" || n.Receivers[2].Alertmanager.Keep != 2*time.Hour {
		t.Errorf("alertmanager read as %+v", a)
	}
	if n.Email.TLS != TLSImplicit || n.Receivers[4].Email.TLS != TLSNone || n.PagerDuty.Region != RegionEU || n.Receivers[1].PagerDuty.Region != "" {
		t.Errorf("defaults: %+v %+v", n.Email, n.PagerDuty)
	}
	if key, err := c.PrivacyKey(); key != "0123456789abcdef" || err != nil {
		t.Errorf("privacy key %q, %v", key, err)
	}
	if c.Metrics.Pushgateway != "https://push.example.org" || c.Watch.Jitter != 5*time.Minute || n.QuietHours.To != "07:30" || n.ResolveAfter != 3 {
		t.Errorf("read as %+v %+v %+v", c.Metrics, c.Watch, n.QuietHours)
	}
	if warnings := c.Warnings(); len(warnings) > 0 {
		t.Errorf("warned of %v", warnings)
	}
}

func TestNotifyDefaults(t *testing.T) {
	c, err := parse("hubs: [{name: a}]\nnotify: {slack: {webhookURLFile: w}, pagerduty: {routingKeyFile: k}, email: {from: a@b, to: [c@d], server: \"s:587\"}, receivers: [{name: pager, pagerduty: {routingKeyFile: k}}]}", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Notify
	want := []Route{{Severity: verdict.Error, To: []string{"pagerduty", "pager"}}, {Severity: verdict.Warning, To: []string{"slack", "email"}}}
	if diff := cmp.Diff(want, n.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if n.ResolveAfter != 1 || n.ReopenWithin != 24*time.Hour || n.Privacy != PrivacyNames || n.Email.TLS != TLSStart || n.PagerDuty.Region != RegionUS {
		t.Errorf("defaults are %+v", n)
	}
	if key, err := c.PrivacyKey(); key != "" || err != nil {
		t.Errorf("privacy key %q, %v", key, err)
	}
}

func TestNotifyMistakes(t *testing.T) {
	n := func(text string) string { return "hubs: [{name: datahub}]\nnotify: {" + text + "}" }
	to := func(route string) string {
		return n("file: {path: f}, receivers: [{name: chat, slack: {webhookURLFile: w}}], routes: [" + route + "]")
	}
	am := func(text string) string { return n("alertmanager: {" + text + "}") }
	mail := func(text string) string {
		return n("email: {from: a@b.example, to: [c@d.example], server: \"s.example:587\", " + text + "}")
	}
	quiet := func(text string) string { return n("quietHours: {" + text + "}") }
	watch := func(text string) string { return "hubs: [{name: a}]\nwatch: {" + text + "}" }
	metrics := func(text string) string { return "hubs: [{name: a}]\nmetrics: {" + text + "}" }
	for name, c := range map[string]struct{ text, want string }{
		"no kind":            {n("receivers: [{name: x}]"), "notify.receivers[0]: set exactly one of slack"},
		"two kinds":          {n("receivers: [{name: x, file: {path: a}, slack: {webhookURLFile: w}}]"), "notify.receivers[0]: set exactly one of slack"},
		"owners":             {n("receivers: [{name: owners, file: {path: a}}]"), `notify.receivers[0].name: "owners" stands in routes`},
		"no name":            {n("receivers: [{file: {path: a}}]"), `notify.receivers[0].name: "" is not a name`},
		"upper case":         {n("receivers: [{name: Chat, file: {path: a}}]"), "lower-case letters"},
		"same name":          {n("receivers: [{name: x, file: {path: a}}, {name: x, file: {path: b}}]"), `notify.receivers[1]: another receiver has the name "x"`},
		"name of a kind":     {n("file: {path: a}, receivers: [{name: file, file: {path: b}}]"), `another receiver has the name "file"`},
		"no path":            {n("file: {}"), "notify.file: set path"},
		"unknown key":        {n("receivers: [{name: x, email: {servr: a}}]"), `notify.receivers[0].email.servr: unknown key; did you mean "server"?`},
		"routing key":        {n("receivers: [{name: x, pagerduty: {}}]"), "notify.receivers[0].pagerduty: set routingKeyFile"},
		"region":             {n("pagerduty: {routingKeyFile: k, region: asia}"), `"asia" is neither us nor eu`},
		"region and address": {n("pagerduty: {routingKeyFile: k, region: eu, apiURL: \"https://p.example\"}"), "apiURL says where to send"},
		"address":            {n("pagerduty: {routingKeyFile: k, apiURL: \"events.pagerduty.com\"}"), "notify.pagerduty.apiURL: must be a URL such as https://events.eu"},
		"channel of a hook":  {n("slack: {webhookURLFile: w, channel: c}"), "notify.slack.channel: is of no use"},

		"alertmanager nowhere":     {am(""), "notify.alertmanager: set url"},
		"alertmanager twice":       {am("url: \"http://a\", urls: [\"http://b\"]"), "notify.alertmanager: set url, or urls"},
		"alertmanager's API":       {am("url: \"http://a:9093/api/v2/\""), "notify.alertmanager.url: must be the server's address with its path prefix, if it has one: write http://a:9093"},
		"alertmanager's page":      {am("urls: [\"http://a:9093/x/#/alerts\"]"), "notify.alertmanager.urls[0]: must be the server's address with its path prefix, if it has one: write http://a:9093/x"},
		"alertmanager, no URL":     {am("urls: [\"http://a\", am]"), "notify.alertmanager.urls[1]: must be the URL of an Alertmanager"},
		"empty in a list":          {am("urls: [\"\"]"), "notify.alertmanager.urls[0]: must be the URL"},
		"two logins":               {am("url: \"http://a\", tokenFile: t, username: u, passwordFile: p"), "notify.alertmanager: set tokenFile, or username and passwordFile"},
		"certificates in clear":    {am("url: \"http://a\", caFile: c"), "notify.alertmanager.caFile: is of no use"},
		"keep too short":           {am("url: \"http://a\", keep: 30m"), "notify.alertmanager.keep: must be at least 1h"},
		"keep nothing":             {am("url: \"http://a\", keep: 0s"), "notify.alertmanager.keep: must be at least 1h"},
		"own label":                {am("url: \"http://a\", labels: {severity: page}"), "notify.alertmanager.labels.severity: the audit sets severity itself"},
		"label's name":             {am("url: \"http://a\", labels: {a-b: c}"), `"a-b" is not the name of a label`},
		"empty label":              {am("url: \"http://a\", labels: {a: \"\"}"), "notify.alertmanager.labels.a: must be a line of text"},
		"label of two lines":       {am("url: \"http://a\", labels: {a: \"b\\nc\"}"), "must be a line of text"},
		"labels as a list":         {am("url: \"http://a\", labels: [a]"), "notify.alertmanager.labels: must be a mapping"},
		"label as a list":          {am("url: \"http://a\", labels: {a: [b]}"), "notify.alertmanager.labels.a: must be a single value"},
		"webhook nowhere":          {n("webhook: {secretFile: s}"), "notify.webhook: set urlFile"},
		"webhook by ftp":           {n("webhook: {url: \"ftp://x/y\", secretFile: s}"), "notify.webhook.url: must be a URL such as"},
		"token in the webhook":     {n("webhook: {url: \"https://x.example/hooks/T01AB2CD3EF4GH5I\", secretFile: s}"), "notify.webhook.url: a secret does not belong"},
		"option in the webhook":    {n("webhook: {url: \"https://x.example/hooks?x=y\", secretFile: s}"), "notify.webhook.url: a secret does not belong"},
		"short secret":             {n("webhook: {urlFile: u, secret: \"${SHORT}\"}"), "notify.webhook.secret: the secret has 5 bytes, at least 24 are needed"},
		"webhook's CA":             {n("webhook: {url: \"http://x/y\", secretFile: s, caFile: c}"), "notify.webhook.caFile: is of no use"},
		"heartbeat with UUID":      {n("heartbeatURL: https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"), "notify.heartbeatURL: a secret does not belong"},
		"heartbeat nowhere":        {n("heartbeatURL: hc-ping.com"), "notify.heartbeatURL: must be a URL"},
		"two heartbeats":           {n("heartbeatURL: \"http://x\", heartbeatURLFile: h"), "set this or notify.heartbeatURLFile, not both"},
		"report nowhere":           {n("reportURL: report.html"), "notify.reportURL: must be a URL"},
		"mail from nobody":         {n("email: {to: [a@b.example], server: \"s:1\"}"), `notify.email.from: "" is not an e-mail address`},
		"mail to nobody":           {n("email: {from: a@b.example, server: \"s:1\"}"), "notify.email.to: names nobody"},
		"mail to a name":           {n("email: {from: a@b.example, to: [x@y.example, oncall], server: \"s:1\"}"), `notify.email.to[1]: "oncall" is not an e-mail address`},
		"mail without port":        {n("email: {from: a@b.example, to: [c@d.example], server: smtp.example.org}"), "is not host:port, such as smtp.example.org:587"},
		"mail to port 0":           {n("email: {from: a@b.example, to: [c@d.example], server: \"s:0\"}"), "is not host:port"},
		"mail, other TLS":          {mail("tls: ssl"), "neither starttls, implicit nor none"},
		"mail in clear":            {mail("tls: none"), "none is for a server on the same machine"},
		"mail, user alone":         {mail("username: u"), "set both or none"},
		"mail, password alone":     {mail("passwordFile: p"), "set both or none"},
		"password written out":     {mail("username: u, password: hunter2"), "notify.email.password: a secret does not belong"},
		"route to nobody known":    {to("{severity: error, to: [chatt]}"), `receiver "chatt" is not configured under notify; did you mean "chat"?`},
		"route to another":         {to("{severity: error, to: [mail]}"), `receiver "mail" is not configured under notify; there are file, chat`},
		"route without owners":     {to("{severity: error, to: [owners]}"), "no hub has owners"},
		"route to no hub":          {to("{severity: error, to: [chat], hubs: [databub]}"), `notify.routes[0].hubs[0]: "databub" matches no hub; did you mean "datahub"?`},
		"route of no check":        {to("{severity: error, to: [chat], checks: [\"pvc-*\", \"lh-*\"]}"), `notify.routes[0].checks[1]: "lh-*" matches no check`},
		"route of a mistyped":      {to("{severity: error, to: [chat], checks: [pvc-lots]}"), `did you mean "pvc-lost"?`},
		"no glob":                  {to("{severity: error, to: [chat], checks: [\"pvc-[\"]}"), "is not a glob"},
		"owner unknown":            {"hubs: [{name: a, owners: [chatt]}]\nnotify: {receivers: [{name: chat, slack: {webhookURLFile: w}}]}", `hubs[0].owners[0]: receiver "chatt" is not configured`},
		"owners own themselves":    {"hubs: [{name: a, owners: [owners]}]\nnotify: {file: {path: f}}", `hubs[0].owners[0]: receiver "owners" is not configured`},
		"resolve at once":          {n("resolveAfter: 0"), "notify.resolveAfter: must be 1 to 100 runs"},
		"resolve never":            {n("resolveAfter: 101"), "notify.resolveAfter: must be 1 to 100 runs"},
		"reopen":                   {n("reopenWithin: -1s"), "notify.reopenWithin: must not be negative"},
		"repeat":                   {n("repeatInterval: -1s"), "notify.repeatInterval: must not be negative"},
		"quiet for nothing":        {quiet("timeZone: UTC"), "notify.quietHours: set from and to"},
		"quiet from":               {quiet("to: \"07:00\""), `"" is not a time of day`},
		"quiet at 24":              {quiet("from: \"24:00\", to: \"07:00\""), `"24:00" is not a time of day`},
		"quiet at 7":               {quiet("from: \"22:00\", to: \"7:00\""), `"7:00" is not a time of day`},
		"quiet for 24 hours":       {quiet("from: \"07:00\", to: \"07:00\""), "from and to are the same"},
		"quiet for ever":           {quiet("days: [mon, tue, wed, thu, fri, sat, sun]"), "every day of the week is quiet"},
		"quiet on Caturday":        {quiet("days: [sat, Sun]"), `notify.quietHours.days[1]: "Sun" is not one of mon`},
		"quiet in a wrong zone":    {quiet("days: [sat], timeZone: Zurich"), `notify.quietHours.timeZone: "Zurich" is not a time zone`},
		"quiet here":               {quiet("days: [sat], timeZone: Local"), "is not a time zone"},
		"privacy":                  {n("privacy: none"), "is neither names, short nor hash"},
		"hash without key":         {n("privacy: hash"), "notify.privacy: hash needs a key"},
		"key without hash":         {n("privacyKeyFile: k"), "there is a key, and yet names are not hashed"},
		"short privacy key":        {n("privacy: hash, privacyKey: \"${SHORT}\""), "notify.privacyKey: the key has 5 bytes"},
		"history's password":       {"hubs: [{name: a}]\nhistoryPasswordFile: p", "history: there is a historyPassword, and an SQLite file has none"},
		"history's two passwords":  {"hubs: [{name: a}]\nhistory: postgresql://u:${SHORT}@h/n\nhistoryPasswordFile: p", "the password is both in history and in historyPassword"},
		"history's password open":  {"hubs: [{name: a}]\nhistory: postgresql://u@h/n\nhistoryPassword: p", "historyPassword: a secret does not belong"},
		"metrics elsewhere":        {metrics("file: hubaudit.txt"), "must end in .prom"},
		"metrics without a name":   {metrics("file: x/.prom"), "must end in .prom"},
		"gateway":                  {metrics("pushgateway: \"push:9091\""), "metrics.pushgateway: must be the URL of a Pushgateway"},
		"gateway's page":           {metrics("pushgateway: \"http://push:9091/metrics/\""), "write http://push:9091"},
		"login of no gateway":      {metrics("username: u, passwordFile: p"), "no pushgateway to use it for"},
		"gateway without password": {metrics("pushgateway: \"http://p\", username: u"), "metrics: there is a username and no password"},
		"schedule":                 {watch("schedule: often"), "watch.schedule: \"often\" is not a cron schedule"},
		"six fields":               {watch("schedule: \"0 0 3 * * *\""), "is not a cron schedule"},
		"too often":                {watch("schedule: \"@every 59s\""), "there must be at least 1m0s between two runs"},
		"never":                    {watch("schedule: \"0 0 30 2 *\""), "is never due"},
		"two zones":                {watch("schedule: \"CRON_TZ=UTC 0 3 * * *\", timeZone: UTC"), "watch.timeZone: the schedule names a time zone itself"},
		"zone in the schedule":     {watch("schedule: \"TZ=Zurich 0 3 * * *\""), `watch.schedule: "Zurich" is not a time zone`},
		"nothing but a zone":       {watch("schedule: \"TZ=UTC\""), "is not a cron schedule"},
		"zone":                     {watch("timeZone: Zurich"), "watch.timeZone: \"Zurich\" is not a time zone"},
		"jitter":                   {watch("jitter: 1h"), "watch.jitter: must be less than 1h0m0s"},
		"negative jitter":          {watch("jitter: -1s"), "watch.jitter: must be less than 1h0m0s, and not negative"},
		"jitter of the schedule":   {watch("schedule: \"@every 10m\", jitter: 10m"), "watch.jitter: must be less than the 10m0s between two runs"},
		"listen":                   {watch("listen: \"9732\""), "watch.listen: \"9732\" is neither host:port"},
		"listen by name":           {watch("listen: \"127.0.0.1:http\""), "is neither host:port"},
		"patience in words":        {"hubs: [{name: a}]\nchecks:\n  pvc-lost: {for: a while}", "hubaudit.yaml:3: checks.pvc-lost.for: \"a while\" is neither a number of runs"},
		"patience of a hub":        {"hubs: [{name: a, checks: {pvc-lost: {for: 0 runs}}}]", "hubs[0].checks.pvc-lost.for: \"0 runs\": write 1 to 100 runs"},
		"patience without end":     {"hubs: [{name: a}]\nchecks: {pvc-lost: {for: 169h}}", "at most 168h"},
		"many runs":                {"hubs: [{name: a}]\nchecks: {pvc-lost: {for: 101 runs}}", "write 1 to 100 runs"},
		"a bare number":            {"hubs: [{name: a}]\nchecks: {pvc-lost: {for: 3}}", `"3" is neither a number of runs, such as "3 runs", nor a duration`},
		"negative patience":        {"hubs: [{name: a}]\nchecks: {pvc-lost: {for: -5m}}", "at most 168h"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.text, map[string]string{"SHORT": "abcde"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want it to contain %q", err, c.want)
			}
		})
	}
}

func TestNotifyWarnings(t *testing.T) {
	n := func(text string) string { return "hubs: [{name: datahub}]\nnotify: {" + text + "}" }
	for text, want := range map[string]string{
		n("file: {path: f}"): "",
		n("file: {path: f}, receivers: [{name: x, file: {path: g}}], routes: [{severity: info, to: [file]}]"):                                                                                                 "etc/hubaudit.yaml:2: notify.receivers[0].file: no route goes to x, so it is told nothing",
		n("file: {path: f}, routes: [{severity: critical, hubs: [datahub], to: [file]}]"):                                                                                                                     `notify.routes: no route brings incidents of the cluster (volumes, nodes, backups), which have the hub "" to anybody`,
		n("file: {path: f}, routes: [{severity: critical, hubs: [\"\"], to: [file]}]"):                                                                                                                        "no route brings incidents of hub datahub to anybody",
		"hubs: [{name: a, owners: [file]}]\nnotify: {file: {path: f}}":                                                                                                                                        "hubs[0].owners: no route goes to owners, so they are told nothing",
		"hubs: [{name: a, owners: [file]}, {name: b}]\nnotify: {file: {path: f}, receivers: [{name: x, file: {path: g}}], routes: [{severity: info, to: [owners]}, {severity: info, hubs: [\"\"], to: [x]}]}": "no route brings incidents of hub b to anybody",
		n("webhook: {url: \"https://x.example/y\"}"):                                                                                                                                                          "notify.webhook: messages are not signed",
		n("webhook: {url: \"http://x.example.org/y\", secretFile: s}"):                                                                                                                                        "notify.webhook.url: messages, with names of users, would go over the network for everybody to read: write https",
		n("webhook: {url: \"http://hook.monitoring.svc:8080/y\", secretFile: s}"):                                                                                                                             "",
		n("webhook: {url: \"http://hook.monitoring.svc.example.local/y\", secretFile: s}"):                                                                                                                    "",
		n("webhook: {url: \"http://hook/y\", secretFile: s}"):                                                                                                                                                 "",
		n("webhook: {url: \"http://10.1.2.3/y\", secretFile: s}"):                                                                                                                                             "",
		n("webhook: {url: \"http://[::1]:80/y\", secretFile: s}"):                                                                                                                                             "",
		n("webhook: {url: \"http://8.8.8.8/y\", secretFile: s}"):                                                                                                                                              "would go over the network",
		n("alertmanager: {url: \"http://am.example.org\"}"):                                                                                                                                                   "",
		n("alertmanager: {url: \"http://am.example.org\", tokenFile: t}"):                                                                                                                                     "notify.alertmanager.url: the login would go over the network",
		n("alertmanager: {url: \"http://am.monitoring:9093\", username: u, passwordFile: p}"):                                                                                                                 "notify.alertmanager.url: the login would go over the network",
		n("slack: {tokenFile: t, channel: c, apiURL: \"http://proxy.example.org/api/\"}"):                                                                                                                     "notify.slack.apiURL: the token would go over the network",
		n("heartbeatURL: \"${BEAT}\""):                                                                                                                                                                        "notify.heartbeatURL: the address, by which anybody can say that the audit is well, would go over the network",
		"hubs: [{name: a}]\nmetrics: {pushgateway: \"http://push.example.org\", username: u, passwordFile: p}":                                                                                                "metrics.pushgateway: the login would go over the network",
		"hubs: [{name: a}]\nhistory: postgresql://u:s3cr3t@h/n":                                                                                                                                               "history: the password is written out in the URL",
		"hubs: [{name: a}]\nhistory: postgresql://u:${PW}@h/n":                                                                                                                                                "",
	} {
		c, err := parse(text, map[string]string{"PW": "s3cr3t", "BEAT": "http://ping.example.org/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, w := range c.Warnings() {
			got = append(got, w.String())
		}
		all := strings.Join(got, "\n")
		if want == "" && all != "" || !strings.Contains(all, want) || len(got) > 1 || strings.Contains(all, "s3cr3t") || strings.Contains(all, "5bf66975") {
			t.Errorf("%s: warned of %q, want %q", text, all, want)
		}
	}
}

func TestWebhookSecret(t *testing.T) {
	for secret, want := range map[string]string{
		"0123456789abcdef01234567":               "",
		"0123456789abcdef0123456":                "the secret has 23 bytes",
		"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3": "",
		"whsec_MDEyMzQ1Njc4OWFiY2RlZg==":         "the secret has 16 bytes",
		"whsec_0123456789abcdef01234567-":        "what follows is not base64",
	} {
		err := checkWebhookSecret(secret)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "0123456789")) {
			t.Errorf("%s: %v, want %q", secret, err, want)
		}
	}
}

func TestPatience(t *testing.T) {
	c, err := parse(everyKind, everyVariable)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[[2]string]verdict.Patience{
		{"pvc-lost", "lab"}:                 {Runs: 3},
		{"pvc-lost", "datahub"}:             {For: 5 * time.Minute},
		{"pvc-lost", "physics"}:             {},
		{"pvc-lost", ""}:                    {Runs: 3},
		{"pvc-lost", "unknown"}:             {Runs: 3},
		{"hub-user-count-drift", "datahub"}: {For: 30 * time.Minute},
		{"other", "datahub"}:                {},
	} {
		if got := c.Patience(at[0], at[1]); got != want {
			t.Errorf("%v: %+v, want %+v", at, got, want)
		}
	}
	for text, want := range map[string]verdict.Patience{"1 run": {Runs: 1}, " 100  runs ": {Runs: 100}, "168h": {For: maxPatience}, "90s": {For: 90 * time.Second}, "": {}, "1500ms": {For: time.Second}} {
		if got, err := ParsePatience(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestNotifyFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"good": "0123456789abcdef01234567\n", "short": "abcde\n", "url": "https://hooks.example.org/x\n", "words": "see the wiki\n", "s/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := func(text string) string { return "hubs: [{name: a}]\nnotify: {" + text + "}" }
	for text, want := range map[string]string{
		n("webhook: {urlFile: url, secretFile: good}"):                                                               "",
		n("webhook: {urlFile: words, secretFile: good}"):                                                             "hubaudit.yaml:2: notify.webhook.urlFile: the file does not hold one URL",
		n("webhook: {urlFile: url, secretFile: short}"):                                                              "notify.webhook.secretFile: the secret has 5 bytes",
		n("webhook: {urlFile: none, secretFile: good}"):                                                              "notify.webhook.urlFile: open ",
		n("webhook: {urlFile: url, secretFile: good, caFile: short}"):                                                "notify.webhook.caFile: ",
		n("slack: {webhookURLFile: words}"):                                                                          "notify.slack.webhookURLFile: the file does not hold one URL",
		n("heartbeatURLFile: words"):                                                                                 "notify.heartbeatURLFile: the file does not hold one URL",
		n("receivers: [{name: x, alertmanager: {url: \"https://a\", tokenFile: none}}]"):                             "notify.receivers[0].alertmanager.tokenFile: open ",
		n("receivers: [{name: x, email: {from: a@b, to: [c@d], server: \"s:1\", username: u, passwordFile: none}}]"): "notify.receivers[0].email.passwordFile: open ",
		n("privacy: hash, privacyKeyFile: good"):                                                                     "",
		n("privacy: hash, privacyKeyFile: short"):                                                                    "hubaudit.yaml:2: notify.privacyKey: the key has 5 bytes",
		n("file: {path: s/messages}"):                                                                                "",
		n("file: {path: none/messages}"):                                                                             "notify.file.path: the folder must exist: ",
		n("file: {path: good/messages}"):                                                                             "notify.file.path: ",
		"hubs: [{name: a}]\nmetrics: {file: none/x.prom}":                                                            "hubaudit.yaml:2: metrics.file: the folder must exist: ",
		"hubs: [{name: a}]\nmetrics: {pushgateway: \"https://p\", caFile: short}":                                    "metrics.caFile: ",
		"hubs: [{name: a}]\nhistory: postgresql://u@h/n\nhistoryPasswordFile: none":                                  "hubaudit.yaml:3: historyPasswordFile: open ",
	} {
		cfg, err := Parse(filepath.Join(dir, "hubaudit.yaml"), []byte(text), known, env(nil))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		switch err := cfg.CheckFiles(); {
		case want == "" && err == nil:
		case want == "" || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), "wiki"):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// No secret of a receiver is shown by an error or a warning, wherever it stands.
func TestNotifyErrorsShowNoSecret(t *testing.T) {
	const secret = "s3cr3t-value-of-24-bytes"
	n := func(text string) string { return "hubs: [{name: a}]\nbroken: 1\nnotify: {" + text + "}" }
	for _, text := range []string{
		n("alertmanager: {url: \"http://u:" + secret + "@a\"}"),
		n("alertmanager: {url: \"http://a.example.org/api/v2?x=" + secret + "\", token: " + secret + "}"),
		n("webhook: {url: \"https://x.example/" + secret + "/1\", secret: " + secret + "}"),
		n("webhook: {url: \"${S}\"}"),
		n("slack: {webhookURL: \"${S}\"}"),
		n("heartbeatURL: \"${S}\""),
		n("heartbeatURL: \"http://x.example.org/?" + secret + "\""),
		n("email: {password: " + secret + "}"),
		n("email: {password: \"${S}\", server: x}"),
		n("receivers: [{name: x, slack: {token: " + secret + "}, webhook: {secret: " + secret + "}}]"),
		n("privacyKey: " + secret),
		"hubs: [{name: a}]\nhistory: postgresql://u:" + secret + "@h/n\nhistoryPassword: " + secret,
		"hubs: [{name: a}]\nmetrics: {pushgateway: \"http://u:" + secret + "@p\", password: " + secret + "}",
	} {
		for _, text := range []string{text, strings.Replace(text, "broken: 1\n", "", 1)} {
			c, err := parse(text, map[string]string{"S": secret})
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("error for %q is %v", text, err)
			}
			if c != nil {
				t.Errorf("%q is accepted", text)
			}
		}
	}
}
