package world_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// judgement compares what the audit says of a life with the truth.
type judgement struct {
	*history
	t     *testing.T
	s     *facts.Snapshot
	index *attribution.Index
	// found are the subjects of findings at warning or above, by check: servers,
	// or claims and pods by name. orphans are those of pvc-orphaned, of any severity.
	found   map[string]map[string]bool
	orphans map[string]bool
	wrong   []string
}

// disagreements are all that the audit and the truth disagree on, each as a
// kind, a colon and what it is about. It notes the checks that found something.
func (h *history) disagreements(t *testing.T, fired map[string]bool) []string {
	t.Helper()
	world.FitSchema(h.Hub, releases[h.release].schema)
	j := &judgement{history: h, t: t, s: h.End(released(h.release).AddDate(0, 0, 120)), found: map[string]map[string]bool{}, orphans: map[string]bool{}}
	world.ServeAPI(j.s, world.HubName)
	world.Remember(j.s)
	j.index = attribution.New(j.s)
	for _, v := range judgeAll(t, j.s) {
		if v.Outcome == verdict.Unknown {
			j.say("%s is unknown: %s", v.Check, v.Summary)
		}
		j.found[v.Check] = map[string]bool{}
		for _, f := range v.Findings {
			if f.Severity.AtLeast(verdict.Warning) {
				subject := f.Subject.Name
				if f.Subject.Kind == "user" {
					subject = whose(f)
				}
				j.found[v.Check][subject] = true
			}
			if v.Check == "pvc-orphaned" {
				j.orphans[f.Subject.Name] = true
			}
		}
	}
	for check, subjects := range j.found {
		fired[check] = fired[check] || len(subjects) > 0
	}
	j.starts()
	j.silent()
	j.attributed()
	j.predicted()
	j.rescued()
	j.started()
	return j.wrong
}

func (j *judgement) say(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// seats are the servers that the hub has: every user's default server, and the
// named ones with a row.
func (j *judgement) seats() (all []seat) {
	for _, u := range j.Hub.Users {
		all = append(all, seat{u.Name, ""})
	}
	for _, sp := range j.Hub.Spawners {
		if sp.Name != "" {
			all = append(all, seat{j.name(sp.UserID), sp.Name})
		}
	}
	return all
}

// starts compares the checks of the next start, of claims and of what runs with
// what is true of them.
func (j *judgement) starts() {
	lost, several, own, missing := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	collide := j.colliding()
	for _, s := range j.seats() {
		_, fresh := j.Next(s.user, s.server)
		mine := j.own(s)
		if sp := j.spawner(s); sp != nil && sp.State.PVCName != "" && j.claim(sp.State.PVCName) == nil {
			missing[s.String()] = true
			continue
		}
		if fresh && (len(mine) > 0 || j.visited(s)) {
			lost[s.String()] = true
		}
		if fresh && len(mine) > 0 && !slices.ContainsFunc(mine, func(c string) bool { return collide[c] }) {
			own[s.String()] = true
		}
		if len(mine) > 1 || len(mine) == 1 && j.inherited(s) {
			several[s.String()] = true
		}
	}
	empty := maps.Clone(j.found["pvc-legacy-forgotten"])
	maps.Copy(empty, j.found["pvc-legacy-unreachable"])
	j.subset("missed by pvc-legacy", without(without(own, several), j.blurred(own)), empty)
	j.subset("pvc-legacy cries wolf", without(without(empty, j.guessed(empty)), j.visitors()), lost)
	twice := j.found["pvc-duplicate-server"]
	j.subset("pvc-duplicate-server misses", without(without(several, j.blurred(several)), j.taken(collide)), twice)
	j.subset("pvc-duplicate-server cries wolf", without(without(twice, j.guessed(twice)), j.taken(collide)), several)
	j.subset("pvc-name-collision misses", without(collide, j.dim()), j.found["pvc-name-collision"])
	j.subset("pvc-name-collision cries wolf", without(j.found["pvc-name-collision"], j.visitors()), collide)
	j.subset("pvc-unattributed cries wolf", j.found["pvc-unattributed"], j.dim())
	strange := j.strangers()
	j.subset("pvc-misrouted misses", without(without(strange, j.found["pvc-name-collision"]), j.dim()), j.found["pvc-misrouted"])
	j.subset("pvc-misrouted cries wolf", j.found["pvc-misrouted"], strange)
	j.subset("pvc-state-missing-claim misses", missing, j.found["pvc-state-missing-claim"])
	j.subset("pvc-state-missing-claim cries wolf", j.found["pvc-state-missing-claim"], missing)
	j.gone()
	deleting, wanted := map[string]bool{}, map[string]bool{}
	for _, c := range j.s.Kube.Claims {
		deleting[c.Name] = !c.Deleting.IsZero()
		wanted[c.Name] = deleting[c.Name] && !j.known(j.deeds[c.Name].made.user)
	}
	j.subset("pvc-terminating misses", without(deleting, wanted), j.found["pvc-terminating"])
	j.subset("pvc-terminating cries wolf", j.found["pvc-terminating"], deleting)
}

func without(a, b map[string]bool) map[string]bool {
	rest := map[string]bool{}
	for k := range a {
		if a[k] && !b[k] {
			rest[k] = true
		}
	}
	return rest
}

func (j *judgement) subset(kind string, a, b map[string]bool) {
	for _, k := range slices.Sorted(maps.Keys(without(a, b))) {
		j.say("%s: %q", kind, k)
	}
}

// loud are the checks that may find something in such a life, and why.
var loud = map[string]string{
	"pvc-legacy-forgotten": "see starts", "pvc-legacy-unreachable": "see starts", "pvc-duplicate-server": "see starts", "pvc-name-collision": "see starts",
	"pvc-unattributed": "see starts", "pvc-misrouted": "see starts", "pvc-terminating": "see starts", "pvc-state-missing-claim": "see starts",
}

// silent: no other check has a finding at warning or above.
func (j *judgement) silent() {
	for _, check := range slices.Sorted(maps.Keys(j.found)) {
		if loud[check] == "" {
			j.subset(check+" cries wolf", j.found[check], nil)
		}
	}
}

// attributed: every claim is nobody's, or that of a server whose it was.
func (j *judgement) attributed() {
	for i := range j.s.Kube.Claims {
		c := &j.s.Kube.Claims[i]
		d := j.deeds[c.Name]
		if d == nil {
			continue // the hub's own
		}
		o, ok := j.index.Owner(c.Namespace, c.Name)
		s := seat{o.User, o.Server}
		told := c.HasUser && !d.copied || j.remembered(c.Name)
		switch {
		case ok && attribution.Bare(c) && !j.known(d.made.user): // see guessed
		case ok && s != d.made && !d.mounts[s]:
			j.say("attributed to a stranger: %s is %q's, by %s to %q", c.Name, d.made, o.By, s)
		case !ok && told && !j.index.SharedByUsers(c.Namespace, c.Name):
			j.say("not attributed: %s, which is %q's", c.Name, d.made)
		}
	}
}

// predicted: audit predict tells the next start of every server, under this
// chart and under all that follow.
func (j *judgement) predicted() {
	for _, r := range releases[j.release:] {
		k, err := prediction.Under(j.Hub.KubeSpawner, prediction.Change{Chart: r.chart})
		if err != nil {
			j.t.Fatal(err)
		}
		starts, err := prediction.Predict(j.s, j.Hub, k, j.index)
		if err != nil {
			j.t.Fatal(err)
		}
		then := j.Under(r.chart)
		if got, want := len(starts), len(j.seats()); got != want {
			j.say("predicted under %s: %d starts of %d", r.chart, got, want)
		}
		for _, start := range starts {
			claim, fresh := then.Next(start.User, start.Server)
			if start.Claim != claim || start.New != fresh {
				j.say("predicted under %s: %q starts on %s (new %t), predicted %s (new %t)", r.chart, seat{start.User, start.Server}, claim, fresh, start.Claim, start.New)
			}
		}
	}
}

// rescued: from the claims alone nobody is given what is not theirs, and nobody
// is made up.
func (j *judgement) rescued() {
	lost := *j.s
	hub := *j.Hub
	lost.Hubs = []*facts.Hub{&hub}
	lost.Sources = slices.Clone(j.s.Sources)
	world.WipeDatabase(&lost, hub.Name)
	plan, err := rescue.New(&lost, &hub, rescue.Evidence{})
	if err != nil {
		j.t.Fatal(err)
	}
	for _, u := range plan.Users {
		lowered := func() bool {
			for name := range j.users {
				if strings.EqualFold(name, u.Name) {
					return true
				}
			}
			return false
		}
		if !j.users[u.Name] && !lowered() {
			j.say("rescue makes a user up: %q, %q", u.Name, u.Evidence)
		}
		for _, sv := range u.Servers {
			d, s := j.deeds[sv.Claim], seat{u.Name, sv.Name}
			if sv.Claim != "" && d.made != s && !d.mounts[s] && !strings.EqualFold(d.made.user, u.Name) {
				j.say("rescue gives a claim away: %s of %q to %q, %q", sv.Claim, d.made, s, sv.Evidence)
			}
		}
	}
}

// started really starts a server, which no judgement is left to see.
func (j *judgement) started() {
	seats := j.seats()
	if len(seats) == 0 {
		return
	}
	s := pick(j.c, seats)
	claim, fresh := j.Next(s.user, s.server)
	j.stop(s)
	if j.refused(s) {
		return
	}
	if got, made := j.Start(s.user, s.server); got != claim || made != fresh {
		j.say("the next start of a server: %q mounts %s (new %t), expected %s (new %t)", s, got, made, claim, fresh)
	}
}
