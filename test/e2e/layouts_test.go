package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/world"
)

// ofClaims are the checks of servers' own claims, which do not apply where all
// homes are directories on one.
var ofClaims = []string{"pvc-legacy-forgotten", "pvc-legacy-unreachable", "pvc-name-collision", "backup-target-unset"}

// TestSharedHomes has all homes on one claim, which the audit sees as a folder.
func TestSharedHomes(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	users := world.Hub(s, world.HubName).Users
	homesOn(s, "homes")
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	p.configureHub(t, `kubespawner: {homes: {claim: homes, subPath: "home/{username}", directory: volume}}`)

	folder := filepath.Join(p.dir, "volume", "home")
	var stranded []string
	for i, u := range users {
		name := kubespawner.Safe(u.Name)
		if i%2 == 0 {
			name = kubespawner.Escape(u.Name)
			stranded = append(stranded, "user "+u.Name)
		}
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"subpath-scheme-change error": stranded},
		Skipped: slices.Concat(firstRun, ofClaims)})

	for i, u := range users {
		if i%2 == 0 {
			if err := os.Rename(filepath.Join(folder, kubespawner.Escape(u.Name)), filepath.Join(folder, kubespawner.Safe(u.Name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	moved := p.audit(t)
	moved.expect(t, outcome{Skipped: ofClaims})
	if got := moved.incidents("resolved"); !slices.Contains(got, "subpath-scheme-change") {
		t.Errorf("moving the directories resolved %v", got)
	}

	// A volume that is not mounted is not one whose directories are gone.
	if err := os.RemoveAll(filepath.Join(p.dir, "volume")); err != nil {
		t.Fatal(err)
	}
	p.audit(t).expect(t, outcome{Status: 2, Failed: []string{facts.HomesSource(world.HubName) + " missing"},
		Fail:    map[string][]string{"audit-input-missing critical": {"source " + facts.HomesSource(world.HubName)}},
		Unknown: []string{"subpath-scheme-change"}, Skipped: ofClaims})
}

// homesOn takes the users' own claims away and gives them one together.
func homesOn(s *facts.Snapshot, claim string) {
	for _, c := range slices.Clone(s.Kube.Claims) {
		if c.HasUser {
			world.RemoveClaim(s, c.Namespace, c.Name)
		}
	}
	world.AddClaim(s, facts.Claim{Name: claim, Created: s.Now.AddDate(0, -6, 0)})
	for i := range s.Kube.Pods {
		if s.Kube.Pods[i].HasUser {
			s.Kube.Pods[i].Claims = []string{claim}
		}
	}
	for i := range world.Hub(s, world.HubName).Spawners {
		world.Hub(s, world.HubName).Spawners[i].State.PVCName = ""
	}
	world.Settle(s)
}

// TestTwoHubs has two hubs in one namespace, both in the configuration.
func TestTwoHubs(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "hub-test", Phase: "Running", Node: "worker-2",
		Component: facts.HubComponent, Release: "test", Image: "quay.io/jupyterhub/k8s-hub:4.4.0"})
	world.Settle(s)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	other := *world.Hub(s, world.HubName)
	other.Users, other.Spawners, other.Servers = nil, nil, nil
	if err := world.WriteDatabase(filepath.Join(p.dir, "other.sqlite"), &other, world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
	const hub = `
  - name: %s
    namespace: datahub
    database: sqlite:///%s.sqlite
    kubespawner: {pvcNameTemplate: %q}
    backups: [{name: nightly, files: "backups/jupyterhub-*.sqlite.gz", schedule: "0 3 * * *"}]`
	configure := func(template string) {
		p.configure(t, "history: sqlite:history.db\nhubs:"+fmt.Sprintf(hub, "datahub", "jupyterhub", "claim-{user_server}")+fmt.Sprintf(hub, "other", "other", template)+"\n")
	}
	// Whose pod mounts which database cannot be told.
	whose := []string{"hub-db-ephemeral", "hub-db-on-nfs", "hub-db-pvc-replaced"}
	configure("claim-{user_server}")
	p.audit(t).expect(t, outcome{Status: 2, Fail: map[string][]string{"namespace-two-hubs error": {"hub datahub", "hub other"}},
		Unknown: slices.Concat(whose, whose), Skipped: slices.Repeat(without(firstRun, whose), 2)})
	configure("test-{user_server}")
	p.audit(t).expect(t, outcome{Status: 2, Unknown: slices.Concat(whose, whose)})
}

// TestUserNamespaces has each user's claims and pods in a namespace of the
// user's own, and audits with no more rights than the chart's.
func TestUserNamespaces(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.moveToOwnNamespaces(t, s)
	st.become(t, s)
	account := st.chartAccount(t)
	p := newSite(t, s, account, "")
	p.configureHub(t, `kubespawner: {userNamespaceTemplate: "{hubnamespace}-{username}"}`)
	p.audit(t).expect(t, outcome{Skipped: firstRun})

	world.RemoveClaim(s, world.Namespace+"-student-0003", claim3)
	st.become(t, s)
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"pvc-state-missing-claim critical": {"user student-0003"}}})

	// Rights in the hub's namespace alone would show none of these claims, and
	// are not taken for a cluster without them.
	p.kubeconfig = st.confined(t, "confined")
	p.audit(t).expect(t, outcome{Status: 2, Failed: clusterFailed("forbidden"), Unknown: clusterChecks,
		Fail: map[string][]string{"audit-input-missing critical": clusterWorked()}})
}

// moveToOwnNamespaces moves whatever is a user's, and makes the namespaces.
func (st *stage) moveToOwnNamespaces(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	moved := map[string]string{}
	for i := range s.Kube.Claims {
		if c := &s.Kube.Claims[i]; c.HasUser {
			c.Namespace = world.Namespace + "-" + c.User
			moved[c.Name] = c.Namespace
			st.Apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": c.Namespace}})
		}
	}
	move := func(namespace *string, claim string) {
		if to, ok := moved[claim]; ok {
			*namespace = to
		}
	}
	for i := range s.Kube.Volumes {
		move(&s.Kube.Volumes[i].ClaimNamespace, s.Kube.Volumes[i].ClaimName)
	}
	for i := range s.Longhorn.Volumes {
		move(&s.Longhorn.Volumes[i].ClaimNamespace, s.Longhorn.Volumes[i].ClaimName)
	}
	for i := range s.Kube.Pods {
		move(&s.Kube.Pods[i].Namespace, s.Kube.Pods[i].Claims[0])
	}
	for i := range world.Hub(s, world.HubName).Spawners {
		state := &world.Hub(s, world.HubName).Spawners[i].State
		move(&state.Namespace, state.PVCName)
	}
	world.Settle(s)
}
