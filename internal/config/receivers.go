package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hubaudit/internal/text"
)

const (
	// minAlertKeep is how long an alert holds at least: less would let it resolve
	// between two runs of an hourly job.
	minAlertKeep = time.Hour
	// minWebhookSecret is the shortest secret that the Standard Webhooks allow.
	minWebhookSecret = 24
)

var (
	receiverName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	labelName    = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// ownLabels are the labels by which the audit itself tells alerts apart.
var ownLabels = []string{"alertname", "severity", "cluster", "hub", "check"}

// receivers looks at every receiver, and at the names of the further ones.
func (v *validator) receivers(n *Notify) {
	seen := map[string]bool{}
	for _, r := range n.All() {
		at := r.key
		if listed(at) {
			at, _, _ = strings.Cut(r.key, "].")
			at = strings.TrimSuffix(at, "]") + "]"
			v.named(r.Name, at+".name")
		}
		if seen[r.Name] {
			v.errorf(at, "another receiver has the name %q", r.Name)
		}
		seen[r.Name] = true
		if kinds := r.kinds(); len(kinds) != 1 {
			v.errorf(at, "set exactly one of slack, pagerduty, alertmanager, webhook, email and file: a receiver is of one kind")
			continue
		}
		v.receiver(&r)
	}
}

// listed tells whether a receiver is one of notify.receivers.
func listed(key string) bool { return strings.HasPrefix(key, "notify.receivers[") }

func (v *validator) named(name, key string) {
	switch {
	case name == ReceiverOwners:
		v.errorf(key, "%q stands in routes for the owners of a hub: use another name", name)
	case !receiverName.MatchString(name):
		v.errorf(key, "%q is not a name: use up to 40 lower-case letters, digits and -, such as physics-oncall", name)
	}
}

func (v *validator) receiver(r *Receiver) {
	switch {
	case r.Slack != nil:
		v.slack(r.Slack, r.key)
	case r.PagerDuty != nil:
		v.pagerduty(r.PagerDuty, r.key)
	case r.Alertmanager != nil:
		v.alertmanager(r.Alertmanager, r.key)
	case r.Webhook != nil:
		v.webhook(r.Webhook, r.key)
	case r.Email != nil:
		v.email(r.Email, r.key)
	case r.File != nil && r.File.Path == "":
		v.errorf(r.key, "set path: the file to which a line of JSON is added for each message")
	}
}

func (v *validator) slack(s *Slack, path string) {
	token, hook := s.Token+s.TokenFile != "", s.WebhookURL+s.WebhookURLFile != ""
	if token == hook {
		v.errorf(path, "set one of tokenFile (with channel) and webhookURLFile")
	}
	if token && s.Channel == "" {
		v.errorf(path+".channel", "a bot token needs a channel")
	}
	if hook && s.Channel != "" {
		v.errorf(path+".channel", "is of no use: a webhook writes to the channel that it was made for")
	}
	v.oneOf(path+".token", s.Token, s.TokenFile)
	v.oneOf(path+".webhookURL", s.WebhookURL, s.WebhookURLFile)
	v.secretURL(path+".webhookURL", s.WebhookURL, "https://hooks.slack.com/services/…", "messages and the address itself")
	v.proxy(path+".apiURL", s.APIURL, "https://slack.com/api/", "the token")
}

func (v *validator) pagerduty(p *PagerDuty, path string) {
	if p.RoutingKey+p.RoutingKeyFile == "" {
		v.errorf(path, "set routingKeyFile")
	}
	v.oneOf(path+".routingKey", p.RoutingKey, p.RoutingKeyFile)
	switch {
	case p.APIURL != "" && p.Region != "":
		v.errorf(path+".region", "is of no use: apiURL says where to send")
	case p.APIURL == "" && p.Region != RegionUS && p.Region != RegionEU:
		v.errorf(path+".region", "%q is neither us nor eu", p.Region)
	}
	v.proxy(path+".apiURL", p.APIURL, "https://events.eu.pagerduty.com", "the routing key")
}

// proxy looks at an address in the place of a vendor's own.
func (v *validator) proxy(key, value, example, what string) {
	if value == "" {
		return
	}
	v.inClear(key, v.httpURL(key, value, "must be a URL such as "+example, "it has no place for one"), what)
}

// secretURL looks at a URL that is a secret, as far as it is known: one in a
// file is read by CheckFiles.
func (v *validator) secretURL(key, value, example, what string) {
	if value == "" {
		return
	}
	v.inClear(key, v.anyURL(key, value, "must be a URL such as "+example, "the address itself is the secret"), what)
}

// alertmanagerPaths end the addresses of Alertmanager's pages and of its API.
var alertmanagerPaths = []string{"/api/v2/alerts", "/api/v2", "/api/v1", "/#/alerts"}

func (v *validator) alertmanager(a *Alertmanager, path string) {
	if (a.URL == "") == (len(a.URLs) == 0) {
		v.errorf(path, "set url, or urls for the members of a cluster")
	}
	l := login{a.Token, a.TokenFile, a.Username, a.Password, a.PasswordFile}
	v.access(path, l)
	addresses := map[string]string{path + ".url": a.URL}
	for i, value := range a.URLs {
		addresses[fmt.Sprintf("%s.urls[%d]", path, i)] = value
	}
	var urls []*url.URL
	for _, key := range keys(addresses) {
		if value := addresses[key]; value != "" || key != path+".url" {
			u := v.serverURL(key, value, "an Alertmanager, such as http://alertmanager-operated.monitoring.svc:9093", alertmanagerPaths)
			if l.given() {
				v.inClear(key, u, "the login")
			}
			urls = append(urls, u)
		}
	}
	v.certificates(path+".caFile", a.CAFile, urls...)
	for _, name := range keys(a.Labels) {
		v.label(path+".labels."+name, name, a.Labels[name])
	}
	if a.Keep < minAlertKeep {
		v.errorf(path+".keep", "must be at least 1h, and more than twice the time between two runs: Alertmanager takes an alert for over when it is not sent again by then")
	}
}

// serverURL reads the address of a server, with its path prefix and without what
// people copy from a browser's address bar.
func (v *validator) serverURL(key, value, what string, pages []string) *url.URL {
	for _, page := range pages {
		base, ends := strings.CutSuffix(strings.TrimRight(value, "/"), page)
		if u, err := url.Parse(base); ends && err == nil && u.User == nil && u.RawQuery == "" {
			v.errorf(key, "must be the server's address with its path prefix, if it has one: write %s", u)
			return nil
		}
	}
	return v.httpURL(key, value, "must be the URL of "+what, "see username and passwordFile")
}

func (v *validator) label(key, name, value string) {
	switch {
	case slices.Contains(ownLabels, name):
		v.errorf(key, "the audit sets %s itself: use another name", name)
	case !labelName.MatchString(name):
		v.errorf(key, "%q is not the name of a label: use letters, digits and _", name)
	case strings.TrimSpace(value) == "" || text.Clean(value) != value || !utf8.ValidString(value):
		v.errorf(key, "must be a line of text")
	}
}

func (v *validator) webhook(w *Webhook, path string) {
	if w.URL+w.URLFile == "" {
		v.errorf(path, "set urlFile, or url where the address is no secret")
	}
	v.oneOf(path+".url", w.URL, w.URLFile)
	v.secretURL(path+".url", w.URL, "https://example.org/hooks/hubaudit", "messages, with names of users,")
	v.oneOf(path+".secret", w.Secret, w.SecretFile)
	if w.Secret != "" {
		if err := checkWebhookSecret(w.Secret); err != nil {
			v.errorf(path+".secret", "%v", err)
		}
	}
	if u, err := url.Parse(w.URL); err == nil && w.URL != "" {
		v.certificates(path+".caFile", w.CAFile, u)
	}
	if w.Secret+w.SecretFile == "" {
		v.warn(path, "messages are not signed, so that whoever knows the address can forge them: set secretFile")
	}
}

// checkWebhookSecret refuses a secret that is too short, or says that it is in
// base64 and is not.
func checkWebhookSecret(secret string) error {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return errors.New("the secret begins with whsec_, but what follows is not base64") // the cause would show a part of it
		}
	}
	if len(key) < minWebhookSecret {
		return fmt.Errorf("the secret has %d bytes, at least %d are needed; make one with: openssl rand -base64 32", len(key), minWebhookSecret)
	}
	return nil
}

func (v *validator) email(e *Email, path string) {
	if _, err := mail.ParseAddress(e.From); err != nil {
		v.errorf(path+".from", "%q is not an e-mail address, such as hubaudit@example.org", e.From)
	}
	if len(e.To) == 0 {
		v.errorf(path+".to", "names nobody")
	}
	for i, to := range e.To {
		if _, err := mail.ParseAddress(to); err != nil {
			v.errorf(fmt.Sprintf("%s.to[%d]", path, i), "%q is not an e-mail address, such as oncall@example.org", to)
		}
	}
	host, port, err := net.SplitHostPort(e.Server)
	if err != nil || host == "" || !isPort(port) {
		v.errorf(path+".server", "%q is not host:port, such as smtp.example.org:587", e.Server)
	}
	v.oneOf(path+".password", e.Password, e.PasswordFile)
	if (e.Username == "") != (e.Password+e.PasswordFile == "") {
		v.errorf(path, "a login is username and passwordFile: set both or none")
	}
	switch {
	case e.TLS != TLSStart && e.TLS != TLSImplicit && e.TLS != TLSNone:
		v.errorf(path+".tls", "%q is neither starttls, implicit nor none", e.TLS)
	case e.TLS == TLSNone && !isLoopback(host):
		v.errorf(path+".tls", "none is for a server on the same machine: names of users would go over the network for everybody to read")
	case e.TLS == TLSNone && e.CAFile != "":
		v.errorf(path+".caFile", "is of no use without TLS")
	}
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
