package checks

import (
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var hubUserCountDrift = &Check{
	ID:       "hub-user-count-drift",
	Title:    "The hub has about as many users as it always had, and mostly the same ones",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.History},
	Baseline: true,
	Expects:  true,
	Params: []Param{
		{Name: "maxDropPercent", Doc: "how much of the baseline may be missing", Default: 10, Min: 0, Max: 100, Unit: "percent"},
		{Name: "minDrop", Doc: "how many users must be missing or replaced, so that a small hub's ordinary change is none", Default: 5, Min: 1, Max: 1e6, Unit: "users"},
		{Name: "maxReplacedPercent", Doc: "how many of the users of the last good run may have vanished while others came in their place; after more than a week without an audit as much for each whole week, up to `maxExpectedDropPercent`", Default: 25, Min: 0, Max: 100, Unit: "percent"},
		{Name: "maxSlowDropPercent", Doc: "how far the number may sink below the highest of the last 30 days, little by little", Default: 30, Min: 0, Max: 100, Unit: "percent"},
		{Name: "maxExpectedDropPercent", Doc: "how much may be missing or replaced inside an expected window, or where the hub itself deletes idle users (`cullUsers`)", Default: 80, Min: 0, Max: 99, Unit: "percent"},
		{Name: "maxRisePercent", Doc: "how far above the baseline is still growth", Default: 50, Min: 0, Max: 10000, Unit: "percent"},
		{Name: "minRise", Doc: "how many users must be new", Default: 100, Min: 1, Max: 1e6, Unit: "users"},
	},
	Doc: Doc{
		Meaning: "Users do not vanish by themselves. A sudden drop (critical) means that the database was replaced, restored from an old copy or emptied; " +
			"whoever logs in now becomes a new user with a new id, often with a new, empty volume. As many users as before, but others (an error), " +
			"means that it is another hub's database, or that the names people log in with were changed. " +
			"A number that sinks little by little (a warning) means that something deletes users, and perhaps their volumes with them. " +
			"A sudden rise (a warning) means that people who already had an account got a second one, for example after a change of how logins become user names.\n\n" +
			"The baseline is the median of the last good runs. A run that fails or cannot tell never moves it, " +
			"except that growth becomes normal by itself after a few runs.",
		FalseAlarms: "A clean-up at the end of term, a hub reset on purpose, a course that begins. Announce a clean-up by an `expect` window in the settings of this check: " +
			"inside it a change is expected, and its outcome is normal at once. " +
			"No window explains an empty table or a loss beyond `maxExpectedDropPercent`. Afterwards, once you know the reason, " +
			"`audit accept hub-user-count-drift --hub HUB --reason \"…\"` makes the present number the new baseline. " +
			"Users who were renamed in place are told apart by their id, which the REST API does not show: read from there they look like others. " +
			"Where the hub deletes idle users itself (`cullUsers: true`) only a drop beyond `maxExpectedDropPercent` is reported; " +
			"for a hub of throw-away users, switch the check off under that hub's `checks`.",
		Do: []string{
			rescueFirst,
			"If it is a loss that nobody planned, stop the hub before anyone else logs in, `kubectl -n NAMESPACE scale deployment/hub --replicas=0`, and copy the database as it is to another volume.",
			"See who vanished (the JSON report names all), and compare the names in the newest good backup with the owners of the claims: `kubectl -n NAMESPACE get pvc -o custom-columns=NAME:.metadata.name,USER:.metadata.annotations.hub\\.jupyter\\.org/username`.",
			"Restore the backup, then add the users who came after it, and start the hub.",
			"If the number sinks little by little, find what deletes users (the hub's log has `DELETE /hub/api/users`), and whether it deletes their claims too.",
			"If it is a rise, see what `hub-user-twin` says, compare new names with old ones (dots, hyphens, capitals, a mail domain), and stop the hub if people get empty homes.",
			"If it was planned, accept the new number with a reason.",
		},
		Dont: []string{
			"Do not accept the new baseline to silence the alarm while the cause is unknown.",
			"Do not delete claims that seem to have no owner: they are the users' files.",
			"Do not leave a window open for a whole term: a window that is always open watches nothing.",
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
	case h.Emptied():
		// No user, for certain; but an accident is not a number that could
		// become normal, so it is not recorded as one.
		n = 0
	default:
		return Result{Unknown: why}
	}
	base := in.Past.Baselines[facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}]
	// One run is enough for a baseline: its number was counted, not estimated,
	// and a hub is in danger from its first day.
	if base.Runs == 0 {
		r.Skip = "no baseline yet: this run starts one"
		if r.Series == nil {
			r.Skip, r.Unknown = "", "no baseline yet, and a database without a table users cannot start one"
		}
		return r
	}
	d := &drift{in: in, n: n, base: base, changes: in.Past.Changes[h.Name]}
	d.report(&r)
	return r
}
