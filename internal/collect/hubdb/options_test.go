package hubdb

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPostgresOptions(t *testing.T) {
	base := words{"host": "db", "user": "hub", "dbname": "x"}
	for options, want := range map[string]words{
		"": {},
		"sslmode=VERIFY-full&sslrootcert=ca.crt&sslcert=/a.crt&sslkey=b/a.key": {"sslmode": "verify-full", "sslrootcert": "/srv/hub/ca.crt", "sslcert": "/a.crt", "sslkey": "/srv/hub/b/a.key"},
		"sslrootcert=system": {"sslrootcert": "system"},
		"connect_timeout=5&application_name=a%20b&options=-csearch_path%3Dx,y":              {"connect_timeout": "5", "application_name": "a b", "options": "-csearch_path=x,y"},
		"target_session_attrs=read-write&keepalives=1&keepalives_idle=30&client_encoding=x": {"target_session_attrs": "read-write"},
		"sslmode=&gssencmode=prefer&prepare_threshold=5":                                    {},
		"ssl=require&timeout=2.5&command_timeout=60":                                        {"sslmode": "require", "connect_timeout": "2"},
		"unix_sock=/run/pg/.s.PGSQL.5432":                                                   {"host": "/run/pg"},
		"host=a,b&port=1,2":                                                                 {"host": "a,b", "port": "1,2"},
		"host=a:1&host=b:2":                                                                 {"host": "a,b", "port": "1,2"},
		"host=a:7":                                                                          {"host": "a", "port": "7"},
		"host=[::1]":                                                                        {"host": "[::1]"},
		"require_auth=scram-sha-256&channel_binding=require&ssl_min_protocol_version=TLSv1.2": {"require_auth": "scram-sha-256", "channel_binding": "require"},
	} {
		got, err := parse("postgresql://hub:hunter2@db/x?"+options, "/srv/hub")
		for word, value := range base {
			if _, set := want[word]; !set {
				want[word] = value
			}
		}
		if diff := cmp.Diff(want, got.words); diff != "" || err != nil || got.password != "hunter2" {
			t.Errorf("%s: %v (-want +got):\n%s", options, err, diff)
		}
	}
}

func TestMySQLOptions(t *testing.T) {
	for options, want := range map[string]mysqlOptions{
		"": {tls: tlsPreferred},
		"charset=utf8mb4&read_timeout=1&pool_size=5":   {tls: tlsPreferred},
		"connect_timeout=5":                            {tls: tlsPreferred, connectTimeout: 5 * time.Second},
		"connection_timeout=2.5":                       {tls: tlsPreferred, connectTimeout: 2500 * time.Millisecond},
		"unix_socket=/run/s":                           {tls: tlsDisabled, socket: "/run/s"},
		"unix_socket=/run/s&ssl_mode=REQUIRED":         {tls: tlsRequired, socket: "/run/s"},
		"ssl=true":                                     {tls: tlsRequired},
		"ssl=false":                                    {tls: tlsDisabled},
		"ssl_disabled=1&ssl_ca=ca":                     {tls: tlsDisabled, caFile: "/srv/hub/ca"},
		"ssl_disabled=no":                              {tls: tlsPreferred},
		"ssl_ca=/ca":                                   {tls: tlsVerifyCA, caFile: "/ca"},
		"ssl_capath=/cas&ssl_cert=c&ssl_key=/k":        {tls: tlsVerifyCA, caDir: "/cas", certFile: "/srv/hub/c", keyFile: "/k"},
		"ssl_ca=/ca&ssl_verify_identity=true":          {tls: tlsVerifyIdentity, caFile: "/ca"},
		"ssl_ca=/ca&ssl_check_hostname=true":           {tls: tlsVerifyIdentity, caFile: "/ca"},
		"ssl_ca=/ca&ssl_verify_cert=false":             {tls: tlsRequired, caFile: "/ca"},
		"ssl_verify_cert=true":                         {tls: tlsVerifyCA},
		"ssl_verify_cert=true&ssl_verify_identity=yes": {tls: tlsVerifyIdentity},
		"ssl_cert=/c":                                  {tls: tlsRequired, certFile: "/c"},
		"ssl_mode=verify_identity":                     {tls: tlsVerifyIdentity},
		"ssl_mode=PREFERRED":                           {tls: tlsPreferred},
		"ssl_mode=DISABLED&ssl_ca=/ca":                 {tls: tlsDisabled, caFile: "/ca"},
	} {
		got, err := parse("mysql://hub:hunter2@db/x?"+options, "/srv/hub")
		if diff := cmp.Diff(want, got.mysql, cmp.AllowUnexported(mysqlOptions{}), cmpopts.EquateComparable()); diff != "" || err != nil || got.password != "hunter2" {
			t.Errorf("%s: %v (-want +got):\n%s", options, err, diff)
		}
	}
	for driver, want := range map[string]tlsLevel{"pymysql": tlsVerifyIdentity, "asyncmy": tlsVerifyIdentity, "mysqldb": tlsVerifyCA, "mysqlconnector": tlsVerifyCA} {
		if got, err := parse("mysql+"+driver+"://hub@db/x?ssl_ca=/ca", "/"); err != nil || got.mysql.tls != want {
			t.Errorf("%s with a CA: %d, %v, want %d", driver, got.mysql.tls, err, want)
		}
	}
}

// TestOptionErrors: what could change the database or the safety of reading it
// is refused by name, and no value is shown.
func TestOptionErrors(t *testing.T) {
	for in, says := range map[string]string{
		"postgresql://db/x?sslmode=hunter2":                         "the option sslmode of the postgresql URL has a value that does not exist; use disable, ",
		"postgresql://db/x?sslmod=require":                          "the option sslmod of the postgresql URL is not understood",
		"postgresql://db/x?sslcrl=hunter2":                          "option sslcrl",
		"postgresql://db/x?hostaddr=hunter2":                        "option hostaddr",
		"postgresql://db/x?servicefile=hunter2":                     "option servicefile",
		"postgresql://db/x?gssencmode=require":                      "option gssencmode",
		"postgresql://db/x?default_query_exec_mode=simple_protocol": "option default_query_exec_mode",
		"postgresql://db/x?target_session_attrs=hunter2":            "option target_session_attrs",
		"postgresql://db/x?ssl_min_protocol_version=hunter2":        "option ssl_min_protocol_version",
		"postgresql://db/x?connect_timeout=hunter2":                 "option connect_timeout of the postgresql URL is not a number of seconds",
		"postgresql://db/x?port=hunter2":                            "option port of the postgresql URL is not a number",
		"postgresql://db/x?host=a:1&host=b:2&port=3":                "ports in two ways",
		"postgresql://db/x?a-b=hunter2":                             "an option of the postgresql URL is not understood",
		"mysql://db/x?ssl_mode=hunter2":                             "option ssl_mode of the mysql URL has a value that does not exist; use DISABLED",
		"mysql://db/x?ssl_verify_cert=hunter2":                      "option ssl_verify_cert",
		"mysql://db/x?ssl_cipher=hunter2":                           "option ssl_cipher",
		"mysql://db/x?read_default_file=hunter2":                    "option read_default_file",
		"mysql://db/x?init_command=hunter2":                         "option init_command",
		"mysql://db/x?odbc_connect=hunter2":                         "option odbc_connect",
		"mysql://db/x?port=0":                                       "option port of the mysql URL is not a number",
		"mysql://db/x?connect_timeout=inf":                          "option connect_timeout",
		"mysql://db":                                                "names no database",
		"mysql://db/?charset=utf8":                                  "names no database",
	} {
		_, err := ParseURL(in, "/")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v does not say %q", in, err, says)
		}
	}
}

// TestWordsString: libpq's quoting brings every value back.
func TestWordsString(t *testing.T) {
	w := words{"user": `o'br\ien `}
	if got, want := w.String(), `user='o\'br\\ien ' `; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
