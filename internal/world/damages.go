package world

import (
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// The damages below each break one thing in a world, in place, the way the
// real accident leaves it, at the time s.Now. Each leaves the world settled.
// A hub, user or node that is not there is a mistake of the test and panics.

// Hub returns the hub of that name.
func Hub(s *facts.Snapshot, name string) *facts.Hub {
	for _, h := range s.Hubs {
		if h.Name == name {
			return h
		}
	}
	panic("no hub " + name)
}

// WipeDatabase replaces a hub's database by what an sqlite shell's `.save`
// leaves: one page, no table, and traces of what it held.
func WipeDatabase(s *facts.Snapshot, hub string) {
	h := Hub(s, hub)
	h.Users, h.Spawners, h.Servers = nil, nil, nil
	d := &h.Database
	d.Tables, d.Revisions, d.SizeBytes, d.Modified = nil, nil, 4096, s.Now
	d.Columns, d.CookieNotNull, d.CookieUnique, d.NameUnique = nil, false, false, false
	h.UsersRead, h.SpawnersRead = facts.None, facts.None
	d.Damage = []facts.Damage{{Kind: facts.DamageNoTables, HeldData: true,
		Message: "the database has no table, but its change counter is far above a new file's: it held data"}}
	Settle(s)
}

// ResetDatabase is WipeDatabase and then a hub that started on it: a sound new
// database in which the named users have logged in again, with ids from 1.
func ResetDatabase(s *facts.Snapshot, hub string, names ...string) {
	h := Hub(s, hub)
	h.Users, h.Spawners, h.Servers = nil, nil, nil
	for i, name := range names {
		id := int64(i + 1)
		h.Users = append(h.Users, facts.User{ID: id, Name: name, Created: s.Now.Add(-30 * time.Minute),
			LastActivity: s.Now.Add(-20 * time.Minute), Cookie: facts.CookieUnique})
		h.Spawners = append(h.Spawners, facts.Spawner{ID: id, UserID: id})
	}
	h.Database.Damage, h.Database.Modified = nil, s.Now
	h.UsersRead, h.SpawnersRead = facts.Complete, facts.Complete
	Settle(s)
}

// NullCookies leaves users without a cookie_id, as a users table rebuilt by
// hand has them; no ids means all users.
func NullCookies(s *facts.Snapshot, hub string, ids ...int64) {
	setCookies(Hub(s, hub), ids, facts.CookieNull)
}

// ShareCookies gives users one and the same cookie_id: whoever of them logs in
// becomes the one with the lowest id. No ids means all users.
func ShareCookies(s *facts.Snapshot, hub string, ids ...int64) {
	setCookies(Hub(s, hub), ids, facts.CookieShared)
}

func setCookies(h *facts.Hub, ids []int64, state facts.CookieState) {
	var lowest int64
	for i := range h.Users {
		u := &h.Users[i]
		if len(ids) > 0 && !slices.Contains(ids, u.ID) {
			continue
		}
		u.Cookie, u.CookieSharedWith, u.CookieHandMade = state, 0, false
		if state == facts.CookieShared {
			if lowest == 0 {
				lowest = u.ID
			}
			u.CookieSharedWith = lowest
		}
	}
	h.Database.CookieNotNull, h.Database.CookieUnique = false, false
}

// AddClaim adds a claim with its PersistentVolume, Longhorn volume and
// replicas: new, empty, without a backup. Namespace, phase and the like are
// filled in; c needs a Name, and its Created if that is not s.Now.
func AddClaim(s *facts.Snapshot, c facts.Claim) {
	if c.Created.IsZero() {
		c.Created = s.Now
	}
	if c.RequestBytes == 0 {
		c.RequestBytes = 10 << 30
	}
	b := builder{s: s, size: Size{Nodes: len(s.Kube.Nodes), Replicas: wantReplicas(s)}, volumes: len(s.Longhorn.Volumes)}
	for slices.ContainsFunc(s.Kube.Claims, func(have facts.Claim) bool { return have.UID == uid("claim", b.volumes+1) }) {
		b.volumes++
	}
	b.addClaim(c, false)
	v := &s.Longhorn.Volumes[len(s.Longhorn.Volumes)-1]
	v.ActualBytes, v.LastPodRefAt = 0, 0
	LastBackup(s, v, time.Time{})
	Settle(s)
}

func wantReplicas(s *facts.Snapshot) int {
	if len(s.Longhorn.Volumes) == 0 {
		return 3
	}
	return s.Longhorn.Volumes[0].WantReplicas
}

// OldNames turns a hub into one of 2016 and 2017: claims are named
// claim-<lossy>-<users.id>, carry no annotation or label, and the database
// remembers neither claims nor when a user was made. Named servers, unknown
// then, go with their claims.
func OldNames(s *facts.Snapshot, hub string) {
	h := Hub(s, hub)
	ids := map[string]int64{}
	for i := range h.Users {
		h.Users[i].Created = time.Time{}
		ids[h.Users[i].Name] = h.Users[i].ID
	}
	h.KubeSpawner = facts.KubeSpawner{Version: "0.5.1", VersionFrom: "the configuration", PVCNameTemplate: "claim-{username}-{userid}",
		TemplateSet: true, LegacyNames: true, DeletePVC: true}
	h.Database.Revisions, h.Database.CookieNotNull, h.Database.CookieUnique = nil, false, false
	h.Database.Columns = columns(Schemas()[0])
	h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.Name != "" })
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		sp.ID, sp.Started, sp.State = 0, time.Time{}, facts.SpawnerState{Form: "object", PodName: sp.State.PodName}
	}
	renamed := map[string]string{}
	for _, c := range slices.Clone(s.Kube.Claims) {
		id, known := ids[c.User]
		switch {
		case c.Namespace != h.Namespace || !known:
		case c.Server != "":
			RemoveClaim(s, c.Namespace, c.Name)
		default:
			renamed[c.Name] = kubespawner.LossyClaim(c.User, id)
		}
	}
	renameClaims(s, h.Namespace, renamed)
	Settle(s)
}

func renameClaims(s *facts.Snapshot, namespace string, renamed map[string]string) {
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		if to, ok := renamed[c.Name]; ok && c.Namespace == namespace {
			c.Name, c.User, c.Server, c.HasUser = to, "", "", false
			c.LabelUser, c.Component, c.KubeSpawnerVersion, c.Chart = "", "", "", ""
		}
	}
	for i := range s.Kube.Volumes {
		v := &s.Kube.Volumes[i]
		if to, ok := renamed[v.ClaimName]; ok && v.ClaimNamespace == namespace {
			v.ClaimName = to
		}
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		if to, ok := renamed[v.ClaimName]; ok && v.ClaimNamespace == namespace {
			v.ClaimName = to
		}
	}
	for i := range s.Kube.Pods {
		p := &s.Kube.Pods[i]
		for j, name := range p.Claims {
			if to, ok := renamed[name]; ok && p.Namespace == namespace {
				p.Claims[j], p.User, p.Server, p.HasUser = to, "", "", false
			}
		}
	}
}

// RemoveClaim takes a claim away with its PersistentVolume, Longhorn volume
// and replicas, as a reclaim policy of Delete does.
func RemoveClaim(s *facts.Snapshot, namespace, name string) {
	gone := map[string]bool{}
	s.Kube.Claims = slices.DeleteFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Namespace == namespace && c.Name == name })
	s.Kube.Volumes = slices.DeleteFunc(s.Kube.Volumes, func(v facts.Volume) bool {
		if v.ClaimNamespace != namespace || v.ClaimName != name {
			return false
		}
		gone[v.Handle] = true
		return true
	})
	s.Longhorn.Volumes = slices.DeleteFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return gone[v.Name] })
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return gone[r.Volume] })
	Settle(s)
}
