package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// LonghornLife is a Longhorn cluster that lives: what happens to its nodes, disks
// and servers changes the records as Longhorn of its version does, minute by
// minute, and what really lies on each disk is kept beside them. Longhorn looks
// at the disks of attached volumes only; of a detached one it keeps what it last
// knew.
type LonghornLife struct {
	Snapshot *facts.Snapshot
	minor    int // of Longhorn 1.x
	// machines are those that are nodes, by name.
	machines map[string]*machine
	volumes  map[string]*volumeLife
	made     int // names that were given so far
	// run is the run of the recurring job that goes on, nil between two; ended the
	// one before, scheduled when the latest was due; hung that no backup ends.
	run       *nightRun
	ended     *facts.Job
	scheduled time.Time
	hung      bool
}

// machine is a node with its disks, each of which it keeps when it goes.
type machine struct {
	disks []*Disk
	back  time.Time // when it will be up again; zero: it is up
}

// Disk is a disk of Longhorn's, wherever it is.
type Disk struct {
	uuid    string
	content map[string]content // of replicas' directories, by the record's name
}

// content is the state of a volume's data. It differs after every write.
type content struct {
	made   int // how often the volume was formatted; 0: blank
	writes int
}

// volumeLife is the truth about a volume.
type volumeLife struct {
	// holds is what a reader finds who is served rightly, owed which of the
	// formattings holds the user's files.
	holds content
	owed  int
	// wanted is the node on which a pod waits for the volume or has it mounted.
	wanted string
	// rebuilt is the replica that is being filled, until done.
	rebuilt string
	done    time.Time
	used    time.Time // when a pod last had it mounted
	// backups are the good ones that are kept, the newest last.
	backups         []madeBackup
	failed, running *facts.Attempt
}

// How long things take.
const (
	rebuildTime = 7 * time.Minute
	// replenishWait is Longhorn's setting replica-replenishment-wait-interval: a
	// failed replica may come back before another one is made.
	replenishWait = 10 * time.Minute
	staleTimeout  = 48 * time.Hour // the volume's staleReplicaTimeout
	salvageLimit  = time.Minute    // replicas that failed so soon after each other are all taken back
)

// NewLonghornLife is a cluster of a version, such as v1.4.3, in which all is well.
func NewLonghornLife(size Size, version string) *LonghornLife {
	s := Healthy(size)
	FitLonghorn(s, version)
	l := &LonghornLife{Snapshot: s, minor: releaseOf(version).minor, machines: map[string]*machine{}, volumes: map[string]*volumeLife{}}
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		l.machines[n.Name] = &machine{disks: []*Disk{{uuid: n.Disks[0].UUID, content: map[string]content{}}}}
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		l.volumes[v.Name] = &volumeLife{holds: content{1, 1}, owed: 1, wanted: v.NodeID, used: v.LastPodRefAt.Time()}
	}
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		l.machines[r.NodeID].disks[0].content[r.Name] = content{1, 1}
	}
	l.rememberNights()
	return l
}

// Pass lets time go by, in which the controllers do their work every minute, at
// least as long as there is something to do.
func (l *LonghornLife) Pass(d time.Duration) {
	end := l.Snapshot.Now.Add(max(d, time.Minute))
	for n := 0; l.Snapshot.Now.Before(end); n++ {
		step := time.Minute
		if n > 0 && !l.moving() || n > maxMinutes {
			step = earliest(end, l.nextNight(l.Snapshot.Now)).Sub(l.Snapshot.Now)
			n = min(n, maxMinutes-nightMinutes)
		}
		l.Snapshot.Now = l.Snapshot.Now.Add(step)
		l.controlNodes()
		for i := range l.Snapshot.Longhorn.Volumes {
			l.control(&l.Snapshot.Longhorn.Volumes[i])
		}
		l.runJobs()
	}
	l.findOrphans()
	l.settle()
}

// maxMinutes is for how long something may move; what does so then is stuck, and
// looked at for nightMinutes each night.
const maxMinutes, nightMinutes = 3 * 60, 60

// moving tells whether something is under way that another minute changes.
func (l *LonghornLife) moving() bool {
	if l.run != nil && !l.hung {
		return true
	}
	for _, m := range l.machines {
		if !m.back.IsZero() {
			return true
		}
	}
	for i := range l.Snapshot.Longhorn.Volumes {
		v := &l.Snapshot.Longhorn.Volumes[i]
		waiting := v.Robustness == "degraded" && l.Snapshot.Now.Sub(v.LastDegradedAt.Time()) <= replenishWait
		if waiting || l.volumes[v.Name].rebuilt != "" || (l.volumes[v.Name].wanted != "") != (v.State == "attached") {
			return true
		}
	}
	return slices.ContainsFunc(l.Snapshot.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.EvictionRequested })
}

// settle puts the snapshot in order, with the database's backups of last night and
// what the kubelets measure now.
func (l *LonghornLife) settle() {
	s := l.Snapshot
	nightly(s, 10*time.Minute)
	OpenBackups(s.Hubs[0])
	s.Hubs[0].Database.Modified = s.Now.Add(-10 * time.Minute)
	s.Usage = nil
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		v := l.volume(c.VolumeName)
		if v == nil || v.State != "attached" || l.volumes[v.Name].wanted == "" {
			continue
		}
		used, inodes := int64(120<<20), int64(3500)
		if l.Formatted(v.Name) {
			used, inodes = 1<<20, 12
		}
		s.Usage = append(s.Usage, facts.Usage{Namespace: c.Namespace, Claim: c.Name, UsedBytes: used, CapacityBytes: c.RequestBytes,
			AvailableBytes: c.RequestBytes - used, Inodes: c.RequestBytes >> 14, InodesUsed: inodes, At: s.Now.Add(-30 * time.Second)})
	}
	l.recordJobs()
	for _, h := range s.Hubs {
		h.MetricUsers, h.MetricUsersAt = len(h.Users), s.Now.Add(-30*time.Second)
	}
	for i := range s.Longhorn.InstanceManagers {
		m := &s.Longhorn.InstanceManagers[i]
		if m.State = "running"; !l.up(m.NodeID) {
			m.State = "unknown"
		}
	}
	s.Longhorn.Salvages = slices.DeleteFunc(s.Longhorn.Salvages, func(e facts.LHSalvage) bool { return s.Now.Sub(e.At) > time.Hour }) // as Kubernetes does
	Settle(s)
}

// Copies is how many of the replicas that Longhorn would start have all that was
// written to the volume: on machines that are up, and on those that will be back.
func (l *LonghornLife) Copies(volume string) (up, away int) {
	for _, r := range l.replicas(volume) {
		if !useful(r) || !l.intact(r) {
			continue
		}
		if l.up(r.NodeID) {
			up++
		} else {
			away++
		}
	}
	return up, away
}

// Formatted tells whether the user's files were lost to a mount that formatted
// the volume.
func (l *LonghornLife) Formatted(volume string) bool {
	v := l.volumes[volume]
	return v.holds.made != v.owed
}

// Blank tells whether a reader of the volume would find nothing at all.
func (l *LonghornLife) Blank(volume string) bool { return l.served(l.volume(volume)).made == 0 }

// Fake tells whether a replica that Longhorn would start lies on its disk without
// what was written: it was rebuilt from one that had nothing.
func (l *LonghornLife) Fake(volume string) bool {
	return slices.ContainsFunc(l.replicas(volume), func(r *facts.LHReplica) bool {
		return useful(r) && l.disk(r.NodeID, r.DiskID) != nil && !l.intact(r)
	})
}

// Held tells whether a user ever wrote to a volume.
func (l *LonghornLife) Held(volume string) bool { return l.volumes[volume].owed > 0 }

// intact tells whether the directory of a replica lies where the record says, on
// a disk that is there, with all that was written.
func (l *LonghornLife) intact(r *facts.LHReplica) bool {
	d := l.disk(r.NodeID, r.DiskID)
	return d != nil && d.content[r.Name] == l.volumes[r.Volume].holds && l.volumes[r.Volume].holds.made > 0
}

// useful tells whether Longhorn would start a replica, and it was not blank when
// Longhorn last knew it.
func useful(r *facts.LHReplica) bool {
	return r.Deleting.IsZero() && r.Active && !r.HealthyAt.IsZero() && r.FailedAt.IsZero()
}

func (l *LonghornLife) up(node string) bool {
	m := l.machines[node]
	return m != nil && m.back.IsZero()
}

// disk is a machine's disk of that UUID, nil if it has none.
func (l *LonghornLife) disk(node, uuid string) *Disk {
	if m := l.machines[node]; m != nil {
		if i := slices.IndexFunc(m.disks, func(d *Disk) bool { return d.uuid == uuid }); i >= 0 {
			return m.disks[i]
		}
	}
	return nil
}

// volume is a volume's record, nil if there is none.
func (l *LonghornLife) volume(name string) *facts.LHVolume {
	list := l.Snapshot.Longhorn.Volumes
	if i := slices.IndexFunc(list, func(v facts.LHVolume) bool { return v.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// replicas are the records of a volume's replicas. They are the snapshot's own,
// until another one is made or deleted.
func (l *LonghornLife) replicas(volume string) (of []*facts.LHReplica) {
	for i := range l.Snapshot.Longhorn.Replicas {
		if r := &l.Snapshot.Longhorn.Replicas[i]; r.Volume == volume {
			of = append(of, r)
		}
	}
	return of
}

func (l *LonghornLife) kubeNode(name string) *facts.Node {
	list := l.Snapshot.Kube.Nodes
	if i := slices.IndexFunc(list, func(n facts.Node) bool { return n.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

func (l *LonghornLife) lhNode(name string) *facts.LHNode {
	list := l.Snapshot.Longhorn.Nodes
	if i := slices.IndexFunc(list, func(n facts.LHNode) bool { return n.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

// findOrphans notes the directories that no record owns any more on disks that
// Longhorn sees, and forgets those that are gone.
func (l *LonghornLife) findOrphans() {
	s := l.Snapshot
	if l.minor < 3 {
		return
	}
	was := s.Longhorn.Orphans
	s.Longhorn.Orphans = nil
	owned := map[string]bool{}
	for i := range s.Longhorn.Replicas {
		owned[s.Longhorn.Replicas[i].Name] = true
	}
	for i := range s.Longhorn.Nodes {
		n := &s.Longhorn.Nodes[i]
		for _, on := range n.Disks {
			d := l.disk(n.Name, on.UUID)
			if d == nil || !l.up(n.Name) {
				continue
			}
			for name := range d.content {
				if owned[name] {
					continue
				}
				o := facts.LHOrphan{Name: "orphan-" + name, Created: s.Now, Type: "replica", NodeID: n.Name,
					DataName: strings.Replace(name, "-r-", "-", 1), DiskName: on.Name, DiskUUID: on.UUID, DiskPath: on.Path}
				if i := slices.IndexFunc(was, func(w facts.LHOrphan) bool { return w.Name == o.Name && w.DiskUUID == o.DiskUUID }); i >= 0 {
					o.Created = was[i].Created
				}
				s.Longhorn.Orphans = append(s.Longhorn.Orphans, o)
			}
		}
	}
}

// name is one that nothing had yet, in eight hexadecimal digits.
func (l *LonghornLife) name() string {
	l.made++
	return fmt.Sprintf("%08x", 0xa0000000+l.made)
}
