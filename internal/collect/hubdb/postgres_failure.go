package hubdb

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"hubaudit/internal/facts"
)

// lockNotAvailable: lock_timeout passed.
const lockNotAvailable = "55P03"

// state is the server's SQLSTATE, "" if err is none of the server's.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func (p *postgres) passing(err error) bool {
	switch state(err) {
	case "40001", "40P01", "42P01":
		return true
	}
	return false
}

// explain classes errors by https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (p *postgres) explain(err error) (facts.Cause, string) {
	code := state(err)
	if code == "" {
		if strings.Contains(err.Error(), "server refused TLS connection") { // pgx has no type for it
			return facts.CauseUnreachable, "the server has no TLS, which the URL demands; set up TLS there (ssl = on), or take sslmode out of the URL if the network is safe"
		}
		return "", ""
	}
	switch code {
	case "28P01":
		return facts.CauseForbidden, "the password is wrong or there is no such role, which PostgreSQL does not tell apart; check databasePassword and the role's name"
	case "28000":
		return facts.CauseForbidden, "the server lets no such role in from here in this way; check the role's name, pg_hba.conf, and whether TLS (sslmode=require) or a client's certificate is demanded"
	case "3D000":
		return facts.CauseMissing, "there is no database of that name. A hub cannot start without it: find out who removed it before anyone makes it anew"
	case "42501":
		return facts.CauseForbidden, "a privilege is missing or was revoked; grant what docs/configuration.md lists. A table that was made anew has lost its grants"
	case "42P01":
		return facts.CauseUnreadable, "a table disappeared while it was read; run again"
	case "53300":
		return facts.CauseUnreachable, "the server has no connection left; raise max_connections, or find what holds them (pg_stat_activity)"
	case "57P03":
		return facts.CauseUnreachable, "the server is starting, stopping or recovering; run again later"
	case "57P01", "57P02", "57P04":
		return facts.CauseUnreachable, "the server was stopped, or ended this connection, while it was read; nothing that was read until then is used"
	case lockNotAvailable:
		return facts.CauseTimeout, "a table stayed locked by another session until the deadline"
	case "57014":
		return facts.CauseTimeout, "the server was not done before the deadline, or an administrator canceled the query; allow this source more time (--timeout), or look what the server is busy with"
	case "25P03", "25P04", "57P05":
		return facts.CauseTimeout, "the server ended the connection because the audit was too slow to read on"
	case "40001", "40P01":
		return facts.CauseUnreadable, "a read replica had to remove rows that were still being read; set hot_standby_feedback = on there or raise max_standby_streaming_delay, or audit the primary"
	}
	switch code[:min(2, len(code))] {
	case "08":
		return facts.CauseUnreachable, "the connection to the server failed"
	case "53", "58", "XX":
		return facts.CauseUnreadable, "the server is out of resources or broken; its log has the cause"
	}
	return facts.CauseUnreadable, "the server refused the query; its words follow"
}
