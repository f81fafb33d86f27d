package config

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// Notify says who is told what, and when.
type Notify struct {
	// Receivers by the name of their kind, which is what routes call them.
	Slack        *Slack        `yaml:"slack"`
	PagerDuty    *PagerDuty    `yaml:"pagerduty"`
	Alertmanager *Alertmanager `yaml:"alertmanager"`
	Webhook      *Webhook      `yaml:"webhook"`
	Email        *Email        `yaml:"email"`
	File         *File         `yaml:"file"`
	// Receivers are further ones, by names of their own.
	Receivers []Receiver `yaml:"receivers"`
	Routes    []Route    `yaml:"routes"`
	// RepeatInterval is after how long people are reminded of an open incident.
	RepeatInterval time.Duration `yaml:"repeatInterval"`
	// ResolveAfter is in how many runs in a row a check must hold until its incident
	// is over; ReopenWithin how long after that a new failure opens it again.
	ResolveAfter int           `yaml:"resolveAfter"`
	ReopenWithin time.Duration `yaml:"reopenWithin"`
	// QuietHours hold warnings back.
	QuietHours *QuietHours `yaml:"quietHours"`
	// Privacy is what chats and pagers show of names: names, short or hash, the last
	// under PrivacyKey.
	Privacy        string `yaml:"privacy"`
	PrivacyKey     string `yaml:"privacyKey"`
	PrivacyKeyFile string `yaml:"privacyKeyFile"`
	// ReportURL is where the report can be read, linked in messages; "{run}" in it
	// stands for the run's id.
	ReportURL string `yaml:"reportURL"`
	// HeartbeatURL is pinged at the start and end of every run, as healthchecks.io
	// and its kin want it. It is a secret where it holds a UUID.
	HeartbeatURL     string `yaml:"heartbeatURL"`
	HeartbeatURLFile string `yaml:"heartbeatURLFile"`
}

// Receiver is one of several of a kind. Exactly one of the kinds is set.
type Receiver struct {
	Name         string        `yaml:"name"`
	Slack        *Slack        `yaml:"slack"`
	PagerDuty    *PagerDuty    `yaml:"pagerduty"`
	Alertmanager *Alertmanager `yaml:"alertmanager"`
	Webhook      *Webhook      `yaml:"webhook"`
	Email        *Email        `yaml:"email"`
	File         *File         `yaml:"file"`

	key string
}

// Key is where the receiver's settings stand in the file, such as
// notify.receivers[2].email.
func (r *Receiver) Key() string { return r.key }

// Slack is a bot (token and channel) or an incoming webhook.
type Slack struct {
	Token          string `yaml:"token"`
	TokenFile      string `yaml:"tokenFile"`
	Channel        string `yaml:"channel"`
	WebhookURL     string `yaml:"webhookURL"`
	WebhookURLFile string `yaml:"webhookURLFile"`
	// APIURL replaces https://slack.com/api/ for a proxy or a test.
	APIURL string `yaml:"apiURL"`
}

// PagerDuty is an Events API v2 integration.
type PagerDuty struct {
	RoutingKey     string `yaml:"routingKey"`
	RoutingKeyFile string `yaml:"routingKeyFile"`
	// Region is us or eu: where the account is.
	Region string `yaml:"region"`
	// APIURL replaces the region's address, for a proxy or a test.
	APIURL string `yaml:"apiURL"`
}

// Alertmanager takes alerts over its API v2.
type Alertmanager struct {
	// URL has the path prefix, if there is one, and no /api/v2. URLs are the members
	// of a cluster instead, all of which are told.
	URL  string   `yaml:"url"`
	URLs []string `yaml:"urls"`
	// Token, or else Username and Password; without any of them without a login.
	Token        string `yaml:"token"`
	TokenFile    string `yaml:"tokenFile"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"passwordFile"`
	CAFile       string `yaml:"caFile"`
	// Labels are added to every alert.
	Labels map[string]string `yaml:"labels"`
	// Keep is for how long an alert holds without a further run: more than twice the
	// time between two runs.
	Keep time.Duration `yaml:"keep"`
}

// Webhook posts JSON, signed as https://www.standardwebhooks.com says.
type Webhook struct {
	URL     string `yaml:"url"`
	URLFile string `yaml:"urlFile"`
	// Secret signs the messages: whsec_ and base64, or any text of 24 bytes and more.
	Secret     string `yaml:"secret"`
	SecretFile string `yaml:"secretFile"`
	CAFile     string `yaml:"caFile"`
}

// Email sends by SMTP.
type Email struct {
	From string   `yaml:"from"`
	To   []string `yaml:"to"`
	// Server is host:port. TLS is starttls, implicit, or none, the last only for a
	// server on the same machine.
	Server       string `yaml:"server"`
	TLS          string `yaml:"tls"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"passwordFile"`
	CAFile       string `yaml:"caFile"`
}

// File appends one line of JSON for each message.
type File struct {
	Path string `yaml:"path"`
}

// Route sends a severity and above to receivers.
type Route struct {
	Severity verdict.Severity `yaml:"severity"`
	// Hubs and Checks are globs; empty is all. Checks of the cluster have the hub "".
	Hubs   []string `yaml:"hubs"`
	Checks []string `yaml:"checks"`
	// To are names of receivers; ReceiverOwners stands for those of the hub.
	To []string `yaml:"to"`
}

// QuietHours are times of day, 20:00 to 07:00, and whole days in which warnings
// wait until they end.
type QuietHours struct {
	From     string   `yaml:"from"`
	To       string   `yaml:"to"`
	Days     []string `yaml:"days"` // mon … sun: quiet all day
	TimeZone string   `yaml:"timeZone"`
}

// Names of the receivers in routes.
const (
	ReceiverSlack        = "slack"
	ReceiverPagerDuty    = "pagerduty"
	ReceiverAlertmanager = "alertmanager"
	ReceiverWebhook      = "webhook"
	ReceiverEmail        = "email"
	ReceiverFile         = "file"
	// ReceiverOwners stands in routes for the receivers of the incident's hub.
	ReceiverOwners = "owners"
)

// Values of a PagerDuty receiver's region.
const (
	RegionUS = "us"
	RegionEU = "eu"
)

// Values of notify.privacy.
const (
	PrivacyNames = "names"
	PrivacyShort = "short"
	PrivacyHash  = "hash"
)

// All are the configured receivers, each by its name.
func (n *Notify) All() []Receiver {
	var all []Receiver
	one := Receiver{Slack: n.Slack, PagerDuty: n.PagerDuty, Alertmanager: n.Alertmanager, Webhook: n.Webhook, Email: n.Email, File: n.File}
	for _, kind := range one.kinds() {
		r := kind.only
		r.Name, r.key = kind.name, "notify."+kind.name
		all = append(all, r)
	}
	for i, r := range n.Receivers {
		r.key = fmt.Sprintf("notify.receivers[%d]", i)
		if kinds := r.kinds(); len(kinds) == 1 {
			r.key += "." + kinds[0].name
		}
		all = append(all, r)
	}
	return all
}

// kind is one of the kinds of receivers that are set; only has nothing else.
type kind struct {
	name string
	only Receiver
}

// kinds are those that are set, in the order of the documentation.
func (r *Receiver) kinds() []kind {
	var set []kind
	add := func(isSet bool, name string, only Receiver) {
		if isSet {
			set = append(set, kind{name, only})
		}
	}
	add(r.Slack != nil, ReceiverSlack, Receiver{Slack: r.Slack})
	add(r.PagerDuty != nil, ReceiverPagerDuty, Receiver{PagerDuty: r.PagerDuty})
	add(r.Alertmanager != nil, ReceiverAlertmanager, Receiver{Alertmanager: r.Alertmanager})
	add(r.Webhook != nil, ReceiverWebhook, Receiver{Webhook: r.Webhook})
	add(r.Email != nil, ReceiverEmail, Receiver{Email: r.Email})
	add(r.File != nil, ReceiverFile, Receiver{File: r.File})
	return set
}

// defaultRoutes page for error and above, and tell everybody else from warning on.
func (n *Notify) defaultRoutes() []Route {
	var pagers, others []string
	for _, r := range n.All() {
		if r.PagerDuty != nil {
			pagers = append(pagers, r.Name)
		} else {
			others = append(others, r.Name)
		}
	}
	var routes []Route
	if len(pagers) > 0 {
		routes = append(routes, Route{Severity: verdict.Error, To: pagers})
	}
	if len(others) > 0 {
		routes = append(routes, Route{Severity: verdict.Warning, To: others})
	}
	return routes
}

func (n *Notify) setDefaults(isSet func(key string) bool) {
	if !isSet("notify.repeatInterval") {
		n.RepeatInterval = 24 * time.Hour
	}
	if !isSet("notify.resolveAfter") {
		n.ResolveAfter = 1
	}
	if !isSet("notify.reopenWithin") {
		n.ReopenWithin = 24 * time.Hour
	}
	setDefault(&n.Privacy, PrivacyNames)
	for _, r := range n.All() {
		switch {
		case r.PagerDuty != nil && r.PagerDuty.APIURL == "":
			setDefault(&r.PagerDuty.Region, RegionUS)
		case r.Alertmanager != nil:
			r.Alertmanager.URL = strings.TrimRight(r.Alertmanager.URL, "/")
			for i, u := range r.Alertmanager.URLs {
				r.Alertmanager.URLs[i] = strings.TrimRight(u, "/")
			}
			if !isSet(r.key + ".keep") {
				r.Alertmanager.Keep = 26 * time.Hour
			}
		case r.Email != nil:
			setDefault(&r.Email.TLS, defaultTLS(r.Email.Server))
		}
	}
	if !isSet("notify.routes") {
		n.Routes = n.defaultRoutes()
	}
}

// Values of an e-mail receiver's tls.
const (
	TLSStart    = "starttls"
	TLSImplicit = "implicit"
	TLSNone     = "none"
)

// defaultTLS is what servers speak at a port.
func defaultTLS(server string) string {
	if strings.HasSuffix(server, ":465") {
		return TLSImplicit
	}
	return TLSStart
}
