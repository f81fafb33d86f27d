package attribution_test

import (
	"fmt"
	"testing"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// BenchmarkIndex attributes all claims of a hub, of which every user has a
// default and a named server with a claim each: remembered and annotated, as
// today; annotated alone; bare, under the names that all the schemes there were
// gave them; and the first with every name rendered too.
func BenchmarkIndex(b *testing.B) {
	for _, users := range []int{10_000, 100_000} {
		for _, kind := range []string{"remembered", "annotated", "bare", "rendered"} {
			b.Run(fmt.Sprint(kind, "/", users), func(b *testing.B) {
				s := manyClaims(b, users, kind)
				b.ReportAllocs()
				for b.Loop() {
					x := attribution.New(s)
					if kind == "rendered" {
						x.Rendered("ns", s.Kube.Claims[0].Name)
					}
					for i := range s.Kube.Claims {
						if _, ok := x.Owner("ns", s.Kube.Claims[i].Name); !ok {
							b.Fatalf("%s is nobody's", s.Kube.Claims[i].Name)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/user")
			})
		}
	}
}

// BenchmarkClaims looks up the claims of every server, as a prediction does.
func BenchmarkClaims(b *testing.B) {
	s := manyClaims(b, 100_000, "remembered")
	b.ReportAllocs()
	for b.Loop() {
		x := attribution.New(s)
		for i := range s.Hubs[0].Users {
			if len(x.Claims("hub", s.Hubs[0].Users[i].ID, "")) != 1 {
				b.Fatalf("user %d", i)
			}
		}
	}
}

func manyClaims(b *testing.B, users int, kind string) *facts.Snapshot {
	h := &facts.Hub{Name: "hub", Namespace: "ns", UsersRead: facts.Complete, SpawnersRead: facts.Complete,
		KubeSpawner: facts.KubeSpawner{Version: "7.0.0", PVCNameTemplate: "claim-{user_server}"}}
	s := &facts.Snapshot{Hubs: []*facts.Hub{h}}
	var namers []*kubespawner.Namer
	for _, scheme := range kubespawner.Historic() {
		n, err := scheme.Compile()
		if err != nil {
			b.Fatal(err)
		}
		namers = append(namers, n)
	}
	for i := range users {
		u := facts.User{ID: int64(i + 1), Name: fmt.Sprintf("First.Last%06d@example.org", i)}
		h.Users = append(h.Users, u)
		for _, server := range []string{"", "lab"} {
			n := namers[len(namers)-1]
			if kind == "bare" {
				if n = namers[i%len(namers)]; i%len(namers) < 2 && server != "" {
					continue // from when there were no named servers
				}
			}
			c := facts.Claim{Namespace: "ns", Name: n.Name(&kubespawner.Server{User: u.Name, ID: u.ID, Name: server})}
			sp := facts.Spawner{UserID: u.ID, Name: server}
			if kind != "bare" {
				c.HasUser, c.User, c.Server, c.Component = true, u.Name, server, "singleuser-storage"
			}
			if kind == "remembered" || kind == "rendered" {
				sp.State = facts.SpawnerState{Form: "object", PodName: "p", Namespace: "ns", PVCName: c.Name}
			}
			h.Spawners = append(h.Spawners, sp)
			s.Kube.Claims = append(s.Kube.Claims, c)
		}
	}
	return s
}
