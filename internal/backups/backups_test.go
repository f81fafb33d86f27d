package backups_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }

func point(name string, hours int, set string) facts.Point {
	return facts.Point{Name: name, Time: ago(hours), Set: set}
}

// home is a world of one claim that was made 1,000 hours ago.
func home(change func(s *facts.Snapshot)) *backups.Index {
	s := &facts.Snapshot{Now: now}
	for _, name := range []string{facts.LonghornBackups, facts.VeleroBackups} {
		s.Sources = append(s.Sources, facts.Source{Name: name, Status: facts.OK})
	}
	s.Kube.Claims = []facts.Claim{{Namespace: "hub", Name: "home", Created: ago(1000), Phase: "Bound", VolumeName: "pv"}}
	s.Kube.Volumes = []facts.Volume{{Name: "pv", Created: ago(1000), Phase: "Bound", Driver: facts.LonghornDriver, Handle: "vol", ClaimNamespace: "hub", ClaimName: "home"}}
	s.Longhorn.Volumes = []facts.LHVolume{{Name: "vol", Created: facts.At(ago(1000)), LastBackupAt: facts.At(ago(1))}}
	change(s)
	return backups.New(s)
}

// ofKube adds what Velero or K8up hold of the home.
func ofKube(system string, newest, previous facts.Point) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Backups = append(s.Kube.Backups, facts.Series{System: system, Namespace: "hub", Claim: "home", Newest: newest, Previous: previous, Good: 2})
	}
}

func run(name, phase string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		s.Kube.Velero.Backups = append(s.Kube.Velero.Backups, facts.VeleroBackup{Name: name, Phase: phase, Created: ago(100), Expires: now.AddDate(0, 0, 9)})
	}
}

func both(changes ...func(*facts.Snapshot)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for _, change := range changes {
			change(s)
		}
	}
}

// TestOf: which backup of a claim counts, in whatever system it lies.
func TestOf(t *testing.T) {
	lh := func(newest, previous facts.Point) func(*facts.Snapshot) {
		return func(s *facts.Snapshot) {
			s.Longhorn.Backups = []facts.Series{{System: facts.SystemLonghorn, Volume: "a"}, {System: facts.SystemLonghorn, Volume: "vol", Newest: newest, Previous: previous}}
		}
	}
	snapshot := func(name string, hours int, ready bool) func(*facts.Snapshot) {
		return func(s *facts.Snapshot) {
			s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: "hub", Name: name, Claim: "home", Ready: ready, Taken: ago(hours)})
		}
	}
	for name, c := range map[string]struct {
		change           func(*facts.Snapshot)
		newest, previous string
		systems          []string
	}{
		"nothing, though the volume notes a backup": {func(*facts.Snapshot) {}, "", "", nil},
		"Longhorn's":                       {lh(point("b2", 9, ""), point("b1", 33, "")), "b2", "b1", []string{facts.SystemLonghorn}},
		"snapshots, in any order":          {both(snapshot("s1", 50, true), snapshot("s3", 2, true), snapshot("s2", 26, true), snapshot("s4", 1, false)), "s3", "s2", []string{facts.SystemSnapshot}},
		"the newest of all systems":        {both(lh(point("b2", 33, ""), point("b1", 57, "")), ofKube(facts.SystemK8up, point("k2", 9, ""), point("k1", 20, ""))), "k2", "k1", []string{facts.SystemLonghorn, facts.SystemK8up}},
		"Velero's, partially failed":       {both(ofKube(facts.SystemVeleroFile, point("p2", 9, "r2"), point("p1", 33, "r1")), run("r1", "Completed"), run("r2", "PartiallyFailed")), "p2", "p1", []string{facts.SystemVeleroFile}},
		"of a run that failed":             {both(ofKube(facts.SystemVeleroFile, point("p2", 9, "r2"), point("p1", 33, "r1")), run("r1", "Completed"), run("r2", "Failed")), "p1", "", []string{facts.SystemVeleroFile}},
		"of runs that are gone":            {ofKube(facts.SystemVeleroData, point("p2", 9, "r2"), point("p1", 33, "r1")), "", "", nil},
		"of a claim that had the name":     {both(ofKube(facts.SystemK8up, point("k2", 1001, ""), point("k1", 1100, ""))), "", "", nil},
		"of the volume, under a new claim": {both(ofKube(facts.SystemK8up, point("k2", 90, ""), facts.Point{}), func(s *facts.Snapshot) { s.Kube.Claims[0].Created = ago(50) }), "k2", "", []string{facts.SystemK8up}},
		"expired":                          {ofKube(facts.SystemK8up, facts.Point{Name: "k2", Time: ago(9), Expires: ago(1)}, point("k1", 33, "")), "k1", "", []string{facts.SystemK8up}},
		"a snapshot known by its handle": {func(s *facts.Snapshot) {
			s.Kube.Backups = []facts.Series{{System: facts.SystemVeleroSnap, Volume: "vol", Newest: point("h", 9, "")}}
		}, "h", "", []string{facts.SystemVeleroSnap}},
		"the volume's note, if nothing else": {func(s *facts.Snapshot) { s.Sources = nil }, "", "", []string{facts.SystemLonghorn}},
	} {
		held := home(c.change).Of("hub", "home")
		if held.Newest.Name != c.newest || held.Previous.Name != c.previous || !slices.Equal(held.Systems, c.systems) {
			t.Errorf("%s: %q before it %q, in %v; want %q, %q, %v", name, held.Newest.Name, held.Previous.Name, held.Systems, c.newest, c.previous, c.systems)
		}
		if held := home(c.change).Of("hub", "other"); !held.Newest.Time.IsZero() || held.System != "" {
			t.Errorf("%s: another claim has %+v", name, held.Newest)
		}
	}
}

// TestAttempts: a failure counts until a later success in its system, and the
// longest running counts of all.
func TestAttempts(t *testing.T) {
	at := func(hours int) *facts.Attempt { return &facts.Attempt{Name: "x", Since: ago(hours)} }
	held := home(func(s *facts.Snapshot) {
		s.Longhorn.Backups = []facts.Series{{System: facts.SystemLonghorn, Volume: "vol", Newest: point("b", 9, ""), Failed: at(10), Running: at(1)}}
		s.Kube.Backups = []facts.Series{{System: facts.SystemK8up, Namespace: "hub", Claim: "home", Newest: point("k", 40, ""), Failed: at(20), Running: at(30)}}
		s.Kube.K8up.Failed = map[string]facts.Attempt{"hub": *at(15), "shop": *at(1)}
	}).Of("hub", "home")
	if held.Failed == nil || held.Running == nil || !held.Failed.Since.Equal(ago(15)) || !held.Running.Since.Equal(ago(30)) {
		t.Errorf("failed %+v, running %+v", held.Failed, held.Running)
	}
}

// TestPlans: what covers a claim, by labels, namespace or place.
func TestPlans(t *testing.T) {
	job := func(name, task string, groups ...string) facts.LHRecurringJob {
		return facts.LHRecurringJob{Name: name, Task: task, Cron: "30 2 * * *", Groups: groups}
	}
	jobs := func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = []facts.LHRecurringJob{job("forced", "backup-force-create", "gold"), job("nightly", "backup", "default"), job("snap", "snapshot", "default", "gold")}
	}
	scope := func(change func(*facts.VeleroScope)) func(*facts.Snapshot) {
		return func(s *facts.Snapshot) {
			v := facts.VeleroSchedule{Namespace: "velero", Name: "daily", Cron: "@daily", Phase: "Enabled", Scope: facts.VeleroScope{Claims: true}}
			change(&v.Scope)
			s.Kube.Velero.Schedules = []facts.VeleroSchedule{v}
		}
	}
	for name, c := range map[string]struct {
		change func(*facts.Snapshot)
		want   []string // kind, name, and what is special
	}{
		"no labels":                   {jobs, []string{"RecurringJob nightly attached"}},
		"a job by name":               {both(jobs, func(s *facts.Snapshot) { s.Longhorn.Volumes[0].Jobs = []string{"forced"} }), []string{"RecurringJob forced attached"}},
		"a group":                     {both(jobs, func(s *facts.Snapshot) { s.Longhorn.Volumes[0].JobGroups = []string{"gold"} }), []string{"RecurringJob forced attached"}},
		"a job that makes no backups": {both(jobs, func(s *facts.Snapshot) { s.Longhorn.Volumes[0].Jobs = []string{"snap"} }), nil},
		"detached volumes as well":    {both(jobs, func(s *facts.Snapshot) { s.Longhorn.Settings = map[string]string{backups.DetachedSetting: "true"} }), []string{"RecurringJob nightly"}},
		"a setting by engine": {both(jobs, func(s *facts.Snapshot) {
			s.Longhorn.Settings = map[string]string{backups.DetachedSetting: `{"v1":"true","v2":"false"}`}
			s.Longhorn.Volumes[0].DataEngine = "v1"
		}), []string{"RecurringJob nightly"}},
		"all namespaces":      {scope(func(*facts.VeleroScope) {}), []string{"Velero Schedule daily"}},
		"a pattern":           {scope(func(v *facts.VeleroScope) { v.Namespaces = []string{"h*"} }), []string{"Velero Schedule daily"}},
		"others":              {scope(func(v *facts.VeleroScope) { v.Namespaces = []string{"shop"} }), nil},
		"left out":            {scope(func(v *facts.VeleroScope) { v.Excluded = []string{"hub"} }), nil},
		"no claims":           {scope(func(v *facts.VeleroScope) { v.Claims = false }), nil},
		"mounted ones, maybe": {scope(func(v *facts.VeleroScope) { v.FileSystem, v.Selected = true, true }), []string{"Velero Schedule daily attached may"}},
		"K8up": {func(s *facts.Snapshot) {
			s.Kube.K8up.Schedules = []facts.K8upSchedule{{Namespace: "hub", Name: "a", Cron: "@daily-random"}, {Namespace: "hub", Name: "checks"}, {Namespace: "shop", Name: "b", Cron: "@daily"},
				{Namespace: "hub", Name: "c", Cron: "0 0 * * *"}, {Namespace: "hub", Name: "d", Cron: "often"}}
		}, []string{"K8up Schedule a", "K8up Schedule c", "K8up Schedule d unreadable"}},
	} {
		x := home(c.change)
		var got []string
		for _, p := range x.Plans("hub", "home") {
			words := p.Kind + " " + p.Name
			for word, is := range map[string]bool{" attached": p.OnlyAttached, " paused": p.Paused != "", " unreadable": p.Fault != nil} {
				if is {
					words += word
				}
			}
			if p.May {
				words += " may"
			}
			got = append(got, words)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if again := x.Plans("hub", "home"); len(again) > 0 && &again[0] != &x.Plans("hub", "home")[0] {
			t.Errorf("%s: plans are not shared", name)
		}
	}
}

func TestDue(t *testing.T) {
	x := home(func(s *facts.Snapshot) {
		s.Longhorn.RecurringJobs = []facts.LHRecurringJob{{Name: "new", Task: "backup", Cron: "30 2 * * *", Groups: []string{"default"}, Created: ago(9)},
			{Name: "old", Task: "backup", Cron: "30 2 * * *", Groups: []string{"default"}, Created: ago(10)}}
	})
	plans := x.Plans("hub", "home")
	if due := plans[0].Due(now, time.Hour); !due.IsZero() {
		t.Errorf("a plan that was made after 02:30 was due on %s", due)
	}
	if due := plans[1].Due(now, time.Hour); !due.Equal(time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC)) {
		t.Errorf("due on %s", due)
	}
}

// TestRun: the newest run that can be restored from, and how many volumes it
// holds of which the API does not tell whose they are.
func TestRun(t *testing.T) {
	x := home(func(s *facts.Snapshot) {
		scope := facts.VeleroScope{Claims: true}
		s.Kube.Backups = []facts.Series{{System: facts.SystemVeleroFile, Namespace: "hub", Claim: "home", Newest: point("p2", 33, "a")},
			{System: facts.SystemVeleroFile, Namespace: "hub", Claim: "other", Newest: point("p3", 9, "b"), Previous: point("p1", 30, "e")}}
		s.Kube.Velero.Backups = []facts.VeleroBackup{
			{Name: "a", Schedule: "daily", Phase: "Completed", Started: ago(33), Scope: scope, NativeSnapshots: 3, CSISnapshots: 2},
			{Name: "b", Schedule: "daily", Phase: "Failed", Started: ago(9), Scope: scope},
			{Name: "c", Phase: "Completed", Started: ago(20), Scope: scope},
			{Name: "d", Schedule: "daily", Phase: "Completed", Started: ago(8), Scope: facts.VeleroScope{Claims: true, Namespaces: []string{"shop"}}},
			{Name: "e", Schedule: "daily", Phase: "Completed", Started: ago(30), Expires: ago(1), Scope: scope}}
	})
	if run := x.Run("hub", "daily"); run == nil || run.Name != "a" || run.Unnamed() != 5 || run.Named != 1 || run.Claims != 1 {
		t.Errorf("%+v", run)
	}
	if run := x.Run("hub", ""); run == nil || run.Name != "c" {
		t.Errorf("%+v", run)
	}
	if run := x.Run("hub", "weekly"); run != nil {
		t.Errorf("%+v", run)
	}
}

// TestLater: the order of runs is that in which they began, whenever their objects
// were created.
func TestLater(t *testing.T) {
	older := facts.VeleroBackup{Name: "nightly-20261119010000", Created: ago(1), Started: ago(35)}
	for name, newer := range map[string]facts.VeleroBackup{
		"found in the storage before it": {Name: "a", Created: ago(2), Started: ago(11)},
		"found with it":                  {Name: "a", Created: ago(1), Started: ago(11)},
		"no time of creation":            {Name: "a", Started: ago(11)},
		"refused before it began":        {Name: "a", Created: ago(11)},
		"of the same second, made later": {Name: "a", Created: ago(0), Started: ago(35)},
		"of the same second, by name":    {Name: "nightly-20261120010000", Created: ago(1), Started: ago(35)},
	} {
		if !backups.Later(&newer, &older) || backups.Later(&older, &newer) || backups.Later(&newer, &newer) {
			t.Errorf("%s: %+v is not later than %+v", name, newer, older)
		}
	}
}
