package backups

import (
	"cmp"
	"slices"
	"time"

	"hubaudit/internal/facts"
)

// Of is what all systems hold of a claim.
func (x *Index) Of(namespace, name string) Held {
	return x.of(namespace, name, x.claim(namespace, name), x.claims.Volume(namespace, name))
}

// OfClaim is the same where the claim and the Longhorn volume behind it, nil for
// none, are at hand.
func (x *Index) OfClaim(c *facts.Claim, v *facts.LHVolume) Held {
	return x.of(c.Namespace, c.Name, c, v)
}

func (x *Index) of(namespace, name string, c *facts.Claim, v *facts.LHVolume) Held {
	g := gathering{x: x}
	var pv *facts.Volume
	if c != nil {
		pv = x.pv(c.VolumeName)
		g.since = born(c, pv, v)
	}
	if v != nil {
		g.longhorn(v)
	}
	if len(x.kube) > 0 {
		series(x.kube, namespace, name, "", g.kube)
	}
	if pv != nil && pv.Handle != "" && len(x.kube) > 0 && x.kube[0].Claim == "" {
		series(x.kube, "", "", pv.Handle, g.kube)
	}
	if len(x.snapshots) > 0 {
		g.snapshots(claim{namespace, name})
	}
	g.k8up(namespace)
	return g.Held
}

// born is since when the claim's data can be that of its volume: a backup from
// before is of another claim that had the name.
func born(c *facts.Claim, pv *facts.Volume, v *facts.LHVolume) time.Time {
	at := c.Created
	if pv != nil && !pv.Created.IsZero() && pv.Created.Before(at) {
		at = pv.Created
	}
	if v != nil && !v.Created.IsZero() && v.Created.Time().Before(at) {
		at = v.Created.Time()
	}
	return at
}

// gathering puts together what the systems hold of one claim.
type gathering struct {
	Held
	x     *Index
	since time.Time // older backups are not of this claim
	// byK8up is the time of the newest good one in K8up.
	byK8up time.Time
}

// only are Held.Systems of a claim that one system backs up, as almost all are.
var only = map[string][]string{
	facts.SystemLonghorn: {facts.SystemLonghorn}, facts.SystemSnapshot: {facts.SystemSnapshot}, facts.SystemVeleroFile: {facts.SystemVeleroFile},
	facts.SystemVeleroData: {facts.SystemVeleroData}, facts.SystemVeleroSnap: {facts.SystemVeleroSnap}, facts.SystemK8up: {facts.SystemK8up},
}

// good adds a system's two newest good backups.
func (g *gathering) good(system string, newest, previous facts.Point) {
	if newest.Time.IsZero() {
		return
	}
	switch {
	case g.Systems == nil:
		g.Systems = only[system]
	case !slices.Contains(g.Systems, system):
		g.Systems = append(slices.Clip(g.Systems), system)
	}
	if g.Newest.Time.IsZero() || newest.Time.After(g.Newest.Time) {
		g.Newest, g.Previous, g.System = newest, previous, system
	}
}

// attempts adds what went wrong or goes on in a system whose newest success was
// at good.
func (g *gathering) attempts(failed, running *facts.Attempt, good time.Time) {
	if failed != nil && failed.Since.After(good) && (g.Failed == nil || failed.Since.After(g.Failed.Since)) {
		g.Failed = failed
	}
	if running != nil && (g.Running == nil || running.Since.Before(g.Running.Since)) {
		g.Running = running
	}
}

// longhorn adds what Longhorn holds of a volume. Its own note of the last backup
// counts only where the backups cannot be read: it stays when a target is gone.
func (g *gathering) longhorn(v *facts.LHVolume) {
	if !g.x.read {
		g.good(facts.SystemLonghorn, facts.Point{Time: v.LastBackupAt.Time(), Target: v.BackupTarget}, facts.Point{})
		return
	}
	series(g.x.lh, "", "", v.Name, func(s *facts.Series) {
		g.good(facts.SystemLonghorn, s.Newest, s.Previous)
		g.attempts(s.Failed, s.Running, s.Newest.Time)
	})
}

// kube adds what Velero or K8up hold.
func (g *gathering) kube(s *facts.Series) {
	newest, previous := s.Newest, s.Previous
	if !g.counts(s.System, &previous) {
		previous = facts.Point{}
	}
	if !g.counts(s.System, &newest) {
		newest, previous = previous, facts.Point{}
	}
	g.good(s.System, newest, previous)
	g.attempts(s.Failed, s.Running, newest.Time)
	if s.System == facts.SystemK8up {
		g.byK8up = newest.Time
	}
}

// counts tells whether a good backup is there still, can be restored from, and is
// of this claim.
func (g *gathering) counts(system string, p *facts.Point) bool {
	if p.Time.IsZero() || p.Time.Before(g.since) || !p.Expires.IsZero() && p.Expires.Before(g.x.s.Now) {
		return false
	}
	return system == facts.SystemK8up || g.x.velero.restorable(p.Set)
}

// snapshots adds the claim's VolumeSnapshots.
func (g *gathering) snapshots(k claim) {
	at, ok := g.x.snapshots[k]
	var newest, previous facts.Point
	for ; ok && at >= 0; at = g.x.more[at] {
		s := &g.x.s.Kube.Snapshots[at]
		taken := s.Taken
		if taken.IsZero() {
			taken = s.Created
		}
		switch {
		case !s.Ready || s.Error != "" || k.name == "" || !taken.IsZero() && taken.Before(g.since):
		case newest.Name == "" || taken.After(newest.Time):
			newest, previous = facts.Point{Name: s.Name, Time: taken, SizeBytes: s.RestoreBytes}, newest
		case previous.Name == "" || taken.After(previous.Time):
			previous = facts.Point{Name: s.Name, Time: taken, SizeBytes: s.RestoreBytes}
		}
	}
	if newest.Name != "" && newest.Time.IsZero() {
		newest.Time = cmp.Or(g.since, g.x.s.Now) // ready, and its driver does not tell when
	}
	g.good(facts.SystemSnapshot, newest, previous)
}

// k8up adds the runs of K8up in the namespace.
func (g *gathering) k8up(namespace string) {
	attempt := func(of map[string]facts.Attempt) *facts.Attempt {
		if a, ok := of[namespace]; ok {
			return &a
		}
		return nil
	}
	if len(g.x.s.Kube.K8up.Failed)+len(g.x.s.Kube.K8up.Running) == 0 {
		return
	}
	g.attempts(attempt(g.x.s.Kube.K8up.Failed), attempt(g.x.s.Kube.K8up.Running), g.byK8up)
}
