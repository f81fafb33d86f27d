package longhorn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
)

// backup is a Backup of volume v as Longhorn writes it: asked for at an hour of
// 20 November 2026, 5 seconds after the snapshot.
func backup(name, state string, hour int, status string) string {
	asked := time.Date(2026, 11, 20, hour, 0, 5, 0, time.UTC)
	times := ""
	if state == "Completed" {
		times = fmt.Sprintf(`"snapshotCreatedAt":%q,"backupCreatedAt":%q,"size":"2097152",`, asked.Add(-5*time.Second).Format(time.RFC3339), asked.Add(time.Minute).Format(time.RFC3339))
	}
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"longhorn-system","creationTimestamp":%q,"labels":{"backup-volume":"v"}},"spec":{"snapshotName":"s"},"status":{%s%s"state":%q}}`,
		name, asked.Format(time.RFC3339), times, status, state)
}

func hour(h int) time.Time { return time.Date(2026, 11, 20, h, 0, 0, 0, time.UTC) }

func pointAt(name string, h int) facts.Point {
	return facts.Point{Name: name, Time: hour(h), SizeBytes: 2 << 20, Target: "default"}
}

// fold reads Backups into series.
func fold(t testing.TB, raws ...string) []facts.Series {
	t.Helper()
	tables := NewTables("longhorn-system")
	for _, r := range tables.Resources() {
		if r.Source != facts.LonghornBackups {
			continue
		}
		for _, raw := range raws {
			r.Put(r.Len(), []byte(raw))
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return tables.Facts().Backups
}

func TestBackups(t *testing.T) {
	attempt := func(name, phase string, h int, text string) *facts.Attempt {
		return &facts.Attempt{Name: name, Since: hour(h).Add(5 * time.Second), Phase: phase, Error: text}
	}
	of := func(change func(s *facts.Series)) []facts.Series {
		s := facts.Series{System: facts.SystemLonghorn, Volume: "v"}
		change(&s)
		return []facts.Series{s}
	}
	one := of(func(s *facts.Series) { s.Newest, s.Good, s.Oldest = pointAt("a", 1), 1, hour(1) })
	for name, tt := range map[string]struct {
		raws []string
		want []facts.Series
	}{
		"one": {[]string{backup("a", "Completed", 1, "")}, one},
		"the two newest of many": {[]string{backup("b", "Completed", 2, ""), backup("d", "Completed", 4, ""), backup("a", "Completed", 1, ""), backup("c", "Completed", 3, "")},
			of(func(s *facts.Series) {
				s.Newest, s.Previous, s.Good, s.Oldest = pointAt("d", 4), pointAt("c", 3), 4, hour(1)
			})},
		"twice in a dump": {[]string{backup("a", "Completed", 1, ""), backup("b", "Completed", 2, ""), backup("a", "Completed", 1, ""), backup("b", "Completed", 2, "")},
			of(func(s *facts.Series) {
				s.Newest, s.Previous, s.Good, s.Oldest = pointAt("b", 2), pointAt("a", 1), 2, hour(1)
			})},
		"also as it was before": {[]string{backup("a", "InProgress", 1, ""), backup("a", "Completed", 1, ""), backup("a", "", 1, "")}, one},
		"the newest failed": {[]string{backup("a", "Completed", 1, ""), backup("b", "Error", 2, `"error":"no route to host",`)},
			of(func(s *facts.Series) {
				s.Newest, s.Good, s.Oldest = pointAt("a", 1), 1, hour(1)
				s.Failed = attempt("b", "Error", 2, "no route to host")
			})},
		"a later one is good":      {[]string{backup("f", "Error", 0, ""), backup("a", "Completed", 1, "")}, one},
		"state unknown":            {[]string{backup("a", "Unknown", 1, "")}, of(func(s *facts.Series) { s.Failed = attempt("a", "Unknown", 1, "") })},
		"the newest of the failed": {[]string{backup("b", "Error", 2, ""), backup("c", "Error", 3, ""), backup("a", "Error", 1, "")}, of(func(s *facts.Series) { s.Failed = attempt("c", "Error", 3, "") })},
		"the oldest of the running": {[]string{backup("b", "InProgress", 2, ""), backup("a", "Pending", 1, ""), backup("c", "", 3, "")},
			of(func(s *facts.Series) { s.Running = attempt("a", "Pending", 1, "") })},
		"new":             {[]string{backup("a", "", 1, "")}, of(func(s *facts.Series) { s.Running = attempt("a", "New", 1, "") })},
		"being deleted":   {[]string{backup("a", "Completed", 1, ""), strings.Replace(backup("b", "Error", 2, ""), `"name"`, `"deletionTimestamp":"2026-11-20T03:00:00Z","name"`, 1)}, one},
		"Deleting":        {[]string{backup("b", "Deleting", 2, "")}, nil},
		"never looked at": {[]string{strings.Replace(backup("b", "", 2, ""), `"s"`, `""`, 1)}, nil}, // found in the target, only its name is known
		"found in the target": {[]string{`{"metadata":{"name":"a","creationTimestamp":"2026-11-20T12:00:00Z"},"spec":{"snapshotName":""},
			"status":{"state":"Completed","volumeName":"v","backupCreatedAt":"2026-11-20T01:00:00Z","snapshotCreatedAt":"","size":""}}`,
			backup("b", "Error", 2, "")},
			of(func(s *facts.Series) {
				s.Newest, s.Good, s.Oldest = facts.Point{Name: "a", Time: hour(1), Target: "default"}, 1, hour(1)
				s.Failed = attempt("b", "Error", 2, "") // it was asked for after a, though before a's record was made
			})},
		"without a time":   {[]string{`{"metadata":{"name":"a"},"status":{"state":"Completed","volumeName":"v","backupCreatedAt":"soon"}}`}, nil},
		"without a volume": {[]string{`{"metadata":{"name":"a","creationTimestamp":"2026-11-20T12:00:00Z"},"status":{"state":"Completed"}}`}, nil},
		"two targets": {[]string{backup("a", "Completed", 1, ""), backup("x", "Completed", 3, `"backupTargetName":"second",`), backup("b", "Completed", 2, `"backupTargetName":"default",`)},
			[]facts.Series{{System: facts.SystemLonghorn, Volume: "v", Newest: pointAt("b", 2), Previous: pointAt("a", 1), Good: 2, Oldest: hour(1)},
				{System: facts.SystemLonghorn, Volume: "v", Newest: facts.Point{Name: "x", Time: hour(3), SizeBytes: 2 << 20, Target: "second"}, Good: 1, Oldest: hour(3)}}},
		"a long error": {[]string{backup("a", "Error", 1, `"error":"`+strings.Repeat("proxy ", 40)+`\n`+strings.Repeat("ü", 200)+` AccessDenied",`)},
			of(func(s *facts.Series) {
				s.Failed = attempt("a", "Error", 1, strings.Repeat("proxy ", 13)+"pr … "+strings.Repeat("ü", 73)+" AccessDenied")
			})},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fold(t, tt.raws...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for range 5 { // also in any other order
				rand.Shuffle(len(tt.raws), func(i, j int) { tt.raws[i], tt.raws[j] = tt.raws[j], tt.raws[i] })
				if diff := cmp.Diff(tt.want, fold(t, tt.raws...)); diff != "" {
					t.Errorf("in the order %q (-want +got):\n%s", tt.raws, diff)
				}
			}
		})
	}
}

// TestBackupsAgain holds that a list which is read again from the start has
// nothing left of the first time.
func TestBackupsAgain(t *testing.T) {
	tables := NewTables("longhorn-system")
	for _, r := range tables.Resources() {
		if r.Source == facts.LonghornBackups {
			r.Put(0, []byte(backup("a", "Completed", 1, "")))
			r.Reset()
			r.Put(0, []byte(backup("b", "Completed", 2, "")))
			if r.Len() != 1 || !r.Folds() {
				t.Errorf("%d objects, folded: %t", r.Len(), r.Folds())
			}
		}
	}
	want := []facts.Series{{System: facts.SystemLonghorn, Volume: "v", Newest: pointAt("b", 2), Good: 1, Oldest: hour(2)}}
	if diff := cmp.Diff(want, tables.Facts().Backups); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzBackups folds Backups of which each byte tells name, hour and state, and
// holds that neither their order nor having them twice changes what they say,
// and that it is true of them.
func FuzzBackups(f *testing.F) {
	f.Add([]byte{0x00, 0x11, 0x22, 0x13}, int64(1))
	f.Add([]byte{0x40, 0x81, 0xc2, 0x03, 0x47, 0x88}, int64(2))
	states := []string{"Completed", "Error", "InProgress", "Pending"}
	f.Fuzz(func(t *testing.T, input []byte, seed int64) {
		input = input[:min(len(input), 24)]
		var raws []string
		good := map[string]int{}
		for i, b := range input {
			name, h, state := fmt.Sprintf("b-%02d", i), int(b&15), states[b>>6]
			raws = append(raws, backup(name, state, h, ""))
			if state == "Completed" {
				good[name] = h
				if b&16 != 0 { // also as it was before
					raws = append(raws, backup(name, "InProgress", h, ""))
				}
			}
			if b&32 != 0 {
				raws = append(raws, raws[len(raws)-1])
			}
		}
		want := fold(t, raws...)
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		random.Shuffle(len(raws), func(i, j int) { raws[i], raws[j] = raws[j], raws[i] })
		if diff := cmp.Diff(want, fold(t, raws...)); diff != "" {
			t.Fatalf("in another order (-first +second):\n%s", diff)
		}
		if len(input) == 0 {
			return
		}
		judge(t, want[0], good)
	})
}

func judge(t *testing.T, s facts.Series, good map[string]int) {
	t.Helper()
	newest := -1
	for _, h := range good {
		newest = max(newest, h)
	}
	switch {
	case s.Good != len(good):
		t.Errorf("%d good ones, want %d", s.Good, len(good))
	case len(good) > 0 && !s.Newest.Time.Equal(hour(newest)):
		t.Errorf("the newest is of %s, want hour %d", s.Newest.Time, newest)
	case s.Failed != nil && len(good) > 0 && !s.Failed.Since.After(hour(newest)):
		t.Errorf("%+v failed before the newest good one, of hour %d", s.Failed, newest)
	case s.Previous.Time.After(s.Newest.Time):
		t.Errorf("the previous is newer: %+v", s)
	}
	if s.Running != nil {
		if _, done := good[s.Running.Name]; done {
			t.Errorf("%s runs and is good", s.Running.Name)
		}
	}
}

func TestBackupVolumes(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHBackupVolume
	}{
		"of 1.2": {`{"metadata":{"name":"pvc-1"},"spec":{"syncRequestedAt":null},"status":{"lastBackupName":"b","lastBackupAt":"2026-11-20T11:00:00Z","dataStored":"157286400","lastSyncedAt":null}}`,
			facts.LHBackupVolume{Name: "pvc-1", Volume: "pvc-1", Target: "default", LastBackup: "b", LastBackupAt: later, StoredBytes: 150 << 20}},
		"since 1.8": {`{"metadata":{"name":"pvc-1-0a1b2c3d"},"spec":{"volumeName":"pvc-1","backupTargetName":"second"},"status":{"lastBackupAt":"","dataStored":"","lastSyncedAt":"2026-11-20T11:00:00Z",
			"messages":{"b":"second","a":"first\nline"}}}`,
			facts.LHBackupVolume{Name: "pvc-1-0a1b2c3d", Volume: "pvc-1", Target: "second", LastSyncedAt: later, Error: "first line; second"}},
	} {
		l, r := put(t, facts.LonghornBackupVolumes, tt.raw)
		if diff := cmp.Diff([]facts.LHBackupVolume{tt.want}, l.BackupVolumes); diff != "" || r.Err() != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, r.Err(), diff)
		}
	}
}

// Volumes in targets that repeat what is known of the backups are not kept.
func TestTellingBackupVolumes(t *testing.T) {
	l := facts.Longhorn{
		Backups: []facts.Series{{Volume: "a", Newest: facts.Point{Name: "a-2", Target: "default"}}, {Volume: "a", Newest: facts.Point{Name: "a-1", Target: "second"}}},
		BackupVolumes: []facts.LHBackupVolume{
			{Name: "same", Volume: "a", Target: "default", LastBackup: "a-2"}, {Name: "same there", Volume: "a", Target: "second", LastBackup: "a-1"}, {Name: "empty", Volume: "b", Target: "default"},
			{Name: "another", Volume: "a", Target: "default", LastBackup: "a-3"}, {Name: "of another target", Volume: "a", Target: "third", LastBackup: "a-2"},
			{Name: "no backup", Volume: "b", Target: "default", LastBackup: "b-1"}, {Name: "broken", Volume: "a", Target: "default", LastBackup: "a-2", Error: "no access"}},
	}
	var names []string
	for _, v := range l.TellingBackupVolumes() {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]string{"another", "of another target", "no backup", "broken"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBackupTargets(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want facts.LHBackupTarget
	}{
		"available": {`{"metadata":{"name":"default"},"spec":{"backupTargetURL":"s3://bucket@eu-central-1/path","credentialSecret":"login","pollInterval":"5m0s"},
			"status":{"available":true,"conditions":[{"type":"Unavailable","status":"False","lastTransitionTime":"2026-02-03T04:05:06Z"}],"lastSyncedAt":"2026-11-20T11:00:00Z"}}`,
			facts.LHBackupTarget{Name: "default", URL: "s3://bucket@eu-central-1/path", Credential: "login", PollInterval: 5 * time.Minute, Known: true, Available: true, Since: created, LastSyncedAt: later}},
		"unavailable, of 1.2": {`{"metadata":{"name":"default"},"spec":{"backupTargetURL":"nfs://server:/a","pollInterval":"0s"},
			"status":{"available":false,"conditions":{"Unavailable":{"type":"Unavailable","status":"True","reason":"Unavailable","message":"cannot mount\nnfs","lastTransitionTime":"2026-02-03T04:05:06Z"}}}}`,
			facts.LHBackupTarget{Name: "default", URL: "nfs://server:/a", Known: true, Reason: "cannot mount nfs", Since: created}},
		"unset": {`{"metadata":{"name":"default"},"spec":{"backupTargetURL":"","pollInterval":"5m0s"},"status":{"conditions":[{"type":"Unavailable","reason":"Unavailable","message":""}]}}`,
			facts.LHBackupTarget{Name: "default", PollInterval: 5 * time.Minute, Known: true, Reason: "Unavailable"}},
		"with a login": {`{"metadata":{"name":"x"},"spec":{"backupTargetURL":"cifs://user:secret@server/share?cifsOptions=password=secret#secret"}}`,
			facts.LHBackupTarget{Name: "x", URL: "cifs://user@server/share", Known: true}},
		"no URL at all": {`{"metadata":{"name":"x"},"spec":{"backupTargetURL":"s3://key:se%cret@bucket"}}`, facts.LHBackupTarget{Name: "x", URL: "s3:…", Known: true}},
	} {
		l, r := put(t, facts.LonghornBackupTargets, tt.raw)
		if diff := cmp.Diff([]facts.LHBackupTarget{tt.want}, l.BackupTargets); diff != "" || r.Err() != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, r.Err(), diff)
		}
	}
	if _, r := put(t, facts.LonghornBackupTargets, `{"metadata":{"name":"x"},"spec":{"pollInterval":"often"}}`); r.Err() == nil || !strings.Contains(r.Err().Error(), `"often" is no length of time`) {
		t.Errorf("an unknown interval gives %v", r.Err())
	}
}

// TestTargetOfSettings holds what is known of the target where only settings were
// read.
func TestTargetOfSettings(t *testing.T) {
	read := func(raws map[string][]string) []facts.LHBackupTarget {
		tables := NewTables("longhorn-system")
		for _, r := range tables.Resources() {
			for _, raw := range raws[r.Source] {
				r.Put(r.Len(), []byte(raw))
			}
		}
		return tables.Facts().BackupTargets
	}
	settings := []string{`{"metadata":{"name":"backup-target"},"value":"s3://b@r/"}`, `{"metadata":{"name":"backupstore-poll-interval"},"value":"300"}`,
		`{"metadata":{"name":"backup-target-credential-secret"},"value":"login"}`}
	for name, tt := range map[string]struct {
		raws map[string][]string
		want []facts.LHBackupTarget
	}{
		"only settings":   {map[string][]string{facts.LonghornSettings: settings}, []facts.LHBackupTarget{{Name: "default", URL: "s3://b@r/", Credential: "login", PollInterval: 5 * time.Minute}}},
		"set to nothing":  {map[string][]string{facts.LonghornSettings: {`{"metadata":{"name":"backup-target"},"value":""}`}}, []facts.LHBackupTarget{{Name: "default"}}},
		"no such setting": {map[string][]string{facts.LonghornSettings: settings[1:]}, nil},
		"both": {map[string][]string{facts.LonghornSettings: settings, facts.LonghornBackupTargets: {`{"metadata":{"name":"default"},"spec":{"backupTargetURL":"nfs://x:/"}}`}},
			[]facts.LHBackupTarget{{Name: "default", URL: "nfs://x:/", Known: true}}},
	} {
		if diff := cmp.Diff(tt.want, read(tt.raws)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRecurringJobs(t *testing.T) {
	l, r := put(t, facts.LonghornRecurringJobs, `{"metadata":{"name":"nightly","creationTimestamp":"2026-02-03T04:05:06Z"},"spec":{"name":"nightly","groups":["homes","default","homes"],"task":"backup","cron":"30 2 * * *",
		"retain":7,"concurrency":2},"status":{"executionCount":180}}`)
	want := facts.LHRecurringJob{Name: "nightly", Created: created, Task: "backup", Cron: "30 2 * * *", Groups: []string{"default", "homes"}, Retain: 7, Executions: 180}
	if diff := cmp.Diff([]facts.LHRecurringJob{want}, l.RecurringJobs); diff != "" || r.Err() != nil {
		t.Errorf("%v (-want +got):\n%s", r.Err(), diff)
	}
	if _, r = put(t, facts.LonghornRecurringJobs, `{"metadata":{"name":"x"},"spec":{"retain":{}}}`); r.Err() == nil {
		t.Error("a job of an unknown form was read")
	}
}

// FuzzJobLabels holds that only labels of jobs and groups are taken, sorted and
// once.
func FuzzJobLabels(f *testing.F) {
	f.Add(`{"recurring-job.longhorn.io/b":"enabled","recurring-job.longhorn.io/a":"enabled","recurring-job-group.longhorn.io/default":"enabled"}`)
	f.Add(`{"recurring-job.longhorn.io/source":"enabled","x":{"y":[1]}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, labels string) {
		l, r := put(t, facts.LonghornVolumes, `{"metadata":{"name":"x","labels":`+labels+`}}`)
		if r.Err() != nil {
			return
		}
		for _, words := range [][]string{l.Volumes[0].Jobs, l.Volumes[0].JobGroups} {
			if !slices.IsSorted(words) || len(slices.Compact(slices.Clone(words))) != len(words) {
				t.Errorf("%s gives %q", labels, words)
			}
		}
	})
}
