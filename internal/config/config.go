// Package config reads hubaudit.yaml: strict, with defaults where one is safe,
// and with errors that name file, line and what to write instead.
package config

import (
	"path/filepath"
	"strings"
	"time"
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
	c.Notify.setDefaults(c.isSet)
	c.Metrics.Pushgateway = strings.TrimRight(c.Metrics.Pushgateway, "/")
}

func setDefault[T comparable](s *T, value T) {
	var unset T
	if *s == unset {
		*s = value
	}
}
