package sqldump

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"
)

const benchUsers = 91_000

// bigDump is a dump of a hub with 91,000 users, each with a stopped server.
func bigDump(tb testing.TB, f Format) []byte {
	tb.Helper()
	var users, spawners strings.Builder
	row, state := "%d\tstudent-%06d\tf\t2026-09-01 08:00:00.123456\t2026-11-20 11:59:59.654321\t%032x\t{}\t\\N\n", `{"kubespawner_version": "7.0.0", "pod_name": "jupyter-student-%06[1]d", "namespace": "jhub", "pvc_name": "claim-student-%06[1]d"}`
	server := "%d\t%d\t\\N\t%s\t\t\\N\t2026-11-20 11:59:59\t\\N\n"
	if f != PostgreSQLText && f != PostgreSQLCustom {
		row, server = "(%d,'student-%06d',0,'2026-09-01 08:00:00','2026-11-20 11:59:59','%032x','{}',NULL)", "(%d,%d,NULL,'%s','',NULL,'2026-11-20 11:59:59',NULL)"
	}
	for i := 1; i <= benchUsers; i++ {
		s := fmt.Sprintf(state, i)
		switch f {
		case MySQL:
			s = strings.ReplaceAll(s, `"`, `\"`)
			separator := map[bool]string{true: ",\n"}[i%4000 != 1]
			if separator == "" {
				begin := map[bool]string{true: ";\n"}[i > 1]
				users.WriteString(begin + "INSERT INTO `users` VALUES\n")
				spawners.WriteString(begin + "INSERT INTO `spawners` VALUES\n")
			}
			users.WriteString(separator)
			spawners.WriteString(separator)
		case SQLite:
			users.WriteString("INSERT INTO users VALUES")
			spawners.WriteString("INSERT INTO spawners VALUES")
		}
		fmt.Fprintf(&users, row, i, i, i)
		fmt.Fprintf(&spawners, server, i, i, s)
		if f == SQLite {
			users.WriteString(";\n")
			spawners.WriteString(";\n")
		}
	}
	const userColumns = "id integer NOT NULL, name varchar(255), admin boolean, created timestamp, last_activity timestamp, cookie_id varchar(255) NOT NULL, state text, encrypted_auth_state text"
	const spawnerColumns = "id integer NOT NULL, user_id integer, server_id integer, state text, name varchar(255), started timestamp, last_activity timestamp, user_options text"
	tables := "CREATE TABLE users (" + userColumns + ");\nCREATE TABLE spawners (" + spawnerColumns + ");\n"
	switch f {
	case MySQL:
		return []byte(myHead + tables + users.String() + ";\n" + spawners.String() + ";\n" + myEnd)
	case SQLite:
		return []byte(liteHead + tables + users.String() + spawners.String() + "COMMIT;\n")
	case PostgreSQLCustom:
		w := &archiveWriter{minor: 14, compression: 1}
		w.head(3)
		w.entry(testEntry{id: 1, section: 2, tag: "users", desc: "TABLE", sql: tables})
		w.entry(testEntry{id: 2, section: 3, tag: "users", desc: "TABLE DATA", copy: "COPY users FROM stdin;\n", data: "-"})
		w.entry(testEntry{id: 3, section: 3, tag: "spawners", desc: "TABLE DATA", copy: "COPY spawners FROM stdin;\n", data: "-"})
		for id, text := range map[int]string{2: users.String(), 3: spawners.String()} {
			var b bytes.Buffer
			z := zlib.NewWriter(&b)
			_, err := z.Write([]byte(text + "\\.\n\n\n"))
			must(tb, err)
			must(tb, z.Close())
			w.WriteByte(1)
			w.int(id)
			w.string(b.String())
			w.int(0)
		}
		return w.Bytes()
	}
	return []byte(pgHead + tables + "COPY users FROM stdin;\n" + users.String() + "\\.\nCOPY spawners FROM stdin;\n" + spawners.String() + "\\.\n" + pgEnd)
}

// BenchmarkLoad loads a dump into a scratch database in memory.
func BenchmarkLoad(b *testing.B) {
	for _, f := range []Format{PostgreSQLText, PostgreSQLCustom, MySQL, SQLite} {
		b.Run(string(f), func(b *testing.B) {
			dump := bigDump(b, f)
			b.SetBytes(int64(len(dump)))
			b.ReportAllocs()
			for b.Loop() {
				db := memory(b)
				report, err := Load(b.Context(), bytes.NewReader(dump), f, db)
				must(b, err)
				if !report.Complete || report.Tables["users"] != benchUsers || report.Tables["spawners"] != benchUsers {
					b.Fatalf("%+v", report)
				}
				must(b, db.Close())
			}
		})
	}
}

// BenchmarkParse takes a dump apart without loading it.
func BenchmarkParse(b *testing.B) {
	for _, f := range []Format{PostgreSQLText, PostgreSQLCustom, MySQL, SQLite} {
		b.Run(string(f), func(b *testing.B) {
			dump := bigDump(b, f)
			b.SetBytes(int64(len(dump)))
			b.ReportAllocs()
			for b.Loop() {
				must(b, read(b.Context(), bytes.NewReader(dump), f, passing{}, &Report{}))
			}
		})
	}
}

// passing is a visitor that keeps nothing.
type passing struct{}

func (passing) database(string) error     { return nil }
func (passing) statement(statement) error { return nil }
func (passing) rows(_ statement, rows *copyLines) error {
	lines := &lineReader{rows: rows}
	buffer := make([]byte, 32<<10)
	for {
		if _, err := lines.Read(buffer); err != nil {
			return lines.err
		}
	}
}
