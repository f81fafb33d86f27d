package collect

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
)

// backups begins to read the places where copies of a hub's database lie.
// Those that a system in the cluster holds are filled by backupsFromCluster.
func (g *gatherer) backups(hub *facts.Hub, c *config.Hub) {
	hub.Backups = make([]facts.Backup, len(c.Backups))
	for i := range c.Backups {
		b := &c.Backups[i]
		hub.Backups[i] = backupOf(c, b)
		if inCluster(hub.Backups[i].Kind) {
			continue
		}
		g.readOne(facts.BackupSource(c.Name, b.Name), func(ctx context.Context) (map[string]int, func(), error) {
			copies, items, err := list(ctx, g.cfg, b)
			return items, func() { hub.Backups[i].Copies = copies }, err
		})
	}
}

// backupOf is what the configuration says of a backup.
func backupOf(h *config.Hub, b *config.Backup) facts.Backup {
	kind, location := b.Place()
	if inCluster(kind) {
		location = h.Namespace + "/" + location
	}
	return facts.Backup{Name: b.Name, Kind: kind, Location: location, Schedule: b.Schedule, TimeZone: b.TimeZone, MaxAge: b.MaxAge,
		CronJob: b.CronJob, Verify: b.Verify}
}

// inCluster tells the kinds of backups that are found among what was read of
// the cluster.
func inCluster(kind string) bool {
	return slices.Contains([]string{facts.BackupSnapshots, facts.BackupLonghorn, facts.BackupVelero, facts.BackupK8up, facts.BackupCronJob}, kind)
}

// location makes the location of a backup that lies outside of the cluster:
// files, objects or a managed database's own. counted may be nil.
func location(ctx context.Context, cfg *config.Config, b *config.Backup, counted func(n int)) (backup.Location, error) {
	return backup.NewLocation(ctx, backup.Options{Files: b.Files, CloudSQL: b.CloudSQL, BaseDir: cfg.Dir(),
		CredentialsFile: cfg.Path(b.CredentialsFile), Counted: counted})
}

// list finds the copies in a location, and counts those that it keeps and, if
// there are more, all.
func list(ctx context.Context, cfg *config.Config, b *config.Backup) ([]facts.BackupCopy, map[string]int, error) {
	all := 0
	l, err := location(ctx, cfg, b, func(n int) { all = n })
	if err != nil {
		return nil, nil, err
	}
	copies, err := l.List(ctx)
	items := map[string]int{"copies": len(copies)}
	if older := all - len(copies); older > 0 {
		items["older copies"] = older
	}
	return copies, items, errors.Join(err, l.Close())
}

// backupsFromCluster fills the backups that a system in the cluster holds, and
// takes the schedule of those that a CronJob makes from it.
func (g *gatherer) backupsFromCluster() {
	s := g.snapshot
	for _, hub := range s.Hubs {
		for i := range hub.Backups {
			b := &hub.Backups[i]
			scheduleFromCronJob(s, hub.Namespace, b)
			if !inCluster(b.Kind) {
				continue
			}
			var err error
			b.Copies, err = backup.FromCluster(s, b)
			s.Sources = append(s.Sources, source.Record(facts.BackupSource(hub.Name, b.Name), map[string]int{"copies": len(b.Copies)}, 0, err))
		}
	}
}

// backupsBesideDatabases notes which files lie on the volume that they are a
// backup of.
func (g *gatherer) backupsBesideDatabases() {
	if !g.inPod() {
		return
	}
	for i, hub := range g.snapshot.Hubs {
		db := &hub.Database
		if db.Engine != "sqlite" || db.InMemory || db.Location == "" {
			continue
		}
		for j := range hub.Backups {
			if b := &hub.Backups[j]; b.Kind == facts.BackupFiles && len(b.Copies) > 0 {
				folder := backup.Folder(g.cfg.Path(g.cfg.Hubs[i].Backups[j].Files))
				b.OnDatabaseVolume = hubdb.SameVolume(g.cfg.Path(db.Location), folder)
			}
		}
	}
}

// scheduleFromCronJob fills in what the configuration leaves to the CronJob.
func scheduleFromCronJob(s *facts.Snapshot, namespace string, b *facts.Backup) {
	if b.CronJob == "" || b.Schedule != "" {
		return
	}
	for i := range s.Kube.CronJobs {
		if c := &s.Kube.CronJobs[i]; c.Namespace == namespace && c.Name == b.CronJob {
			b.Schedule, b.TimeZone = c.Schedule, zoneOf(c)
		}
	}
}

// zoneOf is the time zone of a CronJob. A schedule that names its own keeps it.
func zoneOf(c *facts.CronJob) string {
	if strings.Contains(c.Schedule, "TZ=") {
		return ""
	}
	return c.TimeZone
}
