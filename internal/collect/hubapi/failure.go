package hubapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
)

// failure is why one attempt brought no answer that can be used.
type failure struct {
	what     string
	status   int    // of the answer, 0 if there was none or it was good
	page     bool   // the answer is a web page
	location string // where a redirect points
	words    string // the hub's own, if it gave any
	err      error  // the network's or the decoder's
	passing  bool   // another attempt may go better
	after    time.Duration
}

func (f *failure) Error() string {
	switch {
	case f.status == 0:
		return fmt.Sprintf("cannot %s: %v", f.what, f.err)
	case f.words != "":
		return fmt.Sprintf("cannot %s: status %d, %q", f.what, f.status, f.words)
	}
	return fmt.Sprintf("cannot %s: status %d", f.what, f.status)
}

func (f *failure) Unwrap() error { return f.err }

func isStatus(err error, status int) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.status == status
}

// broken is the failure of a connection or of decoding what came over it.
func broken(ctx context.Context, what string, err error) *failure {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL is named anyway
	}
	_, isNet := errors.AsType[net.Error](err)
	passing := isNet || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &failure{what: what, err: err, passing: passing && !web.Untrusted(err)}
}

// explain makes a source's error of a failure.
func (c *client) explain(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	if f.status != 0 {
		return c.explainStatus(f)
	}
	const cannot = "cannot %s at %s: "
	cause := web.Briefly(f.err)
	_, tooLarge := errors.AsType[*http.MaxBytesError](f.err)
	switch {
	case errors.Is(f.err, context.DeadlineExceeded):
		return source.Failed(facts.CauseTimeout, cause, cannot+"the deadline passed; if the hub is only slow, raise the timeout", f.what, c.base)
	case errors.Is(f.err, context.Canceled):
		return source.Failed(facts.CauseTimeout, cause, cannot+"the run was stopped", f.what, c.base)
	case web.Untrusted(f.err):
		return source.Failed(facts.CauseUnreachable, cause, cannot+"no trusted connection; set caFile to the certificate that the hub's one is signed by, and see whether the URL should begin with http or https", f.what, c.base)
	case tooLarge:
		return source.Failed(facts.CauseUnreadable, cause, cannot+"the answer is larger than any hub's", f.what, c.base)
	case f.passing:
		return source.Failed(facts.CauseUnreachable, cause, cannot+"no lasting connection, also after several attempts; see whether the hub runs and a network policy lets the audit through", f.what, c.base)
	}
	return source.Failed(facts.CauseUnreadable, cause, cannot+"the answer cannot be read; see whether the URL is the hub's API, which ends in /hub/api", f.what, c.base)
}

func (c *client) explainStatus(f *failure) error {
	var said error
	if f.words != "" {
		said = fmt.Errorf("the hub says %q", f.words)
	}
	const notAPI = "the URL is not the hub's API, which ends in /hub/api"
	switch {
	case f.location != "":
		return source.Failed(facts.CauseUnreadable, nil, "cannot %s at %s: the answer is a redirect to %q, which is not followed with a token; %s, or it begins with http instead of https",
			f.what, c.base, f.location, notAPI)
	case f.passing:
		return source.Failed(facts.CauseUnreachable, said, "cannot %s at %s: status %d, also after several attempts; see whether the hub runs", f.what, c.base, f.status)
	case f.status == http.StatusUnauthorized, f.status == http.StatusForbidden:
		return source.Failed(facts.CauseForbidden, said, "may not %s at %s: status %d; the hub does not know the token, or it lacks a scope: see that the token is the service's own, and %s",
			f.what, c.base, f.status, remedy)
	case f.status == http.StatusNotFound:
		return source.Failed(facts.CauseMissing, said, "cannot %s at %s: status 404; %s", f.what, c.base, notAPI)
	case f.page:
		return source.Failed(facts.CauseUnreadable, nil, "cannot %s at %s: the answer is a web page (status %d); %s", f.what, c.base, f.status, notAPI)
	}
	return source.Failed(facts.CauseUnreadable, said, "cannot %s at %s: status %d; see the hub's log", f.what, c.base, f.status)
}

// hubWords is the message that the hub puts into its refusals.
func hubWords(body io.Reader) string {
	var said struct {
		Message string `json:"message"`
	}
	if into(&said)(body) != nil {
		return ""
	}
	return web.Brief(said.Message)
}
