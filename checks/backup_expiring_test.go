package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestBackupExpiring(t *testing.T) { testCheck(t, backupExpiringCases) }

// livesFor gives Velero's backups that time to live.
func livesFor(ttl time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		v := &s.Kube.Velero
		v.Schedules[0].TTL = ttl
		for i := range v.Backups {
			v.Backups[i].Expires = v.Backups[i].Created.Add(ttl)
		}
		for i := range s.Kube.Backups {
			b := &s.Kube.Backups[i]
			for _, p := range []*facts.Point{&b.Newest, &b.Previous} {
				p.Expires = p.Time.Add(ttl - 40*time.Second)
			}
		}
	}
}

// weekly has Velero run on Fridays only, at one o'clock: last night and in a week.
func weekly(s *facts.Snapshot) {
	s.Kube.Velero.Schedules[0].Cron = "0 1 * * 5"
	for i := range s.Kube.Backups {
		s.Kube.Backups[i].Previous = facts.Point{}
	}
	s.Kube.Velero.Backups = []facts.VeleroBackup{*newestRun(&s.Kube.Velero)}
}

// byFile has Velero back up what is mounted, file by file.
func byFile(s *facts.Snapshot) {
	v := &s.Kube.Velero
	v.Schedules[0].Scope.FileSystem, v.Schedules[0].Scope.MoveData = true, false
	for i := range v.Backups {
		v.Backups[i].Scope = v.Schedules[0].Scope
	}
	for i := range s.Kube.Backups {
		s.Kube.Backups[i].System = facts.SystemVeleroFile
	}
}

// leftOut has Velero's last nights leave a claim out.
func leftOut(nights int, claim string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Backups {
			if b := &s.Kube.Backups[i]; b.Claim == claim {
				for _, p := range []*facts.Point{&b.Newest, &b.Previous} {
					p.Time, p.Expires = p.Time.AddDate(0, 0, -nights), p.Expires.AddDate(0, 0, -nights)
					p.Set = "nightly-" + p.Time.Format("20060102") + "010000"
				}
			}
		}
	}
}

// kept2h is the time to live with which a backup of one o'clock on Friday ends as
// the run of a week later has just been given its two hours.
const kept2h = 7*24*time.Hour + 2*time.Hour

var backupExpiringCases = cases{
	check: backupExpiring,
	fires: []damage{
		{name: "weekly, and kept for five days", change: changes(onlyBy(world.WithVelero), weekly, livesFor(5*24*time.Hour)),
			want: outcomes{"backup-expiring": "fail warning 1"}, summary: "Velero deletes the last backups of 11 homes of hub datahub from 2026-11-25 01:00 UTC on, in 4 days 13 h; the next run, of schedule nightly, is due at " +
				`2026-11-27 01:00 UTC and may take 2 h; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "the schedule was deleted", change: changes(onlyBy(world.WithVelero), inVelero(func(v *facts.Velero, _ time.Time) { v.Schedules = nil })),
			want: outcomes{"backup-expiring": "fail warning 1"}, summary: "Velero deletes the last backups of 11 homes of hub datahub from 2026-11-27 01:00 UTC on, in 6 days 13 h; no others will be made, as no schedule " +
				`covers them; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "file by file, and a home that is not mounted", change: changes(onlyBy(world.WithVelero), byFile, longUnused(idleHomes...), leftOut(4, idleHomes[0])),
			want: outcomes{"backup-expiring": "fail warning 1"}, summary: "Velero deletes the last backups of 1 home of hub datahub from 2026-11-23 01:00 UTC on, in 2 days 13 h; no others will be made, as they are not " +
				`mounted, and the next runs reach only what is; the home of "student-0006"`},
	},
	mustNotFire: []damage{
		{name: "nightly, kept for a week", change: changes(onlyBy(world.WithVelero))},
		{name: "Longhorn keeps its own", change: changes(world.WithVelero, weekly, livesFor(5*24*time.Hour))},
		{name: "file by file, and homes that were mounted last night", change: changes(onlyBy(world.WithVelero), byFile)},
		{name: "K8up keeps a number", change: changes(onlyBy(world.WithK8up))},
		{name: "one by hand lives on", change: changes(onlyBy(world.WithVelero), weekly, livesFor(5*24*time.Hour), inVelero(func(v *facts.Velero, now time.Time) {
			keep := v.Backups[0]
			keep.Name, keep.Schedule, keep.Expires = "keep", "", now.AddDate(0, 3, 0)
			v.Backups = append(v.Backups, keep)
		}))},
	},
	boundary: []damage{
		{name: "kept until the next run is over", change: changes(onlyBy(world.WithVelero), weekly, livesFor(kept2h)), values: map[string]any{"ahead": "240h"}},
		{name: "a second less", change: changes(onlyBy(world.WithVelero), weekly, livesFor(kept2h-time.Second)), values: map[string]any{"ahead": "240h"},
			want: outcomes{"backup-expiring": "fail warning 1"}, summary: "Velero deletes the last backups of 11 homes of hub datahub from 2026-11-27 02:59 UTC on, in 6 days 14 h; the next run, of schedule nightly, is due at " +
				`2026-11-27 01:00 UTC and may take 2 h; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
		{name: "more slack", change: changes(onlyBy(world.WithVelero), weekly, livesFor(kept2h)), values: map[string]any{"ahead": "240h", "slack": "3h"},
			want: outcomes{"backup-expiring": "fail warning 1"}, summary: "Velero deletes the last backups of 11 homes of hub datahub from 2026-11-27 03:00 UTC on, in 6 days 15 h; the next run, of schedule nightly, is due at " +
				`2026-11-27 01:00 UTC and may take 3 h; the homes of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`},
	},
	sourceFailed: []damage{
		{name: "Velero's data not readable", change: changes(world.WithVelero, failed(facts.VeleroDataUploads)), want: unknownWithout(facts.VeleroDataUploads, nil),
			summary: "source velero/datauploads could not be read: gave up after 30s"},
		{name: "claims not readable", change: failed(facts.KubeClaims), want: claimsUnknown(), summary: "source kube/claims could not be read: gave up after 30s"},
	},
}
