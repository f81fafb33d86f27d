package history

import (
	"os"
	"testing"
)

// TestSpaceIsGivenBack after a large deletion, and no file is rewritten after
// every run.
func TestSpaceIsGivenBack(t *testing.T) {
	onlyFile(t)
	s := newStore(t)
	unsafe(t, s)
	file := func() (size int64) {
		t.Helper()
		info, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	run := record(t, s, runAt(0))
	small := file()
	fill := func(bytes int) {
		t.Helper()
		execute(t, s, "UPDATE documents SET body = zeroblob(?) WHERE run_seq = 1", bytes)
	}
	fill(worthRewriting / 2)
	fill(10)
	before := file()
	record(t, s, runAt(1))
	if is := file(); is < before {
		t.Errorf("%d bytes were rewritten to save as little", before)
	}
	fill(4 * worthRewriting)
	record(t, s, runAt(2))
	if is := file(); is < 4*worthRewriting {
		t.Errorf("%d bytes with %d in use", is, 4*worthRewriting)
	}
	fill(10)
	record(t, s, runAt(3))
	if is := file(); is > 2*small {
		t.Errorf("%d bytes, want about %d", is, small)
	}
	if _, err := s.Run(t.Context(), cluster, runAt(3).StartedAt.Format("20060102T150405Z")+"-1"); err != nil || run.ID == "" {
		t.Error(err)
	}
	if n := count(t, s, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); n != 0 {
		t.Errorf("%d faults", n)
	}
}
