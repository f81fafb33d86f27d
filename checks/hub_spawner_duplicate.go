package checks

import (
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubSpawnerDuplicate = &Check{
	ID:       "hub-spawner-duplicate",
	Title:    "Every server has one row in spawners, and every row a user",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "No constraint keeps the table spawners from holding a user's server twice. The hub then uses the last of the rows it reads, in practice the one " +
			"with the highest id, and does not see the others: a server that runs in one of them runs on unseen, and where only another row remembers the " +
			"claim, the next start may mount a new, empty one. A row without a user belongs to nobody; while it counts as running, it stops " +
			"the hub at its next start, which is an error.",
		FalseAlarms: "None: JupyterHub writes one row per user and server and deletes it with the user. Several servers of one user are several names, not duplicates.",
		Do: []string{
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running servers keep running.",
			"Copy the database to another volume.",
			"Look at the rows of each server: `SELECT id, user_id, name, server_id, started, state FROM spawners WHERE user_id = 12;`.",
			"Keep the row whose state names the claim with the user's files (pvc_name) or, if none does, the one whose server runs; delete the others by id: `DELETE FROM spawners WHERE id = 99;`.",
			"Delete rows without a user by id in the same way, after their pods, if any still run, have been saved and stopped with `kubectl delete pod`.",
			"Start the hub, run `audit now`, and let the users listed here check their files.",
		},
		Dont: []string{
			"Do not delete the user to get rid of the rows: that deletes the claims as well.",
			"Do not delete all rows of a server: the claim that its state remembers is forgotten with it.",
			"Do not restart the hub before an active row without a user is mended: it does not come up again.",
		},
		Sources: []string{
			"jupyterhub/orm.py (Spawner, User.orm_spawners), jupyterhub/app.py (init_spawners)",
			"tried on JupyterHub 3.0.0: an active row with a user_id that is NULL or unknown ends the start with KeyError, a stopped one does nothing",
		},
	},
	Run: runHubSpawnerDuplicate,
}

// serverOf is what a row of spawners is about.
type serverOf struct {
	user int64
	name string
}

func runHubSpawnerDuplicate(in *Input) Result {
	h := in.Hub
	r := Result{Unknown: rowsUnread(h)}
	users := in.usersByID()
	first := make(map[serverOf]*facts.Spawner, len(h.Spawners))
	rows := map[serverOf][]*facts.Spawner{}
	orphans := 0
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		if users[sp.UserID] == nil && (sp.UserID == 0 || h.UsersRead == facts.Complete) {
			r.Findings = append(r.Findings, in.ownerless(sp))
			orphans++
			continue
		}
		key := serverOf{sp.UserID, sp.Name}
		if first[key] == nil {
			first[key] = sp
		} else {
			rows[key] = append(rows[key], sp)
		}
	}
	for key, more := range rows {
		r.Findings = append(r.Findings, in.duplicated(append([]*facts.Spawner{first[key]}, more...)))
	}
	if len(r.Findings) > 1 {
		var parts []string
		if n := len(rows); n > 0 {
			parts = append(parts, text.Count(n, "server")+text.Plural(n, " has", " have")+" more than one row in spawners")
		}
		if orphans > 0 {
			parts = append(parts, text.Count(orphans, "row")+text.Plural(orphans, " of spawners belongs", " of spawners belong")+" to no user")
		}
		r.Summary = strings.Join(parts, "; ")
	}
	return r
}

func (in *Input) ownerless(sp *facts.Spawner) verdict.Finding {
	owner := "has no user"
	if sp.UserID != 0 {
		owner = fmt.Sprintf("belongs to user id %d, who does not exist", sp.UserID)
	}
	row := fmt.Sprintf("row %d of spawners (server %q) %s, an existing user is expected", sp.ID, sp.Name, owner)
	if sp.ServerID == 0 {
		return in.serverFinding(sp, verdict.Warning, row, map[string]string{"row": rowText(sp)})
	}
	return in.serverFinding(sp, verdict.Error, row+": it counts as running, and the hub fails at its next start", map[string]string{"row": rowText(sp)})
}

// duplicated is about the rows of one server, by ascending id.
func (in *Input) duplicated(rows []*facts.Spawner) verdict.Finding {
	used := rows[len(rows)-1]
	var unseen []string
	for _, sp := range rows[:len(rows)-1] {
		unseen = append(unseen, rowText(sp))
	}
	details := map[string]string{"rows": idText(int64(len(rows)))}
	message := fmt.Sprintf("%s has %d rows in spawners, one is expected: the hub uses %s and does not see %s",
		in.serverText(used), len(rows), rowText(used), list(unseen, 3))
	if spare := spareRows(rows); len(spare) > 0 {
		details["spareRows"] = strings.Join(spare, ", ")
	}
	return in.serverFinding(used, "", message, details)
}

// rowText says what a row holds that would be lost with it.
func rowText(sp *facts.Spawner) string {
	does, holds := "stopped", "without state"
	if sp.ServerID != 0 {
		does = "running"
	}
	switch {
	case sp.State.PVCName != "":
		holds = fmt.Sprintf("claim %q", sp.State.PVCName)
	case sp.State.PodName != "":
		holds = fmt.Sprintf("pod %q, no claim", sp.State.PodName)
	case !emptyState(sp):
		holds = "with a state that names neither pod nor claim"
	}
	return fmt.Sprintf("row %d (%s, %s)", sp.ID, does, holds)
}

// emptyState tells whether nothing is remembered of a server.
func emptyState(sp *facts.Spawner) bool { return sp.State.Form == "" || sp.State.Form == "empty" }

// spareRows are the ids of the rows that hold nothing and can go: all stopped
// ones without state, but never every row.
func spareRows(rows []*facts.Spawner) []string {
	var spare []string
	for _, sp := range rows {
		if sp.ServerID == 0 && emptyState(sp) && len(spare) < len(rows)-1 {
			spare = append(spare, idText(sp.ID))
		}
	}
	return spare
}
