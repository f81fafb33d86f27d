package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func coverageAfter(t *testing.T, change func(*facts.Snapshot)) verdict.Coverage {
	t.Helper()
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := healthy()
	change(s)
	all := Coverage(suite, s)
	if len(all) != len(s.Hubs) || all[0].Hub != world.HubName {
		t.Fatalf("the coverage of %d hubs: %+v", len(s.Hubs), all)
	}
	return all[0]
}

func TestCoverage(t *testing.T) {
	copyAt := time.Date(2026, 11, 20, 3, 0, 12, 0, time.UTC)
	want := verdict.Coverage{Hub: world.HubName, Homes: 11, Current: 11, Oldest: "claim-student-0001", OldestAt: time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC),
		Database: []verdict.DatabaseBackup{{Name: "nightly", Location: "backups/jupyterhub-*.sqlite.gz", Good: "jupyterhub-2026-11-20.sqlite.gz", GoodAt: copyAt,
			Tested: "jupyterhub-2026-11-20.sqlite.gz", TestedAt: world.Now.Add(-time.Hour), Level: facts.VerifyOpen}}}
	if diff := cmp.Diff(want, coverageAfter(t, func(*facts.Snapshot) {})); diff != "" {
		t.Error(diff)
	}
}

// TestCoverageOfHomes: each home is counted once, and the oldest is named.
func TestCoverageOfHomes(t *testing.T) {
	got := coverageAfter(t, func(s *facts.Snapshot) {
		world.LastBackup(s, volumeOf(s, "claim-student-0002"), time.Time{})
		world.LastBackup(s, volumeOf(s, "claim-student-0005"), s.Now.AddDate(0, 0, -20))
	})
	if got.Homes != 11 || got.Current != 9 || got.Old != 1 || got.None != 1 || got.Oldest != "claim-student-0005" || !got.OldestAt.Equal(world.Now.AddDate(0, 0, -20)) {
		t.Errorf("%+v", got)
	}
}

// TestCoverageUnknown: without a source it does not say that there is nothing.
func TestCoverageUnknown(t *testing.T) {
	got := coverageAfter(t, failed(facts.LonghornBackups))
	if got.Unknown != "source longhorn/backups could not be read: gave up after 30s" || got.Homes != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCoverageOfTheDatabase(t *testing.T) {
	const name = "jupyterhub-2026-11-20.sqlite.gz"
	for what, c := range map[string]struct {
		change                func(*facts.Snapshot)
		good, tested, trouble string
	}{
		"opened by this run":  {inCopy(func(*facts.Opened, *facts.Snapshot) {}), name, name, ""},
		"torn":                {faultyCopy(facts.CopyTorn, ""), "jupyterhub-2026-11-19.sqlite.gz", "", theCopy + "is torn: " + faultMeans[facts.CopyTorn]},
		"torn, tested before": {inTurn(faultyCopy(facts.CopyEmpty, ""), testedDaysAgo(2)), "jupyterhub-2026-11-19.sqlite.gz", "x", theCopy + "is empty: " + faultMeans[facts.CopyEmpty]},
		"nothing is there":    {func(s *facts.Snapshot) { hubOf(s).Backups[0].Copies, hubOf(s).Backups[0].Opened = nil, nil }, "", "", "nothing is there"},
		"not to be opened": {func(s *facts.Snapshot) {
			hubOf(s).Backups[0].Verify, hubOf(s).Backups[0].Opened = facts.VerifyNone, nil
		}, name, "", "backup nightly is configured with verify: none"},
		"too old":           {inBackup(aged(30 * time.Hour)), name, name, "too old: one of the run that was due at 2026-11-20 03:00 UTC is expected"},
		"could not be read": {failed(nightly), name, "", "source backup/datahub/nightly could not be read"},
		"lacks a user": {inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
			o.Content.Users, o.Content.Spawners = o.Content.Users[1:], o.Content.Spawners[1:]
		}), name, "",
			theCopy + `lacks 1 user who was there when it was made ("student-0001"), all of them are expected in it`},
	} {
		t.Run(what, func(t *testing.T) {
			d := coverageAfter(t, c.change).Database[0]
			if d.Good != c.good || d.Tested != c.tested || d.Trouble != c.trouble || d.Unread != strings.Contains(c.trouble, "could not be read") || d.Good == "" != d.GoodAt.IsZero() || d.Tested == "" != d.TestedAt.IsZero() {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestJudgeAndCover: that the copies of a database and what homes held before are
// forgotten on the way changes no verdict and no coverage.
func TestJudgeAndCover(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*facts.Snapshot){
		"healthy": func(*facts.Snapshot) {},
		"reset":   forget(func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName, "student-0003", "student-0007") }),
		"corrupt": func(s *facts.Snapshot) {
			hubOf(s).Users, hubOf(s).Database.Damage = nil, []facts.Damage{{Kind: facts.DamageNoTables, Message: "it has no tables"}}
		},
		"emptied":        shrunk("claim-student-0001", 35<<20),
		"torn":           faultyCopy(facts.CopyTorn, ""),
		"a user missing": inCopy(func(o *facts.Opened, _ *facts.Snapshot) { o.Content.Users = o.Content.Users[1:] }),
	} {
		t.Run(name, func(t *testing.T) {
			whole, taken := healthy(), healthy()
			change(whole)
			change(taken)
			if diff := cmp.Diff(Coverage(suite, whole), Coverage(suite, taken)); diff != "" {
				t.Fatal(diff)
			}
			verdicts, coverage := JudgeAndCover(suite, taken)
			if diff := cmp.Diff(Judge(suite, whole), verdicts); diff != "" {
				t.Errorf("verdicts (-kept +forgotten):\n%s", diff)
			}
			if diff := cmp.Diff(Coverage(suite, whole), coverage); diff != "" {
				t.Errorf("coverage (-kept +forgotten):\n%s", diff)
			}
			if o := hubOf(taken).Backups[0].Opened; o == nil || o.Content != nil {
				t.Errorf("of the copy is left %+v", o)
			}
			if n := len(taken.Past.Sizes); n > 0 {
				t.Errorf("what %d homes held before is left", n)
			}
		})
	}
}
