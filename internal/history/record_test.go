package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestRunComesBackWhole stores a run with everything in it, and text that
// others wrote.
func TestRunComesBackWhole(t *testing.T) {
	s := newStore(t)
	v := judged("a", verdict.Fail)
	v.Series = map[string]float64{"users": 1e-3}
	v.Findings = nil
	for _, name := range []string{"<!channel>", "line\nbreak", "\x1b[2J", strings.Repeat("x", 300), "zero\x00byte", "'; DROP TABLE runs; --", "ü\u202e", ""} {
		v.Findings = append(v.Findings, verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name, Namespace: "n", ID: "3"},
			Severity: verdict.Warning, Message: name + " & <b>", Details: map[string]string{"name": name}})
	}
	disabled := judged("b", verdict.Skipped)
	disabled.Disabled = true
	run := runAt(0, v, disabled, judged("c", verdict.Unknown), judged("d", verdict.Pass))
	run.StartedAt = run.StartedAt.Add(987 * time.Millisecond).In(time.FixedZone("PST", -8*3600))
	run.Notes = []string{"a note"}
	run.Coverage = []verdict.Coverage{{Hub: world.HubName, Homes: 5, Current: 2, Old: 1, None: 1, Untold: 1, Oldest: "claim-a", OldestAt: world.Now.AddDate(0, -3, 0),
		Database: []verdict.DatabaseBackup{{Name: "nightly", Location: "s3://b/*", Good: "c2", GoodAt: world.Now, Tested: "c1", TestedAt: world.Now.AddDate(0, 0, -1),
			Level: facts.VerifyOpen, Trouble: "torn"}, {Name: "other"}}}, {Hub: "b", Unknown: "no claims"}}
	world.Fail(&facts.Snapshot{Sources: run.Sources}, facts.KubeNodes, facts.CauseForbidden, "may not list nodes")
	run.Sources[0].Duration = 1234567 * time.Nanosecond
	record(t, s, run)

	if run.ID != "20261120T120000Z-1" || !run.StartedAt.Equal(world.Now) || run.StartedAt.Location() != time.UTC {
		t.Errorf("id %s, start %v", run.ID, run.StartedAt)
	}
	want := []verdict.Incident{{ID: 1, Fingerprint: v.Fingerprint, Cluster: cluster, Hub: world.HubName, Check: "a", State: verdict.Opened,
		Outcome: verdict.Fail, Severity: verdict.Error, Summary: v.Summary, Count: 1, OpenedAt: world.Now, FailingSince: world.Now, FailingRuns: 1}}
	diff(t, want, run.Incidents)
	diff(t, want, incidentsOf(t, s, true))
	for _, id := range []string{Latest, run.ID, "2026", "20261120T120000Z-"} {
		got, err := s.Run(t.Context(), cluster, id)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, run, got)
	}
	infos, err := s.Runs(t.Context(), cluster, 1)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, []RunInfo{{ID: run.ID, StartedAt: world.Now, Duration: run.Duration, Version: "1.0.0",
		Summary: verdict.Summary{Pass: 1, Fail: 1, Unknown: 1, Skipped: 1, Error: 1}}}, infos)
}

func TestTextThatIsNotUTF8(t *testing.T) {
	s := newStore(t)
	v := judged("a", verdict.Fail)
	v.Findings[0].Message = "caf\xe9"
	run := record(t, s, runAt(0, v))
	got, err := s.Run(t.Context(), cluster, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Verdicts[0].Findings[0].Message; m != "caf\ufffd" {
		t.Errorf("message %q", m)
	}
}

func TestIDsOfOneSecond(t *testing.T) {
	s := newStore(t)
	for i := range 12 {
		run := runAt(0)
		if i%2 == 1 {
			run.Cluster = "west"
		}
		record(t, s, run)
		if want := fmt.Sprintf("20261120T120000Z-%d", i+1); run.ID != want {
			t.Errorf("id %s, want %s", run.ID, want)
		}
	}
	run := runAt(1)
	if record(t, s, run); run.ID != "20261120T120100Z-1" {
		t.Errorf("id %s of another second", run.ID)
	}
	got, err := s.Run(t.Context(), cluster, "20261120T120000Z-1") // and not …-11
	if err != nil || got.ID != "20261120T120000Z-1" {
		t.Errorf("run %v, error %v", got, err)
	}
	_, err = s.Run(t.Context(), cluster, "20261120T1200")
	wantError(t, err, "several runs begin with", "20261120T120000Z-11", "20261120T120000Z-9")
	for _, id := range []string{"", "2025", "%", "20261120T120000Z-2", "latest "} {
		_, err = s.Run(t.Context(), cluster, id)
		wantError(t, err, "no run", "audit history")
	}
	infos, err := s.Runs(t.Context(), cluster, 3)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, info := range infos {
		ids = append(ids, info.ID)
	}
	diff(t, []string{"20261120T120100Z-1", "20261120T120000Z-11", "20261120T120000Z-9"}, ids)
}

func TestIncidentOverRuns(t *testing.T) {
	s := newStore(t)
	steps := []struct {
		verdict verdict.Verdict
		state   verdict.IncidentState // of the run's incident, "" for none
		id      int64
		since   int // minute, -1 for none
	}{
		{judged("a", verdict.Unknown), "", 0, -1},
		{judged("a", verdict.Fail), verdict.Opened, 1, 1},
		{judged("a", verdict.Fail), verdict.Ongoing, 1, 1},
		{judged("a", verdict.Unknown), verdict.Ongoing, 1, 1},
		{judged("b", verdict.Pass), "", 0, -1}, // --check b
		{judged("a", verdict.Pass), verdict.Resolved, 1, -1},
		{judged("a", verdict.Pass), "", 0, -1},
		{judged("a", verdict.Fail), verdict.Opened, 2, 7},
	}
	for minute, step := range steps {
		run := record(t, s, runAt(minute, step.verdict))
		var state verdict.IncidentState
		var id int64
		if len(run.Incidents) > 0 {
			state, id = run.Incidents[0].State, run.Incidents[0].ID
		}
		since := -1
		if at := run.Verdicts[0].Since; at != nil {
			since = int(at.Sub(world.Now) / time.Minute)
		}
		if state != step.state || id != step.id || since != step.since {
			t.Errorf("minute %d: %q %d since %d, want %q %d since %d", minute, state, id, since, step.state, step.id, step.since)
		}
	}
	all := incidentsOf(t, s, false)
	if len(all) != 2 || all[0].ID != 2 || !all[1].ResolvedAt.Equal(world.Now.Add(5*time.Minute)) || all[1].Reason == "" {
		t.Errorf("incidents %+v", all)
	}
}

// TestOverlappingOlderRun: it began before a run that is already recorded.
func TestOverlappingOlderRun(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0, counted(verdict.Pass, 1000), judged("a", verdict.Fail), judged("b", verdict.Pass)), users)
	record(t, s, runAt(10, counted(verdict.Pass, 1000), judged("a", verdict.Fail), judged("b", verdict.Fail)), users)
	before, open := past(t, s), incidentsOf(t, s, true)

	late := runAt(9, counted(verdict.Pass, 5), judged("a", verdict.Pass), judged("b", verdict.Pass), judged("c", verdict.Fail))
	world.Fail(&facts.Snapshot{Sources: late.Sources}, facts.KubeNodes, facts.CauseTimeout, "late")
	record(t, s, late, users)

	after := past(t, s)
	if len(after.Runs) != 3 || after.Runs[1].Complete {
		t.Errorf("runs %+v", after.Runs)
	}
	after.Runs, after.LastRecorded = before.Runs, before.LastRecorded
	diff(t, before, after)
	diff(t, open, incidentsOf(t, s, true))
	diff(t, []verdict.Incident{open[1], open[0]}, late.Incidents) // a, b as they stand
	if late.Verdicts[1].Since == nil || late.Verdicts[3].Since != nil {
		t.Error("since does not follow the incidents as they stand")
	}
	got, err := s.Run(t.Context(), cluster, late.ID)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, late, got)
	if n := count(t, s, "SELECT count(*) FROM series WHERE value = 5"); n != 1 {
		t.Error("its series is not kept for graphs")
	}
	if err := s.Accept(t.Context(), Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkUserDrift, Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	if v := past(t, s).Baselines[users].Value; v != 1000 {
		t.Errorf("what an older run measured was accepted: %v", v)
	}
	run := record(t, s, runAt(10, judged("a", verdict.Pass))) // the same second is not older
	if run.Incidents[0].State != verdict.Resolved {
		t.Error("a run of the same second did not move the incident")
	}
}

// TestClockSetBack: runs that were recorded while a clock was a year ahead
// must not keep the ones after from opening incidents.
func TestClockSetBack(t *testing.T) {
	s := newStore(t)
	const year = 365 * 24 * 60
	record(t, s, runAt(0, judged("kept", verdict.Pass)))
	record(t, s, runAt(year, judged("a", verdict.Fail), judged("b", verdict.Pass)))
	run := record(t, s, runAt(15, judged("a", verdict.Pass), judged("b", verdict.Fail)))
	if run.Incidents[0].State != verdict.Resolved || run.Incidents[0].ResolvedAt.Before(run.Incidents[0].OpenedAt) {
		t.Errorf("the incident was not resolved, or before it was opened: %+v", run.Incidents[0])
	}
	if run.Incidents[1].State != verdict.Opened {
		t.Errorf("no incident was opened: %+v", run.Incidents[1])
	}
	older := record(t, s, runAt(14, judged("b", verdict.Pass)))
	if older.Incidents[0].State != verdict.Opened {
		t.Errorf("an older run moved an incident: %+v", older.Incidents[0])
	}
	if n := count(t, s, "SELECT count(*) FROM documents"); n != 4 {
		t.Errorf("the wrong clock made the history forget: %d documents", n)
	}
}

// TestRecordIsAllOrNothing breaks the last step of recording.
func TestRecordIsAllOrNothing(t *testing.T) {
	s := newStore(t)
	record(t, s, runAt(0, counted(verdict.Pass, 1000)), users)
	execute(t, s, "ALTER TABLE sources RENAME TO gone")
	run := runAt(1, counted(verdict.Pass, 1), judged("a", verdict.Fail))
	wantError(t, s.Record(t.Context(), run, Moves{Good: map[facts.SeriesKey]bool{users: true}}), "record a run in", s.path)
	if run.ID != "" || run.Incidents != nil || run.Verdicts[1].Since != nil {
		t.Error("the run looks recorded")
	}
	execute(t, s, "ALTER TABLE gone RENAME TO sources")
	if b := past(t, s).Baselines[users]; b.Value != 1000 || b.Runs != 1 {
		t.Errorf("the baseline moved: %+v", b)
	}
	for _, table := range []string{"runs", "documents", "series"} {
		if n := count(t, s, "SELECT count(*) FROM "+table); n != 1 {
			t.Errorf("%d rows in %s, want 1", n, table)
		}
	}
	if n := count(t, s, "SELECT count(*) FROM incidents"); n != 0 {
		t.Errorf("%d incidents, want none", n)
	}
}

func TestHundredThousandFindings(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, in which the race detector takes long and finds nothing")
	}
	s := newStore(t)
	run := record(t, s, manyFindings(100_000))
	got, err := s.Run(t.Context(), cluster, Latest)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, run, got)
}

func TestDamagedFindings(t *testing.T) {
	s := newStore(t)
	run := record(t, s, runAt(0, judged("a", verdict.Fail)))
	var body []byte
	err := s.read(t.Context(), "read", func(tx *transaction) error {
		return tx.QueryRowContext(t.Context(), "SELECT body FROM documents").Scan(&body)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut": body[:len(body)/2], "no checksum": body[:len(body)-8], "text": []byte("hello"),
		"flipped": append(append([]byte{}, body[:len(body)-6]...), 0, 0, 0, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, s, "UPDATE documents SET body = ?", damaged)
			_, err := s.Run(t.Context(), cluster, run.ID)
			wantError(t, err, run.ID, s.path, "they are damaged")
		})
	}
}

// FuzzDecodeDocument: whatever is in the file, it is an error or a run.
func FuzzDecodeDocument(f *testing.F) {
	for _, run := range []*verdict.Run{runAt(0), runAt(0, judged("a", verdict.Fail), judged("b", verdict.Unknown))} {
		body, err := encodeDocument(run)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(body[:len(body)-3])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var run verdict.Run
		if decodeDocument(body, &run) != nil {
			return
		}
		again, err := encodeDocument(&run)
		if err != nil {
			t.Fatal(err)
		}
		var second verdict.Run
		if err := decodeDocument(again, &second); err != nil {
			t.Fatal(err)
		}
		if len(second.Verdicts) != len(run.Verdicts) || len(second.Sources) != len(run.Sources) {
			t.Error("a run changed in being stored again")
		}
	})
}
