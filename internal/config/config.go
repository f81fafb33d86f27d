// Package config reads hubaudit.yaml: strict, with defaults where one is safe,
// and with errors that name file, line and what to write instead.
package config

import (
	"path/filepath"
	"strings"
	"time"

	"hubaudit/internal/verdict"
)

// Config is the whole file. The yaml keys are documented in docs/configuration.md.
type Config struct {
	Hubs     []Hub    `yaml:"hubs"`
	Cluster  Cluster  `yaml:"cluster"`
	Longhorn Longhorn `yaml:"longhorn"`
	// Prometheus is where the volumes' use is asked for, nil for nowhere.
	Prometheus *Prometheus `yaml:"prometheus"`
	// History is sqlite:FILE or postgresql://….
	History             string  `yaml:"history"`
	HistoryPassword     string  `yaml:"historyPassword"`
	HistoryPasswordFile string  `yaml:"historyPasswordFile"`
	Members             Members `yaml:"members"`
	Checks              Checks  `yaml:"checks"`
	Notify              Notify  `yaml:"notify"`
	Metrics             Metrics `yaml:"metrics"`
	Watch               Watch   `yaml:"watch"`

	file string
	// lines has the line of every key of the file, empty those without a value.
	lines    map[string]int
	empty    map[string]bool
	warnings []Warning
}

// Hub is one JupyterHub.
type Hub struct {
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace"`
	// Database is JupyterHub's own db_url.
	Database string `yaml:"database"`
	// DatabasePassword is the one for Database, which then names none.
	DatabasePassword     string `yaml:"databasePassword"`
	DatabasePasswordFile string `yaml:"databasePasswordFile"`
	// API is the hub's REST API, as a second view beside the database or instead
	// of it.
	API         *API        `yaml:"api"`
	KubeSpawner KubeSpawner `yaml:"kubespawner"`
	// CullUsers is z2jh's cull.users.
	CullUsers bool     `yaml:"cullUsers"`
	Backups   []Backup `yaml:"backups"`
	// OtherClaims are globs of claims in the hub's namespaces that are nobody's
	// home: shared data, clones, caches.
	OtherClaims []string `yaml:"otherClaims"`
	// Owners are the receivers to which routes to "owners" bring this hub's incidents.
	Owners []string `yaml:"owners"`
	// Checks are settings for this hub alone, over those of Config.Checks.
	Checks Checks `yaml:"checks"`
}

// API is how to reach a hub's REST API.
type API struct {
	// URL ends in /hub/api.
	URL       string `yaml:"url"`
	Token     string `yaml:"token"`
	TokenFile string `yaml:"tokenFile"`
	// CAFile has the certificates to trust, for a hub with a private one.
	CAFile string `yaml:"caFile"`
}

// Members is how the history remembers who the users are.
type Members struct {
	// Names is plain or hashed.
	Names   string `yaml:"names"`
	Key     string `yaml:"key"`
	KeyFile string `yaml:"keyFile"`
	// Keep is for how long someone who vanished is remembered.
	Keep time.Duration `yaml:"keep"`
}

// KubeSpawner is how the hub names claims, as in its own configuration.
type KubeSpawner struct {
	// Chart is the version of Zero to JupyterHub, Version that of KubeSpawner. At
	// most one is set; with neither the cluster tells.
	Chart             string `yaml:"chart"`
	Version           string `yaml:"version"`
	PVCNameTemplate   string `yaml:"pvcNameTemplate"`
	SlugScheme        string `yaml:"slugScheme"`
	RememberPVCName   *bool  `yaml:"rememberPVCName"`
	HandleLegacyNames *bool  `yaml:"handleLegacyNames"`
	DeletePVC         *bool  `yaml:"deletePVC"`
	// UserNamespaceTemplate is set where each user has a namespace.
	UserNamespaceTemplate string `yaml:"userNamespaceTemplate"`
	Homes                 *Homes `yaml:"homes"`
}

// Homes are home directories on one shared claim, as z2jh's storage type
// static makes them.
type Homes struct {
	Claim   string `yaml:"claim"`
	SubPath string `yaml:"subPath"`
	// Directory is where the audit has the root of that volume mounted.
	Directory string `yaml:"directory"`
}

// Backup is one place where copies of the hub's database lie. At most one of
// Files to CloudSQL is set; with none of them CronJob is.
type Backup struct {
	Name string `yaml:"name"`
	// Files is a glob of copies of the hub's database: a path, or a URL of object
	// storage, s3://BUCKET/GLOB, gs:// or azblob://, with gocloud.dev's query
	// parameters.
	Files string `yaml:"files"`
	// VolumeSnapshots, Longhorn, Velero and K8up are the claim, in the hub's
	// namespace, whose backups in that system are the backup.
	VolumeSnapshots string `yaml:"volumeSnapshots"`
	Longhorn        string `yaml:"longhorn"`
	Velero          string `yaml:"velero"`
	K8up            string `yaml:"k8up"`
	// CloudSQL is PROJECT/INSTANCE of Google's Cloud SQL.
	CloudSQL string `yaml:"cloudSQL"`
	// CronJob is the CronJob, in the hub's namespace, that makes the copies.
	CronJob  string `yaml:"cronJob"`
	Schedule string `yaml:"schedule"`
	// TimeZone is the schedule's, an IANA name; UTC if empty.
	TimeZone string        `yaml:"timeZone"`
	MaxAge   time.Duration `yaml:"maxAge"`
	// Verify is none, open or restore.
	Verify string `yaml:"verify"`
	// Scratch is a db_url of a server and an empty database on it in which a copy
	// may be restored, for Verify restore of PostgreSQL and MySQL dumps.
	Scratch             string `yaml:"scratch"`
	ScratchPassword     string `yaml:"scratchPassword"`
	ScratchPasswordFile string `yaml:"scratchPasswordFile"`
	// CredentialsFile holds the login for object storage or Cloud SQL; without it
	// the cloud's own default is used (environment, workload identity).
	CredentialsFile string `yaml:"credentialsFile"`
	// MaxBytes is how much of a copy, packed or unpacked, is read at most.
	MaxBytes int64 `yaml:"maxBytes"`
}

// Cluster says which Kubernetes API to read, or which recording of one.
type Cluster struct {
	Name    string `yaml:"name"`
	Context string `yaml:"context"`
	Dump    string `yaml:"dump"`
}

// Longhorn says where Longhorn keeps its records.
type Longhorn struct {
	Namespace string `yaml:"namespace"`
}

// Prometheus is a server with Prometheus's HTTP API.
type Prometheus struct {
	// URL has the server's path prefix, if it has one, and no /api/v1.
	URL string `yaml:"url"`
	// Token, or else Username and Password; without any of them the audit asks
	// without a login.
	Token        string `yaml:"token"`
	TokenFile    string `yaml:"tokenFile"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"passwordFile"`
	// CAFile has the certificates to trust, for a server with a private one.
	CAFile string `yaml:"caFile"`
	// Matchers are PromQL's and go into every selector, such as cluster="prod".
	Matchers string `yaml:"matchers"`
}

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
}

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

// Metrics says where numbers about the runs go.
type Metrics struct {
	// File is written in OpenMetrics after each run, for node_exporter's textfile
	// collector; its name must end in .prom.
	File string `yaml:"file"`
	// Pushgateway is the URL of one.
	Pushgateway  string `yaml:"pushgateway"`
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"passwordFile"`
	CAFile       string `yaml:"caFile"`
}

// Watch is how audit watch runs. Its flags come first.
type Watch struct {
	// Schedule is a cron line of five fields, or @every 15m.
	Schedule string `yaml:"schedule"`
	TimeZone string `yaml:"timeZone"`
	// Jitter delays each run by a random time up to this.
	Jitter time.Duration `yaml:"jitter"`
	// Listen is host:port of the metrics and the report; "" serves nothing.
	Listen string `yaml:"listen"`
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

// Values of notify.privacy.
const (
	PrivacyNames = "names"
	PrivacyShort = "short"
	PrivacyHash  = "hash"
)

// All are the configured receivers, each by its name.
func (n *Notify) All() []Receiver {
	var all []Receiver
	add := func(r Receiver) { all = append(all, r) }
	if n.Slack != nil {
		add(Receiver{Name: ReceiverSlack, Slack: n.Slack})
	}
	if n.PagerDuty != nil {
		add(Receiver{Name: ReceiverPagerDuty, PagerDuty: n.PagerDuty})
	}
	if n.Alertmanager != nil {
		add(Receiver{Name: ReceiverAlertmanager, Alertmanager: n.Alertmanager})
	}
	if n.Webhook != nil {
		add(Receiver{Name: ReceiverWebhook, Webhook: n.Webhook})
	}
	if n.Email != nil {
		add(Receiver{Name: ReceiverEmail, Email: n.Email})
	}
	if n.File != nil {
		add(Receiver{Name: ReceiverFile, File: n.File})
	}
	return append(all, n.Receivers...)
}

// Values of members.names.
const (
	NamesPlain  = "plain"
	NamesHashed = "hashed"
)

// File is the path the configuration was read from.
func (c *Config) File() string { return c.file }

// Dir is the folder that relative paths in the configuration are relative to.
func (c *Config) Dir() string { return filepath.Dir(c.file) }

// Path makes a path of the configuration usable from anywhere.
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.Dir(), p)
}

func (c *Config) setDefaults() {
	for i := range c.Hubs {
		h := &c.Hubs[i]
		setDefault(&h.Namespace, h.Name)
		setDefault(&h.KubeSpawner.SlugScheme, "safe")
		setDefault(&h.KubeSpawner.RememberPVCName, new(true))
		setDefault(&h.KubeSpawner.HandleLegacyNames, new(true))
		setDefault(&h.KubeSpawner.DeletePVC, new(true))
		if h.KubeSpawner.Homes != nil {
			setDefault(&h.KubeSpawner.Homes.SubPath, "{username}")
		}
		if h.API != nil {
			h.API.URL = strings.TrimRight(h.API.URL, "/")
		}
		for j := range h.Backups {
			h.Backups[j].setDefaults()
		}
	}
	setDefault(&c.Longhorn.Namespace, "longhorn-system")
	if c.Prometheus != nil {
		c.Prometheus.URL = strings.TrimRight(c.Prometheus.URL, "/")
	}
	setDefault(&c.History, "sqlite:hubaudit.db")
	setDefault(&c.Members.Names, NamesPlain)
	if !c.isSet("members.keep") {
		c.Members.Keep = 400 * 24 * time.Hour
	}
	if !c.isSet("notify.repeatInterval") {
		c.Notify.RepeatInterval = 24 * time.Hour
	}
	if !c.isSet("notify.resolveAfter") {
		c.Notify.ResolveAfter = 1
	}
	if !c.isSet("notify.reopenWithin") {
		c.Notify.ReopenWithin = 24 * time.Hour
	}
	setDefault(&c.Notify.Privacy, PrivacyNames)
	if !c.isSet("notify.routes") {
		c.Notify.Routes = c.Notify.defaultRoutes()
	}
}

func setDefault[T comparable](s *T, value T) {
	var unset T
	if *s == unset {
		*s = value
	}
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
