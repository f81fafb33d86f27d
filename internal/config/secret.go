package config

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"hubaudit/internal/facts"
)

// Warning is something that works and should be written otherwise.
type Warning struct {
	// Where is file:line, Key the key that stands there.
	Where, Key string
	Text       string
}

func (w Warning) String() string { return w.Where + ": " + w.Key + ": " + w.Text }

func (c *Config) warning(key, format string, args ...any) Warning {
	return Warning{Where: c.Where(key), Key: key, Text: fmt.Sprintf(format, args...)}
}

// Warnings are what was noticed when the file was read.
func (c *Config) Warnings() []Warning { return c.warnings }

// writtenSecrets refuses secrets that are written out in the file. The
// password in a hub's db_url is only warned of: it is copied as it is.
func (c *Config) writtenSecrets() []error {
	var errs []error
	for _, s := range c.secrets() {
		if s.writtenOut() {
			errs = append(errs, fmt.Errorf("%s: %s: a secret does not belong into the configuration: write ${NAME} and set that environment variable, or use %sFile", c.Where(s.key), s.key, s.key))
		}
	}
	if password := urlPassword(c.History); password != "" && !variable.MatchString(password) {
		c.warnings = append(c.warnings, c.warning("history",
			"the password is written out in the URL: take it out and name a file with it under historyPasswordFile, or write ${NAME} in its place and set that environment variable"))
	}
	for i, h := range c.Hubs {
		if password := urlPassword(h.Database); password != "" && !variable.MatchString(password) {
			c.warnings = append(c.warnings, c.warning(fmt.Sprintf("hubs[%d].database", i),
				"the password is written out in the URL: take it out and name a file with it under databasePasswordFile, or write ${NAME} in its place and set that environment variable"))
		}
		for j, b := range h.Backups {
			if u, ok := serverURL(h.Database); ok && b.Verify == facts.VerifyRestore && b.Scratch == "" {
				c.warnings = append(c.warnings, c.warning(fmt.Sprintf("hubs[%d].backups[%d].verify", i, j),
					"without scratch a dump of %s is only read and never executed: name the db_url of an empty database, best on a server of its own", serverNames[engine(u)]))
			}
			if password := urlPassword(b.Scratch); password != "" && !variable.MatchString(password) {
				key := fmt.Sprintf("hubs[%d].backups[%d].scratch", i, j)
				errs = append(errs, fmt.Errorf("%s: %s: a password does not belong into the configuration: take it out of the URL and name a file with it under scratchPasswordFile", c.Where(key), key))
			}
		}
	}
	return errs
}

// serverNames are what people call the engines of database servers.
var serverNames = map[string]string{"postgresql": "PostgreSQL", "mysql": "MySQL or MariaDB"}

type secret struct {
	key, value, file string
	// isURL: it is one only where the URL itself shows it (holdsToken).
	isURL bool
}

// given is the key under which the configuration has it.
func (s secret) given() string {
	if s.file != "" {
		return s.key + "File"
	}
	return s.key
}

// writtenOut tells whether a secret stands in the file itself.
func (s secret) writtenOut() bool {
	if s.value == "" || variable.FindString(s.value) == s.value {
		return false
	}
	return !s.isURL || holdsToken(variable.ReplaceAllString(s.value, ""))
}

// secrets are the values that must not be written out, whether given or not.
func (c *Config) secrets() []secret {
	var all []secret
	for i, h := range c.Hubs {
		all = append(all, secret{key: fmt.Sprintf("hubs[%d].databasePassword", i), value: h.DatabasePassword, file: h.DatabasePasswordFile})
		if h.API != nil {
			all = append(all, secret{key: fmt.Sprintf("hubs[%d].api.token", i), value: h.API.Token, file: h.API.TokenFile})
		}
		for j, b := range h.Backups {
			all = append(all, secret{key: fmt.Sprintf("hubs[%d].backups[%d].scratchPassword", i, j), value: b.ScratchPassword, file: b.ScratchPasswordFile})
		}
	}
	if p := c.Prometheus; p != nil {
		all = append(all, secret{key: "prometheus.token", value: p.Token, file: p.TokenFile}, secret{key: "prometheus.password", value: p.Password, file: p.PasswordFile})
	}
	all = append(all, secret{key: "members.key", value: c.Members.Key, file: c.Members.KeyFile})
	for _, r := range c.Notify.All() {
		all = append(all, r.secrets()...)
	}
	return append(all, secret{key: "notify.privacyKey", value: c.Notify.PrivacyKey, file: c.Notify.PrivacyKeyFile},
		secret{key: "notify.heartbeatURL", value: c.Notify.HeartbeatURL, file: c.Notify.HeartbeatURLFile, isURL: true},
		secret{key: "historyPassword", value: c.HistoryPassword, file: c.HistoryPasswordFile},
		secret{key: "metrics.password", value: c.Metrics.Password, file: c.Metrics.PasswordFile})
}

// secrets are those of one receiver. One with several kinds is refused later.
func (r *Receiver) secrets() []secret {
	var all []secret
	add := func(name, value, file string) {
		all = append(all, secret{key: r.key + "." + name, value: value, file: file})
	}
	if s := r.Slack; s != nil {
		add("token", s.Token, s.TokenFile)
		add("webhookURL", s.WebhookURL, s.WebhookURLFile)
	}
	if p := r.PagerDuty; p != nil {
		add("routingKey", p.RoutingKey, p.RoutingKeyFile)
	}
	if a := r.Alertmanager; a != nil {
		add("token", a.Token, a.TokenFile)
		add("password", a.Password, a.PasswordFile)
	}
	if w := r.Webhook; w != nil {
		all = append(all, secret{key: r.key + ".url", value: w.URL, file: w.URLFile, isURL: true})
		add("secret", w.Secret, w.SecretFile)
	}
	if e := r.Email; e != nil {
		add("password", e.Password, e.PasswordFile)
	}
	return all
}

// Secret returns a secret that is given inline (from the environment) or by a
// file. The error names the file, never its content.
func (c *Config) Secret(path, inline, file string) (string, error) {
	if file == "" {
		return inline, nil
	}
	data, err := os.ReadFile(c.Path(file))
	if err != nil {
		return "", fmt.Errorf("%s: %sFile: %w", c.Where(path+"File"), path, err)
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", fmt.Errorf("%s: %sFile: %s is empty", c.Where(path+"File"), path, c.Path(file))
	}
	return secret, nil
}

// SecretValues are all secrets of the configuration that can be read, with the
// passwords in URLs of databases: what no report, log or message may show.
func (c *Config) SecretValues() []string {
	var values []string
	for _, s := range c.secrets() {
		if value, err := c.Secret(s.key, s.value, s.file); err == nil {
			values = append(values, value)
		}
	}
	urls := []string{c.History}
	for _, h := range c.Hubs {
		urls = append(urls, h.Database)
		for _, b := range h.Backups {
			urls = append(urls, b.Scratch)
		}
	}
	for _, dbURL := range urls {
		password := urlPassword(dbURL)
		values = append(values, password)
		if plain, err := url.PathUnescape(password); err == nil {
			values = append(values, plain)
		}
	}
	return values
}

// userinfo is the password in a URL as SQLAlchemy finds it. Variables that are
// not yet replaced may stand anywhere.
var userinfo = regexp.MustCompile(`^[\w+]+://[^:/]*:([^@]*)@`)

// urlPassword returns the password in a db_url, in front of the host or as one
// of the options that drivers take; "" if there is none.
func urlPassword(dbURL string) string {
	dbURL = strings.TrimSpace(dbURL)
	if m := userinfo.FindStringSubmatch(dbURL); m != nil {
		return m[1]
	}
	_, query, _ := strings.Cut(dbURL, "?")
	options, _ := url.ParseQuery(query) // what can be read of it
	for _, name := range []string{"password", "passwd"} {
		if password := options.Get(name); password != "" {
			return password
		}
	}
	return ""
}
