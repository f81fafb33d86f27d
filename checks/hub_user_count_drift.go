package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubUserCountDrift = &Check{
	ID:       "hub-user-count-drift",
	Title:    "The hub has about as many users as it always had",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.History},
	Baseline: true,
	Params: []Param{
		{Name: "maxDropPercent", Doc: "how much of the baseline may be missing", Default: 10, Min: 0, Max: 100, Unit: "percent"},
		{Name: "minDrop", Doc: "how many users must be missing, so that a small hub's ordinary change is none", Default: 5, Min: 1, Max: 1e6, Unit: "users"},
		{Name: "maxRisePercent", Doc: "how far above the baseline is still growth", Default: 50, Min: 0, Max: 10000, Unit: "percent"},
		{Name: "minRise", Doc: "how many users must be new", Default: 100, Min: 1, Max: 1e6, Unit: "users"},
	},
	Doc: Doc{
		Meaning: "Users do not vanish by themselves. A sudden drop means that the database was replaced, restored from an old copy or emptied; whoever " +
			"logs in now becomes a new user with a new id, often with a new, empty volume. A sudden rise (a warning) means that people who " +
			"already had an account got a second one, for example after a change of how logins become user names. " +
			"The baseline is the median of the last good runs; a run that fails or cannot tell never moves it.",
		FalseAlarms: "A clean-up at the end of term, a hub reset on purpose, a course that begins. Once you know the reason, " +
			"`audit accept hub-user-count-drift --hub HUB --reason \"…\"` makes the present number the new baseline.",
		Do: []string{
			"If it is a drop that nobody planned, stop the hub before anyone else logs in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Copy the database as it is to another volume.",
			"Compare the names in the newest good backup with the owners of the claims: `kubectl -n NAMESPACE get pvc -o custom-columns=NAME:.metadata.name,USER:.metadata.annotations.hub\\.jupyter\\.org/username`.",
			"Restore the backup, then add the users who came after it, and start the hub.",
			"If it is a rise, compare new names with old ones (dots, hyphens, capitals, a mail domain), and stop the hub if people get empty homes.",
			"If it was planned, accept the new number with a reason.",
		},
		Dont: []string{
			"Do not accept the new baseline to silence the alarm while the cause is unknown.",
			"Do not delete claims that seem to have no owner: they are the users' files.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: 1,000 users became 50, noticed by chance after 47 minutes",
			"berkeley-dsep-infra/datahub docs/tasks/remove-users-orm.qmd",
		},
	},
	Run: runHubUserCountDrift,
}

func runHubUserCountDrift(in *Input) Result {
	h, n := in.Hub, len(in.Hub.Users)
	var r Result
	switch why := usersUnread(h); {
	case why == "":
		r.Series = map[string]float64{facts.SeriesUsers: float64(n)}
	case emptyDatabase(h):
		// No user, for certain; but an accident is not a number that could
		// become normal, so it is not recorded as one.
		n = 0
	default:
		return Result{Unknown: why}
	}
	base := in.Past.Baselines[facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}]
	if base.Runs == 0 {
		r.Skip = "no baseline yet: this run starts one"
		if r.Series == nil {
			r.Skip, r.Unknown = "", "no baseline yet, and a database without a table users cannot start one"
		}
		return r
	}
	change := float64(n) - base.Value
	switch {
	case in.beyond(-change, base.Value, "minDrop", "maxDropPercent"):
		r.Findings = []verdict.Finding{in.drift(n, base, "missing", in.Number("maxDropPercent"))}
	case base.Value > 0 && in.beyond(change, base.Value, "minRise", "maxRisePercent"):
		// A hub that had nobody may fill up at any speed.
		f := in.drift(n, base, "new", in.Number("maxRisePercent"))
		f.Severity = verdict.Warning
		r.Findings = []verdict.Finding{f}
	}
	return r
}

// beyond tells whether a change is at least the absolute floor and more than
// the relative one. Multiplying keeps the boundary exact.
func (in *Input) beyond(change, base float64, floor, share string) bool {
	return change >= in.Number(floor) && change*100 > in.Number(share)*base
}

func (in *Input) drift(n int, base facts.Baseline, what string, allowed float64) verdict.Finding {
	change := float64(n) - base.Value
	if change < 0 {
		change = -change
	}
	return verdict.Finding{
		Subject: in.databaseSubject(),
		Message: fmt.Sprintf("the database has %s where %s were normal: %s (%s) are %s, at most %s %% expected",
			text.Count(n, "user"), text.Number(int(base.Value)), text.Number(int(change)), percent(change, base.Value), what, plain(allowed)),
		Details: map[string]string{"users": idText(int64(n)), "baseline": plain(base.Value), "change": plain(float64(n) - base.Value),
			"baselineRuns": idText(int64(base.Runs)), "baselineSince": text.Time(base.Since), "baselineUntil": text.Time(base.Until)},
	}
}
