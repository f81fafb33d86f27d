package notify

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"
)

// PushOptions are those of a Pushgateway.
type PushOptions struct {
	// URL has the path prefix, if there is one, and no /metrics.
	URL                string
	Username, Password string
	CA                 []byte // certificates in PEM to trust beside the system's
	// Instance names this audit among those that push to the same server.
	Instance string
}

// Pushgateway keeps the numbers of the last run for Prometheus, under the job
// hubaudit and the audit's instance.
type Pushgateway struct {
	sender
	PushOptions
}

// NewPushgateway makes one.
func NewPushgateway(o PushOptions, options ...Option) *Pushgateway {
	if len(o.CA) > 0 {
		options = append(options, withAuthorities(o.CA))
	}
	p := &Pushgateway{newSender(pushgatewayKind, options, o.Password), o}
	if p.address == nil {
		p.address = checkURL(o.URL, "pushgateway")
	}
	return p
}

// Push replaces the numbers there. With keep those that are not pushed now stay
// as they were.
func (p *Pushgateway) Push(ctx context.Context, families []*dto.MetricFamily, keep bool) error {
	return p.do(ctx, "push the metrics", func(ctx context.Context, client *http.Client) error {
		to := push.New(p.URL, "hubaudit").Grouping("instance", p.Instance).Client(client).
			Gatherer(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil }))
		if p.Username != "" {
			to = to.BasicAuth(p.Username, p.Password)
		}
		if keep {
			return to.AddContext(ctx)
		}
		return to.PushContext(ctx)
	})
}
