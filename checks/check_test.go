package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// cases are the tests of one check: each starts from the healthy world,
// changes one thing, and compares the verdicts of the whole registry.
type cases struct {
	check        *Check
	fires        []damage
	mustNotFire  []damage // looks like it, and is legitimate
	boundary     []damage // the last good value and the first bad one
	sourceFailed []damage
}

// damage is one change to the healthy world, and what it changes in the
// verdicts.
type damage struct {
	name   string
	change func(s *facts.Snapshot)
	// values are parameters of the check.
	values map[string]any
	// expect are windows of the check.
	expect []Window
	// want are the outcomes that differ from the healthy world's.
	want outcomes
	// summary is that of the check under test.
	summary string
}

// outcomes are verdicts in short, by check: "fail critical 3", "unknown". The
// verdicts of a second hub are keyed by check@hub.
type outcomes map[string]string

func judged(verdicts []verdict.Verdict) outcomes {
	got := outcomes{}
	for _, v := range verdicts {
		key := v.Check
		if v.Hub != "" && v.Hub != world.HubName {
			key += "@" + v.Hub
		}
		got[key] = string(v.Outcome)
		if v.Outcome == verdict.Fail {
			got[key] += fmt.Sprintf(" %s %d", v.Severity, v.Count)
		}
	}
	return got
}

// notApplicable are the checks that do not apply to the healthy world.
var notApplicable = outcomes{
	"hub-server-name-invalid": "skipped", // the hub is JupyterHub 5
	"hub-user-id-changed":     "skipped", // no earlier run that it could compare with
	"subpath-scheme-change":   "skipped", // every server has a claim of its own
}

// healthy is a small world with a past, a REST API and Prometheus in which
// nothing is wrong. The newest copy of the database was found good by an earlier
// run: what is done to the database since is not done to the copy.
func healthy() *facts.Snapshot {
	s := world.Healthy(world.Small)
	world.ServeAPI(s, world.HubName)
	world.Measure(s)
	world.Remember(s)
	s.Past.Runs = ranEvery(s.Now, fullRhythm, time.Hour, time.Hour)
	s.Past.LastRecorded = s.Past.Runs[0].At
	for i := range hubOf(s).Backups {
		o := hubOf(s).Backups[i].Opened
		o.Content, o.Known, o.KnownAt = nil, true, s.Now.Add(-time.Hour)
	}
	return s
}

func testCheck(t *testing.T, c cases) {
	for kind, damages := range c.kinds() {
		t.Run(kind, func(t *testing.T) {
			for _, d := range damages {
				t.Run(d.name, func(t *testing.T) { d.test(t, c.check) })
			}
		})
	}
}

func (c cases) kinds() map[string][]damage {
	return map[string][]damage{"fires": c.fires, "must-not-fire": c.mustNotFire, "boundary": c.boundary, "source-failed": c.sourceFailed}
}

func (d damage) test(t *testing.T, check *Check) {
	s, untouched := healthy(), healthy()
	d.change(s)
	d.change(untouched)
	suite, err := NewSuite(map[string]Setting{check.ID: {Values: d.values, Expect: d.expect}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := Judge(suite, s)

	want := outcomes{}
	for _, c := range Registry {
		want[c.ID] = string(verdict.Pass)
	}
	maps.Copy(want, notApplicable)
	if len(s.Past.Runs) == 0 {
		want["audit-stale"] = "skipped" // it cannot know how often runs come
	}
	maps.Copy(want, lossExplains(d.want))
	maps.Copy(want, d.want)
	if diff := cmp.Diff(want, judged(verdicts)); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	for _, v := range verdicts {
		if v.Check == check.ID && v.Hub != "other" && d.summary != v.Summary {
			t.Errorf("summary:\n got %s\nwant %s", v.Summary, d.summary)
		}
		wellFormed(t, v)
	}
	if diff := cmp.Diff(untouched, s); diff != "" {
		t.Errorf("a check changed the snapshot:\n%s", diff)
	}
}

// wellFormed holds for every verdict of every check.
func wellFormed(t *testing.T, v verdict.Verdict) {
	t.Helper()
	if v.Outcome != verdict.Pass && v.Summary == "" {
		t.Errorf("%s is %s without a word why", v.Check, v.Outcome)
	}
	texts := []string{v.Summary}
	for _, f := range v.Findings {
		texts = append(texts, f.Message)
		if f.Subject.Kind == "" || f.Subject.Name == "" || f.Message == "" || f.Severity == "" {
			t.Errorf("%s has an incomplete finding: %+v", v.Check, f)
		}
	}
	for _, text := range texts {
		if strings.ContainsAny(text, "\n\r\x1b") || strings.HasSuffix(text, ".") || strings.Contains(text, "%!") {
			t.Errorf("%s: %q is not one plain sentence", v.Check, text)
		}
	}
}

// failed makes a source one that the audit may not read.
func failed(name string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { world.Fail(s, name, facts.CauseTimeout, "gave up after 30s") }
}

// absent makes sources ones that are not there by design, and were not before.
func absent(names ...string) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) {
		for i := range s.Sources {
			for _, name := range names {
				if s.Sources[i].Name == name {
					s.Sources[i] = facts.Source{Name: name, Status: facts.Absent, Detail: "the cluster has no such API"}
					delete(s.Past.Sources, name)
				}
			}
		}
	}
}

func hubOf(s *facts.Snapshot) *facts.Hub { return world.Hub(s, world.HubName) }

func claimNamed(s *facts.Snapshot, name string) *facts.Claim {
	for i := range s.Kube.Claims {
		if s.Kube.Claims[i].Name == name {
			return &s.Kube.Claims[i]
		}
	}
	panic("no claim " + name)
}

// volumeOf returns the Longhorn volume of a claim, replicasOf its replicas.
func volumeOf(s *facts.Snapshot, claim string) *facts.LHVolume {
	for i := range s.Longhorn.Volumes {
		if s.Longhorn.Volumes[i].ClaimName == claim {
			return &s.Longhorn.Volumes[i]
		}
	}
	panic("no volume of claim " + claim)
}

func replicasOf(s *facts.Snapshot, claim string) []*facts.LHReplica {
	volume := volumeOf(s, claim).Name
	var replicas []*facts.LHReplica
	for i := range s.Longhorn.Replicas {
		if s.Longhorn.Replicas[i].Volume == volume {
			replicas = append(replicas, &s.Longhorn.Replicas[i])
		}
	}
	return replicas
}

// unknownWithout are the verdicts that a source costs which could not be read.
func unknownWithout(source string, more outcomes) outcomes {
	want := outcomes{}
	hub := hubOf(healthy())
	for _, c := range Registry {
		needs := slices.Concat(c.Needs, c.Uses)
		if slices.Contains(c.Weighs, HubBackups) { // the hub has one location
			needs = append(needs, HubBackups)
		}
		if c.Scope == PerHub {
			needs = expand(needs, hub)
		}
		if slices.Contains(needs, source) {
			want[c.ID] = "unknown"
		}
	}
	maps.Copy(want, more)
	return want
}

// needUsers are the checks that cannot pass while the table users could not be
// read to the end.
var needUsers = []string{"hub-db-corrupt", "hub-db-schema-mismatch", "hub-user-count-drift", "hub-db-reset", "hub-cookie-id-null", "hub-cookie-id-duplicate",
	"pvc-duplicate-server", "hub-user-twin", "hub-user-id-changed", "hub-owner-missing", "hub-source-disagree",
	"hub-cookie-constraint-missing", "hub-cookie-id-handmade", "hub-spawner-duplicate", "hub-spawner-state-broken", "hub-spawner-server-wrong",
	"hub-user-name-refused", "hub-time-impossible",
	"pvc-legacy-forgotten", "pvc-legacy-unreachable", "pvc-state-missing-claim", "pvc-name-collision",
	"pvc-misrouted", "pvc-owner-mismatch", "pvc-orphaned", "pvc-unattributed", "pod-unknown-to-hub"}

// skippedByLoss are the checks that, as hub-owner-missing, are skipped where a
// lost database explains what they would find.
var skippedByLoss = []string{"pvc-legacy-unreachable"}

// lossExplains are their verdicts where hub-owner-missing's is that.
func lossExplains(want outcomes) outcomes {
	more := outcomes{}
	if want["hub-owner-missing"] == "skipped" {
		for _, id := range skippedByLoss {
			more[id] = "skipped"
		}
	}
	return more
}

// usersUnknown are the verdicts that a damaged table users costs.
func usersUnknown(more outcomes) outcomes {
	want := outcomes{}
	for _, id := range needUsers {
		want[id] = "unknown"
	}
	maps.Copy(want, lossExplains(more))
	maps.Copy(want, more)
	return want
}

func databaseUnknown(more outcomes) outcomes {
	return unknownWithout(facts.HubDB(world.HubName), more)
}

func claimsUnknown() outcomes { return unknownWithout(facts.KubeClaims, nil) }

func replicasUnknown(more outcomes) outcomes {
	return unknownWithout(facts.LonghornReplicas, more)
}

// needReplicas are the checks that cannot be judged where Longhorn's lists were
// read and cannot be true (longhornGaps).
var needReplicas = []string{"lh-no-usable-replica", "lh-single-usable-replica", "lh-replica-node-missing", "lh-replica-disk-missing",
	"lh-replica-predates-node", "lh-blank-attach-risk", "lh-node-gone-lingering", "lh-drain-would-lose-data", "lh-orphan-last-copy",
	"lh-volume-faulted", "lh-volume-degraded", "lh-one-failure-domain", "lh-disk-not-ready", "lh-eviction-stuck", "lh-auto-salvaged"}

// listsUnknown are their verdicts then.
func listsUnknown(more outcomes) outcomes {
	want := outcomes{}
	for _, id := range needReplicas {
		want[id] = "unknown"
	}
	maps.Copy(want, more)
	return want
}
