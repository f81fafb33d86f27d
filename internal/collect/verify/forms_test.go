package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubaudit/internal/facts"
)

// TestForms: a hub's database is found in whatever it was packed, by content
// and not by name.
func TestForms(t *testing.T) {
	privateTemp(t)
	db := hubDB(t, "hub-3.0.0")
	bz, err := os.ReadFile(filepath.Join("testdata", "hub-3.0.0.sqlite.bz2"))
	must(t, err)
	in := func(content []byte) file { return file{"srv/x.bin", content, 0} }
	readme := file{"srv/README", []byte("not the hub's\n"), 0}
	half := len(db) / 2
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}
	for _, tt := range []struct {
		form string
		copy []byte
	}{
		{"sqlite", db},
		{"gzip, sqlite", gzipped(t, db)},
		{"gzip, sqlite", append(gzipped(t, db[:half]), gzipped(t, db[half:])...)},
		{"zstd, sqlite", zstded(t, db)},
		{"zstd, sqlite", append(skippable, zstded(t, db)...)},
		{"xz, sqlite", xzed(t, db)},
		{"bzip2, sqlite", bz},
		{"tar, sqlite", tarred(t, readme, in(db), readme)},
		{"gzip, tar, sqlite", gzipped(t, tarred(t, in(db)))},
		{"xz, tar, sqlite", xzed(t, tarred(t, in(db), readme))},
		{"zstd, tar, sqlite", zstded(t, tarred(t, readme, in(db)))},
		{"tar, gzip, sqlite", tarred(t, in(gzipped(t, db)), readme)},
		{"gzip, tar, zstd, tar, sqlite", gzipped(t, tarred(t, in(zstded(t, tarred(t, in(db))))))},
		{"zip, sqlite", zipped(t, readme, in(db))},
		{"zip, gzip, sqlite", zipped(t, in(gzipped(t, db)))},
	} {
		t.Run(tt.form, func(t *testing.T) {
			got := look(t, tt.copy)
			wantOpened(t, got, tt.form, "", hubUsers, "")
			if c := got.Content; c == nil || c.UsersRead != facts.Complete || c.Database.Engine != "sqlite" || c.Database.Location != "copy" || !c.StatesRead {
				t.Errorf("content %+v", c)
			}
		})
	}
}

// TestOtherThings: what is no database is called what it is.
func TestOtherThings(t *testing.T) {
	privateTemp(t)
	other := written(t, nil)
	execute(t, openDB(t, other, ""), "CREATE TABLE dashboards (id INTEGER PRIMARY KEY)", "INSERT INTO dashboards VALUES (1)")
	noise := bytes.Repeat([]byte("\x93\x01\xfe\xbb\x07"), 300)
	for _, tt := range []struct {
		name   string
		copy   []byte
		form   string
		fault  facts.CopyFault
		detail string
	}{
		{"an HTML page", []byte("<!DOCTYPE html><title>Login</title>"), "", facts.CopyNotDatabase, "an HTML page"},
		{"an error of the storage", gzipped(t, []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`)), "gzip", facts.CopyNotDatabase, "an XML document"},
		{"text", []byte("pg_dump: error: connection to server failed\n"), "", facts.CopyNotDatabase, "it is text"},
		{"noise", noise, "", facts.CopyNotDatabase, "binary data"},
		{"gzip of nothing", gzipped(t, nil), "gzip", facts.CopyEmpty, "0 bytes"},
		{"zstd of nothing", zstded(t, nil), "zstd", facts.CopyEmpty, "0 bytes"},
		{"an empty database in a tar", tarred(t, file{name: "jupyterhub.sqlite"}), "tar", facts.CopyEmpty, "0 bytes"},
		{"a tar without a database", tarred(t, file{"srv/cookie_secret", []byte("abc"), 0}), "tar", facts.CopyNotDatabase, `of 1 files holds no database and no dump; the first file is "srv/cookie_secret"`},
		{"a tar without a file", gzipped(t, tarred(t)), "gzip, tar", facts.CopyEmpty, "holds no file"},
		{"an empty zip", zipped(t), "zip", facts.CopyEmpty, "holds no file"},
		{"another program's database", bytesIn(t, other), "sqlite", facts.CopyNotDatabase, "missing: the table users"},
		{"a database without tables", emptied(t), "sqlite", facts.CopyEmpty, "has no tables"},
		{"a database without its users", changed(t, "DROP TABLE users"), "sqlite", facts.CopyCorrupt, "the table users"},
		{"the beginning overwritten", append(make([]byte, 4096), hubDB(t, "hub-3.0.0")[4096:]...), "", facts.CopyCorrupt, "beginning was overwritten"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := look(t, tt.copy)
			if got.Fault != tt.fault || !strings.Contains(got.Detail, tt.detail) || got.Form != tt.form || got.Skipped != "" {
				t.Errorf("form %q, fault %q (%s), skipped %q", got.Form, got.Fault, got.Detail, got.Skipped)
			}
		})
	}
}

// emptied is a database whose tables were all dropped.
func emptied(t *testing.T) []byte {
	path := written(t, nil)
	execute(t, openDB(t, path, ""), "CREATE TABLE t (x)", "DROP TABLE t")
	return bytesIn(t, path)
}

// changed is a hub's database after some statements.
func changed(t testing.TB, statements ...string) []byte {
	t.Helper()
	path := written(t, hubDB(t, "hub-3.0.0"))
	db := openDB(t, path, "")
	execute(t, db, statements...)
	must(t, db.Close())
	return bytesIn(t, path)
}

// TestClosed: what is sound for all that can be told is not called bad.
func TestClosed(t *testing.T) {
	privateTemp(t)
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		must(t, err)
		return append(b, bytes.Repeat([]byte{0xa7}, 600)...)
	}
	dump := []byte("--\n-- PostgreSQL database dump\n--\n")
	for _, tt := range []struct {
		name string
		copy []byte
		says string
	}{
		{"age", []byte("age-encryption.org/v1\n-> X25519 abc\n"), "encrypted"},
		{"age in a tar", tarred(t, file{"hub.sqlite.age", []byte("age-encryption.org/v1\n-> X25519 abc\n"), 0}), `"hub.sqlite.age" in the form "tar, age"`},
		{"gpg -c", unhex("8c0d04090302ae661103895736d7ffd2400119ce38"), "OpenPGP"},
		{"gpg -e, RSA", unhex("848c037f154c8363b9d591010400944f387e86735f"), "OpenPGP"},
		{"gpg -e, ECDH", unhex("845e03f56efd75c4494f0812010740e9d190c43cd4"), "OpenPGP"},
		{"gpg -e --armor", []byte("-----BEGIN PGP MESSAGE-----\n\nhF4D"), "encrypted"},
		{"openssl enc", []byte("Salted__\x51\x1d\xc1\x3d\xb7\x15\xb6\x0e"), "encrypted"},
		{"gzip of openssl enc", gzipped(t, []byte("Salted__\x51\x1d\xc1\x3d\xb7\x15\xb6\x0e")), `"gzip, openssl enc"`},
		{"lz4", unhex("04224d186440a7"), "cannot unpack"},
		{"zip in gzip", gzipped(t, zipped(t, file{"a.sqlite", hubDB(t, "hub-3.0.0"), 0})), "only where it is the outermost"},
		{"pg_dump -Ft", tarred(t, file{"toc.dat", []byte("PGDMP\x01\x0e"), 0}, file{"2100.dat", []byte("1\tann\n"), 0}, file{"restore.sql", dump, 0}), "dump with -Fc"},
		{"pg_basebackup -Ft -z", tarred(t, file{"base.tar.gz", gzipped(t, tarred(t, file{"PG_VERSION", []byte("15\n"), 0})), 0}), "pg_basebackup"},
		{"pg_basebackup", gzipped(t, tarred(t, file{"backup_label", []byte("START WAL"), 0}, file{"global/pg_control", []byte{1}, 0})), "pg_basebackup"},
		{"xtrabackup", tarred(t, file{"ibdata1", []byte{1}, 0}, file{"hub/users.ibd", []byte{1}, 0}), "MySQL or MariaDB"},
		{"xbstream", append([]byte("XBSTCK01"), make([]byte, 64)...), "physical backup of MySQL"},
		{"mydumper", tarred(t, file{"hub-schema-create.sql", []byte("CREATE DATABASE hub;"), 0}), "mydumper"},
	} {
		t.Run(tt.name, func(t *testing.T) { wantSkipped(t, look(t, tt.copy), false, tt.says, `"copy" was not tested`) })
	}
}

// TestClosedIsNotFetched: what cannot be opened anyway is not fetched whole.
func TestClosedIsNotFetched(t *testing.T) {
	privateTemp(t)
	b := append([]byte("Salted__"), bytes.Repeat([]byte("0123456789abcdef"), 1<<20)...)
	from := bytes.NewReader(b)
	got := look(t, b, func(o *Options) {
		o.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(from), nil }
	})
	wantSkipped(t, got, false, "encrypted")
	if read := len(b) - from.Len(); read > headSize {
		t.Errorf("%d bytes were read", read)
	}
}

// TestEveryVersion: no database that a hub of any version made is called bad.
func TestEveryVersion(t *testing.T) {
	privateTemp(t)
	files, err := filepath.Glob(filepath.Join("..", "hubdb", "testdata", "*.sqlite.gz"))
	must(t, err)
	if len(files) < 10 {
		t.Fatal(files)
	}
	for _, path := range files {
		got := look(t, bytesIn(t, path), func(o *Options) { o.Level = facts.VerifyRestore })
		if got.Fault != "" || got.Skipped != "" || got.Form != "gzip, sqlite" || got.Content.UsersRead != facts.Complete || got.Content.SpawnersRead != facts.Complete {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

// TestSeveral: of several databases in one archive the hub's is opened.
func TestSeveral(t *testing.T) {
	privateTemp(t)
	hub, more := hubDB(t, "hub-3.0.0"), changed(t, "INSERT INTO users (name, cookie_id) VALUES ('one-more', '0123456789abcdef0123456789abcdef')")
	other := written(t, nil)
	execute(t, openDB(t, other, ""), "CREATE TABLE dashboards (id INTEGER PRIMARY KEY)")
	grafana := file{"grafana.db", bytesIn(t, other), 9}
	live := func(o *Options) {
		o.Live = &facts.Hub{Database: facts.Database{Engine: "sqlite", Location: "/srv/jupyterhub.sqlite"}}
	}
	for _, tt := range []struct {
		name  string
		files []file
		users int
		fault facts.CopyFault
		live  bool
	}{
		{"beside another program's", []file{grafana, {"hub.db", hub, 1}}, hubUsers, "", false},
		{"the newest of two", []file{{"a.sqlite", hub, 1}, {"b.sqlite", more, 2}, grafana}, hubUsers + 1, "", false},
		{"the one of the live one's name", []file{{"srv/jupyterhub.sqlite", hub, 1}, {"srv/jupyterhub.sqlite.2026-11-05-030405", more, 5}}, hubUsers, "", true},
		{"which may be empty", []file{{"srv/jupyterhub.sqlite", nil, 1}, {"srv/jupyterhub.sqlite.2026-11-05-030405", more, 5}}, 0, facts.CopyEmpty, true},
		{"only another program's", []file{grafana}, 0, facts.CopyNotDatabase, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var change []func(*Options)
			if tt.live {
				change = append(change, live)
			}
			got := look(t, gzipped(t, tarred(t, tt.files...)), change...)
			if got.Fault != tt.fault || got.Content == nil || len(got.Content.Users) != tt.users {
				t.Errorf("%+v", got)
			}
		})
	}
}
