package hubdb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// words are libpq's connection parameters, without secrets.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
type words map[string]string

// String is libpq's keyword/value form.
func (w words) String() string {
	var b strings.Builder
	for word, value := range w {
		fmt.Fprintf(&b, "%s='%s' ", word, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
	}
	return b.String()
}

// Options of libpq, psycopg, pg8000 and asyncpg by what becomes of them here.
// What stands in none of these lists is refused.
var (
	// handed on to pgx, which reads them as libpq does
	postgresPassed = set("application_name", "options", "service", "sslsni", "krbsrvname", "require_auth",
		"min_protocol_version", "max_protocol_version")
	// handed on, with the values that exist
	postgresChoices = map[string][]string{
		"sslmode":              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
		"sslcertmode":          {"disable", "allow", "require"},
		"sslnegotiation":       {"postgres", "direct"},
		"channel_binding":      {"disable", "prefer", "require"},
		"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	}
	postgresFiles = set("sslcert", "sslkey", "sslrootcert", "passfile")
	// without influence on what is read, or on how safely
	postgresIgnored = set("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"client_encoding", "fallback_application_name", "sslcompression", "ssl_max_protocol_version", "gsslib", "gssdelegation",
		"load_balance_hosts", "prepare_threshold", "tcp_keepalive", "command_timeout", "statement_cache_size",
		"max_cached_statement_lifetime", "max_cacheable_statement_size", "prepared_statement_cache_size")
)

func set(names ...string) map[string]bool {
	s := map[string]bool{}
	for _, name := range names {
		s[name] = true
	}
	return s
}

// postgres fills t.words from the URL's parts and options; an option wins over
// a part, as in SQLAlchemy.
func (t *target) postgres(options []option, baseDir string) error {
	t.words = words{}
	var hosts, ports []string
	for _, o := range options {
		switch o.name {
		case "host":
			hosts = append(hosts, o.value)
		case "port":
			ports = append(ports, o.value)
		case "unix_sock": // pg8000 names the socket, libpq its folder
			hosts = append(hosts, unixSocket.ReplaceAllString(o.value, ""))
		default:
			if err := t.postgresOption(o, baseDir); err != nil {
				return err
			}
		}
	}
	if err := t.postgresHosts(hosts, ports); err != nil {
		return err
	}
	if t.User != "" {
		t.words["user"] = t.User
	}
	if t.Database != "" {
		t.words["dbname"] = t.Database
	}
	return nil
}

var unixSocket = regexp.MustCompile(`/\.s\.PGSQL\.\d+$`)

func (t *target) postgresOption(o option, baseDir string) (err error) {
	if o.name == "ssl" { // asyncpg's
		o.name = "sslmode"
	}
	choices := postgresChoices[o.name]
	switch {
	case o.name == "user":
		t.User = o.value
	case o.name == "password":
		t.password = o.value
	case o.name == "dbname", o.name == "database":
		t.Database = o.value
	case o.name == "sslpassword":
		t.sslPassword = o.value
	case choices != nil:
		t.words[o.name], err = strings.ToLower(o.value), o.oneOf(t.Engine, choices...)
	case postgresFiles[o.name] && o.value != "system":
		t.words[o.name] = o.path(baseDir)
	case postgresPassed[o.name], postgresFiles[o.name]:
		t.words[o.name] = o.value
	case o.name == "connect_timeout", o.name == "timeout":
		timeout, wrong := o.seconds(t.Engine)
		t.words["connect_timeout"], err = strconv.Itoa(int(timeout.Seconds())), wrong
	case o.name == "ssl_min_protocol_version": // Go's own minimum is 1.2
		err = o.oneOf(t.Engine, "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
		t.onlyTLS13 = strings.EqualFold(o.value, "TLSv1.3")
	case o.name == "gssencmode":
		err = o.oneOf(t.Engine, "disable", "prefer")
	case !postgresIgnored[o.name]:
		err = o.unknown(t.Engine)
	}
	return err
}

// postgresHosts takes hosts and ports from the options, in SQLAlchemy's forms:
// host=a:1&host=b:2, host=a,b&port=1,2 and host=a:1.
func (t *target) postgresHosts(hosts, ports []string) error {
	all, onePort := strings.Join(hosts, ","), strings.Join(ports, ",")
	if len(hosts) == 0 {
		all = t.Host
		if t.Port != 0 && onePort == "" {
			onePort = strconv.Itoa(t.Port)
		}
	} else if len(hosts) > 1 || hostPort.MatchString(all) {
		if onePort != "" {
			return fmt.Errorf("the options of the %s URL give ports in two ways; write host=a:1&host=b:2 or host=a,b&port=1,2", t.Engine)
		}
		all, onePort = splitPorts(hosts)
	} else if t.Port != 0 && onePort == "" {
		onePort = strconv.Itoa(t.Port)
	}
	if all != "" {
		t.words["host"] = all
	}
	t.Host, t.Port = all, 0
	if onePort == "" {
		return nil
	}
	t.words["port"] = onePort
	given := strings.Split(onePort, ",")
	for _, port := range given {
		n, err := option{"port", port}.port(t.Engine)
		if err != nil && port != "" {
			return err
		}
		t.Port = n
	}
	if len(given) > 1 {
		t.Host, t.Port = joinPorts(strings.Split(all, ","), given), 0
	}
	return nil
}

// joinPorts puts each host and its port together, for people.
func joinPorts(hosts, ports []string) string {
	for i := range min(len(hosts), len(ports)) {
		if ports[i] != "" {
			hosts[i] += ":" + ports[i]
		}
	}
	return strings.Join(hosts, ",")
}

var hostPort = regexp.MustCompile(`^[\w.-]*:\d*$`)

func splitPorts(hosts []string) (names, ports string) {
	var n, p []string
	for _, h := range hosts {
		name, port, _ := strings.Cut(h, ":")
		n, p = append(n, name), append(p, port)
	}
	names, ports = strings.Join(n, ","), strings.Join(p, ",")
	if strings.Trim(ports, ",") == "" {
		ports = ""
	}
	return names, ports
}
