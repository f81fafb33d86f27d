package history

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func drift(hub string) Acceptance {
	return Acceptance{Cluster: cluster, Hub: hub, Check: checkUserDrift, Reason: "end of term", By: "ann", At: world.Now.Add(time.Hour)}
}

func missing() Acceptance {
	return Acceptance{Cluster: cluster, Check: checkInputMissing, Reason: "Longhorn removed", By: "ann", At: world.Now.Add(time.Hour)}
}

func TestAcceptMovesTheBaseline(t *testing.T) {
	s := newStore(t)
	for minute := range 8 {
		record(t, s, runAt(minute, counted(verdict.Pass, 1000)), users)
	}
	record(t, s, runAt(8, counted(verdict.Fail, 612)))
	record(t, s, runAt(9, judged(checkUserDrift, verdict.Unknown))) // measured nothing
	if err := s.Accept(t.Context(), drift(world.HubName)); err != nil {
		t.Fatal(err)
	}
	measured := world.Now.Add(8 * time.Minute)
	diff(t, facts.Baseline{Value: 612, Runs: 1, Since: measured, Until: measured, High: 612, HighAt: measured}, past(t, s).Baselines[users])
	record(t, s, runAt(10, counted(verdict.Pass, 614)), users)
	last := world.Now.Add(10 * time.Minute)
	diff(t, facts.Baseline{Value: 613, Runs: 2, Since: measured, Until: last, High: 614, HighAt: last}, past(t, s).Baselines[users])

	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	want := drift(world.HubName)
	want.Effect = "normal number of users: was 1000, is 612"
	diff(t, []Acceptance{want}, list)
}

func TestAcceptTheFirstValue(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0, counted(verdict.Fail, 0)))
	if err := s.Accept(t.Context(), drift(world.HubName)); err != nil {
		t.Fatal(err)
	}
	if b := past(t, s).Baselines[users]; b.Value != 0 || b.Runs != 1 {
		t.Errorf("baseline %+v", b)
	}
}

// TestAcceptMissing: only what is missing is forgotten, so that a source that
// goes missing next is still missed.
func TestAcceptMissing(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0))
	run := runAt(1)
	snapshot := &facts.Snapshot{Sources: run.Sources}
	world.Fail(snapshot, facts.KubeNodes, facts.CauseForbidden, "may not")
	for i := range run.Sources {
		switch run.Sources[i].Name {
		case facts.KubePods:
			run.Sources[i].Items = map[string]int{"pods": 0}
		case facts.LonghornNodes:
			run.Sources[i].Status = facts.Absent
		case facts.LonghornVolumes:
			run.Sources[i].Name = "something new"
		}
	}
	record(t, s, run)
	if err := s.Accept(t.Context(), missing()); err != nil {
		t.Fatal(err)
	}
	left := past(t, s).Sources
	for _, name := range []string{facts.KubeNodes, facts.KubePods, facts.LonghornNodes, facts.LonghornVolumes} {
		if _, ok := left[name]; ok {
			t.Errorf("%s is still missed", name)
		}
	}
	for _, name := range []string{facts.KubeClaims, facts.HubDB(world.HubName), facts.KubeJobs, "something new"} {
		if left[name].LastOK.IsZero() {
			t.Errorf("%s is forgotten too", name)
		}
	}
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "no longer missed: kube/nodes, kube/pods, longhorn/nodes, longhorn/volumes", list[0].Effect)
	wantError(t, s.Accept(t.Context(), missing()), "no source that worked before is missing")
}

func TestAcceptRefuses(t *testing.T) {
	unmeasured := func(t *testing.T, s *Store) { record(t, s, runAt(0, judged(checkUserDrift, verdict.Unknown))) }
	noReason := drift(world.HubName)
	noReason.Reason = " \n"
	other := drift(world.HubName)
	other.Check = "pvc-lost"
	withHub := missing()
	withHub.Hub = world.HubName
	for name, c := range map[string]struct {
		prepare func(*testing.T, *Store)
		accept  Acceptance
		say     []string
	}{
		"no run, drift":     {nil, drift(world.HubName), []string{checkUserDrift, "no run", "audit now"}},
		"no run, missing":   {nil, missing(), []string{checkInputMissing, "no run", "audit now"}},
		"never measured":    {unmeasured, drift(world.HubName), []string{`no run has measured anything of hub "datahub"`, "audit now"}},
		"unknown hub":       {unmeasured, drift("datahb"), []string{`no run has seen a hub "datahb"`, `those seen are "datahub"`}},
		"no hub":            {unmeasured, drift(""), []string{"no run has measured anything that it compares with"}},
		"nothing missing":   {unmeasured, missing(), []string{"no source that worked before is missing"}},
		"missing, of a hub": {unmeasured, withHub, []string{"leave out --hub"}},
		"another check":     {unmeasured, other, []string{"pvc-lost", "no run has measured anything"}},
		"no reason":         {unmeasured, noReason, []string{"--reason"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if c.prepare != nil {
				c.prepare(t, s)
			}
			before := past(t, s)
			wantError(t, s.Accept(t.Context(), c.accept), c.say...)
			diff(t, before, past(t, s))
			if list, err := s.Acceptances(t.Context(), cluster); err != nil || len(list) != 0 {
				t.Errorf("acceptances %v, error %v", list, err)
			}
		})
	}
}
