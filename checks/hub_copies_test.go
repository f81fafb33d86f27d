package checks

import (
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestBetterCopy: where the live database has lost its users, what still has them
// is named to whoever has to restore it.
func TestBetterCopy(t *testing.T) {
	s := healthy()
	inCopy(func(*facts.Opened, *facts.Snapshot) {})(s)
	users := slices.Clone(hubOf(s).Users)
	world.ResetDatabase(s, world.HubName)
	hubOf(s).Backups[0].Opened.Content.Users = users
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `; copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly, of 2026-11-20 03:00 UTC, still has 10 users: move it to where no retention deletes it`
	told := 0
	for _, v := range Judge(suite, s) {
		if v.Check != "hub-db-reset" && v.Check != "hub-db-corrupt" || v.Outcome != verdict.Fail {
			continue
		}
		told++
		if !strings.Contains(v.Findings[0].Message, want) {
			t.Errorf("%s does not name the copy: %s", v.Check, v.Findings[0].Message)
		}
	}
	if told == 0 {
		t.Error("nothing was told of the reset")
	}
}

// BenchmarkRestoreMismatch compares a copy of 100,000 users with the live
// database.
func BenchmarkRestoreMismatch(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	suite, err := NewSuite(nil, []string{"backup-restore-mismatch"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v := Judge(suite, s)[0]; v.Outcome != verdict.Pass || len(v.Marks) != 1 {
			b.Fatalf("%+v", v)
		}
	}
}

// BenchmarkCoverage tells what is backed up of 100,000 homes.
func BenchmarkCoverage(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	suite, err := NewSuite(nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c := Coverage(suite, s)[0]; c.Current != c.Homes || c.Homes < 100_000 {
			b.Fatalf("%+v", c)
		}
	}
}
