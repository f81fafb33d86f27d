package prediction_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
	"hubaudit/internal/world"
)

func predict(t testing.TB, s *facts.Snapshot, k facts.KubeSpawner) []prediction.Start {
	t.Helper()
	starts, err := prediction.Predict(s, s.Hubs[0], k, attribution.New(s))
	if err != nil {
		t.Fatal(err)
	}
	return starts
}

func under(t testing.TB, k facts.KubeSpawner, c prediction.Change) facts.KubeSpawner {
	t.Helper()
	k, err := prediction.Under(k, c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestHealthy: as a healthy hub is configured, everybody finds their home.
func TestHealthy(t *testing.T) {
	s := world.Healthy(world.Size{Users: 40, Nodes: 4, Replicas: 3})
	starts := predict(t, s, s.Hubs[0].KubeSpawner)
	if len(starts) != 44 { // every tenth user has a second server
		t.Errorf("%d starts", len(starts))
	}
	for _, st := range starts {
		if st.Outcome != prediction.Same || st.Data != st.Claim || st.Cause != "" || st.New || st.SpawnerID == 0 {
			t.Errorf("%+v", st)
		}
	}
	ordered := slices.IsSortedFunc(starts, func(a, b prediction.Start) int {
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), strings.Compare(a.Server, b.Server))
	})
	if !ordered {
		t.Error("the starts are not in order")
	}
}

// TestFormerVersions: nothing is reported of a hub that ran one chart all its
// life, whichever that is.
func TestFormerVersions(t *testing.T) {
	for _, chart := range []string{"0.3.1", "0.4", "0.5.0", "0.7.0", "0.9.1", "0.11.1", "1.2.0", "2.0.0", "3.0.0", "3.3.8", "4.4.0"} {
		l := world.NewLife(world.Era{Chart: chart, From: world.Now.AddDate(-1, 0, 0)})
		l.Join("ann", "jane-doe", "user@example.com", "never-here")
		for _, user := range []string{"ann", "jane-doe", "user@example.com"} {
			l.Use(user, "")
		}
		l.Start("jane-doe", "")
		s := l.End(world.Now)
		for _, st := range predict(t, s, s.Hubs[0].KubeSpawner) {
			if st.Outcome != prediction.Same || (st.User == "never-here") != st.New || st.New != (st.Data == "") {
				t.Errorf("chart %s: %+v", chart, st)
			}
		}
	}
}

// TestAgedHub holds every prediction against what the hub of the day then
// does: a server of a hub that has seen five charts is stopped if it runs, and
// started.
func TestAgedHub(t *testing.T) {
	before := func() *world.Life { return world.AgedLife() }
	after := func() *world.Life { l := world.AgedLife(); l.To440(); return l }
	for name, c := range map[string]struct {
		life    func() *world.Life
		upgrade bool
	}{
		"chart 3.3.8": {before, false}, "upgraded to 4.4.0": {before, true}, "chart 4.4.0": {after, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.life().End(world.Now)
			k := s.Hubs[0].KubeSpawner
			if c.upgrade {
				k = under(t, k, prediction.Change{Chart: "4.4.0"})
			}
			for _, st := range predict(t, s, k) {
				l := c.life()
				if c.upgrade {
					l.Upgrade(world.Eras[4])
				}
				for _, sp := range l.Hub.Spawners {
					if sp.UserID == st.UserID && sp.Name == st.Server && sp.ServerID != 0 {
						l.Stop(st.User, st.Server)
					}
				}
				if claim, fresh := l.Start(st.User, st.Server); claim != st.Claim || fresh != st.New {
					t.Errorf("user %q's server %q mounts %s (new: %t), predicted was %s (new: %t)", st.User, st.Server, claim, fresh, st.Claim, st.New)
				}
			}
		})
	}
}

// verdicts are the starts that do not find their home, in short.
func verdicts(starts []prediction.Start) []string {
	var out []string
	for _, st := range starts {
		if st.Outcome != prediction.Same {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%s %s %s %s", st.User, st.Server, st.Outcome, st.Cause, st.Data)))
		}
	}
	return out
}

func TestAgedHubOutcomes(t *testing.T) {
	always := []string{"old-timer/ empty unreachable claim-old-timer-3", "max/ empty unreachable claim-max-4",
		"mia-wong/ empty unreachable claim-mia-wong-6", "mia.wong/ empty unreachable claim-mia-wong-7", "bea/lab empty unreachable claim-bea-lab"}
	before := world.AgedBefore()
	k := before.Hubs[0].KubeSpawner
	if diff := gocmp.Diff(append(slices.Clone(always), "jolab/ other collision"), verdicts(predict(t, before, k))); diff != "" {
		t.Errorf("before the upgrade (-want +got):\n%s", diff)
	}
	want := append(slices.Clone(always), "cem/lab empty unreachable claim-cemlab", "eli@example.org/ empty running claim-eli-40example-2eorg",
		"finn@example.org/ empty running claim-finn-40example-2eorg", "gia@example.org/ empty running claim-gia-40example-2eorg",
		"jo/lab empty unreachable claim-jolab", "jolab/ other collision", "kim/exp-1 empty unreachable claim-kimexp-2d1",
		"lou-lou/ empty running claim-lou-2dlou")
	if diff := gocmp.Diff(want, verdicts(predict(t, before, under(t, k, prediction.Change{Chart: "4.4.0"})))); diff != "" {
		t.Errorf("upgrade to 4.4.0 (-want +got):\n%s", diff)
	}
	// Pinning what 3.3.8 had changes nothing for anybody.
	pinned := under(t, k, prediction.Change{Chart: "4.4.0", SlugScheme: "escape", Template: "claim-{username}{servername}"})
	if diff := gocmp.Diff(append(slices.Clone(always), "jolab/ other collision"), verdicts(predict(t, before, pinned))); diff != "" {
		t.Errorf("upgrade with the old names pinned (-want +got):\n%s", diff)
	}
}

// one is a hub of KubeSpawner 7 with user ann@x.org (id 1), and bob (id 2),
// whose home is in order.
func one(state facts.SpawnerState, running bool, claims ...facts.Claim) *facts.Snapshot {
	s := world.Healthy(world.Size{Nodes: 3, Replicas: 3})
	h := s.Hubs[0]
	h.Users = []facts.User{{ID: 1, Name: "ann@x.org"}, {ID: 2, Name: "bob"}}
	h.Spawners = []facts.Spawner{{ID: 11, UserID: 1, State: state}, {ID: 12, UserID: 2, State: facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0", PVCName: "claim-bob"}}}
	if running {
		h.Spawners[0].ServerID = 5
	}
	for _, c := range append(claims, ofUser("claim-bob", "bob")) {
		c.Namespace = cmp.Or(c.Namespace, world.Namespace)
		c.Phase = cmp.Or(c.Phase, "Bound")
		s.Kube.Claims = append(s.Kube.Claims, c)
	}
	world.Settle(s)
	return s
}

// onSix is the hub before its upgrade from chart 3.3.8.
func onSix(s *facts.Snapshot) *facts.Snapshot {
	k := &s.Hubs[0].KubeSpawner
	k.Version, k.Chart, k.PVCNameTemplate = "6.2.0", "3.3.8", "claim-{username}{servername}"
	return s
}

func ofUser(name, user string) facts.Claim {
	return facts.Claim{Name: name, User: user, HasUser: true, Component: "singleuser-storage", Created: world.Now.AddDate(0, -1, 0)}
}

const (
	escaped = "claim-ann-40x-2eorg"
)

var annSafe = "claim-" + kubespawner.Safe("ann@x.org")

func TestBranches(t *testing.T) {
	old := facts.SpawnerState{Form: "object", PodName: "jupyter-ann-40x-2eorg"}
	seven := facts.SpawnerState{Form: "object", PodName: "p", KubeSpawnerVersion: "7.0.0"}
	remembered := func(claim string) facts.SpawnerState {
		return facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0", PVCName: claim}
	}
	never := facts.SpawnerState{}
	legacy, current := ofUser(escaped, "ann@x.org"), ofUser(annSafe, "ann@x.org")
	current.Created = world.Now
	with := func(c facts.Claim, change func(*facts.Claim)) facts.Claim { change(&c); return c }
	off := false
	for name, c := range map[string]struct {
		world  *facts.Snapshot
		change prediction.Change
		want   string // claim, outcome, cause, data
	}{
		"never had a home":            {world: one(never, false), want: annSafe + " same  "},
		"rendered":                    {world: one(seven, false, current), want: annSafe + " same  " + annSafe},
		"remembered":                  {world: one(remembered(escaped), false, legacy), want: escaped + " same  " + escaped},
		"remembered, two claims":      {world: one(remembered(escaped), false, legacy, current), want: escaped + " same  " + escaped},
		"remembered the newer of two": {world: one(remembered(annSafe), false, legacy, current), want: annSafe + " same  " + annSafe},
		"remembered, in another namespace": {world: one(facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0", PVCName: "claim-x", Namespace: "other"}, false,
			with(ofUser("claim-x", "ann@x.org"), func(c *facts.Claim) { c.Namespace = "other" })), want: "claim-x same  claim-x"},
		"remembered, gone, 7.0":        {world: one(remembered("claim-x"), false), want: "claim-x empty missing "},
		"remembered, gone, 7.1":        {world: one(remembered("claim-x"), false), change: prediction.Change{KubeSpawner: "7.1.0"}, want: "claim-x pending missing "},
		"remembered, gone, other data": {world: one(remembered("claim-x"), false, legacy), want: "claim-x empty missing " + escaped},
		"remembered, gone, other data, 7.1": {world: one(remembered("claim-x"), false, legacy), change: prediction.Change{KubeSpawner: "7.1.0"},
			want: "claim-x pending missing " + escaped},
		"remembering is off":   {world: one(remembered(escaped), false, legacy), change: prediction.Change{RememberPVCName: &off}, want: annSafe + " empty unreachable " + escaped},
		"legacy":               {world: one(old, false, legacy), want: escaped + " same  " + escaped},
		"legacy and current":   {world: one(old, false, legacy, current), want: annSafe + " same  " + annSafe},
		"legacy names are off": {world: one(old, false, legacy), change: prediction.Change{LegacyNames: &off}, want: annSafe + " empty unreachable " + escaped},
		"running, legacy":      {world: one(old, true, legacy), want: annSafe + " empty running " + escaped},
		"running, legacy names are off": {world: one(old, true, legacy), change: prediction.Change{LegacyNames: &off},
			want: annSafe + " empty unreachable " + escaped},
		"running, legacy, slug scheme escape": {world: one(old, true, legacy), change: prediction.Change{SlugScheme: "escape"}, want: escaped + " same  " + escaped},
		"running, remembered":                 {world: one(remembered(escaped), true, legacy), want: escaped + " same  " + escaped},
		"running, current":                    {world: one(old, true, current), want: annSafe + " same  " + annSafe},
		"starts for the first time":           {world: one(never, true, legacy), want: annSafe + " empty no-state " + escaped},
		"starts on 6 for the first time, then 7": {world: onSix(one(never, true, legacy)), change: prediction.Change{Chart: "4.4.0"},
			want: annSafe + " empty running " + escaped},
		"remembering is off, two claims": {world: one(remembered("claim-new"), false, legacy, with(ofUser("claim-new", "ann@x.org"), func(c *facts.Claim) { c.Created = world.Now })),
			change: prediction.Change{RememberPVCName: &off}, want: annSafe + " empty unreachable claim-new"},
		"KubeSpawner 4 does not remember namespaces": {world: one(facts.SpawnerState{Form: "object", Namespace: "other"}, false, legacy), change: prediction.Change{KubeSpawner: "4.2.0"},
			want: escaped + " same  " + escaped},
		"labelled as somebody else's":   {world: one(seven, false, facts.Claim{Name: annSafe, LabelUser: "bob", Component: "singleuser-storage"}), want: annSafe + " other collision "},
		"forgotten":                     {world: one(seven, false, legacy), want: annSafe + " empty forgotten " + escaped},
		"forgotten, current exists too": {world: one(seven, false, legacy, current), want: annSafe + " same  " + annSafe},
		"no state":                      {world: one(never, false, legacy), want: annSafe + " empty no-state " + escaped},
		"empty state":                   {world: one(facts.SpawnerState{Form: "empty"}, false, legacy), want: annSafe + " empty no-state " + escaped},
		"broken state":                  {world: one(facts.SpawnerState{Form: "broken"}, false, legacy), want: annSafe + " empty no-state " + escaped},
		"unreachable":                   {world: one(old, false, ofUser("claim-of-old", "ann@x.org")), want: annSafe + " empty unreachable claim-of-old"},
		"KubeSpawner 6":                 {world: one(old, false, legacy), change: prediction.Change{KubeSpawner: "6.2.0"}, want: escaped + " same  " + escaped},
		"KubeSpawner 6 remembers nothing": {world: one(remembered("claim-of-old"), false, ofUser("claim-of-old", "ann@x.org")), change: prediction.Change{KubeSpawner: "6.2.0"},
			want: escaped + " empty unreachable claim-of-old"},
		"somebody else's":                   {world: one(seven, false, ofUser(annSafe, "bob")), want: annSafe + " other collision "},
		"of a user who is not here":         {world: one(seven, false, ofUser(annSafe, "gone")), want: annSafe + " other collision "},
		"nobody's":                          {world: one(seven, false, facts.Claim{Name: annSafe}), want: annSafe + " same  " + annSafe},
		"another server's, none of its own": {world: one(seven, false, with(current, func(c *facts.Claim) { c.Server = "lab" })), want: annSafe + " same  " + annSafe},
		"another server's, one of its own": {world: one(seven, false, with(current, func(c *facts.Claim) { c.Server = "lab" }), legacy),
			want: annSafe + " empty unreachable " + escaped},
		"being deleted":                  {world: one(seven, false, with(current, func(c *facts.Claim) { c.Deleting = world.Now })), want: annSafe + " pending unusable " + annSafe},
		"lost":                           {world: one(remembered(escaped), false, with(legacy, func(c *facts.Claim) { c.Phase = "Lost" })), want: escaped + " pending unusable " + escaped},
		"waits for its first pod":        {world: one(seven, false, with(current, func(c *facts.Claim) { c.Phase = "Pending" })), want: annSafe + " same  " + annSafe},
		"one claim for all, by template": {world: one(seven, false, facts.Claim{Name: "claim-all"}), change: prediction.Change{Template: "claim-all"}, want: "claim-all same  claim-all"},
		"one claim for all, with a home of their own": {world: one(seven, false, facts.Claim{Name: "claim-all"}, current), change: prediction.Change{Template: "claim-all"},
			want: "claim-all empty unreachable " + annSafe},
	} {
		t.Run(name, func(t *testing.T) {
			st := predict(t, c.world, under(t, c.world.Hubs[0].KubeSpawner, c.change))[0]
			if got := fmt.Sprintf("%s %s %s %s", st.Claim, st.Outcome, st.Cause, st.Data); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if (st.Outcome == prediction.Other) != (st.Owner.User != "") || (st.Outcome == prediction.Same) != (st.Cause == "") || st.Because == "" {
				t.Errorf("owner or cause do not fit: %+v", st)
			}
		})
	}
}

// TestLastMount: of two claims the one with the files is that which the last
// start mounted, where something tells.
func TestLastMount(t *testing.T) {
	old := facts.SpawnerState{Form: "object", PodName: "jupyter-ann"}
	s := one(old, true, ofUser(escaped, "ann@x.org"), ofUser("claim-third", "ann@x.org"))
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "jupyter-ann", Phase: "Running", User: "ann@x.org", HasUser: true,
		Claims: []string{"claim-third", "shared-data"}})
	st := predict(t, s, s.Hubs[0].KubeSpawner)[0]
	if st.Data != "claim-third" || len(st.Claims) != 2 || st.Claims[0].Name != "claim-third" {
		t.Errorf("the running pod mounts claim-third: %+v", st)
	}
	s.Hubs[0].Spawners[0].ServerID = 0
	if st := predict(t, s, s.Hubs[0].KubeSpawner)[0]; st.Data != escaped {
		t.Errorf("a pod that the hub does not know says nothing: %+v", st)
	}
}

// TestRelinked: an operator named another claim in the state of a running
// server: that is its home.
func TestRelinked(t *testing.T) {
	s := one(facts.SpawnerState{Form: "object", PodName: "jupyter-ann", KubeSpawnerVersion: "7.0.0", PVCName: escaped}, true, ofUser(escaped, "ann@x.org"), ofUser(annSafe, "ann@x.org"))
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "jupyter-ann", Phase: "Running", User: "ann@x.org", HasUser: true, Claims: []string{annSafe}})
	if st := predict(t, s, s.Hubs[0].KubeSpawner)[0]; st.Outcome != prediction.Same || st.Data != escaped {
		t.Errorf("%+v", st)
	}
}

// TestSharedByUsers: what several users' servers remember is shared by design.
func TestSharedByUsers(t *testing.T) {
	shared := facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0", PVCName: "claim-project"}
	s := one(shared, false, ofUser("claim-project", "cem"))
	s.Hubs[0].Spawners[1].State = shared
	if got := verdicts(predict(t, s, s.Hubs[0].KubeSpawner)); got != nil {
		t.Errorf("%v", got)
	}
}

// TestTwoHubs: a user of another hub is another user, by whatever name.
func TestTwoHubs(t *testing.T) {
	s := one(facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0"}, false, ofUser(annSafe, "ann@x.org"))
	other := *s.Hubs[0]
	other.Name, other.Spawners = "other", []facts.Spawner{{ID: 1, UserID: 1, State: facts.SpawnerState{Form: "object", KubeSpawnerVersion: "7.0.0", PVCName: annSafe}}}
	s.Hubs = append(s.Hubs, &other)
	world.Settle(s)
	st := predict(t, s, s.Hubs[0].KubeSpawner)[0]
	if st.Outcome != prediction.Other || st.Owner.Hub != "other" || st.Owner.User != "ann@x.org" {
		t.Errorf("%+v", st)
	}
}

// TestCollision: what nobody owns goes to whoever comes first.
func TestCollision(t *testing.T) {
	s := one(facts.SpawnerState{}, false)
	h := s.Hubs[0]
	k := under(t, h.KubeSpawner, prediction.Change{KubeSpawner: "6.2.0"})
	h.Users = []facts.User{{ID: 1, Name: "ann"}, {ID: 2, Name: "annlab"}, {ID: 3, Name: "cem"}}
	h.Spawners = []facts.Spawner{{ID: 1, UserID: 1, Name: "lab"}}
	want := []string{"ann/lab other collision", "annlab/ other collision"}
	starts := predict(t, s, k)
	if diff := gocmp.Diff(want, verdicts(starts)); diff != "" {
		t.Error(diff)
	}
	if starts[1].Owner.User != "annlab" || starts[2].Owner.User != "ann" || starts[2].Owner.Server != "lab" {
		t.Errorf("the rivals are %+v and %+v", starts[1].Owner, starts[2].Owner)
	}
	// Who leaves files behind is told of those.
	had := ofUser("claim-ann-lab", "ann")
	had.Server, had.Namespace, had.Phase = "lab", world.Namespace, "Bound"
	before := slices.Clone(s.Kube.Claims)
	s.Kube.Claims = append(s.Kube.Claims, had)
	world.Settle(s)
	if diff := gocmp.Diff([]string{"ann/lab empty unreachable claim-ann-lab", "annlab/ other collision"}, verdicts(predict(t, s, k))); diff != "" {
		t.Error(diff)
	}
	s.Kube.Claims = before
	// Once one of them has it, it is that one's.
	claim := ofUser("claim-annlab", "ann")
	claim.Server, claim.Namespace, claim.Phase = "lab", world.Namespace, "Bound"
	s.Kube.Claims = append(s.Kube.Claims, claim)
	world.Settle(s)
	if diff := gocmp.Diff([]string{"annlab/ other collision"}, verdicts(predict(t, s, k))); diff != "" {
		t.Error(diff)
	}
	// A claim that the configuration says is nobody's home is shared by design.
	h.OtherClaims = []string{"claim-annlab"}
	if got := verdicts(predict(t, s, k)); got != nil {
		t.Errorf("a shared claim: %v", got)
	}
}

// TestUserNamespaces: names are told within the namespace of each user.
func TestUserNamespaces(t *testing.T) {
	s := one(facts.SpawnerState{}, false)
	k := s.Hubs[0].KubeSpawner
	k.UserNamespaces, k.PVCNameTemplate = "{hubnamespace}-{username}", "claim-{pod_name}"
	for i, want := range []string{"datahub-ann-x-org---", "datahub-bob"} {
		st := predict(t, s, k)[i]
		if !strings.HasPrefix(st.Namespace, want) || i == 0 && st.Claim != "claim-jupyter-"+kubespawner.Safe("ann@x.org") {
			t.Errorf("%+v", st)
		}
	}
}

func TestUnread(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *facts.Snapshot)
		want   string
	}{
		"users":    {func(s *facts.Snapshot) { s.Hubs[0].UsersRead = facts.Partial }, "users could not be read to the end"},
		"servers":  {func(s *facts.Snapshot) { s.Hubs[0].SpawnersRead = facts.None }, "servers could not be read to the end"},
		"states":   {func(s *facts.Snapshot) { s.Hubs[0].StatesRead = false }, "admin:server_state"},
		"database": {func(s *facts.Snapshot) { world.Fail(s, facts.HubDB(world.HubName), facts.CauseTimeout, "locked") }, "locked"},
		"claims":   {func(s *facts.Snapshot) { world.Fail(s, facts.KubeClaims, facts.CauseForbidden, "may not list") }, "may not list"},
	} {
		t.Run(name, func(t *testing.T) {
			s := world.Healthy(world.Small)
			c.change(s)
			starts, err := prediction.Predict(s, s.Hubs[0], s.Hubs[0].KubeSpawner, attribution.New(s))
			var unread *prediction.UnreadError
			if starts != nil || !errors.As(err, &unread) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d starts, %v", len(starts), err)
			}
		})
	}
	// What does not matter is not asked for.
	s := world.Healthy(world.Small)
	s.Hubs[0].StatesRead = false
	world.Fail(s, facts.KubePods, facts.CauseForbidden, "may not list")
	predict(t, s, under(t, s.Hubs[0].KubeSpawner, prediction.Change{Chart: "3.3.8"}))
}

func TestTemplateErrors(t *testing.T) {
	s := world.Healthy(world.Small)
	for _, template := range []string{"claim-{legacy_escape_username}", "claim-{nonsense}", "claim-{username", "x-{pvc_name}"} {
		k := s.Hubs[0].KubeSpawner
		k.PVCNameTemplate = template
		var want *kubespawner.TemplateError
		if starts, err := prediction.Predict(s, s.Hubs[0], k, attribution.New(s)); starts != nil || !errors.As(err, &want) {
			t.Errorf("template %s: %v", template, err)
		}
	}
	k := s.Hubs[0].KubeSpawner
	k.UserNamespaces = "{nonsense}"
	if _, err := prediction.Predict(s, s.Hubs[0], k, attribution.New(s)); err == nil {
		t.Error("a namespace template is not understood, and yet there is no error")
	}
}

// TestPure: a prediction changes nothing, and says the same again.
func TestPure(t *testing.T) {
	s, same := world.Aged(), world.Aged()
	k := under(t, s.Hubs[0].KubeSpawner, prediction.Change{KubeSpawner: "7.1.0", SlugScheme: "escape"})
	first, second := predict(t, s, k), predict(t, s, k)
	if diff := gocmp.Diff(same, s); diff != "" {
		t.Errorf("the snapshot was changed:\n%s", diff)
	}
	if diff := gocmp.Diff(first, second); diff != "" {
		t.Errorf("it differs the second time:\n%s", diff)
	}
}

// FuzzPredict: whatever names, states and claims there are, every server has a
// start, and what a start says holds.
func FuzzPredict(f *testing.F) {
	f.Add("ann@x.org", "bob", "lab", escaped, annSafe, "7.0.0", byte(0))
	f.Add("ann", "annlab", "lab", "claim-annlab", "", "6.2.0", byte(7))
	f.Add("\xff\n", "", "--", "claim----", "x", "", byte(255))
	f.Fuzz(func(t *testing.T, a, b, server, claim, pvc, version string, bits byte) {
		state := facts.SpawnerState{Form: []string{"", "empty", "broken", "object"}[bits&3], PVCName: pvc, PodName: server}
		if bits&4 != 0 {
			state.KubeSpawnerVersion = "7.0.0"
		}
		s := one(state, bits&8 != 0, ofUser(claim, a))
		h := s.Hubs[0]
		h.Users[0].Name, h.Users[1].Name = a, b
		h.Spawners = append(h.Spawners, facts.Spawner{ID: 13, UserID: 2, Name: server}, facts.Spawner{ID: 14, UserID: 99, Name: server})
		k := h.KubeSpawner
		k.Version, k.RememberPVCName = version, bits&16 != 0
		if !prediction.VersionOf(k).AtLeast(7, 0, 0) {
			k.PVCNameTemplate = kubespawner.DefaultTemplate(prediction.VersionOf(k))
		}
		starts, err := prediction.Predict(s, h, k, attribution.New(s))
		if err != nil {
			t.Fatal(err)
		}
		want := 2
		if server != "" {
			want = 3
		}
		if len(starts) != want {
			t.Fatalf("%d starts, want %d", len(starts), want)
		}
		for _, st := range starts {
			exists := slices.ContainsFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Namespace == st.Namespace && c.Name == st.Claim })
			if st.New == exists || st.Outcome == prediction.Same && st.Data != "" && st.Data != st.Claim || (st.Outcome == prediction.Same) != (st.Cause == "") {
				t.Fatalf("%+v", st)
			}
		}
	})
}

func TestUnder(t *testing.T) {
	off := false
	chart338 := facts.KubeSpawner{Version: "6.2.0", Chart: "3.3.8", PVCNameTemplate: "claim-{username}{servername}", SlugScheme: "safe", RememberPVCName: true, LegacyNames: true}
	bare := facts.KubeSpawner{Version: "6.2.0", PVCNameTemplate: "claim-{username}--{servername}", SlugScheme: "safe", RememberPVCName: true}
	set := facts.KubeSpawner{Version: "6.2.0", Chart: "3.3.8", PVCNameTemplate: "home-{username}", TemplateSet: true}
	for name, c := range map[string]struct {
		was      facts.KubeSpawner
		change   prediction.Change
		version  string
		template string
		words    string
	}{
		"nothing":                       {chart338, prediction.Change{}, "6.2.0", "claim-{username}{servername}", ""},
		"chart":                         {chart338, prediction.Change{Chart: "4.4.0"}, "7.0.0", "claim-{user_server}", "after the upgrade to chart 4.4.0 (KubeSpawner 7.0.0)"},
		"back":                          {chart338, prediction.Change{Chart: "2.0.0"}, "4.2.0", "claim-{username}{servername}", "after going back to chart 2.0.0 (KubeSpawner 4.2.0)"},
		"KubeSpawner 7 of a chart":      {chart338, prediction.Change{KubeSpawner: "7.1.0"}, "7.1.0", "claim-{user_server}", "after the upgrade to KubeSpawner 7.1.0"},
		"KubeSpawner 6 of a chart":      {chart338, prediction.Change{KubeSpawner: "6.0"}, "6.0.0", "claim-{username}{servername}", "after going back to KubeSpawner 6.0.0"},
		"KubeSpawner 6 without a chart": {bare, prediction.Change{KubeSpawner: "6.0"}, "6.0.0", "claim-{username}--{servername}", "after going back to KubeSpawner 6.0.0"},
		"configured template":           {set, prediction.Change{Chart: "4.4.0"}, "7.0.0", "home-{username}", "after the upgrade to chart 4.4.0 (KubeSpawner 7.0.0)"},
		"another template": {set, prediction.Change{Chart: "4.4.0", Template: "x-{userid}", SlugScheme: "escape", RememberPVCName: &off, LegacyNames: &off}, "7.0.0", "x-{userid}",
			"after the upgrade to chart 4.4.0 (KubeSpawner 7.0.0), with slug scheme escape, with the template x-{userid}, with remember_pvc_name off, with handle_legacy_names off"},
	} {
		t.Run(name, func(t *testing.T) {
			k := under(t, c.was, c.change)
			if k.Version != c.version || k.PVCNameTemplate != c.template || k.TemplateSet != (c.was.TemplateSet || c.change.Template != "") {
				t.Errorf("%+v", k)
			}
			if words := strings.Join(c.change.Words(c.was, k), ", "); words != c.words {
				t.Errorf("words %q", words)
			}
			if c.change.RememberPVCName != nil && (k.RememberPVCName || k.LegacyNames) {
				t.Errorf("the switches are on: %+v", k)
			}
		})
	}
	homes := facts.KubeSpawner{Version: "7.0.0", Homes: facts.Homes{Claim: "homes"}}
	for name, c := range map[string]struct {
		was    facts.KubeSpawner
		change prediction.Change
	}{
		"two versions":                  {chart338, prediction.Change{Chart: "4.4.0", KubeSpawner: "7.0.0"}},
		"no chart":                      {chart338, prediction.Change{Chart: "four"}},
		"no KubeSpawner":                {chart338, prediction.Change{KubeSpawner: "seven"}},
		"no slug scheme":                {chart338, prediction.Change{Chart: "4.4.0", SlugScheme: "both"}},
		"slug scheme before 7":          {chart338, prediction.Change{SlugScheme: "escape"}},
		"legacy names before 7":         {chart338, prediction.Change{LegacyNames: &off}},
		"template that 7 does not know": {chart338, prediction.Change{Chart: "4.4.0", Template: "{legacy_escape_username}"}},
		"template of a shared claim":    {homes, prediction.Change{Template: "x"}},
	} {
		if k, err := prediction.Under(c.was, c.change); err == nil {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// BenchmarkPredict tells the starts of 100,000 users after an upgrade; the
// attribution of their claims is not in it.
func BenchmarkPredict(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 10, Replicas: 3})
	h := s.Hubs[0]
	h.KubeSpawner.Version, h.KubeSpawner.Chart = "6.2.0", "3.3.8"
	k := under(b, h.KubeSpawner, prediction.Change{Chart: "4.4.0"})
	owners := attribution.New(s)
	b.ReportAllocs()
	for b.Loop() {
		starts, err := prediction.Predict(s, h, k, owners)
		if err != nil || len(starts) != 110_000 {
			b.Fatal(len(starts), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Second), "s/prediction")
}
