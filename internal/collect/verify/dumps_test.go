package verify

import (
	"bytes"
	"math/rand"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// shellDump is what a real sqlite3 shell's .dump writes of a hub's database.
func shellDump(t testing.TB) []byte {
	t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("there is no sqlite3 shell: apt-get install sqlite3")
	}
	out, err := exec.CommandContext(t.Context(), program, written(t, hubDB(t, "hub-3.0.0")), ".dump").Output()
	must(t, err)
	return out
}

// TestDump: a dump holds the same hub as the database that it is of, also
// packed and in an archive, and is restored.
func TestDump(t *testing.T) {
	privateTemp(t)
	dump, truth := shellDump(t), look(t, hubDB(t, "hub-3.0.0")).Content
	for form, b := range map[string][]byte{
		"":            dump,
		"gzip, ":      gzipped(t, dump),
		"zstd, tar, ": zstded(t, tarred(t, file{"README", []byte("x"), 0}, file{"hub.sql", dump, 0})),
	} {
		for _, level := range []string{facts.VerifyOpen, facts.VerifyRestore} {
			got := look(t, b, func(o *Options) { o.Level = level })
			if got.Fault != "" || got.Skipped != "" || !strings.HasPrefix(got.Form, form) || got.Level != level || got.Content == nil {
				t.Errorf("%s at level %s: %+v", form, level, got)
				continue
			}
			if diff := cmp.Diff(truth.Users, got.Content.Users); diff != "" {
				t.Errorf("users (-database +dump):\n%s", diff)
			}
			if diff := cmp.Diff(truth.Spawners, got.Content.Spawners); diff != "" {
				t.Errorf("spawners (-database +dump):\n%s", diff)
			}
		}
	}
}

// TestDumpCut: packed dumps that end in the middle or have wrong bytes are
// never called good while they lack users.
func TestDumpCut(t *testing.T) {
	privateTemp(t)
	r := rand.New(rand.NewSource(3))
	dump := shellDump(t)
	for _, p := range packings {
		whole := p.pack(t, dump)
		for range 10 {
			cut := whole[:1+r.Intn(len(whole)-1)]
			if got := look(t, cut); !lacksOpenly(got, hubUsers) || got.Fault == "" {
				t.Errorf("%s cut to %d of %d: %q %q", p.name, len(cut), len(whole), got.Fault, got.Skipped)
			}
			flipped := bytes.Clone(whole)
			for range 10 {
				flipped[r.Intn(len(flipped))] ^= byte(1 << r.Intn(8))
			}
			if got := look(t, flipped); got.Fault == "" && got.Skipped == "" && len(got.Content.Users) < hubUsers {
				t.Errorf("%s with wrong bytes: called good with %d users", p.name, len(got.Content.Users))
			}
		}
	}
}

// TestRestoreSQLite: a file is written anew, and what SQLite cannot write anew
// is no restore.
func TestRestoreSQLite(t *testing.T) {
	privateTemp(t)
	level := func(o *Options) { o.Level = facts.VerifyRestore }
	got := look(t, gzipped(t, hubDB(t, "hub-3.0.0")), level)
	wantOpened(t, got, "gzip, sqlite", "", hubUsers, "")
	if got.Level != facts.VerifyRestore {
		t.Errorf("level %s", got.Level)
	}
	got = look(t, changed(t, "DROP TABLE users"), level)
	if got.Level != facts.VerifyOpen || got.Fault != facts.CopyCorrupt {
		t.Errorf("%+v", got)
	}
}

// TestNoScratch: where a server's dump cannot be restored, what opening it
// showed stays, and it says why.
func TestNoScratch(t *testing.T) {
	privateTemp(t)
	dump := []byte(mysqlDump)
	for name, tt := range map[string]struct {
		scratch    Scratch
		unreadable bool
		says       string
	}{
		"none":            {Scratch{}, false, "an empty mysql database, named under scratch"},
		"an audited one":  {Scratch{URL: "mysql://a@127.0.0.1:1/hub", Refused: "it is that of hub \"a\""}, false, `it is that of hub "a"`},
		"another engine":  {Scratch{URL: "postgresql://a@127.0.0.1:1/hub"}, false, "it is of mysql, and the scratch server is of postgresql"},
		"nobody there":    {Scratch{URL: "mysql://a:secret@127.0.0.1:1/hub"}, true, "cannot be reached"},
		"a wrong address": {Scratch{URL: "mysql://a:secret@127.0.0.1:x/hub"}, false, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			got := look(t, dump, func(o *Options) { o.Level, o.Scratch = facts.VerifyRestore, tt.scratch })
			wantSkipped(t, got, tt.unreadable, "opened and not restored", tt.says)
			if got.Level != facts.VerifyOpen || got.Content == nil || len(got.Content.Users) != 1 || strings.Contains(got.Skipped, "secret") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// mysqlDump is what mysqldump writes of a hub, cut down to one user.
const mysqlDump = `-- MySQL dump 10.13  Distrib 8.0.40, for Linux (x86_64)
--
-- Host: localhost    Database: hub
-- ------------------------------------------------------
-- Server version	8.0.40
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS ` + "`users`" + `;
CREATE TABLE ` + "`users`" + ` (
  ` + "`id`" + ` int NOT NULL AUTO_INCREMENT,
  ` + "`name`" + ` varchar(255) DEFAULT NULL,
  ` + "`admin`" + ` tinyint(1) DEFAULT NULL,
  ` + "`cookie_id`" + ` varchar(255) NOT NULL,
  PRIMARY KEY (` + "`id`" + `),
  UNIQUE KEY ` + "`cookie_id` (`cookie_id`)" + `
) ENGINE=InnoDB;
INSERT INTO ` + "`users`" + ` VALUES (1,'ann',0,'0123456789abcdef0123456789abcdef');
CREATE TABLE ` + "`spawners` (`id` int NOT NULL, `user_id` int DEFAULT NULL, `server_id` int DEFAULT NULL, `state` text, `name` varchar(255) DEFAULT NULL)" + `;
CREATE TABLE ` + "`servers` (`id` int NOT NULL, `ip` varchar(255), `port` int)" + `;
CREATE TABLE ` + "`alembic_version` (`version_num` varchar(32) NOT NULL)" + `;
-- Dump completed on 2026-11-20  3:00:12
`
