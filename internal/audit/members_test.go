package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestUnseen: only a run that saw all users of a hub says who they are.
func TestUnseen(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot, h *facts.Hub)
		want   string
	}{
		"all":       {func(*facts.Snapshot, *facts.Hub) {}, ""},
		"no rows":   {func(_ *facts.Snapshot, h *facts.Hub) { h.Users = nil }, ""},
		"emptied":   {func(s *facts.Snapshot, h *facts.Hub) { world.WipeDatabase(s, h.Name) }, ""},
		"partial":   {func(_ *facts.Snapshot, h *facts.Hub) { h.UsersRead = facts.Partial }, "only in part from hubdb/datahub"},
		"none":      {func(_ *facts.Snapshot, h *facts.Hub) { h.UsersRead = facts.None }, "no users could be read"},
		"not told":  {func(_ *facts.Snapshot, h *facts.Hub) { h.UsersRead = "" }, "no users could be read"},
		"no source": {func(_ *facts.Snapshot, h *facts.Hub) { h.UsersFrom = "hubapi/gone" }, "hubapi/gone is absent"},
		"failed": {func(s *facts.Snapshot, _ *facts.Hub) {
			world.Fail(s, facts.HubDB(world.HubName), facts.CauseTimeout, "locked")
		},
			"source hubdb/datahub is failed: locked"},
		"REST instead": {func(s *facts.Snapshot, h *facts.Hub) {
			world.ServeAPI(s, world.HubName)
			world.Fail(s, facts.HubDB(world.HubName), facts.CauseTimeout, "locked")
			h.UsersFrom = facts.HubAPI(world.HubName)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			c.change(s, s.Hubs[0])
			got := unseen(s, s.Hubs[0])
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if view := look(s, history.PlainNames(), nil)[0]; (view.Roll == nil) != (c.want != "") || view.Why != got {
				t.Errorf("view %+v", view)
			}
		})
	}
}

func TestNaming(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "short"), []byte("0123456789abcde"), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(members string) *config.Config {
		cfg, err := config.Parse(filepath.Join(dir, "hubaudit.yaml"), []byte("hubs: [{name: a}]\nmembers: "+members), nil, os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	s := world.Healthy(world.Small)
	names, err := naming(parse("{}"))
	if views := look(s, names, err); err != nil || views[0].Roll == nil {
		t.Errorf("plain names: %v", err)
	}
	names, err = naming(parse("{names: hashed, keyFile: key}"))
	if views := look(s, names, err); err != nil || views[0].Roll == nil {
		t.Errorf("hashed names: %v", err)
	}
	if _, err := naming(parse("{names: hashed, keyFile: short}")); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("with a short key: %v", err)
	}
	// Without its key nobody is named: neither by name nor under another key.
	names, err = naming(parse("{names: hashed, keyFile: gone}"))
	if err == nil || !strings.Contains(err.Error(), "members.keyFile") {
		t.Errorf("without a key file: %v", err)
	}
	if views := look(s, names, err); views[0].Roll != nil || !strings.Contains(views[0].Why, "members.keyFile") {
		t.Errorf("without a key file the view is %+v", views[0])
	}
}

// TestCompare goes once around: record, remember, compare.
func TestCompare(t *testing.T) {
	store, err := history.Open(t.Context(), history.Location{URL: "sqlite:" + filepath.Join(t.TempDir(), "h.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := world.Healthy(world.Small)
	views := look(s, history.PlainNames(), nil)
	run := &verdict.Run{StartedAt: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Verdicts: []verdict.Verdict{
		v(drift, world.HubName, verdict.Pass, 10), v(ids, world.HubName, verdict.Pass)}}
	if err := store.Record(t.Context(), run, latch(run, views)); err != nil {
		t.Fatal(err)
	}
	known, err := store.References(t.Context(), "", []string{world.HubName, "never seen"})
	if err != nil {
		t.Fatal(err)
	}
	s.Hubs[0].Users = s.Hubs[0].Users[1:]
	var past facts.Past
	if notes := compare(&past, known, look(s, history.PlainNames(), nil)); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	c := past.Changes[world.HubName]
	if c == nil || c.Run != run.ID || c.Before != 10 || len(c.Vanished) != 1 || c.Vanished[0].Name != "student-0001" {
		t.Errorf("changes %+v", c)
	}
	notes := compare(&past, known, look(s, history.HashedNames("k"), nil))
	if len(notes) != 1 || !strings.Contains(notes[0], "remembered anew") || past.Changes[world.HubName] != nil {
		t.Errorf("under another naming: notes %q, changes %+v", notes, past.Changes)
	}
	s.Hubs[0].UsersRead = facts.Partial
	if notes := compare(&past, known, look(s, history.PlainNames(), nil)); len(notes) != 0 || len(past.Changes) != 0 {
		t.Errorf("users read in part: notes %q, changes %+v", notes, past.Changes)
	}
}
