package config

import (
	"regexp"
	"strings"
)

// matchers are those of a PromQL selector, without its braces.
var matchers = regexp.MustCompile(`^\s*[A-Za-z_]\w*\s*(=|!=|=~|!~)\s*"([^"\\]|\\.)*"(\s*,\s*[A-Za-z_]\w*\s*(=|!=|=~|!~)\s*"([^"\\]|\\.)*")*\s*$`)

// prometheusPaths end the addresses of Prometheus's pages and of its API.
var prometheusPaths = []string{"/api/v1/query", "/api/v1", "/graph"}

func (v *validator) prometheus(p *Prometheus) {
	const key = "prometheus"
	u := v.httpURL(key+".url", p.URL, "must be the URL of a Prometheus, such as http://prometheus.monitoring.svc:9090", "see username and passwordFile")
	if u != nil {
		for _, end := range prometheusPaths {
			if base, ends := strings.CutSuffix(u.Path, end); ends {
				u.Path = base
				v.errorf(key+".url", "must be the server's address with its path prefix, if it has one: write %s", u)
				break
			}
		}
		if p.CAFile != "" && u.Scheme == "http" {
			v.errorf(key+".caFile", "is of no use: the URL does not begin with https")
		}
	}
	v.oneOf(key+".token", p.Token, p.TokenFile)
	v.oneOf(key+".password", p.Password, p.PasswordFile)
	basic := p.Username+p.Password+p.PasswordFile != ""
	switch {
	case basic && p.Token+p.TokenFile != "":
		v.errorf(key, "set tokenFile, or username and passwordFile, not both")
	case basic && p.Username == "":
		v.errorf(key, "there is a password and no username")
	case basic && p.Password+p.PasswordFile == "":
		v.errorf(key, "there is a username and no password: set passwordFile")
	case strings.Contains(p.Username, ":"):
		v.errorf(key+".username", "must not hold a colon: a server would take what follows it for the password")
	}
	if p.Matchers != "" && !matchers.MatchString(p.Matchers) {
		v.errorf(key+".matchers", "%q are not matchers of labels, such as cluster=\"prod\"", p.Matchers)
	}
}
