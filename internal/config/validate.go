package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"hubaudit/internal/kubespawner"
	"hubaudit/internal/verdict"
)

var (
	hubName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	namespace = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// validate collects every error, so that one run of `audit config check`
// shows them all.
func (c *Config) validate() error {
	v := validator{config: c}
	if len(c.Hubs) == 0 {
		v.errorf("hubs", "no hub is configured: there is nothing to audit")
	}
	seen := map[string]bool{}
	for i := range c.Hubs {
		v.hub(&c.Hubs[i], fmt.Sprintf("hubs[%d]", i), seen)
	}
	if !namespace.MatchString(c.Longhorn.Namespace) {
		v.errorf("longhorn.namespace", "%q is not a namespace", c.Longhorn.Namespace)
	}
	if c.Cluster.Dump != "" && c.Cluster.Context != "" {
		v.errorf("cluster.dump", "dump and context exclude each other: a recording or a live cluster")
	}
	if c.Prometheus != nil {
		v.prometheus(c.Prometheus)
	}
	v.members(c.Members)
	v.checks()
	v.notify(c.Notify)
	return errors.Join(v.errs...)
}

type validator struct {
	config *Config
	errs   []error
}

func (v *validator) errorf(path, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s: %s: %s", v.config.Where(path), path, fmt.Sprintf(format, args...)))
}

func (v *validator) hub(h *Hub, path string, seen map[string]bool) {
	if !hubName.MatchString(h.Name) {
		v.errorf(path+".name", "%q is not a name: use up to 63 letters, digits and . _ -", h.Name)
	}
	if seen[h.Name] {
		v.errorf(path+".name", "another hub has the name %q", h.Name)
	}
	seen[h.Name] = true
	if !namespace.MatchString(h.Namespace) {
		v.errorf(path+".namespace", "%q is not a namespace", h.Namespace)
	}
	v.kubespawner(&h.KubeSpawner, path+".kubespawner")
	for i, glob := range h.OtherClaims {
		if _, err := filepath.Match(glob, ""); err != nil || glob == "" {
			v.errorf(fmt.Sprintf("%s.otherClaims[%d]", path, i), "%q is not a glob of claim names, such as shared-*", glob)
		}
	}
	v.database(h, path)
	if h.API != nil {
		v.api(h.API, path+".api")
	}
	names := map[string]bool{}
	for i := range h.Backups {
		b, at := &h.Backups[i], fmt.Sprintf("%s.backups[%d]", path, i)
		v.backup(b, at)
		if names[b.Name] {
			v.errorf(at+".name", "another backup of this hub has the name %q", b.Name)
		}
		names[b.Name] = true
	}
}

func (v *validator) kubespawner(k *KubeSpawner, path string) {
	if s := k.SlugScheme; s != kubespawner.SlugsSafe && s != kubespawner.SlugsEscape {
		v.errorf(path+".slugScheme", "%q is neither safe nor escape", s)
	}
	if k.Chart != "" && k.Version != "" {
		v.errorf(path, "set chart or version: the chart tells which KubeSpawner it brings")
	}
	if k.Chart != "" {
		if _, err := kubespawner.ChartOf(k.Chart); err != nil {
			v.errorf(path+".chart", "%v", err)
		}
	}
	if k.Version != "" {
		if _, err := kubespawner.ParseVersion(k.Version); err != nil {
			v.errorf(path+".version", "%v", err)
		}
	}
	templates := []struct{ key, template string }{{"pvcNameTemplate", k.PVCNameTemplate}, {"userNamespaceTemplate", k.UserNamespaceTemplate}}
	if k.Homes != nil {
		templates = append(templates, struct{ key, template string }{"homes.subPath", k.Homes.SubPath})
		if k.Homes.Claim == "" {
			v.errorf(path+".homes", "set claim: the claim that all users' home directories are on")
		}
	}
	for _, t := range templates {
		if _, err := kubespawner.Fields(t.template); err != nil {
			v.errorf(path+"."+t.key, "%v", err)
		}
	}
}

func (v *validator) database(h *Hub, path string) {
	key := path + ".databasePassword"
	v.oneOf(key, h.DatabasePassword, h.DatabasePasswordFile)
	switch {
	case h.DatabasePassword+h.DatabasePasswordFile == "":
	case h.Database == "":
		v.errorf(path, "there is a databasePassword and no database")
	case !strings.Contains(h.Database, "://") || strings.HasPrefix(strings.TrimSpace(h.Database), "sqlite"):
		v.errorf(path, "there is a databasePassword, and an SQLite file has none")
	case urlPassword(h.Database) != "":
		v.errorf(path, "the password is both in database and in databasePassword: take it out of the URL")
	}
}

// apiPath is how every hub's API ends, whatever its base_url is.
const apiPath = "/hub/api"

func (v *validator) api(a *API, path string) {
	v.oneOf(path+".token", a.Token, a.TokenFile)
	if a.Token+a.TokenFile == "" {
		v.errorf(path, "set tokenFile: a file with the token of a JupyterHub service")
	}
	u := v.httpURL(path+".url", a.URL, "must be the URL of the hub's API, such as http://hub:8081/hub/api or https://hub.example.org/hub/api",
		"the API takes a token, see tokenFile")
	if u != nil && !strings.HasSuffix(u.Path, apiPath) {
		prefix, _, _ := strings.Cut(u.Path, "/hub")
		u.Path = strings.TrimRight(prefix, "/") + apiPath
		v.errorf(path+".url", "must end in %s: write %s", apiPath, u)
	}
	if a.CAFile != "" && u != nil && u.Scheme == "http" {
		v.errorf(path+".caFile", "is of no use: the URL does not begin with https")
	}
}

// httpURL reads a URL to ask; nil if it is none such, which has been said then.
// The value is not quoted where it may hold a password.
func (v *validator) httpURL(key, value, form, login string) *url.URL {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		v.errorf(key, "%s", form)
	case u.User != nil:
		v.errorf(key, "must not hold a user or password: %s", login)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		v.errorf(key, "must not have anything after a ? or #")
	default:
		return u
	}
	return nil
}

func (v *validator) members(m Members) {
	v.oneOf("members.key", m.Key, m.KeyFile)
	given := m.Key+m.KeyFile != ""
	switch {
	case m.Names != NamesPlain && m.Names != NamesHashed:
		v.errorf("members.names", "%q is neither plain nor hashed", m.Names)
	case m.Names == NamesHashed && !given:
		v.errorf("members.names", "hashed needs a key: set members.keyFile; without one, names can be guessed from their hashes")
	case m.Names == NamesPlain && given:
		v.errorf("members.names", "there is a key, and yet names are kept plain: write names: hashed, or remove the key")
	case m.Names == NamesHashed && m.Key != "":
		if _, err := v.config.MembersKey(); err != nil {
			v.errs = append(v.errs, err)
		}
	}
	if m.Keep <= 0 {
		v.errorf("members.keep", "must be longer than nothing, such as 9600h for 400 days")
	}
}

func (v *validator) notify(n Notify) {
	if s := n.Slack; s != nil {
		token, hook := s.Token+s.TokenFile != "", s.WebhookURL+s.WebhookURLFile != ""
		if token == hook {
			v.errorf("notify.slack", "set one of tokenFile (with channel) and webhookURLFile")
		}
		if token && s.Channel == "" {
			v.errorf("notify.slack.channel", "a bot token needs a channel")
		}
		v.oneOf("notify.slack.token", s.Token, s.TokenFile)
		v.oneOf("notify.slack.webhookURL", s.WebhookURL, s.WebhookURLFile)
	}
	if p := n.PagerDuty; p != nil {
		if p.RoutingKey+p.RoutingKeyFile == "" {
			v.errorf("notify.pagerduty", "set routingKeyFile")
		}
		v.oneOf("notify.pagerduty.routingKey", p.RoutingKey, p.RoutingKeyFile)
	}
	configured := map[string]bool{ReceiverSlack: n.Slack != nil, ReceiverPagerDuty: n.PagerDuty != nil}
	for i, r := range n.Routes {
		path := fmt.Sprintf("notify.routes[%d]", i)
		if _, err := verdict.ParseSeverity(string(r.Severity)); err != nil {
			v.errorf(path+".severity", "%v", err)
		}
		if len(r.To) == 0 {
			v.errorf(path+".to", "names no receiver")
		}
		for _, to := range r.To {
			if !configured[to] {
				v.errorf(path+".to", "receiver %q is not configured under notify", to)
			}
		}
	}
	if n.RepeatInterval < 0 {
		v.errorf("notify.repeatInterval", "must not be negative; 0 turns repetition off")
	}
}

func (v *validator) oneOf(path, inline, file string) {
	if inline != "" && file != "" {
		v.errorf(path, "set this or %sFile, not both", path)
	}
}
