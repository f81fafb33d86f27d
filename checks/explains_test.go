package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// pair is a violation of an effect and one of a cause, of which one explains the
// other.
type pair struct{ effect, cause verdict.Finding }

func found(kind, name string, severity verdict.Severity, details ...string) verdict.Finding {
	f := verdict.Finding{Subject: verdict.Subject{Kind: kind, Name: name}, Severity: severity, Message: "m", Details: map[string]string{}}
	for i := 0; i < len(details); i += 2 {
		f.Details[details[i]] = details[i+1]
	}
	return f
}

// explained has for each relation what it explains, and what it must not.
var explained = map[[2]*Check]struct{ yes, no []pair }{
	{hubUserCountDrift, hubDBReset}: {
		yes: []pair{{found("database", "d", verdict.Critical, "change", "-953"), found("database", "d", verdict.Critical)}},
		no:  []pair{{found("database", "d", verdict.Warning, "change", "12"), found("database", "d", verdict.Critical)}},
	},
	{hubUserCountDrift, hubDBCorrupt}: {
		yes: []pair{{found("database", "d", verdict.Critical, "change", "-953"), found("database", "d", verdict.Critical, "damage", string(facts.DamageNoTables))}},
		no:  []pair{{found("database", "d", verdict.Critical, "change", "-953"), found("database", "d", verdict.Critical, "damage", string(facts.DamageForeignKey))}},
	},
	{hubOwnerMissing, hubDBReset}: {
		yes: []pair{{found("user", "alice", verdict.Error), found("database", "d", verdict.Critical)}},
		no:  []pair{{found("user", "alice", verdict.Error), found("database", "d", verdict.Info)}},
	},
	{hubOwnerMissing, hubDBCorrupt}: {
		yes: []pair{{found("user", "alice", verdict.Error), found("database", "d", verdict.Critical, "damage", string(facts.DamageUsersRemade))}},
		no:  []pair{{found("user", "alice", verdict.Error), found("database", "d", verdict.Critical, "damage", string(facts.DamageIndexStale))}},
	},
	{podUnknownToHub, hubDBReset}: {
		yes: []pair{{found("pod", "jupyter-alice", verdict.Warning), found("database", "d", verdict.Critical)}},
		no:  []pair{{found("pod", "jupyter-alice", verdict.Warning), found("database", "d", verdict.Info)}},
	},
	{podUnknownToHub, hubDBCorrupt}: {
		yes: []pair{{found("pod", "jupyter-alice", verdict.Warning), found("database", "d", verdict.Critical, "damage", string(facts.DamageZeroBytes))}},
		no:  []pair{{found("pod", "jupyter-alice", verdict.Warning), found("database", "d", verdict.Critical, "damage", string(facts.DamageTruncated))}},
	},
	{lhReplicaNodeMissing, pvNodeGone}:          goneNodePairs,
	{lhDiskNotReady, pvNodeGone}:                goneNodePairs,
	{lhNodeGoneLingering, pvNodeGone}:           goneNodePairs,
	{lhVolumeDegraded, pvNodeGone}:              goneNodePairs,
	{lhDiskNotReady, lhReplicaNodeMissing}:      samePlacePairs,
	{lhNodeGoneLingering, lhReplicaNodeMissing}: samePlacePairs,
	{lhVolumeDegraded, lhReplicaNodeMissing}:    samePlacePairs,
	{lhVolumeDegraded, lhReplicaDiskMissing}:    samePlacePairs,
	{lhVolumeDegraded, lhDiskNotReady}:          samePlacePairs,
	{lhSingleUsableReplica, lhDrainWouldLoseData}: {
		yes: []pair{{found("volume", "v", verdict.Critical, "lastNode", "worker-1", "leaving", "true"), found("node", "worker-1", verdict.Critical)}},
		no: []pair{
			{found("volume", "v", verdict.Critical, "lastNode", "worker-1"), found("node", "worker-1", verdict.Critical)},
			{found("volume", "v", verdict.Critical, "lastNode", "worker-1", "leaving", "true"), found("node", "worker-2", verdict.Critical)},
			{found("volume", "v", verdict.Critical, "lastNode", "worker-1", "leaving", "true"), found("node", "worker-1", verdict.Error)},
		},
	},
}

var samePlacePairs = struct{ yes, no []pair }{
	yes: []pair{
		{found("node", "worker-1", verdict.Warning), found("node", "worker-1", verdict.Error)},
		{found("disk", "u1 of worker-1", verdict.Error, "node", "worker-1"), found("node", "worker-1", verdict.Error)},
		{found("disk", "u1 of worker-1", verdict.Error, "node", "worker-1"), found("disk", "u1 of worker-1", verdict.Error, "node", "worker-1")},
	},
	no: []pair{
		{found("node", "worker-1", verdict.Error), found("node", "worker-2", verdict.Error)},
		{found("node", "worker-1", verdict.Error), found("disk", "u1 of worker-1", verdict.Error, "node", "worker-1")},
		{found("disk", "u1 of worker-1", verdict.Error, "node", "worker-1"), found("disk", "u2 of worker-1", verdict.Error, "node", "worker-1")},
		{found("volume", "worker-1", verdict.Error, "node", "worker-1"), found("node", "worker-1", verdict.Error)},
		{found("node", "worker-1", verdict.Critical), found("node", "worker-1", verdict.Error)},
	},
}

var goneNodePairs = struct{ yes, no []pair }{
	yes: samePlacePairs.yes[:2],
	no: append([]pair{{found("node", "worker-1", verdict.Warning), found("node", "worker-1", verdict.Warning, "rebuilt", "2026-11-20 09:00 UTC")}},
		samePlacePairs.no...),
}

func failingOf(c *Check, hub string, findings ...verdict.Finding) verdict.Verdict {
	worst := findings[0].Severity
	for _, f := range findings {
		if f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	if c.Scope == PerCluster {
		hub = ""
	}
	return verdict.Verdict{Check: c.ID, Hub: hub, Outcome: verdict.Fail, Severity: worst, Count: len(findings), Findings: findings,
		Summary: "s", Fingerprint: verdict.Fingerprint("prod", hub, c.ID)}
}

func TestRelations(t *testing.T) {
	unrelated := found("node", "elsewhere", verdict.Info, "change", "3")
	for _, r := range relations {
		c, ok := explained[[2]*Check{r.effect, r.cause}]
		if !ok {
			t.Errorf("nothing tests that %s is explained by %s", r.effect.ID, r.cause.ID)
		}
		name := r.effect.ID + " by " + r.cause.ID
		judge := func(effect, cause verdict.Verdict) verdict.Verdict {
			all := []verdict.Verdict{effect, cause}
			Explain(all)
			if all[1].ExplainedBy != "" {
				t.Errorf("%s: the cause is explained by %s", name, all[1].Because)
			}
			return all[0]
		}
		for _, p := range c.yes {
			effect, cause := failingOf(r.effect, "datahub", p.effect), failingOf(r.cause, "datahub", p.cause)
			if v := judge(effect, cause); v.ExplainedBy != cause.Fingerprint || !strings.HasPrefix(v.Because, cause.Check) || !strings.HasSuffix(v.Because, r.because) {
				t.Errorf("%s: %+v is not explained by %+v: %s", name, p.effect, p.cause, v.Because)
			}
			silent := cause
			silent.Silence = "silenced"
			passed := cause
			passed.Outcome = verdict.Pass
			hidden := cause
			hidden.Findings = slices.Clone(cause.Findings)
			hidden.Findings[0].Silence = "silenced"
			for what, v := range map[string]verdict.Verdict{
				"of a silenced cause": judge(effect, silent), "of a cause that passes": judge(effect, passed), "of a violation that is silenced": judge(effect, hidden),
			} {
				if v.ExplainedBy != "" {
					t.Errorf("%s is explained because %s", name, what)
				}
			}
			if r.cause.Scope == PerHub {
				if v := judge(effect, failingOf(r.cause, "other", p.cause)); v.ExplainedBy != "" {
					t.Errorf("%s is explained by another hub's", name)
				}
			}
			if r.effect != hubOwnerMissing && r.effect != podUnknownToHub { // all that these name is of the one cause
				if v := judge(failingOf(r.effect, "datahub", p.effect, unrelated), cause); v.ExplainedBy != "" {
					t.Errorf("%s: what it has besides is not told", name)
				}
			}
		}
		for _, p := range c.no {
			if v := judge(failingOf(r.effect, "datahub", p.effect), failingOf(r.cause, "datahub", p.cause)); v.ExplainedBy != "" {
				t.Errorf("%s: %+v is explained by %+v", name, p.effect, p.cause)
			}
		}
	}
	if len(explained) != len(relations) {
		t.Errorf("%d relations, and tests of %d", len(relations), len(explained))
	}
}

// No explanation leads back to itself, whatever fails.
func TestRelationsAreInOrder(t *testing.T) {
	first := map[*Check]int{}
	for i, r := range relations {
		if _, ok := first[r.effect]; !ok {
			first[r.effect] = i
		}
	}
	for i, r := range relations {
		if at, ok := first[r.cause]; ok && at > i {
			t.Errorf("%s explains %s before it may be explained itself", r.cause.ID, r.effect.ID)
		}
	}
}

// TestExplainOnDamagedWorlds damages worlds in several ways at once. Whoever is
// muted has a cause that people are told of.
func TestExplainOnDamagedWorlds(t *testing.T) {
	var damages []damage
	for _, c := range tested {
		damages = append(damages, slices.Concat(c.fires, c.boundary)...)
	}
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	random, muted := rand.New(rand.NewPCG(7, 2026)), map[string]int{}
	for range 400 {
		s, names := healthy(), []string{}
		for range 1 + random.IntN(3) {
			d := damages[random.IntN(len(damages))]
			if wasDamaged(d, s) {
				names = append(names, d.name)
			}
		}
		verdicts := Judge(suite, s)
		silenceSome(random, verdicts)
		Explain(verdicts)
		for _, fault := range explanationFaults(verdicts, muted) {
			t.Errorf("after %q: %s", names, fault)
		}
	}
	if len(muted) == 0 {
		t.Error("nothing was ever explained")
	}
	t.Log(muted)
}

// wasDamaged changes a world, unless the one before left nothing to change.
func wasDamaged(d damage, s *facts.Snapshot) (done bool) {
	defer func() { done = recover() == nil }()
	d.change(s)
	return true
}

// silenceSome silences a few verdicts whole, and single violations of others.
func silenceSome(random *rand.Rand, verdicts []verdict.Verdict) {
	for i := range verdicts {
		v := &verdicts[i]
		if len(v.Findings) == 0 || random.IntN(5) > 0 {
			continue
		}
		v.Findings[random.IntN(len(v.Findings))].Silence = "silenced"
		if !slices.ContainsFunc(v.Findings, func(f verdict.Finding) bool { return f.Silence == "" }) {
			v.Silence = "silenced"
		}
	}
}

// explanationFaults says what is wrong with who is explained by whom, and counts
// them.
func explanationFaults(verdicts []verdict.Verdict, muted map[string]int) []string {
	byPrint := map[string]*verdict.Verdict{}
	for i := range verdicts {
		byPrint[verdicts[i].Fingerprint] = &verdicts[i]
	}
	var faults []string
	for _, v := range verdicts {
		if v.ExplainedBy == "" {
			continue
		}
		cause := byPrint[v.ExplainedBy]
		switch {
		case cause == nil || cause.Outcome != verdict.Fail:
			faults = append(faults, v.Check+" is explained by what does not fail")
			continue
		case cause.ExplainedBy != "" || cause.Silence != "":
			faults = append(faults, fmt.Sprintf("nobody hears of %s, which explains %s", cause.Check, v.Check))
		case !cause.Severity.AtLeast(v.Severity):
			faults = append(faults, fmt.Sprintf("%s is worse than %s, which explains it", v.Check, cause.Check))
		case !strings.HasPrefix(v.Because, cause.Check):
			faults = append(faults, fmt.Sprintf("%s is explained by %s and says %q", v.Check, cause.Check, v.Because))
		case v.Outcome != verdict.Fail || v.Silence != "" || cause.Hub != v.Hub:
			faults = append(faults, v.Check+" needs no explanation by "+cause.Check)
		}
		muted[v.Check+" by "+cause.Check]++
	}
	return faults
}

// A node that is cordoned and has the last copy of a volume calls once.
func TestCordonedNodeWithTheLastCopyCallsOnce(t *testing.T) {
	s := healthy()
	claim := s.Longhorn.Volumes[0].ClaimName
	replicas := replicasOf(s, claim)
	for _, r := range replicas[1:] {
		r.FailedAt = facts.At(s.Now.AddDate(0, 0, -2))
	}
	for i := range s.Kube.Nodes {
		if s.Kube.Nodes[i].Name == replicas[0].NodeID {
			s.Kube.Nodes[i].Unschedulable = true
		}
	}
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := Judge(suite, s)
	Explain(verdicts)
	single, drain := verdictNamed(t, verdicts, "lh-single-usable-replica"), verdictNamed(t, verdicts, "lh-drain-would-lose-data")
	if drain.Outcome != verdict.Fail || single.Outcome != verdict.Fail || drain.ExplainedBy != "" {
		t.Fatalf("%s %s: %s; %s %s: %s", drain.Check, drain.Outcome, drain.Summary, single.Check, single.Outcome, single.Summary)
	}
	if single.ExplainedBy != drain.Fingerprint {
		t.Errorf("%s of %s and %s of %s: told apart", drain.Check, drain.Severity, single.Check, single.Severity)
	}
}
