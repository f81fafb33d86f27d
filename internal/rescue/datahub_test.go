package rescue_test

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/rescue"
	"hubaudit/internal/world"
)

// stage is a stage of the accident of 2017, and the hub's users of the day before.
func stage(t testing.TB, name string) (s *facts.Snapshot, before *facts.Hub) {
	t.Helper()
	incident := world.Datahub2017()
	for _, st := range incident.Stages {
		if st.Name == name {
			return st.Snapshot, incident.Stages[0].Snapshot.Hubs[0]
		}
	}
	t.Fatalf("there is no stage %s", name)
	return nil, nil
}

func plan(t testing.TB, s *facts.Snapshot, e rescue.Evidence) *rescue.Plan {
	t.Helper()
	p, err := rescue.New(s, s.Hubs[0], e)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, s, p)
	return p
}

// sound holds what is true of every plan.
func sound(t testing.TB, s *facts.Snapshot, p *rescue.Plan) {
	t.Helper()
	ids, names := map[int64]bool{}, map[string]bool{}
	claims, exist := map[[2]string]string{}, map[[2]string]bool{}
	for _, c := range s.Kube.Claims {
		exist[[2]string{c.Namespace, c.Name}] = true
	}
	for _, u := range p.Users {
		if u.ID < 1 || ids[u.ID] || names[u.Name] || u.Name == "" || len(u.Evidence) == 0 || u.NameFrom == "" || u.IDFrom == "" {
			t.Errorf("user %+v is no row, or a second one", u)
		}
		ids[u.ID], names[u.Name] = true, true
		for _, sv := range u.Servers {
			if sv.Claim == "" {
				continue
			}
			k := [2]string{sv.Namespace, sv.Claim}
			if owner := claims[k]; owner != "" && owner != u.Name {
				t.Errorf("claim %s is %q's and %q's", sv.Claim, owner, u.Name)
			}
			claims[k] = u.Name
			if !exist[k] {
				t.Errorf("there is no claim %s/%s", sv.Namespace, sv.Claim)
			}
		}
	}
	for _, l := range p.LeftOut {
		if owner := claims[[2]string{l.Namespace, l.Claim}]; owner != "" {
			t.Errorf("claim %s is left out and %q's", l.Claim, owner)
		}
		if l.Why == "" {
			t.Errorf("%+v is left out for no reason", l)
		}
	}
}

func users(p *rescue.Plan) map[string]int64 {
	m := map[string]int64{}
	for _, u := range p.Users {
		m[u.Name] = u.ID
	}
	return m
}

// TestDatahubEmptied: from the claims alone everybody comes back under the old
// id but those with a dot, whose names the claims do not tell.
func TestDatahubEmptied(t *testing.T) {
	s, before := stage(t, "database-emptied")
	p := plan(t, s, rescue.Evidence{})
	got := users(p)
	dotted := 0
	for _, u := range before.Users {
		switch id, back := got[u.Name]; {
		case strings.Contains(u.Name, "."):
			dotted++
			if back || got[kubespawner.Lossy(u.Name)] != 0 {
				t.Errorf("%q came back by guessing", u.Name)
			}
		case id != u.ID:
			t.Errorf("%q has the id %d, had %d", u.Name, id, u.ID)
		}
	}
	if dotted != 125 || len(p.Users) != 875 || len(p.LeftOut) != 125 || p.Undecided() != 125 {
		t.Errorf("%d users with a dot, %d are back, %d claims left out, %d undecided", dotted, len(p.Users), len(p.LeftOut), p.Undecided())
	}
	for _, l := range p.LeftOut {
		if !strings.Contains(l.Why, "hyphen") || len(l.Candidates) != 3 || !strings.Contains(l.Candidates[1], ".") {
			t.Errorf("left out: %+v", l)
		}
	}
	for _, u := range p.Users {
		if len(u.Servers) != 1 || u.Servers[0].Claim != kubespawner.LossyClaim(u.Name, u.ID) || u.Admin {
			t.Fatalf("%+v", u)
		}
	}
}

// TestDatahubFromABackup: with the copy of the night everybody is back.
func TestDatahubFromABackup(t *testing.T) {
	for _, name := range []string{"database-emptied", "hub-restarted", "users-rebuilt", "cookies-mended"} {
		s, before := stage(t, name)
		p := plan(t, s, rescue.Evidence{Backups: []rescue.Backup{{Name: "nightly", Hub: before}}})
		got := users(p)
		for _, u := range before.Users {
			if got[u.Name] != u.ID {
				t.Errorf("%s: %q has the id %d, had %d", name, u.Name, got[u.Name], u.ID)
			}
		}
		if len(p.Users) != 1000 {
			t.Errorf("%s: %d users", name, len(p.Users))
		}
		for _, u := range p.Users {
			if len(u.Servers) != 1 || u.Servers[0].Claim != kubespawner.LossyClaim(u.Name, u.ID) || u.Admin != (u.ID == 1) {
				t.Fatalf("%s: %+v", name, u)
			}
		}
	}
}

// TestDatahubFromTheHistory: its memory of names and ids does as well.
func TestDatahubFromTheHistory(t *testing.T) {
	s, before := stage(t, "hub-restarted")
	e := rescue.Evidence{LastGood: s.Now.Add(-1e13)}
	for _, u := range before.Users {
		e.Members = append(e.Members, rescue.Member{Name: u.Name, ID: u.ID, Good: true})
	}
	p := plan(t, s, e)
	if len(p.Users) != 1000 || len(p.LeftOut) != 50 {
		t.Errorf("%d users, %d left out", len(p.Users), len(p.LeftOut))
	}
	e.MembersHashed = true
	if p := plan(t, s, e); len(p.Users) != 850 || !strings.Contains(strings.Join(p.Notes, " "), "does not have the key") {
		t.Errorf("%d users from hashes without their key, notes %q", len(p.Users), p.Notes)
	}
}

// TestDatahubRestarted: those who came back since have two claims with two ids
// each, which is for the operator to decide; a proposal names the older one.
func TestDatahubRestarted(t *testing.T) {
	s, before := stage(t, "hub-restarted")
	p := plan(t, s, rescue.Evidence{})
	got := users(p)
	for _, u := range before.Users {
		if id := got[u.Name]; id != 0 && id != u.ID {
			t.Errorf("%q has the id %d, had %d", u.Name, id, u.ID)
		}
	}
	// 25 of the 50 have a dot: their new accounts tell the names of the old claims.
	if len(p.Users) != 850 || len(p.LeftOut) != 200 {
		t.Errorf("%d users, %d claims left out", len(p.Users), len(p.LeftOut))
	}
	twice, proposed := 0, &rescue.Mapping{}
	for _, l := range p.LeftOut {
		if !strings.Contains(l.Why, "several ids") {
			continue
		}
		twice++
		if l.Proposal == nil {
			t.Errorf("no proposal: %+v", l)
			continue
		}
		proposed.Decisions = append(proposed.Decisions, *l.Proposal)
	}
	if twice != 100 {
		t.Errorf("%d claims of users with two", twice)
	}
	// What is proposed is right, and settles them.
	p = plan(t, s, rescue.Evidence{Mapping: proposed})
	if len(p.Users) != 900 || p.Undecided() != 100 {
		t.Errorf("with the proposal: %d users, %d undecided", len(p.Users), p.Undecided())
	}
	got = users(p)
	for _, u := range before.Users {
		if id := got[u.Name]; id != 0 && id != u.ID {
			t.Errorf("with the proposal: %q has the id %d, had %d", u.Name, id, u.ID)
		}
	}
}
