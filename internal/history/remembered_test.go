package history

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// TestMembers: everybody who was ever there, and who of them was in the last
// good run.
func TestMembers(t *testing.T) {
	s := newStore(t)
	members := func() Remembered {
		t.Helper()
		all, err := s.Members(t.Context(), cluster, world.HubName)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := members(); len(all.Members) != 0 || !all.LastGood.IsZero() {
		t.Errorf("a new history has %+v", all)
	}
	ann, bob, cat := person("ann", 7, 100), person("bob", 8, 100), person("cat", 9, 50)
	recordMoves(t, s, runAt(0), saw(false, ann, cat))
	if all := members(); !all.LastGood.IsZero() || all.Members[0].Good {
		t.Errorf("without a good run: %+v", all)
	}
	good := recordMoves(t, s, runAt(10), saw(true, ann, bob))
	ann2 := facts.User{Name: "ann", ID: 1, Created: world.Now}
	reset := recordMoves(t, s, runAt(20), saw(false, ann2))
	want := Remembered{LastGood: good.StartedAt, Members: []Remember{
		{Name: "ann", ID: 7, Created: stored(ann.Created), Until: reset.StartedAt, Good: true},
		{Name: "ann", ID: 1, Created: stored(ann2.Created)},
		{Name: "bob", ID: 8, Created: stored(bob.Created), Until: reset.StartedAt, Good: true},
		{Name: "cat", ID: 9, Created: stored(cat.Created), Until: good.StartedAt},
	}}
	if diff := cmp.Diff(want, members(), cmpopts.IgnoreUnexported(Remembered{})); diff != "" {
		t.Error(diff)
	}
	if all, err := s.Members(t.Context(), "other", world.HubName); err != nil || len(all.Members) != 0 {
		t.Errorf("another cluster has %+v, %v", all, err)
	}
	names := HashedNames("a key of at least thirty-two bytes")
	if all := members(); all.Hash(PlainNames()) != nil || all.Hash(names) != nil {
		t.Error("plain names have a hash")
	}
	recordMoves(t, s, runAt(30), sawAs(names, true, ann))
	all := members()
	if !all.Hashed || len(all.Members) != 1 || all.Members[0].Name == "ann" {
		t.Errorf("hashed: %+v", all)
	}
	if hash := all.Hash(names); hash == nil || hash("ann") != all.Members[0].Name || hash("bob") == all.Members[0].Name {
		t.Error("the hashes are not told by their key")
	}
	if all.Hash(HashedNames("another key of thirty-two bytes..")) != nil || all.Hash(PlainNames()) != nil {
		t.Error("another key tells the hashes")
	}
}

func TestExists(t *testing.T) {
	dir := t.TempDir()
	if there, err := Exists(t.Context(), Location{URL: "sqlite:history.db", BaseDir: dir}); there || err != nil {
		t.Errorf("there is %t, %v", there, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "history.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if there, err := Exists(t.Context(), Location{URL: "sqlite:history.db", BaseDir: dir}); !there || err != nil {
		t.Errorf("there is %t, %v", there, err)
	}
	if _, err := Exists(t.Context(), Location{URL: "history.db", BaseDir: dir}); err == nil {
		t.Error("a path is taken for a URL")
	}
}
