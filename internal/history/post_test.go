package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

// postName is the receiver of the tests with processes: a file that keeps what
// it is sent, a line each.
const postName = "post"

// childSends sends what is due. Of children of which one after the other is
// killed each has a lease of its own: waiting for those of the dead is another
// test's.
func childSends(ctx context.Context, s *Store) error {
	lease := "notify/" + postName
	if os.Getenv(childEnv) == "loop" {
		lease = fmt.Sprint(lease, os.Getpid())
	}
	post := os.Getenv(childPostEnv)
	if post == "" {
		return nil
	}
	return sendAll(ctx, s, lease, post)
}

func sendAll(ctx context.Context, s *Store, lease, post string) error {
	held, err := s.Lease(ctx, cluster, lease, fmt.Sprint("process ", os.Getpid()), time.Now())
	if err != nil {
		return err
	}
	defer held.Release()
	file, err := os.OpenFile(post, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx = held.Context(ctx)
	for {
		due, err := s.Due(ctx, cluster, postName, time.Now())
		if err != nil || len(due) == 0 {
			return err
		}
		for _, d := range due {
			if _, err := fmt.Fprintln(file, d.Incident, d.ID, d.Kind); err != nil {
				return err
			}
			d.At = time.Now()
			if err := s.Sent(ctx, cluster, d); err != nil {
				return err
			}
		}
	}
}

// checkPost sends what processes have left, and looks whether the file was told
// how every incident stands: nothing lost, nothing out of order.
func checkPost(t *testing.T, path, post string) (sent, repeated int) {
	t.Helper()
	s := open(t, path)
	s.clock = time.Now
	run := runAt(0)
	run.StartedAt = time.Now()
	recordMoves(t, s, run, Moves{Plan: decide(postName)})
	if err := sendAll(t.Context(), s, "notify/test", post); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(post)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	box := &postbox{name: postName, got: map[int64][]verdict.Delivery{}, unsure: map[int64]int{}}
	seen := map[int64]bool{}
	for line := range strings.Lines(string(text)) {
		var d verdict.Delivery
		if _, err := fmt.Sscan(line, &d.Incident, &d.ID, &d.Kind); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sent++
		if seen[d.ID] {
			repeated++
		}
		seen[d.ID] = true
		box.unsure[d.Incident] += 100 // a killed process may have left it open
		box.got[d.Incident] = append(box.got[d.Incident], d)
	}
	box.check(t)
	for _, inc := range incidentsOf(t, s, false) {
		got := box.got[inc.ID]
		if len(got) == 0 || (got[len(got)-1].Kind == verdict.DeliveryResolved) == inc.ResolvedAt.IsZero() {
			t.Errorf("it was told %v of incident %d, which is %s", kinds(got), inc.ID, inc.State)
		}
	}
	return sent, repeated
}
