package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"hubaudit/internal/config"
	"hubaudit/notify"
)

// pagerDutyEU is where accounts in PagerDuty's EU service region send to.
const pagerDutyEU = "https://events.eu.pagerduty.com"

// Receivers makes the configured receivers, reading their secrets. One whose
// secret cannot be read costs only itself; the error names it.
func Receivers(cfg *config.Config) ([]notify.Receiver, error) {
	all, err := receivers(cfg)
	return slices.DeleteFunc(all, func(r notify.Receiver) bool { _, bad := r.(unusable); return bad }), err
}

// receivers are all that are configured. One that cannot be made is there all the
// same: what is meant for it is queued, and it accepts nothing.
func receivers(cfg *config.Config) ([]notify.Receiver, error) {
	var all []notify.Receiver
	var errs []error
	for _, r := range cfg.Notify.All() {
		made, err := receiver(cfg, &r)
		if err != nil {
			errs = append(errs, err)
			made = unusable{r.Name, keeps(&r), err}
		}
		all = append(all, made)
	}
	return all, errors.Join(errs...)
}

// unusable stands for a receiver that could not be made.
type unusable struct {
	name  string
	keeps notify.Keeps
	err   error
}

func (u unusable) Name() string                                         { return u.name }
func (u unusable) Keeps() notify.Keeps                                  { return u.keeps }
func (u unusable) Test(context.Context) error                           { return u.err }
func (u unusable) Send(context.Context, notify.Message) (string, error) { return "", u.refusal() }
func (u unusable) refusal() error                                       { return &notify.SendError{Err: u.err, Refused: true} }

// keeps is what the receiver keeps of an incident once it can be made.
func keeps(r *config.Receiver) notify.Keeps {
	switch {
	case r.Alertmanager != nil:
		return notify.KeepsState
	case r.Slack != nil && r.Slack.Token+r.Slack.TokenFile != "":
		return notify.KeepsMessage
	}
	return notify.KeepsNothing
}

func receiver(cfg *config.Config, r *config.Receiver) (notify.Receiver, error) {
	switch {
	case r.Slack != nil:
		return slackReceiver(cfg, r)
	case r.PagerDuty != nil:
		key, err := cfg.Secret(r.Key()+".routingKey", r.PagerDuty.RoutingKey, r.PagerDuty.RoutingKeyFile)
		base := r.PagerDuty.APIURL
		if base == "" && r.PagerDuty.Region == config.RegionEU {
			base = pagerDutyEU
		}
		return notify.NewPagerDuty(r.Name, key, base, notify.WithKey(r.Key())), err
	case r.Alertmanager != nil:
		return alertmanagerReceiver(cfg, r)
	case r.Webhook != nil:
		return webhookReceiver(cfg, r)
	case r.Email != nil:
		return emailReceiver(cfg, r)
	}
	return notify.NewFile(r.Name, cfg.Path(r.File.Path), notify.WithKey(r.Key())), nil
}

func slackReceiver(cfg *config.Config, r *config.Receiver) (notify.Receiver, error) {
	s := r.Slack
	if s.WebhookURL+s.WebhookURLFile != "" {
		hook, err := cfg.Secret(r.Key()+".webhookURL", s.WebhookURL, s.WebhookURLFile)
		return notify.NewSlackWebhook(r.Name, hook, notify.WithKey(r.Key())), err
	}
	token, err := cfg.Secret(r.Key()+".token", s.Token, s.TokenFile)
	return notify.NewSlackBot(r.Name, token, s.Channel, s.APIURL, notify.WithKey(r.Key())), err
}

func alertmanagerReceiver(cfg *config.Config, r *config.Receiver) (notify.Receiver, error) {
	a := r.Alertmanager
	o := notify.AlertmanagerOptions{URLs: a.URLs, Username: a.Username, Labels: a.Labels, Keep: a.Keep}
	if a.URL != "" {
		o.URLs = []string{a.URL}
	}
	var errs [3]error
	o.Token, errs[0] = cfg.Secret(r.Key()+".token", a.Token, a.TokenFile)
	o.Password, errs[1] = cfg.Secret(r.Key()+".password", a.Password, a.PasswordFile)
	o.CA, errs[2] = certificates(cfg, r.Key(), a.CAFile)
	return notify.NewAlertmanager(r.Name, o, notify.WithKey(r.Key())), errors.Join(errs[:]...)
}

func webhookReceiver(cfg *config.Config, r *config.Receiver) (notify.Receiver, error) {
	w := r.Webhook
	var o notify.WebhookOptions
	var errs [3]error
	o.URL, errs[0] = cfg.Secret(r.Key()+".url", w.URL, w.URLFile)
	o.Secret, errs[1] = cfg.Secret(r.Key()+".secret", w.Secret, w.SecretFile)
	o.CA, errs[2] = certificates(cfg, r.Key(), w.CAFile)
	return notify.NewWebhook(r.Name, o, notify.WithKey(r.Key())), errors.Join(errs[:]...)
}

func emailReceiver(cfg *config.Config, r *config.Receiver) (notify.Receiver, error) {
	e := r.Email
	o := notify.EmailOptions{From: e.From, To: e.To, Server: e.Server, TLS: e.TLS, Username: e.Username}
	var errs [2]error
	o.Password, errs[0] = cfg.Secret(r.Key()+".password", e.Password, e.PasswordFile)
	o.CA, errs[1] = certificates(cfg, r.Key(), e.CAFile)
	return notify.NewEmail(r.Name, o, notify.WithKey(r.Key())), errors.Join(errs[:]...)
}

// certificates reads a file of certificates, nil where none is named.
func certificates(cfg *config.Config, key, file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(cfg.Path(file))
	if err != nil {
		return nil, fmt.Errorf("%s.caFile: %w; name a file of certificates in PEM", key, err)
	}
	return pem, nil
}
