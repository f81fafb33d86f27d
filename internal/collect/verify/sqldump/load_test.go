package sqldump

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// TestFixtures loads the same hub from each form of its dumps.
func TestFixtures(t *testing.T) {
	for _, same := range []struct {
		names []string
		form  string
	}{
		{[]string{"pg.sql", "pg-inserts.sql", "pg.custom", "pg-Z0.custom"}, "PostgreSQL 15.18"},
		{[]string{"mariadb.sql", "mariadb-compact.sql"}, "mysqldump"},
		{[]string{"sqlite.sql"}, "sqlite"},
	} {
		_, want := loadFile(t, fixture(t, same.names[0]))
		if len(want.Users) != 223 || len(want.Spawners) != 202 || len(want.Database.Damage) > 0 || !want.Database.CookieUnique || !want.Database.NameUnique || !want.Database.CookieNotNull {
			t.Errorf("%s: %v, %+v", same.names[0], want.Items(), want.Database)
		}
		for _, name := range same.names {
			report, got := loadFile(t, fixture(t, name))
			open := name == "mariadb-compact.sql"
			if report.Complete == open || report.Fault != "" || report.Tables["users"] != 223 || open && !strings.Contains(report.Detail, "--compact") {
				t.Errorf("%s: %+v", name, report)
			}
			if !strings.Contains(report.Form, same.form) && name != "mariadb.sql" {
				t.Errorf("%s: the form %q", name, report.Form)
			}
			got.Database.Location, got.Database.Modified, got.Database.SizeBytes = want.Database.Location, want.Database.Modified, want.Database.SizeBytes
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-%s):\n%s", name, same.names[0], diff)
			}
		}
	}
}

const (
	pgHead   = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 16.4 (Debian 16.4-1)\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
	pgTable  = "CREATE TABLE public.users (\n    id integer NOT NULL,\n    name character varying(255),\n    admin boolean,\n    cookie_id character varying(255) NOT NULL\n);\n"
	pgEnd    = "\n--\n-- PostgreSQL database dump complete\n--\n\n"
	myHead   = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Server version\t8.0.36\n"
	myTable  = "CREATE TABLE `users` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `name` varchar(255) DEFAULT NULL,\n  `admin` tinyint(1) DEFAULT NULL,\n  `cookie_id` varchar(255) NOT NULL,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `name` (`name`)\n) ENGINE=InnoDB;\n"
	myEnd    = "-- Dump completed on 2026-11-22  7:29:17\n"
	liteHead = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
	liteMake = "CREATE TABLE users (id INTEGER NOT NULL, name VARCHAR(255), admin BOOLEAN, cookie_id VARCHAR(255) NOT NULL, PRIMARY KEY (id), UNIQUE (name));\n"
)

// TestSyntax loads what tools write of what a hub's own database seldom has.
func TestSyntax(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		dump   string
		want   string
	}{
		{"COPY", PostgreSQLText, pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\ta\\tb\\\\c\\nd\\101\tt\tx\n2\t\\N\tf\ty\n\\.\n" + pgEnd, "1/a\tb\\c\ndA/1/x\n2/∅/0/y"},
		{"COPY in another order", PostgreSQLText, pgHead + pgTable + "COPY public.users (cookie_id, id, name) FROM stdin;\nx\t1\tann\n\\.\n" + pgEnd, "1/ann/∅/x"},
		{"COPY of nothing", PostgreSQLText, pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n\\.\n" + pgEnd, ""},
		{"carriage returns", PostgreSQLText, strings.ReplaceAll(pgHead+pgTable+"COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n\\.\n"+pgEnd, "\n", "\r\n"), "1/ann/1/x"},
		{"INSERT", PostgreSQLText, pgHead + pgTable + "INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES (1, 'o''brien; -- \\', true, 'x'), (2, E'a\\n\\'b', false, 'y') ON CONFLICT DO NOTHING;\n" + pgEnd, "1/o'brien; -- \\/1/x\n2/a\n'b/0/y"},
		{"strings with backslashes", PostgreSQLText, pgHead + "SET standard_conforming_strings = off;\n" + pgTable + "INSERT INTO users VALUES (1, 'a\\'b;', 't', 'x');\n" + pgEnd, "1/a'b;/1/x"},
		{"function bodies", PostgreSQLText, pgHead + "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $_$ BEGIN; COPY x FROM stdin; $1 'END $_$;\n" +
			"CREATE FUNCTION g() RETURNS int LANGUAGE sql BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END;\n SELECT 2;\nEND;\n" + pgTable + "INSERT INTO public.users VALUES (1, 'ann', true, 'x');\n" + pgEnd, "1/ann/1/x"},
		{"rules and comments", PostgreSQLText, pgHead + "CREATE RULE r AS ON INSERT TO v DO INSTEAD (SELECT 1; SELECT 2);\n/* one /* two; */ ' */\n" + pgTable + "INSERT INTO public.users /* here ; */ VALUES (1, 'ann', -- there ;\n true, 'x'::character varying);\n" + pgEnd, "1/ann/1/x"},
		{"a schema of another application", PostgreSQLText, pgHead + "CREATE TABLE app.users (id integer, name text);\n" + pgTable + "COPY app.users (id, name) FROM stdin;\n9\tzoe\n\\.\nCOPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n\\.\n" + pgEnd, "1/ann/1/x"},
		{"the hub in another schema", PostgreSQLText, pgHead + strings.ReplaceAll(pgTable, "public", "hub") + "CREATE TABLE public.users (id integer, name text);\nCOPY hub.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n\\.\nCOPY public.users (id, name) FROM stdin;\n9\tzoe\n\\.\n" + pgEnd, "1/ann/1/x"},
		{"times with zones", PostgreSQLText, pgHead + "CREATE TABLE public.users (id integer, name text, created timestamp with time zone, cookie_id text);\nCOPY public.users FROM stdin;\n1\tann\t2026-11-22 09:28:41.5+02\tx\n2\tbob\t2026-11-22 13:00:00+05:30\ty\n\\.\n" + pgEnd, "1/ann/2026-11-22 07:28:41.5/x\n2/bob/2026-11-22 07:30:00/y"},
		{"tables whose columns are elsewhere", PostgreSQLText, pgHead + "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\nCREATE TABLE public.child (\n)\nINHERITS (public.parent);\nCREATE TABLE public.typed OF public.t;\n" + pgTable +
			"COPY public.child (a, b) FROM stdin;\n1\t2\n\\.\nCOPY public.spatial_ref_sys (srid, auth) FROM stdin;\n1\t2\n\\.\nINSERT INTO public.typed VALUES (1, 2);\nCOPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n\\.\n" + pgEnd, "1/ann/1/x"},
		{"Latin 1", PostgreSQLText, strings.Replace(pgHead, "UTF8", "LATIN1", 1) + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tcaf\xe9\tt\tx\n\\.\n" + pgEnd, "1/café/1/x"},
		{"several databases", PostgreSQLText, "--\n-- PostgreSQL database cluster dump\n--\n\\restrict abc\nCREATE ROLE hub;\n\\unrestrict abc\n\\connect template1\n" + pgHead + pgEnd + "\\connect shop\n" + pgHead + "CREATE TABLE public.users (id integer, name text);\nCOPY public.users (id, name) FROM stdin;\n9\tzoe\n\\.\n" + pgEnd +
			"\\connect -reuse-previous=on \"dbname='my hub'\"\n" + pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n\\.\n" + pgEnd +
			"\\connect zoo\n" + pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n7\tyak\tt\tx\n\\.\n" + pgEnd + "--\n-- PostgreSQL database cluster dump complete\n--\n", "1/ann/1/x"},
		{"extended INSERT", MySQL, "/*!999999\\- enable the sandbox mode */ \n" + myHead + "/*!40101 SET NAMES utf8mb4 */;\n" + myTable + "LOCK TABLES `users` WRITE;\n/*!40000 ALTER TABLE `users` DISABLE KEYS */;\nINSERT INTO `users` VALUES\n(1,'o\\'bri\\\\en\\n\\t\\\"\\Z\\%\\0',1,'x'),\n(2,NULL,0,\"y\"),(-3,_binary 'bob''s',NULL,0x7A);\n/*!40000 ALTER TABLE `users` ENABLE KEYS */;\nUNLOCK TABLES;\n" + myEnd,
			"none"},
		{"escapes", MySQL, myHead + myTable + "INSERT  IGNORE INTO `users` (`id`, `cookie_id`, `name`) VALUES (1,'x','o\\'bri\\\\en\\n\\\"\\%'),(2,\"y\",NULL),(3,X'7A',_utf8mb4 'bob''s');\n" + myEnd, "1/o'bri\\en\n\"\\%/∅/x\n2/∅/∅/y\n3/bob's/∅/z"},
		{"routines", MySQL, myHead + "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON users FOR EACH ROW BEGIN SET @a = 1; END */;;\nDELIMITER ;\n" + myTable + "REPLACE INTO `users` VALUES (1,'ann',1,'x');\n" + myEnd, "1/ann/1/x"},
		{"bits", MySQL, myHead + "CREATE TABLE `users` (`id` bigint(20) unsigned NOT NULL, `name` text, `admin` bit(1), `cookie_id` text);\nINSERT INTO `users` VALUES (1,'ann',b'1','x'),(2,'bob',0x00,'y'),(3,'cy','\x01','z');\n" + myEnd, "1/ann/1/x\n2/bob/0/y\n3/cy/1/z"},
		{"all databases", MySQL, myHead + "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;\nUSE `shop`;\nCREATE TABLE `users` (`id` int);\nINSERT INTO `users` VALUES (9);\nUSE `hub`;\n" + myTable + "INSERT INTO `users` VALUES (1,'ann',1,'x');\nUSE `zoo`;\n" + myTable + "INSERT INTO `users` VALUES (7,'yak',1,'x');\n" + myEnd, "1/ann/1/x"},
		{"the shell's line ends", SQLite, liteHead + liteMake + "INSERT INTO users VALUES(1,replace(replace('a\\r\\nb','\\r',char(13)),'\\n',char(10)),1,'x');\nINSERT INTO \"users\" VALUES(2,unistr('caf\\u00e9 \\\\'),0,X'79');\nCOMMIT;\n", "1/a\r\nb/1/x\n2/café \\/0/x79"},
		{"triggers", SQLite, liteHead + liteMake + "CREATE TABLE t(trigger_id);\nCREATE TRIGGER g AFTER INSERT ON users BEGIN UPDATE users SET name = CASE WHEN 1 THEN 'a;' END; DELETE FROM t; END;\nINSERT INTO users VALUES(1,'ann',NULL,'x');\nDELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('users',1);\nCREATE UNIQUE INDEX i ON users (cookie_id);\nCOMMIT;\n", "1/ann/∅/x"},
		{"odd values", SQLite, liteHead + liteMake + "INSERT INTO users VALUES(-1,12.5,'yes',1);\nCOMMIT;\n", "-1/12.5/yes/1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, got := users(t, c.format, c.dump)
			if c.want == "none" {
				if report.Fault != facts.CopyCorrupt {
					t.Fatalf("NUL in a name: %+v", report)
				}
				return
			}
			if got != c.want || !report.Complete || report.Fault != "" {
				t.Errorf("got\n%q\nwant\n%q\n%+v", got, c.want, report)
			}
		})
	}
}

// TestFaults loads what is broken, with a secret in it that no text may show.
func TestFaults(t *testing.T) {
	row := "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tsecret\n"
	insert := "INSERT INTO `users` VALUES (1,'ann',1,'secret'),(2,'bob',0,'secret2')"
	for _, c := range []struct {
		name   string
		format Format
		dump   string
		fault  facts.CopyFault
		detail string
	}{
		{"no bytes", PostgreSQLText, "", facts.CopyTruncated, "without the line"},
		{"no tables", PostgreSQLText, pgHead + pgEnd, facts.CopyEmpty, "makes no table"},
		{"another application's", PostgreSQLText, pgHead + "CREATE TABLE public.users (id integer);\n" + pgEnd, facts.CopyNotDatabase, "another database"},
		{"ends in a row", PostgreSQLText, pgHead + pgTable + row + "2\tbo", facts.CopyTruncated, `row 2 of the table "users"`},
		{"ends behind a row", PostgreSQLText, pgHead + pgTable + row, facts.CopyTruncated, `row 2 of the table "users"`},
		{"ends behind the rows", PostgreSQLText, pgHead + pgTable + row + "\\.\n", facts.CopyTruncated, "database dump complete"},
		{"ends in a statement", PostgreSQLText, pgHead + pgTable[:60], facts.CopyTruncated, "statement 3"},
		{"ends in a COPY", PostgreSQLText, pgHead + pgTable + "COPY public.users (id, na", facts.CopyTruncated, "statement 4"},
		{"a quote lost", PostgreSQLText, pgHead + pgTable + "INSERT INTO public.users VALUES (1, 'ann, true, secret);\n" + pgEnd, facts.CopyCorrupt, "what ends the dump"},
		{"a tab lost", PostgreSQLText, pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann t\tsecret\n\\.\n" + pgEnd, facts.CopyCorrupt, "row 1"},
		{"a number with a letter", PostgreSQLText, pgHead + pgTable + row + "x2\tbob\tt\tsecret\n\\.\n" + pgEnd, facts.CopyCorrupt, `row 2 of the table "users" has a value in its column "id"`},
		{"no UTF-8", PostgreSQLText, pgHead + pgTable + row + "2\tb\xffb\tt\tsecret\n\\.\n" + pgEnd, facts.CopyCorrupt, `row 2 of the table "users" is not in UTF-8`},
		{"no UTF-8 in what is not loaded", PostgreSQLText, pgHead + "CREATE TABLE public.notes (id integer, words text);\n" + pgTable + "COPY public.notes (id, words) FROM stdin;\n1\tb\xffb\n\\.\n" + row + "\\.\n" + pgEnd,
			facts.CopyCorrupt, `row 1 of the table "notes" is not in UTF-8`},
		{"NULL where there is none", PostgreSQLText, pgHead + pgTable + row + "2\tbob\tt\t\\N\n\\.\n" + pgEnd, facts.CopyCorrupt, `column "cookie_id"`},
		{"twice the same", PostgreSQLText, pgHead + pgTable + row + "2\tann\tt\tother\n\\.\nALTER TABLE ONLY public.users ADD CONSTRAINT u UNIQUE (name);\n" + pgEnd, facts.CopyCorrupt, `the same "name"`},
		{"rows without the table", PostgreSQLText, pgHead + row + "\\.\n" + pgEnd, facts.CopyCorrupt, `"users" that it does not make`},
		{"an unknown column", PostgreSQLText, pgHead + pgTable + strings.Replace(row, "name", "nbme", 1) + "\\.\n" + pgEnd, facts.CopyCorrupt, `"nbme" that it does not have`},
		{"an unknown verb", PostgreSQLText, pgHead + pgTable + "JNSERT INTO public.users VALUES (1, 'ann', true, 'secret');\n" + pgEnd, facts.CopyCorrupt, "begins with what no dump writes"},
		{"an unknown line for psql", PostgreSQLText, pgHead + pgTable + "\\! rm -rf secret\n" + pgEnd, facts.CopyCorrupt, "backslash"},
		{"ends in an INSERT", MySQL, myHead + myTable + insert + ",(3,'cy", facts.CopyTruncated, `row 3 of the table "users"`},
		{"ends between rows", MySQL, myHead + myTable + insert, facts.CopyTruncated, "statement 2"},
		{"ends behind an INSERT", MySQL, myHead + myTable + insert + ";\n", facts.CopyTruncated, "Dump completed"},
		{"a comma lost", MySQL, myHead + myTable + strings.Replace(insert, "),(", ") (", 1) + ";\n" + myEnd, facts.CopyCorrupt, "where it should end"},
		{"a line commented out", MySQL, myHead + myTable + "#" + insert[1:] + ";\n" + myEnd, facts.CopyCorrupt, "no dump writes"},
		{"a row too long", MySQL, myHead + myTable + strings.Replace(insert, "'bob',", "'bob',5,", 1) + ";\n" + myEnd, facts.CopyCorrupt, "row 2"},
		{"without header and end", MySQL, "/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n" + myTable + insert + ";\n", facts.CopyTruncated, "SET SQL_NOTES"},
		{"the shell met errors", SQLite, liteHead + liteMake + "/****** CORRUPTION ERROR *******/\nROLLBACK; -- due to errors\n", facts.CopyCorrupt, "damaged"},
		{"rolled back", SQLite, liteHead + liteMake + "ROLLBACK; -- due to errors\n", facts.CopyCorrupt, "ROLLBACK"},
		{"not committed", SQLite, liteHead + liteMake, facts.CopyTruncated, "COMMIT"},
		{"behind the end", SQLite, liteHead + liteMake + "COMMIT;\nINSERT INTO users VALUES(1,'ann',1,'secret');\n", facts.CopyCorrupt, "behind COMMIT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, _ := users(t, c.format, c.dump)
			if report.Fault != c.fault || !strings.Contains(report.Detail, c.detail) || report.Complete {
				t.Errorf("%+v, wanted %s with %q", report, c.fault, c.detail)
			}
			if strings.Contains(report.Detail, "secret") || strings.Contains(report.Detail, "ann") {
				t.Errorf("the report shows a value: %s", report.Detail)
			}
		})
	}
}

// TestWhatWasRead: of a broken dump there is what stands before the break.
func TestWhatWasRead(t *testing.T) {
	for name, c := range map[string]struct {
		format Format
		dump   string
	}{
		"COPY":   {PostgreSQLText, pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\tann\tt\tx\n2\tbob\tt"},
		"INSERT": {MySQL, myHead + myTable + "INSERT INTO `users` VALUES (1,'ann',1,'x'),(2,'bob"},
	} {
		if report, got := users(t, c.format, c.dump); got != "1/ann/1/x" || report.Tables["users"] != 1 {
			t.Errorf("%s: %q, %+v", name, got, report)
		}
	}
}

func TestFailures(t *testing.T) {
	dump := pgHead + pgTable + strings.Repeat("-- and so on\n", 10_000)
	broken := errors.New("the disk is gone")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		f    Format
		want error
	}{
		"the reader":          {t.Context(), io.MultiReader(strings.NewReader(dump), iotest.ErrReader(broken)), PostgreSQLText, broken},
		"the reader, in COPY": {t.Context(), io.MultiReader(strings.NewReader(pgHead+pgTable+"COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1"), iotest.ErrReader(broken)), PostgreSQLText, broken},
		"a stop":              {stopped, strings.NewReader(dump), PostgreSQLText, context.Canceled},
		"no format":           {t.Context(), strings.NewReader(dump), "mydumper", ErrUnsupported},
		"a character set": {t.Context(), strings.NewReader(strings.Replace(pgHead, "UTF8", "EUC_JP", 1) + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\t\xa4\xa2\tt\tx\n"),
			PostgreSQLText, ErrUnsupported},
	} {
		report, err := Load(c.ctx, c.r, c.f, memory(t))
		if !errors.Is(err, c.want) || report.Complete || report.Fault != "" {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
	db := memory(t)
	if _, err := Load(t.Context(), strings.NewReader(pgHead+pgTable+pgEnd), PostgreSQLText, db); err != nil {
		t.Fatal(err)
	}
	if report, err := Load(t.Context(), strings.NewReader(pgHead+pgTable+pgEnd), PostgreSQLText, db); err == nil && report.Fault == "" {
		t.Error("a scratch database was used twice")
	}
}

// endless repeats a byte.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

// TestBounds: what has no end is not kept.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		begin string
		fill  byte
	}{
		"a statement": {pgHead + "INSERT INTO public.users VALUES (1, '", 'x'},
		"a row":       {pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\t", 'x'},
		"tabs":        {pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\t", '\t'},
		"a comment":   {pgHead + "/*", '*'},
	} {
		r := io.LimitReader(io.MultiReader(strings.NewReader(c.begin), endless(c.fill)), 3*maxItem)
		report, err := Load(t.Context(), r, PostgreSQLText, memory(t))
		if err != nil || report.Fault != facts.CopyCorrupt || !strings.Contains(report.Detail, "64 MiB") {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
}

func TestDetect(t *testing.T) {
	for head, want := range map[string]Format{
		"": "", "<html>": "", "SQLite format 3\x00": "", "PGDMP\x01\x0e": PostgreSQLCustom, "--\n-- Postg": PostgreSQLText, "--\n": "", pgHead: PostgreSQLText, "\xEF\xBB\xBF" + pgHead: PostgreSQLText,
		myHead: MySQL, "/*M!999999\\- enable the sandbox mode */ \n": MySQL, myTable: MySQL, liteHead: SQLite, "BEGIN TRANSACTION;\nCREATE": SQLite,
		"--\n-- PostgreSQL database cluster dump\n": PostgreSQLText, "SET statement_timeout = 0;": PostgreSQLText, "INSERT INTO `users` VALUES (1,'\x00')": MySQL, "-- a note": "",
	} {
		if got := Detect([]byte(head)); got != want {
			t.Errorf("%q: %q, not %q", head, got, want)
		}
	}
}

// TestNoSecretsKept: of the columns that hold secrets only cookie_id is loaded.
func TestNoSecretsKept(t *testing.T) {
	db := memory(t)
	dump := pgHead + "CREATE TABLE public.users (id integer, name text, cookie_id text, encrypted_auth_state bytea);\nCREATE TABLE public.api_tokens (id integer, hashed text);\n" +
		"COPY public.users FROM stdin;\n1\tann\tx\t\\\\x736563726574\n\\.\nCOPY public.api_tokens FROM stdin;\n1\tsecret\n\\.\n" + pgEnd
	_, err := Load(t.Context(), strings.NewReader(dump), PostgreSQLText, db)
	must(t, err)
	var state sql.NullString
	var tokens int
	must(t, db.QueryRow("SELECT encrypted_auth_state, (SELECT count(*) FROM api_tokens) FROM users").Scan(&state, &tokens))
	if state.Valid || tokens != 0 {
		t.Errorf("the state %v, %d tokens", state, tokens)
	}
}
