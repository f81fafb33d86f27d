package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

const (
	detachedSetting = "allow-recurring-job-while-volume-detached"
	lhTarget        = "backuptarget " + world.BackupTarget
)

// An API server says itself when something was made: two days before these worlds'
// time. So what hangs or failed did so then, and good backups before it are older.
const beforeAll = 80 * time.Hour

// lastNight makes the newest Longhorn backup of the homes of some users one of so
// long ago, or of all users' and the hub's.
func lastNight(s *facts.Snapshot, age time.Duration, users ...string) {
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if len(users) == 0 || slices.ContainsFunc(users, func(u string) bool { return v.ClaimName == "claim-"+u }) {
			world.LastBackup(s, v, s.Now.Add(-age))
		}
	}
	twoNights(s)
}

// twoNights leaves the two newest backups of each volume: with fewer objects the
// tests take less time.
func twoNights(s *facts.Snapshot) {
	for i := range s.Longhorn.Backups {
		if b := &s.Longhorn.Backups[i]; b.Good > 2 {
			b.Good, b.Oldest = 2, b.Previous.Time
		}
	}
}

// backedUpWorld is a small healthy world at a time, with two nights of backups.
func backedUpWorld(at time.Time) *facts.Snapshot {
	s := healthyWorld(world.Small)
	s.Now = at
	twoNights(s)
	world.Settle(s)
	return s
}

// inSeries changes the Longhorn backups of users' homes.
func inSeries(s *facts.Snapshot, change func(*facts.Series), users ...string) {
	for _, u := range users {
		volume := claimOf(s, u).VolumeName
		i := slices.IndexFunc(s.Longhorn.Backups, func(b facts.Series) bool { return b.Volume == volume })
		change(&s.Longhorn.Backups[i])
	}
}

// failed makes the first backups of users' homes ones that failed.
func failed(s *facts.Snapshot, reason string, users ...string) {
	lastNight(s, beforeAll, users...)
	for _, u := range users {
		world.LastBackup(s, lhVolumeOf(s, u), time.Time{})
		s.Longhorn.Backups = append(s.Longhorn.Backups, facts.Series{System: facts.SystemLonghorn, Volume: lhVolumeOf(s, u).Name,
			Failed: &facts.Attempt{Name: "backup-" + u, Phase: "Error", Error: reason, Since: s.Now.Add(-60 * time.Hour)}})
	}
}

// hangs gives users' homes a backup that does not end.
func hangs(s *facts.Snapshot, users ...string) {
	lastNight(s, beforeAll, users...)
	for _, u := range users {
		inSeries(s, func(b *facts.Series) {
			b.Running = &facts.Attempt{Name: "backup-" + u, Phase: "InProgress", Since: s.Now.Add(-60 * time.Hour)}
		}, u)
	}
}

// targetLost makes Longhorn's backup target one that has not answered since
// yesterday evening.
func targetLost(s *facts.Snapshot) {
	b := &s.Longhorn.BackupTargets[0]
	b.Available, b.Since, b.LastSyncedAt = false, s.Now.Add(-15*time.Hour), s.Now.Add(-15*time.Hour)
	b.Reason = "failed to list s3://AKID:hunter2@hub-backups: AccessDenied: Access Denied."
}

// makes adds the CronJob by which Longhorn runs its recurring job, and a Job.
func makes(s *facts.Snapshot, change func(*facts.CronJob, *facts.Job)) {
	at := time.Now().UTC().Truncate(time.Second)
	c := facts.CronJob{Namespace: longhornNamespace, Name: "nightly", Schedule: "30 2 * * *", LastSchedule: at, LastSuccess: at.Add(-24 * time.Hour)}
	j := facts.Job{Namespace: longhornNamespace, Name: "nightly-29384756", Owner: "nightly", Created: at}
	change(&c, &j)
	s.Kube.CronJobs, s.Kube.Jobs = append(s.Kube.CronJobs, c), append(s.Kube.Jobs, j)
}

var longhornBackups = []damage{
	{name: "the backup target cannot be reached", damage: targetLost,
		want: outcome{Status: 1, Fail: map[string][]string{"backup-target-unavailable critical": {lhTarget}}}},
	{name: "nobody looks into the backup target", damage: func(s *facts.Snapshot) { s.Longhorn.BackupTargets[0].LastSyncedAt = s.Now.Add(-73 * time.Hour) },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-target-unavailable critical": {lhTarget}}}},
	{name: "the backup target has no URL, and Longhorn forgot its backups", damage: func(s *facts.Snapshot) {
		world.NoBackups(s)
		s.Longhorn.BackupTargets[0].URL = ""
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-target-unset critical": {lhTarget}}}},
	{name: "the backup target is an NFS server in the cluster", damage: func(s *facts.Snapshot) {
		s.Longhorn.BackupTargets[0].URL = "nfs://nfs-server.storage.svc.cluster.local:/backups"
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-same-domain error": {"hub datahub"}}}},
	{name: "two homes have labels of no backup job", damage: func(s *facts.Snapshot) {
		lastNight(s, 72*time.Hour, "student-0003", "student-0004")
		for _, u := range []string{"student-0003", "student-0004"} {
			v := lhVolumeOf(s, u)
			v.Jobs = []string{"trim"}
		}
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-unscheduled error": {"hub datahub"}}}},
	{name: "a job that leaves out what is detached, one night", damage: func(s *facts.Snapshot) {
		s.Longhorn.Settings[detachedSetting] = "false"
		lastNight(s, 35*time.Hour, "student-0003", "student-0004")
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-skips-detached error": {"recurringjob nightly"}}}},
	{name: "a job that leaves out what is detached, and nobody was left out that was used", damage: func(s *facts.Snapshot) {
		s.Longhorn.Settings[detachedSetting] = "false"
	}},
	{name: "the job's CronJob is suspended", damage: func(s *facts.Snapshot) {
		lastNight(s, 72*time.Hour)
		makes(s, func(c *facts.CronJob, j *facts.Job) {
			c.Suspended, j.Completed, j.Succeeded = true, j.Created.Add(time.Hour), 1
		})
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-schedule-paused error": {"recurringjob nightly"}}}},
	{name: "two first backups failed", damage: func(s *facts.Snapshot) {
		failed(s, "failed to upload to s3://AKID:hunter2@hub-backups: no space", "student-0003", "student-0005")
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-failed error": {"backup backup-student-0003"}}}},
	{name: "backups failed, and Longhorn has deleted the failed ones", damage: func(s *facts.Snapshot) { lastNight(s, beforeAll, "student-0003", "student-0005") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-stale critical": {"claim claim-student-0003", "claim claim-student-0005"}}}},
	{name: "two backups hang", damage: func(s *facts.Snapshot) { hangs(s, "student-0003", "student-0005") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-stuck error": {"backup backup-student-0003"}}}},
	{name: "the job hangs, and blocks all others", damage: func(s *facts.Snapshot) {
		lastNight(s, beforeAll)
		makes(s, func(*facts.CronJob, *facts.Job) {})
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-stuck error": {"cronjob nightly"}}}},
	{name: "the job gave up", damage: func(s *facts.Snapshot) {
		lastNight(s, beforeAll)
		makes(s, func(_ *facts.CronJob, j *facts.Job) { j.Failed, j.FailedAt = 4, j.Created.Add(time.Hour) })
	}, want: outcome{Status: 1, Fail: map[string][]string{"backup-failed error": {"cronjob nightly"}, "backup-stale critical": homesOf(world.Healthy(world.Small))}}},
	{name: "a home's newest backup holds next to nothing", damage: func(s *facts.Snapshot) { shrink(s, "student-0003") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-size-collapse warning": {"claim " + claim3}}}},
	{name: "three homes' newest backups hold next to nothing", damage: func(s *facts.Snapshot) { shrink(s, "student-0003", "student-0004", "student-0006") },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-size-collapse error": {"hub datahub"}}}},
}

func lhVolumeOf(s *facts.Snapshot, user string) *facts.LHVolume {
	name := claimOf(s, user).VolumeName
	return &s.Longhorn.Volumes[slices.IndexFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.Name == name })]
}

// homesOf are the claims of all users, as subjects.
func homesOf(s *facts.Snapshot) (subjects []string) {
	for _, c := range s.Kube.Claims {
		if c.HasUser {
			subjects = append(subjects, "claim "+c.Name)
		}
	}
	return subjects
}

// shrink makes the newest backups of users' homes much smaller than those before.
func shrink(s *facts.Snapshot, users ...string) {
	inSeries(s, func(b *facts.Series) { b.Newest.SizeBytes = 10 << 20 }, users...)
}

// TestLonghornBackups breaks Longhorn's backups in one way after another, and
// audits with no more rights than the chart's.
func TestLonghornBackups(t *testing.T) {
	st := mainStage(t)
	s := backedUpWorld(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	st.breakEach(t, p, backedUpWorld, outcome{}, longhornBackups)
}

// TestLonghornBackupsOfOld does so with Longhorn 1.2, whose records are v1beta1.
func TestLonghornBackupsOfOld(t *testing.T) {
	st := oldStage(t)
	healthy := func(at time.Time) *facts.Snapshot {
		s := backedUpWorld(at)
		world.FitLonghorn(s, "v1.2.4")
		return s
	}
	s := healthy(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	always := longhorn12()
	p.audit(t).expect(t, beside(always, outcome{Skipped: firstRun}))
	only := []string{"the backup target cannot be reached", "two homes have labels of no backup job", "two first backups failed", "two backups hang"}
	st.breakEach(t, p, healthy, always, slices.DeleteFunc(slices.Clone(longhornBackups), func(d damage) bool { return !slices.Contains(only, d.name) }))
}

// TestEightyEightDays is rwlove/home-ops#13545: a nightly job has run for 88 days
// and ended well each time, everybody's volume is attached by day and detached at
// night, and the setting that would attach it for the job is at its default. So
// nobody but who worked through a night was ever backed up, and nothing shows it.
func TestEightyEightDays(t *testing.T) {
	for _, c := range []struct {
		name, version, api, value string
		stage                     func(*testing.T) *stage
		always                    outcome
	}{
		{"the setting is false", "v1.12.1", "longhorn.io/v1beta2", "false", mainStage, outcome{}},
		{"the setting is not there", "v1.2.4", "longhorn.io/v1beta1", "", oldStage, longhorn12()},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The API server says when the job was made: so this is in the future.
			now := world.Now.AddDate(0, 0, 87)
			st, s := c.stage(t), neglected(now)
			if s.Longhorn.Settings[detachedSetting] = c.value; c.value == "" {
				delete(s.Longhorn.Settings, detachedSetting)
			}
			world.FitLonghorn(s, c.version)
			st.become(t, s)
			p := newSite(t, s, st.chartAccount(t), "")
			first := p.audit(t)
			first.expect(t, beside(c.always, outcome{Status: 1, Skipped: firstRun,
				Fail: map[string][]string{"backup-skips-detached critical": {"recurringjob nightly"}}}))
			expectNeglect(t, first, s)

			if c.value == "" { // an operator would find it, at its default
				s.Longhorn.Settings[detachedSetting] = "false"
				st.become(t, s)
			}
			st.runAsTold(t, first, c.api)
			s = neglected(now.AddDate(0, 0, 1))
			s.Longhorn.Settings[detachedSetting] = "true"
			for i := range s.Longhorn.Volumes { // what the job does with it
				world.BackUp(s, &s.Longhorn.Volumes[i], s.Now.Truncate(24*time.Hour).Add(150*time.Minute))
			}
			world.FitLonghorn(s, c.version)
			st.become(t, s)
			p.at = s.Now
			p.writeDatabase(t, s)
			p.writeBackups(t, s)
			after := p.audit(t)
			after.expect(t, c.always)
			if got := after.incidents("resolved"); !slices.Equal(got, []string{"backup-skips-detached"}) {
				t.Errorf("the night resolved %v", got)
			}
		})
	}
}

// neglected is a small hub at a time, of which only those homes have a backup whose
// users worked through the job's first night.
func neglected(now time.Time) *facts.Snapshot {
	s := worldAt(now)
	s.Longhorn.RecurringJobs[0].Executions = 88
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if v.ClaimName == world.HubClaim {
			continue // which is attached at night
		}
		world.LastBackup(s, v, time.Time{})
		if i%3 != 0 {
			world.BackUp(s, v, world.Now.AddDate(0, 0, -1).Truncate(24*time.Hour).Add(150*time.Minute))
		}
	}
	world.Settle(s)
	return s
}

// worldAt is a small healthy world at another time than all others.
func worldAt(now time.Time) *facts.Snapshot {
	usual := world.Now
	defer func() { world.Now = usual }()
	world.Now = now
	return healthyWorld(world.Small)
}

// expectNeglect holds that the finding says whose homes have no current backup, how
// old the oldest is, and what to do.
func expectNeglect(t *testing.T, r *run, s *facts.Snapshot) {
	t.Helper()
	f := r.finding(t, "backup-skips-detached")
	for _, c := range s.Kube.Claims {
		if c.HasUser && (!strings.Contains(f.Details["claims"], c.Namespace+"/"+c.Name) || !strings.Contains(f.Details["users"], fmt.Sprintf("%q", c.User))) {
			t.Errorf("%s of %s is not named: %v", c.Name, c.User, f.Details)
		}
	}
	for _, want := range []string{"(30 2 * * *) leaves out volumes that are not attached", "11 of 11 homes", "88 days", "3 have none"} {
		if !strings.Contains(f.Message, want) {
			t.Errorf("%q is not in %s", want, f.Message)
		}
	}
	expectWords(t, r, "backup-skips-detached", detachedSetting+" --type=merge")
}

// finding is the only one of a check.
func (r *run) finding(t *testing.T, check string) finding {
	t.Helper()
	for _, v := range r.report.Verdicts {
		if v.Check == check && len(v.Findings) == 1 {
			return v.Findings[0]
		}
	}
	t.Fatalf("%s has not one finding", check)
	return finding{}
}

// runAsTold runs the command that the finding gives.
func (st *stage) runAsTold(t *testing.T, r *run, api string) {
	t.Helper()
	words := strings.Fields(strings.ReplaceAll(r.finding(t, "backup-skips-detached").Details["command"], "'", ""))
	if len(words) < 2 || words[0] != "kubectl" {
		t.Fatalf("there is no command to run: %v", words)
	}
	st.kubectl(t, "", words[1:]...)
	setting := st.Get(t, object{"apiVersion": api, "kind": "Setting",
		"metadata": object{"name": detachedSetting, "namespace": longhornNamespace}})
	if setting["value"] != "true" {
		t.Errorf("the command leaves the setting at %v", setting["value"])
	}
}
