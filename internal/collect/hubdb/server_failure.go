package hubdb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/go-sql-driver/mysql"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// serverFailed says in one line why a server could not be read, and what to do.
func serverFailed(ctx context.Context, t target, d dialect, err error) error {
	var made *source.Error
	err = oneLine{err}
	cause, advice := d.explain(err)
	switch {
	case errors.As(err, &made):
		return source.Failed(made.Cause, err, "reading the hub's database %s", t)
	case errors.Is(err, errAltered):
		cause, advice = facts.CauseUnreadable, "an upgrade of the hub, or an administrator, is changing its tables; run again when that is done"
	case ctx.Err() != nil && (cause == "" || errors.Is(err, mysql.ErrInvalidConn)):
		cause, advice = facts.CauseTimeout, "it was not read to the end before the deadline; allow this source more time (--timeout), or look what the server is busy with"
		if !errors.Is(err, ctx.Err()) {
			err = ctx.Err()
		}
	case cause != "":
	default:
		cause, advice = connectionFailure(err)
	}
	return source.Failed(cause, err, "reading the hub's database %s: %s", t, advice)
}

// connectionFailure classes what went wrong below the database's protocol.
func connectionFailure(err error) (facts.Cause, string) {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return facts.CauseUnreachable, "the name of its host cannot be resolved; check the name, and DNS from where the audit runs"
	case errors.As(err, &authority):
		return facts.CauseUnreachable, "the server's certificate is not signed by an authority that is trusted here; give the right one with sslrootcert (PostgreSQL) or ssl_ca (MySQL)"
	case errors.As(err, &host):
		return facts.CauseUnreachable, "the server's certificate is for another host name; connect by a name that the certificate has"
	case errors.As(err, &invalid):
		return facts.CauseUnreachable, "the server's certificate is not valid (expired, or not for a server); renew it"
	case errors.As(err, &alert), errors.As(err, &record):
		return facts.CauseUnreachable, "the server and the audit could not agree on TLS; the server may require a client's certificate (sslcert and sslkey, or ssl_cert and ssl_key)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return facts.CauseUnreachable, "nothing answers at that address; the server is down, or host or port are wrong"
	case errors.Is(err, fs.ErrNotExist):
		return facts.CauseUnreachable, "the server's socket or a file named in the URL does not exist"
	case errors.Is(err, fs.ErrPermission):
		return facts.CauseForbidden, "this process may not use the server's socket or a file named in the URL"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return facts.CauseUnreachable, "the connection broke off: the server was stopped or crashed, or something between closed it; nothing that was read until then is used"
	case errors.As(err, &network) && network.Timeout():
		return facts.CauseTimeout, "the server did not answer in time; check host, port and firewalls (NetworkPolicy in Kubernetes)"
	case errors.As(err, &network):
		return facts.CauseUnreachable, "the server cannot be reached; check host, port and firewalls (NetworkPolicy in Kubernetes)"
	}
	return facts.CauseUnreadable, "the server's answer cannot be used; the cause follows"
}

// oneLine is an error whose text is one line: drivers and servers write
// several, and other people's text among them. A line that only repeats the one
// before it, as where a driver tries with TLS and without, is left out.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	lines := strings.FieldsFunc(e.error.Error(), func(r rune) bool { return r == '\n' || r == '\t' || r == '\r' })
	text := strings.Join(slices.Compact(lines), " ")
	return clean(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, text))
}
