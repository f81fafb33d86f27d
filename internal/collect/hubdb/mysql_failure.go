package hubdb

import (
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"hubaudit/internal/facts"
)

// Error numbers of MySQL and MariaDB that are not only explained.
const (
	errNoColumn   = 1054
	errNoTable    = 1146
	errDefChanged = 1412
)

func (m *mySQL) passing(err error) bool {
	n := number(err)
	return n == errDefChanged || n == errNoTable || n == errNoColumn
}

// explain classes errors by https://mariadb.com/kb/en/mariadb-error-code-reference/
// and https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html.
func (m *mySQL) explain(err error) (facts.Cause, string) {
	if errors.Is(err, mysql.ErrNoTLS) {
		return facts.CauseUnreachable, "the server has no TLS, which the URL demands; set up TLS there, or take the ssl options out of the URL if the network is safe"
	}
	if errors.Is(err, mysql.ErrInvalidConn) {
		return facts.CauseUnreachable, fmt.Sprintf("the connection broke off (%s): the server was stopped or crashed, or something between closed it; nothing that was read until then is used", &m.log)
	}
	switch number(err) {
	case 0:
		return "", ""
	case 1045, 1698:
		return facts.CauseForbidden, "user or password are wrong, or the server wants TLS of this user; check databasePassword and the ssl options"
	case 1044, 1142, 1143, 1227, 1370:
		return facts.CauseForbidden, "a privilege is missing or was revoked, or what it is for does not exist; grant what docs/configuration.md lists"
	case 1130, 1820, 1862, 3118, 3159, 4151:
		return facts.CauseForbidden, "the server does not let this user in from here in this way; its words follow"
	case 1049:
		return facts.CauseMissing, "there is no database of that name. A hub cannot start without it: find out who removed it before anyone makes it anew"
	case 1040, 1203, 1226:
		return facts.CauseUnreachable, "the server has no connection left; raise max_connections, or find what holds them (SHOW PROCESSLIST)"
	case 1129:
		return facts.CauseUnreachable, "the server blocks this host after too many broken connections; run FLUSH HOSTS there"
	case 1053, 1927, 3169:
		return facts.CauseUnreachable, "the server was stopped, or ended this connection, while it was read; nothing that was read until then is used"
	case 1205:
		return facts.CauseTimeout, "a table stayed locked by another session until the deadline; SHOW FULL PROCESSLIST has sessions and what they wait for"
	case 1317, 1969, 3024:
		return facts.CauseTimeout, "the server was not done before the deadline, because of a lock or of load, or an administrator ended the query; SHOW FULL PROCESSLIST has sessions and what they wait for"
	case errNoTable, errNoColumn, errDefChanged:
		return facts.CauseUnreadable, "a table disappeared or changed while it was read; run again"
	}
	return facts.CauseUnreadable, "the server refused the query; its words follow"
}
