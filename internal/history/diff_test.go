package history

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestDiff(t *testing.T) {
	s := newStore(t)
	first := recordMoves(t, s, runAt(0), saw(true, person("alice", 1, 9), person("bob", 2, 8), person("carol", 3, 7), person("x\x1b[2J\n", 4, 6)))
	second := recordMoves(t, s, runAt(1), saw(true, person("alice", 5, 0), person("robert", 2, 8), person("dave", 6, 0)))
	want := &verdict.Diff{Cluster: cluster, From: verdict.RunRef{ID: first.ID, StartedAt: first.StartedAt}, To: verdict.RunRef{ID: second.ID, StartedAt: second.StartedAt},
		Hubs: []verdict.HubDiff{{Hub: world.HubName, Before: 4, After: 3,
			Vanished:   []facts.Member{asMember(person("carol", 3, 7)), asMember(person("x\x1b[2J\n", 4, 6))},
			Appeared:   []facts.Member{asMember(person("dave", 6, 0))},
			Renamed:    []facts.Renamed{{Was: asMember(person("bob", 2, 8)), Now: asMember(person("robert", 2, 8))}},
			Renumbered: []facts.Renumbered{{Name: "alice", Was: 1, Now: 5, Created: world.Now.AddDate(0, 0, -9), CreatedNow: world.Now}}}}}
	for _, hub := range []string{"", world.HubName} {
		for _, pair := range [][2]string{{first.ID, second.ID}, {"latest~1", "latest"}, {"latest~1", "latest~0"}} {
			got, err := s.Diff(t.Context(), cluster, pair[0], pair[1], hub)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, want, got)
		}
	}
	want.Swapped = true
	got, err := s.Diff(t.Context(), cluster, Latest, first.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	diff(t, want, got)
}

func TestDiffRefuses(t *testing.T) {
	s := newStore(t)
	empty := recordMoves(t, s, runAt(0), Moves{})
	emptier := recordMoves(t, s, runAt(1), Moves{})
	first := recordMoves(t, s, runAt(2), saw(true, crowd(1, 3)...))
	recordMoves(t, s, runAt(3), saw(true, crowd(1, 3)...))
	for name, c := range map[string]struct {
		from, to, hub string
		say           []string
	}{
		"the same twice":  {first.ID, first.ID, "", []string{"both are run " + first.ID, "latest~1..latest"}},
		"no such run":     {"2025", Latest, "", []string{`no run "2025"`, "audit history"}},
		"no such second":  {Latest, "nonsense", "", []string{`no run "nonsense"`}},
		"several":         {"2026", Latest, "", []string{"several runs begin with"}},
		"too far back":    {"latest~4", Latest, "", []string{"does not reach 4 runs back"}},
		"far too far":     {"latest~9999999999", Latest, "", []string{`no run "latest~9999999999"`}},
		"no such hub":     {first.ID, Latest, "datahb", []string{`neither run looked at a hub "datahb"`, `"datahub"`}},
		"nothing at all":  {empty.ID, emptier.ID, "", []string{"neither run", "before 0.2"}},
		"another cluster": {"latest~1", "x", "", []string{`no run "x" of cluster "east"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Diff(t.Context(), cluster, c.from, c.to, c.hub)
			wantError(t, err, c.say...)
		})
	}
}

// TestDiffOfWhatNobodySaw: the reason, and never an empty list.
func TestDiffOfWhatNobodySaw(t *testing.T) {
	s := newStore(t)
	old := recordMoves(t, s, runAt(0), Moves{})
	view := saw(true, crowd(1, 3)...)
	view.Views = append(view.Views, View{Hub: "second", Roll: PlainNames().Roll(crowd(1, 2)), Good: true})
	recordMoves(t, s, runAt(1), view)
	blind := recordMoves(t, s, runAt(2), Moves{Views: []View{{Hub: world.HubName, Why: "source hubdb/datahub is failed: locked"},
		{Hub: "second", Roll: PlainNames().Roll(nil)}}})
	begun := runAt(0)
	begun.StartedAt = begun.StartedAt.Add(30 * time.Second)
	late := recordMoves(t, s, begun, saw(true, crowd(1, 3)...))
	for id, say := range map[string][]string{
		old.ID:   {"run " + old.ID + " did not look at this hub"},
		blind.ID: {"run " + blind.ID + " did not see all users: source hubdb/datahub is failed: locked"},
		late.ID:  {"run " + late.ID + " did not see all users: " + whyOverlap},
	} {
		d, err := s.Diff(t.Context(), cluster, "20261120T120100Z", id, "")
		if err != nil {
			t.Fatal(err)
		}
		if d.Complete() || d.Hubs[0].Hub != world.HubName || d.Hubs[0].Before != 0 {
			t.Errorf("%s: %+v", id, d)
		}
		wantError(t, fmt.Errorf("%s", d.Hubs[0].Unknown), say...)
	}
	d, err := s.Diff(t.Context(), cluster, "20261120T120100Z", blind.ID, "second")
	if err != nil || len(d.Hubs) != 1 || len(d.Hubs[0].Vanished) != 2 || !d.Complete() {
		t.Errorf("the hub that was seen: %+v, error %v", d, err)
	}
}
