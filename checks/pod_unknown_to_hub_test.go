package checks

import (
	"maps"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestPodUnknownToHub(t *testing.T) { testCheck(t, podUnknownToHubCases) }

const pod5 = "jupyter-student-0005"

var podUnknownToHubCases = cases{
	check: podUnknownToHub,
	fires: []damage{
		{
			name:   "the hub holds a running server as stopped",
			change: stoppedInDatabase(5),
			want:   outcomes{"pod-unknown-to-hub": "fail warning 1"},
			summary: `pod jupyter-student-0005 has been running user "student-0005"'s default server on claim-student-0005 since 2026-11-20 10:30 UTC, ` +
				"and the hub holds that server as stopped; one that it holds as running is expected",
		},
		{
			name: "a server that the hub does not know",
			change: func(s *facts.Snapshot) {
				addPod(s, facts.Pod{Name: "jupyter-student-0002--gpu", User: "student-0002", Server: "gpu"})
			},
			want: outcomes{"pod-unknown-to-hub": "fail warning 1"},
			summary: `pod jupyter-student-0002--gpu has been running user "student-0002"'s server "gpu" since 2026-11-20 10:00 UTC, ` +
				"and the hub knows no such server; one that it holds as running is expected",
		},
		{
			name: "a user who is gone, in a namespace of their own",
			change: all(userNamespaces, func(s *facts.Snapshot) {
				addPod(s, facts.Pod{Namespace: "datahub-gone", Name: "jupyter", User: "gone"})
			}),
			want: outcomes{"pod-unknown-to-hub": "fail warning 1"},
			summary: `pod jupyter has been running user "gone"'s default server since 2026-11-20 10:00 UTC, ` +
				"and the hub has no such user; one that it holds as running is expected",
		},
		{
			name:    "every running server",
			change:  all(stoppedInDatabase(5), stoppedInDatabase(10)),
			want:    outcomes{"pod-unknown-to-hub": "fail warning 2"},
			summary: "the hub forgot all of its 2 running servers: each goes on, unreachable, and a restart of the hub does not bring them back",
		},
		{
			name: "several of many",
			change: all(stoppedInDatabase(5), func(s *facts.Snapshot) {
				addPod(s, facts.Pod{Name: "jupyter-gone", User: "gone"})
			}),
			want:    outcomes{"pod-unknown-to-hub": "fail warning 2"},
			summary: "2 of 3 pods run servers that the hub does not hold as running",
		},
	},
	mustNotFire: []damage{
		{
			name: "starting, stopping, ended, and other people's pods",
			change: func(s *facts.Snapshot) {
				addPod(s, facts.Pod{Name: "starting", User: "student-0001", Created: s.Now.Add(-time.Minute)})
				addPod(s, facts.Pod{Name: "stopping", User: "student-0002", Deleting: s.Now})
				addPod(s, facts.Pod{Name: "ended", User: "student-0003", Phase: "Failed"})
				addPod(s, facts.Pod{Name: "waiting", User: "student-0004", Phase: "Pending"})
				addPod(s, facts.Pod{Name: "placeholder"})
				addPod(s, facts.Pod{Name: "a-copy", User: "student-0006", Component: "tool"})
				addPod(s, facts.Pod{Name: "elsewhere", User: "student-0007", Namespace: "elsewhere"})
			},
		},
		{
			name: "a server that was stopped while the audit read",
			change: all(stoppedInDatabase(5), func(s *facts.Snapshot) {
				hubOf(s).Spawners[4].LastActivity = s.Now.Add(2 * time.Second)
				world.Settle(s)
			}),
		},
		{
			name: "a user who was renamed while the server ran",
			change: func(s *facts.Snapshot) {
				for i := range s.Kube.Pods {
					if p := &s.Kube.Pods[i]; p.Name == pod5 {
						p.User = "former-name"
					}
				}
			},
		},
		{
			name: "a server that another hub of the namespace holds",
			change: func(s *facts.Snapshot) {
				other := *hubOf(s)
				other.Name, other.Backups = "other", nil
				other.Users, other.Spawners = hubOf(s).Users[4:], hubOf(s).Spawners[4:]
				hubOf(s).Users, hubOf(s).Spawners = hubOf(s).Users[:4], hubOf(s).Spawners[:4]
				s.Hubs = append(s.Hubs, &other)
				world.Settle(s)
				s.Past = facts.Past{}
			},
			want: otherHub(outcomes{"hub-user-count-drift": "skipped", "hub-db-pvc-replaced": "skipped"}),
		},
		{
			name: "a replaced database is the cause",
			change: forget(func(s *facts.Snapshot) {
				world.ResetDatabase(s, world.HubName, "student-0003", "student-0007")
			}),
			want: explainedByReset(nil),
			summary: "explained by hub-db-reset: only 2 of 10 owners of claims are in the database, at least 50 % expected; " +
				"its oldest user was created on 2026-11-20, 152 days 23 h after the median claim",
		},
	},
	boundary: []damage{
		{
			name:   "as young as may be",
			change: all(stoppedInDatabase(5), ageOf(pod5, 15*time.Minute)),
		},
		{
			name:   "older",
			change: all(stoppedInDatabase(5), ageOf(pod5, 15*time.Minute+time.Second)),
			want:   outcomes{"pod-unknown-to-hub": "fail warning 1"},
			summary: `pod jupyter-student-0005 has been running user "student-0005"'s default server on claim-student-0005 since 2026-11-20 11:44 UTC, ` +
				"and the hub holds that server as stopped; one that it holds as running is expected",
		},
	},
	sourceFailed: []damage{
		{
			name:    "pods not readable",
			change:  failed(facts.KubePods),
			want:    unknownWithout(facts.KubePods, nil),
			summary: "source kube/pods could not be read: gave up after 30s",
		},
		{
			name:    "half of the users read",
			change:  func(s *facts.Snapshot) { hubOf(s).UsersRead = facts.Partial },
			want:    usersUnknown(nil),
			summary: "the table users is damaged: 10 rows could be read, others may be missing",
		},
		{
			name: "a second hub in the namespace that nobody configured",
			change: func(s *facts.Snapshot) {
				stoppedInDatabase(5)(s)
				addPod(s, facts.Pod{Name: "hub-of-others", Component: facts.HubComponent, Release: "other", Image: "quay.io/jupyterhub/k8s-hub:4.4.0"})
			},
			want: outcomes{"pod-unknown-to-hub": "unknown", "namespace-two-hubs": "fail warning 1", "hub-db-volume-full": "unknown", "hub-db-ephemeral": "unknown", "hub-db-on-nfs": "unknown",
				"hub-db-pvc-replaced": "unknown"},
			summary: "hubs of 2 releases run in namespace datahub and the configuration names 1: nothing tells whose pods are whose",
		},
	},
}

// stoppedInDatabase makes the hub forget that a user's default server runs.
func stoppedInDatabase(user int64) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		h := hubOf(s)
		for i := range h.Spawners {
			sp := &h.Spawners[i]
			if sp.UserID != user || sp.Name != "" {
				continue
			}
			h.Servers = slices.DeleteFunc(h.Servers, func(srv facts.Server) bool { return srv.ID == sp.ServerID })
			sp.ServerID, sp.Started = 0, time.Time{}
		}
		world.Settle(s)
	}
}

// addPod adds a pod that runs a user's server since two hours.
func addPod(s *facts.Snapshot, p facts.Pod) {
	if p.Namespace == "" {
		p.Namespace = world.Namespace
	}
	if p.Phase == "" {
		p.Phase = "Running"
	}
	if p.Component == "" {
		p.Component = serverComponent
	}
	if p.Created.IsZero() {
		p.Created = s.Now.Add(-2 * time.Hour)
	}
	p.HasUser = p.User != ""
	s.Kube.Pods = append(s.Kube.Pods, p)
	world.Settle(s)
}

func ageOf(pod string, age time.Duration) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Kube.Pods {
			if p := &s.Kube.Pods[i]; p.Name == pod {
				p.Created = s.Now.Add(-age)
			}
		}
	}
}

func userNamespaces(s *facts.Snapshot) {
	hubOf(s).KubeSpawner.UserNamespaces = "{hubnamespace}-{username}"
}

// explainedByReset are the verdicts where hub-db-reset tells the cause.
func explainedByReset(more outcomes) outcomes {
	want := outcomes{"hub-db-reset": "fail critical 1", "hub-user-count-drift": "skipped"}
	for _, id := range []string{"hub-owner-missing", "pvc-orphaned", "pvc-legacy-unreachable", "pod-unknown-to-hub"} {
		want[id] = "skipped"
	}
	maps.Copy(want, more)
	return want
}

// What the audit knows only from the REST API is enough: it shows no ids, and
// says which servers are ready.
func TestPodUnknownToHubOverREST(t *testing.T) {
	s := healthy()
	stoppedInDatabase(5)(s)
	h := hubOf(s)
	h.UsersFrom = facts.HubAPI(h.Name)
	h.Users, h.Spawners, h.Servers = h.API.Users, h.API.Spawners, nil
	suite, err := NewSuite(nil, []string{podUnknownToHub.ID})
	if err != nil {
		t.Fatal(err)
	}
	v := Judge(suite, s)[0]
	if v.Count != 1 || v.Findings[0].Subject.Name != pod5 || v.Findings[0].Subject.Kind != "pod" {
		t.Fatalf("%s: %+v", v.Outcome, v.Findings)
	}
	if d := v.Findings[0].Details; d["hubHolds"] != "holds that server as stopped" || d["claims"] != "claim-student-0005" || d["lastActivity"] != "2026-11-20 11:56 UTC" {
		t.Errorf("details %v", d)
	}
}

// BenchmarkWhoseHome measures the checks that hold claims and pods against
// their owners; what they share with others (attribution) is made once before.
func BenchmarkWhoseHome(b *testing.B) {
	s := world.Healthy(world.Size{Users: 10_000, Nodes: 8, Replicas: 1})
	suite, err := NewSuite(nil, []string{pvcMisrouted.ID, pvcOwnerMismatch.ID, pvcOrphaned.ID, pvcUnattributed.ID, podUnknownToHub.ID})
	if err != nil {
		b.Fatal(err)
	}
	views := &shared{snapshot: s, suite: suite}
	(&Input{Snapshot: s, shared: views}).Owners()
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range suite {
			if v := judge(c, views, s.Hubs[0]); v.Outcome != "pass" {
				b.Fatal(v.Check, v.Summary)
			}
		}
	}
}
