package backup

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/collect/web"
	"hubaudit/internal/facts"
	"hubaudit/internal/objecturl"
)

// plainTransport hands on what is stored, never unpacked.
func plainTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 1, DisableCompression: true}
}

// loginError says that there is no login, or none that can be used.
type loginError struct{ err error }

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// answer is what a server said of a request that it refused.
type answer struct {
	status        int
	code, message string
	// region is where the bucket lies, if the server told; login is true where it
	// was the server that gives out tokens.
	region string
	login  bool
}

func (a answer) Error() string {
	said := cmp.Or(a.code, http.StatusText(a.status), "refused")
	if a.message != "" {
		said += ": " + a.message
	}
	if a.status != 0 {
		said = fmt.Sprintf("HTTP %d, %s", a.status, said)
	}
	return web.Brief(said)
}

// action is what was tried.
type action int

const (
	listing action = iota
	opening
)

// rights are what each action needs.
var rights = map[string][2]string{
	objecturl.S3:    {"s3:ListBucket on the bucket", "s3:GetObject on its objects (and kms:Decrypt on its key, if it has one)"},
	objecturl.GCS:   {"storage.objects.list (role Storage Object Viewer)", "storage.objects.get (role Storage Object Viewer)"},
	objecturl.Azure: {"the role Storage Blob Data Reader on the container", "the role Storage Blob Data Reader on the container"},
}

// refusedLogins are the codes of servers that do not know the login, not of
// those that know it and refuse the action.
var refusedLogins = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidClientTokenId",
	"RequestTimeTooSkewed", "AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation", "authError", "invalid_grant"}

// elsewhere are the codes with which S3 says that a bucket lies in another region.
var elsewhere = []string{"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "MovedPermanently"}

// archived are the codes of objects that have to be brought back before they
// can be read.
var archived = []string{"InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"}

// loginFailed tells of a location that could not even be made.
func loginFailed(ctx context.Context, err error, u objecturl.URL) error {
	return (&objects{url: u}).failed(ctx, err, listing, "cannot look for backups "+u.String())
}

// failed classes what went wrong with object storage. No part of a request, and
// so no signature, gets into its text.
func (l *objects) failed(ctx context.Context, err error, tried action, what string) error {
	if _, told := errors.AsType[*source.Error](err); told {
		return err
	}
	if a, ok := answerOf(err); ok && ctx.Err() == nil {
		cause, do := l.judge(a, tried)
		return source.Failed(cause, a, "%s: %s", what, do)
	}
	return unanswered(ctx, err, what)
}

// unanswered classes what went wrong without a server's answer.
func unanswered(ctx context.Context, err error, what string) error {
	_, login := errors.AsType[*loginError](err)
	switch plain := withoutQuery(err); {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return source.Failed(facts.CauseTimeout, cmp.Or(ctx.Err(), context.DeadlineExceeded), "%s: no answer in time", what)
	case login:
		return source.Failed(facts.CauseForbidden, plain, "%s: there is no login that can be used; name one as credentialsFile, or give the pod an identity of the cloud", what)
	case web.Untrusted(err):
		return source.Failed(facts.CauseUnreachable, plain, "%s: its certificate is not trusted; name the authority's file in SSL_CERT_FILE (for S3 also AWS_CA_BUNDLE)", what)
	case isNetwork(err):
		return source.Failed(facts.CauseUnreachable, plain, "%s: it cannot be reached; look at its address, at DNS and at network policies", what)
	default:
		return source.Failed(facts.CauseUnreadable, plain, "%s", what)
	}
}

func answerOf(err error) (answer, bool) {
	for _, of := range []func(error) (answer, bool){s3Answer, googleAnswer, azureAnswer} {
		if a, ok := of(err); ok {
			return a, true
		}
	}
	return answer{}, false
}

// judge says whose turn it is after an answer.
func (l *objects) judge(a answer, tried action) (facts.Cause, string) {
	option := "its region"
	if a.region != "" {
		option = "region=" + a.region
	}
	switch {
	case a.login || slices.Contains(refusedLogins, a.code):
		return facts.CauseForbidden, "the login is not accepted; renew it, and see that this machine's clock is right"
	case slices.Contains(elsewhere, a.code) || a.status == http.StatusMovedPermanently || a.status == http.StatusTemporaryRedirect:
		return facts.CauseUnreadable, "the bucket lies in another region or behind another endpoint; write " + option + " among its options"
	case slices.Contains(archived, a.code):
		return facts.CauseUnreadable, "it is archived and cannot be opened until it is brought back; keep the newest copies in a class that can be read at once"
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return facts.CauseForbidden, "the login may not; give it " + rights[l.url.Scheme][tried]
	case a.status == http.StatusNotFound && tried == opening && a.code != "NoSuchBucket" && a.code != "ContainerNotFound":
		return facts.CauseMissing, "it is gone since it was listed"
	case a.status == http.StatusNotFound:
		return facts.CauseMissing, "there is no such bucket; look at its name, account, endpoint and region"
	case a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError:
		return facts.CauseUnreachable, "the server is busy or broken; the next run will try again"
	}
	return facts.CauseUnreadable, "the server refused the request"
}

func isNetwork(err error) bool {
	_, network := errors.AsType[net.Error](err)
	_, operation := errors.AsType[*net.OpError](err)
	_, request := errors.AsType[*url.Error](err)
	return network || operation || request
}

// queries are those of URLs in a text: they hold signatures.
var queries = regexp.MustCompile(`(https?://[^\s"'?]*)\?[^\s"']*`)

// withoutQuery is an error whose text is brief and without any URL's query.
func withoutQuery(err error) error {
	text := err.Error()
	if request, ok := errors.AsType[*url.Error](err); ok { // what libraries add around it says less
		text = request.Err.Error()
	}
	return &told{web.Brief(queries.ReplaceAllString(text, "$1")), err}
}

// told is an error in other words.
type told struct {
	text string
	err  error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.err }
