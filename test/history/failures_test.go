package history_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"hubaudit/internal/history"
	"hubaudit/test/ports"
	"hubaudit/test/servers"
)

// TestNotLetIn are the ways of not getting at a history.
func TestNotLetIn(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	good := at(d, database)
	closed := ports.Reserve(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	must(t, err)
	defer silent.Close()
	replace := func(old, by string) history.Location {
		return history.Location{URL: strings.Replace(good.URL, old, by, 1), Password: password}
	}
	d.Exec(t, "", "CREATE ROLE tls LOGIN PASSWORD '"+password+"'", "CREATE ROLE stranger LOGIN PASSWORD '"+password+"'",
		"CREATE ROLE reader LOGIN PASSWORD '"+password+"'; ALTER ROLE reader SET default_transaction_read_only = on")
	for name, c := range map[string]struct {
		where history.Location
		says  string
	}{
		"wrong password":      {history.Location{URL: good.URL, Password: "wrong"}, "the password is wrong"},
		"no password":         {history.Location{URL: good.URL}, "the password is wrong"},
		"no such role":        {replace(role, "nobody"), "no such role"},
		"no such database":    {replace(database, "gone"), "there is no database of that name"},
		"nothing there":       {replace(":"+strconv.Itoa(d.Port), ":"+strconv.Itoa(closed)), "the server is down, or host or port are wrong"},
		"no answer":           {history.Location{URL: strings.Replace(at(d, database, "connect_timeout=1").URL, ":"+strconv.Itoa(d.Port), ":"+strconv.Itoa(silent.Addr().(*net.TCPAddr).Port), 1), Password: password}, "the server cannot be reached"},
		"no such host":        {replace("localhost", "history.invalid"), "cannot be resolved"},
		"no socket":           {replace("localhost:"+strconv.Itoa(d.Port), "%2Fnowhere"), "nothing answers there"},
		"TLS is demanded":     {history.Location{URL: strings.Replace(at(d, database, "sslmode=disable").URL, role, "tls", 1), Password: password}, "the server lets no such role in"},
		"unknown authority":   {at(d, database, "sslmode=verify-full"), "not signed by an authority that is trusted here"},
		"another name":        {history.Location{URL: strings.Replace(at(d, database, "sslmode=verify-full", "sslrootcert="+d.CA).URL, "localhost", "127.0.0.1", 1), Password: password}, "for another host name"},
		"may not make it":     {replace(role, "stranger"), "CREATE SCHEMA hubaudit AUTHORIZATION"},
		"may not write":       {replace(role, "reader"), "may only read"},
		"only standbys":       {at(d, database, "target_session_attrs=standby"), "open the history"},
		"password in the URL": {history.Location{URL: strings.Replace(good.URL, role, role+":hunter2hunter2", 1)}, "the password is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := history.Open(t.Context(), c.where)
			if err == nil {
				s.Close()
			}
			wantError(t, err, c.says, "open the history postgresql://")
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "sslmode") && !strings.Contains(c.says, "sslmode") {
				t.Errorf("the URL is shown: %v", err)
			}
		})
	}
	if n := number(t, d, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'hubaudit'"); n != 0 {
		t.Error("one of them made the schema")
	}
	if there, err := history.Exists(t.Context(), good); there || err != nil {
		t.Errorf("there is %t, %v", there, err)
	}
	open(t, at(d, database, "sslmode=verify-full", "sslrootcert="+d.CA))
	if there, err := history.Exists(t.Context(), good); !there || err != nil {
		t.Errorf("there is %t, %v", there, err)
	}
}

// TestWhatIsNoHistory is left as it is.
func TestWhatIsNoHistory(t *testing.T) {
	d := startServer(t)
	for name, c := range map[string]struct {
		statements []string
		says       string
	}{
		"another application's schema": {[]string{"CREATE SCHEMA hubaudit", "CREATE TABLE hubaudit.runs (id int)", "GRANT ALL ON SCHEMA hubaudit TO " + role}, "tables that are no history"},
		"a hub's database":             {[]string{"CREATE TABLE users (id int)", "CREATE TABLE spawners (id int)", "CREATE TABLE oauth_clients (id int)"}, "the database of a hub"},
		"a newer history": {[]string{"CREATE SCHEMA hubaudit", "CREATE TABLE hubaudit.goose_db_version (version_id bigint)", "INSERT INTO hubaudit.goose_db_version VALUES (99)",
			"GRANT USAGE ON SCHEMA hubaudit TO " + role, "GRANT SELECT ON hubaudit.goose_db_version TO " + role}, "written by a newer version of audit (schema 99, this one knows 4)"},
		"another's history": {[]string{"CREATE SCHEMA hubaudit", "CREATE TABLE hubaudit.goose_db_version (version_id bigint)"}, "the role needs the right"},
	} {
		t.Run(name, func(t *testing.T) {
			database := newDatabase(t, d)
			d.Exec(t, database, c.statements...)
			const tables = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text NOT LIKE 'pg%' AND relkind = 'r'"
			before := number(t, d, database, tables)
			_, err := history.Open(t.Context(), at(d, database))
			wantError(t, err, c.says)
			if after := number(t, d, database, tables); after != before {
				t.Errorf("%d tables, before %d", after, before)
			}
		})
	}
}

// TestPrivileges: an administrator may make the schema, for a role that may
// not; a role that may only read can be shown what there is.
func TestPrivileges(t *testing.T) {
	d := startServer(t)
	database := d.NewDatabase(t)
	d.Exec(t, database, "CREATE SCHEMA hubaudit AUTHORIZATION "+role)
	s := open(t, at(d, database))
	must(t, s.Record(t.Context(), run("east", 0), moves()))

	d.Exec(t, database, "CREATE ROLE onlooker LOGIN PASSWORD '"+password+"'", "GRANT USAGE ON SCHEMA hubaudit TO onlooker",
		"GRANT SELECT ON ALL TABLES IN SCHEMA hubaudit TO onlooker")
	where := at(d, database)
	where.URL = strings.Replace(where.URL, role, "onlooker", 1)
	onlooker := open(t, where)
	if runs, err := onlooker.Runs(t.Context(), "east", 5); err != nil || len(runs) != 1 {
		t.Errorf("%d runs, error %v", len(runs), err)
	}
	wantError(t, onlooker.Record(t.Context(), run("east", 1), moves()), "record a run in the history postgresql://onlooker@", "the role needs the right", "Nothing of this was written")
	if n := number(t, d, database, "SELECT count(*) FROM hubaudit.runs"); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// TestReplica: a hot standby can be read.
func TestReplica(t *testing.T) {
	d := startServer(t)
	database := newDatabase(t, d)
	must(t, open(t, at(d, database)).Record(t.Context(), run("east", 0), moves()))
	replica := servers.StartReplica(t, d)
	s := open(t, at(replica, database))
	if runs, err := s.Runs(t.Context(), "east", 5); err != nil || len(runs) != 1 {
		t.Errorf("%d runs, error %v", len(runs), err)
	}
	wantError(t, s.Record(t.Context(), run("east", 1), moves()), "may only read", "name the primary")
	both := at(d, database, "target_session_attrs=read-write")
	both.URL = strings.Replace(both.URL, "localhost:", "localhost:"+strconv.Itoa(replica.Port)+",localhost:", 1)
	must(t, open(t, both).Record(t.Context(), run("east", 1), moves()))
}
