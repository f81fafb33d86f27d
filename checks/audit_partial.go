package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var auditPartial = &Check{
	ID:       "audit-partial",
	Title:    "Every run can tell everything",
	Severity: verdict.Warning,
	Since:    "0.6.0",
	Scope:    PerCluster,
	Needs:    []string{facts.History},
	Params: []Param{
		{Name: "runs", Doc: "after how many runs in a row that saw only part it is reported", Default: 3, Min: 1, Max: 1000, Unit: "runs"},
	},
	Doc: Doc{
		Meaning: "Run after run something could not be judged. What the checks named here watch over may be lost without anybody being told, and incidents of theirs stay open without being seen.",
		FalseAlarms: "One run that saw only part is not reported: lists change while they are read, servers restart. What another check tells is left to it: a source that was lost and everything " +
			"that needs it to audit-input-missing, what a damaged database keeps from being judged to hub-db-corrupt. It need not be the same part each time: a network that drops something else in each run " +
			"leaves no run that saw all. A check that cannot be judged in your cluster for good can be disabled in the configuration.",
		Do: []string{
			"Read the reason of each check in the report; they are listed first, as unknown.",
			"Sources that fail now and then: compare the times of the sources in the report with `--timeout`, and look at the load of the API server or the database.",
			"A check that crashed: please report it, with the reason in the finding.",
			"Run `audit now`: the first complete run resolves it.",
		},
		Dont: []string{
			"Do not take what is unknown for what is in order.",
		},
		Sources: []string{"Nectar post-mortem, 2023: nobody looked where nothing was shown", "Kubernetes: a list that expires while it is read begins again"},
	},
	Run: runAuditPartial,
}

func runAuditPartial(in *Input) Result {
	earlier := slices.IndexFunc(in.Past.Runs, func(r facts.PastRun) bool { return r.Complete })
	since := "no run that the history knows was complete"
	if earlier < 0 {
		earlier = len(in.Past.Runs)
	} else {
		since = "the last complete run was at " + text.Time(in.Past.Runs[earlier].At)
	}
	if earlier+1 < int(in.Number("runs")) {
		return Result{}
	}
	var r Result
	told := in.lostSources()
	for i := range in.Sources {
		if src := &in.Sources[i]; src.Status == facts.Failed && !told[src.Name] {
			r.Findings = append(r.Findings, in.partialFinding("source", src.Name, "could not be read ("+string(src.Cause)+": "+src.Detail+")", since))
		}
	}
	for _, u := range in.shared.unknown {
		if !in.toldByCause(u, told) {
			f := in.partialFinding("check", u.name(), "could not be judged ("+u.why+")", since)
			f.Details["hub"] = u.hub()
			r.Findings = append(r.Findings, f)
		}
	}
	if n := len(r.Findings); n > 0 {
		names := make([]string, n)
		for i := range r.Findings {
			names[i] = r.Findings[i].Subject.Kind + " " + r.Findings[i].Subject.Name
		}
		r.Summary = fmt.Sprintf("%s saw only part, now without %s; %s", runsText(earlier+1), list(names, 5), since)
	}
	return r
}

func (in *Input) partialFinding(kind, name, why, since string) verdict.Finding {
	return verdict.Finding{Subject: verdict.Subject{Kind: kind, Name: name}, Message: kind + " " + name + " " + why + "; " + since,
		Details: map[string]string{"reason": why}}
}

// lostSources are the sources of which audit-input-missing tells in this run.
func (in *Input) lostSources() map[string]bool {
	lost := map[string]bool{}
	if in.shared.failing(auditInputMissing, nil) {
		teller := *in
		teller.values = in.shared.suite.valuesOf(auditInputMissing, nil)
		for i := range in.Sources {
			src := &in.Sources[i]
			lost[src.Name] = src.Name != facts.History && teller.sourceLost(src, in.Past.Sources[src.Name]) != ""
		}
	}
	return lost
}

// toldByCause tells whether a failing check gives the reason of one that could
// not be judged.
func (in *Input) toldByCause(u unknownCheck, lost map[string]bool) bool {
	if u.of != nil && u.check != hubDBCorrupt && in.shared.failing(hubDBCorrupt, u.of) {
		return true
	}
	needs := slices.Concat(u.check.Needs, u.check.Uses, u.check.Weighs)
	if u.of != nil {
		needs = expand(needs, u.of)
	}
	return slices.ContainsFunc(needs, func(source string) bool { return lost[source] || in.Source(source).Status == facts.Failed })
}

// unknownCheck is a check that could not be judged for a hub, nil for the cluster.
type unknownCheck struct {
	check *Check
	of    *facts.Hub
	why   string
}

func (u *unknownCheck) hub() string {
	if u.of == nil {
		return ""
	}
	return u.of.Name
}

func (u *unknownCheck) name() string {
	if u.of == nil {
		return u.check.ID
	}
	return u.check.ID + " of hub " + u.of.Name
}
