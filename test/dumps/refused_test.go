package dumps

import (
	"strings"
	"testing"

	"hubaudit/internal/collect/verify/sqldump"
	"hubaudit/internal/facts"
	"hubaudit/test/servers"
)

// TestRefused restores what the server will not take. What the server says
// holds values, and must not come through.
func TestRefused(t *testing.T) {
	postgres, mariaDB := servers.StartPostgres(t), servers.StartMariaDB(t)
	makeUser(t, postgres)
	makeUser(t, mariaDB)
	const pg = "--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 15.1\nCREATE TABLE public.users (id integer NOT NULL, name text, cookie_id text UNIQUE);\n"
	const pgEnd = "\\.\n--\n-- PostgreSQL database dump complete\n--\n"
	const copyUsers = "COPY public.users (id, name, cookie_id) FROM stdin;\n1\tann\tsecret\n"
	const my = "-- MariaDB dump 10.19\n-- Server version\t10.11.2-MariaDB\nCREATE TABLE `users` (`id` int NOT NULL, `name` text, `cookie_id` varchar(255), UNIQUE KEY (`cookie_id`));\nINSERT INTO `users` VALUES (1,'ann','secret')"
	const myEnd = ";\n-- Dump completed\n"
	for _, c := range []struct {
		name   string
		server *servers.Database
		format sqldump.Format
		dump   string
		fault  facts.CopyFault
		failed bool
		text   string
	}{
		{"twice the same", postgres, sqldump.PostgreSQLText, pg + copyUsers + "2\tbob\tsecret\n" + pgEnd, facts.CopyRefused, false, `statement 2 (rows of the table "users"): the server refused it (SQLSTATE 23505`},
		{"no number", postgres, sqldump.PostgreSQLText, pg + copyUsers + "secret\tbob\tx\n" + pgEnd, facts.CopyRefused, false, "SQLSTATE 22P02"},
		{"no UTF-8", postgres, sqldump.PostgreSQLText, pg + copyUsers + "2\tb\xffb\tx\n" + pgEnd, facts.CopyRefused, false, "SQLSTATE 22021"},
		{"cut off", postgres, sqldump.PostgreSQLText, pg + copyUsers + "2\tb", facts.CopyTruncated, false, `row 2 of the table "users"`},
		{"an unknown type", postgres, sqldump.PostgreSQLText, strings.Replace(pg, "integer", "intager", 1) + copyUsers + pgEnd, facts.CopyRefused, false, "SQLSTATE 42704"},
		{"of a newer server", postgres, sqldump.PostgreSQLText, strings.Replace(strings.Replace(pg, "integer", "int512", 1), "15.1", "19.1", 1) + copyUsers + pgEnd, "", true, "at least that version"},
		{"of nothing but rows", postgres, sqldump.PostgreSQLText, "--\n-- PostgreSQL database dump\n--\n" + copyUsers + pgEnd, facts.CopyRefused, false, "SQLSTATE 42P01"},
		{"twice the same, MariaDB", mariaDB, sqldump.MySQL, my + ",(2,'bob','secret')" + myEnd, facts.CopyRefused, false, `statement 2 (rows of the table "users"): the server refused it (error 1062)`},
		{"of MySQL", mariaDB, sqldump.MySQL, strings.NewReplacer("text", "text COLLATE utf8mb4_0900_ai_ci_secret", "10.11.2-MariaDB", "8.0.36").Replace(my) + myEnd, "", true, "of the same make"},
		{"cut off, MariaDB", mariaDB, sqldump.MySQL, my + ",(2,'b", facts.CopyTruncated, false, "statement 2"},
		{"what reaches further", postgres, sqldump.PostgreSQLText, pg + "CREATE ROLE thief SUPERUSER;\nDROP DATABASE postgres;\nALTER TABLE public.users OWNER TO nobody;\nCOMMENT ON EXTENSION plpgsql IS 'x';\nGRANT ALL ON public.users TO nobody;\nSET transaction_timeout = 0;\nSELECT pg_catalog.pg_sleep(100000);\n" + copyUsers + pgEnd, "", false, ""},
		{"what reaches further, MariaDB", mariaDB, sqldump.MySQL, "SET @@GLOBAL.GTID_PURGED='x';\nCREATE DATABASE `thief`;\nUSE `thief`;\nDROP TABLE IF EXISTS `users`;\nGRANT ALL ON *.* TO nobody;\n" + my + myEnd, "", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, url := newDatabase(t, c.server)
			report, err := restore(t, []byte(c.dump), c.format, url)
			said := report.Detail
			if err != nil {
				said = err.Error()
			}
			if (err != nil) != c.failed || report.Fault != c.fault || !strings.Contains(said, c.text) || report.Complete == (c.fault != "" || c.failed) {
				t.Errorf("%v, %+v", err, report)
			}
			if strings.Contains(said, "secret") {
				t.Errorf("a value is shown: %s", said)
			}
		})
	}
}
