package paging

import (
	"errors"
	"io"
	"io/fs"
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

// Who gets the mails.
const onCall, deputy = "on-call@example.org", "deputy@example.org"

// filled is how big the receiver's file is from the beginning: more than any other
// that the audit writes, so that a limit to files is one to this file.
const filled = 4 << 20

// receivers are the servers of one world, each behind a gate.
type receivers struct {
	bot, chat *notifytest.SlackServer
	pager     *notifytest.PagerDutyServer
	alerts    *notifytest.AlertmanagerServer
	hook      *notifytest.WebhookServer
	mail      *notifytest.SMTPServer
	file      string
	gates     map[string]*gate
	noSecret  map[string]bool // whose secret cannot be read
}

func startReceivers(t *testing.T, dir string, kill func()) *receivers {
	r := &receivers{bot: notifytest.NewSlackServer(), chat: notifytest.NewSlackServer(), pager: notifytest.NewPagerDutyServer(),
		alerts: notifytest.NewAlertmanagerServer(), hook: notifytest.NewWebhookServer(time.Now), file: filepath.Join(dir, "messages", "messages.jsonl"),
		gates: map[string]*gate{}, noSecret: map[string]bool{}}
	must(t, os.Mkdir(filepath.Dir(r.file), 0o700))
	must(t, os.WriteFile(r.file, nil, 0o600))
	must(t, os.Truncate(r.file, filled))
	var err error
	r.mail, err = notifytest.NewSMTPServer(notifytest.SMTPOptions{})
	must(t, err)
	for _, end := range []func(){r.bot.Close, r.chat.Close, r.pager.Close, r.alerts.Close, r.hook.Close, r.mail.Close} {
		t.Cleanup(end)
	}
	for name, backend := range map[string]string{toSlack: r.bot.APIURL(), toChat: r.chat.WebhookURL(), toPager: r.pager.URL(),
		toAlert: r.alerts.URL(), toHook: r.hook.URL()} {
		r.gates[name] = newGate(t, name, backend, kill)
	}
	r.gates[toMail] = newMailGate(t, toMail, r.mail.Address(), func() int { return len(r.mail.Mails()) }, kill)
	return r
}

// settings are the receivers' part of the configuration, in a folder.
func (r *receivers) settings(t *testing.T, dir string) map[string]any {
	put := func(name string, value []byte) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, value, 0o600))
		return file
	}
	secret := func(receiver, value string) string {
		file := put("secret of "+receiver, []byte(value))
		if r.noSecret[receiver] {
			must(t, os.Remove(file))
		}
		return file
	}
	hook := secret(toChat, r.gates[toChat].at(t, r.chat.WebhookURL()))
	return map[string]any{
		toSlack: map[string]any{"tokenFile": secret(toSlack, notifytest.SlackToken), "channel": notifytest.SlackChannel,
			"apiURL": r.gates[toSlack].at(t, r.bot.APIURL())},
		toPager: map[string]any{"routingKeyFile": secret(toPager, notifytest.PagerDutyKey), "apiURL": r.gates[toPager].at(t, r.pager.URL())},
		toAlert: map[string]any{"url": r.gates[toAlert].at(t, r.alerts.URL()), "tokenFile": secret(toAlert, notifytest.AlertmanagerToken), "keep": alertKeep.String()},
		toHook:  map[string]any{"url": r.gates[toHook].at(t, r.hook.URL()), "secretFile": secret(toHook, notifytest.WebhookSecret)},
		toMail: map[string]any{"from": "hubaudit@example.org", "to": []string{onCall, deputy}, "server": r.gates[toMail].mail.Addr().String(),
			"username": notifytest.SMTPUser, "passwordFile": secret(toMail, notifytest.SMTPPassword), "caFile": put("authority", r.mail.CA())},
		toFile:      map[string]any{"path": r.file},
		"receivers": []any{map[string]any{"name": toChat, "slack": map[string]any{"webhookURLFile": hook}}},
	}
}

// lines are the file's messages after so many bytes; none while there is no such
// file. One that was torn by a kill is ended by the next.
func (r *receivers) lines(t *testing.T, from int) []byte {
	f, err := os.Open(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	if info.IsDir() {
		return nil
	}
	data, err := io.ReadAll(io.NewSectionReader(f, int64(from), info.Size()-int64(from)))
	must(t, err)
	return data
}
