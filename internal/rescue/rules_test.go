package rescue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/world"
)

// lostHub is a cluster whose hub has forgotten everybody.
func lostHub() *facts.Snapshot {
	s := world.Healthy(world.Size{Users: 0, Nodes: 3, Replicas: 1})
	return s
}

// age is so many days after the first claim.
func age(days int) time.Time { return time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days) }

// claim adds one claim, a day younger than the one before.
func claim(s *facts.Snapshot, c facts.Claim) {
	if c.Namespace == "" {
		c.Namespace = world.Namespace
	}
	if c.Created.IsZero() {
		c.Created = age(len(s.Kube.Claims))
	}
	if c.Phase == "" {
		c.Phase = "Bound"
	}
	s.Kube.Claims = append(s.Kube.Claims, c)
}

func bare(s *facts.Snapshot, names ...string) {
	for _, name := range names {
		claim(s, facts.Claim{Name: name})
	}
}

func annotated(s *facts.Snapshot, name, user, server string) {
	claim(s, facts.Claim{Name: name, User: user, Server: server, HasUser: true, Component: "singleuser-storage"})
}

func live(s *facts.Snapshot, id int64, name string) {
	h := s.Hubs[0]
	h.Users = append(h.Users, facts.User{ID: id, Name: name, Created: world.Now, Cookie: facts.CookieUnique})
}

func backup(users ...facts.User) rescue.Backup {
	return rescue.Backup{Name: "nightly", Hub: &facts.Hub{Users: users, UsersRead: facts.Complete}}
}

func remembers(h *facts.Hub, user int64, server, claim string) {
	h.Spawners = append(h.Spawners, facts.Spawner{ID: int64(len(h.Spawners) + 1), UserID: user, Name: server,
		State: facts.SpawnerState{Form: "object", PVCName: claim, Namespace: world.Namespace}})
}

func mapping(t testing.TB, yaml string) *rescue.Mapping {
	t.Helper()
	m, err := rescue.ParseMapping("mapping.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// short is a plan in a few words: users as "ann=7 :claim-ann lab:claim-lab",
// what is left out as "claim reason candidates -> proposal".
func short(p *rescue.Plan) (lines []string) {
	for _, u := range p.Users {
		line := fmt.Sprintf("%s=%d", u.Name, u.ID)
		if u.Admin {
			line += " admin"
		}
		for _, s := range u.Servers {
			line += " " + s.Name + ":" + s.Claim
		}
		lines = append(lines, line)
	}
	for _, l := range p.LeftOut {
		line := "- " + l.Claim
		if l.Claim == "" {
			line = "- user " + l.User
		}
		line += " " + string(l.Reason)
		if len(l.Candidates) > 0 {
			line += " " + strings.Join(l.Candidates, "|")
		}
		if d := l.Proposal; d != nil && d.LeaveOut {
			line += " -> out"
		} else if d != nil {
			line += fmt.Sprintf(" -> %s:%s=%d", d.User, d.Server, d.ID)
		}
		lines = append(lines, line)
	}
	return lines
}

var rules = map[string]struct {
	world   func(s *facts.Snapshot, e *rescue.Evidence)
	mapping string
	want    []string
}{
	"annotations name users and servers; new ids follow the claims' age": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-bob", "bob", "")
			annotated(s, "claim-ann-40x", "ann@x", "")
			annotated(s, "claim-ann--lab", "ann@x", "lab")
		},
		want: []string{"bob=1 :claim-bob", "ann@x=2 :claim-ann-40x lab:claim-ann--lab"},
	},
	"the hub's template tells ids": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			k := &s.Hubs[0].KubeSpawner
			k.Version, k.PVCNameTemplate, k.TemplateSet = "6.2.0", "home-{username}-{userid}", true
			annotated(s, "home-jane-2ddoe-41", "jane-doe", "")
			annotated(s, "home-bob-x", "bob", "")
		},
		want: []string{"jane-doe=41 :home-jane-2ddoe-41", "bob=42 :home-bob-x"},
	},
	"labels of 0.6 and 0.7 can be undone": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			claim(s, facts.Claim{Name: "claim--53am-4cau-2e95", LabelUser: "SamLau_2E95"})
			claim(s, facts.Claim{Name: "claim-ann-lab", LabelUser: "ann", LabelServer: "lab"})
			claim(s, facts.Claim{Name: "claim-else", LabelUser: "bob"})
			claim(s, facts.Claim{Name: "claim-broken", LabelUser: "bob_2"})
		},
		want: []string{"SamLau.95=1 :claim--53am-4cau-2e95", "ann=2 lab:claim-ann-lab", "- claim-broken unknown", "- claim-else unknown"},
	},
	"a lossy name without a hyphen is the name": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) { bare(s, "claim-ann-7", "claim-sam-lau-95-257") },
		want:  []string{"ann=7 :claim-ann-7", "- claim-sam-lau-95-257 lossy-name sam-lau-95|sam.lau.95|sam_lau_95"},
	},
	"a backup or the history knows the name by the id": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			bare(s, "claim-sam-lau-7", "claim-sam-lau-8", "claim-sam-lau-9")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 7, Name: "Sam.Lau", Admin: true})}
			e.Members = []rescue.Member{{Name: "sam_lau", ID: 8}}
		},
		want: []string{"Sam.Lau=7 admin :claim-sam-lau-7", "sam_lau=8 :claim-sam-lau-8", "- claim-sam-lau-9 lossy-name Sam.Lau|sam_lau"},
	},
	"one who is back tells the name of an old claim": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			bare(s, "claim-sam-lau-257")
			live(s, 3, "sam.lau")
		},
		want: []string{"sam.lau=257 :claim-sam-lau-257"},
	},
	"two who are back do not": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			bare(s, "claim-sam-lau-257")
			live(s, 3, "sam.lau")
			live(s, 4, "sam_lau")
		},
		want: []string{"- user sam.lau twins sam.lau|sam_lau", "- user sam_lau twins sam.lau|sam_lau", "- claim-sam-lau-257 lossy-name sam.lau|sam_lau"},
	},
	"two claims with two ids": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			bare(s, "claim-sam-257", "claim-ann-3", "claim-sam-3")
			live(s, 3, "sam")
		},
		want: []string{"ann=3 :claim-ann-3", "- claim-sam-257 id-conflict sam -> sam:=257", "- claim-sam-3 id-conflict sam -> out"},
	},
	"the present database agrees with the older of two claims": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			bare(s, "claim-sam-257", "claim-sam-3")
			live(s, 257, "sam")
		},
		want: []string{"sam=257 :claim-sam-257", "- claim-sam-3 second sam -> out"},
	},
	"two users for one id": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) { bare(s, "claim-ann-3", "claim-bob-3") },
		want:  []string{"- claim-ann-3 id-conflict ann|bob -> ann:=3", "- claim-bob-3 id-conflict ann|bob -> bob:=0"},
	},
	"a backup settles whose id it is": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			bare(s, "claim-ann-3", "claim-bob-3", "claim-bob-9")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 3, Name: "ann"})}
		},
		want: []string{"ann=3 :claim-ann-3", "bob=9 :claim-bob-9", "- claim-bob-3 second bob -> out"},
	},
	"who came after the loss gives way to who had the id": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			annotated(s, "claim-zoe", "zoe", "")
			bare(s, "claim-a-b-4")
			live(s, 1, "zoe")
			live(s, 4, "kim")
			live(s, 6, "lee")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 1, Name: "ann"})}
		},
		want: []string{"ann=1", "lee=6", "zoe=7 :claim-zoe", "kim=8", "- claim-a-b-4 lossy-name a-b|a.b|a_b"},
	},
	"the first backup counts": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			e.Backups = []rescue.Backup{backup(facts.User{ID: 5, Name: "ann"}), backup(facts.User{ID: 6, Name: "ann", Admin: true}, facts.User{ID: 5, Name: "bob"})}
		},
		want: []string{"ann=5", "bob=7"},
	},
	"two claims for one server": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-a", "ann", "")
			annotated(s, "claim-b", "ann", "")
			annotated(s, "claim-c", "ann", "lab")
		},
		want: []string{"ann=1 lab:claim-c", "- claim-a duplicate ann -> ann:=0", "- claim-b duplicate ann -> out"},
	},
	"the one with the data is proposed": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			for i, name := range []string{"claim-a", "claim-b"} {
				annotated(s, name, "ann", "")
				s.Longhorn.Volumes = append(s.Longhorn.Volumes, facts.LHVolume{Name: name, ClaimNamespace: world.Namespace, ClaimName: name, ActualBytes: int64(1+i) << 30})
			}
		},
		want: []string{"ann=1", "- claim-a duplicate ann -> out", "- claim-b duplicate ann -> ann:=0"},
	},
	"an id in a name says nothing of a claim of a later naming": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			bare(s, "claim-lea-5")
			annotated(s, "claim-lea", "lea", "")
		},
		want: []string{"lea=5", "- claim-lea duplicate lea -> out", "- claim-lea-5 duplicate lea -> lea:=0"},
	},
	"a claim without metadata": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) { bare(s, "claim-sam-2elau", "claim-Sam", "claim-x-2") },
		want:  []string{"x=2 :claim-x-2", "- claim-Sam unknown", "- claim-sam-2elau unknown sam.lau"},
	},
	"a backup's state decides between two": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			annotated(s, "claim-a", "ann", "")
			annotated(s, "claim-b", "ann", "")
			b := backup(facts.User{ID: 5, Name: "ann"})
			remembers(b.Hub, 5, "", "claim-b")
			remembers(b.Hub, 5, "gone", "claim-gone")
			e.Backups = []rescue.Backup{b}
		},
		want: []string{"ann=5 :claim-b gone:", "- claim-a second ann -> out"},
	},
	"the present state decides only where the data agrees": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-a", "ann", "")
			annotated(s, "claim-b", "ann", "")
			annotated(s, "claim-c", "bob", "")
			annotated(s, "claim-d", "bob", "")
			live(s, 1, "ann")
			live(s, 2, "bob")
			remembers(s.Hubs[0], 1, "", "claim-a")
			remembers(s.Hubs[0], 2, "", "claim-d")
		},
		want: []string{"ann=1 :claim-a", "bob=2", "- claim-b second ann -> out", "- claim-c duplicate bob -> bob:=0", "- claim-d duplicate bob -> out"},
	},
	"servers of one user may share a claim, those of two may not": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			annotated(s, "claim-ann", "ann", "")
			annotated(s, "claim-two", "ann", "")
			b := backup(facts.User{ID: 1, Name: "ann"}, facts.User{ID: 2, Name: "bob"})
			remembers(b.Hub, 1, "", "claim-ann")
			remembers(b.Hub, 1, "lab", "claim-ann")
			remembers(b.Hub, 1, "x", "claim-two")
			remembers(b.Hub, 2, "", "claim-two")
			e.Backups = []rescue.Backup{b}
		},
		want: []string{"ann=1 :claim-ann lab:claim-ann x:", "bob=2", "- claim-two shared ann|bob"},
	},
	"the present database and the annotation disagree": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-a", "ann", "")
			live(s, 1, "bob")
			remembers(s.Hubs[0], 1, "", "claim-a")
		},
		want: []string{"bob=1", "- claim-a shared ann|bob"},
	},
	"claims that no server can mount": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			claim(s, facts.Claim{Name: "claim-a", User: "ann", HasUser: true, Deleting: age(9)})
			claim(s, facts.Claim{Name: "claim-b", User: "bob", HasUser: true, Phase: "Lost"})
		},
		want: []string{"ann=1", "bob=2", "- claim-a unusable ann -> out", "- claim-b unusable bob -> out"},
	},
	"claims that are nobody's home are not even left out": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			s.Hubs[0].OtherClaims = []string{"claim-course-*"}
			s.Hubs[0].KubeSpawner.Homes.Claim = "homes"
			bare(s, "claim-course-1", "homes", "postgres-data")
			claim(s, facts.Claim{Name: "claim-proxy", Component: "proxy"})
			claim(s, facts.Claim{Name: "claim-elsewhere", Namespace: "other", HasUser: true, User: "ann"})
			s.Kube.Pods[0].Claims = append(s.Kube.Pods[0].Claims, "claim-scratch")
			bare(s, "claim-scratch")
		},
	},
	"copies are for the operator": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			claim(s, facts.Claim{Name: "claim-a", User: "ann", HasUser: true, SourceKind: "VolumeSnapshot", SourceName: "nightly"})
		},
		want: []string{"- claim-a copy ann"},
	},
	"names that no hub accepts": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			annotated(s, "claim-a", "a/b", "")
			annotated(s, "claim-b", " bob", "")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 1, Name: ""}, facts.User{ID: 2, Name: "ann"})}
		},
		want: []string{"ann=2", "- user  refused-name", "- claim-a refused-name", "- claim-b refused-name"},
	},
	"names that an annotation spells are no twins": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-a", "Bob", "")
			annotated(s, "claim-b", "bob", "")
			live(s, 1, "BOB")
			live(s, 2, "张伟")
			live(s, 3, "李娜")
		},
		want: []string{"张伟=2", "李娜=3", "Bob=4 :claim-a", "bob=5 :claim-b", "- user BOB twins BOB|Bob|bob"},
	},
	"who was removed before the loss stays away": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			e.Backups = []rescue.Backup{backup(facts.User{ID: 1, Name: "ann"}, facts.User{ID: 2, Name: "bob"}, facts.User{ID: 3, Name: "cat"})}
			e.LastGood = age(100)
			e.Members = []rescue.Member{{Name: "ann", ID: 1, Until: age(101), Good: true}, {Name: "ann", ID: 9}, {Name: "bob", ID: 2, Until: age(50)}, {Name: "cat", ID: 3, Until: age(50)}}
			annotated(s, "claim-bob", "bob", "")
			live(s, 3, "cat")
		},
		want: []string{"ann=1", "cat=3", "- claim-bob removed bob -> out"},
	},
	"who comes after the last good run is no old user": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			e.LastGood = age(100)
			e.Members = []rescue.Member{{Name: "ann", ID: 7, Until: age(101), Good: true}, {Name: "ann", ID: 1}, {Name: "zoe", ID: 2, Until: age(102)}}
		},
		want: []string{"ann=7"},
	},
	"another hub of the namespace": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			other := *s.Hubs[0]
			other.Name, other.Users = "other", []facts.User{{ID: 1, Name: "bob"}}
			s.Hubs = append(s.Hubs, &other)
			annotated(s, "claim-ann", "ann", "")
			annotated(s, "claim-bob", "bob", "")
			bare(s, "claim-bob-7")
		},
		want: []string{"ann=8 :claim-ann", "- claim-bob neighbouring-hub bob", "- claim-bob-7 neighbouring-hub bob"},
	},
	"one namespace per user": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			s.Hubs[0].KubeSpawner.UserNamespaces = "{hubnamespace}-{username}"
			claim(s, facts.Claim{Name: "claim-ann", Namespace: "datahub-ann", User: "ann", HasUser: true})
			claim(s, facts.Claim{Name: "claim-ann", Namespace: "datahub-bob", User: "ann", HasUser: true})
		},
		want: []string{"ann=1 :claim-ann"},
	},
	"ids that no database can hold": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) { bare(s, "claim-ann-2147483648", "claim-bob-7") },
		want:  []string{"bob=7 :claim-bob-7", "- claim-ann-2147483648 unknown ann!47483648"},
	},
	"the REST API's numbers are no ids": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			live(s, -1, "ann")
			live(s, -2, "bob")
			bare(s, "claim-bob-9")
		},
		want: []string{"bob=9 :claim-bob-9", "ann=10"},
	},
	"a running pod tells": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			live(s, 1, "ann")
			bare(s, "claim-home-x")
			s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "jupyter-ann", Phase: "Running", Component: "singleuser-server",
				User: "ann", HasUser: true, Claims: []string{"claim-home-x"}})
		},
		want: []string{"ann=1 :claim-home-x"},
	},
	"a name that only one known server has": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			e.Backups = []rescue.Backup{backup(facts.User{ID: 4, Name: "jane-doe"})}
			bare(s, "claim-jane-2ddoe")
		},
		want: []string{"jane-doe=4 :claim-jane-2ddoe"},
	},
	"decisions": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			bare(s, "claim-samlau-95-257", "claim-ann-3", "claim-bob-3", "claim-old-1", "some-disk")
			annotated(s, "claim-kim", "kim", "")
			live(s, 5, "lee")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 8, Name: "root", Admin: true}, facts.User{ID: 9, Name: "gone"})}
		},
		mapping: `
- {claim: claim-samlau-95-257, user: SamLau.95, admin: true}
- {claim: claim-ann-3, user: ann, id: 3}
- {claim: claim-bob-3, user: bob}
- {claim: claim-old-1, leaveOut: true}
- {claim: some-disk, user: ann, server: lab}
- {user: root, admin: false}
- {user: gone, leaveOut: true}
- {user: kim, id: 77}
`,
		want: []string{"ann=3 :claim-ann-3 lab:some-disk", "lee=5", "root=8", "kim=77 :claim-kim", "SamLau.95=257 admin :claim-samlau-95-257",
			"bob=258 :claim-bob-3", "- user gone decided", "- claim-old-1 decided"},
	},
	"a decision between two claims brings the id of its own": {
		world:   func(s *facts.Snapshot, _ *rescue.Evidence) { bare(s, "claim-sam-257", "claim-sam-3") },
		mapping: "- {claim: claim-sam-3, user: sam}",
		want:    []string{"sam=3 :claim-sam-3", "- claim-sam-257 second sam -> out"},
	},
	"a rule on hyphens decides what nothing else tells, and on nothing else": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			bare(s, "claim-sam-lau-7", "claim-ann-8", "claim-kim-po-9", "claim-mia-wong-20", "claim-mia-wong-21", "claim-old-timer-30", "claim-old-timer-31", "claim-j-k-40", "claim-q-r-50")
			annotated(s, "claim-leo-x", "leo_x", "")
			bare(s, "claim-leo-x-60")
			annotated(s, "claim-tim-y", "tim.y", "")
			bare(s, "claim-tim-y-70")
			live(s, 3, "j_k")
			e.Backups = []rescue.Backup{backup(facts.User{ID: 30, Name: "old-timer"}, facts.User{ID: 51, Name: "q.r"}, facts.User{ID: 52, Name: "q-r"})}
		},
		mapping: "- {claims: claim-*, hyphen: .}\n- {claim: claim-kim-po-9, user: kim_po}",
		want: []string{"sam.lau=7 :claim-sam-lau-7", "ann=8 :claim-ann-8", "kim_po=9 :claim-kim-po-9", "old-timer=30 :claim-old-timer-30", "j_k=40 :claim-j-k-40",
			"q.r=51", "q-r=52", "leo.x=60 :claim-leo-x-60", "tim.y=70", "leo_x=71 :claim-leo-x",
			"- claim-mia-wong-20 id-conflict mia.wong -> mia.wong:=20", "- claim-mia-wong-21 id-conflict mia.wong -> out",
			"- claim-old-timer-31 second old-timer -> out", "- claim-q-r-50 lossy-name q-r|q.r",
			"- claim-tim-y duplicate tim.y -> tim.y:=0", "- claim-tim-y-70 duplicate tim.y -> out"},
	},
	"capitals are lost, too, and no rule on hyphens is for them": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-x", "Sam", "lab")
			bare(s, "claim-sam-7", "claim-a-b-8")
		},
		mapping: "- {claims: claim-*, hyphen: _}",
		want:    []string{"a_b=8 :claim-a-b-8", "Sam=9 lab:claim-x", "- claim-sam-7 lossy-name Sam|sam"},
	},
	"an annotation proves a spelling, and not whose an old claim is": {
		world: func(s *facts.Snapshot, _ *rescue.Evidence) {
			annotated(s, "claim-alan-2ebauer", "alan.bauer", "lab")
			bare(s, "claim-alan-bauer-52")
		},
		want: []string{"alan.bauer=53 lab:claim-alan-2ebauer", "- claim-alan-bauer-52 lossy-name alan.bauer|alan-bauer|alan_bauer"},
	},
	"a decision brings a removed user, a copy and a twin back": {
		world: func(s *facts.Snapshot, e *rescue.Evidence) {
			e.LastGood, e.Members = age(100), []rescue.Member{{Name: "x", ID: 1, Good: true}, {Name: "bob", ID: 2, Until: age(50)}}
			annotated(s, "claim-bob", "bob", "")
			claim(s, facts.Claim{Name: "claim-a", User: "ann", HasUser: true, SourceKind: "VolumeSnapshot", SourceName: "nightly"})
			live(s, 4, "a.b")
			live(s, 5, "a-b")
		},
		mapping: "- {user: bob}\n- {claim: claim-a, user: ann}\n- {user: a.b}\n- {user: a-b, leaveOut: true}",
		want:    []string{"x=1", "a.b=4", "bob=6 :claim-bob", "ann=7 :claim-a", "- user a-b decided"},
	},
}

func TestRules(t *testing.T) {
	for name, c := range rules {
		t.Run(name, func(t *testing.T) {
			s, e := lostHub(), rescue.Evidence{}
			c.world(s, &e)
			if c.mapping != "" {
				e.Mapping = mapping(t, c.mapping)
			}
			p := plan(t, s, e)
			if diff := cmp.Diff(c.want, short(p)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			again := plan(t, s, e)
			if diff := cmp.Diff(p, again, cmp.AllowUnexported(rescue.Decision{})); diff != "" {
				t.Errorf("the same evidence gives another plan:\n%s", diff)
			}
		})
	}
}

// TestProposalSettles: what is proposed can be read, contradicts nothing, and
// leaves nothing of it undecided.
func TestProposalSettles(t *testing.T) {
	for name, c := range rules {
		t.Run(name, func(t *testing.T) {
			s, e := lostHub(), rescue.Evidence{}
			c.world(s, &e)
			e.Mapping = mapping(t, c.mapping)
			p := plan(t, s, e)
			var b strings.Builder
			if err := p.WriteProposal(&b, e.Mapping); err != nil {
				t.Fatal(err)
			}
			open := 0
			for _, l := range p.LeftOut {
				if !l.Decided && l.Proposal == nil {
					open++
				}
			}
			e.Mapping = mapping(t, b.String())
			if got := plan(t, s, e).Undecided(); got != open {
				t.Errorf("%d are undecided, want %d, with\n%s", got, open, b.String())
			}
			// Uncommented, every entry is one that can be read.
			var loud strings.Builder
			for line := range strings.SplitSeq(b.String(), "\n") {
				if rest, ok := strings.CutPrefix(line, "# "); ok && (strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "  ")) {
					line = rest
				}
				loud.WriteString(line + "\n")
			}
			if _, err := rescue.ParseMapping("m", []byte(loud.String())); err != nil && !strings.Contains(err.Error(), "see line") {
				t.Errorf("%v\n%s", err, loud.String())
			}
		})
	}
}

func TestMappingMatchesNothing(t *testing.T) {
	s := lostHub()
	s.Hubs[0].OtherClaims = []string{"shared"}
	bare(s, "claim-ann-7", "shared")
	claim(s, facts.Claim{Name: "far", Namespace: "other"})
	for yaml, want := range map[string]string{
		"- {claim: claim-anm-7, user: ann}": `mapping.yaml:1: there is no claim "claim-anm-7" in namespace datahub`,
		"- {claim: far, user: ann}":         "there is one in namespace other",
		"- {claim: hub-db-dir, user: ann}":  "is no user's home",
		"- {claim: shared, leaveOut: true}": "is no user's home",
		"- {user: bob}":                     `knows the user "bob"`,
		"- {user: bob, leaveOut: true}":     `knows the user "bob"`,
		"- {claim: claim-ann-7, user: ann}\n- {claim: claim-ann-7, namespace: datahub, leaveOut: true}": "mapping.yaml:2: claim \"claim-ann-7\" is decided twice: see line 1",
	} {
		_, err := rescue.New(s, s.Hubs[0], rescue.Evidence{Mapping: mapping(t, yaml)})
		var wrong *rescue.MappingError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", yaml, err, want)
		}
	}
}

func TestClaimsUnread(t *testing.T) {
	s := lostHub()
	world.Fail(s, facts.KubeClaims, facts.CauseForbidden, "no permission")
	if _, err := rescue.New(s, s.Hubs[0], rescue.Evidence{}); err == nil || !strings.Contains(err.Error(), "no permission") {
		t.Errorf("error %v", err)
	}
}

// TestNotes: what is not known is said.
func TestNotes(t *testing.T) {
	s := lostHub()
	world.Fail(s, facts.HubDB(world.HubName), facts.CauseMissing, "there is no such file")
	annotated(s, "claim-a", "ann", "")
	notes := strings.Join(plan(t, s, rescue.Evidence{MembersHashed: true}).Notes, "\n")
	for _, want := range []string{"there is no such file", "hashes", "administrator"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
}

// TestNoIDLeft: a claim with the highest id leaves none for the others.
func TestNoIDLeft(t *testing.T) {
	s := lostHub()
	bare(s, "claim-ann-2147483647")
	annotated(s, "claim-bob", "bob", "")
	if _, err := rescue.New(s, s.Hubs[0], rescue.Evidence{}); err == nil || !strings.Contains(err.Error(), "leave out the claim") {
		t.Errorf("error %v", err)
	}
}

// A hub that deletes idle users must not take anybody for one who has been
// away since the backup was made.
func TestEverybodyIsActive(t *testing.T) {
	s := lostHub()
	annotated(s, "claim-new", "new", "")
	p, err := rescue.New(s, s.Hubs[0], rescue.Evidence{Backups: []rescue.Backup{
		backup(facts.User{ID: 7, Name: "old", Created: age(0), LastActivity: age(1)})}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Users) != 2 {
		t.Fatalf("the plan has %v", short(p))
	}
	for _, u := range p.Users {
		if !u.LastActivity.Equal(s.Now) {
			t.Errorf("%s was last active at %s, want %s", u.Name, u.LastActivity, s.Now)
		}
	}
}
