package history

import (
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestSilences(t *testing.T) {
	s := newStore(t)
	quiet := verdict.Silence{Cluster: cluster, Check: "lh-*", Hub: "*", Subject: "vol-[ab]", Reason: "node is mended", By: "ops",
		At: world.Now.Add(300 * time.Millisecond), Until: world.Now.Add(2 * time.Hour), MatchedAt: world.Now, EndedAt: world.Now}
	one, err := s.Silence(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	quiet.ID, quiet.At, quiet.MatchedAt, quiet.EndedAt = 1, world.Now, time.Time{}, time.Time{}
	diff(t, quiet, one)
	other := quiet
	other.Cluster = "west"
	if _, err := s.Silence(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	two, err := s.Silence(t.Context(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	list := func(all bool) []verdict.Silence {
		t.Helper()
		l, err := s.Silences(t.Context(), cluster, all)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	recordMoves(t, s, runAt(5), Moves{SilencesMatched: []int64{1, 2, 99}}) // 2 is another cluster's
	one.MatchedAt = runAt(5).StartedAt
	diff(t, []verdict.Silence{one, two}, list(false))
	recordMoves(t, s, runAt(4), Moves{SilencesMatched: []int64{3}}) // late
	diff(t, []verdict.Silence{one, two}, list(false))

	wantError(t, s.EndSilence(t.Context(), "west", 1, world.Now), `no silence 1 of cluster "west"`, "audit silence list")
	if err := s.EndSilence(t.Context(), cluster, 1, runAt(6).StartedAt); err != nil {
		t.Fatal(err)
	}
	one.EndedAt = runAt(6).StartedAt
	wantError(t, s.EndSilence(t.Context(), cluster, 1, runAt(7).StartedAt), "was ended at 2026-11-20T12:06:00Z already")
	wantError(t, s.EndSilence(t.Context(), cluster, 3, runAt(121).StartedAt), "ran out at 2026-11-20T14:00:00Z already")
	diff(t, []verdict.Silence{two}, list(false))
	diff(t, []verdict.Silence{one, two}, list(true))

	s.at(401 * day)
	recordMoves(t, s, runAt(400*day+60), Moves{})
	diff(t, []verdict.Silence{one, two}, list(true))
	recordMoves(t, s, runAt(400*day+121), Moves{})
	diff(t, []verdict.Silence(nil), list(true))
}

func TestSilenceRefuses(t *testing.T) {
	s := newStore(t)
	for say, change := range map[string]func(*verdict.Silence){
		"say why with --reason":       func(q *verdict.Silence) { q.Reason = " \n" },
		"before it begins":            func(q *verdict.Silence) { q.Until = q.At },
		`"a[" is no pattern`:          func(q *verdict.Silence) { q.Check = "a[" },
		`"[" is no pattern of a hub`:  func(q *verdict.Silence) { q.Hub = "[" },
		`"\\" is no pattern of a sub`: func(q *verdict.Silence) { q.Subject = `\` },
	} {
		q := verdict.Silence{Cluster: cluster, Check: "a", Hub: "*", Subject: "*", Reason: "r", At: world.Now, Until: world.Now.Add(time.Hour)}
		change(&q)
		_, err := s.Silence(t.Context(), q)
		wantError(t, err, "silence ", say)
	}
	if n := count(t, s, "SELECT count(*) FROM silences"); n != 0 {
		t.Errorf("%d silences were stored", n)
	}
}
