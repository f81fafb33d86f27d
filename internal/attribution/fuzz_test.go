package attribution_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// FuzzNew checks that whatever names, states and pods two hubs have,
// attribution does not crash, gives an owner only on its evidence, and agrees
// with itself when the same facts come in another order.
func FuzzNew(f *testing.F) {
	f.Add("sam", "Sam", "claim-sam-257", "sam", "lab", "claim-sam-51", "", int64(51), int64(257), uint16(0))
	f.Add("SamLau.95", "samlau-95", "claim-samlau-95-257", "", "", "x", "SamLau_2E95", int64(257), int64(1), uint16(3))
	f.Add("<!channel>", "a\nb", "claim----1", "\x1b[31m", "\xff", "claim----1", "x", int64(1), int64(2), uint16(255))
	f.Add("ann", "annlab", "claim-annlab", "ann", "lab", "claim-ann--lab", "ann", int64(1), int64(2), uint16(1<<4))
	f.Add("bob", "bob-7", "claim-bob-7", "bob", "", "claim-bob", "", int64(7), int64(8), uint16(1<<3|1<<5))
	f.Fuzz(func(t *testing.T, a, b, name, user, server, pvc, label string, idA, idB int64, bits uint16) {
		world := func(swap bool) *facts.Snapshot {
			return fuzzWorld(a, b, name, user, server, pvc, label, idA, idB, bits, swap)
		}
		s := world(false)
		one, two := attribution.New(s), attribution.New(world(true))
		for i := range s.Kube.Claims {
			c := &s.Kube.Claims[i]
			o, ok := one.Owner(c.Namespace, c.Name)
			again, okAgain := two.Owner(c.Namespace, c.Name)
			if o != again || ok != okAgain {
				t.Fatalf("%q is %+v or %+v", c.Name, o, again)
			}
			of, userKnown := one.LabelUser(c.Namespace, c.Name)
			if ok && (userKnown || one.SharedByUsers(c.Namespace, c.Name)) {
				t.Fatalf("%q is several users' and %+v's", c.Name, o)
			}
			if diff := cmp.Diff(one.Evidence(c.Namespace, c.Name), two.Evidence(c.Namespace, c.Name)); diff != "" {
				t.Fatalf("%q has other evidence in another order:\n%s", c.Name, diff)
			}
			for _, found := range []struct {
				attribution.Owner
				ok bool
			}{{o, ok}, {of, userKnown}} {
				if found.ok {
					evidence(t, one, s, c, found.Owner)
				}
			}
			if ok && o.UserID != 0 && !slices.Contains(one.Claims(o.Hub, o.UserID, o.Server), c) {
				t.Fatalf("%q is not among the claims of %+v", c.Name, o)
			}
		}
	})
}

func fuzzWorld(a, b, name, user, server, pvc, label string, idA, idB int64, bits uint16, swap bool) *facts.Snapshot {
	bit := func(n int) bool { return bits>>n&1 != 0 }
	users := []facts.User{{ID: idA, Name: a}, {ID: idB, Name: b}}
	spawners := []facts.Spawner{{UserID: idA, Name: server}, {UserID: idB}}
	claims := []facts.Claim{{Namespace: "ns", Name: name, HasUser: bit(0), User: user, Server: server, LabelUser: label}, {Namespace: "ns", Name: pvc}}
	pods := []facts.Pod{{Namespace: "ns", Name: "p", Phase: "Running", HasUser: bit(5), User: a, Server: server, Claims: []string{name}},
		{Namespace: "ns", Name: "q", Phase: "Running", HasUser: bit(6), User: b, Claims: []string{name, pvc}}}
	if bit(2) {
		spawners[0].State.PVCName = pvc
	}
	if bit(3) {
		spawners[1].State.PVCName = name
	}
	if bit(4) {
		claims[0].SourceKind, claims[0].SourceName = "PersistentVolumeClaim", pvc
	}
	if name == pvc || idA == idB {
		// The API server and the database allow neither.
		claims, users = claims[:1], users[:1]
	}
	if swap {
		slices.Reverse(users)
		slices.Reverse(spawners)
		slices.Reverse(claims)
		slices.Reverse(pods)
	}
	s := &facts.Snapshot{Kube: facts.Kube{Claims: claims, Pods: pods}}
	for i := range 1 + int(bits>>1&1) {
		h := &facts.Hub{Name: fmt.Sprint("hub-", i), Namespace: "ns", Users: users, Spawners: spawners, UsersRead: facts.Complete, SpawnersRead: facts.Complete}
		h.KubeSpawner.PVCNameTemplate = "claim-{user_server}"
		if bit(7) {
			h.KubeSpawner.UserNamespaces = "{username}"
		}
		s.Hubs = append(s.Hubs, h)
	}
	return s
}

// evidence fails unless what an owner is said to rest on is there.
func evidence(t *testing.T, x *attribution.Index, s *facts.Snapshot, c *facts.Claim, o attribution.Owner) {
	known := o.UserID == 0
	for _, h := range s.Hubs {
		for _, u := range h.Users {
			known = known || h.Name == o.Hub && u.ID == o.UserID && u.Name == o.User
		}
	}
	if !known {
		t.Fatalf("%+v is not a user", o)
	}
	told := slices.ContainsFunc(x.Evidence(c.Namespace, c.Name), func(e attribution.Evidence) bool {
		return e.By == o.By && e.Owner.Hub == o.Hub && e.Owner.User == o.User
	})
	if !told {
		t.Fatalf("%+v is not in the evidence for %+v", o, c)
	}
	switch o.By {
	case attribution.ByAnnotation:
		if !c.HasUser || c.User != o.User {
			t.Fatalf("%+v is not annotated on %+v", o, c)
		}
	case attribution.ByID, attribution.ByEarlierID:
		if !attribution.Bare(c) || o.UserID == 0 {
			t.Fatalf("%+v is read from the name of %+v", o, c)
		}
	case attribution.ByName:
		if !slices.ContainsFunc(x.Rendered(c.Namespace, c.Name), func(r attribution.Rendered) bool {
			n, err := r.Scheme.Compile()
			return err == nil && n.Name(&kubespawner.Server{User: o.User, ID: o.UserID, Name: r.Owner.Server}) == c.Name
		}) {
			t.Fatalf("%q is not a name of %+v", c.Name, o)
		}
	case attribution.ByLabel:
		if !slices.Contains(kubespawner.Labels(o.User), c.LabelUser) {
			t.Fatalf("%q is not a label of %+v", c.LabelUser, o)
		}
	}
}
