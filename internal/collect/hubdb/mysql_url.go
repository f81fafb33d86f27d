package hubdb

import (
	"errors"
	"time"
)

// mysqlOptions are what the options of a MySQL URL ask for.
type mysqlOptions struct {
	socket         string // the path of a Unix socket, instead of host and port
	connectTimeout time.Duration
	tls            tlsLevel
	// caFile and caDir have the certificates to trust, the system's where both
	// are empty; certFile and keyFile are the client's own.
	caFile, caDir, certFile, keyFile string
}

// tlsLevel is how much a connection to MySQL must be protected, in the order
// of MySQL's own ssl-mode.
type tlsLevel int

const (
	tlsDisabled  tlsLevel = iota
	tlsPreferred          // encrypted if the server can
	tlsRequired
	tlsVerifyCA
	tlsVerifyIdentity
)

var tlsModes = []string{"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"}

// mysqlIgnored are options of mysqlclient, PyMySQL and the two Connector/Pythons
// without influence on what is read, or on how safely. Timeouts of reading
// and writing are among them: here the deadline of the source counts.
var mysqlIgnored = set("charset", "collation", "use_unicode", "sql_mode", "compress", "client_flag", "client_flags",
	"local_infile", "allow_local_infile", "autocommit", "read_timeout", "write_timeout", "max_allowed_packet", "program_name",
	"binary_prefix", "buffered", "raw", "consume_results", "use_pure", "get_warnings", "raise_on_warnings", "pool_name", "pool_size",
	"pool_reset_session", "pool_recycle", "reconnect", "time_zone", "force_ipv6", "defer_connect")

// hostCheckers are drivers that, given a CA, also compare the certificate's
// name with the host, unless told otherwise.
var hostCheckers = set("pymysql", "aiomysql", "asyncmy", "cymysql")

// mySQL fills t.mysql from the URL's parts and options.
func (t *target) mySQL(options []option, baseDir string) error {
	w := tlsWishes{}
	for _, o := range options {
		known, err := t.mysqlOption(o, baseDir)
		if !known && err == nil {
			known, err = w.take(o)
		}
		if err == nil && !known && !mysqlIgnored[o.name] {
			err = o.unknown(t.Engine)
		}
		if err != nil {
			return err
		}
	}
	if t.Database == "" {
		return errors.New("the mysql URL names no database; write it as in the hub's db_url: mysql+pymysql://user:password@host/name")
	}
	m := &t.mysql
	m.tls = w.level(m, hostCheckers[t.Driver])
	if m.socket != "" {
		t.Host, t.Port = m.socket, 0
		if m.tls == tlsPreferred { // nobody listens in on a socket, and clients do not encrypt there
			m.tls = tlsDisabled
		}
	}
	return nil
}

func (t *target) mysqlOption(o option, baseDir string) (known bool, err error) {
	m := &t.mysql
	switch o.name {
	case "user":
		t.User = o.value
	case "password", "passwd":
		t.password = o.value
	case "db", "database":
		t.Database = o.value
	case "host":
		t.Host = o.value
	case "port":
		t.Port, err = o.port(t.Engine)
	case "unix_socket":
		m.socket = o.value
	case "connect_timeout", "connection_timeout":
		m.connectTimeout, err = o.seconds(t.Engine)
	case "ssl_ca":
		m.caFile = o.path(baseDir)
	case "ssl_capath":
		m.caDir = o.path(baseDir)
	case "ssl_cert":
		m.certFile = o.path(baseDir)
	case "ssl_key":
		m.keyFile = o.path(baseDir)
	default:
		return false, nil
	}
	return true, err
}

// tlsWishes are the options that say how strict to be; nil where one is absent.
type tlsWishes struct {
	mode                               *tlsLevel
	encrypt, disable, chain, checkHost *bool
}

func (w *tlsWishes) take(o option) (known bool, err error) {
	wishes := map[string]**bool{"ssl": &w.encrypt, "ssl_disabled": &w.disable, "ssl_verify_cert": &w.chain,
		"ssl_verify_identity": &w.checkHost, "ssl_check_hostname": &w.checkHost}
	if wish := wishes[o.name]; wish != nil {
		is, err := o.boolean(MySQL)
		*wish = &is
		return true, err
	}
	if o.name != "ssl_mode" {
		return false, nil
	}
	for level, mode := range tlsModes {
		if o.oneOf(MySQL, mode) == nil {
			w.mode = new(tlsLevel(level))
		}
	}
	return true, o.oneOf(MySQL, tlsModes...)
}

// level is what the options ask for together. Where drivers differ it is the
// stricter reading, except that a certificate's name is only compared where
// the hub's own driver does.
func (w *tlsWishes) level(m *mysqlOptions, checksHost bool) tlsLevel {
	is := func(wish *bool, otherwise bool) bool {
		if wish == nil {
			return otherwise
		}
		return *wish
	}
	hasCA := m.caFile+m.caDir != ""
	switch {
	case is(w.disable, false):
		return tlsDisabled
	case w.mode != nil:
		return *w.mode
	case is(w.chain, hasCA || is(w.checkHost, false)):
		if is(w.checkHost, hasCA && checksHost) {
			return tlsVerifyIdentity
		}
		return tlsVerifyCA
	case hasCA, m.certFile != "", is(w.encrypt, false), w.chain != nil:
		return tlsRequired
	case w.encrypt != nil:
		return tlsDisabled
	}
	return tlsPreferred
}
