package attribution_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// example is a claim that a KubeSpawner named.
type example struct{ version, user, server, claim string }

var x47, x46 = strings.Repeat("x", 47), strings.Repeat("x", 46)

// examples are names that the tagged code of each version rendered, of one hub
// that has been through all of them and now has the template of the last one.
var examples = []example{
	{"0.5.1", "SamLau.95", "", "claim-samlau-95-257"},
	{"0.5.1", "sam-lau-95", "", "claim-sam-lau-95-51"},
	{"0.6.0", "SamLau.95", "", "claim--53am-4cau-2e95"},
	{"0.7.1", "ann", "lab", "claim-ann-lab"},
	{"0.8.1", "ann", "My.Lab", "claim-ann-My.Lab"},
	{"0.9.0", "ann", "lab", "claim-ann-2dlab"},
	{"0.14.0", "ann", "lab", "claim-ann--lab"},
	{"1.0.0", "jane-doe", "", "claim-jane-2ddoe"},
	{"6.2.0", "jane-doe", "exp-1", "claim-jane-2ddoe--exp-2d1"},
	{"6.2.0", "jane-doe", "exp-1", "claim-jane-2ddoeexp-2d1"},
	{"6.2.0", "user@example.com", "", "claim-user-40example-2ecom"},
	{"6.2.0", "user@example.com", "named", "claim-user-40example-2ecom--named"},
	{"6.2.0", "test@example.org", "named", "claim-test-40example-2eorgnamed"},
	{"6.2.0", "Capital", "", "claim--43apital"},
	{"6.2.0", "ann--lab", "", "claim-ann-2d-2dlab"},
	{"6.2.0", "josé.garcía", "", "claim-jos-c3-a9-2egarc-c3-ada"},
	{"7.0.0", "jane-doe", "", "claim-jane-doe"},
	{"7.0.0", "jane-doe", "exp-1", "claim-jane-doe--exp-1"},
	{"7.0.0", "user@example.com", "", "claim-user-example-com---b4c9a289"},
	{"7.0.0", "test@example.org", "named", "claim-test-example-org---388c735e--named"},
	{"7.0.0", "user@email.com", "Some Name", "claim-user-email-com---0925f997--some-name---3a8b1764"},
	{"7.0.0", "user", "Some Name", "claim-user--some-name---3a8b1764"},
	{"7.0.0", "Capital", "", "claim-capital---1a1cf792"},
	{"7.0.0", "1234567", "", "claim-x-1234567---8bb0cf6e"},
	{"7.0.0", "user.name", "", "claim-user-name---c69f268f"},
	{"7.0.0", "user_name", "", "claim-user-name---2e0d0e00"},
	{"7.0.0", "ann--lab", "", "claim-ann-lab---63fdb4c2"},
	{"7.0.0", x47, "", "claim-xxxxxxxxxxxxxxxxx--x---cfcbdd85"},
	{"7.0.0", x46, "", "claim-" + x46},
	{"7.0.0", "first.last@department.university.example.edu", "", "claim-first-last-depart--x---68436896"},
	{"6.2.0", "first.last@department.university.example.edu", "", "claim-first-2elast-40department-2euniversity-2eexample-2eedu"},
	{"7.0.0", "a-very-long-name-that-is-too-long", "another-quite-long-server-name", "claim-a-very-long-name--another-quite-lon---5b15b137"},
	{"7.0.0", "张伟", "", "claim-x---a3a0bafd"},
	{"7.0.0", "josé.garcía", "", "claim-jos-garc-a---f1afa4ec"},
	{"7.0.0", "ends-", "", "claim-ends---9b2db42f"},
	{"7.0.0", "1aaaaaaaaaaaaa-bcd@x.y", "", "claim-x-1aaaaaaaaaaaaa-bcd-x-y---f3ddc12d"},
	{"7.0.0", "jane@x.org", "Exp 1", "claim-jane-x-org---575acbe9exp-1---e227928e"},
	// One name for two servers.
	{"0.14.0", "ann", "lab", "claim-annlab"},
	{"0.14.0", "annlab", "", "claim-annlab"},
}

// exampleWorld is the hub of all examples, with the rows of their servers.
func exampleWorld() *facts.Snapshot {
	h := &facts.Hub{Name: "hub", Namespace: "ns", UsersRead: facts.Complete, SpawnersRead: facts.Complete,
		KubeSpawner: facts.KubeSpawner{Version: "7.0.0", PVCNameTemplate: "claim-{username}{servername}", TemplateSet: true, SlugScheme: "safe"}}
	ids := map[string]int64{}
	for _, e := range examples {
		if ids[e.user] == 0 {
			ids[e.user] = int64(len(ids) + 1000)
			switch e.user {
			case "SamLau.95":
				ids[e.user] = 257
			case "sam-lau-95":
				ids[e.user] = 51
			}
			h.Users = append(h.Users, facts.User{ID: ids[e.user], Name: e.user})
		}
		if e.server != "" {
			h.Spawners = append(h.Spawners, facts.Spawner{UserID: ids[e.user], Name: e.server})
		}
	}
	return &facts.Snapshot{Hubs: []*facts.Hub{h}}
}

// made is the claim with the metadata that its KubeSpawner gave it.
func (e example) made(t *testing.T) facts.Claim {
	v, err := kubespawner.ParseVersion(e.version)
	if err != nil {
		t.Fatal(err)
	}
	c := facts.Claim{Namespace: "ns", Name: e.claim, LabelUser: kubespawner.Label(v, e.user)}
	if v.AtLeast(0, 8, 0) {
		c.HasUser, c.User, c.Server = true, e.user, e.server
	} else if v.AtLeast(0, 7, 0) {
		c.LabelServer = e.server
	}
	if v.AtLeast(0, 9, 0) {
		c.Component = "singleuser-storage"
	}
	return c
}

// Every claim of every version is attributed back to its server: as it was
// made, without its annotations, and bare.
func TestExamples(t *testing.T) {
	for _, e := range examples {
		if e.claim == "claim-annlab" {
			continue
		}
		whole := e.made(t)
		labelled := whole
		labelled.HasUser, labelled.User, labelled.Server = false, "", ""
		for kind, c := range map[string]facts.Claim{"made": whole, "labelled": labelled, "bare": {Namespace: "ns", Name: e.claim}} {
			t.Run(kind+" "+e.claim, func(t *testing.T) {
				s := exampleWorld()
				s.Kube.Claims = []facts.Claim{c}
				want := attribution.Owner{Hub: "hub", User: e.user, Server: e.server, By: attribution.ByName}
				for _, u := range s.Hubs[0].Users {
					if u.Name == e.user {
						want.UserID = u.ID
					}
				}
				switch {
				case c.HasUser:
					want.By = attribution.ByAnnotation
				case strings.HasPrefix(e.version, "0.5"):
					want.By = attribution.ByID
				}
				check(t, s, e.claim, &want)
				if want.By != attribution.ByName {
					return
				}
				// Without the server's row nothing tells of it, unless another claim does.
				s.Hubs[0].Spawners = nil
				if e.server == "" {
					check(t, s, e.claim, &want)
					return
				}
				check(t, s, e.claim, nil)
				s.Kube.Claims = append(s.Kube.Claims, annotated("another", e.user, e.server))
				s.Kube.Claims[1].Namespace = "ns"
				check(t, s, e.claim, &want)
			})
		}
	}
}

// Two servers have one name: annotations and labels decide, the name does not.
func TestCollision(t *testing.T) {
	s := exampleWorld()
	s.Kube.Claims = []facts.Claim{bare("claim-annlab")}
	c := &s.Kube.Claims[0]
	c.Namespace = "ns"
	check(t, s, "claim-annlab", nil)
	x := attribution.New(s)
	if o, ok := x.LabelUser("ns", "claim-annlab"); ok {
		t.Errorf("attributed to %+v", o)
	}
	got := []string{}
	for _, r := range x.Rendered("ns", "claim-annlab") {
		got = append(got, fmt.Sprint(r.Owner, " ", r.Scheme.Version, " ", r.Configured))
	}
	// The hub's own template is that of the chart, whose names of these users did not change.
	want := []string{`user "ann"'s server "lab" 7.0.0 true`, `user "annlab"'s default server 7.0.0 true`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
	c.LabelUser = "ann"
	check(t, s, "claim-annlab", &attribution.Owner{Hub: "hub", User: "ann", UserID: id(s, "ann"), Server: "lab", By: attribution.ByName})
	c.LabelUser, c.HasUser, c.User = "", true, "annlab"
	check(t, s, "claim-annlab", &attribution.Owner{Hub: "hub", User: "annlab", UserID: id(s, "annlab"), By: attribution.ByAnnotation})
}

func id(s *facts.Snapshot, name string) int64 {
	for _, u := range s.Hubs[0].Users {
		if u.Name == name {
			return u.ID
		}
	}
	return 0
}

func TestRendered(t *testing.T) {
	s := small(map[int64]string{7: "ann", 8: "o.k"}, annotated("claim-ann", "bob", ""), bare("claim-ann-7"), annotated("claim-ann-8", "ann", ""), bare("claim-o-2ek"))
	s.Hubs[0].KubeSpawner = facts.KubeSpawner{Version: "6.2.0", PVCNameTemplate: "claim-{username}{servername}"}
	for claim, want := range map[string][]attribution.Rendered{
		// The annotation does not hide whose name it is.
		"claim-ann": {{Owner: attribution.Owner{Hub: "hub", User: "ann", UserID: 7, By: attribution.ByName}, Configured: true,
			Scheme: kubespawner.Scheme{Version: kubespawner.Version{Major: 6, Minor: 2}, Template: "claim-{username}{servername}", Slugs: "safe"}}},
		"claim-ann-7": {{Owner: attribution.Owner{Hub: "hub", User: "ann", UserID: 7, By: attribution.ByID},
			Scheme: kubespawner.Scheme{Version: kubespawner.Version{Minor: 5}, Template: "claim-{username}-{userid}"}}},
		"claim-ann-8": nil,
		"claim-o-2ek": {{Owner: attribution.Owner{Hub: "hub", User: "o.k", UserID: 8, By: attribution.ByName}, Configured: true,
			Scheme: kubespawner.Scheme{Version: kubespawner.Version{Major: 6, Minor: 2}, Template: "claim-{username}{servername}", Slugs: "safe"}}},
		"no-such-claim": nil,
	} {
		if diff := cmp.Diff(want, attribution.New(s).Rendered("ns", claim)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}

// What a hub's template can and cannot tell.
func TestTemplates(t *testing.T) {
	ann := &attribution.Owner{Hub: "hub", User: "ann", UserID: 7, By: attribution.ByName}
	lab := &attribution.Owner{Hub: "hub", User: "ann", UserID: 7, Server: "lab", By: attribution.ByName}
	for _, c := range []struct {
		name, version, slugs, template, claim string
		want                                  *attribution.Owner
	}{
		{"a template of its own", "7.0.0", "safe", "home-{user_server}", "home-ann--lab", lab},
		{"an unknown version is 7", "", "", "home-{user_server}", "home-ann", ann},
		{"after a change of slugs", "7.0.0", "safe", "home-{username}{servername}-x", "home-annlab-x", lab},
		{"several servers on one claim", "7.0.0", "safe", "home-{username}", "home-ann", ann},
		{"by the pod's name", "7.0.0", "safe", "home-{pod_name}", "home-jupyter-ann--lab", lab},
		{"a pod's name that is not known", "7.0.0", "safe", "home-{pod_name}", "home-", nil},
		{"everybody's", "7.0.0", "safe", "homes", "homes", nil},
		{"everybody's by server", "7.0.0", "safe", "homes-{servername}", "homes-lab", nil},
		{"a field of the hub's own", "7.0.0", "safe", "{course}-{username}", "x-ann", nil},
		{"a field that this version has not", "6.2.0", "", "home-{user_server}", "home-ann", nil},
		{"by id", "7.0.0", "safe", "home-{userid}", "home-7", ann},
		{"broken", "7.0.0", "safe", "home-{username", "home-ann", nil},
		{"in a namespace", "7.0.0", "safe", "{namespace}-{username}", "ns-ann", ann},
		{"a name that only begins alike", "7.0.0", "safe", "home-{username}", "home-ann-2", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := small(map[int64]string{7: "ann"}, bare(c.claim))
			s.Hubs[0].KubeSpawner = facts.KubeSpawner{Version: c.version, PVCNameTemplate: c.template, SlugScheme: c.slugs}
			s.Hubs[0].Spawners = []facts.Spawner{{UserID: 7, Name: "lab", State: facts.SpawnerState{PodName: "jupyter-ann--lab"}}}
			check(t, s, c.claim, c.want)
		})
	}
}

// The REST API shows no ids: what it numbers below zero is no part of a name.
func TestNamesWithoutIDs(t *testing.T) {
	s := small(nil, bare("claim-ann-1"), bare("claim-ann--1"), bare("claim-a-2eb"))
	s.Hubs[0].Users = []facts.User{{ID: -2, Name: "a.b"}, {ID: -1, Name: "ann"}}
	x := attribution.New(s)
	if got := x.Rendered("ns", "claim-ann--1"); len(got) != 0 {
		t.Errorf("a made-up id is in a name: %+v", got)
	}
	want := attribution.Owner{Hub: "hub", User: "ann", UserID: -1, By: attribution.ByEarlierID}
	if o, _ := x.Owner("ns", "claim-ann-1"); o != want {
		t.Errorf("%+v", o)
	}
	want = attribution.Owner{Hub: "hub", User: "a.b", UserID: -2, By: attribution.ByName}
	if o, _ := x.Owner("ns", "claim-a-2eb"); o != want {
		t.Errorf("%+v", o)
	}
	s.Hubs[0].Spawners = []facts.Spawner{remembers(-1, "lab", "x")}
	s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: "ns", Name: "x"})
	if got := attribution.New(s).Claims("hub", -1, "lab"); len(got) != 1 || got[0].Name != "x" {
		t.Errorf("the server's claims are %+v", got)
	}
}

// A claim of 2017 is named after its user's id, though a named server of theirs
// would be given the same name later, with a mark on it.
func TestServerNamedAsTheID(t *testing.T) {
	s := small(map[int64]string{7: "ann"}, bare("claim-ann-7"))
	s.Hubs[0].Spawners = []facts.Spawner{{UserID: 7, Name: "7"}}
	check(t, s, "claim-ann-7", &attribution.Owner{Hub: "hub", User: "ann", UserID: 7, By: attribution.ByID})
}

// A label of 2017 and 2018 tells of a user who is gone, if the claim's name
// bears it out.
func TestFormerLabel(t *testing.T) {
	for name, c := range map[string]struct {
		claim facts.Claim
		user  string
	}{
		"0.6":                    {facts.Claim{Name: "claim--53am-2elau", LabelUser: "Sam_2Elau"}, "Sam.lau"},
		"0.7, a named server":    {facts.Claim{Name: "claim-ann-lab", LabelUser: "ann", LabelServer: "lab"}, "ann"},
		"the name is another":    {facts.Claim{Name: "claim-bob", LabelUser: "ann"}, ""},
		"a label of later":       {facts.Claim{Name: "claim-sam-2elau", LabelUser: "sam.lau"}, ""},
		"escaped otherwise":      {facts.Claim{Name: "claim-ann", LabelUser: "_61nn"}, ""},
		"a copy":                 {facts.Claim{Name: "claim-ann", LabelUser: "ann", SourceKind: ofClaim, SourceName: "x"}, ""},
		"annotated, for nobody":  {facts.Claim{Name: "claim-ann", LabelUser: "ann", HasUser: true}, ""},
		"a label of a user here": {facts.Claim{Name: "x", LabelUser: "zoe"}, "zoe"},
	} {
		t.Run(name, func(t *testing.T) {
			c.claim.Namespace = "ns"
			s := small(map[int64]string{7: "zoe"}, c.claim)
			o, ok := attribution.New(s).LabelUser("ns", c.claim.Name)
			if ok != (c.user != "") || o.User != c.user || ok && (o.Hub != "hub" || o.By != attribution.ByLabel || (o.UserID == 7) != (c.user == "zoe")) {
				t.Errorf("%t, %+v", ok, o)
			}
		})
	}
}

// A damaged index lets a hub make the same user twice; it finds the first.
func TestSameUserTwice(t *testing.T) {
	s := small(nil, bare("claim-ann"), annotated("x", "ann", ""))
	s.Hubs[0].Users = []facts.User{{ID: 5, Name: "ann"}, {ID: 2, Name: "ann"}, {ID: 9, Name: "ann"}}
	x := attribution.New(s)
	for claim, by := range map[string]attribution.By{"claim-ann": attribution.ByName, "x": attribution.ByAnnotation} {
		want := attribution.Owner{Hub: "hub", User: "ann", UserID: 2, By: by}
		if o, _ := x.Owner("ns", claim); o != want {
			t.Errorf("%s: %+v", claim, o)
		}
	}
}
