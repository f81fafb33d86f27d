package sqldump

import (
	"bytes"
	"errors"
	"testing"

	"hubaudit/internal/facts"
)

// fuzz holds of every input that it is judged, and that what is called complete
// has the rows that were counted.
func fuzz(f *testing.F, format Format) {
	f.Fuzz(func(t *testing.T, dump []byte) {
		db := memory(t)
		report, err := Load(t.Context(), bytes.NewReader(dump), format, db)
		if errors.Is(err, ErrUnsupported) {
			return
		}
		must(t, err)
		if report.Complete == (report.Fault != "") && (report.Complete || format != MySQL) {
			t.Fatalf("%+v", report)
		}
		if report.Fault != "" && report.Detail == "" {
			t.Fatalf("a fault without words: %+v", report)
		}
		if !report.Complete || report.Fault == facts.CopyNotDatabase {
			return
		}
		var rows int
		if err := db.QueryRow("SELECT count(*) FROM users").Scan(&rows); err != nil {
			t.Fatalf("complete without users: %v", err)
		}
		if rows > report.Tables["users"] {
			t.Fatalf("%d rows of %+v", rows, report)
		}
	})
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(pgHead + pgTable + "COPY public.users (id, name, admin, cookie_id) FROM stdin;\n1\ta\\tb\\N\tt\tx\n\\.\nALTER TABLE ONLY public.users ADD CONSTRAINT u UNIQUE (name);\n" + pgEnd))
	f.Add([]byte(pgHead + pgTable + "INSERT INTO public.users VALUES (1, E'a\\'b', true, 'x'::text);\nCREATE FUNCTION f() AS $_$ ; $_$;\nCREATE UNIQUE INDEX i ON users (name);\n" + pgEnd))
	f.Add(fixture(f, "pg.sql")[:3000])
	fuzz(f, PostgreSQLText)
}

func FuzzCustom(f *testing.F) {
	for _, compression := range []byte{0, 1, 3} {
		f.Add(writeArchive(f, 16, compression, hubEntries()...))
	}
	f.Add(writeArchive(f, 10, 0, hubEntries()[:3]...))
	fuzz(f, PostgreSQLCustom)
}

func FuzzMySQL(f *testing.F) {
	f.Add([]byte(myHead + myTable + "INSERT INTO `users` VALUES (1,'o\\'b',0x01,_binary 'x'),(2,NULL,-1,\"y\");\n" + myEnd))
	f.Add([]byte("/*!999999\\- enable the sandbox mode */ \nDELIMITER ;;\n/*!50003 CREATE TRIGGER t; END */;;\nDELIMITER ;\nUSE `hub`;\n" + myTable))
	fuzz(f, MySQL)
}

func FuzzSQLite(f *testing.F) {
	f.Add([]byte(liteHead + liteMake + "INSERT INTO users VALUES(1,replace('a\\nb','\\n',char(10)),1,X'00');\nCREATE TRIGGER g AFTER INSERT ON users BEGIN SELECT 1; END;\nCOMMIT;\n"))
	f.Add([]byte("BEGIN TRANSACTION;\nCREATE TABLE [users] (id, name, cookie_id);\nINSERT INTO \"users\" VALUES(1e5,unistr('\\u00e9'),NULL);\nCOMMIT;\n"))
	fuzz(f, SQLite)
}
