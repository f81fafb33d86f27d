package hubdb

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Engines that a URL can name.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgresql"
	MySQL      = "mysql" // and MariaDB
)

// URL is a hub's db_url, taken apart. It does not keep the password.
type URL struct {
	Engine string
	// Driver is SQLAlchemy's, such as psycopg2; empty for the default one.
	Driver string
	// Path is SQLite's file, absolute or relative to the working directory, or
	// :memory: for a database without a file.
	Path string
	// User, Host, Port and Database are those of a server. Host is a name, an
	// address, the folder or path of a Unix socket, or several of them with
	// commas between. Port is 0 for the engine's own, and where Host has ports.
	User, Host string
	Port       int
	Database   string
}

// target is a URL with all that it takes to connect to a server.
type target struct {
	URL
	password, sslPassword string
	words                 words // of PostgreSQL
	onlyTLS13             bool
	mysql                 mysqlOptions
}

// String is the file's path, or the server's URL without its password and
// options.
func (u URL) String() string {
	if u.Engine == SQLite {
		return u.Path
	}
	out := url.URL{Scheme: u.Engine, Host: u.Host, Path: "/" + u.Database}
	switch {
	case u.Port != 0:
		out.Host = net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
	case net.ParseIP(u.Host) != nil && strings.Contains(u.Host, ":"):
		out.Host = "[" + u.Host + "]"
	}
	if u.User != "" {
		out.User = url.User(u.User)
	}
	return out.String()
}

// The form that SQLAlchemy reads. Unlike in other URLs, '#' and '%' mean
// nothing in the database's name.
var urlForm = regexp.MustCompile(`(?s)^([\w+]+)://(?:([^:/]*)(?::([^@]*))?@)?(?:\[([^/?]+)\]|([^/:?]+))?(?::([^/?]*))?(?:/([^?]*))?(?:\?(.*))?$`)

var engines = map[string]string{
	"sqlite": SQLite, "postgresql": PostgreSQL, "postgres": PostgreSQL, "mysql": MySQL, "mariadb": MySQL,
}

// ParseURL reads a database URL as JupyterHub and SQLAlchemy do:
//
//	sqlite:///jupyterhub.sqlite         relative to baseDir, the hub's working directory
//	sqlite:////srv/jupyterhub/hub.sqlite
//	jupyterhub.sqlite                   a bare file name
//	sqlite:///file:hub.sqlite?mode=ro&uri=true
//	postgresql+psycopg2://user:password@host:5432/name
//	mysql+pymysql://user:password@host/name
//
// A percent sign in a path stands for itself, except in a file: URI. The
// options of a server's URL are those of the driver it names; one that is not
// understood is an error. Errors hold nothing of the URL but its scheme and
// the names of its options: the rest may be a password.
func ParseURL(dbURL, baseDir string) (URL, error) {
	t, err := parse(dbURL, baseDir)
	if err != nil {
		return URL{}, err
	}
	return t.URL, nil
}

// parse is ParseURL with all that it takes to connect.
func parse(dbURL, baseDir string) (target, error) {
	dbURL = strings.TrimSpace(dbURL)
	if dbURL == "" {
		return target{}, errors.New("the database URL is empty; give the hub's db_url, such as sqlite:////srv/jupyterhub/jupyterhub.sqlite")
	}
	if strings.ContainsRune(dbURL, 0) {
		return target{}, errors.New("the database URL holds a NUL character")
	}
	if !strings.Contains(dbURL, "://") {
		if mistyped(dbURL) {
			return target{}, errors.New(`the database URL has no "://" but looks like the URL of a server; write it as in the hub's db_url, such as postgresql://user:password@host/name`)
		}
		dbURL = "sqlite:///" + dbURL
	}
	m := urlForm.FindStringSubmatch(dbURL)
	if m == nil {
		return target{}, errors.New("the database URL is not of the form engine://user:password@host:port/name that SQLAlchemy reads; a special character in the password must be percent-escaped")
	}
	scheme, driver, _ := strings.Cut(m[1], "+")
	t := target{URL: URL{Engine: engines[scheme], Driver: driver}}
	switch {
	case t.Engine == "":
		return target{}, fmt.Errorf("the database engine %q is not known; JupyterHub hubs use sqlite, postgresql or mysql", scheme)
	case t.Engine == SQLite && driver == "pysqlcipher":
		return target{}, errors.New("an encrypted SQLite database (pysqlcipher) cannot be read")
	case t.Engine == SQLite:
		err := t.file(m, baseDir)
		return t, err
	}
	err := t.server(m, baseDir)
	return t, err
}

// mistyped tells a server's URL without its slashes from a file name, so that
// its password is never reported as the name of a missing file.
func mistyped(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	engine, _, _ := strings.Cut(scheme, "+")
	return ok && (engines[engine] != "" || strings.Contains(rest, "@"))
}

func (t *target) file(m []string, baseDir string) error {
	if m[2]+m[3]+m[4]+m[5]+m[6] != "" {
		return errors.New("the SQLite URL names a host; write three slashes for a relative path (sqlite:///jupyterhub.sqlite) and four for an absolute one (sqlite:////srv/jupyterhub/jupyterhub.sqlite)")
	}
	path := m[7]
	options, err := url.ParseQuery(m[8])
	if err != nil {
		return errors.New("the SQLite URL has options after its '?' that cannot be read")
	}
	if rest, ok := strings.CutPrefix(path, "file:"); ok && isTrue(options.Get("uri")) {
		if path, err = fileURI(rest); err != nil {
			return err
		}
		if options.Get("mode") == "memory" {
			path = inMemory
		}
	}
	if path == "" || path == inMemory {
		t.Path = inMemory
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(baseDir, path)
	}
	t.Path = filepath.Clean(path)
	return nil
}

// inMemory is SQLite's own name for a database without a file.
const inMemory = ":memory:"

// fileURI reads the part of a file: URI between its scheme and its options.
func fileURI(rest string) (string, error) {
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		host, path, _ := strings.Cut(authority, "/")
		if host != "" && host != "localhost" {
			return "", errors.New("the file: URI of the SQLite database names another host")
		}
		rest = "/" + path
	}
	rest, _, _ = strings.Cut(rest, "#")
	path, err := url.PathUnescape(rest)
	if err != nil || strings.ContainsRune(path, 0) {
		return "", errors.New("the file: URI of the SQLite database has a wrong percent escape")
	}
	return path, nil
}

// isTrue reads a boolean option as SQLAlchemy does.
func isTrue(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on", "y", "t", "1":
		return true
	}
	return false
}

func (t *target) server(m []string, baseDir string) error {
	t.User, t.password = unquote(m[2]), unquote(m[3])
	t.Host, t.Database = m[4]+m[5], m[7]
	if m[6] != "" {
		var err error
		if t.Port, err = strconv.Atoi(m[6]); err != nil || t.Port < 1 || t.Port > 65535 {
			return fmt.Errorf("the port in the %s URL is not a number from 1 to 65535", t.Engine)
		}
	}
	read := t.postgres
	if t.Engine == MySQL {
		read = t.mySQL
	}
	if err := read(parseOptions(m[8]), baseDir); err != nil {
		return err
	}
	// Otherwise the rest of the password would be shown as a host or a name.
	if strings.Contains(t.Host+t.Database, "@") {
		return fmt.Errorf("the %s URL has an '@' after its host began; percent-escape special characters in the user and the password", t.Engine)
	}
	if strings.ContainsRune(t.User+t.password+t.Host+t.Database, 0) {
		return fmt.Errorf("the %s URL has a NUL character in it, escaped as %%00", t.Engine)
	}
	return nil
}
