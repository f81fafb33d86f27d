package collect

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/backup"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/verify"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
)

const (
	// openTimeout bounds fetching and opening one copy, allOpenTimeout those of a
	// run: what there was no time for comes first in the next, which does not open
	// again what was found good.
	openTimeout    = 10 * time.Minute
	allOpenTimeout = 15 * time.Minute
	// trusted is how long a copy that was tested good is not fetched again.
	trusted = 7 * 24 * time.Hour
	// unsettled is how young a file may be that is still being written although
	// its name and size tell nothing.
	unsettled = 15 * time.Minute
	// skew is how far in the future a copy may be dated by another clock.
	skew = 5 * time.Minute
)

// OpenBackups opens the newest copy of each location of copies of a hub's
// database that can be opened and is not excepted, and notes in the snapshot
// what that showed. It comes after Gather and needs the snapshot's Past: a copy
// that an earlier run tested good is taken as it was. Copies are opened one
// after the other, those of the hubs that are wanted.
func OpenBackups(ctx context.Context, cfg *config.Config, s *facts.Snapshot, wanted func(hub *facts.Hub) bool) {
	ctx, cancel := context.WithTimeout(ctx, allOpenTimeout)
	defer cancel()
	for i, hub := range s.Hubs {
		if !wanted(hub) {
			continue
		}
		for j := range hub.Backups {
			b := &hub.Backups[j]
			openable := b.Kind == facts.BackupFiles || b.Kind == facts.BackupObjects
			if !openable || b.Verify != facts.VerifyOpen && b.Verify != facts.VerifyRestore {
				continue
			}
			op := opener{cfg: cfg, s: s, hub: hub, backup: b, hubAt: i, backupAt: j}
			op.newest(ctx)
		}
	}
}

// opener opens the copies of one location.
type opener struct {
	cfg             *config.Config
	s               *facts.Snapshot
	hub             *facts.Hub
	backup          *facts.Backup
	hubAt, backupAt int // in the configuration
}

func (o *opener) config() *config.Backup { return &o.cfg.Hubs[o.hubAt].Backups[o.backupAt] }

// newest opens the newest copy that looks good. A file that was finished only
// just now and turns out bad may not be finished at all: then the next older one
// is opened.
func (o *opener) newest(ctx context.Context) {
	for _, c := range o.backup.Copies {
		if !c.Ready || c.Error != "" || c.Time.After(o.s.Now.Add(skew)) {
			continue
		}
		opened := o.open(ctx, c)
		age := o.s.Now.Sub(c.Time)
		if opened.Fault == "" || o.backup.Kind != facts.BackupFiles || age >= unsettled {
			o.backup.Opened = &opened
			return
		}
		if o.backup.Opened == nil {
			opened.Skipped = fmt.Sprintf("the copy %q is %s old and may still be written: it was found %s (%s), which counts once it is %s old",
				c.Name, age.Round(time.Second), opened.Fault, opened.Detail, unsettled)
			opened.Fault, opened.Detail, opened.Content = "", "", nil
			o.backup.Opened = &opened
		}
	}
}

func (o *opener) open(ctx context.Context, c facts.BackupCopy) facts.Opened {
	mark := o.s.Past.Marks[facts.SeriesKey{Hub: o.hub.Name, Name: facts.MarkTested + o.backup.Name}]
	id, _, level := facts.ParseTestedMark(mark.Value)
	if id == c.ID() && (level == o.backup.Verify || level == facts.VerifyRestore) && o.s.Now.Sub(mark.Until) < trusted {
		return facts.Opened{Copy: c, Level: level, Known: true, KnownAt: mark.Until}
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	opened, err := o.fetch(ctx, c)
	if err != nil {
		return facts.Opened{Copy: c, Level: facts.VerifyOpen, Unreadable: true, Skipped: fmt.Sprintf("the copy %q was not fetched: %v", c.Name, err)}
	}
	return opened
}

func (o *opener) fetch(ctx context.Context, c facts.BackupCopy) (facts.Opened, error) {
	b := o.config()
	password, err := o.cfg.Secret(fmt.Sprintf("hubs[%d].backups[%d].scratchPassword", o.hubAt, o.backupAt), b.ScratchPassword, b.ScratchPasswordFile)
	if err != nil {
		return facts.Opened{}, err
	}
	location, err := location(ctx, o.cfg, b, nil)
	if err != nil {
		return facts.Opened{}, err
	}
	opened := verify.Copy(ctx, verify.Options{
		Copy: c,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return location.Open(ctx, c) },
		Beside: func(_ context.Context, suffix string) (io.ReadCloser, error) {
			return backup.OpenBeside(location, c, suffix)
		},
		Level:    o.backup.Verify,
		MaxBytes: b.MaxBytes,
		Scratch:  verify.Scratch{URL: b.Scratch, Password: password, BaseDir: o.cfg.Dir(), Refused: refused(o.cfg, b.Scratch), Audited: audited(o.cfg, o.backup.Verify)},
		Live:     o.hub,
	})
	_ = location.Close() // nothing was written that this could lose
	return opened, nil
}

// audited are the databases that a scratch database must not be, where one is
// used.
func audited(cfg *config.Config, level string) (all []verify.Audited) {
	if level != facts.VerifyRestore {
		return nil
	}
	for i := range cfg.Hubs {
		h := &cfg.Hubs[i]
		// Without the password the hub's database does not answer, and nothing is
		// restored; its own source says why.
		password, _ := cfg.Secret(fmt.Sprintf("hubs[%d].databasePassword", i), h.DatabasePassword, h.DatabasePasswordFile)
		all = append(all, verify.Audited{Hub: h.Name, Database: hubdb.Options{URL: h.Database, BaseDir: cfg.Dir(), Password: password}})
	}
	return all
}

// refused says why a scratch database must not be used: it is one that is
// audited.
func refused(cfg *config.Config, scratch string) string {
	s, err := hubdb.ParseURL(scratch, cfg.Dir())
	if scratch == "" || err != nil {
		return "" // said where it is used
	}
	i := slices.IndexFunc(cfg.Hubs, func(h config.Hub) bool {
		u, err := hubdb.ParseURL(h.Database, cfg.Dir())
		return err == nil && place(u) == place(s)
	})
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("the scratch database is that of hub %q: give one that nobody uses", cfg.Hubs[i].Name)
}

// place is where a database is, whoever connects to it and how.
func place(u hubdb.URL) string {
	port := u.Port
	if port == 0 {
		port = map[string]int{hubdb.PostgreSQL: 5432, hubdb.MySQL: 3306}[u.Engine]
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ".")
	if host == "" || host == "127.0.0.1" || host == "::1" {
		host = "localhost"
	}
	return fmt.Sprintf("%s %s:%d/%s", u.Engine, host, port, u.Database)
}
