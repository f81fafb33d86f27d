package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupUntested(t *testing.T) { testCheck(t, backupUntestedCases) }

// drilled makes the last restore by hand one of so many days ago; none if that is
// negative.
func drilled(days int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		key := facts.SeriesKey{Hub: world.HubName, Name: facts.MarkDrill}
		if days < 0 {
			delete(s.Past.Marks, key)
			return
		}
		at := s.Now.AddDate(0, 0, -days)
		s.Past.Marks[key] = facts.Mark{Value: "restored by hand", Since: at, Until: at}
	}
}

// unopened has nothing of the newest copy opened, for this reason.
func unopened(reason string) func(*facts.Snapshot) {
	return inCopy(func(o *facts.Opened, _ *facts.Snapshot) { o.Content, o.Skipped = nil, reason })
}

// testedDaysAgo is when an earlier run found a copy good.
func testedDaysAgo(days int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		at := s.Now.AddDate(0, 0, -days)
		s.Past.Marks[facts.SeriesKey{Hub: world.HubName, Name: facts.MarkTested + "nightly"}] = facts.Mark{Value: "x 1 y", Since: at.AddDate(0, -2, 0), Until: at}
	}
}

// oldHub is one that is a year old.
func oldHub(s *facts.Snapshot) {
	for i := range hubOf(s).Users {
		hubOf(s).Users[i].Created = s.Now.AddDate(-1, 0, 0)
	}
}

func backupIs(kind, location string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		b := &hubOf(s).Backups[0]
		b.Kind, b.Location, b.Opened = kind, location, nil
	}
}

const encrypted = "it is encrypted with age: restore it by hand"

const neverHome = "no home of this hub was ever restored from a backup as far as the audit can tell, a test once within 180 days is expected; " +
	"restore one, and note it with `audit accept backup-untested --hub datahub --reason …`"

var backupUntestedCases = cases{
	check: backupUntested,
	fires: []damage{
		{
			name:   "a copy that cannot be opened",
			change: unopened(encrypted),
			want:   outcomes{"backup-untested": "fail error 1", "backup-restore-mismatch": "skipped"},
			summary: "the last time that a copy of the hub's database was opened or restored as a test was 40 days ago, once within 30 days is expected: " +
				`copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly was not opened: ` + encrypted,
		},
		{
			name: "a copy that is not to be opened, ever",
			change: inTurn(drilled(-1), func(s *facts.Snapshot) {
				hubOf(s).Backups[0].Verify, hubOf(s).Backups[0].Opened = facts.VerifyNone, nil
			}),
			want: outcomes{"backup-untested": "fail error 1", "backup-restore-mismatch": "skipped"},
			summary: "no copy of the hub's database was ever opened or restored as a test, once within 30 days is expected: " +
				"backup nightly is configured with verify: none",
		},
		{
			name:   "only a CronJob's success is known",
			change: inTurn(drilled(-1), backupIs(facts.BackupCronJob, "datahub/dump")),
			want:   outcomes{"backup-untested": "fail error 1", "backup-restore-mismatch": "skipped"},
			summary: "no copy of the hub's database was ever opened or restored as a test, once within 30 days is expected: " +
				"of backup nightly only the last success of its CronJob is known, not where its copies lie",
		},
		{
			name:   "Longhorn's backups of its volume",
			change: inTurn(drilled(-1), backupIs(facts.BackupLonghorn, "datahub/hub-db-dir"), restoredVolume("claim-student-0001", 3)),
			want:   outcomes{"backup-untested": "fail error 1", "backup-restore-mismatch": "skipped"},
			summary: "no copy of the hub's database was ever opened or restored as a test, once within 30 days is expected: " +
				"what is in backup nightly (longhorn) cannot be opened, only restored",
		},
		{
			name:    "an old hub whose homes were never restored",
			change:  inTurn(oldHub, drilled(-1)),
			want:    outcomes{"backup-untested": "fail warning 1"},
			summary: neverHome,
		},
		{
			name:   "not restored for 200 days",
			change: inTurn(oldHub, drilled(200)),
			want:   outcomes{"backup-untested": "fail warning 1"},
			summary: "the last time that a home of this hub was restored from a backup was 200 days ago, a test once within 180 days is expected; " +
				"restore one, and note it with `audit accept backup-untested --hub datahub --reason …`",
		},
		{
			name:    "a restore of other namespaces, and one that failed in part",
			change:  inTurn(oldHub, drilled(-1), restoredByVelero("Completed", "elsewhere"), restoredByVelero("PartiallyFailed", world.Namespace)),
			want:    outcomes{"backup-untested": "fail warning 1"},
			summary: neverHome,
		},
	},
	mustNotFire: []damage{
		{name: "found good by an earlier run", change: inTurn(unopened(encrypted), testedDaysAgo(20)), want: outcomes{"backup-restore-mismatch": "skipped"}},
		{name: "a drill", change: inTurn(unopened(encrypted), drilled(10)), want: outcomes{"backup-restore-mismatch": "skipped"}},
		{name: "opened by this run", change: inTurn(drilled(-1), inCopy(func(*facts.Opened, *facts.Snapshot) {}))},
		{
			name:   "opened by this run, while the live database cannot be read",
			change: inTurn(drilled(-1), inCopy(func(*facts.Opened, *facts.Snapshot) {}), failed(facts.HubDB(world.HubName))),
			want:   databaseUnknown(outcomes{"backup-restore-mismatch": "unknown"}),
		},
		{
			name:   "a bad copy is for backup-restore-mismatch",
			change: inTurn(drilled(-1), faultyCopy(facts.CopyTorn, "")),
			want:   outcomes{"backup-restore-mismatch": "fail critical 1", "backup-hub-db-missing": "skipped"},
		},
		{
			name:   "no copy at all is for backup-hub-db-missing",
			change: inTurn(drilled(-1), func(s *facts.Snapshot) { hubOf(s).Backups[0].Copies, hubOf(s).Backups[0].Opened = nil, nil }),
			want:   outcomes{"backup-hub-db-missing": "fail critical 1", "backup-restore-mismatch": "skipped"},
		},
		{
			name: "a hub of last week",
			change: inTurn(drilled(-1), unopened(encrypted), func(s *facts.Snapshot) {
				for i := range hubOf(s).Users {
					hubOf(s).Users[i].Created = s.Now.AddDate(0, 0, -7)
				}
			}),
			want: outcomes{"backup-restore-mismatch": "skipped"},
		},
		{
			name:   "Longhorn's backup of the database was restored last week",
			change: inTurn(drilled(-1), backupIs(facts.BackupLonghorn, "datahub/hub-db-dir"), restoredVolume(world.HubClaim, 7)),
			want:   outcomes{"backup-restore-mismatch": "skipped"},
		},
		{name: "a home was restored by Velero", change: inTurn(oldHub, drilled(-1), restoredByVelero("Completed", world.Namespace))},
		{name: "a home was restored by Longhorn", change: inTurn(oldHub, drilled(-1), restoredVolume("claim-student-0003", 30))},
		{
			name: "a home was restored from a snapshot",
			change: inTurn(oldHub, drilled(-1), func(s *facts.Snapshot) {
				c := claimNamed(s, "claim-student-0002")
				c.SourceKind, c.SourceName, c.Created = "VolumeSnapshot", "gone", s.Now.AddDate(0, 0, -20)
			}),
		},
	},
	boundary: []damage{
		{name: "as long ago as may be", change: inTurn(unopened(encrypted), testedDaysAgo(30)), want: outcomes{"backup-restore-mismatch": "skipped"}},
		{
			name: "a day more", change: inTurn(unopened(encrypted), testedDaysAgo(31)),
			want: outcomes{"backup-restore-mismatch": "skipped", "backup-untested": "fail error 1"},
			summary: "the last time that a copy of the hub's database was opened or restored as a test was 31 days ago, once within 30 days is expected: " +
				`copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly was not opened: ` + encrypted,
		},
		{name: "every quarter", change: unopened(encrypted), values: map[string]any{"days": 90}, want: outcomes{"backup-restore-mismatch": "skipped"}},
		{name: "homes as long ago as may be", change: inTurn(oldHub, drilled(180))},
		{
			name: "homes a day more", change: inTurn(oldHub, drilled(181)), want: outcomes{"backup-untested": "fail warning 1"},
			summary: "the last time that a home of this hub was restored from a backup was 181 days ago, a test once within 180 days is expected; " +
				"restore one, and note it with `audit accept backup-untested --hub datahub --reason …`",
		},
	},
	sourceFailed: []damage{
		{name: "the history", change: failed(facts.History), want: unknownWithout(facts.History, nil), summary: "source history could not be read: gave up after 30s"},
		{name: "claims", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
		{
			name: "the copy could not be fetched, and never was",
			change: inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
				o.Content, o.Skipped, o.Unreadable = nil, "connection reset", true
			}),
			want:    outcomes{"backup-restore-mismatch": "unknown", "backup-untested": "unknown"},
			summary: `copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly could not be opened: connection reset`,
		},
	},
}

// restoredVolume adds a Longhorn volume that was restored from a backup of a
// claim's so many days ago.
func restoredVolume(claim string, days int) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		of := volumeOf(s, claim).Name
		world.AddClaim(s, facts.Claim{Name: "restore-test", Created: s.Now.AddDate(0, 0, -days)})
		v := volumeOf(s, "restore-test")
		v.FromBackup, v.Created = "s3://hub-backups@eu-central-1/?backup=backup-1&volume="+of, facts.At(s.Now.AddDate(0, 0, -days))
		hubOf(s).OtherClaims = append(hubOf(s).OtherClaims, "restore-test")
	}
}

func restoredByVelero(phase, namespace string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Velero.Restores = append(s.Kube.Velero.Restores, facts.VeleroRestore{Namespace: "velero", Name: "drill", Backup: "gone", Phase: phase,
			Completed: s.Now.AddDate(0, -1, 0), Namespaces: []string{namespace}})
	}
}

// TestDrillsAreNoted: a restore that was seen is remembered, as its object is
// cleaned up before the next one is due, and what is remembered stays as it is.
func TestDrillsAreNoted(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		want   string
	}{
		"nothing was seen":          {drilled(-1), ""},
		"seen for the first time":   {inTurn(drilled(-1), restoredByVelero("Completed", world.Namespace)), "Velero restore drill"},
		"newer than what was known": {inTurn(drilled(100), restoredByVelero("Completed", world.Namespace)), "Velero restore drill"},
		"older than what was known": {inTurn(drilled(3), restoredByVelero("Completed", world.Namespace)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.change(s)
			if got := marksOfCheck(t, s, "backup-untested")[facts.MarkDrill]; got != c.want {
				t.Errorf("noted %q, want %q", got, c.want)
			}
		})
	}
}

// TestOnlyGoodCopiesAreNoted: what is not whole, or could not be compared with
// the live database, is to be opened again.
func TestOnlyGoodCopiesAreNoted(t *testing.T) {
	opened := inCopy(func(*facts.Opened, *facts.Snapshot) {})
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		noted  bool
	}{
		"good":                {opened, true},
		"good, and known":     {func(*facts.Snapshot) {}, false},
		"torn":                {faultyCopy(facts.CopyTorn, ""), false},
		"users are missing":   {inCopy(func(o *facts.Opened, _ *facts.Snapshot) { o.Content.Users = o.Content.Users[2:] }), false},
		"nothing to compare":  {inTurn(opened, failed(facts.HubDB(world.HubName))), false},
		"the live one is bad": {inTurn(opened, func(s *facts.Snapshot) { world.ResetDatabase(s, world.HubName) }), false},
		"something to know": {inCopy(func(o *facts.Opened, _ *facts.Snapshot) {
			o.Content.Users[2].Cookie = facts.CookieNull
		}), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.change(s)
			got := marksOfCheck(t, s, "backup-restore-mismatch")[facts.MarkTested+"nightly"]
			if want := hubOf(s).Backups[0].Copies[0].ID(); (got == want) != c.noted || got != "" && !c.noted {
				t.Errorf("noted %q, want it to be: %v", got, c.noted)
			}
		})
	}
}

func marksOfCheck(t *testing.T, s *facts.Snapshot, id string) map[string]string {
	t.Helper()
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Judge(suite, s) {
		if v.Check == id {
			return v.Marks
		}
	}
	t.Fatalf("no verdict of %s", id)
	return nil
}

// TestMidnight: the copy of a name with only a date counts for the day.
func TestMidnight(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	d := demand{since: day.Add(3 * time.Hour), schedule: "0 3 * * *"}
	for at, want := range map[time.Time]bool{day: true, day.AddDate(0, 0, -1): false, day.Add(time.Second): false} {
		if got := d.met(&facts.BackupCopy{Time: at}); got != want {
			t.Errorf("a copy of %s meets it: %v", at, got)
		}
	}
}
