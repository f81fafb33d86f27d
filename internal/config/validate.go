package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"hubaudit/internal/kubespawner"
)

var (
	hubName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	namespace = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// validate collects every error, so that one run of `audit config check`
// shows them all.
func (c *Config) validate(known map[string][]string) error {
	v := validator{config: c, known: known}
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
	v.history()
	v.notify(&c.Notify)
	v.metrics(c.Metrics)
	v.watch(c.Watch)
	return errors.Join(v.errs...)
}

type validator struct {
	config *Config
	// known has the keys of each check by its id.
	known map[string][]string
	errs  []error
}

func (v *validator) errorf(path, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%s: %s: %s", v.config.Where(path), path, fmt.Sprintf(format, args...)))
}

// warn notes what works and should be written otherwise.
func (v *validator) warn(path, format string, args ...any) {
	v.config.warnings = append(v.config.warnings, v.config.warning(path, format, args...))
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
	v.password(path, "database", h.Database, h.DatabasePassword, h.DatabasePasswordFile)
}

// history looks at the password of a history on a server. Where the history is
// and whether that can be used is for whoever opens it.
func (v *validator) history() {
	c := v.config
	v.password("", "history", c.History, c.HistoryPassword, c.HistoryPasswordFile)
}

// password looks at the password beside the URL of a database, which stands
// under name in the mapping at path.
func (v *validator) password(path, name, dbURL, password, file string) {
	at := strings.TrimPrefix(path+"."+name, ".")
	v.oneOf(at+"Password", password, file)
	whole := path
	if whole == "" {
		whole = at
	}
	switch {
	case password+file == "":
	case dbURL == "":
		v.errorf(whole, "there is a %sPassword and no %s", name, name)
	case !strings.Contains(dbURL, "://") || strings.HasPrefix(strings.TrimSpace(dbURL), "sqlite"):
		v.errorf(whole, "there is a %sPassword, and an SQLite file has none", name)
	case urlPassword(dbURL) != "":
		v.errorf(whole, "the password is both in %s and in %sPassword: take it out of the URL", name, name)
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
	v.certificates(path+".caFile", a.CAFile, u)
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

func (v *validator) oneOf(path, inline, file string) {
	if inline != "" && file != "" {
		v.errorf(path, "set this or %sFile, not both", path)
	}
}
