package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// passing tells whether an error may be gone when the list is read anew: an
// expired page, a server in trouble, a connection that broke.
func passing(err error) bool {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		code := status.Status().Code
		return code == http.StatusGone || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	return !untrusted(err) && broken(err)
}

// broken tells whether the connection failed or broke off.
func broken(err error) bool {
	_, isURL := errors.AsType[*url.Error](err)
	_, isNet := errors.AsType[net.Error](err)
	return isURL || isNet || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// untrusted tells whether TLS failed because of a certificate.
func untrusted(err error) bool {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return verify || authority || alert || record
}

// explain turns what went wrong when reading what (such as "list pods") into a
// source's error. rule is the RBAC rule that is needed for it.
func explain(err error, what, rule string) error {
	_, failed := errors.AsType[*source.Error](err)
	_, absent := errors.AsType[*source.AbsentError](err)
	if err == nil || failed || absent {
		return err
	}
	cause := Brief(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return source.Failed(facts.CauseTimeout, cause, "cannot %s: the deadline passed; if the API server is only slow, raise the timeout", what)
	case errors.Is(err, context.Canceled):
		return source.Failed(facts.CauseTimeout, cause, "cannot %s: the run was stopped", what)
	case apierrors.IsForbidden(err):
		return source.Failed(facts.CauseForbidden, cause, "may not %s: give the auditor a role with the rule {%s}", what, rule)
	case apierrors.IsUnauthorized(err):
		return source.Failed(facts.CauseForbidden, cause, "may not %s: the API server does not accept the credentials; renew the token or the kubeconfig's login", what)
	case apierrors.IsNotFound(err):
		return source.Failed(facts.CauseMissing, cause, "cannot %s: %s", what, notFound(err))
	case untrusted(err):
		return source.Failed(facts.CauseUnreachable, cause, "cannot %s: no trusted connection to the API server; check the certificate authority in the kubeconfig", what)
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		return source.Failed(facts.CausePartial, cause, "cannot %s: the list expired while it was read, also after several attempts; see whether the API server is slow", what)
	case overloaded(err):
		return source.Failed(facts.CauseUnreachable, cause, "cannot %s: the API server is unwell, also after several attempts; see its log", what)
	case broken(err):
		return source.Failed(facts.CauseUnreachable, cause, "cannot %s: no lasting connection to the API server, also after several attempts", what)
	}
	return source.Failed(facts.CauseUnreadable, cause, "cannot %s: the answer cannot be read", what)
}

// notFound tells a missing resource from an answer by something in between.
func notFound(err error) string {
	if apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) {
		return "the answer 404 is not one of a Kubernetes API server; check the server's URL and any proxy"
	}
	return "the API server knows no such resource; use a Kubernetes version that serves it"
}

func overloaded(err error) bool {
	_, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && passing(err)
}

// rbacRule is the rule of a Role or ClusterRole that permits reading r.
func (r *Resource) rbacRule() string {
	return fmt.Sprintf(`apiGroups: ["%s"], resources: ["%s"], verbs: ["get", "list"]`, r.Group, r.Plural)
}

// Brief is an error in one line of bounded length: what proxies answer and
// parsers complain of may be whole pages.
func Brief(err error) error { return &brief{err} }

type brief struct{ err error }

func (b *brief) Error() string {
	const limit = 400
	text := strings.Join(strings.Fields(strings.ToValidUTF8(b.err.Error(), "\uFFFD")), " ")
	if len(text) <= limit {
		return text
	}
	cut := limit
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

func (b *brief) Unwrap() error { return b.err }
