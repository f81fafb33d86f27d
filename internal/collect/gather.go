// Package collect reads every source of one run at the same time and puts what
// it read into a snapshot. It and the packages below it are the only code
// that does input; what cannot be read becomes a source's status, never an error.
package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hubaudit/internal/collect/dump"
	"hubaudit/internal/collect/homes"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Options of a gathering.
type Options struct {
	// Now is the run's time.
	Now time.Time
	// Clock measures how long sources take. With a clock that stands still
	// nothing takes any time, so that the same input gives the same snapshot.
	Clock func() time.Time
	// Timeout bounds each source.
	Timeout time.Duration
	// UserAgent names the audit to the Kubernetes API.
	UserAgent string
	// Progress is told of items as they are read, from several goroutines at
	// once; may be nil.
	Progress func(source string, items int)
}

// Gather reads all configured sources.
func Gather(ctx context.Context, cfg *config.Config, o Options) *facts.Snapshot {
	if o.Progress == nil {
		o.Progress = func(string, int) {}
	}
	start := o.Clock()
	g := &gatherer{ctx: ctx, cfg: cfg, o: o, snapshot: &facts.Snapshot{Now: o.Now, ClusterName: cfg.Cluster.Name}}
	for i := range cfg.Hubs {
		g.hub(&cfg.Hubs[i])
		g.hubAPI(i)
	}
	g.cluster()
	g.prometheus()
	g.wait.Wait()
	kube.ForgetInterned()
	g.usersFromAPI()
	resolveNaming(g.snapshot)
	g.backupsFromCluster()
	g.backupsBesideDatabases()
	s := g.snapshot
	if o.Clock().Equal(start) {
		for i := range s.Sources {
			s.Sources[i].Duration = 0
		}
	}
	slices.SortFunc(s.Sources, func(a, b facts.Source) int { return strings.Compare(a.Name, b.Name) })
	return s
}

type gatherer struct {
	ctx      context.Context
	cfg      *config.Config
	o        Options
	wait     sync.WaitGroup
	mu       sync.Mutex // guards snapshot.Sources while sources are read
	snapshot *facts.Snapshot
}

// reading is what a reader brought back: the status of its sources, and how to
// put the facts into the snapshot.
type reading struct {
	sources []facts.Source
	keep    func()
}

// grace is how long a reader may take to notice that its deadline has passed.
const grace = 2 * time.Second

// read runs a reader beside the others, with its own deadline. A reader that
// does not even notice its deadline, as one that hangs in a dead network file
// system, is left behind: what it may still read is dropped.
func (g *gatherer) read(late func(error) []facts.Source, reader func(ctx context.Context) reading) {
	g.wait.Go(func() {
		ctx, cancel := context.WithTimeout(g.ctx, g.o.Timeout)
		defer cancel()
		done := make(chan reading, 1)
		go func() { done <- reader(ctx) }()
		select {
		case r := <-done:
			g.keep(r)
			return
		case <-ctx.Done():
		}
		select {
		case r := <-done:
			g.keep(r)
		case <-time.After(grace):
			g.add(late(source.Failed(facts.CauseTimeout, nil, "no answer within %s (--timeout): look whether its disk, network file system or server hangs", g.o.Timeout))...)
		}
	})
}

func (g *gatherer) keep(r reading) {
	r.keep()
	g.add(r.sources...)
}

// readOne is read for a reader of a single source.
func (g *gatherer) readOne(name string, reader func(ctx context.Context) (items map[string]int, keep func(), err error)) {
	start := g.o.Clock()
	record := func(items map[string]int, err error) []facts.Source {
		return []facts.Source{source.Record(name, items, g.o.Clock().Sub(start), err)}
	}
	g.read(func(err error) []facts.Source { return record(nil, err) }, func(ctx context.Context) reading {
		items, keep, err := reader(ctx)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = source.Failed(facts.CauseTimeout, err, "gave up after %s (--timeout)", g.o.Timeout)
		}
		return reading{sources: record(items, err), keep: keep}
	})
}

func (g *gatherer) add(sources ...facts.Source) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snapshot.Sources = append(g.snapshot.Sources, sources...)
	for _, s := range sources {
		g.o.Progress(s.Name, s.Total())
	}
}

func (g *gatherer) hub(c *config.Hub) {
	hub := &facts.Hub{Name: c.Name, Namespace: c.Namespace, CullUsers: c.CullUsers, OtherClaims: c.OtherClaims,
		KubeSpawner: g.kubespawner(&c.KubeSpawner)}
	g.snapshot.Hubs = append(g.snapshot.Hubs, hub)
	g.readOne(facts.HubDB(c.Name), func(ctx context.Context) (map[string]int, func(), error) {
		if c.Database == "" {
			return nil, func() {}, source.Absent("hub %s has no database in the configuration", c.Name)
		}
		r, err := g.readDatabase(ctx, c)
		return r.Items(), func() {
			hub.Database, hub.Users, hub.Spawners, hub.Servers = r.Database, r.Users, r.Spawners, r.Servers
			hub.UsersRead, hub.SpawnersRead, hub.StatesRead = r.UsersRead, r.SpawnersRead, true
		}, err
	})
	g.homes(hub)
	g.backups(hub, c)
}

// inPod tells whether the audit runs beside the hub: a pod has the hub's volume
// mounted, and nothing else is mounted where the database lies. A recorded
// world's database lies wherever it was copied to.
func (g *gatherer) inPod() bool {
	return os.Getenv("KUBERNETES_SERVICE_HOST") != "" && g.cfg.Cluster.Dump == ""
}

// homes lists the home directories of a hub that has them on one claim.
func (g *gatherer) homes(hub *facts.Hub) {
	h := &hub.KubeSpawner.Homes
	if h.Claim == "" {
		return
	}
	g.readOne(facts.HomesSource(hub.Name), func(ctx context.Context) (map[string]int, func(), error) {
		in, ok := kubespawner.HomesIn(h.SubPath, hub.Namespace)
		switch {
		case h.Location == "":
			return nil, func() {}, source.Absent("hub %s has no kubespawner.homes.directory in the configuration", hub.Name)
		case !ok:
			return nil, func() {}, source.Absent("all servers of hub %s mount the directory %q", hub.Name, h.SubPath)
		}
		names, err := homes.List(ctx, h.Location, in)
		return map[string]int{"directories": len(names)}, func() { h.Names = names }, err
	})
}

func (g *gatherer) readDatabase(ctx context.Context, c *config.Hub) (hubdb.Result, error) {
	i := slices.IndexFunc(g.cfg.Hubs, func(h config.Hub) bool { return h.Name == c.Name })
	password, err := g.cfg.Secret(fmt.Sprintf("hubs[%d].databasePassword", i), c.DatabasePassword, c.DatabasePasswordFile)
	if err != nil {
		return hubdb.Result{}, source.Failed(facts.CauseUnreadable, err, "the password of the hub's database cannot be read")
	}
	r, err := hubdb.Read(ctx, hubdb.Options{URL: c.Database, BaseDir: g.cfg.Dir(), Password: password, OwnVolume: g.inPod()})
	if r.Database.Disk.CapacityBytes > 0 {
		r.Database.Disk.At = g.o.Now
	}
	return r, err
}

// cluster reads the Kubernetes API or a recording of it.
func (g *gatherer) cluster() {
	s := g.snapshot
	if path := g.cfg.Cluster.Dump; path != "" {
		g.read(unreachable, func(ctx context.Context) reading {
			kubeFacts, longhornFacts, sources := dump.Read(ctx, g.cfg.Path(path), g.cfg.Longhorn.Namespace)
			return reading{sources, func() { s.Kube, s.Longhorn = kubeFacts, longhornFacts }}
		})
		return
	}
	client, err := kube.Connect(kube.Options{Context: g.cfg.Cluster.Context, UserAgent: g.o.UserAgent, Progress: g.o.Progress})
	if err != nil {
		g.add(unreachable(err)...)
		return
	}
	g.read(kube.Unreachable, func(ctx context.Context) reading {
		kubeFacts, sources := client.Read(ctx)
		return reading{sources, func() { s.Kube = kubeFacts }}
	})
	g.read(longhorn.Unreachable, func(ctx context.Context) reading {
		longhornFacts, sources := longhorn.Read(ctx, client, g.cfg.Longhorn.Namespace)
		return reading{sources, func() { s.Longhorn = longhornFacts }}
	})
}

// unreachable is the status of everything in the cluster when nothing can be read.
func unreachable(err error) []facts.Source {
	return append(kube.Unreachable(err), longhorn.Unreachable(err)...)
}
