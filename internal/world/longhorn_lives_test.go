package world_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// longhornLives bounds the tests of Longhorn's lives: each lives this many.
// HUBAUDIT_LIVES asks for more.
const longhornLives = 300

// TestLonghornOrdinaryLives lives lives in which everything is done right. Nothing
// above information may be said but what is true of them (longhorn_lives_truth_test.go).
func TestLonghornOrdinaryLives(t *testing.T) { testLonghornLives(t, (*estate).ordinaryDay, nil) }

// TestLonghornWorstLives lives lives in which nodes, disks and records are lost.
// Whatever is left of a home must be told, and once all is mended nothing.
func TestLonghornWorstLives(t *testing.T) {
	testLonghornLives(t, (*estate).worstDay, []string{"lh-single-usable-replica", "lh-no-usable-replica", "lh-blank-attach-risk", "lh-replica-node-missing",
		"lh-replica-disk-missing", "lh-disk-not-ready", "lh-volume-degraded", "lh-volume-faulted", "lh-auto-salvaged", "lh-orphan-last-copy",
		"lh-drain-would-lose-data", "lh-eviction-stuck", "lh-node-gone-lingering", "pvc-emptied",
		"backup-stale", "backup-skips-detached", "backup-target-unavailable", "backup-failed", "backup-stuck", "backup-size-collapse"})
}

func testLonghornLives(t *testing.T, day func(*estate), expected []string) {
	n := longhornLives
	if s := os.Getenv("HUBAUDIT_LIVES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		n /= 10
	}
	wrong, fired := map[string]int{}, map[string]bool{}
	for seed := range uint64(n) {
		e := liveLonghorn(t, &chance{seed: seed}, day)
		for check := range e.fired {
			fired[check] = true
		}
		for _, w := range e.wrong {
			kind, _, _ := strings.Cut(w, ":")
			if wrong[kind]++; wrong[kind] <= 2 {
				t.Errorf("seed %d: %s\n%s", seed, w, e)
			}
		}
	}
	for _, check := range expected {
		if !fired[check] && !testing.Short() {
			t.Errorf("no life of %d was one for %s", n, check)
		}
	}
	for kind, times := range wrong {
		t.Errorf("%d times %s", times, kind)
	}
}

// FuzzLonghornLives lives lives of both kinds whose turns the fuzzer chooses.
func FuzzLonghornLives(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed%2 == 0, []byte{})
		f.Add(seed, seed%2 == 1, []byte{byte(seed), 0, 1, 2, 3, 40, 80, 120})
	}
	f.Fuzz(func(t *testing.T, seed uint64, worst bool, turns []byte) {
		day := (*estate).ordinaryDay
		if worst {
			day = (*estate).worstDay
		}
		e := liveLonghorn(t, &chance{seed: seed, turns: turns}, day)
		for _, w := range e.wrong {
			t.Errorf("%s\n%s", w, e)
		}
	})
}

// longhorns are versions that behave differently.
var longhorns = []string{"v1.2.4", "v1.4.3", "v1.5.5", "v1.7.2", "v1.9.0", "v1.12.1"}

// liveLonghorn lives one life, mends everything at its end, and looks once more.
func liveLonghorn(t *testing.T, c *chance, day func(*estate)) *estate {
	t.Helper()
	version := pick(c, longhorns)
	replicas := 2 + c.n(2)
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &estate{suite: suite, LonghornLife: world.NewLonghornLife(world.Size{Users: 5, Nodes: 4, Replicas: replicas}, version), t: t, c: c,
		fired: map[string]bool{}, told: map[string]bool{}, formatted: map[string]bool{}, shelf: map[string][]*world.Disk{}}
	e.note("Longhorn %s, %d replicas", version, replicas)
	if c.in(3) {
		e.Snapshot.Longhorn.Settings["node-drain-policy"] = "block-for-eviction" // since 1.6
	}
	world.Measure(e.Snapshot)
	world.Remember(e.Snapshot)
	e.pass(time.Hour)
	for range 4 + c.n(5) {
		day(e)
	}
	e.mend()
	return e
}

// estate is a life with what the audit said of it.
type estate struct {
	*world.LonghornLife
	t     *testing.T
	c     *chance
	suite checks.Suite
	log   []string
	wrong []string
	fired map[string]bool
	// told are the volumes of which the loss was told before, formatted those whose
	// loss is complete.
	told, formatted map[string]bool
	shelf           map[string][]*world.Disk // disks of nodes that were taken away, by zone
	grown           int
	mending         bool
}

func (e *estate) String() string { return "the life: " + strings.Join(e.log, "; ") }

func (e *estate) note(format string, args ...any) {
	e.log = append(e.log, e.Snapshot.Now.Format("02 15:04 ")+fmt.Sprintf(format, args...))
}

func (e *estate) say(format string, args ...any) {
	e.wrong = append(e.wrong, fmt.Sprintf(format, args...)+fmt.Sprintf(" (after %d)", len(e.log)))
}

// pass lets time go by and audits.
func (e *estate) pass(d time.Duration) {
	e.Pass(d)
	e.note("%s later", d)
	e.audit()
}

// minutes is one of from to to minutes.
func (e *estate) minutes(from, to int) time.Duration {
	return time.Duration(from+e.c.n(to-from+1)) * time.Minute
}

func (e *estate) nodes() (names []string) {
	for i := range e.Snapshot.Kube.Nodes {
		names = append(names, e.Snapshot.Kube.Nodes[i].Name)
	}
	return names
}

func (e *estate) node() string { return pick(e.c, e.nodes()) }
func (e *estate) home() string { return pick(e.c, e.Homes()) }

func (e *estate) zone(node string) string {
	nodes := e.Snapshot.Kube.Nodes
	return nodes[slices.IndexFunc(nodes, func(n facts.Node) bool { return n.Name == node })].Zone
}

// work is what users do all the time.
func (e *estate) work() {
	home := e.home()
	if e.Runs(home) {
		e.StopServer(home)
		e.note("%s stops", home)
		return
	}
	node := e.node()
	if n := e.kube(node); !n.Unschedulable && n.Ready == "True" {
		e.StartServer(home, node)
		e.note("%s starts on %s", home, node)
	}
}

func (e *estate) kube(node string) *facts.Node {
	nodes := e.Snapshot.Kube.Nodes
	return &nodes[slices.IndexFunc(nodes, func(n facts.Node) bool { return n.Name == node })]
}
