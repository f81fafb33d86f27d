package checks

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestHubDBEphemeral(t *testing.T) { testCheck(t, hubDBEphemeralCases) }

const hubPodName = "hub-6b7f9d4c5-x2x7p"

func podNamed(s *facts.Snapshot, name string) *facts.Pod {
	for i := range s.Kube.Pods {
		if s.Kube.Pods[i].Name == name {
			return &s.Kube.Pods[i]
		}
	}
	panic("no pod " + name)
}

// hubMounts gives the hub's pod these mounts instead of its claim, and the
// database the path that the hub itself has for it.
func hubMounts(mounts ...facts.Mount) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		hubOf(s).Database.Location = "/srv/jupyterhub/jupyterhub.sqlite"
		p := podNamed(s, hubPodName)
		p.Claims, p.Mounts = nil, mounts
		for _, m := range mounts {
			if m.Claim != "" {
				p.Claims = append(p.Claims, m.Claim)
			}
		}
	}
}

// withoutHubPod stops the hub.
func withoutHubPod(s *facts.Snapshot) { podNamed(s, hubPodName).Phase = "Succeeded" }

// skippedWithout are the verdicts that a source costs which is absent.
func skippedWithout(sources []string, more outcomes) outcomes {
	want := outcomes{}
	for _, c := range Registry {
		for _, need := range c.Needs {
			for _, source := range sources {
				if need == source {
					want[c.ID] = string(verdict.Skipped)
				}
			}
		}
	}
	for id, outcome := range more {
		want[id] = outcome
	}
	return want
}

// inMemory is what a run sees of a hub whose database is in memory.
func inMemory(s *facts.Snapshot) {
	h := hubOf(s)
	h.Users, h.Spawners, h.Servers = nil, nil, nil
	h.UsersRead, h.SpawnersRead = facts.None, facts.None
	h.Database = facts.Database{Engine: "sqlite", InMemory: true}
	absent(facts.HubDB(world.HubName))(s)
}

func otherEngine(s *facts.Snapshot) { hubOf(s).Database.Engine = "postgresql" }

var hubDBEphemeralCases = cases{
	check: hubDBEphemeral,
	fires: []damage{
		{
			name: "in memory", change: inMemory,
			want:    skippedWithout([]string{HubDatabase, HubUsers}, outcomes{"hub-db-ephemeral": "fail critical 1", "hub-db-volume-full": "skipped"}),
			summary: "the hub keeps its database in memory: it is empty after each restart; a file on a claim or a database server is expected",
		},
		{
			name: "an emptyDir, while the audit reads the claim of before", change: hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountEmptyDir}),
			want: outcomes{"hub-db-ephemeral": "fail critical 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p has the database /srv/jupyterhub/jupyterhub.sqlite on an emptyDir at /srv/jupyterhub: " +
				"it goes with the pod, a claim is expected",
		},
		{
			name: "an ephemeral claim", change: hubMounts(facts.Mount{Path: "/srv", Kind: facts.MountEphemeral, Claim: hubPodName + "-db"}),
			want: outcomes{"hub-db-ephemeral": "fail critical 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p has the database /srv/jupyterhub/jupyterhub.sqlite on the ephemeral claim hub-6b7f9d4c5-x2x7p-db at /srv: " +
				"it goes with the pod, a claim of its own is expected",
		},
		{
			name: "no volume at all", change: hubMounts(),
			want: outcomes{"hub-db-ephemeral": "fail critical 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p mounts no volume that the database /srv/jupyterhub/jupyterhub.sqlite could be on: " +
				"it goes with the pod, a claim is expected",
		},
		{
			name:   "scratch space only, elsewhere",
			change: hubMounts(facts.Mount{Path: "/mnt/secrets", Kind: facts.MountCSI}, facts.Mount{Path: "/tmp", Kind: facts.MountEmptyDir}),
			want:   outcomes{"hub-db-ephemeral": "fail critical 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p mounts no volume that the database /srv/jupyterhub/jupyterhub.sqlite could be on: " +
				"it goes with the pod, a claim is expected",
		},
		{
			name: "a folder of the node", change: hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountHostPath}),
			want: outcomes{"hub-db-ephemeral": "fail warning 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p has the database /srv/jupyterhub/jupyterhub.sqlite on a hostPath of node worker-1 at /srv/jupyterhub: " +
				"started on another node it is empty, a claim is expected",
		},
	},
	mustNotFire: []damage{
		{name: "a database server", change: func(s *facts.Snapshot) { hubMounts()(s); otherEngine(s) }, want: volumeSkipped},
		{name: "a claim, seen by the audit under another path", change: func(s *facts.Snapshot) { hubOf(s).Database.Location = "/audit/hub.sqlite" }},
		{
			name: "a claim, and scratch space beside it",
			change: hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: world.HubClaim},
				facts.Mount{Path: "/tmp", Kind: facts.MountEmptyDir}),
		},
		{
			name: "a claim that is not z2jh's", change: func(s *facts.Snapshot) {
				hubMounts(facts.Mount{Path: "/data", Kind: facts.MountHostPath}, facts.Mount{Path: "/etc/templates", Kind: facts.MountClaim, Claim: "templates"})(s)
			},
		},
		{
			name: "the hub runs elsewhere", change: withoutHubPod,
			want:    outcomes{"hub-db-ephemeral": "skipped"},
			summary: "namespace datahub has no pod with the label component=hub: the hub does not run there now",
		},
		{
			name: "no database configured", change: func(s *facts.Snapshot) {
				inMemory(s)
				hubOf(s).Database = facts.Database{}
			},
			want:    skippedWithout([]string{HubDatabase, HubUsers}, outcomes{"hub-db-ephemeral": "skipped"}),
			summary: "source hubdb/datahub is absent: the cluster has no such API",
		},
		{
			name: "an old pod on its way out", change: func(s *facts.Snapshot) {
				old := *podNamed(s, hubPodName)
				old.Name, old.Mounts, old.Deleting = "hub-0", nil, s.Now
				s.Kube.Pods = append(s.Kube.Pods, old)
				world.Settle(s)
			},
		},
	},
	boundary: []damage{
		{
			name: "a claim below scratch space",
			change: hubMounts(facts.Mount{Path: "/srv", Kind: facts.MountEmptyDir},
				facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountClaim, Claim: world.HubClaim}),
		},
		{
			name: "scratch space below a claim",
			change: hubMounts(facts.Mount{Path: "/srv", Kind: facts.MountClaim, Claim: world.HubClaim},
				facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountEmptyDir}),
			want: outcomes{"hub-db-ephemeral": "fail critical 1"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p has the database /srv/jupyterhub/jupyterhub.sqlite on an emptyDir at /srv/jupyterhub: " +
				"it goes with the pod, a claim is expected",
		},
		{
			name: "a path that merely begins alike",
			change: hubMounts(facts.Mount{Path: "/srv/jupyter", Kind: facts.MountEmptyDir},
				facts.Mount{Path: "/srv/jupyterhub/jupyterhub.sqlite", Kind: facts.MountClaim, Claim: world.HubClaim}),
		},
	},
	sourceFailed: []damage{
		{name: "pods not readable", change: failed(facts.KubePods), want: unknownWithout(facts.KubePods, nil),
			summary: "source kube/pods could not be read: gave up after 30s"},
		{name: "database not readable", change: failed(facts.HubDB(world.HubName)), want: databaseUnknown(nil),
			summary: "source hubdb/datahub could not be read: gave up after 30s"},
		{
			name: "two hubs run in the namespace", change: func(s *facts.Snapshot) {
				second := *podNamed(s, hubPodName)
				second.Name = "hub-second"
				s.Kube.Pods = append(s.Kube.Pods, second)
				world.Settle(s)
			},
			want:    outcomes{"hub-db-ephemeral": "unknown", "hub-db-on-nfs": "unknown", "hub-db-pvc-replaced": "unknown", "hub-db-volume-full": "unknown"},
			summary: "namespace datahub has 2 pods with the label component=hub, and nothing tells which one is this hub's",
		},
		{
			name: "a volume that only its driver knows", change: hubMounts(facts.Mount{Path: "/srv/jupyterhub", Kind: facts.MountCSI}),
			want: outcomes{"hub-db-ephemeral": "unknown"},
			summary: "the hub's pod hub-6b7f9d4c5-x2x7p has the database /srv/jupyterhub/jupyterhub.sqlite on a CSI volume made for the pod at /srv/jupyterhub, " +
				"and whether its driver keeps what is on it cannot be seen",
		},
	},
}
