package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// nectarWorkers are replaced one after the other.
var nectarWorkers = []string{"worker-1", "worker-2", "worker-3"}

// rebuild is a service as Nectar's was in 2023, in small: ten users, three
// workers and two replicas of each volume, nearly all of them detached.
type rebuild struct {
	st *stage
	p  *site
	s  *facts.Snapshot
	// version is Longhorn's, and always what a run says whatever is rebuilt.
	version string
	always  outcome
}

// rebuilds are the versions with which the rebuild is replayed.
var rebuilds = []struct {
	name    string
	stage   func(*testing.T) *stage
	version string
	always  outcome
}{
	{"Longhorn 1.12", mainStage, "v1.12.1", outcome{}},
	{"Longhorn 1.2, with v1beta1", oldStage, "v1.2.4", longhorn12()},
}

// newRebuild is the service on the day before, which is green.
func newRebuild(t *testing.T, st *stage, version string, always outcome) *rebuild {
	t.Helper()
	s := healthyWorld(world.Size{Users: 10, Nodes: len(nectarWorkers), Replicas: 2})
	if always.Status != 0 {
		s.Longhorn.Settings = map[string]string{"allow-node-drain-with-last-healthy-replica": "false", "default-replica-count": "2"}
	}
	r := &rebuild{st: st, s: s, version: version, always: always}
	world.FitLonghorn(s, version)
	st.become(t, s)
	r.p = newSite(t, s, st.chartAccount(t), "")
	green := always
	green.Skipped = slices.Concat(firstRun, always.Skipped)
	r.p.audit(t).expect(t, green)
	return r
}

// replace drains and deletes a worker and puts an empty one in its place. What is
// attached is rebuilt, as Longhorn does by itself; with rebuilt, so is the rest.
func (r *rebuild) replace(t *testing.T, worker string, rebuilt bool) {
	t.Helper()
	r.s.Now = r.p.at
	world.ReplaceNode(r.s, worker, "small-"+worker)
	world.Rebuild(r.s)
	if rebuilt {
		rebuildAll(r.s)
	}
	r.show(t)
}

// show puts the service on the cluster, and its database where the audit reads it.
func (r *rebuild) show(t *testing.T) {
	t.Helper()
	world.FitLonghorn(r.s, r.version)
	r.st.become(t, r.s)
	r.p.writeDatabase(t, r.s)
}

// audit runs and expects these findings beside those of every run.
func (r *rebuild) audit(t *testing.T, found map[string][]string) *run {
	t.Helper()
	want := r.always
	want.Fail = maps.Clone(found)
	if len(found) > 0 {
		want.Status = 1
	}
	if want.Fail == nil {
		want.Fail = map[string][]string{}
	}
	maps.Copy(want.Fail, r.always.Fail)
	got := r.p.audit(t)
	got.expect(t, want)
	return got
}

// survivors are the nodes of which each detached volume's replicas lie on one that
// exists: counted here from the records alone, without the product's judgement.
func (r *rebuild) survivors() map[string][]string {
	exists, left := map[string]bool{}, map[string][]string{}
	for _, n := range r.s.Kube.Nodes {
		exists[n.Name] = true
	}
	for _, v := range r.s.Longhorn.Volumes {
		if v.State == "detached" {
			left[v.Name] = nil
		}
	}
	for _, replica := range r.s.Longhorn.Replicas {
		if nodes, detached := left[replica.Volume]; detached && exists[replica.NodeID] {
			left[replica.Volume] = append(nodes, replica.NodeID)
		}
	}
	return left
}

// with are the volumes with so many survivors.
func (r *rebuild) with(n int) []string {
	var subjects []string
	for volume, nodes := range r.survivors() {
		if len(nodes) == n {
			subjects = append(subjects, "volume "+volume)
		}
	}
	return subjects
}

// onlyOn are the homes whose one survivor is on this node.
func (r *rebuild) onlyOn(node string) []home {
	var homes []home
	left := r.survivors()
	for _, v := range r.s.Longhorn.Volumes {
		if slices.Equal(left[v.Name], []string{node}) {
			user := ""
			for _, c := range r.s.Kube.Claims {
				if c.Name == v.ClaimName {
					user = c.User
				}
			}
			homes = append(homes, home{v.Name, v.ClaimNamespace, v.ClaimName, user})
		}
	}
	return homes
}

// TestNectar replaces one worker after the other without a rebuild between, as
// Nectar did: the audit tells after each what is left, and the drain that is next
// is refused with the homes that it would cost.
func TestNectar(t *testing.T) {
	for _, c := range rebuilds {
		t.Run(c.name, func(t *testing.T) {
			r := newRebuild(t, c.stage(t), c.version, c.always)
			r.firstWorker(t)
			r.replace(t, "worker-2", false)
			r.audit(t, map[string][]string{"lh-replica-node-missing error": {"node worker-1", "node worker-2"},
				"lh-single-usable-replica critical": r.with(1), "lh-no-usable-replica critical": r.with(0)})
			r.replace(t, "worker-3", false)
			r.doNotAttach(t)
		})
	}
}

func (r *rebuild) firstWorker(t *testing.T) {
	t.Helper()
	if _, text := r.p.drain(t, 0, "worker-1"); !strings.HasPrefix(text, "SAFE: ") {
		t.Errorf("the first drain is safe:\n%s", text)
	}
	r.replace(t, "worker-1", false)
	if len(r.with(1)) == 0 || len(r.with(0)) > 0 || len(r.with(2)) == 0 {
		t.Fatalf("after one node some volumes have one replica, and the others two: %v", r.survivors())
	}
	r.audit(t, map[string][]string{"lh-replica-node-missing error": {"node worker-1"}, "lh-single-usable-replica critical": r.with(1)})

	plan, text := r.p.drain(t, 1, "worker-2")
	if !strings.HasPrefix(text, "NOT SAFE: ") {
		t.Errorf("the second drain is not safe:\n%s", text)
	}
	want := r.onlyOn("worker-2")
	expectPlan(t, plan, step{Node: "worker-2", Lost: want})
	for _, h := range want {
		if !strings.Contains(text, h.Claim) || !strings.Contains(text, h.User) {
			t.Errorf("%s of %s is not named:\n%s", h.Claim, h.User, text)
		}
	}
	// The one that took the first worker's place has only what is attached.
	plan, _ = r.p.drain(t, 0, "small-worker-1")
	expectPlan(t, plan, step{Node: "small-worker-1"})
}

// doNotAttach is after the third node: nothing is left of what was detached
// throughout. Records that are cleaned up then make volumes of which the next mount is
// the first: three homes come up empty.
func (r *rebuild) doNotAttach(t *testing.T) {
	t.Helper()
	none := r.with(0)
	if len(none) < 9 {
		t.Fatalf("after three nodes next to nothing is left: %v", r.survivors())
	}
	found := map[string][]string{"lh-replica-node-missing error": {"node worker-1", "node worker-2", "node worker-3"},
		"lh-no-usable-replica critical": none}
	if one := r.with(1); len(one) > 0 { // of servers that ran until their node was drained
		found["lh-single-usable-replica critical"] = one
	}
	expectWords(t, r.audit(t, found), "lh-no-usable-replica", "Do not attach the volume")

	blank := none[:4]
	r.s.Now = r.p.at
	for _, subject := range blank {
		world.ForgetReplicas(r.s, strings.TrimPrefix(subject, "volume "))
	}
	r.show(t)
	found["lh-no-usable-replica critical"], found["lh-blank-attach-risk critical"] = without(none, blank), blank
	expectWords(t, r.audit(t, found), "lh-blank-attach-risk", "Do not attach the volume, not even to look at it")

	found["lh-blank-attach-risk critical"] = blank[3:]
	found["pvc-emptied critical"] = r.attach(t, blank[:3])
	r.audit(t, found)
}

// attach mounts blank volumes all the same, which formats them, and returns whose
// claims they are.
func (r *rebuild) attach(t *testing.T, volumes []string) []string {
	t.Helper()
	var claims []string
	r.s.Now = r.p.at
	for i := range r.s.Longhorn.Volumes {
		if v := &r.s.Longhorn.Volumes[i]; slices.Contains(volumes, "volume "+v.Name) {
			world.FormatReplicas(r.s, v)
			v.State, v.Robustness, v.NodeID = "attached", "healthy", r.s.Kube.Nodes[0].Name
			claims = append(claims, "claim "+v.ClaimName)
		}
	}
	r.show(t)
	return claims
}

// expectWords holds that both reports say something below a check's name.
func expectWords(t *testing.T, r *run, check, words string) {
	t.Helper()
	for _, page := range []string{r.terminal, r.markdown} {
		_, below, found := strings.Cut(strings.Join(strings.Fields(page), " "), check)
		if !found || !strings.Contains(below, words) {
			t.Errorf("%q is not said below %s:\n%s", words, check, page)
		}
	}
}

// TestNectarRebuilt does the same and rebuilds between the steps: it is green
// throughout, and so is each drain that is next.
func TestNectarRebuilt(t *testing.T) {
	for _, c := range rebuilds {
		t.Run(c.name, func(t *testing.T) {
			r := newRebuild(t, c.stage(t), c.version, c.always)
			for _, worker := range nectarWorkers {
				plan, text := r.p.drain(t, 0, worker)
				expectPlan(t, plan, step{Node: worker})
				if !strings.HasPrefix(text, "SAFE: ") {
					t.Errorf("the drain of %s is safe:\n%s", worker, text)
				}
				r.replace(t, worker, true)
				r.audit(t, nil)
			}
		})
	}
}

// expectPlan compares a drain of single nodes with what it costs.
func expectPlan(t *testing.T, plan drained, steps ...step) {
	t.Helper()
	want := drained{Schema: "hubaudit/drain/v1", Safe: true, Steps: steps}
	for _, s := range steps {
		want.Safe = want.Safe && len(s.Lost)+len(s.BelowKeep) == 0
	}
	byVolume := cmpopts.SortSlices(func(a, b home) int { return strings.Compare(a.Volume, b.Volume) })
	if diff := cmp.Diff(want, plan, cmpopts.EquateEmpty(), byVolume); diff != "" {
		t.Errorf("the drain (-want +got):\n%s", diff)
	}
}
