package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// httpURL reads a URL to ask; nil if it is none such, which has been said then.
// The value is not quoted where it may hold a password.
func (v *validator) httpURL(key, value, form, login string) *url.URL {
	u := v.anyURL(key, value, form, login)
	if u != nil && (u.RawQuery != "" || u.Fragment != "" || u.ForceQuery) {
		v.errorf(key, "must not have anything after a ? or #")
		return nil
	}
	return u
}

// anyURL is httpURL for one that may have options.
func (v *validator) anyURL(key, value, form, login string) *url.URL {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		v.errorf(key, "%s", form)
	case u.User != nil:
		v.errorf(key, "must not hold a user or password: %s", login)
	default:
		return u
	}
	return nil
}

// privateNames are the ends of names that only a cluster or a local network knows.
var privateNames = []string{".svc", ".cluster.local", ".internal", ".local", ".lan", ".home.arpa", ".localhost"}

// isPublic tells whether what goes to a host may pass through other people's networks.
func isPublic(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast()
	}
	if !strings.Contains(host, ".") {
		return false // a Service of the same namespace, or localhost
	}
	return !strings.Contains(host, ".svc.") &&
		!slices.ContainsFunc(privateNames, func(end string) bool { return strings.HasSuffix(host, end) })
}

// isLoopback tells whether a host is the machine itself.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// inClear warns of what goes unencrypted to a public address.
func (v *validator) inClear(key string, u *url.URL, what string) {
	if u != nil && u.Scheme == "http" && isPublic(u.Hostname()) {
		v.warn(key, "%s would go over the network for everybody to read: write https", what)
	}
}

// certificates looks at a caFile beside a URL.
func (v *validator) certificates(key, file string, urls ...*url.URL) {
	if file == "" {
		return
	}
	for _, u := range urls {
		if u == nil || u.Scheme == "https" {
			return
		}
	}
	v.errorf(key, "is of no use: the URL does not begin with https")
}

// tokenLength is how long a part of a path is at least that may be a secret.
const tokenLength = 16

// holdsToken tells whether a URL is a secret by itself: it has a login, options,
// or a long part with digits in its path, such as a UUID.
func holdsToken(value string) bool {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.User != nil || u.RawQuery != "" {
		return true
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= tokenLength && strings.ContainsAny(part, "0123456789") {
			return true
		}
	}
	return false
}

// login is what a receiver or server is asked with: a token, or a user and a
// password, each of which may stand in a file.
type login struct{ token, tokenFile, username, password, passwordFile string }

func (l login) given() bool { return l != login{} }

// access looks at a login; path is the mapping that it stands in.
func (v *validator) access(path string, l login) {
	v.oneOf(path+".token", l.token, l.tokenFile)
	v.oneOf(path+".password", l.password, l.passwordFile)
	basic := l.username+l.password+l.passwordFile != ""
	switch {
	case basic && l.token+l.tokenFile != "":
		v.errorf(path, "set tokenFile, or username and passwordFile, not both")
	case basic && l.username == "":
		v.errorf(path, "there is a password and no username")
	case basic && l.password+l.passwordFile == "":
		v.errorf(path, "there is a username and no password: set passwordFile")
	case strings.Contains(l.username, ":"):
		v.errorf(path+".username", "must not hold a colon: a server would take what follows it for the password")
	}
}
