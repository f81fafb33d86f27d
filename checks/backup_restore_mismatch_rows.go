package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// hubTables are the tables that a hub cannot do without, or whose loss its users
// notice.
var hubTables = []string{"users", "spawners", "servers", "groups", "user_group_map", "roles", "user_role_map", "services", "api_tokens", "oauth_clients"}

// againstDatabase holds the copy against the live database itself.
func (c *compare) againstDatabase() []verdict.Finding {
	findings := c.otherNames()
	sameSchema := slices.Equal(c.copy.Database.Revisions, c.live.Database.Revisions)
	if upgraded := c.upgraded(); !sameSchema && !upgraded.IsZero() {
		findings = append(findings, c.finding(verdict.Warning, fmt.Sprintf("has the schema of before the hub's upgrade of %s (revision %s, the live database has %s)",
			text.Time(upgraded), list(c.copy.Database.Revisions, 3), list(c.live.Database.Revisions, 3))))
	}
	if f, ok := c.missingTables(); ok && sameSchema {
		findings = append(findings, f)
	}
	if f, ok := c.missingServers(); ok {
		findings = append(findings, f)
	}
	if f, ok := c.missingStates(); ok {
		findings = append(findings, f)
	}
	return findings
}

// upgraded is when the hub changed its schema last, if that was before the copy
// was made: it leaves a dated copy of what it had. Zero if that is not known.
func (c *compare) upgraded() (at time.Time) {
	if copies := c.live.Database.Copies; len(copies) > 0 && copies[0].Time.Before(c.b.Opened.Copy.Time.Add(-clockSkew)) {
		return copies[0].Time
	}
	return at
}

func (c *compare) missingTables() (verdict.Finding, bool) {
	has := func(tables []string, name string) bool { return slices.Contains(tables, name) }
	var missing []string
	for _, name := range hubTables {
		if has(c.live.Database.Tables, name) && !has(c.copy.Database.Tables, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 || len(c.copy.Database.Tables) == 0 {
		return verdict.Finding{}, false
	}
	f := c.finding(verdict.Error, fmt.Sprintf("lacks %s that the live database has: %s", text.Count(len(missing), "table"), strings.Join(missing, ", ")))
	f.Details["tables"] = strings.Join(missing, ", ")
	return f, true
}

// missingServers are rows of the live table spawners that were there when the
// copy was made, of users whom it has, and are not in it.
func (c *compare) missingServers() (verdict.Finding, bool) {
	if c.copy.SpawnersRead != facts.Complete || c.live.SpawnersRead != facts.Complete {
		return verdict.Finding{}, false
	}
	rows := make(map[int64]bool, len(c.copy.Spawners))
	for i := range c.copy.Spawners {
		rows[c.copy.Spawners[i].ID] = true
	}
	var missing []string
	for i := range c.live.Spawners {
		sp := &c.live.Spawners[i]
		if u := c.byID[sp.UserID]; u != nil && !rows[sp.ID] && (c.wasThere(sp.Started) || c.wasThere(sp.LastActivity)) {
			missing = append(missing, (attribution.Owner{User: u.Name, Server: sp.Name}).String())
		}
	}
	if len(missing) == 0 {
		return verdict.Finding{}, false
	}
	slices.Sort(missing)
	f := c.finding(verdict.Error, fmt.Sprintf("lacks the rows of %s that were there when it was made (%s): what the hub remembers of their claims is lost",
		text.Count(len(missing), "server"), list(missing, namesShown)))
	f.Details["servers"] = list(missing, len(missing))
	return f, true
}

// missingStates tells whether the copy has lost the state of every server: the
// rows are as in the live database, but name no claim.
func (c *compare) missingStates() (verdict.Finding, bool) {
	if !c.copy.StatesRead || !c.live.StatesRead {
		return verdict.Finding{}, false
	}
	live := make(map[int64]*facts.Spawner, len(c.live.Spawners))
	for i := range c.live.Spawners {
		live[c.live.Spawners[i].ID] = &c.live.Spawners[i]
	}
	lost := 0
	for i := range c.copy.Spawners {
		was := &c.copy.Spawners[i]
		if was.State.PVCName != "" {
			return verdict.Finding{}, false
		}
		if sp := live[was.ID]; sp != nil && sp.State.PVCName != "" && !sp.LastActivity.IsZero() && sp.LastActivity.Equal(was.LastActivity) && sp.Started.Equal(was.Started) {
			lost++
		}
	}
	if lost < fewUsers {
		return verdict.Finding{}, false
	}
	f := c.finding(verdict.Warning, fmt.Sprintf("names no claim in the state of any server, the live database does for %s that were not used since", text.Count(lost, "server")))
	f.Details["servers"] = strconv.Itoa(lost)
	return f, true
}

// contentChecks are the checks that a database alone can tell, and that hold for
// a copy of it in any form.
var contentChecks = []*Check{hubDBCorrupt, hubCookieIDNull, hubCookieIDDuplicate, hubSpawnerDuplicate, hubSpawnerStateBroken, hubTimeImpossible}

// brokenRows judges a copy by the checks of a hub's database. What the live
// database has too is told there.
func (in *Input) brokenRows(b *facts.Backup, live liveHub) []verdict.Finding {
	hub := *b.Opened.Content
	hub.Name, hub.Namespace, hub.KubeSpawner = in.Hub.Name, in.Hub.Namespace, in.Hub.KubeSpawner
	hub.UsersFrom = facts.HubDB(hub.Name)
	of := &Input{Snapshot: in.Snapshot, Hub: &hub, shared: &shared{snapshot: in.Snapshot, suite: in.shared.suite}}
	var findings []verdict.Finding
	for _, check := range contentChecks {
		found := check.Run(of.as(check)).Findings
		if len(found) == 0 || live.byID && len(check.Run(in.as(check)).Findings) > 0 {
			continue
		}
		severity, most := verdict.Info, len(found)
		if 2*most >= len(hub.Users) || check == hubDBCorrupt {
			severity = verdict.Error
		}
		f := verdict.Finding{Subject: in.backupSubject(b), Severity: severity, Details: copyDetails(b),
			Message: fmt.Sprintf("%s breaks an invariant that the live database keeps, %s: %s", copyText(b), check.ID, foundInCopy(check, &hub, found[0]))}
		if more := len(found) - 1; more > 0 {
			f.Message += " (and " + text.Number(more) + " more)"
		}
		f.Details["check"], f.Details["findings"] = check.ID, idText(int64(len(found)))
		findings = append(findings, f)
	}
	return findings
}

// foundInCopy is what a check found, without what it says about the live database.
func foundInCopy(check *Check, hub *facts.Hub, found verdict.Finding) string {
	if check == hubDBCorrupt {
		for _, d := range hub.Database.Damage {
			if strings.HasPrefix(found.Message, d.Message) {
				return d.Message
			}
		}
	}
	return found.Message
}
