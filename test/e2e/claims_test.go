package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
	"hubaudit/test/harness"
)

const (
	pod5   = "jupyter-student-0005" // which runs
	claim3 = "claim-student-0003"
	claim5 = "claim-student-0005"
)

// claimDamages are those of claims, their volumes and the pods that mount them.
var claimDamages = []damage{
	{name: "a claim was deleted under its server", damage: func(*facts.Snapshot) {},
		byHand: func(t *testing.T, st *stage) { st.deleteByHand(t, "v1", "PersistentVolumeClaim", claim5) },
		want:   outcome{Status: 1, Fail: map[string][]string{"pvc-terminating critical": {"claim " + claim5}}}},
	{name: "the hub's claim was deleted under the hub", damage: func(*facts.Snapshot) {},
		byHand: func(t *testing.T, st *stage) { st.deleteByHand(t, "v1", "PersistentVolumeClaim", world.HubClaim) },
		want:   outcome{Status: 1, Fail: map[string][]string{"pvc-terminating critical": {"claim " + world.HubClaim}}}},
	{name: "a claim was deleted, its volume kept", damage: func(s *facts.Snapshot) { release(s, claim3) },
		want: outcome{Status: 1, Fail: map[string][]string{"pv-released-data error": volumes(4), "pvc-state-missing-claim critical": {"user student-0003"}}}},
	{name: "a claim went with its volume", damage: func(s *facts.Snapshot) { world.RemoveClaim(s, world.Namespace, claim3) },
		want: outcome{Status: 1, Fail: map[string][]string{"pvc-state-missing-claim critical": {"user student-0003"}}}},
	{name: "volumes go with their claims, and there are backups", damage: perishable,
		want: outcome{Fail: map[string][]string{"pv-reclaim-delete info": {"storageclass " + world.Class, "claim " + world.HubClaim}}}},
	{name: "volumes go with their claims, and one has no fresh backup", damage: func(s *facts.Snapshot) {
		perishable(s)
		world.LastBackup(s, &s.Longhorn.Volumes[3], s.Now.Add(-72*time.Hour))
	}, want: outcome{Status: 1, Fail: map[string][]string{"pv-reclaim-delete error": {"storageclass " + world.Class}, "backup-stale error": {"claim " + claim3},
		"pv-reclaim-delete info": {"claim " + world.HubClaim}, "hub-user-delete-deletes-data warning": {"hub datahub"}}}},
	// Which of them is the configured one cannot be told.
	{name: "a second hub was installed", damage: func(s *facts.Snapshot) {
		s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "hub-test", Phase: "Running", Node: "worker-2",
			Component: facts.HubComponent, Release: "test", Image: "quay.io/jupyterhub/k8s-hub:4.4.0"})
	}, want: outcome{Status: 2, Fail: map[string][]string{"namespace-two-hubs warning": {"hub datahub"}},
		Unknown: []string{"hub-db-ephemeral", "hub-db-on-nfs", "hub-db-pvc-replaced"}}},
	{name: "a server runs on somebody else's claim", damage: func(s *facts.Snapshot) { podNamed(s, pod5).Claims = []string{"claim-student-0001"} },
		want: outcome{Status: 1, Fail: map[string][]string{"pvc-misrouted critical": {"claim claim-student-0001"}}}},
	{name: "the hub has forgotten a running server", damage: func(s *facts.Snapshot) { forgetServer(s, pod5) },
		want: outcome{Status: 1, Fail: map[string][]string{"pod-unknown-to-hub warning": {"pod " + pod5}}}},
	{name: "a claim that nothing tells the owner of", damage: func(s *facts.Snapshot) {
		world.AddClaim(s, facts.Claim{Name: "claim-before-my-time", Component: "singleuser-storage"})
	}, want: outcome{Status: 1, Fail: map[string][]string{"pvc-unattributed warning": {"claim claim-before-my-time"}}}},
	{name: "a claim bears a stranger's name, and the hub does not remember whose it is", damage: func(s *facts.Snapshot) {
		claimOf(s, "student-0003").User = "zoe"
		world.Hub(s, world.HubName).Spawners[2].State.PVCName = ""
	}, want: outcome{Status: 1, Fail: map[string][]string{"pvc-owner-mismatch error": {"claim " + claim3}, "hub-owner-missing info": {"user zoe"}}}},
	{name: "a named server was removed, its claim kept", damage: func(s *facts.Snapshot) {
		h := world.Hub(s, world.HubName)
		h.Spawners = slices.DeleteFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.Name == "lab" })
	}, want: outcome{Fail: map[string][]string{"pvc-orphaned info": {"claim claim-student-0010--lab"}}}},
}

// release deletes a claim as it goes with reclaim policy Retain: the volume and
// what it says of its claim stay.
func release(s *facts.Snapshot, claim string) {
	s.Kube.Claims = slices.DeleteFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.Name == claim })
	for i := range s.Kube.Volumes {
		if s.Kube.Volumes[i].ClaimName == claim {
			s.Kube.Volumes[i].Phase = "Released"
		}
	}
}

// perishable has all volumes go with their claims.
func perishable(s *facts.Snapshot) {
	for i := range s.Kube.Volumes {
		s.Kube.Volumes[i].ReclaimPolicy = "Delete"
	}
}

func podNamed(s *facts.Snapshot, name string) *facts.Pod {
	i := slices.IndexFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.Name == name })
	return &s.Kube.Pods[i]
}

// TestDeletedClaim is a deletion as it really goes: the API server keeps a claim
// that a pod mounts, and its controller lets it go with the pod.
func TestDeletedClaim(t *testing.T) {
	st := ownStage(t, harness.Options{ControllerManager: true, CRDs: []string{"longhorn", "snapshot", "velero", "k8up", "ceph"}})
	st.makeNamespace(t, world.Namespace)
	s := healthyWorld(world.Small)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})

	st.deleteByHand(t, "v1", "PersistentVolumeClaim", claim5)
	deleted := p.audit(t)
	deleted.expect(t, outcome{Status: 1, Fail: map[string][]string{"pvc-terminating critical": {"claim " + claim5}}})
	if !strings.Contains(deleted.jsonText, "only pod "+pod5+" keeps it") {
		t.Errorf("nobody learns from this that the server must not be stopped:\n%s", deleted.terminal)
	}

	stopServer(s, pod5)
	p.writeDatabase(t, s)
	pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"namespace": world.Namespace, "name": pod5}}
	st.remove(t, pod)
	claims := st.Client().Resource(schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}).Namespace(world.Namespace)
	harness.Poll(t, "the end of "+claim5, func(ctx context.Context) error {
		_, err := claims.Get(ctx, claim5, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is still there: %v", err)
	})
	release(s, claim5) // the controller that would note it would bind all other volumes too
	st.become(t, s)
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{
		"pv-released-data error": volumes(6), "pvc-state-missing-claim critical": {"user student-0005"}}})

	// The volume is bound to a new claim of the same name, as the checks say.
	mended := healthyWorld(world.Small)
	stopServer(mended, pod5)
	st.become(t, mended)
	bound := p.audit(t)
	bound.expect(t, outcome{})
	if diff := cmp.Diff([]string{"pv-released-data", "pvc-state-missing-claim"}, bound.incidents("resolved")); diff != "" {
		t.Errorf("incidents (-want +resolved):\n%s", diff)
	}
}

// TestPendingClaim looks at a claim that waits for a volume, and at the same
// an hour later.
func TestPendingClaim(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	world.MoveTo(s, time.Now().UTC().Truncate(time.Second)) // the API server's time: it says when the claim was made
	h := world.Hub(s, world.HubName)
	for i := range h.Backups[0].Copies { // at three, whatever time it is now
		h.Backups[0].Copies[i].Time = s.Now.Add(-3*time.Hour).Truncate(24*time.Hour).Add(3*time.Hour+12*time.Second).AddDate(0, 0, -i)
	}
	h.Servers = append(h.Servers, facts.Server{ID: 99, IP: "jupyter-student-0001--gpu", Port: 8888})
	h.Spawners = append(h.Spawners, facts.Spawner{ID: 99, UserID: 1, ServerID: 99, Name: "gpu"})
	s.Kube.Claims = append(s.Kube.Claims, facts.Claim{Namespace: world.Namespace, Name: "claim-student-0001--gpu", Phase: "Pending", StorageClass: world.Class,
		AccessModes: []string{"ReadWriteOnce"}, RequestBytes: 10 << 30, HasUser: true, User: "student-0001", Server: "gpu", LabelUser: "student-0001",
		Component: "singleuser-storage", KubeSpawnerVersion: "7.0.0", Chart: "jupyterhub-4.4.0"})
	s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: "jupyter-student-0001--gpu", Phase: "Pending", Component: "singleuser-server",
		HasUser: true, User: "student-0001", Server: "gpu", KubeSpawnerVersion: "7.0.0", Claims: []string{"claim-student-0001--gpu"}})
	world.Settle(s)
	st.become(t, s)
	p := newSite(t, s, st.admin, "")
	p.audit(t).expect(t, outcome{Skipped: append([]string{"backup-target-unset"}, firstRun...)}) // no claim is old enough to need a backup
	p.at = s.Now.Add(time.Hour)
	p.audit(t).expect(t, outcome{Status: 1, Fail: map[string][]string{"pvc-pending warning": {"claim claim-student-0001--gpu"}}, Skipped: []string{"backup-target-unset"}})
}

// stopServer stops a running server, as its user does.
func stopServer(s *facts.Snapshot, pod string) {
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.Name == pod })
	forgetServer(s, pod)
}

// forgetServer has the hub hold a server as stopped.
func forgetServer(s *facts.Snapshot, pod string) {
	h := world.Hub(s, world.HubName)
	i := slices.IndexFunc(h.Spawners, func(sp facts.Spawner) bool { return sp.State.PodName == pod })
	h.Servers = slices.DeleteFunc(h.Servers, func(srv facts.Server) bool { return srv.ID == h.Spawners[i].ServerID })
	h.Spawners[i].ServerID, h.Spawners[i].Started = 0, time.Time{}
}
