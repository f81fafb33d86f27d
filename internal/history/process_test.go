package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Environment of a child: its role, the history, and how many runs to record.
const (
	childEnv     = "HUBAUDIT_TEST_CHILD"
	childPathEnv = "HUBAUDIT_TEST_HISTORY"
	childPostEnv = "HUBAUDIT_TEST_POST" // the file that is the receiver; none without
	childRuns    = 25
)

var childRoles = map[string]func() int{
	"loop": func() int { return childRecords(1 << 30) }, // until it is killed
	"some": func() int { return childRecords(childRuns) },
	"once": func() int { return childRecords(1) },
}

// childRecords records runs as fast as it can and prints the id of each once
// it is recorded. Check "a" always fails, "b" every other time.
func childRecords(n int) int {
	ctx := context.Background()
	fail := func(err error) int { fmt.Fprintln(os.Stderr, err); return 1 }
	s, err := Open(ctx, locationOf(os.Getenv(childPathEnv)))
	if err != nil {
		return fail(err)
	}
	defer s.Close()
	for i := range n {
		b := judged("b", verdict.Pass)
		if i%2 == 0 {
			b = judged("b", verdict.Fail)
		}
		run := runAt(0, judged("a", verdict.Fail), b, counted(verdict.Pass, 1000))
		run.StartedAt = time.Now()
		moves := saw(i%3 > 0, crowd(1+i%7, 40)...) // seven people change from run to run
		moves.Rules, moves.Plan = Rules{ReopenWithin: time.Minute}, decide(postName)
		moves.Good = map[facts.SeriesKey]bool{users: true}
		if err := s.Record(ctx, run, moves); err != nil {
			return fail(err)
		}
		for _, inc := range run.Incidents {
			if inc.State == verdict.Opened {
				fmt.Println("incident", inc.ID)
			}
		}
		fmt.Println("run", run.ID)
		if err := childSends(ctx, s); err != nil {
			return fail(err)
		}
	}
	return 0
}

func child(t *testing.T, role, path, post string) (*exec.Cmd, io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+role, childPathEnv+"="+path, childPostEnv+"="+post)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // an error means that it has ended
	return cmd, out
}

// TestFolderWithoutWrites is about a user who may not write: for root every
// folder is writable, so the child becomes another.
func TestFolderWithoutWrites(t *testing.T) {
	for name, c := range map[string]struct {
		fileThere bool
		say       []string
	}{
		"new history": {false, []string{"open the history", "permission denied", "needs write access to the folder"}},
		"old history": {true, []string{"record a run in the history", "needs write access to the file and its folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "h.db")
			if c.fileThere {
				open(t, path).Close()
				if err := os.Chmod(path, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			for folder, mode := range map[string]os.FileMode{dir: 0o555, filepath.Dir(dir): 0o755} { // the latter is 0700
				if err := os.Chmod(folder, mode); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), childEnv+"=once", childPathEnv+"="+path)
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("it could write: %s", out)
			}
			wantError(t, errors.New(string(out)), append(c.say, path)...)
		})
	}
}

// TestKilledWhileRecording kills a process that records, again and again, at
// any moment: in SQLite's writes, in the making of the file, between runs.
func TestKilledWhileRecording(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	path, post := newPlace(t), filepath.Join(t.TempDir(), "post")
	rng := rand.New(rand.NewPCG(5, 6))
	told := map[string]bool{} // "run ID" and "incident ID" that were reported as recorded
	for range kills {
		cmd, out := child(t, "loop", path, post)
		lines := bufio.NewScanner(out)
		for n := rng.IntN(8); n > 0 && lines.Scan(); n-- {
			told[lines.Text()] = true
		}
		// A part of the time that one run takes, so that the kill lands anywhere in it.
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it reported before it died
			told[lines.Text()] = true
		}
		_ = cmd.Wait() // "signal: killed"
		checkWhole(t, path, told)
	}
	if len(told) < kills {
		t.Errorf("only %d runs and incidents were recorded: the test proves little", len(told))
	}
	sent, repeated := checkPost(t, path, post)
	if repeated > kills || sent < kills/10 {
		t.Errorf("%d messages were sent and %d repeated after %d kills", sent, repeated, kills)
	}
	t.Logf("%d kills, %d runs and incidents, %d messages, of which %d were repeated", kills, len(told), sent, repeated)
}

// checkWhole opens a history as the next run would, and looks for what is
// missing, half there or damaged.
func checkWhole(t *testing.T, path string, told map[string]bool) {
	t.Helper()
	s, err := Open(t.Context(), locationOf(path))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, file := s.engine.(sqliteFile); file {
		var integrity string
		if err := s.db.QueryRow("PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
			t.Fatalf("integrity: %s, error %v", integrity, err)
		}
	}
	runs, err := s.Runs(t.Context(), cluster, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, info := range runs {
		have["run "+info.ID] = true
	}
	for _, inc := range incidentsOf(t, s, false) {
		have[fmt.Sprint("incident ", inc.ID)] = true
	}
	for line := range told {
		if !have[line] {
			t.Errorf("%s was recorded and is lost", line)
		}
	}
	for table, perRun := range map[string]int{"documents": 1, "series": 1, "views": 1} {
		if n := count(t, s, "SELECT count(*) FROM "+table); n != perRun*len(runs) {
			t.Errorf("%d rows in %s for %d runs", n, table, len(runs))
		}
	}
	if len(runs) == 0 {
		return
	}
	checkLast(t, s)
}

// checkLast: the last run is whole, and the incidents are as it left them.
func checkLast(t *testing.T, s *Store) {
	t.Helper()
	run, err := s.Run(t.Context(), cluster, Latest)
	if err != nil {
		t.Fatal(err)
	}
	var open, ofRun []verdict.Incident
	open = incidentsOf(t, s, true)
	for _, inc := range run.Incidents {
		if inc.State != verdict.Resolved {
			ofRun = append([]verdict.Incident{inc}, ofRun...)
		}
	}
	diff(t, ofRun, open)
	if b := past(t, s).Baselines[users]; b.Value != 1000 {
		t.Errorf("baseline %+v", b)
	}
	// Every run saw 40 users, so any two of them have as many who vanished as who appeared.
	if n := count(t, s, "SELECT count(*) FROM members WHERE until_seq IS NULL"); n != 40 {
		t.Errorf("%d users are there, want 40", n)
	}
	if c := lost(t, s, PlainNames(), crowd(1, 40)...); c != nil && (c.Before != 40 || len(c.Vanished) != len(c.Appeared)) {
		t.Errorf("the last good run saw %d users, of whom %d vanished and %d are new", c.Before, len(c.Vanished), len(c.Appeared))
	}
}

// TestProcessesAtOnce lets several processes make one history and record runs
// in it, all at the same time.
func TestProcessesAtOnce(t *testing.T) {
	const processes = 4
	path, post := newPlace(t), filepath.Join(t.TempDir(), "post")
	var wait sync.WaitGroup
	for range processes {
		cmd, out := child(t, "some", path, post)
		wait.Go(func() {
			if _, err := io.Copy(io.Discard, out); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()

	checkWhole(t, path, nil)
	s := open(t, path)
	if n := count(t, s, "SELECT count(DISTINCT id) FROM runs"); n != processes*childRuns {
		t.Errorf("%d runs, want %d", n, processes*childRuns)
	}
	if n := count(t, s, "SELECT count(*) FROM incidents WHERE check_id = 'a'"); n != 1 {
		t.Errorf("%d incidents of a check that always failed, want 1", n)
	}
	if n := count(t, s, "SELECT count(*) FROM (SELECT 1 FROM incidents WHERE resolved_at IS NULL GROUP BY fingerprint HAVING count(*) > 1) AS twice"); n != 0 {
		t.Errorf("%d fingerprints have more than one open incident", n)
	}
	if n := past(t, s).Baselines[users].Runs; n != baselineRuns {
		t.Errorf("baseline over %d runs", n)
	}
	if sent, repeated := checkPost(t, path, post); repeated > 0 || sent == 0 {
		t.Errorf("%d messages were sent, %d of them more than once", sent, repeated)
	}
}

// TestGoroutinesAtOnce does the same within one process, as `audit watch` may.
func TestGoroutinesAtOnce(t *testing.T) {
	s := newStore(t)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 5 {
				if err := s.Record(t.Context(), runAt(i*5+j, judged("a", verdict.Fail)), Moves{}); err != nil {
					t.Error(err)
				}
				if _, err := s.Past(t.Context(), cluster, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if n := count(t, s, "SELECT count(*) FROM runs"); n != 40 {
		t.Errorf("%d runs, want 40", n)
	}
	if n := len(incidentsOf(t, s, false)); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
}
