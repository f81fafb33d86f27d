package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

const (
	notPrometheus = "the URL is not Prometheus's own: it is the server's address with its path prefix (--web.route-prefix), if it has one, and without /api/v1 or /graph"
	checkLogin    = "see prometheus.tokenFile, or username and passwordFile, and what the proxy in front of it wants"
)

// broken explains a connection that failed, or an answer that cannot be decoded.
func (c *client) broken(ctx context.Context, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL is named anyway
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	cause := web.Briefly(err)
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	_, form := errors.AsType[*formError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return source.Failed(facts.CauseTimeout, cause, "asking Prometheus at %s: the deadline passed; if it is only slow, raise --timeout", c.base)
	case errors.Is(err, context.Canceled):
		return source.Failed(facts.CauseTimeout, cause, "asking Prometheus at %s: the run was stopped", c.base)
	case web.Untrusted(err):
		return source.Failed(facts.CauseUnreachable, cause, "asking Prometheus at %s: no trusted connection; set prometheus.caFile to the certificate that the server's one is signed by, "+
			"and see whether the URL should begin with http or https", c.base)
	case tooLarge:
		return source.Failed(facts.CauseUnreadable, cause, "asking Prometheus at %s: the answer is larger than any that this audit asks for", c.base)
	case form:
		return source.Failed(facts.CauseUnreadable, cause, "asking Prometheus at %s: the answer cannot be read; if there is no proxy that changes it, %s", c.base, notPrometheus)
	}
	return source.Failed(facts.CauseUnreachable, cause, "asking Prometheus at %s: no lasting connection; see whether it runs and a network policy lets the audit through", c.base)
}

// refused explains an answer that is none to the question.
func (c *client) refused(resp *http.Response, page bool, r refusal) error {
	var said error
	if r.Words != "" {
		said = fmt.Errorf("it says %q", r.Words)
	}
	status := resp.StatusCode
	switch {
	case status >= 300 && status < 400:
		return source.Failed(facts.CauseUnreadable, nil, "Prometheus at %s redirects to %q, which is not followed with a secret: %s, or it begins with http instead of https, or %s",
			c.base, web.RedirectedTo(resp), notPrometheus, checkLogin)
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return source.Failed(facts.CauseForbidden, said, "Prometheus at %s does not let the audit ask: status %d; %s", c.base, status, checkLogin)
	case status == http.StatusNotFound:
		return source.Failed(facts.CauseMissing, said, "Prometheus at %s: status 404; %s", c.base, notPrometheus)
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusGatewayTimeout,
		status == http.StatusServiceUnavailable && r.Type != "timeout":
		return source.Failed(facts.CauseUnreachable, said, "Prometheus at %s is not ready: status %d; see whether it runs, or still starts", c.base, status)
	case page:
		return source.Failed(facts.CauseUnreadable, nil, "Prometheus at %s answers with a web page (status %d): %s; or %s", c.base, status, notPrometheus, checkLogin)
	case r.Type == "timeout":
		return source.Failed(facts.CauseTimeout, said, "Prometheus at %s gave up on the query; raise its --query.timeout", c.base)
	case r.Type != "":
		return source.Failed(facts.CauseUnreadable, said, "Prometheus at %s refuses the query (%s, status %d); see prometheus.matchers, and its limits on queries", c.base, web.Brief(r.Type), status)
	}
	return source.Failed(facts.CauseUnreadable, said, "Prometheus at %s: status %d; see whether the URL should begin with http or https, and its log; else %s", c.base, status, notPrometheus)
}
