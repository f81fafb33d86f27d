package prediction

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// homesHub is a hub whose users have their homes on the claim homes, and have
// all been there; listed are the directories on it, nil where nobody looked.
func homesHub(subPath string, listed []string, users ...string) *facts.Snapshot {
	h := &facts.Hub{Name: "hub", Namespace: "hub-ns", UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true,
		KubeSpawner: facts.KubeSpawner{Version: "7.0.0", PVCNameTemplate: "claim-{user_server}", SlugScheme: "safe",
			Homes: facts.Homes{Claim: "homes", SubPath: subPath, Names: listed}}}
	for i, name := range users {
		id := int64(i + 1)
		h.Users = append(h.Users, facts.User{ID: id, Name: name})
		h.Spawners = append(h.Spawners, facts.Spawner{ID: id, UserID: id, State: facts.SpawnerState{Form: "object"}})
	}
	s := &facts.Snapshot{Hubs: []*facts.Hub{h}, Kube: facts.Kube{Claims: []facts.Claim{{Namespace: "hub-ns", Name: "homes", Phase: "Bound"}}},
		Sources: []facts.Source{{Name: facts.HubDB("hub"), Status: facts.OK}, {Name: facts.KubeClaims, Status: facts.OK}}}
	if listed != nil {
		s.Sources = append(s.Sources, facts.Source{Name: facts.HomesSource("hub"), Status: facts.OK})
	}
	return s
}

// outcomes writes starts in short: "ann: home/ann same".
func outcomes(starts []Start) []string {
	var short []string
	for _, st := range starts {
		text := fmt.Sprintf("%s/%s: %s %s", st.User, st.Server, st.Directory, st.Outcome)
		if st.Data != "" {
			text += " of " + st.Data
		}
		if st.Cause != "" {
			text += " " + string(st.Cause)
		}
		if st.Owner.User != "" {
			text += " with " + st.Owner.User
		}
		short = append(short, text)
	}
	return short
}

func TestHomes(t *testing.T) {
	seven := facts.KubeSpawner{Version: "7.0.0", SlugScheme: "safe"}
	six := facts.KubeSpawner{Version: "6.2.0"}
	for _, c := range []struct {
		name    string
		subPath string
		listed  []string
		users   []string
		now, at facts.KubeSpawner // the versions of the hub and of the prediction
		change  func(s *facts.Snapshot)
		want    []string
	}{
		{name: "all are where they will be looked for", subPath: "{username}", listed: []string{"ann", "jane-doe"}, users: []string{"ann", "jane-doe"}, now: seven, at: seven,
			want: []string{"ann/: ann same", "jane-doe/: jane-doe same"}},
		{name: "left behind by the safe scheme", subPath: "home/{username}", listed: []string{"home/ann", "home/jane-2ddoe"}, users: []string{"ann", "jane-doe", "new.user"}, now: seven, at: seven,
			want: []string{"ann/: home/ann same", "jane-doe/: home/jane-doe empty of home/jane-2ddoe unreachable", "new.user/: home/new-user---523661dd same"}},
		{name: "the upgrade, with a listing", subPath: "{username}", listed: []string{"ann", "jane-2ddoe", "a-2eb", "a-b---9a8ea2ab"}, users: []string{"ann", "jane-doe", "a.b"}, now: six, at: seven,
			want: []string{"ann/: ann same", "jane-doe/: jane-doe empty of jane-2ddoe unreachable", "a.b/: a-b---2e7336dc empty of a-2eb unreachable"}},
		{name: "the upgrade, without one", subPath: "{username}", users: []string{"ann", "jane-doe"}, now: six, at: seven,
			want: []string{"ann/: ann same", "jane-doe/: jane-doe empty of jane-2ddoe unreachable"}},
		{name: "without one, a user who was never there", subPath: "{username}", users: []string{"jane-doe"}, now: six, at: seven,
			change: func(s *facts.Snapshot) { s.Hubs[0].Spawners = nil },
			want:   []string{"jane-doe/: jane-doe same"}},
		{name: "without one, as configured", subPath: "{username}", users: []string{"jane-doe"}, now: seven, at: seven,
			want: []string{"jane-doe/: jane-doe same"}},
		{name: "the mended template", subPath: "{escaped_username}", listed: []string{"jane-2ddoe"}, users: []string{"jane-doe"}, now: seven, at: seven,
			want: []string{"jane-doe/: jane-2ddoe same"}},
		{name: "the mended template, after a term without", subPath: "{escaped_username}", listed: []string{"jane-doe"}, users: []string{"jane-doe"}, now: seven, at: seven,
			want: []string{"jane-doe/: jane-2ddoe empty of jane-doe unreachable"}},
		{name: "of 2017", subPath: "{username}", listed: []string{"samlau-95"}, users: []string{"SamLau.95"}, now: seven, at: seven,
			want: []string{"SamLau.95/: samlau-95---a4ab49a9 empty of samlau-95 unreachable"}},
		{name: "made by hand", subPath: "{username}", listed: []string{"SamLau.95"}, users: []string{"SamLau.95"}, now: seven, at: seven,
			want: []string{"SamLau.95/: samlau-95---a4ab49a9 empty of SamLau.95 unreachable"}},
		{name: "what is another user's is not left behind", subPath: "{username}", listed: []string{"jane-doe"}, users: []string{"jane-doe", "jane.doe"}, now: seven, at: seven,
			want: []string{"jane-doe/: jane-doe same", "jane.doe/: jane-doe---d48722fc same"}},
		{name: "what will be another user's is not left behind", subPath: "{username}", listed: []string{"jane-doe"}, users: []string{"jane-doe", "jane.doe"}, now: six, at: seven,
			want: []string{"jane-doe/: jane-doe same", "jane.doe/: jane-doe---d48722fc same"}},
		{name: "what is another user's now is not left behind", subPath: "{username}", listed: []string{"jane-2ddoe"}, users: []string{"jane-doe", "Jane-2ddoe"}, now: six, at: seven,
			want: []string{"jane-doe/: jane-doe empty of jane-2ddoe unreachable", "Jane-2ddoe/: jane-2ddoe---a4d595a6 same"}},
		{name: "what was another user's is not left behind", subPath: "{username}", listed: []string{"jane-2ddoe"}, users: []string{"jane-doe", "Jane-2ddoe"}, now: seven, at: seven,
			want: []string{"jane-doe/: jane-doe empty of jane-2ddoe unreachable", "Jane-2ddoe/: jane-2ddoe---a4d595a6 same"}},
		{name: "several servers in one home", subPath: "{username}", listed: []string{"jane-2ddoe"}, users: []string{"jane-doe"}, now: seven, at: seven,
			change: func(s *facts.Snapshot) {
				s.Hubs[0].Spawners = append(s.Hubs[0].Spawners, facts.Spawner{ID: 9, UserID: 1, Name: "lab"})
			},
			want: []string{"jane-doe/: jane-doe empty of jane-2ddoe unreachable", "jane-doe/lab: jane-doe empty of jane-2ddoe unreachable"}},
		{name: "a home for each server", subPath: "{user_server}", listed: []string{"jane-2ddoe", "jane-2ddoe--exp-2d1"}, users: []string{"jane-doe"}, now: seven, at: seven,
			change: func(s *facts.Snapshot) {
				s.Hubs[0].Spawners = append(s.Hubs[0].Spawners, facts.Spawner{ID: 9, UserID: 1, Name: "exp-1"})
			},
			want: []string{"jane-doe/: jane-doe empty of jane-2ddoe unreachable", "jane-doe/exp-1: jane-doe--exp-1 empty of jane-2ddoe--exp-2d1 unreachable"}},
		{name: "only the servers' folders change", subPath: "{username}/work/{servername}/", listed: []string{"ann"}, users: []string{"ann"}, now: six, at: seven,
			change: func(s *facts.Snapshot) {
				s.Hubs[0].Spawners = append(s.Hubs[0].Spawners, facts.Spawner{ID: 9, UserID: 1, Name: "My Lab", State: facts.SpawnerState{Form: "object"}})
			},
			want: []string{"ann/: ann/work same", "ann/My Lab: ann/work/my-lab---8c23cccc empty of ann/work/-4dy-20-4cab unreachable"}},
		{name: "one directory for two users", subPath: "{username:.3}", listed: []string{"jan", "bob"}, users: []string{"janet", "jane", "bob"}, now: seven, at: seven,
			want: []string{"janet/: jan other collision with jane", "jane/: jan other collision with janet", "bob/: bob same"}},
		{name: "one that is somebody else's now", subPath: "{username}", listed: []string{"jane-2ddoe", "jane-2d2ddoe"}, users: []string{"jane-doe", "jane-2ddoe"}, now: six, at: seven,
			want: []string{"jane-doe/: jane-doe empty of jane-2ddoe unreachable", "jane-2ddoe/: jane-2ddoe other collision with jane-doe"}},
		{name: "one that would be somebody else's, had they been there", subPath: "{username}", listed: []string{"bob"}, users: []string{"jane-doe", "jane-2ddoe"}, now: six, at: seven,
			want: []string{"jane-doe/: jane-doe same", "jane-2ddoe/: jane-2ddoe same"}},
		{name: "one directory for all", subPath: "shared", users: []string{"ann", "bob"}, now: six, at: seven,
			want: []string{"ann/: shared same", "bob/: shared same"}},
		{name: "the claim is gone", subPath: "{username}", users: []string{"ann"}, now: seven, at: seven,
			change: func(s *facts.Snapshot) { s.Kube.Claims = nil },
			want:   []string{"ann/: ann pending missing"}},
		{name: "the claim is being deleted", subPath: "{username}", users: []string{"ann"}, now: seven, at: seven,
			change: func(s *facts.Snapshot) { s.Kube.Claims[0].Deleting = s.Now.AddDate(2026, 0, 0) },
			want:   []string{"ann/: ann pending unusable"}},
		{name: "claims were not read", subPath: "{username}", users: []string{"ann"}, now: seven, at: seven,
			change: func(s *facts.Snapshot) {
				s.Kube.Claims, s.Sources[1].Status = nil, facts.Failed
			},
			want: []string{"ann/: ann same"}},
		{name: "a namespace for each user", subPath: "{username}", users: []string{"ann", "bob"}, now: seven, at: facts.KubeSpawner{Version: "7.0.0", UserNamespaces: "{hubnamespace}-{username}"},
			change: func(s *facts.Snapshot) { s.Kube.Claims[0].Namespace = "hub-ns-ann" },
			want:   []string{"ann/: ann same", "bob/: bob pending missing"}},
		{name: "named after pod and claim", subPath: "{pod_name}/{pvc_name}", users: []string{"ann"}, now: seven, at: seven,
			want: []string{"ann/: jupyter-ann/claim-ann same"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := homesHub(c.subPath, c.listed, c.users...)
			h := s.Hubs[0]
			k := h.KubeSpawner
			k.Version, k.SlugScheme, k.UserNamespaces = c.at.Version, c.at.SlugScheme, c.at.UserNamespaces
			h.KubeSpawner.Version, h.KubeSpawner.SlugScheme = c.now.Version, c.now.SlugScheme
			if c.change != nil {
				c.change(s)
			}
			starts, err := Predict(s, h, k, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outcomes(starts)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, st := range starts {
				if st.Hub != "hub" || st.Claim != "homes" || st.Because == "" || st.UserID == 0 {
					t.Errorf("an incomplete start: %+v", st)
				}
			}
		})
	}
}

func TestHomesThatCannotBeTold(t *testing.T) {
	for _, subPath := range []string{"{user_server}", "{workspace}"} {
		s := homesHub(subPath, nil, "ann")
		k := s.Hubs[0].KubeSpawner
		k.Version = "6.2.0"
		var wrong *kubespawner.TemplateError
		if starts, err := Predict(s, s.Hubs[0], k, nil); !errors.As(err, &wrong) {
			t.Errorf("%s: %v, %v", subPath, starts, err)
		}
	}
}

func BenchmarkHomes(b *testing.B) {
	users, listed := make([]string, 100_000), make([]string, 100_000)
	for i := range users {
		users[i] = fmt.Sprintf("first.last%d@example.edu", i)
		listed[i] = kubespawner.Escape(users[i])
	}
	s := homesHub("{username}", listed, users...)
	b.ReportAllocs()
	for b.Loop() {
		starts, err := predictHomes(s, s.Hubs[0], s.Hubs[0].KubeSpawner)
		if err != nil || starts[0].Outcome != Empty {
			b.Fatal(err, starts[0])
		}
	}
}
