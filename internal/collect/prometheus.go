package collect

import (
	"context"

	"hubaudit/internal/collect/prometheus"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// prometheus asks how full the hubs' volumes are, and how many users each hub
// counts, if the configuration names a Prometheus.
func (g *gatherer) prometheus() {
	c := g.cfg.Prometheus
	if c == nil {
		return
	}
	o := prometheus.Options{URL: c.URL, Username: c.Username, CAFile: g.cfg.Path(c.CAFile), Matchers: c.Matchers, UserAgent: g.o.UserAgent, At: g.o.Now}
	hubs := map[string][]*facts.Hub{} // by namespace
	for _, h := range g.snapshot.Hubs {
		if hubs[h.Namespace] = append(hubs[h.Namespace], h); len(hubs[h.Namespace]) == 1 {
			o.HubNamespaces = append(o.HubNamespaces, h.Namespace)
		}
		// Of a template without a form nothing can be told; the configuration refuses it.
		if pattern, err := kubespawner.NamespacePattern(h.KubeSpawner.UserNamespaces, h.Namespace); err == nil && pattern != "" {
			o.UserNamespaces = append(o.UserNamespaces, pattern)
		}
	}
	g.readOne(facts.Prometheus, func(ctx context.Context) (map[string]int, func(), error) {
		var err error
		if o.Token, err = g.cfg.Secret("prometheus.token", c.Token, c.TokenFile); err == nil {
			o.Password, err = g.cfg.Secret("prometheus.password", c.Password, c.PasswordFile)
		}
		if err != nil {
			return nil, func() {}, source.Failed(facts.CauseMissing, err, "the token or password for Prometheus cannot be read")
		}
		r, err := prometheus.Read(ctx, o)
		return map[string]int{"volumes": len(r.Usage)}, func() {
			g.snapshot.Usage = r.Usage
			for namespace, users := range r.Users {
				if h := hubs[namespace]; len(h) == 1 && !users.At.IsZero() { // of two hubs nothing tells whose count it is
					h[0].MetricUsers, h[0].MetricUsersAt = users.Count, users.At
				}
			}
		}, err
	})
}
