package attribution_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
)

// small is one hub with the given users (ids as given) and claims.
func small(users map[int64]string, claims ...facts.Claim) *facts.Snapshot {
	h := &facts.Hub{Name: "hub", Namespace: "ns", UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true}
	for id := int64(1); id < 1000; id++ {
		if name, ok := users[id]; ok {
			h.Users = append(h.Users, facts.User{ID: id, Name: name})
		}
	}
	for i := range claims {
		if claims[i].Namespace == "" {
			claims[i].Namespace = "ns"
		}
	}
	return &facts.Snapshot{Hubs: []*facts.Hub{h}, Kube: facts.Kube{Claims: claims}}
}

func bare(name string) facts.Claim { return facts.Claim{Name: name} }

func annotated(name, user, server string) facts.Claim {
	return facts.Claim{Name: name, HasUser: true, User: user, Server: server, Component: "singleuser-storage"}
}

func remembers(id int64, server, claim string) facts.Spawner {
	return facts.Spawner{UserID: id, Name: server, State: facts.SpawnerState{Form: "object", PodName: "p", PVCName: claim}}
}

func TestOwner(t *testing.T) {
	sam := map[int64]string{51: "sam", 257: "ann"}
	for name, c := range map[string]struct {
		world *facts.Snapshot
		claim string
		want  *attribution.Owner // nil: none
	}{
		"2017: the id is the user's": {small(sam, bare("claim-sam-51")), "claim-sam-51",
			&attribution.Owner{Hub: "hub", User: "sam", UserID: 51, By: attribution.ByID}},
		"2017: an id that nobody has now": {small(sam, bare("claim-sam-900")), "claim-sam-900",
			&attribution.Owner{Hub: "hub", User: "sam", UserID: 51, By: attribution.ByEarlierID}},
		"2017: an id that another user has now": {small(sam, bare("claim-sam-257")), "claim-sam-257",
			&attribution.Owner{Hub: "hub", User: "sam", UserID: 51, By: attribution.ByEarlierID}},
		"2017: nobody of that name": {small(sam, bare("claim-bob-51")), "claim-bob-51", nil},
		"two of one lossy name, one has the id": {small(map[int64]string{51: "sam-lau", 257: "Sam.Lau"}, bare("claim-sam-lau-257")), "claim-sam-lau-257",
			&attribution.Owner{Hub: "hub", User: "Sam.Lau", UserID: 257, By: attribution.ByID}},
		"two of one lossy name, neither has the id": {small(map[int64]string{51: "sam-lau", 257: "Sam.Lau"}, bare("claim-sam-lau-9")), "claim-sam-lau-9", nil},
		"Bob and bob": {small(map[int64]string{1: "Bob", 2: "bob"}, bare("claim-bob-2")), "claim-bob-2",
			&attribution.Owner{Hub: "hub", User: "bob", UserID: 2, By: attribution.ByID}},
		"an escaped name of 0.6 has a label: not read as an id": {small(map[int64]string{40: "a"}, facts.Claim{Name: "claim-a-40", LabelUser: "a_40"}), "claim-a-40", nil},
		"annotation": {small(sam, annotated("x", "ann", "lab")), "x",
			&attribution.Owner{Hub: "hub", User: "ann", UserID: 257, Server: "lab", By: attribution.ByAnnotation}},
		"annotation of a user who is gone": {small(sam, annotated("x", "bob", "")), "x",
			&attribution.Owner{Hub: "hub", User: "bob", By: attribution.ByAnnotation}},
		"an empty annotation names nobody":                                  {small(sam, annotated("x", "", "")), "x", nil},
		"a label alone names no server":                                     {small(sam, facts.Claim{Name: "home", LabelUser: "sam"}), "home", nil},
		"2017: the id is the user's, and another user's whole name is that": {small(map[int64]string{7: "bob", 8: "bob-7"}, bare("claim-bob-7")), "claim-bob-7", nil},
		"2017: an id that nobody has now, or a user's whole name":           {small(map[int64]string{7: "bob", 8: "bob-9"}, bare("claim-bob-9")), "claim-bob-9", nil},
		"another namespace":                                                 {small(sam, facts.Claim{Namespace: "other", Name: "claim-sam-51"}), "claim-sam-51", nil},
	} {
		t.Run(name, func(t *testing.T) { check(t, c.world, c.claim, c.want) })
	}
}

func check(t *testing.T, s *facts.Snapshot, claim string, want *attribution.Owner) {
	t.Helper()
	got, ok := attribution.New(s).Owner(s.Kube.Claims[0].Namespace, claim)
	if want == nil {
		if ok {
			t.Errorf("attributed to %+v", got)
		}
		return
	}
	if diff := cmp.Diff(*want, got); !ok || diff != "" {
		t.Errorf("found %t (-want +got):\n%s", ok, diff)
	}
}

func TestOwnerByState(t *testing.T) {
	users := map[int64]string{1: "ann", 2: "bob"}
	for name, c := range map[string]struct {
		spawners []facts.Spawner
		want     *attribution.Owner
		shared   bool
	}{
		"the database outweighs the annotation": {spawners: []facts.Spawner{remembers(2, "", "x")},
			want: &attribution.Owner{Hub: "hub", User: "bob", UserID: 2, By: attribution.ByState}},
		"several servers of a user: the default server's": {spawners: []facts.Spawner{remembers(2, "lab", "x"), remembers(2, "", "x"), remembers(2, "gpu", "x")},
			want: &attribution.Owner{Hub: "hub", User: "bob", UserID: 2, By: attribution.ByState}},
		"the same server twice": {spawners: []facts.Spawner{remembers(2, "lab", "x"), remembers(2, "lab", "x")},
			want: &attribution.Owner{Hub: "hub", User: "bob", UserID: 2, Server: "lab", By: attribution.ByState}},
		"servers of several users": {spawners: []facts.Spawner{remembers(1, "", "x"), remembers(2, "", "x")}, shared: true},
		"a row without a user":     {spawners: []facts.Spawner{remembers(77, "", "x")}, want: &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByAnnotation}},
	} {
		t.Run(name, func(t *testing.T) {
			s := small(users, annotated("x", "ann", ""))
			s.Hubs[0].Spawners = c.spawners
			check(t, s, "x", c.want)
			if got := attribution.New(s).SharedByUsers("ns", "x"); got != c.shared {
				t.Errorf("shared by users: %t", got)
			}
		})
	}
}

// With user namespaces the claims of a hub are not in the hub's own.
func TestUserNamespaces(t *testing.T) {
	s := small(map[int64]string{1: "ann"}, annotated("claim-ann", "ann", ""), annotated("claim-ann--lab", "ann", "lab"))
	for i := range s.Kube.Claims {
		s.Kube.Claims[i].Namespace = "ns-ann"
	}
	sp := remembers(1, "", "claim-ann")
	sp.State.Namespace = "ns-ann"
	s.Hubs[0].Spawners = []facts.Spawner{sp}
	check(t, s, "claim-ann", &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, By: attribution.ByState})
	check(t, s, "claim-ann--lab", &attribution.Owner{Hub: "hub", User: "ann", UserID: 1, Server: "lab", By: attribution.ByAnnotation})
}

func TestTwoHubsInOneNamespace(t *testing.T) {
	world := func(claim facts.Claim) *facts.Snapshot {
		s := small(map[int64]string{1: "ann", 2: "both"}, claim)
		other := small(map[int64]string{1: "bob", 3: "both"}).Hubs[0]
		other.Name = "other"
		s.Hubs = append(s.Hubs, other)
		return s
	}
	check(t, world(annotated("x", "bob", "")), "x", &attribution.Owner{Hub: "other", User: "bob", UserID: 1, By: attribution.ByAnnotation})
	check(t, world(annotated("x", "both", "")), "x", &attribution.Owner{User: "both", By: attribution.ByAnnotation})
	check(t, world(annotated("x", "gone", "")), "x", &attribution.Owner{User: "gone", By: attribution.ByAnnotation})
	check(t, world(bare("claim-both-3")), "claim-both-3", &attribution.Owner{Hub: "other", User: "both", UserID: 3, By: attribution.ByID})
	check(t, world(bare("claim-both-9")), "claim-both-9", nil)
	check(t, world(bare("claim-bob-9")), "claim-bob-9", &attribution.Owner{Hub: "other", User: "bob", UserID: 1, By: attribution.ByEarlierID})
}

// Half a table of users cannot show that a name is the only one of its kind.
func TestPartialUsers(t *testing.T) {
	s := small(map[int64]string{51: "sam"}, bare("claim-sam-257"))
	s.Hubs[0].UsersRead = facts.Partial
	check(t, s, "claim-sam-257", nil)
	s.Kube.Claims[0].Name = "claim-sam-51"
	check(t, s, "claim-sam-51", &attribution.Owner{Hub: "hub", User: "sam", UserID: 51, By: attribution.ByID})
}

func TestOwnerString(t *testing.T) {
	for want, o := range map[string]attribution.Owner{
		`user "ann"'s default server`: {User: "ann"},
		`user "a\nb"'s server "l"`:    {User: "a\nb", Server: "l"},
	} {
		if got := o.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
