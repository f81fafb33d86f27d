package audit

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
)

// guards are the checks of a hub's database itself. While one of them fails or
// cannot tell, nothing of that hub becomes normal: a wiped database never does
// so by itself. It does not matter how bad the finding is. A configured
// severity may call anything information, and of a database with no more than
// a stale index the hub and the audit may read different rows.
var guards = []string{"hub-db-corrupt", "hub-db-reset", "hub-source-disagree"}

// identity are the checks that must have judged a hub's users, and have
// nothing against them, before later runs are compared with them. A run that
// was limited to other checks proves nothing.
var identity = []string{"hub-user-count-drift", "hub-user-id-changed"}

// latch decides what of this run may move what is normal, apart from the views
// themselves: series and marks of checks that did not fail (or call what they
// found normal all the same), for hubs that are not in doubt; proofs; and how much
// homes of these hubs hold.
func latch(run *verdict.Run, views []history.View) history.Moves {
	doubted := map[string]bool{}
	judged := map[string]int{}
	for i := range run.Verdicts {
		v := &run.Verdicts[i]
		if slices.Contains(guards, v.Check) && (v.Outcome == verdict.Fail || v.Outcome == verdict.Unknown) {
			doubted[v.Hub] = true
		}
		if slices.Contains(identity, v.Check) && movesNormal(v) {
			judged[v.Hub]++
		}
	}
	m := history.Moves{Good: map[facts.SeriesKey]bool{}, Rebase: map[facts.SeriesKey]history.Rebase{}, Views: slices.Clone(views),
		Sizes: map[string][]verdict.Size{}}
	for i := range run.Verdicts {
		v := &run.Verdicts[i]
		good := movesNormal(v) && (v.Hub == "" || !doubted[v.Hub])
		for name := range v.Series {
			m.Good[facts.SeriesKey{Hub: v.Hub, Name: name}] = good
		}
		for name := range v.Marks {
			m.Good[facts.SeriesKey{Hub: v.Hub, Name: name}] = good || proof(name)
		}
		if len(v.Sizes) > 0 && !doubted[v.Hub] && v.Outcome != verdict.Unknown {
			m.Sizes[v.Hub] = v.Sizes // which homes were emptied is said of each
		}
		for name, why := range v.Rebase {
			if !doubted[v.Hub] && v.Outcome != verdict.Unknown {
				m.Rebase[facts.SeriesKey{Hub: v.Hub, Name: name}] = history.Rebase{Check: v.Check, Reason: why}
			}
		}
	}
	for i := range m.Views {
		hub := m.Views[i].Hub
		m.Views[i].Good = !doubted[hub] && judged[hub] == len(identity)
	}
	return m
}

// proof tells whether a mark notes something that was shown to work: a backup that
// was restored or opened and found good. It stays shown, whatever the verdict says
// of other backups or other checks of the hub; of what is not good there is none.
func proof(mark string) bool {
	return mark == facts.MarkDrill || strings.HasPrefix(mark, facts.MarkTested)
}

// movesNormal tells whether a verdict has nothing against what it measured.
func movesNormal(v *verdict.Verdict) bool {
	return v.Outcome == verdict.Pass || v.Outcome == verdict.Skipped || v.Outcome == verdict.Fail && v.Normal
}
