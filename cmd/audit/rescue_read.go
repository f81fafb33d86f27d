package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hubaudit/internal/audit"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/rescue"
	"hubaudit/internal/text"
	"hubaudit/report"
)

// validate checks flags and the mapping file before anything else is read.
func (r *rescuing) validate() ([]output, func() time.Time, error) {
	if r.into == "" || r.out == "" {
		return nil, nil, misusef("--into and --out are both needed: an empty database that the hub's own version made, and the new file")
	}
	outputs, err := parseFormats(r.outputs, report.RescueFormats)
	if err != nil {
		return nil, nil, err
	}
	var hubs []string
	if r.hub != "" {
		hubs = []string{r.hub}
	}
	clock, err := gatherFlags(r.cfg, hubs, r.timeout, r.at)
	if err != nil {
		return nil, nil, err
	}
	if r.hub == "" {
		if len(r.cfg.Hubs) != 1 {
			return nil, nil, misusef("--hub: name the hub to rescue, there are %d in %s", len(r.cfg.Hubs), r.cfg.File())
		}
		r.hub = r.cfg.Hubs[0].Name
	}
	if err := r.validatePlaces(); err != nil {
		return nil, nil, err
	}
	if r.mapping == "" {
		return outputs, clock, nil
	}
	data, err := os.ReadFile(r.mapping)
	if err != nil {
		return nil, nil, misusef("--mapping: %v", err)
	}
	if r.evidence.Mapping, err = rescue.ParseMapping(r.mapping, data); err != nil {
		return nil, nil, misuse{err}
	}
	return outputs, clock, nil
}

// validatePlaces looks at what is read and written: nothing that exists may be
// written to, and the hub's own database is not the empty one.
func (r *rescuing) validatePlaces() error {
	var err error
	if r.target, err = hubdb.ParseURL(r.into, ""); err != nil {
		return misusef("--into: %v", err)
	}
	sqlite := r.target.Engine == hubdb.SQLite
	switch {
	case sqlite && r.out == "-":
		return misusef("--out -: an SQLite database is written to a file: name a new one")
	case isURL(r.out):
		return misusef("--out is a file to write, not a URL")
	case r.propose != "" && r.propose == r.out:
		return misusef("--propose and --out name the same file")
	}
	if err := errors.Join(vacant("--out", r.out), vacant("--propose", r.propose)); err != nil {
		return err
	}
	hub := r.configured()
	own, err := hubdb.ParseURL(hub.Database, r.cfg.Dir())
	if hub.Database == "" || err != nil {
		return nil // the reading of it says what is wrong
	}
	if sameDatabase(r.target, own) {
		return misusef("--into is the hub's own database, which is only to be replaced: give an empty one that the hub's version made elsewhere")
	}
	if out, err := hubdb.ParseURL(r.out, ""); sqlite && err == nil && sameDatabase(out, own) {
		return misusef("--out is where the hub's own database was: write it elsewhere, and put it in place with the hub stopped")
	}
	return nil
}

func (r *rescuing) configured() *config.Hub {
	return &r.cfg.Hubs[slices.IndexFunc(r.cfg.Hubs, func(h config.Hub) bool { return h.Name == r.hub })]
}

func sameDatabase(a, b hubdb.URL) bool {
	if a.Engine != b.Engine {
		return false
	}
	if a.Engine != hubdb.SQLite {
		return a.Host == b.Host && a.Port == b.Port && a.Database == b.Database
	}
	x, errX := os.Stat(a.Path)
	y, errY := os.Stat(b.Path)
	if errX == nil && errY == nil {
		return os.SameFile(x, y)
	}
	p, errP := filepath.Abs(a.Path)
	q, errQ := filepath.Abs(b.Path)
	return errP == nil && errQ == nil && p == q
}

// read reads all evidence. What the operator named must be readable; the hub's
// own database is perhaps what was lost.
func (r *rescuing) read(ctx context.Context, clock func() time.Time) (err error) {
	hub := r.configured()
	i := slices.IndexFunc(r.cfg.Hubs, func(h config.Hub) bool { return h.Name == r.hub })
	if r.password, err = r.cfg.Secret(fmt.Sprintf("hubs[%d].databasePassword", i), hub.DatabasePassword, hub.DatabasePasswordFile); err != nil {
		r.lacking = err
	}
	if err := r.readInto(ctx); err != nil {
		return err
	}
	for _, backup := range r.backups {
		if err := r.readBackup(ctx, backup); err != nil {
			return err
		}
	}
	r.lacking = errors.Join(r.lacking, r.readHistory(ctx))
	progress := startProgress(r.common.err)
	r.snapshot, err = audit.Gather(ctx, r.cfg, audit.Options{Version: version(), Clock: clock, Timeout: r.timeout, Progress: progress.items})
	progress.stop()
	if err != nil {
		return err
	}
	claims, own := r.snapshot.Source(facts.KubeClaims), r.snapshot.Source(facts.HubDB(r.hub))
	r.tell("the cluster: %s", text.Count(claims.Items["claims"], "claim"))
	if own.Status == facts.OK {
		r.tell("the hub's present database: %s", text.Count(own.Items["users"], "user"))
	}
	if m := r.evidence.Mapping; m != nil {
		r.tell("the mapping file %s: %s", m.File, text.Count(len(m.Decisions), "decision")+", "+text.Count(len(m.Rules), "rule"))
	}
	return nil
}

func (r *rescuing) tell(format string, args ...any) {
	r.report.Evidence = append(r.report.Evidence, fmt.Sprintf(format, args...))
}

// readInto reads the columns of an empty database on a server. An SQLite file
// is looked at when it is copied.
func (r *rescuing) readInto(ctx context.Context) error {
	if r.target.Engine == hubdb.SQLite {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	result, err := hubdb.Read(ctx, hubdb.Options{URL: r.into, Password: r.password})
	switch {
	case err != nil:
		return fmt.Errorf("read the empty database %s: %w", r.target, err)
	case result.UsersRead != facts.Complete || result.SpawnersRead != facts.Complete:
		return fmt.Errorf("the database %s has no tables of a hub that could be read: let the hub's own version make them (docs/rescue.md)", r.target)
	case len(result.Users)+len(result.Spawners) > 0:
		return fmt.Errorf("the database %s is not empty: it has %s and %s; nothing is planned for it: let the hub's own version make an empty one (docs/rescue.md)",
			r.target, text.Count(len(result.Users), "user"), text.Count(len(result.Spawners), "server"))
	}
	r.database = result.Database
	return nil
}

func (r *rescuing) readBackup(ctx context.Context, backup string) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	where, name := backup, filepath.Base(backup)
	if isURL(backup) {
		u, err := hubdb.ParseURL(backup, "")
		if err != nil {
			return misusef("--backup: %v", err)
		}
		name = u.String()
	} else {
		file, remove, err := unpacked(ctx, backup)
		if err != nil {
			return fmt.Errorf("read the backup %s: %w", backup, err)
		}
		defer remove()
		if where, err = fileURL(file); err != nil {
			return err
		}
	}
	result, err := hubdb.Read(ctx, hubdb.Options{URL: where, Password: r.password})
	if err != nil {
		return fmt.Errorf("read the backup %s: %w", name, err)
	}
	if result.UsersRead == facts.None {
		damage := "there is no table users"
		if len(result.Database.Damage) > 0 {
			damage = result.Database.Damage[0].Message
		}
		return fmt.Errorf("read the backup %s: it holds no users: %s", name, damage)
	}
	r.evidence.Backups = append(r.evidence.Backups, rescue.Backup{Name: name, Hub: asHub(result)})
	r.tell("the backup %s: %s", name, text.Count(len(result.Users), "user"))
	for _, d := range result.Database.Damage {
		r.tell("the backup %s is damaged: %s", name, d.Message)
	}
	return nil
}

// fileURL names an SQLite file of any name.
func fileURL(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", path, err)
	}
	return "sqlite:///" + path, nil
}

func asHub(result hubdb.Result) *facts.Hub {
	return &facts.Hub{Database: result.Database, UsersRead: result.UsersRead, SpawnersRead: result.SpawnersRead, StatesRead: true,
		Users: result.Users, Spawners: result.Spawners, Servers: result.Servers}
}

// readHistory takes over whom the history remembers. It makes none.
func (r *rescuing) readHistory(ctx context.Context) error {
	where, err := audit.HistoryLocation(r.cfg)
	if err != nil {
		return err
	}
	there, err := history.Exists(ctx, where)
	if err == nil && !there {
		r.tell("the history: there is none yet")
		return nil
	}
	if err != nil {
		return err
	}
	store, err := history.Open(ctx, where)
	if err != nil {
		return err
	}
	defer store.Close()
	seen, err := store.Members(ctx, r.cfg.Cluster.Name, r.hub)
	if err != nil {
		return err
	}
	r.evidence.MembersHashed, r.evidence.LastGood = seen.Hashed, seen.LastGood
	if seen.Hashed {
		key, err := r.cfg.MembersKey()
		if err != nil {
			return err
		}
		if key != "" {
			r.evidence.Hash = seen.Hash(history.HashedNames(key))
		}
	}
	for _, m := range seen.Members {
		r.evidence.Members = append(r.evidence.Members, rescue.Member{Name: m.Name, ID: m.ID, Created: m.Created, Until: m.Until, Good: m.Good})
	}
	line := "the history: " + text.Count(len(seen.Members), "record") + " of who was a user"
	if !seen.LastGood.IsZero() {
		line += ", all was well last on " + text.Time(seen.LastGood)
	}
	r.tell("%s", line)
	return nil
}
