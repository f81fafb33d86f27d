package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// homeSources are what homes' backups, and what should make them, are read from.
// Those of systems that a cluster does not have are absent, which is fine.
var homeSources = slices.Concat(heldSources, []string{facts.KubeVolumes, facts.KubeCronJobs, facts.LonghornSettings, facts.LonghornBackupTargets,
	facts.LonghornRecurringJobs, facts.VeleroSchedules, facts.VeleroLocations, facts.K8upSchedules, facts.K8upBackups})

// toldHomes gathers the homes that one finding about the machinery of backups
// tells, of whichever hubs.
type toldHomes struct {
	in     *Input
	claims []claimKey
	hubs   map[string]bool
	users  map[string]bool
	// bare is how many have no backup at all, oldest the time of the oldest of the
	// newest backups of the others.
	bare   int
	oldest time.Time
}

func (in *Input) toldHomes() *toldHomes {
	return &toldHomes{in: in, hubs: map[string]bool{}, users: map[string]bool{}}
}

// add notes a home of a hub.
func (t *toldHomes) add(hub *facts.Hub, h *homeBackup) {
	k := claimKey{h.claim.Namespace, h.claim.Name}
	t.claims = append(t.claims, k)
	t.hubs[hub.Name] = true
	if o, ok := t.in.Owners().Owner(k.Namespace, k.Name); ok && o.User != "" {
		t.users[fmt.Sprintf("%q", o.User)] = true
	}
	switch {
	case h.newest.IsZero():
		t.bare++
	case t.oldest.IsZero() || h.newest.Before(t.oldest):
		t.oldest = h.newest
	}
}

// homesRelyingOn gathers the homes of all hubs that rely on what is holds for: it
// does for one of their plans, nothing helps among the others, and no other system
// has a current backup of them.
func (in *Input) homesRelyingOn(is, helps func(h *homeBackup, p *backups.Plan) bool) *toldHomes {
	told := in.toldHomes()
	in.eachHub(func(hub *Input) {
		all := hub.homeBackups()
		for i := range all {
			if h := &all[i]; hub.reliesOn(h, is, helps) {
				told.add(hub.Hub, h)
			}
		}
	})
	return told
}

func (in *Input) reliesOn(h *homeBackup, is, helps func(h *homeBackup, p *backups.Plan) bool) bool {
	system := ""
	for i := range h.plans {
		p := &h.plans[i]
		if is(h, p) {
			system = p.System
		} else if helps(h, p) {
			return false
		}
	}
	return system != "" && (h.lacks() || sameSystem(in.held(h).System, system))
}

// sameSystem tells whether a backup may be of a plan. What Velero makes of a claim
// depends on the claim as well.
func sameSystem(backup, plan string) bool {
	return backup == plan || isVelero(backup) && isVelero(plan)
}

// coversHub tells whether what Velero was told to back up takes in claims of a
// hub, in its own namespace or in those of its users.
func (in *Input) coversHub(scope *facts.VeleroScope) bool {
	return scope.Claims && slices.ContainsFunc(in.Hubs, func(h *facts.Hub) bool {
		return scope.Includes(h.Namespace) || h.KubeSpawner.UserNamespaces != "" && slices.ContainsFunc(in.Kube.Claims, func(c facts.Claim) bool {
			o, ok := in.Owners().Owner(c.Namespace, c.Name)
			return ok && o.Hub == h.Name && scope.Includes(c.Namespace)
		})
	})
}

// velero begins the names of the systems that are Velero's.
const velero = "velero-"

func (t *toldHomes) len() int { return len(t.claims) }

// String says how many there are and of which hub: "2 homes of hub datahub".
func (t *toldHomes) String() string {
	if t.len() == 0 {
		return "no home"
	}
	return text.Count(t.len(), "home") + t.ofHubs()
}

// outOf is the same with how many there might be: "2 of 11 homes of hub datahub".
func (t *toldHomes) outOf(total int) string {
	return text.Number(t.len()) + " of " + text.Count(total, "home") + t.ofHubs()
}

func (t *toldHomes) ofHubs() string {
	hubs := sorted(t.hubs)
	return " of " + text.Plural(len(hubs), "hub ", "hubs ") + list(hubs, homesShown)
}

// whose ends a message with names, since reports that are short of room cut its
// end: `; the homes of "alice", "bob"`.
func (t *toldHomes) whose() string {
	switch {
	case t.len() == 0:
		return ""
	case len(t.users) > 0:
		return "; the " + text.Plural(t.len(), "home", "homes") + " of " + list(sorted(t.users), homesShown)
	}
	names := make([]string, 0, min(t.len(), homesShown))
	for _, k := range t.claims[:cap(names)] {
		names = append(names, k.Namespace+"/"+k.Name)
	}
	slices.Sort(names)
	return "; " + text.Plural(t.len(), "claim ", "claims ") + strings.Join(names, ", ") + moreThan(t.len(), homesShown)
}

func moreThan(n, shown int) string {
	if n <= shown {
		return ""
	}
	return " and " + text.Number(n-shown) + " more"
}

// backlog says how old the backups are that they do have: "none of them has a
// backup", "their last good backups are up to 3 days old, and 2 have none".
func (t *toldHomes) backlog() string {
	if t.oldest.IsZero() {
		return text.Plural(t.len(), "it has no backup", "none of them has a backup")
	}
	age := text.Duration(t.in.Now.Sub(t.oldest))
	if t.len() == 1 {
		return "its last good backup is " + age + " old"
	}
	s := "their last good backups are up to " + age + " old"
	if t.bare > 0 {
		s += ", and " + text.Number(t.bare) + text.Plural(t.bare, " has none", " have none")
	}
	return s
}

// describe adds the lists of claims and users to a finding's details.
func (t *toldHomes) describe(details map[string]string) {
	if t.len() == 0 {
		return
	}
	claims := make([]string, 0, t.len())
	for _, k := range t.claims {
		claims = append(claims, k.Namespace+"/"+k.Name)
	}
	slices.Sort(claims)
	details["homes"] = idText(int64(t.len()))
	details["claims"] = strings.Join(claims, ", ")
	details["hubs"] = strings.Join(sorted(t.hubs), ", ")
	if len(t.users) > 0 {
		details["users"] = strings.Join(sorted(t.users), ", ")
	}
	if t.bare > 0 {
		details["withoutBackup"] = idText(int64(t.bare))
	}
	if !t.oldest.IsZero() {
		details["oldestBackup"] = text.Time(t.oldest)
	}
}

// systemNames are what messages call the systems that make backups of claims.
var systemNames = map[string]string{
	facts.SystemLonghorn:   "Longhorn",
	facts.SystemSnapshot:   "VolumeSnapshots",
	facts.SystemVeleroFile: "Velero's file-system backup",
	facts.SystemVeleroData: "Velero's data mover",
	facts.SystemVeleroSnap: "Velero's CSI snapshots",
	facts.SystemK8up:       "K8up",
}
