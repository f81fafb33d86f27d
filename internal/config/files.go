package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// CheckFiles reads every file that holds a secret or a certificate, and looks
// whether there are the folders in which files are to be written. What can hardly be
// right is among the Warnings afterwards.
func (c *Config) CheckFiles() error {
	var errs []error
	for _, s := range c.secrets() {
		if s.key == "members.key" || s.key == "notify.privacyKey" {
			continue // below, with their lengths
		}
		value, err := c.Secret(s.key, s.value, s.file)
		if err == nil && s.file != "" {
			err = c.checkContent(s.key, value)
		}
		if doubt := doubtful(s.key, value); doubt != "" {
			c.warnings = append(c.warnings, c.warning(s.given(), "%s", doubt))
		}
		errs = append(errs, err)
	}
	_, err := c.MembersKey()
	errs = append(errs, err)
	_, err = c.PrivacyKey()
	errs = append(errs, err)
	for i, h := range c.Hubs {
		for j, b := range h.Backups {
			_, err := c.Secret(fmt.Sprintf("hubs[%d].backups[%d].credentials", i, j), "", b.CredentialsFile)
			errs = append(errs, err)
		}
	}
	authorities := c.authorities()
	for _, key := range keys(authorities) {
		errs = append(errs, c.checkCertificates(key, authorities[key]))
	}
	return errors.Join(append(errs, c.checkFolders()...)...)
}

// checkContent looks at what a secret from a file must be like.
func (c *Config) checkContent(key, value string) error {
	where := fmt.Sprintf("%s: %sFile", c.Where(key+"File"), key)
	switch {
	case strings.HasSuffix(key, ".webhook.secret"):
		if err := checkWebhookSecret(value); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	case strings.HasSuffix(key, ".webhookURL"), strings.HasSuffix(key, ".webhook.url"), strings.HasSuffix(key, ".heartbeatURL"):
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
			return fmt.Errorf("%s: the file does not hold one URL that begins with https://", where)
		}
	}
	return nil
}

// routingKeyLength is how many characters PagerDuty's routing keys have.
const routingKeyLength = 32

// doubtful says why a receiver will hardly work with a secret, "" for nothing known.
func doubtful(key, value string) string {
	switch {
	case value == "":
	case strings.HasSuffix(key, "pagerduty.routingKey") && len(value) != routingKeyLength:
		return fmt.Sprintf("the key has %d characters, and those of PagerDuty's Events API v2 have %d, without which nobody is called: copy the whole integration key",
			len(value), routingKeyLength)
	case strings.HasSuffix(key, ".webhook.url"):
		if u, err := url.Parse(value); err == nil && strings.EqualFold(u.Hostname(), "hooks.slack.com") {
			return "Slack does not take the messages of a webhook receiver: write the address under webhookURLFile of a slack receiver"
		}
	}
	return ""
}

// authorities are the files with certificates to trust, by their keys.
func (c *Config) authorities() map[string]string {
	files := map[string]string{"metrics.caFile": c.Metrics.CAFile}
	for i, h := range c.Hubs {
		if h.API != nil {
			files[fmt.Sprintf("hubs[%d].api.caFile", i)] = h.API.CAFile
		}
	}
	if p := c.Prometheus; p != nil {
		files["prometheus.caFile"] = p.CAFile
	}
	for _, r := range c.Notify.All() {
		switch {
		case r.Alertmanager != nil:
			files[r.key+".caFile"] = r.Alertmanager.CAFile
		case r.Webhook != nil:
			files[r.key+".caFile"] = r.Webhook.CAFile
		case r.Email != nil:
			files[r.key+".caFile"] = r.Email.CAFile
		}
	}
	maps.DeleteFunc(files, func(_, file string) bool { return file == "" })
	return files
}

// checkFolders looks for the folders of files that will be made.
func (c *Config) checkFolders() []error {
	files := map[string]string{"metrics.file": c.Metrics.File}
	for _, r := range c.Notify.All() {
		if r.File != nil {
			files[r.key+".path"] = r.File.Path
		}
	}
	var errs []error
	for _, key := range keys(files) {
		if files[key] == "" {
			continue
		}
		dir := filepath.Dir(c.Path(files[key]))
		if info, err := os.Stat(dir); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: the folder must exist: %w", c.Where(key), key, err))
		} else if !info.IsDir() {
			errs = append(errs, fmt.Errorf("%s: %s: %s is no folder", c.Where(key), key, dir))
		}
	}
	return errs
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
	return c.hashKey("members.key", m.Key, m.KeyFile)
}

// PrivacyKey returns the key under which messages hash names, "" where they do not.
func (c *Config) PrivacyKey() (string, error) {
	n := &c.Notify
	if n.Privacy != PrivacyHash {
		return "", nil
	}
	return c.hashKey("notify.privacyKey", n.PrivacyKey, n.PrivacyKeyFile)
}

func (c *Config) hashKey(path, inline, file string) (string, error) {
	key, err := c.Secret(path, inline, file)
	if err == nil && len(key) < minKeyBytes {
		at := path
		if file != "" {
			at += "File"
		}
		err = fmt.Errorf("%s: %s: the key has %d bytes, at least %d are needed; make one with: openssl rand -hex 32", c.Where(at), path, len(key), minKeyBytes)
	}
	if err != nil {
		return "", err
	}
	return key, nil
}
