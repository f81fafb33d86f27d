package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// BenchmarkJudge judges the whole registry over 10,000 users, 11,001 claims and
// 33,003 replicas: a healthy world, one that lost two workers, and one of 2017
// whose claims must be attributed by name.
func BenchmarkJudge(b *testing.B) {
	large := world.Size{Users: 10_000, Nodes: 20, Replicas: 3}
	for _, c := range []struct {
		name   string
		change func(*facts.Snapshot)
	}{
		{"healthy", func(*facts.Snapshot) {}},
		{"two-workers-lost", func(s *facts.Snapshot) {
			world.LoseNode(s, "worker-1")
			world.LoseNode(s, "worker-2")
		}},
		{"2017", func(s *facts.Snapshot) {
			for i := range s.Hubs[0].Spawners {
				s.Hubs[0].Spawners[i].State = facts.SpawnerState{Form: "object", PodName: "p"}
			}
			for i := range s.Kube.Claims {
				claim := &s.Kube.Claims[i]
				if claim.HasUser && claim.Server == "" {
					*claim = facts.Claim{Namespace: claim.Namespace, Name: claim.Name + "-20000", Created: claim.Created, Phase: "Bound"}
				}
			}
			world.Settle(s)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := world.Healthy(large)
			world.Remember(s)
			c.change(s)
			suite, err := NewSuite(nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if verdicts := Judge(suite, s); len(verdicts) != len(Registry) {
					b.Fatalf("%d verdicts", len(verdicts))
				}
			}
		})
	}
}

// BenchmarkJudgeRows judges each check of a hub's rows over 100,000 users with
// 110,000 servers, and all of them together; none may cost more than one pass.
func BenchmarkJudgeRows(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	rows := []*Check{hubCookieIDNull, hubCookieIDDuplicate, hubCookieConstraintMissing, hubCookieIDHandmade, hubSpawnerDuplicate,
		hubSpawnerStateBroken, hubSpawnerServerWrong, hubServerNameInvalid, hubUserNameRefused, hubTimeImpossible}
	judge := func(name string, s *facts.Snapshot, checks ...*Check) {
		b.Run(name, func(b *testing.B) {
			var ids []string
			for _, c := range checks {
				ids = append(ids, c.ID)
			}
			suite, err := NewSuite(nil, ids)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if verdicts := Judge(suite, s); len(verdicts) != len(checks) {
					b.Fatalf("%d verdicts", len(verdicts))
				}
			}
		})
	}
	for _, c := range rows {
		judge(c.ID, s, c)
	}
	judge("all", s, rows...)
	wrong := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	everyRowWrong(hubOf(wrong))
	judge("all-wrong", wrong, rows...)
}

// everyRowWrong gives every user and server something to report.
func everyRowWrong(h *facts.Hub) {
	for i := range h.Users {
		u := &h.Users[i]
		u.Name, u.CookieHandMade, u.LastActivity = " "+u.Name, true, world.Now.AddDate(1, 0, 0)
	}
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		sp.State, sp.ServerID, sp.Started = facts.SpawnerState{}, 2, world.Now.AddDate(0, 0, -1)
	}
	h.Spawners = append(h.Spawners, h.Spawners...)
}
