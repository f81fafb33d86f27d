package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

const (
	// VeleroNamespace is where a world's Velero is, VeleroLocation the name of
	// its storage location.
	VeleroNamespace, VeleroLocation = "velero", "default"
	// NightlySchedule is the name of the schedule in Velero and in K8up.
	NightlySchedule = "nightly"
)

// WithVelero has Velero back up every claim of the hub's namespace at one
// o'clock, and keep seven nights: CSI snapshots whose data it moves to S3, so
// that volumes which are not mounted are among them. A home was restored as a
// test three days ago. Backups that the claims had before stay.
func WithVelero(s *facts.Snapshot) {
	scope := facts.VeleroScope{Namespaces: []string{Namespace}, Claims: true, MoveData: true}
	claims := claimsOfHub(s)
	v := &s.Kube.Velero
	v.Locations = append(v.Locations, facts.VeleroLocation{Namespace: VeleroNamespace, Name: VeleroLocation, Provider: "aws",
		URL: "s3://velero-backups/hub", Default: true, Phase: "Available", LastSyncedAt: s.Now.Add(-time.Minute), LastValidated: s.Now.Add(-30 * time.Second)})
	v.Schedules = append(v.Schedules, facts.VeleroSchedule{Namespace: VeleroNamespace, Name: NightlySchedule, Created: s.Now.AddDate(0, -6, 0), Cron: "0 1 * * *",
		Phase: "Enabled", LastBackup: nightAt(s, 0, time.Hour), TTL: veleroTTL, Location: VeleroLocation, Scope: scope})
	nights := make([]facts.Point, keptBackups)
	for day := range nights {
		at := nightAt(s, day, time.Hour)
		b := facts.VeleroBackup{Namespace: VeleroNamespace, Name: NightlySchedule + "-" + at.Format("20060102150405"), Schedule: NightlySchedule, Phase: "Completed",
			Created: at, Started: at, Completed: at.Add(20 * time.Minute), Expires: at.Add(veleroTTL), Location: VeleroLocation, Scope: scope, CSISnapshots: len(claims)}
		v.Backups = append(v.Backups, b)
		nights[day] = facts.Point{Name: b.Name, Time: at.Add(40 * time.Second), SizeBytes: 150 << 20, Expires: b.Expires, Set: b.Name, Target: VeleroLocation}
	}
	v.Restores = append(v.Restores, facts.VeleroRestore{Namespace: VeleroNamespace, Name: "drill", Backup: nights[len(nights)-1].Set, Phase: "Completed",
		Completed: s.Now.AddDate(0, 0, -3), Namespaces: []string{Namespace}})
	for _, c := range claims {
		s.Kube.Backups = append(s.Kube.Backups, seriesOf(facts.SystemVeleroData, c, nights))
	}
	Settle(s)
}

// veleroTTL is how long a world's Velero keeps a backup.
const veleroTTL = keptBackups * 24 * time.Hour

// WithK8up has K8up back up every claim of the hub's namespace at half past
// one, and keep seven nights. Backups that the claims had before stay.
func WithK8up(s *facts.Snapshot) {
	const repository = "s3:https://s3.example.org/k8up-backups"
	s.Kube.K8up.Schedules = append(s.Kube.K8up.Schedules, facts.K8upSchedule{Namespace: Namespace, Name: NightlySchedule, Cron: "30 1 * * *", URL: repository})
	for i, c := range claimsOfHub(s) {
		nights := make([]facts.Point, keptBackups)
		for day := range nights {
			nights[day] = facts.Point{Name: fmt.Sprintf("%06x%02x", i+1, day), Time: nightAt(s, day, 90*time.Minute+20*time.Second), Target: repository}
		}
		s.Kube.Backups = append(s.Kube.Backups, seriesOf(facts.SystemK8up, c, nights))
	}
	s.Kube.K8up.Succeeded = map[string]time.Time{Namespace: nightAt(s, 0, 90*time.Minute)}
	Settle(s)
}

// WithSnapshots gives every claim of the hub's namespace a CSI snapshot of each
// of the last two nights, taken at two o'clock and kept when its VolumeSnapshot
// is deleted. Backups that the claims had before stay.
func WithSnapshots(s *facts.Snapshot) {
	const class = "longhorn-snapshots"
	volumes := map[string]*facts.Volume{}
	for i := range s.Kube.Volumes {
		volumes[s.Kube.Volumes[i].Name] = &s.Kube.Volumes[i]
	}
	for _, c := range claimsOfHub(s) {
		for day := range 2 {
			at := nightAt(s, day, 2*time.Hour)
			name := c.Name + at.Format("-20060102")
			content := "snapcontent-" + madeUpUID("volumesnapshot", c.Namespace, name)
			s.Kube.Snapshots = append(s.Kube.Snapshots, facts.VolumeSnapshot{Namespace: c.Namespace, Name: name, Created: at, Claim: c.Name, Ready: true,
				Taken: at.Add(time.Second), RestoreBytes: c.RequestBytes, Class: class, Content: content})
			v := volumes[c.VolumeName]
			s.Kube.SnapshotContents = append(s.Kube.SnapshotContents, facts.SnapshotContent{Name: content, Driver: v.Driver, Handle: v.Handle,
				Namespace: c.Namespace, Snapshot: name, DeletionPolicy: "Retain", Ready: true, Taken: at.Add(time.Second), SizeBytes: c.RequestBytes})
		}
	}
	Settle(s)
}

// claimsOfHub are the claims of the hub's namespace that have a volume.
func claimsOfHub(s *facts.Snapshot) []*facts.Claim {
	var claims []*facts.Claim
	for i := range s.Kube.Claims {
		if c := &s.Kube.Claims[i]; c.Namespace == Namespace && c.Phase == "Bound" {
			claims = append(claims, c)
		}
	}
	return claims
}

// nightAt is a time of the day, some days ago; never later than now.
func nightAt(s *facts.Snapshot, daysAgo int, sinceMidnight time.Duration) time.Time {
	at := time.Date(s.Now.Year(), s.Now.Month(), s.Now.Day(), 0, 0, 0, 0, time.UTC).Add(sinceMidnight)
	if at.After(s.Now) {
		daysAgo++
	}
	return at.AddDate(0, 0, -daysAgo)
}

// seriesOf is a claim's row of some backups, newest first.
func seriesOf(system string, c *facts.Claim, points []facts.Point) facts.Series {
	return facts.Series{System: system, Namespace: c.Namespace, Claim: c.Name, Newest: points[0], Previous: points[1],
		Good: len(points), Oldest: points[len(points)-1].Time}
}

// sortBackupSystems sorts what was told to Velero and K8up.
func sortBackupSystems(k *facts.Kube) {
	v := &k.Velero
	slices.SortFunc(v.Backups, func(a, b facts.VeleroBackup) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(v.Schedules, func(a, b facts.VeleroSchedule) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(v.Locations, func(a, b facts.VeleroLocation) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(v.Restores, func(a, b facts.VeleroRestore) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(k.K8up.Schedules, func(a, b facts.K8upSchedule) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// sourceCount is how many objects a source has, and what one of them is called.
type sourceCount struct {
	name, item string
	n          int
}

// backupSystemCounts are those of Velero and K8up, where the cluster has them.
func backupSystemCounts(k *facts.Kube) []sourceCount {
	var counts []sourceCount
	if v := &k.Velero; hasVelero(k) {
		counts = []sourceCount{
			{facts.VeleroBackups, "backups", len(v.Backups)}, {facts.VeleroSchedules, "schedules", len(v.Schedules)},
			{facts.VeleroLocations, "backupstoragelocations", len(v.Locations)}, {facts.VeleroRestores, "restores", len(v.Restores)},
			{facts.VeleroVolumeBackups, "podvolumebackups", backupsOf(k, facts.SystemVeleroFile)},
			{facts.VeleroDataUploads, "datauploads", backupsOf(k, facts.SystemVeleroData)}}
	}
	if k8up := &k.K8up; hasK8up(k) {
		counts = append(counts, sourceCount{facts.K8upSchedules, "schedules", len(k8up.Schedules)},
			sourceCount{facts.K8upSnapshots, "snapshots", backupsOf(k, facts.SystemK8up)},
			sourceCount{facts.K8upBackups, "backups", len(k8up.Failed) + len(k8up.Running) + len(k8up.Succeeded)})
	}
	return counts
}

// backupsOf is how many objects the rows of a system were made of.
func backupsOf(k *facts.Kube, system string) int {
	n := 0
	for i := range k.Backups {
		if k.Backups[i].System == system {
			n += backupsIn(k.Backups[i : i+1])
		}
	}
	return n
}
