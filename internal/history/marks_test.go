package history

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

var claim = facts.SeriesKey{Hub: world.HubName, Name: facts.MarkHubClaim}

// marked is a run of the check that notes the hub's claim and volume.
func marked(minute int, outcome verdict.Outcome, claim, volume string) *verdict.Run {
	v := judged("hub-db-pvc-replaced", outcome)
	v.Marks = map[string]string{facts.MarkHubClaim: claim, facts.MarkHubVolume: volume}
	return runAt(minute, v)
}

func goodMarks() Moves {
	return Moves{Good: map[facts.SeriesKey]bool{claim: true, {Hub: world.HubName, Name: facts.MarkHubVolume}: true}}
}

func TestMarksAreLatched(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, marked(0, verdict.Fail, "bad", "bad"), Moves{})
	if m := past(t, s).Marks; len(m) != 0 {
		t.Errorf("a first run that was not good made %v normal", m)
	}
	recordMoves(t, s, marked(1, verdict.Pass, "c1", ""), goodMarks())
	recordMoves(t, s, marked(2, verdict.Pass, "c1", ""), goodMarks())
	at := func(minute int) time.Time { return world.Now.Add(time.Duration(minute) * time.Minute) }
	want := facts.Mark{Value: "c1", Since: at(1), Until: at(2)}
	diff(t, want, past(t, s).Marks[claim])
	if m, ok := past(t, s).Marks[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkHubVolume}]; !ok || m.Value != "" {
		t.Errorf("an empty text is %+v, %v", m, ok)
	}
	for minute := 3; minute < 20; minute++ {
		recordMoves(t, s, marked(minute, verdict.Fail, "c2", "v2"), Moves{})
		recordMoves(t, s, marked(1, verdict.Pass, "older", "older"), goodMarks())
		diff(t, want, past(t, s).Marks[claim])
	}
	recordMoves(t, s, runAt(20, judged("hub-db-pvc-replaced", verdict.Unknown)), Moves{})
	a := Acceptance{Cluster: cluster, Hub: world.HubName, Check: "hub-db-pvc-replaced", Reason: "moved to other storage", By: "ann", At: at(21)}
	if err := s.Accept(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	diff(t, facts.Mark{Value: "c2", Since: at(19), Until: at(19)}, past(t, s).Marks[claim])
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	a.Effect = `normal hubClaim: was "c1", is "c2"; normal hubVolume: was "", is "v2"`
	diff(t, []Acceptance{a}, list)
}

// TestAcceptDrill: a restore that a person did is noted with its time, also before
// the first run, and again.
func TestAcceptDrill(t *testing.T) {
	s := newStore(t)
	drill := facts.SeriesKey{Hub: world.HubName, Name: facts.MarkDrill}
	for day := range 2 {
		at := world.Now.AddDate(0, 0, day)
		a := Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUntested, Reason: "restored claim-a", By: "ann", At: at}
		if err := s.Accept(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		diff(t, facts.Mark{Value: "restored by hand, accepted by ann", Since: at, Until: at}, past(t, s).Marks[drill])
	}
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "last restore drill: was 2026-11-20T12:00:00Z, is 2026-11-21T12:00:00Z", list[0].Effect)
	wantError(t, s.Accept(t.Context(), Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUntested, Reason: " "}), "say why")
}

// TestProofsAreKept: a copy that was tested good stays noted while its check
// fails for another, and no copy is noted that nothing marked.
func TestProofsAreKept(t *testing.T) {
	s := newStore(t)
	key := func(name string) facts.SeriesKey {
		return facts.SeriesKey{Hub: world.HubName, Name: facts.MarkTested + name}
	}
	tested := func(minute int, outcome verdict.Outcome, marks map[string]string) {
		v := judged("backup-restore-mismatch", outcome)
		v.Marks = map[string]string{}
		moves := Moves{Good: map[facts.SeriesKey]bool{}}
		for name, id := range marks {
			v.Marks[facts.MarkTested+name], moves.Good[key(name)] = id, true
		}
		recordMoves(t, s, runAt(minute, v), moves)
	}
	at := func(minute int) time.Time { return world.Now.Add(time.Duration(minute) * time.Minute) }
	tested(0, verdict.Pass, map[string]string{"a": "a1", "b": "b1"})
	tested(1, verdict.Fail, map[string]string{"b": "b2"}) // a2 is torn
	tested(2, verdict.Pass, nil)                          // both are known from before, nothing was opened
	tested(3, verdict.Unknown, map[string]string{"b": "b2"})
	diff(t, facts.Mark{Value: "a1", Since: at(0), Until: at(0)}, past(t, s).Marks[key("a")])
	diff(t, facts.Mark{Value: "b2", Since: at(1), Until: at(3)}, past(t, s).Marks[key("b")])
}

// TestAcceptMovesTheLastVerdict: the volume of a claim that is gone by now was
// of an earlier verdict.
func TestAcceptMovesTheLastVerdict(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, marked(0, verdict.Pass, "c1", "v1"), goodMarks())
	recordMoves(t, s, marked(1, verdict.Fail, "c2", "v2"), Moves{})
	gone := marked(2, verdict.Fail, facts.MarkNone, "")
	delete(gone.Verdicts[0].Marks, facts.MarkHubVolume)
	recordMoves(t, s, gone, Moves{})
	if err := s.Accept(t.Context(), Acceptance{Cluster: cluster, Hub: world.HubName, Check: "hub-db-pvc-replaced", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	p := past(t, s).Marks
	if p[claim].Value != facts.MarkNone || p[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkHubVolume}].Value != "v1" {
		t.Errorf("marks %+v", p)
	}
}

// TestAcceptMovesOnlyItsCheck: neither another check of the hub nor another hub.
func TestAcceptMovesOnlyItsCheck(t *testing.T) {
	s := newStore(t)
	both := func(minute int, n float64, uid string, outcome verdict.Outcome) *verdict.Run {
		run := marked(minute, outcome, uid, uid)
		run.Verdicts = append(run.Verdicts, counted(outcome, n))
		return run
	}
	moves := goodMarks()
	moves.Good[users] = true
	recordMoves(t, s, both(0, 100, "c1", verdict.Pass), moves)
	recordMoves(t, s, both(1, 5, "c2", verdict.Fail), Moves{})
	if err := s.Accept(t.Context(), drift(world.HubName)); err != nil {
		t.Fatal(err)
	}
	p := past(t, s)
	if p.Baselines[users].Value != 5 || p.Marks[claim].Value != "c1" {
		t.Errorf("after accepting the drift: %+v and %+v", p.Baselines[users], p.Marks[claim])
	}
}

// rebased is a run of a hub that a window lets shrink.
func rebased(minute int, n float64, reason string) (*verdict.Run, Moves) {
	return runAt(minute, counted(verdict.Pass, n)), Moves{Good: map[facts.SeriesKey]bool{users: true},
		Rebase: map[facts.SeriesKey]Rebase{users: {Check: checkUserDrift, Reason: reason}}}
}

// TestRebase: inside a window the value of now is normal at once, and each
// window is one acceptance, however many steps it takes.
func TestRebase(t *testing.T) {
	s := newStore(t)
	for minute := range 8 {
		record(t, s, runAt(minute, counted(verdict.Pass, 1000)), users)
	}
	steps := []struct {
		n       float64
		reason  string
		entries int
		effect  string
	}{
		{1000, "term 1", 0, ""}, // nothing to change
		{900, "term 1", 1, "normal number of users: was 1000, is 900"},
		{900, "term 1", 1, "normal number of users: was 1000, is 900"},
		{612, "term 1", 1, "normal number of users: was 1000, is 612"},
		{600, "term 2", 2, "normal number of users: was 612, is 600"},
	}
	for i, step := range steps {
		run, moves := rebased(10+i, step.n, step.reason)
		recordMoves(t, s, run, moves)
		if b := past(t, s).Baselines[users]; b.Value != step.n || step.entries > 0 && b.High > 900 {
			t.Errorf("step %d: baseline %+v", i, b)
		}
		list, err := s.Acceptances(t.Context(), cluster)
		if err != nil || len(list) != step.entries {
			t.Fatalf("step %d: acceptances %+v, error %v", i, list, err)
		}
		if step.entries > 0 {
			want := Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUserDrift, Reason: step.reason, By: "configuration", At: list[0].At, Effect: step.effect}
			diff(t, want, list[0])
		}
	}
	late, moves := rebased(0, 5, "term 2")
	recordMoves(t, s, late, moves)
	if b := past(t, s).Baselines[users]; b.Value != 600 {
		t.Errorf("an older run moved the baseline: %+v", b)
	}
}

// TestRebaseOfMark: what a window lets change is normal at once.
func TestRebaseOfMark(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, marked(0, verdict.Pass, "c1", "v1"), goodMarks())
	recordMoves(t, s, marked(1, verdict.Fail, "c2", "v2"), Moves{Rebase: map[facts.SeriesKey]Rebase{claim: {Check: "hub-db-pvc-replaced", Reason: "migration"}}})
	p := past(t, s)
	if p.Marks[claim].Value != "c2" || p.Marks[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkHubVolume}].Value != "v1" {
		t.Errorf("marks %+v", p.Marks)
	}
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil || len(list) != 1 || list[0].Effect != `normal hubClaim: was "c1", is "c2"` {
		t.Errorf("acceptances %+v, error %v", list, err)
	}
}

// TestHigh is about the highest good value of the last 30 days.
func TestHigh(t *testing.T) {
	s := newStore(t)
	s.at(100 * day)
	add := func(d int, n float64, good bool) {
		m := Moves{}
		if good {
			m.Good = map[facts.SeriesKey]bool{users: true}
		}
		recordMoves(t, s, runAt(d*day, counted(verdict.Pass, n)), m)
	}
	for d, n := range []float64{1000, 1010, 990, 980, 1010, 970} {
		add(d, n, true)
	}
	add(6, 5000, false)
	record(t, s, runAt(6*day-1, counted(verdict.Pass, 7000)), users) // older than the one before
	high := func(d int) (float64, int) {
		p, err := s.Past(t.Context(), cluster, world.Now.AddDate(0, 0, d))
		if err != nil {
			t.Fatal(err)
		}
		b := p.Baselines[users]
		return b.High, int(b.HighAt.Sub(world.Now).Hours() / 24)
	}
	for _, c := range []struct {
		at    int
		value float64
		on    int
	}{{6, 1010, 4}, {34, 1010, 4}, {35, 970, 5}, {3, 1010, 1}} {
		if v, on := high(c.at); v != c.value || on != c.on {
			t.Errorf("on day %d: %v of day %d, want %v of day %d", c.at, v, on, c.value, c.on)
		}
	}
	if v, _ := high(36); v != 0 {
		t.Errorf("older than 30 days: %v", v)
	}
	add(7, 600, false)
	if err := s.Accept(t.Context(), drift(world.HubName)); err != nil {
		t.Fatal(err)
	}
	add(8, 590, true)
	if v, on := high(9); v != 600 || on != 7 {
		t.Errorf("after the acceptance: %v of day %d", v, on)
	}
}
