package main

import (
	"path/filepath"
	"slices"
	"testing"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// ofRows are the checks of what a rescue writes into rows: whatever was left to
// rescue from, they must hold on the result.
var ofRows = []string{"hub-cookie-constraint-missing", "hub-cookie-id-null", "hub-cookie-id-duplicate", "hub-cookie-id-handmade", "hub-db-corrupt",
	"hub-spawner-duplicate", "hub-spawner-state-broken", "hub-spawner-server-wrong", "hub-time-impossible", "hub-user-name-refused", "pvc-state-missing-claim", "pvc-misrouted"}

// TestNothingToSayOfTheResult: no check finds fault with what the rescue itself
// wrote, and a clean-up of idle users or servers finds nobody: everybody was
// active at the rescue, and no server runs.
func TestNothingToSayOfTheResult(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	datahub, aged := world.Datahub2017(), world.Aged()
	emptied := world.Aged()
	world.WipeDatabase(emptied, emptied.Hubs[0].Name)
	before := datahub.Stages[0].Snapshot.Hubs[0]
	for name, c := range map[string]struct {
		lost *facts.Snapshot
		e    rescue.Evidence
	}{
		"2017, from claims":         {datahub.Stages[1].Snapshot, rescue.Evidence{}},
		"2017, by a rule":           {datahub.Stages[1].Snapshot, rescue.Evidence{Mapping: &rescue.Mapping{Rules: []rescue.HyphenRule{{Claims: "claim-*", Hyphen: "."}}}}},
		"2017, from a backup":       {datahub.Stages[1].Snapshot, rescue.Evidence{Backups: []rescue.Backup{{Name: "b", Hub: before}}}},
		"2017, after the restart":   {datahub.Stages[2].Snapshot, rescue.Evidence{}},
		"2017, broken rows":         {datahub.Stages[4].Snapshot, rescue.Evidence{}},
		"five charts, from claims":  {emptied, rescue.Evidence{}},
		"five charts, from a copy":  {emptied, rescue.Evidence{Backups: []rescue.Backup{{Name: "b", Hub: aged.Hubs[0]}}}},
		"five charts, nothing lost": {aged, rescue.Evidence{}},
	} {
		t.Run(name, func(t *testing.T) {
			hub := c.lost.Hubs[0]
			plan, err := rescue.New(c.lost, hub, c.e)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			into, out := filepath.Join(dir, "fresh.sqlite"), filepath.Join(dir, "rescued.sqlite")
			if err := world.WriteDatabase(into, &facts.Hub{Database: facts.Database{Engine: "sqlite", CookieUnique: true, CookieNotNull: true, NameUnique: true}}, world.CurrentSchema); err != nil {
				t.Fatal(err)
			}
			if _, err := rescue.WriteSQLite(t.Context(), into, out, plan); err != nil {
				t.Fatal(err)
			}
			rescued, err := readBack(t.Context(), out)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range audit.VerifyRescue(suite, c.lost, hub.Name, rescued) {
				if slices.Contains(ofRows, v.Check) && v.Outcome != verdict.Pass && v.Outcome != verdict.Skipped {
					t.Errorf("%s: %s: %s", v.Check, v.Outcome, v.Summary)
				}
			}
			for _, u := range rescued.Users {
				if !u.LastActivity.Equal(c.lost.Now) || u.Created.After(c.lost.Now) {
					t.Errorf("%q was made %s and last active %s, want %s", u.Name, u.Created, u.LastActivity, c.lost.Now)
				}
			}
			for _, s := range rescued.Spawners {
				if s.ServerID != 0 || !s.Started.IsZero() {
					t.Errorf("server %q of user %d runs: %+v", s.Name, s.UserID, s)
				}
			}
			if len(rescued.Users) == 0 || len(rescued.Servers) > 0 {
				t.Errorf("%d users, %d running servers", len(rescued.Users), len(rescued.Servers))
			}
		})
	}
}
