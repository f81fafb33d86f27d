package outputs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"hubaudit/notify/notifytest"
)

// everybody are all of them.
const everybody = "slack, pagerduty, alertmanager, webhook, email, file, hook"

// listeners are a receiver of every kind, each with its vendor's limits.
type listeners struct {
	slack        *notifytest.SlackServer // a bot and a webhook
	pagerduty    *notifytest.PagerDutyServer
	alertmanager *notifytest.AlertmanagerServer
	webhook      *notifytest.WebhookServer
	mail         *notifytest.SMTPServer
}

// listen starts them.
func listen(t testing.TB) *listeners {
	t.Helper()
	l := &listeners{slack: notifytest.NewSlackServer(), pagerduty: notifytest.NewPagerDutyServer(), alertmanager: notifytest.NewAlertmanagerServer(),
		webhook: notifytest.NewWebhookServer(time.Now)}
	t.Cleanup(l.slack.Close)
	t.Cleanup(l.pagerduty.Close)
	t.Cleanup(l.alertmanager.Close)
	t.Cleanup(l.webhook.Close)
	var err error
	l.mail, err = notifytest.NewSMTPServer(notifytest.SMTPOptions{})
	must(t, err)
	t.Cleanup(l.mail.Close)
	return l
}

// configure adds them to a site, whose hubs are given, and tells those named of
// everything.
func (l *listeners) configure(t testing.TB, s *site, hubs, receivers string) {
	t.Helper()
	for file, secret := range map[string]string{"slack": notifytest.SlackToken, "hook": l.slack.WebhookURL(), "pagerduty": notifytest.PagerDutyKey, "alertmanager": notifytest.AlertmanagerToken,
		"webhook": notifytest.WebhookSecret, "mail": notifytest.SMTPPassword, "mail.pem": string(l.mail.CA())} {
		s.write(t, "secrets/"+file, secret)
	}
	s.write(t, "hubaudit.yaml", hubs+fmt.Sprintf(`
cluster: {dump: dump, name: prod}
history: sqlite:out/history.db
metrics: {file: out/hubaudit.prom}
notify:
  slack: {tokenFile: secrets/slack, channel: "%s", apiURL: "%s"}
  pagerduty: {routingKeyFile: secrets/pagerduty, apiURL: "%s"}
  alertmanager: {url: "%s", tokenFile: secrets/alertmanager}
  webhook: {url: "%s", secretFile: secrets/webhook}
  email: {from: audit@example.org, to: [oncall@example.org], server: "%s", caFile: secrets/mail.pem, username: %s, passwordFile: secrets/mail}
  file: {path: out/messages.jsonl}
  reportURL: https://reports.example.org/{run}.html
  receivers:
    - {name: hook, slack: {webhookURLFile: secrets/hook}}
  routes:
    - {severity: info, to: [%s]}
`, notifytest.SlackChannel, l.slack.APIURL(), l.pagerduty.URL(), l.alertmanager.URL(), l.webhook.URL(), l.mail.Address(), notifytest.SMTPUser, receivers))
}

// messages is how many each has been told.
func (l *listeners) messages(t testing.TB, s *site) map[string]int {
	t.Helper()
	n := map[string]int{"pagerduty": len(l.pagerduty.Events()), "alertmanager": len(l.alertmanager.Posts()), "webhook": len(l.webhook.Messages()),
		"email": len(l.mail.Mails()), "file": bytes.Count(s.read(t, "out/messages.jsonl"), []byte("\n")), "slack's files": len(l.slack.Files())}
	for _, p := range l.slack.Posts() {
		n["slack "+p.Method]++
	}
	return n
}

// documents are all JSON that was sent, by who was sent it.
func (l *listeners) documents(t testing.TB, s *site) map[string][]json.RawMessage {
	t.Helper()
	all := map[string][]json.RawMessage{}
	for _, p := range l.slack.Posts() {
		text, err := json.Marshal(p.Text)
		must(t, err)
		all["slack "+p.Method] = append(all["slack "+p.Method], text, p.Blocks)
	}
	for _, e := range l.pagerduty.Events() {
		all["pagerduty"] = append(all["pagerduty"], e.Raw)
	}
	for _, p := range l.alertmanager.Posts() {
		alerts, err := json.Marshal(p)
		must(t, err)
		all["alertmanager"] = append(all["alertmanager"], alerts)
	}
	for _, m := range l.webhook.Messages() {
		all["webhook"] = append(all["webhook"], m.Body)
	}
	for line := range bytes.Lines(s.read(t, "out/messages.jsonl")) {
		all["file"] = append(all["file"], line)
	}
	return all
}
