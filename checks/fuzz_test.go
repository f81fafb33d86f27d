package checks

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// hostile are names that people and clusters may have.
var hostile = []string{"", "<!channel>", "a\nb", "\x1b[31m", "\xff\xfe", "../..", strings.Repeat("x", 300), "student-0001"}

// accidents are what FuzzJudge combines; n picks what is hit.
var accidents = []func(s *facts.Snapshot, n int){
	func(s *facts.Snapshot, n int) { world.WipeDatabase(s, world.HubName) },
	func(s *facts.Snapshot, n int) { world.ResetDatabase(s, world.HubName, hostile[n%len(hostile)]) },
	func(s *facts.Snapshot, n int) { world.OldNames(s, world.HubName) },
	func(s *facts.Snapshot, n int) { world.NullCookies(s, world.HubName, int64(n%12)) },
	func(s *facts.Snapshot, n int) { world.ShareCookies(s, world.HubName, int64(n%12), int64(n%7)) },
	func(s *facts.Snapshot, n int) {
		world.AddClaim(s, facts.Claim{Name: "claim-" + hostile[n%len(hostile)] + "-7", User: hostile[n%5], HasUser: n%2 == 0})
	},
	func(s *facts.Snapshot, n int) {
		if len(s.Kube.Nodes) > 1 {
			world.LoseNode(s, s.Kube.Nodes[n%len(s.Kube.Nodes)].Name)
		}
	},
	func(s *facts.Snapshot, n int) { world.AddNode(s, hostile[n%len(hostile)]) },
	func(s *facts.Snapshot, n int) { world.Rebuild(s) },
	func(s *facts.Snapshot, n int) {
		if len(hubOf(s).Users) > 0 {
			hubOf(s).Users[n%len(hubOf(s).Users)].Name = hostile[n%len(hostile)]
		}
	},
	func(s *facts.Snapshot, n int) { s.Kube.Claims[n%len(s.Kube.Claims)].Phase = "Lost" },
	func(s *facts.Snapshot, n int) { hubOf(s).Spawners = append(hubOf(s).Spawners, hubOf(s).Spawners...) },
	func(s *facts.Snapshot, n int) { hubOf(s).UsersRead = facts.Partial },
	func(s *facts.Snapshot, n int) { hubOf(s).Backups = nil },
	func(s *facts.Snapshot, n int) {
		s.Longhorn.Replicas = s.Longhorn.Replicas[:n%(len(s.Longhorn.Replicas)+1)]
	},
	func(s *facts.Snapshot, n int) { s.Longhorn.Volumes[n%len(s.Longhorn.Volumes)].WantReplicas = n },
	func(s *facts.Snapshot, n int) { s.Kube.Claims[n%len(s.Kube.Claims)].Created = time.Time{} },
	func(s *facts.Snapshot, n int) {
		world.Fail(s, s.Sources[n%len(s.Sources)].Name, facts.CauseMissing, "gone")
	},
	func(s *facts.Snapshot, n int) { s.Past = facts.Past{} },
	func(s *facts.Snapshot, n int) {
		if s.Past.Baselines != nil {
			exchange(20+n, n%20, n%10)(s)
			s.Past.Changes[world.HubName].Appeared = append(s.Past.Changes[world.HubName].Appeared, facts.Member{Name: hostile[n%len(hostile)]})
		}
	},
	func(s *facts.Snapshot, n int) {
		other := *hubOf(s)
		other.Name, other.Users = "other", other.Users[:n%(len(other.Users)+1)]
		s.Hubs = append(s.Hubs[:1:1], &other)
		world.Settle(s)
	},
	func(s *facts.Snapshot, n int) {
		if users := hubOf(s).Users; len(users) > 1 {
			u := &users[n%len(users)]
			u.Name, u.Created = strings.ToUpper(users[0].Name)+hostile[n%len(hostile)], s.Now.AddDate(0, 0, -n)
		}
	},
	func(s *facts.Snapshot, n int) {
		c := facts.Changes{At: s.Now.AddDate(0, 0, -n%7), Before: n, HighestID: int64(n), Hashed: n%5 == 0}
		for i := range n % 30 {
			m := facts.Member{Name: hostile[i%len(hostile)], ID: int64(n - 2*i), Created: s.Now.AddDate(0, 0, i-n)}
			c.Vanished, c.Appeared = append(c.Vanished, m), append(c.Appeared, facts.Member{Name: m.Name + "x", ID: m.ID - int64(i%3)})
			c.Renumbered = append(c.Renumbered, facts.Renumbered{Name: m.Name, Was: m.ID, Now: int64(n + i), CreatedNow: m.Created})
		}
		s.Past.Changes = map[string]*facts.Changes{world.HubName: &c}
	},
	func(s *facts.Snapshot, n int) {
		api := &hubOf(s).API
		api.Users, api.Spawners = api.Users[:n%(len(api.Users)+1)], api.Spawners[n%(len(api.Spawners)+1):]
	},
	func(s *facts.Snapshot, n int) {
		for i := range hubOf(s).Spawners {
			sp := &hubOf(s).Spawners[i]
			sp.ServerID, sp.UserID, sp.Name = int64((n+i)%4), int64((n*i)%12), hostile[(n+i)%len(hostile)]
			sp.State.Form = []string{"", "empty", "broken", "object"}[(n+i)%4]
		}
	},
	func(s *facts.Snapshot, n int) {
		for i := range hubOf(s).Users {
			u := &hubOf(s).Users[i]
			u.LastActivity, u.BrokenTimes, u.CookieHandMade = s.Now.AddDate(n-100, 0, i), hostile[n%len(hostile)], true
		}
	},
	func(s *facts.Snapshot, n int) {
		h := hubOf(s)
		h.Database.Revisions, h.API.Version = []string{"f460b0348206"}, hostile[n%len(hostile)]
		h.Servers, h.StatesRead, h.SpawnersRead = nil, n%2 == 0, facts.Partial
	},
	func(s *facts.Snapshot, n int) {
		for i := range hubOf(s).Spawners {
			st := &hubOf(s).Spawners[i].State
			st.PVCName, st.Namespace = []string{"", st.PVCName, "claim-student-0001", hostile[(n+i)%len(hostile)]}[(n+i)%4], hostile[n%3]
			st.KubeSpawnerVersion = []string{"", "7.0.0", hostile[n%len(hostile)]}[n%3]
		}
	},
	func(s *facts.Snapshot, n int) {
		k := &hubOf(s).KubeSpawner
		k.Version = []string{"", "0.5.1", "6.2.0", "7.1.0", hostile[n%len(hostile)]}[n%5]
		k.PVCNameTemplate = []string{"claim-{username}{servername}", "claim-{username}-{userid}", "homes", "{strange}", "{"}[n%5]
		k.LegacyNames, k.RememberPVCName = n%2 == 0, n%3 == 0
	},
}

// FuzzJudge checks that no combination of accidents crashes a check, and that
// the same facts give the same verdicts.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Add([]byte{2, 0, 5, 7, 1, 3, 12, 0})
	f.Add([]byte{6, 0, 6, 1, 6, 2, 8, 0, 14, 3, 19, 4})
	f.Add([]byte{20, 3, 20, 5, 21, 40, 22, 2})
	f.Fuzz(func(t *testing.T, accidentsAndTargets []byte) {
		s := healthy()
		for i := 0; i+1 < min(len(accidentsAndTargets), 16); i += 2 {
			accidents[int(accidentsAndTargets[i])%len(accidents)](s, int(accidentsAndTargets[i+1]))
		}
		suite, err := NewSuite(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		once, twice := Judge(suite, s), Judge(suite, s)
		if !reflect.DeepEqual(once, twice) {
			t.Fatal("the same facts gave different verdicts")
		}
		for _, v := range once {
			if strings.Contains(v.Summary, "crashed") {
				t.Fatalf("%s: %s", v.Check, v.Summary)
			}
			if v.Count != len(v.Findings) || (v.Outcome == verdict.Fail) != (v.Count > 0) {
				t.Fatalf("%s is %s with %d findings", v.Check, v.Outcome, v.Count)
			}
		}
	})
}
