package attribution_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

func pod(name, user, server string, claims ...string) facts.Pod {
	return facts.Pod{Namespace: "ns", Name: name, Phase: "Running", Component: "singleuser-server", HasUser: true, User: user, Server: server, Claims: claims}
}

func copied(c facts.Claim, kind, name string) facts.Claim {
	c.SourceKind, c.SourceName = kind, name
	return c
}

const ofClaim, ofSnapshot = "PersistentVolumeClaim", "VolumeSnapshot"

func TestPods(t *testing.T) {
	users := map[int64]string{1: "ann", 2: "bob"}
	ann := &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByPod}
	stopped := pod("p", "ann", "", "claim-1")
	stopped.Phase = "Succeeded"
	for name, c := range map[string]struct {
		claims []facts.Claim
		pods   []facts.Pod
		change func(*facts.Hub)
		want   *attribution.Owner // of the first claim
	}{
		"its only home":             {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1")}, want: ann},
		"by its component":          {claims: []facts.Claim{{Name: "x", Component: "singleuser-storage"}}, pods: []facts.Pod{pod("p", "ann", "", "x")}, want: ann},
		"by the template's prefix":  {claims: []facts.Claim{bare("home-1")}, pods: []facts.Pod{pod("p", "ann", "", "home-1")}, want: ann, change: func(h *facts.Hub) { h.KubeSpawner.PVCNameTemplate = "home-{username}" }},
		"beside data":               {claims: []facts.Claim{bare("claim-1"), bare("datasets")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1", "datasets")}, want: ann},
		"data":                      {claims: []facts.Claim{bare("datasets"), bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1", "datasets")}},
		"beside a home of the same": {claims: []facts.Claim{bare("claim-1"), annotated("x", "ann", "")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1", "x")}},
		"beside a remembered one": {claims: []facts.Claim{bare("claim-1"), bare("x")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1", "x")},
			change: func(h *facts.Hub) { h.Spawners = []facts.Spawner{remembers(1, "", "x")} }},
		"beside everybody's homes": {claims: []facts.Claim{bare("claim-1"), bare("homes")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1", "homes")},
			change: func(h *facts.Hub) { h.KubeSpawner.Homes.Claim = "homes" }},
		"several users":    {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1"), pod("q", "bob", "", "claim-1")}},
		"several servers":  {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "lab", "claim-1"), pod("q", "ann", "", "claim-1")}, want: ann},
		"a pod that ended": {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{stopped}},
		"a pod of nobody":  {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{{Namespace: "ns", Name: "p", Phase: "Running", Claims: []string{"claim-1"}}}},
		"another namespace's pod": {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{func() facts.Pod {
			p := pod("p", "ann", "", "claim-1")
			p.Namespace = "other"
			return p
		}()}},
		"the hub's own pod too": {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1"),
			{Namespace: "ns", Name: "hub", Phase: "Running", Component: facts.HubComponent, Claims: []string{"claim-1"}}}},
		"everybody's homes":  {claims: []facts.Claim{bare("claim-homes")}, pods: []facts.Pod{pod("p", "ann", "", "claim-homes")}, change: func(h *facts.Hub) { h.KubeSpawner.Homes.Claim = "claim-homes" }},
		"left out":           {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1")}, change: func(h *facts.Hub) { h.OtherClaims = []string{"claim-?"} }},
		"a user who is gone": {claims: []facts.Claim{bare("claim-1")}, pods: []facts.Pod{pod("p", "zoe", "", "claim-1")}, want: &attribution.Owner{Hub: "hub", User: "zoe", By: attribution.ByPod}},
		"the annotation outweighs it": {claims: []facts.Claim{annotated("claim-1", "bob", "")}, pods: []facts.Pod{pod("p", "ann", "", "claim-1")},
			want: &attribution.Owner{Hub: "hub", User: "bob", UserID: 2, By: attribution.ByAnnotation}},
		"it outweighs the name": {claims: []facts.Claim{bare("claim-bob")}, pods: []facts.Pod{pod("p", "ann", "", "claim-bob")}, want: ann},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(users, c.claims...)
			s.Kube.Pods = c.pods
			if c.change != nil {
				c.change(s.Hubs[0])
			}
			check(t, s, s.Kube.Claims[0].Name, c.want)
		})
	}
}

func TestCopies(t *testing.T) {
	users := map[int64]string{1: "ann", 2: "bob"}
	owner := func(id int64, name string, by attribution.By) *attribution.Owner {
		return &attribution.Owner{Hub: "hub", User: name, UserID: id, By: by}
	}
	for name, c := range map[string]struct {
		claim facts.Claim
		pods  []facts.Pod
		rows  []facts.Spawner
		want  *attribution.Owner
		user  string // where only the user is known
	}{
		"beside the original":                     {claim: copied(annotated("ann-before", "ann", ""), ofClaim, "claim-ann"), user: "ann"},
		"remembered":                              {claim: copied(annotated("ann-before", "ann", ""), ofClaim, "claim-ann"), rows: []facts.Spawner{remembers(1, "", "ann-before")}, want: owner(1, "ann", attribution.ByState)},
		"mounted":                                 {claim: copied(annotated("ann-before", "ann", ""), ofClaim, "claim-ann"), pods: []facts.Pod{pod("p", "ann", "", "ann-before")}, want: owner(1, "ann", attribution.ByPod)},
		"mounted by somebody":                     {claim: copied(annotated("ann-before", "ann", ""), ofClaim, "claim-ann"), pods: []facts.Pod{pod("p", "bob", "", "ann-before")}, user: "ann"},
		"mounted beside a home":                   {claim: copied(annotated("ann-before", "ann", ""), ofClaim, "claim-ann"), pods: []facts.Pod{pod("p", "ann", "", "ann-before", "claim-x")}, user: "ann"},
		"restored under its name":                 {claim: copied(annotated("claim-ann", "ann", ""), ofSnapshot, "ann-nightly"), want: owner(1, "ann", attribution.ByAnnotation)},
		"restored by hand":                        {claim: copied(bare("claim-ann"), ofSnapshot, "ann-nightly"), want: owner(1, "ann", attribution.ByName)},
		"made for another user, under their name": {claim: copied(annotated("claim-bob", "ann", ""), ofClaim, "claim-ann"), user: "ann"},
		"without a word":                          {claim: copied(bare("ann-before"), ofClaim, "claim-ann")},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(users, c.claim, bare("claim-x"))
			s.Kube.Pods, s.Hubs[0].Spawners = c.pods, c.rows
			check(t, s, c.claim.Name, c.want)
			x := attribution.New(s)
			o, ok := x.LabelUser("ns", c.claim.Name)
			if o.User != c.user || ok != (c.user != "") || o.Server != "" {
				t.Errorf("the user is %+v, %t, want %q", o, ok, c.user)
			}
			if claims := x.Claims("hub", 1, ""); c.user != "" && len(claims) != 0 {
				t.Errorf("the server has %+v", claims)
			}
		})
	}
}

// What is nobody's is nobody's whatever tells otherwise.
func TestNobodys(t *testing.T) {
	s := small(map[int64]string{1: "ann"}, annotated("hub-db-dir", "ann", ""), annotated("claim-ann", "ann", ""), annotated("homes", "ann", ""), annotated("db", "ann", ""))
	h := s.Hubs[0]
	h.OtherClaims, h.KubeSpawner.Homes.Claim = []string{"claim-*"}, "homes"
	h.Spawners = []facts.Spawner{remembers(1, "", "claim-ann"), remembers(1, "lab", "homes")}
	s.Kube.Pods = []facts.Pod{{Namespace: "ns", Name: "hub-0", Component: facts.HubComponent, Claims: []string{"db"}}}
	x := attribution.New(s)
	for _, c := range s.Kube.Claims {
		o, ok := x.Owner("ns", c.Name)
		u, label := x.LabelUser("ns", c.Name)
		if ok || label {
			t.Errorf("%s is %+v's or %+v's", c.Name, o, u)
		}
		if got, want := x.SharedByUsers("ns", c.Name), c.Name == "homes"; got != want {
			t.Errorf("%s is shared: %t", c.Name, got)
		}
	}
	if claims := x.Claims("hub", 1, ""); len(claims) != 0 {
		t.Errorf("claims of the server: %v", claims)
	}
	if e := x.Evidence("ns", "claim-ann"); len(e) < 2 {
		t.Errorf("the evidence is hidden: %+v", e)
	}
}

// What one hub leaves out may be another's of the same namespace.
func TestLeftOutByOneHub(t *testing.T) {
	s := small(map[int64]string{1: "ann"}, annotated("claim-ann", "ann", ""), bare("claim-ann-7"))
	other := small(map[int64]string{7: "ann"}).Hubs[0]
	other.Name = "other"
	s.Hubs = append(s.Hubs, other)
	check(t, s, "claim-ann", &attribution.Owner{User: "ann", By: attribution.ByAnnotation})
	s.Hubs[0].OtherClaims = []string{"claim-*"}
	check(t, s, "claim-ann", &attribution.Owner{Hub: "other", User: "ann", UserID: 7, By: attribution.ByAnnotation})
	check(t, s, "claim-ann-7", &attribution.Owner{Hub: "other", User: "ann", UserID: 7, By: attribution.ByID})
}

func TestLabelUser(t *testing.T) {
	labelled := func(label string) facts.Claim { return facts.Claim{Name: "home", LabelUser: label} }
	for name, c := range map[string]struct {
		users  map[int64]string
		claim  facts.Claim
		change func(*facts.Hub)
		want   *attribution.Owner
	}{
		"of 0.6":          {users: map[int64]string{1: "Sam.L"}, claim: labelled("Sam_2EL"), want: &attribution.Owner{Hub: "hub", User: "Sam.L", UserID: 1, By: attribution.ByLabel}},
		"of 6":            {users: map[int64]string{1: "Sam.L"}, claim: labelled("-53am-2e-4c"), want: &attribution.Owner{Hub: "hub", User: "Sam.L", UserID: 1, By: attribution.ByLabel}},
		"of 7":            {users: map[int64]string{1: "ann"}, claim: labelled("ann"), want: &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByLabel}},
		"of two users":    {users: map[int64]string{1: "o.k", 2: "o-2ek"}, claim: labelled("o-2ek")},
		"of nobody":       {users: map[int64]string{1: "ann"}, claim: labelled("bob")},
		"of half a table": {users: map[int64]string{1: "ann"}, claim: labelled("ann"), change: func(h *facts.Hub) { h.UsersRead = facts.Partial }},
		"a helper's":      {users: map[int64]string{1: "ann"}, claim: labelled("ann"), change: func(h *facts.Hub) { h.OtherClaims = []string{"home"} }},
		"several servers of one user": {users: map[int64]string{1: "ann"}, claim: bare("claim-ann-2dx"), change: func(h *facts.Hub) {
			h.Spawners = []facts.Spawner{{UserID: 1, Name: "x"}, {UserID: 1, Name: "-x"}} // -2dx under 0.9, and escaped after 0.14
		}, want: &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByName}},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(c.users, c.claim)
			if c.change != nil {
				c.change(s.Hubs[0])
			}
			x := attribution.New(s)
			if o, ok := x.Owner("ns", c.claim.Name); ok {
				t.Errorf("a server is known: %+v", o)
			}
			got, ok := x.LabelUser("ns", c.claim.Name)
			if c.want == nil && ok {
				t.Errorf("the user is %+v", got)
			} else if c.want != nil {
				if diff := cmp.Diff(*c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// A label that is another user's speaks against the name.
func TestLabelAgainstName(t *testing.T) {
	s := small(map[int64]string{1: "ann", 2: "bob"}, facts.Claim{Name: "claim-ann", LabelUser: "bob"})
	check(t, s, "claim-ann", nil)
	if o, _ := attribution.New(s).LabelUser("ns", "claim-ann"); o.User != "bob" {
		t.Errorf("the user is %+v", o)
	}
	s = small(map[int64]string{1: "ann"}, facts.Claim{Name: "claim-ann-lab", LabelUser: "ann", LabelServer: "gpu"})
	s.Hubs[0].Spawners = []facts.Spawner{{UserID: 1, Name: "lab"}}
	check(t, s, "claim-ann-lab", nil)
	s.Kube.Claims[0].Name, s.Kube.Claims[0].Component = "claim-ann", "database"
	s.Kube.Claims[0].LabelServer = ""
	check(t, s, "claim-ann", nil)
}

func TestEvidence(t *testing.T) {
	s := small(map[int64]string{1: "ann", 2: "bob", 3: "cem", 4: "Dan"}, facts.Claim{Name: "claim-ann", HasUser: true, User: "bob", LabelUser: "cem"}, bare("claim-dan-9"))
	s.Hubs[0].Spawners = []facts.Spawner{remembers(4, "", "claim-ann"), remembers(4, "", "claim-ann")}
	s.Kube.Pods = []facts.Pod{pod("p\n", "ann", "lab", "claim-ann")}
	x := attribution.New(s)
	type told struct {
		By     attribution.By
		User   string
		Detail string
	}
	got := func(claim string) []told {
		var all []told
		for _, e := range x.Evidence("ns", claim) {
			if e.By != e.Owner.By {
				t.Errorf("%s and %s", e.By, e.Owner.By)
			}
			all = append(all, told{e.By, e.Owner.User, e.Detail})
		}
		return all
	}
	want := []told{
		{attribution.ByState, "Dan", `the hub remembers it for user "Dan"'s default server`},
		{attribution.ByAnnotation, "bob", `its annotations name user "bob"'s default server`},
		{attribution.ByPod, "ann", `the running pod "p\n" mounts it`},
		{attribution.ByName, "ann", `KubeSpawner 7.0.0 gives that name to user "ann"'s default server with the template "claim-{user_server}"`},
		{attribution.ByLabel, "cem", `its label "cem" is user "cem"'s`},
	}
	if diff := cmp.Diff(want, got("claim-ann")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = []told{{attribution.ByEarlierID, "Dan", `user "Dan" is the only one of the name in it`}}
	if diff := cmp.Diff(want, got("claim-dan-9")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := x.Evidence("ns", "nothing"); e != nil {
		t.Errorf("evidence for nothing: %+v", e)
	}
}

func TestClaims(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	s := small(map[int64]string{1: "ann", 2: "bob"}, annotated("b", "ann", ""), annotated("a", "ann", ""), annotated("newest", "ann", ""),
		annotated("going", "ann", ""), annotated("lab", "ann", "lab"), annotated("gone", "zoe", ""), bare("both"))
	for i, created := range []int{2, 2, 3, 1, 1, 1, 1} {
		s.Kube.Claims[i].Created = day(created)
	}
	s.Kube.Claims[3].Deleting = day(4)
	s.Hubs[0].Spawners = []facts.Spawner{remembers(1, "lab", "both"), remembers(1, "gpu", "both"), remembers(1, "", "not-there")}
	x := attribution.New(s)
	for _, c := range []struct {
		hub    string
		user   int64
		server string
		want   []string
	}{
		{"hub", 1, "", []string{"a", "b", "newest"}},
		{"hub", 1, "lab", []string{"both", "lab"}},
		{"hub", 1, "gpu", []string{"both"}},
		{"hub", 1, "none", nil}, {"hub", 2, "", nil}, {"hub", 0, "", nil}, {"other", 1, "", nil},
	} {
		var got []string
		for _, claim := range x.Claims(c.hub, c.user, c.server) {
			got = append(got, claim.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("user %d, server %q (-want +got):\n%s", c.user, c.server, diff)
		}
	}
}

// A namespace for each user is the hub's by its template alone.
func TestUserNamespaceTemplate(t *testing.T) {
	world := func(c facts.Claim) *facts.Snapshot {
		s := small(map[int64]string{1: "ann", 2: "o.k"}, c)
		s.Hubs[0].KubeSpawner = facts.KubeSpawner{Version: "7.0.0", PVCNameTemplate: "claim-{user_server}", UserNamespaces: "{hubnamespace}-{username}"}
		return s
	}
	in := func(namespace string, c facts.Claim) facts.Claim { c.Namespace = namespace; return c }
	ann := attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByName}
	check(t, world(in("ns-ann", bare("claim-ann"))), "claim-ann", &ann)
	check(t, world(in("ns-zoe", bare("claim-ann"))), "claim-ann", nil)
	check(t, world(in("ns-o-2ek", bare("claim-ann"))), "claim-ann", nil) // a namespace of somebody else's
	ok := attribution.Owner{Hub: "hub", User: "o.k", UserID: 2, By: attribution.ByName}
	check(t, world(in("ns-o-2ek", bare("claim-o-2ek"))), "claim-o-2ek", &ok) // made before the slugs changed
	ann.By = attribution.ByAnnotation
	check(t, world(in("ns-ann", annotated("x", "ann", ""))), "x", &ann)
	ann.By = attribution.ByName
	check(t, world(in("ns", bare("claim-ann"))), "claim-ann", &ann) // from before there were any
	two := world(in("ns-ann", annotated("x", "ann", "")))
	two.Hubs[0].Spawners = []facts.Spawner{{UserID: 1, State: facts.SpawnerState{PodName: "p", Namespace: "ns-ann"}}}
	other := *two.Hubs[0]
	other.Name, other.Users = "other", []facts.User{{ID: 5, Name: "bob"}, {ID: 6, Name: "zoe"}}
	other.Spawners = []facts.Spawner{{UserID: 5, State: facts.SpawnerState{PodName: "p", Namespace: "ns-ann"}}}
	two.Hubs = append(two.Hubs, &other)
	ann.By = attribution.ByAnnotation
	check(t, two, "x", &ann)
	ann.By = attribution.ByName
	s := world(in("elsewhere", bare("claim-ann")))
	s.Hubs[0].Spawners = []facts.Spawner{{UserID: 1, State: facts.SpawnerState{PodName: "p", Namespace: "elsewhere"}}}
	check(t, s, "claim-ann", &ann)
}
