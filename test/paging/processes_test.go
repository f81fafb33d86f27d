package paging

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// crew are the processes of one step.
type crew struct {
	mu      sync.Mutex
	running []*exec.Cmd
	dead    bool // the step's processes are being killed
	gentle  bool // they are asked to end, by SIGTERM
	// started and killed count all processes of the world.
	started, killed int
}

// kill ends all processes of the step, as kill -9 does.
func (c *crew) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead && c.gentle {
		return // a second SIGTERM would end a watch at once
	}
	c.dead = true
	for _, cmd := range c.running {
		c.end(cmd)
	}
}

func (c *crew) end(cmd *exec.Cmd) {
	signal := syscall.SIGKILL
	if c.gentle {
		signal = syscall.SIGTERM
	}
	_ = cmd.Process.Signal(signal) // it may have ended
}

// audit is one run of the command at a time, under the limits of its step.
func (s *story) audit(at time.Time) process {
	command := []string{binary}
	if s.limit > 0 {
		command = []string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, s.limit), binary}
	}
	command = append(command, "now", "--config", s.site.config(), "--at", at.Format(time.RFC3339), "--output", "json", "--log-level", "error")
	return s.crew.run(s.T, at, append(command, judged()...)...)
}

// start runs processes at the same time, and kills them after a random while or
// where a gate says so.
func (s *story) start(times []time.Time) []process {
	done := make([]process, len(times))
	var all sync.WaitGroup
	for n, at := range times {
		all.Go(func() {
			done[n] = s.audit(at)
		})
	}
	if s.chance(30) {
		after := time.Duration(s.random.IntN(90_000)) * time.Microsecond
		s.note("    a kill comes after %s", after)
		timer := time.AfterFunc(after, s.crew.kill)
		defer timer.Stop()
	}
	all.Wait()
	return done
}

// process is one that has ended.
type process struct {
	at     time.Time
	killed bool
	status int
	said   string // on stderr
	out    []byte
}

// run starts one process and waits for its end.
func (c *crew) run(t *testing.T, at time.Time, command ...string) process {
	p := process{at: at}
	cmd := exec.Command(command[0], command[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	c.mu.Lock()
	err := cmd.Start()
	if err != nil {
		c.mu.Unlock()
		t.Error(err)
		return p
	}
	c.started++
	if c.dead {
		c.end(cmd)
	}
	c.running = append(c.running, cmd)
	c.mu.Unlock()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	p.killed, p.status = ok && status.Signaled(), cmd.ProcessState.ExitCode()
	p.said, p.out = errs.String(), out.Bytes()
	c.mu.Lock()
	if p.killed {
		c.killed++
	}
	c.mu.Unlock()
	return p
}

// begin is the start of a step.
func (c *crew) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running, c.dead = nil, false
}

// ledger is the history, read beside the product.
type ledger struct {
	t        *testing.T
	db       *sql.DB
	file     string // of SQLite
	postgres bool
}

func openLedger(t *testing.T, driver, source, file string) *ledger {
	db, err := sql.Open(driver, source)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return &ledger{t: t, db: db, file: file, postgres: driver == "pgx"}
}

// hold keeps every process from the history, for a while or until end.
func (l *ledger) hold(d time.Duration) (end func()) {
	conn, err := l.db.Conn(context.WithoutCancel(l.t.Context()))
	must(l.t, err)
	hold := []string{"BEGIN EXCLUSIVE"}
	if l.postgres {
		hold = []string{"BEGIN", "LOCK TABLE runs, incidents, deliveries, leases"}
	}
	for _, statement := range hold {
		_, err := conn.ExecContext(context.Background(), statement)
		must(l.t, err)
	}
	var failed error
	release := sync.OnceFunc(func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		failed = errors.Join(err, conn.Close())
	})
	timer := time.AfterFunc(d, release)
	return func() {
		timer.Stop()
		release()
		must(l.t, failed)
	}
}

// recorded are the times of the runs that the history has, in the order of recording.
func (l *ledger) recorded() (all []time.Time) {
	if !l.exists() {
		return nil
	}
	rows, err := l.db.Query("SELECT started_at FROM runs ORDER BY seq")
	must(l.t, err)
	defer rows.Close()
	for rows.Next() {
		var at int64
		must(l.t, rows.Scan(&at))
		all = append(all, time.Unix(at, 0).UTC())
	}
	must(l.t, rows.Err())
	return all
}

// exists tells whether there is a history yet. A server may still be at work for
// a process that was killed: that is waited for.
func (l *ledger) exists() bool {
	there := 0
	if !l.postgres {
		if _, err := os.Stat(l.file); err != nil {
			return false
		}
		must(l.t, l.db.QueryRow("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").Scan(&there))
		return there > 0
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for busy := 1; busy > 0; {
		must(l.t, l.db.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'").Scan(&busy))
		if busy > 0 {
			<-tick.C
		}
	}
	must(l.t, l.db.QueryRow("SELECT count(*) FROM information_schema.tables WHERE table_name = 'runs'").Scan(&there))
	return there > 0
}

// trouble is what a process says that must never be said.
func (p *process) trouble() string {
	if strings.Contains(p.said, "panic") || strings.Contains(p.said, "goroutine ") || p.status == 3 {
		return p.said
	}
	return ""
}

func historyFile(dir string) string { return filepath.Join(dir, "history.db") }
