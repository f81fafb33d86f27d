package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/robfig/cron/v3"

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
	for id, set := range c.Checks {
		v.check(id, set)
	}
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
	if s := h.KubeSpawner.SlugScheme; s != "safe" && s != "escape" {
		v.errorf(path+".kubespawner.slugScheme", "%q is neither safe nor escape", s)
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

func (v *validator) backup(b *Backup, path string) {
	if !hubName.MatchString(b.Name) {
		v.errorf(path+".name", "%q is not a name: use up to 63 letters, digits and . _ -", b.Name)
	}
	if (b.Files == "") == (b.VolumeSnapshots == "") {
		v.errorf(path, "set one of files (a glob) and volumeSnapshots (a claim)")
	}
	if _, err := filepath.Match(filepath.Base(b.Files), ""); err != nil {
		v.errorf(path+".files", "%q is not a glob: %v", b.Files, err)
	}
	if b.Schedule != "" {
		if _, err := cron.ParseStandard(b.Schedule); err != nil {
			v.errorf(path+".schedule", "%q is not a cron schedule such as \"0 3 * * *\": %v", b.Schedule, err)
		}
	}
	if b.MaxAge < 0 {
		v.errorf(path+".maxAge", "must not be negative")
	}
}

func (v *validator) check(id string, set map[string]any) {
	path := "checks." + id
	if e, ok := set["enabled"]; ok {
		if _, ok := e.(bool); !ok {
			v.errorf(path+".enabled", "must be true or false")
		}
	}
	if s, ok := set["severity"]; ok {
		if _, err := verdict.ParseSeverity(fmt.Sprint(s)); err != nil {
			v.errorf(path+".severity", "%v", err)
		}
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
