package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// Volume n of a small healthy world has its replicas on three of the four
// workers: on n%4+1 and the two after it. The hub's is the first, that of
// user i the one of i+1, that of the named server the last.
func volumes(numbers ...int) []string {
	var subjects []string
	for _, n := range numbers {
		subjects = append(subjects, fmt.Sprintf("volume pvc-00000003-0000-4000-8000-%012x", n))
	}
	return subjects
}

// damage is one thing that breaks, and what the audit says of it.
type damage struct {
	name   string
	damage func(s *facts.Snapshot)
	want   outcome
	// byHand is what somebody does on the cluster itself, after that.
	byHand func(t *testing.T, st *stage)
}

var damages = []damage{
	{name: "one of four nodes is gone", damage: func(s *facts.Snapshot) { world.LoseNode(s, "worker-2") },
		want: outcome{Status: 1, Fail: map[string][]string{"lh-replica-node-missing error": {"node worker-2"}}}},
	// The hub's own volume has one replica too, but it is attached, and
	// Longhorn has half an hour to rebuild it.
	{name: "two of four nodes are gone", damage: func(s *facts.Snapshot) { world.LoseNode(s, "worker-2"); world.LoseNode(s, "worker-3") },
		want: outcome{Status: 1, Fail: map[string][]string{
			"lh-replica-node-missing error":     {"node worker-2", "node worker-3"},
			"lh-single-usable-replica critical": volumes(4, 5, 8, 9, 12)}}},
	{name: "three of four nodes are gone", damage: func(s *facts.Snapshot) {
		world.LoseNode(s, "worker-2")
		world.LoseNode(s, "worker-3")
		world.LoseNode(s, "worker-4")
	}, want: outcome{Status: 1, Fail: map[string][]string{
		"lh-replica-node-missing error":     {"node worker-2", "node worker-3", "node worker-4"},
		"lh-single-usable-replica critical": volumes(2, 3, 4, 6, 7, 8, 10, 11, 12),
		"lh-no-usable-replica critical":     volumes(1, 5, 9)}}},
	{name: "two nodes were rebuilt an hour ago under their names", damage: func(s *facts.Snapshot) {
		s.Now = s.Now.Add(-time.Hour)
		world.ReplaceNode(s, "worker-2", "worker-2")
		world.ReplaceNode(s, "worker-3", "worker-3")
	}, want: outcome{Status: 1, Fail: map[string][]string{
		"lh-single-usable-replica critical": volumes(4, 5, 8, 9, 12),
		"lh-single-usable-replica error":    volumes(1),
		"lh-replica-disk-missing error":     {firstDisk("worker-2"), firstDisk("worker-3")}}}},
	{name: "two nodes are down and will be back", damage: func(s *facts.Snapshot) {
		for i := range 2 {
			s.Kube.Nodes[i].Ready = "Unknown"
			s.Longhorn.Nodes[i].Ready, s.Longhorn.Nodes[i].ReadyReason = "False", "KubernetesNodeNotReady"
		}
	}, want: outcome{Status: 1, Fail: map[string][]string{"lh-single-usable-replica error": volumes(3, 4, 7, 8, 11, 12),
		"lh-disk-not-ready error": {"node worker-1", "node worker-2"}}}},
	{name: "Longhorn has no replica on record", damage: func(s *facts.Snapshot) { s.Longhorn.Replicas = nil },
		want: outcome{Status: 2, Fail: map[string][]string{"audit-input-missing critical": {"source longhorn/replicas"}},
			Unknown: append(without(requiring(facts.LonghornReplicas), []string{"lh-ec-margin", "lh-engine-image-not-ready", "lh-orphan-autodelete"}),
				"lh-drain-would-lose-data")}},
	{name: "a claim has lost its volume", damage: func(s *facts.Snapshot) {
		c := claimOf(s, "student-0003")
		c.Phase = "Lost"
		removeVolume(s, c.VolumeName)
	}, want: outcome{Status: 1, Fail: map[string][]string{"pvc-lost critical": {"claim claim-student-0003"}}}},
	{name: "a user has a second claim", damage: func(s *facts.Snapshot) {
		world.AddClaim(s, facts.Claim{Name: "claim-student-0004---1a2b3c4d", User: "student-0004", HasUser: true, LabelUser: "student-0004",
			Component: "singleuser-storage"})
	}, want: outcome{Status: 1, Fail: map[string][]string{"pvc-duplicate-server critical": {"user student-0004"}}}},
	{name: "a claim was never backed up", damage: func(s *facts.Snapshot) { world.LastBackup(s, &s.Longhorn.Volumes[1], time.Time{}) },
		want: outcome{Status: 1, Fail: map[string][]string{"backup-none critical": {"claim claim-student-0001"}}}},
	{name: "no claim was ever backed up", damage: world.NoBackups,
		want: outcome{Status: 1, Fail: map[string][]string{"backup-none critical": {"hub datahub"}}}},
	{name: "two users share a cookie", damage: func(s *facts.Snapshot) { world.ShareCookies(s, world.HubName, 3, 7) },
		want: outcome{Status: 1, Fail: map[string][]string{"hub-cookie-id-duplicate critical": {"user student-0003", "user student-0007"},
			"hub-cookie-constraint-missing warning": {"database datahub"}}}},
	{name: "the database was overwritten", damage: func(s *facts.Snapshot) { world.WipeDatabase(s, world.HubName) },
		want: outcome{Status: 2, Fail: map[string][]string{"hub-db-corrupt critical": {"database datahub"}, "hub-user-count-drift critical": {"database datahub"},
			"hub-db-reset critical": {"database datahub"}}, Skipped: explainedByLoss, Unknown: withoutUsers}},
}

// withoutUsers are the checks that are unknown where the table users is gone.
var withoutUsers = []string{"hub-cookie-constraint-missing", "hub-cookie-id-duplicate", "hub-cookie-id-handmade", "hub-cookie-id-null",
	"hub-db-schema-mismatch", "hub-spawner-duplicate", "hub-spawner-server-wrong", "hub-spawner-state-broken", "hub-time-impossible",
	"hub-user-id-changed", "hub-user-name-refused", "hub-user-twin", "pvc-duplicate-server", "pvc-legacy-forgotten", "pvc-name-collision",
	"pvc-state-missing-claim"}

// explainedByLoss are those that leave it to others to tell of a lost database.
var explainedByLoss = []string{"hub-owner-missing", "pod-unknown-to-hub", "pvc-legacy-unreachable", "pvc-misrouted", "pvc-orphaned",
	"pvc-owner-mismatch", "pvc-unattributed"}

func claimOf(s *facts.Snapshot, user string) *facts.Claim {
	for i := range s.Kube.Claims {
		if s.Kube.Claims[i].User == user {
			return &s.Kube.Claims[i]
		}
	}
	panic("no claim of " + user)
}

func removeVolume(s *facts.Snapshot, name string) {
	for i := range s.Kube.Volumes {
		if s.Kube.Volumes[i].Name == name {
			s.Kube.Volumes = append(s.Kube.Volumes[:i], s.Kube.Volumes[i+1:]...)
			return
		}
	}
	panic("no volume " + name)
}

// TestDamages breaks one thing after another in a healthy cluster.
func TestDamages(t *testing.T) {
	st := mainStage(t)
	healthy := func(at time.Time) *facts.Snapshot {
		s := healthyWorld(world.Small)
		s.Now = at
		return s
	}
	st.become(t, healthy(world.Now))
	p := newSite(t, healthy(world.Now), st.admin, "")
	p.audit(t).expect(t, outcome{Skipped: firstRun})
	st.breakEach(t, p, healthy, outcome{}, slices.Concat(damages, claimDamages, replicaDamages))
}

// breakEach breaks one thing after another in a world that is healthy but for
// what a run always says, over one history. Each opens exactly its own incidents,
// and they resolve with the repair.
func (st *stage) breakEach(t *testing.T, p *site, healthy func(at time.Time) *facts.Snapshot, always outcome, list []damage) {
	t.Helper()
	for _, d := range list {
		t.Run(d.name, func(t *testing.T) {
			s := healthy(p.at) // of the damage
			d.damage(s)
			world.Settle(s)
			st.become(t, s)
			if d.byHand != nil {
				d.byHand(t, st)
			}
			p.writeDatabase(t, s)
			broken := p.audit(t)
			broken.expect(t, beside(always, d.want))

			mended := healthy(p.at)
			st.become(t, mended)
			p.writeDatabase(t, mended)
			repaired := p.audit(t)
			repaired.expect(t, always)
			if diff := cmp.Diff(broken.incidents("opened"), repaired.incidents("resolved")); diff != "" {
				t.Errorf("incidents (-opened +resolved):\n%s", diff)
			}
		})
	}
}

// beside is what a run says of something in a world of which it always says
// something.
func beside(always, of outcome) outcome {
	both := outcome{Status: max(always.Status, of.Status), Fail: map[string][]string{}, Unknown: slices.Concat(always.Unknown, of.Unknown),
		Skipped: slices.Concat(always.Skipped, of.Skipped), Failed: slices.Concat(always.Failed, of.Failed), Absent: slices.Concat(always.Absent, of.Absent)}
	maps.Copy(both.Fail, always.Fail)
	maps.Copy(both.Fail, of.Fail)
	return both
}
