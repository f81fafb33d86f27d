package hubdb

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// child plays another process at the same database: a hub, or one that dies.
// It says "ready", and most roles then wait for the end of standard input.
func child(role, path string) {
	if play := roles[role]; play != nil {
		play(path)
		return
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	check(err)
	db.SetMaxOpenConns(1)
	run := func(statement string, args ...any) {
		_, err := db.Exec(statement, args...)
		check(err)
	}
	switch role {
	case "hot-journal":
		run("PRAGMA cache_size=1")
		run("BEGIN IMMEDIATE")
		run("UPDATE users SET name = 'torn-' || id || hex(randomblob(900))")
		run("DELETE FROM spawners WHERE id % 2 = 0")
		run("UPDATE users SET name = 'torn-again-' || id")
		die()
	case "open-transaction":
		run("BEGIN IMMEDIATE")
		run("UPDATE users SET name = 'uncommitted-' || id")
		ready()
		wait()
	case "exclusive-lock":
		run("BEGIN EXCLUSIVE")
		ready()
		wait()
	case "wal-open", "wal-killed":
		run("PRAGMA journal_mode=WAL")
		run("PRAGMA wal_autocheckpoint=0")
		run("UPDATE users SET name = 'in-wal-' || id")
		if role == "wal-killed" {
			die()
		}
		ready()
		wait()
		check(db.Close())
	case "writer-wal", "writer-delete":
		if role == "writer-wal" {
			run("PRAGMA journal_mode=WAL")
		}
		run("PRAGMA synchronous=OFF")
		run("UPDATE servers SET port = 0")
		ready()
		fmt.Println(commitAll(db))
	default:
		panic(role)
	}
}

// roles are those that need an operating system's own means.
var roles = map[string]func(path string){}

// commitAll commits until standard input ends. In each transaction one user
// and one spawner are added, and one of each removed after the first 100; all
// ports become the number of the transaction.
func commitAll(db *sql.DB) string {
	var stop atomic.Bool
	go func() { wait(); stop.Store(true) }()
	commits := 0
	for !stop.Load() {
		commits++
		for _, s := range []string{"BEGIN IMMEDIATE",
			fmt.Sprintf("INSERT INTO users (name, cookie_id) VALUES ('live-%d', hex(randomblob(16)))", commits),
			"INSERT INTO spawners (user_id, name) VALUES (last_insert_rowid(), '')",
			fmt.Sprintf("DELETE FROM spawners WHERE user_id = (SELECT id FROM users WHERE name = 'live-%d')", commits-100),
			fmt.Sprintf("DELETE FROM users WHERE name = 'live-%d'", commits-100),
			fmt.Sprintf("UPDATE servers SET port = %d", commits), "COMMIT"} {
			if _, err := db.Exec(s); err != nil {
				return fmt.Sprintf("after %d commits: %s: %v", commits, s, err)
			}
		}
	}
	return "no error"
}

func ready() { fmt.Println("ready") }

func wait() { _, _ = io.Copy(io.Discard, os.Stdin) }

func die() {
	ready()
	self, err := os.FindProcess(os.Getpid())
	check(err)
	check(self.Kill())
	select {}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}
