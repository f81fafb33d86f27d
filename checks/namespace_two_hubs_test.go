package checks

import (
	"cmp"
	"maps"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestNamespaceTwoHubs(t *testing.T) { testCheck(t, namespaceTwoHubsCases) }

// secondHub configures another hub of the same namespace, without users, and
// changes how it names claims.
func secondHub(change func(h *facts.Hub)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		other := &facts.Hub{Name: "other", Namespace: world.Namespace, KubeSpawner: hubOf(s).KubeSpawner,
			Database:  facts.Database{Engine: "postgresql", Revisions: hubOf(s).Database.Revisions, CookieNotNull: true, CookieUnique: true, NameUnique: true, Columns: hubOf(s).Database.Columns},
			UsersRead: facts.Complete, SpawnersRead: facts.Complete, StatesRead: true}
		change(other)
		s.Hubs = append(s.Hubs, other)
		world.Settle(s)
		world.Remember(s)
	}
}

// secondRelease runs the hub of another release in the same namespace.
func secondRelease(change func(p *facts.Pod)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		p := facts.Pod{Namespace: world.Namespace, Name: "test-hub-1", Phase: "Running", Node: "worker-2", Component: facts.HubComponent, Release: "test", Created: s.Now.AddDate(0, 0, -2)}
		change(&p)
		s.Kube.Pods = append(s.Kube.Pods, p)
		world.Settle(s)
	}
}

func theSame(*facts.Hub)  {}
func asItRuns(*facts.Pod) {}
func named(t string) func(h *facts.Hub) {
	return func(h *facts.Hub) { h.KubeSpawner.PVCNameTemplate, h.KubeSpawner.TemplateSet = t, true }
}

// besides are the verdicts on a second hub that has neither users, nor
// backups, nor a REST API, and whose database is on a server.
func besides(want outcomes) outcomes {
	all := outcomes{}
	for _, c := range Registry {
		if c.Scope == PerHub {
			all[c.ID+"@other"] = cmp.Or(notApplicable[c.ID], "pass")
		}
	}
	all["backup-hub-db-missing@other"], all["hub-source-disagree@other"], all["hub-db-volume-full@other"] = "fail critical 1", "skipped", "skipped"
	all["backup-restore-mismatch@other"] = "skipped"
	maps.Copy(all, want)
	return all
}

// whichPod is what a second pod of a hub costs: whose is whose cannot be told.
func whichPod(want outcomes) outcomes {
	all := outcomes{"hub-db-pvc-replaced": "unknown", "hub-db-ephemeral": "unknown", "hub-db-on-nfs": "unknown", "hub-db-volume-full": "unknown"}
	maps.Copy(all, want)
	return all
}

// unrendered is what a template costs both hubs that names cannot be told from.
func unrendered(want outcomes) outcomes {
	all := outcomes{}
	for _, hub := range []string{"", "@other"} {
		for _, id := range []string{"hub-shared-pvc-deletable", "pvc-legacy-forgotten", "pvc-legacy-unreachable", "pvc-name-collision", "pvc-misrouted", "pvc-owner-mismatch"} {
			all[id+hub] = "unknown"
		}
	}
	maps.Copy(all, want)
	return all
}

var (
	alike     = outcomes{"namespace-two-hubs": "fail error 1", "namespace-two-hubs@other": "fail error 1"}
	alikeText = "hub other is in namespace datahub too and names claims alike (a user ann of either gets claim-ann): users of one name share a claim, " +
		"and deleting one deletes the other's; different templates or namespaces are expected"
)

var namespaceTwoHubsCases = cases{
	check: namespaceTwoHubs,
	fires: []damage{
		{name: "the same template", change: secondHub(theSame), want: besides(alike), summary: alikeText},
		{
			name: "users of both", change: secondHub(func(h *facts.Hub) {
				h.Users = []facts.User{{ID: 1, Name: "student-0007", Created: world.Now, Cookie: facts.CookieUnique}}
			}),
			want: besides(alike), summary: alikeText + `; both hubs have 1 such user: "student-0007"`,
		},
		{
			name: "another template, the same names", change: secondHub(func(h *facts.Hub) {
				h.KubeSpawner = facts.KubeSpawner{Version: "6.2.0", PVCNameTemplate: "claim-{username}{servername}", TemplateSet: true, LegacyNames: true, DeletePVC: true}
			}),
			want: besides(alike), summary: alikeText,
		},
		{name: "it is not known which KubeSpawner runs", change: secondHub(func(h *facts.Hub) { h.KubeSpawner.Version = "" }), want: besides(alike), summary: alikeText},
		{
			name: "a release that is not configured", change: secondRelease(asItRuns), want: whichPod(outcomes{"namespace-two-hubs": "fail warning 1"}),
			summary: `hubs of 2 releases run in namespace datahub ("jhub", "test") and 1 hub is configured here: whether they name claims alike is not known, add each to hubs[]`,
		},
	},
	mustNotFire: []damage{
		{name: "another template", change: secondHub(named("claim-other-{user_server}")), want: besides(nil)},
		{name: "another namespace", change: secondHub(func(h *facts.Hub) { h.Namespace = "elsewhere" }), want: besides(nil)},
		{name: "a namespace for each user", change: secondHub(func(h *facts.Hub) { h.KubeSpawner.UserNamespaces = "{hubnamespace}-{username}" }), want: besides(nil)},
		{name: "homes on one claim", change: secondHub(func(h *facts.Hub) { h.KubeSpawner.Homes.Claim = "homes" }),
			want: besides(outcomes{"pvc-legacy-forgotten@other": "skipped", "pvc-legacy-unreachable@other": "skipped", "pvc-name-collision@other": "skipped"})},
		{name: "a rollout", change: secondRelease(func(p *facts.Pod) { p.Release = "jhub" }), want: whichPod(nil)},
		{name: "a pod without a release", change: secondRelease(func(p *facts.Pod) { p.Release = "" }), want: whichPod(nil)},
		{name: "in another namespace", change: secondRelease(func(p *facts.Pod) { p.Namespace = "elsewhere" })},
		{name: "a hub that ended", change: secondRelease(func(p *facts.Pod) { p.Phase = "Failed" })},
		{name: "a hub that is being removed", change: secondRelease(func(p *facts.Pod) { p.Deleting = world.Now })},
		{name: "another application", change: secondRelease(func(p *facts.Pod) { p.Component = "proxy" })},
	},
	boundary: []damage{
		{name: "as many releases as hubs", change: inTurn(secondHub(named("claim-other-{user_server}")), secondRelease(asItRuns)),
			want: besides(whichPod(nil))},
		{
			name: "one more", change: inTurn(secondHub(named("claim-other-{user_server}")), secondRelease(asItRuns),
				secondRelease(func(p *facts.Pod) { p.Name, p.Release = "third-hub-1", "third" })),
			want: besides(whichPod(outcomes{"namespace-two-hubs": "fail warning 1", "namespace-two-hubs@other": "fail warning 1"})),
			summary: `hubs of 3 releases run in namespace datahub ("jhub", "test", "third") and 2 hubs are configured here: ` +
				"whether they name claims alike is not known, add each to hubs[]",
		},
		{
			name: "templates that cannot be rendered, equal", change: inTurn(func(s *facts.Snapshot) { named("claim-{nickname}")(hubOf(s)) }, secondHub(theSame)),
			want: besides(unrendered(alike)),
			summary: "hub other is in namespace datahub too and names claims alike (a user ann of either gets claim-{nickname}): users of one name share a claim, " +
				"and deleting one deletes the other's; different templates or namespaces are expected",
		},
	},
	sourceFailed: []damage{
		{name: "pods not readable", change: failed(facts.KubePods), want: unknownWithout(facts.KubePods, nil),
			summary: "source kube/pods could not be read: gave up after 30s"},
	},
}
