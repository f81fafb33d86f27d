package history

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// advice classes the server's errors by their SQLSTATE:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func (postgresServer) advice(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return connectionAdvice(err)
	}
	if advice := poolerAdvice(e); advice != "" {
		return advice
	}
	switch e.Code {
	case "28P01":
		return noSuchLogin
	case "28000":
		return "the server lets no such role in from here in this way: look at the role's name, pg_hba.conf, and whether TLS or a client's certificate is demanded"
	case "3D000":
		return noSuchDatabase
	case "42501":
		return "the role needs the right to make the schema hubaudit and its tables, and to use them: " +
			"CREATE SCHEMA hubaudit AUTHORIZATION its name, or GRANT CREATE ON DATABASE. Where they are another role's: " +
			"GRANT USAGE ON SCHEMA hubaudit, and SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN it. Nothing of this was written"
	case "25006":
		return "this server or role may only read: name the primary, as with several hosts and target_session_attrs=read-write, or let the role write"
	case "42P01", "3F000":
		return "its tables were removed while it was open: the next run makes them anew"
	case "53100":
		return "make room on the server's disk; nothing of this was written"
	case "53300":
		return "the server has no connection left for this role: raise max_connections or the CONNECTION LIMIT of role or database, " +
			"or find what holds them (pg_stat_activity)"
	case "55P03":
		return "another process has held it for " + busyTimeout.String() + ": end that one (pg_stat_activity), or try again"
	case "57014":
		return "the server was not done in time, or somebody cancelled it; nothing of this was written: look what the server is busy with, and try again"
	case "57P01", "57P02", "57P04":
		return "the server was stopped, or ended this connection; nothing of this was written: try again"
	case "57P03":
		return "the server is starting, stopping or recovering: try again"
	case "25P03", "25P04", "57P05":
		return "the server ended the connection because the audit had paused; nothing of this was written: try again"
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08":
		return "the connection to the server failed; nothing of this was written: try again"
	case "40":
		return "another transaction was in the way; nothing of this was written: try again"
	case "53", "58", "XX":
		return "the server is out of resources or broken; nothing of this was written, and its log has the cause"
	}
	return ""
}

// connecting tells of an error that there was no connection yet: a deadline that
// passed then is mostly the one for connecting.
func connecting(err error) bool {
	var e *pgconn.ConnectError
	return errors.As(err, &e)
}

// connectionAdvice is for what goes wrong below the database's protocol.
func connectionAdvice(err error) string {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return "the name of its host cannot be resolved: check the name, and DNS from where the audit runs"
	case errors.As(err, &authority):
		return "the server's certificate is not signed by an authority that is trusted here: give the right one with sslrootcert"
	case errors.As(err, &host):
		return "the server's certificate is for another host name: connect by a name that the certificate has"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid: renew it"
	case errors.As(err, &alert):
		return "the server and the audit could not agree on TLS: the server may demand a client's certificate (sslcert and sslkey)"
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgx has no type for it
		return "the server has no TLS, which the URL demands: set it up there, or change sslmode if the network is safe"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "nothing answers there: the server is down, or host or port are wrong"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, driver.ErrBadConn), strings.Contains(err.Error(), "conn closed"): // pgconn's own words
		return "the connection broke off: the server was stopped, or something between closed it; nothing of this was written: try again"
	case errors.As(err, &network):
		return "the server cannot be reached: check host, port and firewalls (NetworkPolicy in Kubernetes)"
	}
	return ""
}
