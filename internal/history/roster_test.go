package history

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// saw is a run that saw these users of the hub.
func saw(good bool, users ...facts.User) Moves { return sawAs(PlainNames(), good, users...) }

func sawAs(names Naming, good bool, users ...facts.User) Moves {
	return Moves{Views: []View{{Hub: world.HubName, Roll: names.Roll(users), Good: good}}}
}

// crowd is so many users, from the first id on.
func crowd(first, n int) []facts.User {
	users := make([]facts.User, n)
	for i := range users {
		users[i] = person(fmt.Sprintf("student-%06d", first+i), int64(first+i), 100)
	}
	return users
}

// lost is who vanished since the last good run.
func lost(t testing.TB, s *Store, names Naming, now ...facts.User) *facts.Changes {
	t.Helper()
	references, err := s.References(t.Context(), cluster, []string{world.HubName})
	if err != nil {
		t.Fatal(err)
	}
	return references[world.HubName].Changes(names.Roll(now))
}

func spans(t testing.TB, s *Store) int {
	t.Helper()
	return count(t, s, "SELECT count(*) FROM members")
}

// TestUnchangedHubWritesNoMembers: neither does the way between database and REST API.
func TestUnchangedHubWritesNoMembers(t *testing.T) {
	s := newStore(t)
	users := crowd(1, 50)
	recordMoves(t, s, runAt(0), saw(true, users...))
	rest := crowd(1, 50)
	for i := range rest {
		rest[i].ID = -int64(i + 1)
	}
	for minute := 1; minute < 6; minute++ {
		recordMoves(t, s, runAt(minute), saw(true, [][]facts.User{users, rest}[minute%2]...))
		if n := spans(t, s); n != 50 {
			t.Fatalf("%d spans after run %d, want 50", n, minute)
		}
	}
	if c := lost(t, s, PlainNames(), users...); c == nil || c.HighestID != 50 || len(c.Renumbered) != 0 {
		t.Errorf("changes after REST and back: %+v", c)
	}
}

// TestLostUsersAreNamedUntilAccepted: 1,000 became 50, for a month.
func TestLostUsersAreNamedUntilAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	s := newStore(t)
	s.at(60 * day)
	recordMoves(t, s, runAt(0), saw(true, crowd(1, 1000)...))
	left := crowd(951, 50)
	var last *verdict.Run
	for d := range 40 {
		m := saw(false, left...)
		m.KeepMembers = 7 * 24 * time.Hour
		last = recordMoves(t, s, runAt(d*day+1), m)
		c := lost(t, s, PlainNames(), left...)
		if c == nil || len(c.Vanished) != 950 || c.Vanished[0].Name != "student-000001" || c.Before != 1000 || !c.At.Equal(world.Now) {
			t.Fatalf("day %d: %+v", d, c)
		}
	}
	if err := s.Accept(t.Context(), Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUserIDs, Reason: "r", At: last.StartedAt}); err != nil {
		t.Fatal(err)
	}
	if c := lost(t, s, PlainNames(), left...); len(c.Vanished) != 0 || c.Run != last.ID {
		t.Errorf("after the acceptance: %+v", c)
	}
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil || len(list) != 1 || list[0].Effect != "users are compared with those of run "+last.ID {
		t.Errorf("acceptances %+v, error %v", list, err)
	}
	m := saw(true, left...)
	m.KeepMembers = 7 * 24 * time.Hour
	recordMoves(t, s, runAt(41*day), m)
	if n := spans(t, s); n != 50 {
		t.Errorf("%d spans are left, want those of 50", n)
	}
}

// TestNamingStartsAnew: plain names and hashes are never compared, and the
// names are gone from the file.
func TestNamingStartsAnew(t *testing.T) {
	s := newStore(t)
	users := crowd(1, 200)
	first := recordMoves(t, s, runAt(0), saw(true, users...))
	for i, names := range []Naming{HashedNames("k1"), HashedNames("k2"), PlainNames()} {
		if c := lost(t, s, names, users...); c != nil {
			t.Errorf("naming %d is compared with another: %+v", i, c)
		}
		recordMoves(t, s, runAt(2*i+1), sawAs(names, true, users...))
		if n := spans(t, s); n != 200 {
			t.Errorf("%d spans under naming %d, want 200", n, i)
		}
		if c := lost(t, s, names, users[1:]...); c == nil || len(c.Vanished) != 1 || c.Hashed != names.hashed() {
			t.Errorf("naming %d: %+v", i, c)
		}
		if file, err := os.ReadFile(s.path); err != nil || bytes.Contains(file, []byte("student-000100")) != !names.hashed() {
			t.Errorf("naming %d: the names are where they should not be, error %v", i, err)
		}
		recordMoves(t, s, runAt(2*i+2), sawAs(names, true, users...))
	}
	d, err := s.Diff(t.Context(), cluster, first.ID, Latest, "")
	if err != nil || d.Complete() {
		t.Fatalf("%+v, error %v", d, err)
	}
	wantError(t, fmt.Errorf("%s", d.Hubs[0].Unknown), "is forgotten", "members.names or its key was changed", "20261120T120500Z-1")
}

// TestTooManyEnded: a hub with a new user for each visitor fills no disk, and
// what is forgotten is not called complete.
func TestTooManyEnded(t *testing.T) {
	s := newStore(t)
	s.keepEnded = 100
	var runs []*verdict.Run
	for minute := range 40 {
		runs = append(runs, recordMoves(t, s, runAt(minute), saw(true, crowd(minute*10+1, 10)...)))
		// The users of the run before are the reference until this run is recorded.
		if n := spans(t, s); n > 100+10 {
			t.Fatalf("%d spans after run %d", n, minute)
		}
	}
	d, err := s.Diff(t.Context(), cluster, runs[35].ID, Latest, "")
	if err != nil || len(d.Hubs[0].Vanished) != 10 || len(d.Hubs[0].Appeared) != 10 || !d.Complete() {
		t.Errorf("%+v, error %v", d, err)
	}
	d, err = s.Diff(t.Context(), cluster, runs[20].ID, Latest, "")
	if err != nil || d.Complete() {
		t.Fatalf("%+v, error %v", d, err)
	}
	wantError(t, fmt.Errorf("%s", d.Hubs[0].Unknown), "members.keep", runs[20].ID, "forgotten")
}

// TestHubIsGone: the people of a hub that is no longer audited are not kept for ever.
func TestHubIsGone(t *testing.T) {
	s := newStore(t)
	s.at(500 * day)
	first := recordMoves(t, s, runAt(0), saw(true, crowd(1, 5)...))
	second := recordMoves(t, s, runAt(1), saw(true, crowd(1, 4)...))
	m := Moves{KeepMembers: 10 * 24 * time.Hour, Views: []View{{Hub: "other", Roll: PlainNames().Roll(crowd(1, 3)), Good: true}}}
	recordMoves(t, s, runAt(11*day), m)
	if n := spans(t, s); n != 3 {
		t.Errorf("%d spans, want those of the other hub", n)
	}
	d, err := s.Diff(t.Context(), cluster, first.ID, second.ID, "")
	if err != nil || d.Complete() {
		t.Fatalf("%+v, error %v", d, err)
	}
	wantError(t, fmt.Errorf("%s", d.Hubs[0].Unknown), "so long", "members.keep")
}

// TestMembersOfClustersAreApart: the same hub's name in two clusters is two hubs.
func TestMembersOfClustersAreApart(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), saw(true, crowd(1, 5)...))
	west := runAt(1)
	west.Cluster = "west"
	recordMoves(t, s, west, saw(true, crowd(1, 2)...))
	if c := lost(t, s, PlainNames(), crowd(1, 5)...); c.Before != 5 {
		t.Errorf("%+v", c)
	}
	_, err := s.Diff(t.Context(), cluster, Latest, west.ID, "")
	wantError(t, err, "no run", west.ID)
}

// TestRecordOfMembersIsAllOrNothing breaks the last step of recording.
func TestRecordOfMembersIsAllOrNothing(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), saw(true, crowd(1, 5)...))
	execute(t, s, "ALTER TABLE sources RENAME TO gone")
	wantError(t, s.Record(t.Context(), runAt(1), saw(true, crowd(3, 5)...)), "record a run in")
	execute(t, s, "ALTER TABLE gone RENAME TO sources")
	if c := lost(t, s, PlainNames(), crowd(1, 5)...); spans(t, s) != 5 || len(c.Vanished)+len(c.Appeared) != 0 {
		t.Errorf("%d spans, %+v", spans(t, s), c)
	}
	if n := count(t, s, "SELECT count(*) FROM views"); n != 1 {
		t.Errorf("%d views", n)
	}
}

// TestViewsCompleteEachOther: the database of an old hub knows ids only, its
// REST API times only.
func TestViewsCompleteEachOther(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), saw(true, facts.User{ID: 7, Name: "alice"}))
	recordMoves(t, s, runAt(1), saw(true, facts.User{ID: -1, Name: "alice", Created: world.Now}))
	recordMoves(t, s, runAt(2), saw(true, facts.User{ID: 7, Name: "alice"}))
	c := lost(t, s, PlainNames())
	diff(t, []facts.Member{{Name: "alice", ID: 7, Created: world.Now}}, c.Vanished)
}

func TestForgottenNamesAreOverwritten(t *testing.T) {
	s := newStore(t)
	if _, file := s.engine.(sqliteFile); !file {
		return
	}
	if n := count(t, s, "PRAGMA secure_delete"); n != 1 {
		t.Errorf("secure_delete is %d", n)
	}
	s.at(100 * day)
	recordMoves(t, s, runAt(0), saw(true, crowd(1, 3000)...))
	for d := 1; d < 4; d++ {
		m := saw(true, crowd(900_000, 1)...)
		m.KeepMembers = 24 * time.Hour
		recordMoves(t, s, runAt(d*day), m)
	}
	file, err := os.ReadFile(s.path)
	if err != nil || bytes.Contains(file, []byte("student-000")) || spans(t, s) != 1 {
		t.Errorf("%d spans are left, or names in the file; error %v", spans(t, s), err)
	}
}
