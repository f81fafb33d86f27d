package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Judge runs every configured check on the snapshot: one verdict per check
// and hub, in the order of the registry and of the hubs. It judges hub by hub and
// the cluster on its own, so that what is worked out for one is held only so long.
func Judge(suite Suite, s *facts.Snapshot) []verdict.Verdict {
	j := newJudging(suite, s)
	j.volumes()
	for _, hub := range s.Hubs {
		j.run(hub, func(c *Check) bool { return c.Scope == PerHub && c != readSizes })
	}
	return j.cluster()
}

// JudgeAndCover is Judge and Coverage in one, as both need the same joins. It
// takes out of the snapshot, as soon as that was judged, what is in the copies of
// the hubs' databases and what homes held before: either is as big as the hubs.
func JudgeAndCover(suite Suite, s *facts.Snapshot) ([]verdict.Verdict, []verdict.Coverage) {
	coverage := make([]verdict.Coverage, len(s.Hubs))
	j := newJudging(suite, s)
	for _, hub := range s.Hubs {
		j.run(hub, func(c *Check) bool { return slices.Contains(readCopies, c) })
		j.forgetCopies(hub)
	}
	j.volumes()
	s.Past.Sizes = nil
	for i, hub := range s.Hubs {
		j.run(hub, func(c *Check) bool { return c.Scope == PerHub && c != readSizes && !slices.Contains(readCopies, c) })
		coverage[i] = coverageOf(j.views, hub)
	}
	return j.cluster(), coverage
}

// readCopies are the checks that look into copies of a hub's database, readData
// those that ask where the copies of all volumes' data lie, readSizes the one that
// asks what every home held.
var (
	readCopies = []*Check{hubDBCorrupt, hubDBReset, backupUntested, backupRestoreMismatch}
	readData   = []*Check{pvNodeGone, pvOneCopy, lhDrainWouldLoseData, lhOneFailureDomain}
	readSizes  = pvcEmptied
)

// judging is one run of a suite.
type judging struct {
	suite    Suite
	views    *shared
	verdicts [][]verdict.Verdict // of each check
}

func newJudging(suite Suite, s *facts.Snapshot) *judging {
	return &judging{suite, &shared{snapshot: s, suite: suite}, make([][]verdict.Verdict, len(suite))}
}

// run judges a hub, or the cluster for nil, by some of the checks.
func (j *judging) run(hub *facts.Hub, which func(*Check) bool) {
	for i, c := range j.suite {
		if which(c.Check) {
			v := judge(c, j.views, hub)
			j.views.note(c.Check, hub, &v)
			j.verdicts[i] = append(j.verdicts[i], v)
			j.letGo(c.Check)
		}
	}
}

// letGo forgets what takes much room after the last check that asks for it.
func (j *judging) letGo(after *Check) {
	switch after {
	case hubUserDeleteDeletesData: // until long after the starts, which take more
		j.views.hub.uses = lastUses{}
	case pvcNameCollision:
		j.views.hub.starts = nil
	case pvcOrphaned:
		j.views.hub.uses = lastUses{}
	}
}

// volumes judges where the volumes' data lies and what of it is still there, before
// there is anything else.
func (j *judging) volumes() {
	j.run(nil, func(c *Check) bool { return slices.Contains(readData, c) })
	j.views.data = nil
	for _, hub := range j.views.snapshot.Hubs {
		j.run(hub, func(c *Check) bool { return c == readSizes })
	}
	j.views.volumes = nil // until the cluster is judged, last
}

// cluster judges the cluster last, and returns all verdicts.
func (j *judging) cluster() []verdict.Verdict {
	j.views.hub, j.views.claims, j.views.contents = hubShared{}, nil, nil
	j.run(nil, func(c *Check) bool { return c.Scope == PerCluster && !slices.Contains(readData, c) })
	return slices.Concat(j.verdicts...)
}

// forgetCopies keeps of the copies of a hub's database only what was judged. A
// crash leaves them to the checks, which then crash themselves.
func (j *judging) forgetCopies(hub *facts.Hub) {
	defer func() { _ = recover() }()
	in := &Input{Snapshot: j.views.snapshot, Hub: hub, shared: j.views}
	in.testedCopies()
	for i := range hub.Backups {
		if o := hub.Backups[i].Opened; o != nil {
			o.Content = nil
		}
	}
}

func judge(c Configured, views *shared, hub *facts.Hub) verdict.Verdict {
	s := views.snapshot
	c = c.on(hub)
	v := verdict.Verdict{Check: c.Check.ID, Severity: c.Check.Severity}
	if hub != nil {
		v.Hub = hub.Name
	}
	if c.Severity != "" {
		v.Severity = c.Severity
	}
	v.Fingerprint = verdict.Fingerprint(s.ClusterName, v.Hub, v.Check)
	if c.Disabled {
		v.Outcome, v.Summary, v.Disabled = verdict.Skipped, "disabled in the configuration", true
		return v
	}
	if outcome, why := c.Check.sourcesReady(s, hub); outcome != verdict.Pass {
		v.Outcome, v.Summary = outcome, why
		return v
	}
	conclude(&v, c, run(c, views, hub))
	return v
}

// run calls the check's function. A crash costs that check only.
func run(c Configured, views *shared, hub *facts.Hub) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r = Result{Unknown: fmt.Sprintf("the check itself crashed, please report it: %v", p)}
		}
	}()
	return c.Check.Run(&Input{Snapshot: views.snapshot, Hub: hub, Expected: c.expected(views.snapshot.Now), values: c.values, shared: views})
}

func conclude(v *verdict.Verdict, c Configured, r Result) {
	v.Series, v.Marks, v.Sizes, v.Rebase, v.Normal = r.Series, r.Marks, r.Sizes, r.Rebase, r.Normal
	switch {
	case len(r.Findings) > 0:
		v.Outcome = verdict.Fail
		v.Findings, v.Severity = graded(r.Findings, c)
		v.Count = len(v.Findings)
		v.Summary = r.Summary
		if v.Summary == "" {
			v.Summary = v.Findings[0].Message
		}
		if r.Unknown != "" {
			v.Summary += " (incomplete: " + r.Unknown + ")"
		}
	case r.Unknown != "":
		v.Outcome, v.Summary = verdict.Unknown, r.Unknown
	case r.Skip != "":
		v.Outcome, v.Summary = verdict.Skipped, r.Skip
	default:
		v.Outcome = verdict.Pass
	}
}

// graded gives each finding its severity, sorts them worst first and then by
// subject, and returns the worst severity.
func graded(findings []verdict.Finding, c Configured) ([]verdict.Finding, verdict.Severity) {
	for i := range findings {
		if c.Severity != "" {
			findings[i].Severity = c.Severity
		} else if findings[i].Severity == "" {
			findings[i].Severity = c.Check.Severity
		}
	}
	slices.SortStableFunc(findings, func(a, b verdict.Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(verdict.Severities, a.Severity), slices.Index(verdict.Severities, b.Severity)),
			strings.Compare(a.Subject.Kind, b.Subject.Kind),
			strings.Compare(a.Subject.Namespace, b.Subject.Namespace),
			strings.Compare(a.Subject.Name, b.Subject.Name),
			strings.Compare(a.Subject.ID, b.Subject.ID),
			strings.Compare(a.Message, b.Message))
	})
	return findings, findings[0].Severity
}

// sourcesReady tells whether the check can be judged: Pass, or Unknown or
// Skipped with the reason. A failure outweighs an absence: what is not there
// by design says nothing about what could not be read.
func (c *Check) sourcesReady(s *facts.Snapshot, hub *facts.Hub) (verdict.Outcome, string) {
	needs, uses := expand(c.Needs, hub), expand(c.Uses, hub)
	for _, name := range slices.Concat(needs, uses) {
		if src := s.Source(name); src.Status == facts.Failed {
			return verdict.Unknown, fmt.Sprintf("source %s could not be read: %s", name, src.Detail)
		}
	}
	for _, name := range needs {
		if src := s.Source(name); src.Status == facts.Absent {
			return verdict.Skipped, fmt.Sprintf("source %s is absent: %s", name, src.Detail)
		}
	}
	return verdict.Pass, ""
}

// expand replaces the wildcards by the hub's own sources.
func expand(names []string, hub *facts.Hub) []string {
	var out []string
	for _, name := range names {
		switch name {
		case HubDatabase:
			out = append(out, facts.HubDB(hub.Name))
		case HubAPI:
			out = append(out, facts.HubAPI(hub.Name))
		case HubUsers:
			out = append(out, usersSource(hub))
		case HubHomes:
			out = append(out, facts.HomesSource(hub.Name))
		case HubBackups:
			for _, b := range hub.Backups {
				out = append(out, facts.BackupSource(hub.Name, b.Name))
			}
		default:
			out = append(out, name)
		}
	}
	return out
}
