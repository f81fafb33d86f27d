package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// drained is the part of a drain in JSON that tests compare: whose homes it costs.
type drained struct {
	Schema string
	Safe   bool
	Steps  []step
}

type step struct {
	Node            string
	Lost, BelowKeep []home
}

type home struct{ Volume, Namespace, Claim, User string }

// drain runs `audit drain` as of the next run, and returns its JSON and its page.
func (p *site) drain(t *testing.T, status int, args ...string) (drained, string) {
	t.Helper()
	r := p.command(t, append([]string{"drain", "--config", "hubaudit.yaml", "--at", p.at.Format(time.RFC3339),
		"--output", "terminal", "--output", "json=drain.json"}, args...)...)
	if r.status != status {
		t.Errorf("audit drain %s: status %d, want %d\n%s%s", strings.Join(args, " "), r.status, status, r.terminal, r.stderr)
	}
	return parse[drained](t, p.take(t, "drain.json")), r.terminal
}

// homes are the homes of these volumes of a small healthy world.
func homes(s *facts.Snapshot, numbers ...int) []home {
	var all []home
	for _, subject := range volumes(numbers...) {
		name := strings.TrimPrefix(subject, "volume ")
		i := slices.IndexFunc(s.Kube.Claims, func(c facts.Claim) bool { return c.VolumeName == name })
		c := &s.Kube.Claims[i]
		all = append(all, home{name, c.Namespace, c.Name, c.User})
	}
	return all
}

// TestDrain asks for drains of a healthy cluster with the chart's rights, and
// changes nothing.
func TestDrain(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	onLocalDisk(s, "student-0003", "worker-2")
	onLocalDisk(s, "student-0007", "worker-4")
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	// A home on a node's own disk goes with the node, whatever has copies.
	for _, c := range []struct {
		args  []string
		steps []step
	}{
		{[]string{"worker-1"}, []step{{Node: "worker-1"}}},
		{[]string{"worker-2"}, []step{{Node: "worker-2", Lost: homes(s, 4)}}},
		{[]string{"worker-1", "worker-3"}, []step{{Node: "worker-1"}, {Node: "worker-3"}}},
		// Replicas of volume n lie on n%4+1 and the two after it.
		{[]string{"worker-1", "worker-3", "--keep", "2"}, []step{{Node: "worker-1"}, {Node: "worker-3", BelowKeep: homes(s, 2, 6, 10, 12)}}},
	} {
		status := 0
		if slices.ContainsFunc(c.steps, func(s step) bool { return len(s.Lost)+len(s.BelowKeep) > 0 }) {
			status = 1
		}
		r := st.command(t, p, status, nil, append([]string{"drain", "--output", "json"}, c.args...)...)
		expectPlan(t, parse[drained](t, r.terminal), c.steps...)
	}
}

// onLocalDisk moves a user's volume to a node's own disk.
func onLocalDisk(s *facts.Snapshot, user, node string) {
	name := claimOf(s, user).VolumeName
	for i := range s.Kube.Volumes {
		if v := &s.Kube.Volumes[i]; v.Name == name {
			v.Driver, v.Handle, v.NodeNames = "local", "/mnt/disks/"+user, []string{node}
		}
	}
	s.Longhorn.Volumes = slices.DeleteFunc(s.Longhorn.Volumes, func(v facts.LHVolume) bool { return v.Name == name })
	s.Longhorn.Replicas = slices.DeleteFunc(s.Longhorn.Replicas, func(r facts.LHReplica) bool { return r.Volume == name })
	world.Settle(s)
}

// TestDrainRolling rebuilds all workers with time between two of them. What is
// detached is rebuilt in it only where Longhorn is told to.
func TestDrainRolling(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	p := newSite(t, s, st.chartAccount(t), "")
	rolling := []string{"--rolling", "--wait-rebuild"}
	if plan, text := p.drain(t, 1, rolling...); plan.Safe || len(plan.Steps) != 4 || !strings.Contains(text, "evictionRequested") {
		t.Errorf("nobody learns what would make it safe:\n%s", text)
	}
	s.Longhorn.Settings["offline-replica-rebuilding"] = `{"v1":"true","v2":"false"}`
	world.Settle(s)
	st.become(t, s)
	if plan, text := p.drain(t, 0, rolling...); !plan.Safe || len(plan.Steps) != 4 {
		t.Errorf("with offline rebuilding it is safe:\n%s", text)
	}
}

// TestDrainBlind holds that nothing is called safe that could not be seen, and
// that the right that is missing is named.
func TestDrainBlind(t *testing.T) {
	st := mainStage(t)
	s := healthyWorld(world.Small)
	st.become(t, s)
	for _, resource := range []string{"nodes", "nodes.longhorn.io", "replicas.longhorn.io", "persistentvolumes"} {
		t.Run(resource, func(t *testing.T) {
			p := newSite(t, s, st.accountWithout(t, "without-"+strings.ReplaceAll(resource, ".", "-"), resource), "")
			plan, text := p.drain(t, 2, "worker-1")
			name, _, _ := strings.Cut(resource, ".")
			if rule := `resources: ["` + name + `"], verbs: ["get", "list"]`; plan.Safe || !strings.HasPrefix(text, "COULD NOT TELL: ") ||
				!strings.Contains(strings.Join(strings.Fields(text), " "), rule) {
				t.Errorf("it says safe (%t), or not that %s is missing:\n%s", plan.Safe, rule, text)
			}
		})
	}
}
