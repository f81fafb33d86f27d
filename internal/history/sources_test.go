package history

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestRememberedSource follows one source over runs, a minute apart. A letter
// is a run: digits are items read, f failed, a absent, - not part of the run.
func TestRememberedSource(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	at := func(minute int) time.Time { return world.Now.Add(time.Duration(minute) * time.Minute) }
	for _, c := range []struct {
		name, runs string
		want       facts.PastSource
	}{
		{"never read", "f", facts.PastSource{FailedRuns: 1}},
		{"absent from the start", "aa", facts.PastSource{}},
		{"read", "5", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"read again", "57", facts.PastSource{LastOK: at(1), LastItems: 7}},
		{"shrunk", "51", facts.PastSource{LastOK: at(1), LastItems: 1}},
		{"always empty", "00", facts.PastSource{LastOK: at(1)}},
		{"filled", "05", facts.PastSource{LastOK: at(1), LastItems: 5}},
		{"emptied", "50", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"long empty", "5000000", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"empty and filled", "5003", facts.PastSource{LastOK: at(3), LastItems: 3}},
		{"failed", "5ff", facts.PastSource{LastOK: at(0), LastItems: 5, FailedRuns: 2}},
		{"failed and back", "5ff4", facts.PastSource{LastOK: at(3), LastItems: 4}},
		{"failed and empty", "5ff0", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"absent ends the row", "5ffa", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"absent between", "5fafa", facts.PastSource{LastOK: at(0), LastItems: 5}},
		{"not part of a run", "5ff-", facts.PastSource{LastOK: at(0), LastItems: 5, FailedRuns: 2}},
		{"not part, then failed", "5f-f", facts.PastSource{LastOK: at(0), LastItems: 5, FailedRuns: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			for minute, letter := range c.runs {
				run := runAt(minute, judged("a", verdict.Pass))
				run.Sources = source(letter)
				record(t, s, run)
			}
			diff(t, map[string]facts.PastSource{facts.KubeClaims: c.want}, past(t, s).Sources)
		})
	}
}

func source(letter rune) []facts.Source {
	src := facts.Source{Name: facts.KubeClaims}
	switch letter {
	case '-':
		return nil
	case 'f':
		src.Status, src.Cause = facts.Failed, facts.CauseForbidden
	case 'a':
		src.Status = facts.Absent
	default:
		src.Status, src.Items = facts.OK, map[string]int{"claims": int(letter - '0')}
	}
	return []facts.Source{src}
}

// TestHealthyWorldIsRemembered uses the sources as collectors give them.
func TestHealthyWorldIsRemembered(t *testing.T) {
	s := newStore(t)
	run := record(t, s, runAt(0))
	want := map[string]facts.PastSource{}
	for _, src := range run.Sources {
		want[src.Name] = facts.PastSource{LastOK: world.Now, LastItems: src.Total()}
	}
	diff(t, want, past(t, s).Sources)
}
