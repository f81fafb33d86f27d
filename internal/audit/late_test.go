package audit

import (
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/notify"
)

// unheard records a run that tells nobody, as with --no-notify.
func (s *stage) unheard(users int) {
	s.Helper()
	s.now = s.now.Add(15 * time.Minute)
	if err := s.store.Record(s.Context(), failed("hub-cookie-id-null", s.now, users), history.Moves{}); err != nil {
		s.Fatal(err)
	}
}

// TestEndsWithoutNotify: what ended in a run that told nobody is told by the next
// one that does, before what has opened since: a receiver may know both by one key.
func TestEndsWithoutNotify(t *testing.T) {
	s := newStage(t, "")
	if err := s.run(5); err != nil {
		t.Fatal(err)
	}
	s.unheard(0)
	s.unheard(7)
	s.now = s.now.Add(15 * time.Minute)
	if err := s.run(7); err != nil {
		t.Error(err)
	}
	s.told("opened 5 users", "resolved 5 users", "opened 7 users")
}

// TestHubsOfOthers: a run tells nothing of hubs that only another audit has, which
// shares the history and calls a receiver of its own by the same name.
func TestHubsOfOthers(t *testing.T) {
	mine := newStage(t, "")
	theirs := newStage(t, "")
	theirs.cfg.Hubs, theirs.store = theirs.cfg.Hubs[1:], mine.store // without hub a
	path := mine.cfg.Notify.File.Path
	mine.cfg.Notify.File.Path = "gone/out.jsonl"
	if err := mine.run(5); err == nil {
		t.Error("a folder that is not there took a message")
	}
	run := nothing()
	run.StartedAt = mine.now.Add(time.Minute)
	var rulings []notify.Ruling
	if err := theirs.store.Record(t.Context(), run, history.Moves{Plan: plan(theirs.cfg, run, &rulings)}); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t.Context(), theirs.cfg, theirs.store, run, theirs.options()); err != nil {
		t.Error(err)
	}
	theirs.told()
	mine.cfg.Notify.File.Path = path
	mine.now = mine.now.Add(15 * time.Minute)
	if err := mine.run(5); err != nil {
		t.Error(err)
	}
	mine.told("opened 5 users")
}
