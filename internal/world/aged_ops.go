package world

import (
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Touch gives a server a row without starting it, as looking at its page does.
func (l *Life) Touch(user, server string) { l.spawner(user, server) }

// Fail is a start that fails before KubeSpawner has looked for the claim: the
// stop that follows it writes the state.
func (l *Life) Fail(user, server string) {
	sp := l.spawner(user, server)
	l.at = l.at.Add(time.Hour)
	l.remember(l.user(user), sp)
	sp.LastActivity = l.at
}

// Add makes a claim by other hands than KubeSpawner's.
func (l *Life) Add(c facts.Claim) {
	l.at = l.at.Add(time.Hour)
	c.Created = l.at
	AddClaim(l.Snapshot, c)
}

// DeleteServer deletes a stopped named server. Its claim goes with it since
// KubeSpawner 1.0 where the template has {servername}, which that of 7.0 has
// not; deleted is the claim's name, "" if none went.
func (l *Life) DeleteServer(user, server string) (deleted string) {
	l.at = l.at.Add(time.Hour)
	u := l.user(user)
	i := l.row(u.ID, server)
	deleted = l.forget(u, &l.Hub.Spawners[i])
	l.Hub.Spawners = slices.Delete(l.Hub.Spawners, i, i+1)
	return deleted
}

// DeleteUser deletes a user whose servers are stopped, with what DeleteServer
// deletes of each, and the default server's claim since KubeSpawner 1.0.
func (l *Life) DeleteUser(user string) (deleted []string) {
	l.at = l.at.Add(time.Hour)
	u := *l.user(user)
	for i := range l.Hub.Spawners {
		if sp := &l.Hub.Spawners[i]; sp.UserID == u.ID {
			if claim := l.forget(&u, sp); claim != "" {
				deleted = append(deleted, claim)
			}
		}
	}
	l.Hub.Spawners = slices.DeleteFunc(l.Hub.Spawners, func(sp facts.Spawner) bool { return sp.UserID == u.ID })
	l.Hub.Users = slices.DeleteFunc(l.Hub.Users, func(have facts.User) bool { return have.ID == u.ID })
	return deleted
}

// forget is KubeSpawner's part of a deletion. What it deletes is the claim of
// that name, whoever has it; one that is mounted goes with its last pod.
func (l *Life) forget(u *facts.User, sp *facts.Spawner) (deleted string) {
	if !l.version.AtLeast(1, 0, 0) || sp.Name != "" && !strings.Contains(l.namer.Scheme().Template, "{servername}") {
		return ""
	}
	claim := sp.State.PVCName
	if claim == "" {
		claim = l.namer.Name(&kubespawner.Server{User: u.Name, ID: u.ID, Name: sp.Name})
	}
	switch c := l.claim(claim); {
	case c == nil:
		return ""
	case l.mounted(claim):
		if c.Deleting.IsZero() {
			c.Deleting = l.at
		}
	default:
		RemoveClaim(l.Snapshot, Namespace, claim)
	}
	return claim
}

// release is what becomes of a claim when a pod that mounted it is gone.
func (l *Life) release(claim string) {
	switch c := l.claim(claim); {
	case l.mounted(claim):
	case !c.Deleting.IsZero():
		RemoveClaim(l.Snapshot, Namespace, claim)
	default:
		l.attach(claim, false)
	}
}

// Next tells which claim the next start of a server asks for, and whether that
// is made for it then; a server that runs is stopped before. It changes nothing.
func (l *Life) Next(user, server string) (claim string, fresh bool) {
	u := l.user(user)
	sp := facts.Spawner{UserID: u.ID, Name: server}
	if i := l.row(u.ID, server); i >= 0 {
		sp = l.Hub.Spawners[i]
	}
	if sp.ServerID != 0 {
		l.remember(u, &sp)
	}
	claim = l.mounts(u, &sp)
	return claim, !l.has(claim)
}

// Under is the life as it would go on after an upgrade, to be asked for Next.
func (l *Life) Under(chart string) *Life {
	then := *l
	then.version = then.run(chart).KubeSpawner
	return &then
}

// Pod is the name of a server's next pod.
func (l *Life) Pod(user, server string) string {
	u := l.user(user)
	return l.pods.Name(&kubespawner.Server{User: u.Name, ID: u.ID, Name: server})
}

// Version is the KubeSpawner of the day.
func (l *Life) Version() kubespawner.Version { return l.version }

func (l *Life) mounted(claim string) bool {
	return slices.ContainsFunc(l.Snapshot.Kube.Pods, func(p facts.Pod) bool { return slices.Contains(p.Claims, claim) })
}

func (l *Life) claim(name string) *facts.Claim {
	i := slices.IndexFunc(l.Snapshot.Kube.Claims, func(c facts.Claim) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &l.Snapshot.Kube.Claims[i]
}
