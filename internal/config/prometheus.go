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
		v.certificates(key+".caFile", p.CAFile, u)
	}
	v.access(key, login{p.Token, p.TokenFile, p.Username, p.Password, p.PasswordFile})
	if p.Matchers != "" && !matchers.MatchString(p.Matchers) {
		v.errorf(key+".matchers", "%q are not matchers of labels, such as cluster=\"prod\"", p.Matchers)
	}
}
