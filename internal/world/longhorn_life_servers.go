package world

import (
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// StartServer starts the server of a home's volume on a node.
func (l *LonghornLife) StartServer(volume, node string) {
	s, hub, v := l.Snapshot, l.Snapshot.Hubs[0], l.volume(volume)
	of := l.volumes[volume]
	sp := l.spawnerOf(v)
	if of.wanted != "" || sp == nil {
		return
	}
	of.wanted = node
	user := userOf(hub, sp)
	sp.ServerID = nextID(hub.Servers, func(s facts.Server) int64 { return s.ID })
	sp.Started, sp.LastActivity, user.LastActivity = s.Now, s.Now, s.Now
	hub.Servers = append(hub.Servers, facts.Server{ID: sp.ServerID, IP: sp.State.PodName, Port: 8888})
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: hub.Namespace, Name: sp.State.PodName, Phase: "Running", Node: node,
		Component: "singleuser-server", User: user.Name, Server: sp.Name, HasUser: true, KubeSpawnerVersion: "7.0.0", Created: s.Now, Claims: []string{v.ClaimName}})
	v.LastPodRefAt = 0
}

// StopServer stops the server that has a volume mounted or waits for it.
func (l *LonghornLife) StopServer(volume string) {
	s, hub, v := l.Snapshot, l.Snapshot.Hubs[0], l.volume(volume)
	of := l.volumes[volume]
	if of.wanted == "" {
		return
	}
	of.wanted = ""
	if v.State == "attached" && l.up(v.NodeID) {
		l.detach(v)
	}
	v.LastPodRefAt = facts.At(s.Now)
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return slices.Contains(p.Claims, v.ClaimName) })
	if sp := l.spawnerOf(v); sp != nil {
		hub.Servers = slices.DeleteFunc(hub.Servers, func(s facts.Server) bool { return s.ID == sp.ServerID })
		sp.ServerID, sp.Started, sp.LastActivity = 0, time.Time{}, s.Now
	}
}

func (l *LonghornLife) spawnerOf(v *facts.LHVolume) *facts.Spawner {
	hub := l.Snapshot.Hubs[0]
	i := slices.IndexFunc(hub.Spawners, func(sp facts.Spawner) bool { return sp.State.PVCName == v.ClaimName })
	if i < 0 {
		return nil
	}
	return &hub.Spawners[i]
}

// Runs tells whether a pod has a volume mounted or waits for it.
func (l *LonghornLife) Runs(volume string) bool { return l.volumes[volume].wanted != "" }

// Homes are the names of the volumes of users' homes.
func (l *LonghornLife) Homes() (names []string) {
	for i := range l.Snapshot.Longhorn.Volumes {
		if v := &l.Snapshot.Longhorn.Volumes[i]; l.spawnerOf(v) != nil {
			names = append(names, v.Name)
		}
	}
	return names
}

// NewHome is the first start of another user, or of one whose home is restored
// from a backup or cloned first. It returns the name of its volume.
func (l *LonghornLife) NewHome(from string) string {
	s := l.Snapshot
	hub := s.Hubs[0]
	b := builder{s: s, hub: hub, volumes: 0x100 + l.made, size: Size{Nodes: len(s.Kube.Nodes), Replicas: wantReplicas(s)}}
	l.made++
	number := 10_001 + 5*l.made // neither runs nor has a second server
	b.addUser(number)
	last := len(s.Longhorn.Volumes) - 1
	v, user, sp := &s.Longhorn.Volumes[last], &hub.Users[len(hub.Users)-1], &hub.Spawners[len(hub.Spawners)-1]
	user.ID = nextID(hub.Users[:len(hub.Users)-1], func(u facts.User) int64 { return u.ID })
	sp.UserID, sp.LastActivity = user.ID, s.Now
	user.Created, user.LastActivity = s.Now, s.Now
	s.Kube.Claims[len(s.Kube.Claims)-1].Created, s.Kube.Volumes[len(s.Kube.Volumes)-1].Created = s.Now, s.Now
	*v = facts.LHVolume{Name: v.Name, Created: facts.At(s.Now), State: "detached", Robustness: "unknown", WantReplicas: v.WantReplicas, DataEngine: "v1",
		DataLocality: "disabled", SizeBytes: v.SizeBytes, Image: v.Image, OfflineRebuilding: v.OfflineRebuilding, ClaimNamespace: v.ClaimNamespace,
		ClaimName: v.ClaimName, VolumeName: v.VolumeName}
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == v.Name })
	of := &volumeLife{}
	l.volumes[v.Name] = of
	for range v.WantReplicas {
		l.schedule(v)
	}
	switch from {
	case "backup":
		v.FromBackup, v.Restoring, of.wanted = "s3://backups@eu/?backup=backup-1&volume=other", true, s.Kube.Nodes[0].Name
	case "clone":
		v.CloneState, of.wanted = "initiated", s.Kube.Nodes[0].Name
	}
	return v.Name
}

// Filled ends the restoring or cloning of a volume.
func (l *LonghornLife) Filled(volume string) {
	v := l.volume(volume)
	v.Restoring = false
	if v.CloneState != "" {
		v.CloneState = "completed"
	}
	l.StopServer(volume)
}

// DeleteHome deletes a user whose server is stopped, and the volume with them.
func (l *LonghornLife) DeleteHome(volume string) {
	s, hub, v := l.Snapshot, l.Snapshot.Hubs[0], l.volume(volume)
	sp := *l.spawnerOf(v)
	hub.Spawners = slices.DeleteFunc(hub.Spawners, func(other facts.Spawner) bool { return other.UserID == sp.UserID })
	hub.Users = slices.DeleteFunc(hub.Users, func(u facts.User) bool { return u.ID == sp.UserID })
	l.ForgetReplicas(volume)
	RemoveClaim(s, v.ClaimNamespace, v.ClaimName)
	delete(l.volumes, volume)
}

// Volume and Replicas are the snapshot's own records, to be changed as an
// operator does; until time passes or another record is made.
func (l *LonghornLife) Volume(name string) *facts.LHVolume        { return l.volume(name) }
func (l *LonghornLife) Replicas(volume string) []*facts.LHReplica { return l.replicas(volume) }

// ForgetReplicas removes all records of a volume's replicas at once.
func (l *LonghornLife) ForgetReplicas(volume string) {
	for _, name := range l.replicaNames(volume) {
		l.DeleteReplica(name)
	}
}

func (l *LonghornLife) replicaNames(volume string) (names []string) {
	for _, r := range l.replicas(volume) {
		names = append(names, r.Name)
	}
	return names
}

// Restore gives a home what it held again, out of a backup.
func (l *LonghornLife) Restore(volume string) {
	of, v := l.volumes[volume], l.volume(volume)
	of.owed, v.ActualBytes = of.holds.made, 150<<20
}

// NewRelease upgrades Longhorn's engine of all volumes. That of an attached one
// is upgraded live: its replicas get new records for the same directories.
func (l *LonghornLife) NewRelease(image string) {
	s := l.Snapshot
	for i := range s.Longhorn.Replicas {
		r := &s.Longhorn.Replicas[i]
		if r.State == "running" {
			old := r.Name
			r.Name, r.Created = r.Volume+"-r-"+l.name(), facts.At(s.Now)
			if d := l.disk(r.NodeID, r.DiskID); d != nil {
				d.content[r.Name] = d.content[old]
				delete(d.content, old)
			}
			if of := l.volumes[r.Volume]; of.rebuilt == old {
				of.rebuilt = r.Name
			}
		}
	}
	for i := range s.Longhorn.Volumes {
		s.Longhorn.Volumes[i].Image = image
	}
	for i := range s.Longhorn.EngineImages {
		s.Longhorn.EngineImages[i].Image, s.Longhorn.EngineImages[i].Since = image, s.Now
	}
}
