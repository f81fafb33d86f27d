package notify

import (
	"context"
	"net/http"
)

// WithAttempt replaces the deadline of one attempt, for tests in which a server
// hangs: they end it instead of waiting for it.
func WithAttempt(attempt func(context.Context) (context.Context, context.CancelFunc)) Option {
	return func(s *sender) { s.attempt = attempt }
}

// WithTransport replaces the network.
func WithTransport(base http.RoundTripper) Option { return func(s *sender) { s.base = base } }

// What tests hold messages and tries against.
const (
	PagerDutyBody = pagerDutyBodyLimit
	PagerDutyStep = pagerDutyStepMax
	SlackStep     = slackStepMax
	MaxTries      = maxTries
)
