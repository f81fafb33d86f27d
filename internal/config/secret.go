package config

import (
	"crypto/x509"
	"errors"
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
		if s.value != "" && variable.FindString(s.value) != s.value {
			errs = append(errs, fmt.Errorf("%s: %s: a secret does not belong into the configuration: write ${NAME} and set that environment variable, or use %sFile", c.Where(s.key), s.key, s.key))
		}
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

type secret struct{ key, value, file string }

// secrets are the values that must not be written out, whether given or not.
func (c *Config) secrets() []secret {
	var all []secret
	for i, h := range c.Hubs {
		all = append(all, secret{fmt.Sprintf("hubs[%d].databasePassword", i), h.DatabasePassword, h.DatabasePasswordFile})
		if h.API != nil {
			all = append(all, secret{fmt.Sprintf("hubs[%d].api.token", i), h.API.Token, h.API.TokenFile})
		}
		for j, b := range h.Backups {
			all = append(all, secret{fmt.Sprintf("hubs[%d].backups[%d].scratchPassword", i, j), b.ScratchPassword, b.ScratchPasswordFile})
		}
	}
	if p := c.Prometheus; p != nil {
		all = append(all, secret{"prometheus.token", p.Token, p.TokenFile}, secret{"prometheus.password", p.Password, p.PasswordFile})
	}
	all = append(all, secret{"members.key", c.Members.Key, c.Members.KeyFile})
	if s := c.Notify.Slack; s != nil {
		all = append(all, secret{"notify.slack.token", s.Token, s.TokenFile}, secret{"notify.slack.webhookURL", s.WebhookURL, s.WebhookURLFile})
	}
	if p := c.Notify.PagerDuty; p != nil {
		all = append(all, secret{"notify.pagerduty.routingKey", p.RoutingKey, p.RoutingKeyFile})
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

// CheckFiles reads every file that holds a secret or a certificate.
func (c *Config) CheckFiles() error {
	var errs []error
	for _, s := range c.secrets() {
		if s.key == "members.key" {
			continue // below, with its length
		}
		_, err := c.Secret(s.key, s.value, s.file)
		errs = append(errs, err)
	}
	_, err := c.MembersKey()
	errs = append(errs, err)
	for i, h := range c.Hubs {
		if h.API != nil && h.API.CAFile != "" {
			errs = append(errs, c.checkCertificates(fmt.Sprintf("hubs[%d].api.caFile", i), h.API.CAFile))
		}
		for j, b := range h.Backups {
			_, err := c.Secret(fmt.Sprintf("hubs[%d].backups[%d].credentials", i, j), "", b.CredentialsFile)
			errs = append(errs, err)
		}
	}
	if p := c.Prometheus; p != nil && p.CAFile != "" {
		errs = append(errs, c.checkCertificates("prometheus.caFile", p.CAFile))
	}
	return errors.Join(errs...)
}

func (c *Config) checkCertificates(key, file string) error {
	data, err := os.ReadFile(c.Path(file))
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.Where(key), key, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return fmt.Errorf("%s: %s: %s holds no certificate in PEM form", c.Where(key), key, c.Path(file))
	}
	return nil
}

// minKeyBytes is the shortest key for hashing names: shorter ones are tried
// through by a computer together with a list of names.
const minKeyBytes = 16

// MembersKey returns the key under which the history hashes names, "" where it
// keeps them as they are.
func (c *Config) MembersKey() (string, error) {
	m := c.Members
	if m.Names != NamesHashed {
		return "", nil
	}
	key, err := c.Secret("members.key", m.Key, m.KeyFile)
	if err == nil && len(key) < minKeyBytes {
		err = fmt.Errorf("%s: members.key: the key has %d bytes, at least %d are needed; make one with: openssl rand -hex 32", c.Where("members"), len(key), minKeyBytes)
	}
	if err != nil {
		return "", err
	}
	return key, nil
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
