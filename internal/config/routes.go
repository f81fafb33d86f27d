package config

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// notify looks at who is told what, and when.
func (v *validator) notify(n *Notify) {
	v.receivers(n)
	v.owners(n)
	for i := range n.Routes {
		v.route(&n.Routes[i], fmt.Sprintf("notify.routes[%d]", i))
	}
	v.routed(n)
	if n.RepeatInterval < 0 {
		v.errorf("notify.repeatInterval", "must not be negative; 0 turns repetition off")
	}
	if n.ResolveAfter < 1 || n.ResolveAfter > maxPatienceRuns {
		v.errorf("notify.resolveAfter", "must be 1 to %d runs", maxPatienceRuns)
	}
	if n.ReopenWithin < 0 {
		v.errorf("notify.reopenWithin", "must not be negative; 0 opens a new incident each time")
	}
	if n.QuietHours != nil {
		v.quiet(n.QuietHours)
	}
	v.privacy(n)
	v.proxy("notify.reportURL", strings.ReplaceAll(n.ReportURL, "{run}", "run"), "https://example.org/reports/{run}.html", "the report")
	v.oneOf("notify.heartbeatURL", n.HeartbeatURL, n.HeartbeatURLFile)
	v.secretURL("notify.heartbeatURL", n.HeartbeatURL, "https://hc-ping.com/…", "the address, by which anybody can say that the audit is well,")
}

func (v *validator) privacy(n *Notify) {
	v.oneOf("notify.privacyKey", n.PrivacyKey, n.PrivacyKeyFile)
	given := n.PrivacyKey+n.PrivacyKeyFile != ""
	switch n.Privacy {
	case PrivacyNames, PrivacyShort:
		if given {
			v.errorf("notify.privacy", "there is a key, and yet names are not hashed: write privacy: hash, or remove the key")
		}
	case PrivacyHash:
		if !given {
			v.errorf("notify.privacy", "hash needs a key: set notify.privacyKeyFile; without one, names can be guessed from their hashes")
		} else if n.PrivacyKeyFile == "" {
			if _, err := v.config.PrivacyKey(); err != nil {
				v.errs = append(v.errs, err)
			}
		}
	default:
		v.errorf("notify.privacy", "%q is neither names, short nor hash", n.Privacy)
	}
}

// names are what routes may call receivers, owners left out.
func (n *Notify) names() []string {
	var names []string
	for _, r := range n.All() {
		names = append(names, r.Name)
	}
	return names
}

func (v *validator) owners(n *Notify) {
	for i, h := range v.config.Hubs {
		for j, owner := range h.Owners {
			v.isReceiver(fmt.Sprintf("hubs[%d].owners[%d]", i, j), owner, n.names())
		}
	}
}

// isReceiver refuses the name of no receiver.
func (v *validator) isReceiver(key, name string, receivers []string) {
	if slices.Contains(receivers, name) {
		return
	}
	hint := "there is none"
	if near := text.Nearest(name, receivers); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(receivers) > 0 {
		hint = "there are " + strings.Join(receivers, ", ")
	}
	v.errorf(key, "receiver %q is not configured under notify; %s", name, hint)
}

func (v *validator) route(r *Route, at string) {
	if _, err := verdict.ParseSeverity(string(r.Severity)); err != nil {
		v.errorf(at+".severity", "%v", err)
	}
	if len(r.To) == 0 {
		v.errorf(at+".to", "names no receiver")
	}
	for _, to := range r.To {
		switch {
		case to != ReceiverOwners:
			v.isReceiver(at+".to", to, v.config.Notify.names())
		case !slices.ContainsFunc(v.config.Hubs, func(h Hub) bool { return len(h.Owners) > 0 }):
			v.errorf(at+".to", "no hub has owners: set hubs[].owners, or name receivers")
		}
	}
	v.globs(at+".hubs", "hub", r.Hubs, v.hubNames())
	v.globs(at+".checks", "check", r.Checks, keys(v.known))
}

// hubNames are what a route's hubs may match: "" is for checks of the cluster.
func (v *validator) hubNames() []string {
	names := []string{""}
	for _, h := range v.config.Hubs {
		names = append(names, h.Name)
	}
	return names
}

// globs refuses those that match nothing that there is.
func (v *validator) globs(key, what string, globs, names []string) {
	for i, glob := range globs {
		at := fmt.Sprintf("%s[%d]", key, i)
		if _, err := path.Match(glob, ""); err != nil {
			v.errorf(at, "%q is not a glob, such as lh-*", glob)
			continue
		}
		if slices.ContainsFunc(names, func(name string) bool { return matches(glob, name) }) {
			continue
		}
		hint := ""
		if near := text.Nearest(glob, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		v.errorf(at, "%q matches no %s%s", glob, what, hint)
	}
}

func matches(glob, name string) bool {
	ok, err := path.Match(glob, name)
	return err == nil && ok
}

// matchesAny is true without globs: they limit a route.
func matchesAny(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool { return matches(glob, name) })
}

// routed warns of receivers that hear nothing, and of hubs of which nobody does.
func (v *validator) routed(n *Notify) {
	all := n.All()
	if len(all) == 0 {
		return
	}
	named := map[string]bool{}
	for _, r := range n.Routes {
		for _, to := range r.To {
			named[to] = true
		}
	}
	for i, h := range v.config.Hubs {
		for _, owner := range h.Owners {
			named[owner] = named[owner] || named[ReceiverOwners]
		}
		if len(h.Owners) > 0 && !named[ReceiverOwners] {
			v.warn(fmt.Sprintf("hubs[%d].owners", i), "no route goes to owners, so they are told nothing")
		}
	}
	for _, r := range all {
		if !named[r.Name] {
			v.warn(r.key, "no route goes to %s, so it is told nothing", r.Name)
		}
	}
	v.unheard(n)
}

// unheard warns of hubs whose worst incidents reach nobody.
func (v *validator) unheard(n *Notify) {
	for _, hub := range v.hubNames() {
		heard := slices.ContainsFunc(keys(v.known), func(check string) bool { return len(n.reach(v.config, verdict.Critical, hub, check)) > 0 })
		if heard {
			continue
		}
		whose := "of hub " + hub
		if hub == "" {
			whose = "of the cluster (volumes, nodes, backups), which have the hub \"\""
		}
		v.warn("notify.routes", "no route brings incidents %s to anybody", whose)
	}
}

// reach are the receivers of an incident.
func (n *Notify) reach(c *Config, severity verdict.Severity, hub, check string) []string {
	var out []string
	for _, r := range n.Routes {
		if !severity.AtLeast(r.Severity) || !matchesAny(r.Hubs, hub) || !matchesAny(r.Checks, check) {
			continue
		}
		for _, to := range r.To {
			if to != ReceiverOwners {
				out = append(out, to)
				continue
			}
			for _, h := range c.Hubs {
				if h.Name == hub {
					out = append(out, h.Owners...)
				}
			}
		}
	}
	return out
}
