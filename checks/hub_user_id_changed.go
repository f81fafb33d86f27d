package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubUserIDChanged = &Check{
	ID:       "hub-user-id-changed",
	Title:    "Users keep their ids, and ids keep their users",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.History},
	Baseline: true,
	Expects:  true,
	Params: []Param{
		{Name: "minUsers", Doc: "how many users must have another id, be under another's id, or be back from the past", Default: 3, Min: 1, Max: 1e6, Unit: "users"},
		{Name: "minReplaced", Doc: "how many must be renamed, or deleted and added again, before that is told", Default: 10, Min: 1, Max: 1e6, Unit: "users"},
		{Name: "minVanished", Doc: "how many of the newest users must have vanished before that is told, where their claims cannot tell whether they were deleted",
			Default: 20, Min: 1, Max: 1e6, Unit: "users"},
	},
	Doc: Doc{
		Meaning: "A hub never changes a user's id. When several users have other ids than in the last good run, when ids belong to other people, or when the " +
			"newest users are gone while their claims are still there, the database was replaced: by a new one that people log in to again, by an old " +
			"copy, or by a table built by hand. Claims of 2016 and 2017, and of templates with {userid}, are named after the id: a new id means an empty " +
			"home. Everything else that is kept by id (servers, tokens, groups, the state that names the claim) is lost or somebody else's.",
		FalseAlarms: "A few users deleted and added again, a few renamed by an admin (same id, same time of creation), ids of deleted newest users given " +
			"to new ones (SQLite does that), and gaps (PostgreSQL and MariaDB do that) are normal and not reported. Many users added again or renamed at " +
			"once are a warning. Newest users who vanished with their claims were deleted through the hub. For planned work on the database, configure " +
			"`expect` beforehand, or afterwards run `audit accept hub-user-id-changed --hub HUB --reason \"…\"`.",
		Do: []string{
			"If nobody can explain it, stop the hub before anyone else logs in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Copy the database as it is to another volume.",
			"Run `audit history` to see when the ids changed, and find out who restored or rebuilt the database then.",
			"Restore the newest backup from before that, and add the users who came after it with their own ids.",
			"For users who were given a second claim meanwhile, see pvc-duplicate-server.",
			"If the change was meant, accept it with a reason.",
		},
		Dont: []string{
			"Do not set ids back while the hub runs: it keeps rows in memory and writes them again.",
			"Do not delete claims with other ids in their names: they are the old homes.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: everyone who logged in got a new id, hence a new claim, hence an empty home",
			"jupyterhub/kubespawner 0.5 (claim-{username}-{userid})",
		},
	},
	Run: runHubUserIDChanged,
}

func runHubUserIDChanged(in *Input) Result {
	h := in.Hub
	if usersSource(h) == facts.HubAPI(h.Name) {
		return Result{Skip: "the hub's users come from its REST API, which shows no ids"}
	}
	if why := usersUnread(h); why != "" {
		return Result{Unknown: why}
	}
	past := in.Past.Changes[h.Name]
	switch {
	case past == nil:
		return Result{Skip: "no earlier good run to compare with"}
	case past.HighestID == 0 && past.Before > 0:
		return Result{Skip: fmt.Sprintf("the run of %s knew no ids", text.Time(past.At))}
	case in.Expected != nil:
		return Result{Skip: fmt.Sprintf("a change is expected until %s: %s", text.Time(in.Expected.To), in.Expected.Reason)}
	}
	if why := in.lossExplained(); why != "" {
		return Result{Skip: "explained by " + why}
	}
	c := compareIDs(h, past)
	var r Result
	var parts []string
	for _, kind := range in.idAccidents(c) {
		if len(kind.findings) >= kind.least {
			r.Findings = append(r.Findings, kind.findings...)
			parts = append(parts, fmt.Sprintf(kind.summary, text.Count(len(kind.findings), "user")))
		}
	}
	switch f, ok := in.newestGone(c); {
	case ok:
		r.Findings = append(r.Findings, f)
		parts = append(parts, f.Message)
	case f.Message != "" && in.Source(facts.KubeClaims).Status == facts.Failed:
		r.Unknown = f.Message + ": source " + facts.KubeClaims + " could not be read, which tells these apart"
	}
	if len(parts) > 0 {
		r.Summary = "since the run of " + text.Time(past.At) + ": " + strings.Join(parts, "; ")
	}
	return r
}

// idAccident is one way in which ids changed, what it found, and how many it
// takes to be one.
type idAccident struct {
	findings []verdict.Finding
	least    int
	summary  string // has a place for "3 users"
}

func (in *Input) idAccidents(c *idChanges) []idAccident {
	few, many := int(in.Number("minUsers")), int(in.Number("minReplaced"))
	was := day(c.past.At)
	home := ""
	if strings.Contains(in.Hub.KubeSpawner.PVCNameTemplate, "{userid}") {
		home = "; claims are named after the id, so the next start gets an empty home"
	}
	moved := idAccident{least: few, summary: "%s with another id"}
	remade := idAccident{least: many, summary: "%s deleted and added again"}
	for _, n := range c.moved {
		moved.findings = append(moved.findings, idFinding(n.Name, n.Now, "", n.Created, n.CreatedNow,
			fmt.Sprintf("%q has id %d and had %d on %s, the same is expected%s", n.Name, n.Now, n.Was, was, home), map[string]string{"was": idText(n.Was)}))
	}
	for _, n := range c.remade {
		remade.findings = append(remade.findings, idFinding(n.Name, n.Now, verdict.Warning, n.Created, n.CreatedNow,
			fmt.Sprintf("%q was deleted and added again since %s: id %d was %d, and what the hub remembered of their servers is lost%s",
				n.Name, was, n.Now, n.Was, home), map[string]string{"was": idText(n.Was)}))
	}
	handed := idAccident{least: few, summary: "%s under an id that was somebody else's"}
	renamed := idAccident{least: many, summary: "%s under another name"}
	for _, p := range c.handed {
		handed.findings = append(handed.findings, idFinding(p.Now.Name, p.Now.ID, "", p.Was.Created, p.Now.Created,
			fmt.Sprintf("id %d is %q, who is new, and was %s on %s: ids of users who are gone are not given away below the highest",
				p.Now.ID, p.Now.Name, c.former(p.Was), was), map[string]string{"was": p.Was.Name}))
	}
	for _, p := range c.renamed {
		renamed.findings = append(renamed.findings, idFinding(p.Now.Name, p.Now.ID, verdict.Warning, p.Was.Created, p.Now.Created,
			fmt.Sprintf("id %d is %q and was %s on %s; logins under the former name make a new account", p.Now.ID, p.Now.Name, c.former(p.Was), was),
			map[string]string{"was": p.Was.Name}))
	}
	returned := idAccident{least: few, summary: "%s back from the past"}
	for _, m := range c.returned {
		returned.findings = append(returned.findings, idFinding(m.Name, m.ID, "", time.Time{}, m.Created,
			fmt.Sprintf("%q (id %d) was created on %s and was not in the database on %s: rows of an older copy are back", m.Name, m.ID, day(m.Created), was), nil))
	}
	return []idAccident{moved, handed, returned, renamed, remade}
}

func idFinding(name string, id int64, severity verdict.Severity, before, now time.Time, message string, details map[string]string) verdict.Finding {
	if details == nil {
		details = map[string]string{}
	}
	if !before.IsZero() {
		details["createdBefore"] = text.Time(before)
	}
	if !now.IsZero() {
		details["created"] = text.Time(now)
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name, ID: idText(id)}, Severity: severity, Message: message, Details: details}
}

// newestGone says that the newest users are gone and ids went backwards, and
// whether that is an accident. Users deleted through the hub lose their claims
// too, unless it keeps claims: so claims tell a clean-up from the return of an
// old copy.
func (in *Input) newestGone(c *idChanges) (f verdict.Finding, accident bool) {
	if c.highest >= c.past.HighestID || len(c.newest) < int(in.Number("minUsers")) {
		return verdict.Finding{}, false
	}
	f = verdict.Finding{Subject: in.databaseSubject(), Severity: verdict.Warning, Details: map[string]string{
		"vanished": idText(int64(len(c.newest))), "highestID": idText(c.highest), "highestIDBefore": idText(c.past.HighestID)}}
	gone := fmt.Sprintf("the highest id is %d and was %d: the newest %s are gone", c.highest, c.past.HighestID, text.Count(len(c.newest), "user"))
	if in.Source(facts.KubeClaims).Status != facts.OK || c.past.Hashed || !in.Hub.KubeSpawner.DeletePVC {
		f.Message = gone + ", deleted or lost with the return of an older copy"
		return f, len(c.newest) >= int(in.Number("minVanished"))
	}
	var kept []string
	for _, m := range c.newest {
		if claims := in.claimOwners().missing[m.Name]; len(claims) > 0 && !leftBehind(claims) {
			kept = append(kept, fmt.Sprintf("%q", m.Name))
		}
	}
	f.Severity, f.Details["withClaims"] = "", list(kept, 20)
	f.Message = fmt.Sprintf("%s, and %s of them still %s, which the hub deletes with a user", gone, text.Number(len(kept)),
		text.Plural(len(kept), "has a claim", "have claims"))
	return f, len(kept) >= int(in.Number("minUsers"))
}
