package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Options that a URL may have, which pgx reads as libpq does. What stands in
// neither list is refused: it might be meant to make the connection safer.
var (
	serverOptions = []string{"application_name", "channel_binding", "connect_timeout", "host", "krbsrvname", "krbspn", "max_protocol_version",
		"min_protocol_version", "options", "passfile", "port", "require_auth", "service", "servicefile", "sslcert", "sslcertmode", "sslkey",
		"sslmode", "sslnegotiation", "sslrootcert", "sslsni", "target_session_attrs"}
	// of these the value is a file's path
	serverFiles = []string{"passfile", "servicefile", "sslcert", "sslkey", "sslrootcert"}
)

// server is what a URL of PostgreSQL says.
type server struct {
	password, sslPassword string
	// words are libpq's connection parameters by name, without secrets.
	words map[string]string
}

var errServerURL = errors.New("history: the URL is not of the form postgresql://USER@HOST:PORT/DATABASE?OPTION=VALUE; " +
	"percent-escape special characters in the user and the password, or give the password as historyPassword")

// parse reads the URL. Its errors show nothing of it but the names of options:
// any other part may be a piece of a password.
func (l Location) parse() (server, error) {
	scheme, rest, _ := strings.Cut(l.URL, ":")
	engine, _, _ := strings.Cut(scheme, "+") // SQLAlchemy names a driver there
	rest, slashes := strings.CutPrefix(rest, "//")
	if engine != "postgresql" && engine != "postgres" || !slashes {
		return server{}, errServerURL
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(rest, "/")
	login, hosts := "", authority
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		login, hosts = authority[:i], authority[i+1:]
	}
	user, password, _ := strings.Cut(login, ":")
	s := server{words: map[string]string{}}
	var wrong error
	for part, into := range map[*string]string{&user: "user", &password: "", &database: "dbname"} {
		text, err := url.PathUnescape(*part)
		wrong = errors.Join(wrong, err)
		if *part = text; into != "" && text != "" {
			s.words[into] = text
		}
	}
	s.password = password
	err := s.setHosts(hosts)
	if wrong != nil || err != nil || strings.ContainsAny(database, "@") || strings.ContainsRune(user+password+database, 0) {
		return server{}, errServerURL // wrong shows what it is about
	}
	if err := s.setOptions(query, l.BaseDir); err != nil {
		return server{}, err
	}
	if s.password != "" && l.Password != "" {
		return server{}, errors.New("history: the password is both in the URL and in historyPassword: take it out of the URL")
	}
	if l.Password != "" {
		s.password = l.Password
	}
	return s, nil
}

// setHosts reads HOST, HOST:PORT, [ADDRESS]:PORT, or several with commas between.
func (s *server) setHosts(list string) error {
	if list == "" {
		return nil
	}
	var hosts, ports []string
	for _, one := range strings.Split(list, ",") {
		host, port := one, ""
		if i := strings.LastIndex(one, ":"); i > strings.LastIndex(one, "]") {
			host, port = one[:i], one[i+1:]
		}
		if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
			return errServerURL
		}
		host, err := url.PathUnescape(host) // a socket's folder: %2Frun%2Fpostgresql
		if bare, ok := strings.CutPrefix(host, "["); ok {
			host, ok = strings.CutSuffix(bare, "]")
			if !ok {
				return errServerURL
			}
		}
		if err != nil || strings.ContainsAny(host, "[]\x00") {
			return errServerURL
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	s.words["host"] = strings.Join(hosts, ",")
	if strings.Join(ports, "") != "" {
		s.words["port"] = strings.Join(ports, ",")
	}
	return nil
}

var optionName = regexp.MustCompile(`^[a-z_]{1,40}$`)

func (s *server) setOptions(query, baseDir string) error {
	options, err := url.ParseQuery(query)
	if err != nil {
		return errServerURL
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		value := options.Get(name)
		switch {
		case strings.ContainsRune(value, 0):
			return errServerURL
		case name == "password":
			s.password = value
		case name == "sslpassword":
			s.sslPassword = value
		case name == "user", name == "dbname":
			s.words[name] = value
		case slices.Contains(serverFiles, name) && value != "system" && !filepath.IsAbs(value):
			s.words[name] = filepath.Join(baseDir, value)
		case slices.Contains(serverOptions, name):
			s.words[name] = value
		case optionName.MatchString(name):
			return fmt.Errorf("history: the option %s of the URL is not known; those of libpq are, such as sslmode and sslrootcert", name)
		default:
			return errServerURL
		}
	}
	return nil
}

// postgres is how to connect to the server, and its name for people: the URL
// without password and options. The password does not pass through pgx's parser,
// whose errors show what they parsed.
func (l Location) postgres() (*pgx.ConnConfig, string, error) {
	s, err := l.parse()
	if err != nil {
		return nil, "", err
	}
	var words strings.Builder
	for _, word := range slices.Sorted(maps.Keys(s.words)) {
		fmt.Fprintf(&words, "%s='%s' ", word, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s.words[word]))
	}
	c, err := pgx.ParseConfigWithOptions(words.String(), pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{
		GetSSLPassword: func(context.Context) string { return s.sslPassword }}})
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil { // without the words
			err = inner
		}
		return nil, "", fmt.Errorf("history: the options of the URL: %w", err)
	}
	if s.password != "" {
		c.Password = s.password
	}
	if s.words["connect_timeout"] == "" {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "hubaudit"
	}
	// Prepared statements would get lost behind a pooler such as PgBouncer.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	return c, s.name(c), nil
}

func (s *server) name(c *pgx.ConnConfig) string {
	name := url.URL{Scheme: "postgresql", Host: s.words["host"], Path: "/" + c.Database}
	switch {
	case strings.HasPrefix(c.Host, "/"):
		name.Host, name.RawQuery = "", url.Values{"host": {c.Host}, "port": {strconv.Itoa(int(c.Port))}}.Encode()
	case !strings.Contains(name.Host, ","):
		name.Host = net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	}
	if c.User != "" {
		name.User = url.User(c.User)
	}
	return name.String()
}
