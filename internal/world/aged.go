package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Era is the time in which a hub ran one release of Zero to JupyterHub.
type Era struct {
	Chart string
	From  time.Time
}

// Eras are the releases that the hub of Aged has been through.
var Eras = []Era{
	{"0.3.1", time.Date(2017, 3, 1, 9, 0, 0, 0, time.UTC)},
	{"0.9.1", time.Date(2020, 5, 4, 9, 0, 0, 0, time.UTC)},
	{"1.2.0", time.Date(2021, 11, 8, 9, 0, 0, 0, time.UTC)},
	{"3.3.8", time.Date(2024, 8, 5, 9, 0, 0, 0, time.UTC)},
	{"4.4.0", time.Date(2026, 8, 3, 9, 0, 0, 0, time.UTC)},
}

// Life is a hub that lives through releases of its chart: what its users do is
// done the way the KubeSpawner of the day did it, so that claims, labels,
// states and names are those of a hub of its age.
type Life struct {
	Snapshot *facts.Snapshot
	Hub      *facts.Hub
	namer    *kubespawner.Namer // of claims
	pods     *kubespawner.Namer
	version  kubespawner.Version
	chart    string
	at       time.Time
}

// NewLife is a hub without users on the first day of its first chart.
func NewLife(first Era) *Life {
	s := Healthy(Size{Nodes: 4, Replicas: 3})
	MoveTo(s, first.From)
	l := &Life{Snapshot: s, Hub: s.Hubs[0]}
	l.Upgrade(first)
	return l
}

// Upgrade installs a release of the chart. Servers that run keep running.
func (l *Life) Upgrade(era Era) {
	chart := l.run(era.Chart)
	if !l.version.AtLeast(0, 10, 0) && chart.KubeSpawner.AtLeast(0, 10, 0) {
		// JupyterHub 0.9 began to write it down, and gave it to all who were there.
		for i := range l.Hub.Users {
			l.Hub.Users[i].Created = era.From
		}
	}
	l.version, l.at = chart.KubeSpawner, era.From
	k := &l.Hub.KubeSpawner
	k.Version, k.Chart, k.PVCNameTemplate = chart.KubeSpawner.String(), era.Chart, chart.Template
	hubImage(l.Snapshot, l.Hub, "quay.io/jupyterhub/k8s-hub:"+era.Chart)
}

// run names claims and pods as a release of the chart does.
func (l *Life) run(release string) kubespawner.Chart {
	chart, err := kubespawner.ChartOf(release)
	if err != nil {
		panic(err)
	}
	if l.namer, err = chart.Scheme().Compile(); err != nil {
		panic(err)
	}
	// The chart never set the template of pods.
	pods := kubespawner.Scheme{Version: chart.KubeSpawner, Template: "jupyter" + strings.TrimPrefix(kubespawner.DefaultTemplate(chart.KubeSpawner), "claim")}
	if l.pods, err = pods.Compile(); err != nil {
		panic(err)
	}
	l.chart = release
	return chart
}

// Join creates users a day after what happened last.
func (l *Life) Join(names ...string) {
	l.at = l.at.Add(24 * time.Hour)
	for _, name := range names {
		u := facts.User{ID: nextID(l.Hub.Users, func(u facts.User) int64 { return u.ID }), Name: name, Created: l.at, LastActivity: l.at, Cookie: facts.CookieUnique}
		l.Hub.Users = append(l.Hub.Users, u)
	}
}

// Use starts a server and stops it an hour later.
func (l *Life) Use(user, server string) {
	l.Start(user, server)
	l.Stop(user, server)
}

// Start starts a server and leaves it running. It returns the claim that the
// server mounts, and whether that was made for it.
func (l *Life) Start(user, server string) (claim string, fresh bool) {
	u, sp := l.user(user), l.spawner(user, server)
	l.at = l.at.Add(time.Hour)
	claim = l.mounts(u, sp)
	if fresh = !l.has(claim); fresh {
		l.addClaim(claim, user, server)
	}
	if l.version.AtLeast(7, 0, 0) {
		sp.State.PVCName = claim
	}
	l.remember(u, sp)
	sp.Started, sp.LastActivity, u.LastActivity = l.at, l.at, l.at
	sp.ServerID = sp.ID + 1000
	l.Hub.Servers = append(l.Hub.Servers, facts.Server{ID: sp.ServerID, IP: sp.State.PodName, Port: 8888})
	pod := facts.Pod{Namespace: Namespace, Name: sp.State.PodName, Created: l.at, Phase: "Running",
		Node: "worker-1", Component: "singleuser-server", KubeSpawnerVersion: l.marked(), Claims: []string{claim}}
	if l.version.AtLeast(0, 8, 0) {
		pod.User, pod.Server, pod.HasUser = user, server, true
	}
	l.Snapshot.Kube.Pods = append(l.Snapshot.Kube.Pods, pod)
	l.attach(claim, true)
	return claim, fresh
}

// Stop stops a server. KubeSpawner then writes the state anew: the claim's
// name is in it only if this KubeSpawner learnt it (jupyterhub/kubespawner#937).
func (l *Life) Stop(user, server string) {
	u, sp := l.user(user), l.spawner(user, server)
	l.at = l.at.Add(time.Hour)
	pods := &l.Snapshot.Kube.Pods
	i := slices.IndexFunc(*pods, func(p facts.Pod) bool { return p.Name == sp.State.PodName })
	claim := (*pods)[i].Claims[0]
	*pods = slices.Delete(*pods, i, i+1)
	l.release(claim)
	l.Hub.Servers = slices.DeleteFunc(l.Hub.Servers, func(s facts.Server) bool { return s.ID == sp.ServerID })
	l.remember(u, sp)
	sp.ServerID, sp.Started, sp.LastActivity, u.LastActivity = 0, time.Time{}, l.at, l.at
}

// Relink is what an operator did by hand before an upgrade from 0.3: the
// volume of a user's old claim is bound again, under the name that the next
// release will ask for, by a claim that bears nothing of KubeSpawner's.
func (l *Life) Relink(user string) {
	u := l.user(user)
	renameClaims(l.Snapshot, Namespace, map[string]string{kubespawner.LossyClaim(user, u.ID): "claim-" + kubespawner.Escape(user)})
}

// Link is what an operator does by hand on KubeSpawner 7: the state of a
// stopped server names the claim that it is to mount.
func (l *Life) Link(user, server, claim string) {
	sp := l.spawner(user, server)
	sp.State = facts.SpawnerState{Form: "object", PodName: sp.State.PodName, Namespace: Namespace, PVCName: claim,
		KubeSpawnerVersion: l.version.String()}
}

// End settles the world at a time, with backups of last night.
func (l *Life) End(at time.Time) *facts.Snapshot {
	l.Snapshot.Now, l.Hub.Database.Modified = at, at.Add(-10*time.Minute)
	nightly(l.Snapshot, 3*time.Hour)
	backUpAll(l.Snapshot, lastNight(at, 2*time.Hour+30*time.Minute))
	Settle(l.Snapshot)
	return l.Snapshot
}

// mounts is the claim that a start of this day's KubeSpawner asks for.
func (l *Life) mounts(u *facts.User, sp *facts.Spawner) string {
	server := &kubespawner.Server{User: u.Name, ID: u.ID, Name: sp.Name}
	rendered := l.namer.Name(server)
	if !l.version.AtLeast(7, 0, 0) {
		return rendered
	}
	if sp.State.PVCName != "" {
		return sp.State.PVCName
	}
	if sp.State.Form == "object" && sp.State.KubeSpawnerVersion == "" {
		scheme := l.namer.Scheme()
		scheme.Slugs = kubespawner.SlugsEscape
		escape, err := scheme.Compile()
		if err != nil {
			panic(err)
		}
		if legacy := escape.Name(server); !l.has(rendered) && l.has(legacy) {
			return legacy
		}
	}
	return rendered
}

// remember writes a server's state as this day's KubeSpawner does.
func (l *Life) remember(u *facts.User, sp *facts.Spawner) { sp.State = l.state(u, sp) }

func (l *Life) state(u *facts.User, sp *facts.Spawner) facts.SpawnerState {
	state := facts.SpawnerState{Form: "object", PodName: l.pods.Name(&kubespawner.Server{User: u.Name, ID: u.ID, Name: sp.Name})}
	if l.version.AtLeast(5, 0, 0) {
		state.Namespace = Namespace
	}
	if l.version.AtLeast(7, 0, 0) {
		state.PVCName, state.KubeSpawnerVersion = sp.State.PVCName, l.version.String()
	}
	return state
}

func (l *Life) user(name string) *facts.User {
	i := slices.IndexFunc(l.Hub.Users, func(u facts.User) bool { return u.Name == name })
	if i < 0 {
		panic("no user " + name)
	}
	return &l.Hub.Users[i]
}

// spawner is a server's row, made when it is first asked for.
func (l *Life) spawner(user, server string) *facts.Spawner {
	id := l.user(user).ID
	i := l.row(id, server)
	if i < 0 {
		i = len(l.Hub.Spawners)
		l.Hub.Spawners = append(l.Hub.Spawners, facts.Spawner{ID: nextID(l.Hub.Spawners, func(sp facts.Spawner) int64 { return sp.ID }), UserID: id, Name: server})
	}
	return &l.Hub.Spawners[i]
}

// row is the index of a server's row, -1 if it has none.
func (l *Life) row(user int64, server string) int {
	return slices.IndexFunc(l.Hub.Spawners, func(sp facts.Spawner) bool { return sp.UserID == user && sp.Name == server })
}

// nextID is what SQLite numbers a new row: one more than the highest that is there.
func nextID[T any](rows []T, id func(T) int64) int64 {
	highest := int64(0)
	for _, row := range rows {
		highest = max(highest, id(row))
	}
	return highest + 1
}

func (l *Life) has(claim string) bool {
	return slices.ContainsFunc(l.Snapshot.Kube.Claims, func(c facts.Claim) bool { return c.Name == claim })
}

// addClaim makes a claim with the metadata that this day's KubeSpawner gives it.
func (l *Life) addClaim(name, user, server string) {
	c := facts.Claim{Name: name, Created: l.at, LabelUser: kubespawner.Label(l.version, user), KubeSpawnerVersion: l.marked()}
	if l.version.AtLeast(0, 8, 0) {
		c.User, c.Server, c.HasUser = user, server, true
	}
	if v := l.version; v.AtLeast(0, 7, 0) && !v.AtLeast(0, 8, 0) {
		c.LabelServer = server
	}
	if l.version.AtLeast(0, 9, 0) {
		c.Component, c.Chart = "singleuser-storage", "jupyterhub-"+l.chart
	}
	AddClaim(l.Snapshot, c)
	l.Snapshot.Longhorn.Volumes[len(l.Snapshot.Longhorn.Volumes)-1].ActualBytes = 150 << 20
}

// marked is the version that KubeSpawner writes on what it makes, which it
// does since 7.0.
func (l *Life) marked() string {
	if l.version.AtLeast(7, 0, 0) {
		return l.version.String()
	}
	return ""
}

func (l *Life) attach(claim string, attached bool) {
	i := slices.IndexFunc(l.Snapshot.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.ClaimName == claim })
	if i < 0 {
		panic(fmt.Sprintf("no volume of claim %s", claim))
	}
	v := &l.Snapshot.Longhorn.Volumes[i]
	v.State, v.Robustness, v.NodeID, v.LastPodRefAt = "detached", "unknown", "", facts.At(l.at)
	state := "stopped"
	if attached {
		v.State, v.Robustness, v.NodeID, v.LastPodRefAt, state = "attached", "healthy", "worker-1", 0, "running"
	}
	for j := range l.Snapshot.Longhorn.Replicas {
		if r := &l.Snapshot.Longhorn.Replicas[j]; r.Volume == v.Name {
			r.State = state
		}
	}
}
