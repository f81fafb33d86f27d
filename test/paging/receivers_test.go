package paging

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/notify/notifytest"
)

// Names of the receivers in routes.
const (
	toSlack = "slack" // a bot
	toChat  = "chat"  // Slack's webhook
	toPager = "pagerduty"
	toAlert = "alertmanager"
	toHook  = "webhook"
	toMail  = "email"
	toFile  = "file"
)

var allReceivers = []string{toSlack, toChat, toPager, toAlert, toHook, toMail, toFile}

// alertKeep is for how long an alert holds without a further run: longer than any world lasts.
const alertKeep = 2000 * time.Hour

// receivers are the servers of one world, each behind a gate.
type receivers struct {
	bot, chat *notifytest.SlackServer
	pager     *notifytest.PagerDutyServer
	alerts    *notifytest.AlertmanagerServer
	hook      *notifytest.WebhookServer
	mail      *notifytest.SMTPServer
	file      string
	gates     map[string]*gate
}

func startReceivers(t *testing.T, dir string, kill func()) *receivers {
	r := &receivers{bot: notifytest.NewSlackServer(), chat: notifytest.NewSlackServer(), pager: notifytest.NewPagerDutyServer(),
		alerts: notifytest.NewAlertmanagerServer(), hook: notifytest.NewWebhookServer(time.Now), file: filepath.Join(dir, "messages.jsonl"),
		gates: map[string]*gate{}}
	var err error
	r.mail, err = notifytest.NewSMTPServer(notifytest.SMTPOptions{NoTLS: true, Anonymous: true})
	must(t, err)
	for _, end := range []func(){r.bot.Close, r.chat.Close, r.pager.Close, r.alerts.Close, r.hook.Close, r.mail.Close} {
		t.Cleanup(end)
	}
	for name, backend := range map[string]string{toSlack: r.bot.APIURL(), toChat: r.chat.WebhookURL(), toPager: r.pager.URL(),
		toAlert: r.alerts.URL(), toHook: r.hook.URL()} {
		r.gates[name] = newGate(t, name, backend, kill)
	}
	r.gates[toMail] = newMailGate(t, toMail, r.mail.Address(), kill)
	return r
}

// settings are the receivers' part of the configuration.
func (r *receivers) settings(t *testing.T) map[string]any {
	secret := func(name, value string) string {
		file := filepath.Join(filepath.Dir(r.file), name)
		must(t, os.WriteFile(file, []byte(value), 0o600))
		return file
	}
	hook := secret("chat", r.gates[toChat].at(t, r.chat.WebhookURL()))
	return map[string]any{
		toSlack: map[string]any{"tokenFile": secret("token", notifytest.SlackToken), "channel": notifytest.SlackChannel,
			"apiURL": r.gates[toSlack].at(t, r.bot.APIURL())},
		toPager: map[string]any{"routingKeyFile": secret("key", notifytest.PagerDutyKey), "apiURL": r.gates[toPager].at(t, r.pager.URL())},
		toAlert: map[string]any{"url": r.gates[toAlert].at(t, r.alerts.URL()), "tokenFile": secret("bearer", notifytest.AlertmanagerToken), "keep": alertKeep.String()},
		toHook:  map[string]any{"url": r.gates[toHook].at(t, r.hook.URL()), "secretFile": secret("signing", notifytest.WebhookSecret)},
		toMail: map[string]any{"from": "hubaudit@example.org", "to": []string{"on-call@example.org"},
			"server": r.gates[toMail].mail.Addr().String(), "tls": "none"},
		toFile:      map[string]any{"path": r.file},
		"receivers": []any{map[string]any{"name": toChat, "slack": map[string]any{"webhookURLFile": hook}}},
	}
}

// lines are the file's messages. One that was torn by a kill is ended by the next.
func (r *receivers) lines(t *testing.T) []byte {
	data, err := os.ReadFile(r.file)
	if !os.IsNotExist(err) {
		must(t, err)
	}
	return data
}
