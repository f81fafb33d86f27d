package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// rescueFirst comes before the advice to stop a hub whose database is lost.
const rescueFirst = "If hub-source-disagree fails too, or `kubectl -n NAMESPACE exec deploy/hub -- sh -c 'ls -l /proc/[0-9]*/fd'` shows an SQLite file marked " +
	"(deleted), the running hub still holds the lost database open: rescue that file first, as `audit explain hub-source-disagree` says. It is gone when the hub stops."

var hubSourceDisagree = &Check{
	ID:       "hub-source-disagree",
	Title:    "The hub's database and the running hub tell the same",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	// Prometheus is not among them: it is asked only where the REST API does not
	// tell, and where that does, nothing is missing without it.
	Needs: []string{HubDatabase},
	Uses:  []string{HubAPI},
	Params: []Param{
		{Name: "maxUsers", Doc: "how many users only one of the two may have, as users are deleted between the two reads", Default: 3, Min: 0, Max: 1e6, Unit: "users"},
		{Name: "maxPercent", Doc: "how many of all users that may be", Default: 1, Min: 0, Max: 100, Unit: "percent"},
		{Name: "maxServers", Doc: "how many servers only one of the two may hold for running, as a culler stops several at once", Default: 10, Min: 0, Max: 1e6, Unit: "servers"},
		{Name: "maxServersPercent", Doc: "how many of the running servers that may be", Default: 20, Min: 0, Max: 100, Unit: "percent"},
		{Name: "grace", Doc: "how new a user or a running server may be to be left out", Default: float64(10 * time.Minute), Min: 0,
			Max: float64(24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "The running hub does not work on what the database shows. Either the database was replaced under it (a file moved over the old one: the " +
			"hub works on in the old file, which nobody can see any more, and everything since is lost at its next restart), or it was edited while the " +
			"hub ran, or the audit reads the database or the API of another hub. Until that is cleared up no number of users can be trusted. What the running hub " +
			"works on is seen in its REST API and, where that is not configured or cut its list short, in the number of users that it counts itself " +
			"(`jupyterhub_total_users`, from Prometheus).",
		FalseAlarms: "Users and servers that came within grace, and some that went between the two reads, are left out, as are names that a hub refuses. A " +
			"list that the API cut short is unknown, not a difference. A read-only replica or a copy of the database that lags behind differs truly: " +
			"give the audit the hub's own. " +
			"A hub does not count users whom it refuses, so its number may be lower than the database's; only a higher one is reported, and none that " +
			"is older than grace. Where the REST API lists the same users as the database, the number is not looked at. Without any of both the check is skipped.",
		Do: []string{
			"If the database is nearly empty while the API still lists everybody, do not stop or restart the hub: its process holds the old file open, and the file is gone for ever when the process ends. This comes before the advice of hub-db-corrupt and hub-db-reset.",
			"Find the open file: `kubectl -n NAMESPACE exec deploy/hub -- sh -c 'ls -l /proc/[0-9]*/fd | grep sqlite'`. A replaced one is marked (deleted).",
			"Copy it out of the pod before anything else: `kubectl -n NAMESPACE exec deploy/hub -- cat /proc/PID/fd/N > rescued.sqlite`, and a file ending in -wal in the same way as `rescued.sqlite-wal`.",
			"Check the copy: `sqlite3 rescued.sqlite 'PRAGMA integrity_check; SELECT count(*) FROM users'`. If it is torn, because the hub was writing, copy again.",
			"Only then stop the hub, put the rescued file in place of the new one, and start it.",
			"If both have many users, compare the hub's `database` and `api` in this configuration with the running hub's `JupyterHub.db_url` and address: they must be of one hub.",
			"If single users or servers differ, somebody wrote to the database while the hub ran: find out who, and restart the hub at a quiet time after a backup, so that it reads the rows anew.",
		},
		Dont: []string{
			"Do not restart the hub to make both agree while one of them is nearly empty.",
			"Do not edit the database while the hub runs.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: the database was replaced under a running hub",
			"jupyterhub/jupyterhub docs/source/explanation/database.md: the hub keeps rows in memory and assumes to be alone",
			"jupyterhub/apihandlers/users.py",
		},
	},
	Run: runHubSourceDisagree,
}

func runHubSourceDisagree(in *Input) Result {
	h := in.Hub
	if usersSource(h) != facts.HubDB(h.Name) {
		return Result{Skip: "there are no users from a database to compare with the running hub's"}
	}
	if in.Source(facts.HubAPI(h.Name)).Status == facts.Absent {
		return in.compareCount()
	}
	var r Result
	c := in.compareSources()
	known := h.UsersRead == facts.Complete || h.Emptied()
	switch {
	case known && c.replaced(in.beyondUsers(len(c.onlyAPI), c)):
		// Of a list that was cut short, what it has is true.
		r.Findings = []verdict.Finding{in.replaced(c)}
		return r
	case !known:
		r.Unknown = usersUnread(h)
	case h.API.UsersRead != facts.Complete:
		r.Unknown = fmt.Sprintf("the REST API's list of users is not complete: %s could be read", text.Count(c.inAPI, "user"))
		r.Findings = in.compareCount().Findings
	default:
		r.Findings = in.usersDiffer(c)
	}
	r.Findings = append(r.Findings, in.serversDiffer(c)...)
	r.Findings = append(r.Findings, in.homesDiffer(c)...)
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s (and %s more)", r.Findings[0].Message, text.Count(n-1, "difference"))
	}
	return r
}

// beyondUsers tells whether so many users are only in one of the two that
// deletions between the reads do not explain it.
func (in *Input) beyondUsers(n int, c *comparison) bool {
	return overBoth(n, max(c.inDatabase, c.inAPI), in.Number("maxUsers"), in.Number("maxPercent"))
}

// overBoth tells whether n is more than a number and more than a share of all.
func overBoth(n, all int, most, percent float64) bool {
	return float64(n) > most && float64(n)*100 > percent*float64(all)
}

// replaced is the finding of a hub that works on in a database which is gone. It
// is worse than the rest: what the other checks advise would end the process that
// holds the only copy.
func (in *Input) replaced(c *comparison) verdict.Finding {
	f := in.disagreement(c, c.onlyAPI)
	f.Severity = verdict.Critical
	f.Message = fmt.Sprintf("the database has %s, and the REST API of the running hub lists %s, of whom %s %s not in it: ",
		text.Count(c.inDatabase, "user"), text.Number(c.inAPI), text.Number(len(c.onlyAPI)), text.Plural(len(c.onlyAPI), "is", "are"))
	f.Message += in.howReplaced()
	return f
}

// howReplaced says what a database without its hub's users means.
func (in *Input) howReplaced() string {
	if in.Hub.Database.Engine == "sqlite" {
		return "the file was replaced under the running hub, which then still holds the old one open, or it is not this hub's; " +
			"do not stop or restart the hub before you know"
	}
	return "it was emptied, or the hub works on another database than the audit reads"
}

func (in *Input) usersDiffer(c *comparison) []verdict.Finding {
	var findings []verdict.Finding
	for _, side := range []struct {
		names       []string
		have, other string
	}{
		{c.onlyAPI, "listed by the REST API", "in the database"},
		{c.onlyDatabase, "in the database", "listed by the REST API"},
	} {
		if !in.beyondUsers(len(side.names), c) {
			continue
		}
		f := in.disagreement(c, side.names)
		f.Message = fmt.Sprintf("%s %s %s and not %s, the same users are expected in both: %s", text.Count(len(side.names), "user"),
			text.Plural(len(side.names), "is", "are"), side.have, side.other, list(side.names, 3))
		findings = append(findings, f)
	}
	return findings
}

func (in *Input) disagreement(c *comparison, names []string) verdict.Finding {
	return verdict.Finding{Subject: in.databaseSubject(), Details: map[string]string{"users": idText(int64(c.inDatabase)),
		"usersOfAPI": idText(int64(c.inAPI)), "differ": idText(int64(len(names))), "names": list(names, 20),
		"location": in.Hub.Database.Location, "api": in.Hub.API.Location}}
}

func (in *Input) serversDiffer(c *comparison) []verdict.Finding {
	if in.Hub.SpawnersRead != facts.Complete || in.Hub.API.SpawnersRead != facts.Complete ||
		!overBoth(len(c.oneRuns), c.running, in.Number("maxServers"), in.Number("maxServersPercent")) {
		return nil
	}
	f := in.disagreement(c, c.oneRuns)
	f.Severity = verdict.Warning
	f.Message = fmt.Sprintf("%s of %s %s only for the database or only for the REST API, the same is expected in both: %s",
		text.Number(len(c.oneRuns)), text.Count(c.running, "running server"), text.Plural(len(c.oneRuns), "runs", "run"), list(c.oneRuns, 3))
	return []verdict.Finding{f}
}

// homesDiffer needs no tolerance: a hub never changes the claim of a server
// that has one.
func (in *Input) homesDiffer(c *comparison) []verdict.Finding {
	var findings []verdict.Finding
	for _, home := range c.homes {
		findings = append(findings, verdict.Finding{
			Subject: userSubject(home.user),
			Message: fmt.Sprintf("%s is on claim %q in the database and on %q for the running hub, the same is expected: it will write its own over the other",
				home.server, home.database, home.api),
			Details: map[string]string{"user": home.user.Name, "server": home.server.Server, "claim": home.database, "claimOfAPI": home.api},
		})
	}
	return findings
}
