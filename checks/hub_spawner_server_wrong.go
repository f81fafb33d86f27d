package checks

import (
	"cmp"
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubSpawnerServerWrong = &Check{
	ID:       "hub-spawner-server-wrong",
	Title:    "Every running server has a row of its own in servers, with an address",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Params:   []Param{startGrace},
	Doc: Doc{
		Meaning: "A row of servers is the address that the hub sends a user to. Servers that share one are sent to the same notebook: the hub calls both running, " +
			"answers the second owner with the first one's pod, which refuses them, and whoever stops theirs makes the hub forget both while a pod " +
			"runs on: an error. A server whose row does not exist is taken for stopped while its pod runs on, and the next server that is " +
			"given that row shares it. A row without an address leads nowhere.",
		FalseAlarms: "While a server starts its row has no address yet: `startGrace` leaves it time. Several servers of a user on one claim are normal and no matter " +
			"of this check. Rows of servers that no server points at are left over from JupyterHub 0.7 or a service's; the hub tidies up itself.",
		Do: []string{
			"List the pods that really run and their addresses: `kubectl -n NAMESPACE get pod -l component=singleuser-server -o wide`.",
			"Ask the owners listed here to save their work.",
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Copy the database to another volume.",
			"Detach the wrong rows, which keeps each server's state and with it its claim: `UPDATE spawners SET server_id = NULL WHERE id = 12;`.",
			"Delete the pods of the detached servers: `kubectl -n NAMESPACE delete pod POD`.",
			"Start the hub, run `audit now`, and let these users start their servers again.",
		},
		Dont: []string{
			"Do not stop one of two servers that share a row from the hub's page: the hub forgets the other one.",
			"Do not delete the users or their rows in spawners: claims are deleted or forgotten with them.",
		},
		Sources: []string{
			"jupyterhub/app.py (init_spawners), jupyterhub/orm.py (Server, Spawner), jupyterhub/proxy.py (check_routes)",
			"tried on JupyterHub 3.0.0: two servers on one row, a row that does not exist, a row without an address",
		},
	},
	Run: runHubSpawnerServerWrong,
}

func runHubSpawnerServerWrong(in *Input) Result {
	h := in.Hub
	r := Result{Unknown: rowsUnread(h)}
	rows := make(map[int64]*facts.Server, len(h.Servers))
	for i := range h.Servers {
		rows[h.Servers[i].ID] = &h.Servers[i]
	}
	pointing := make(map[int64][]*facts.Spawner, len(h.Servers))
	for i := range h.Spawners {
		if sp := &h.Spawners[i]; sp.ServerID != 0 {
			pointing[sp.ServerID] = append(pointing[sp.ServerID], sp)
		}
	}
	var shared, missing, addressless []verdict.Finding
	for id, spawners := range pointing {
		row := rows[id]
		if sharers := distinct(spawners); len(sharers) > 1 {
			shared = append(shared, in.sharers(id, row, sharers)...)
		}
		for _, sp := range spawners {
			switch {
			case row == nil && h.SpawnersRead == facts.Complete:
				missing = append(missing, in.serverFinding(sp, verdict.Warning,
					fmt.Sprintf("%s is running on row %d of servers, which does not exist: the hub takes it for stopped while its pod runs on", in.serverText(sp), id),
					map[string]string{"serverID": idText(id)}))
			case row != nil && row.IP == "" && !in.starting(sp) && !in.reportedStateless(sp):
				addressless = append(addressless, in.serverFinding(sp, verdict.Warning,
					fmt.Sprintf("%s has been running since %s and row %d of servers has no address for it, one is expected", in.serverText(sp), text.Time(sp.Started), id),
					map[string]string{"serverID": idText(id)}))
			}
		}
	}
	r.Findings = append(append(shared, missing...), addressless...)
	r.Summary = serversSummary(len(shared), len(missing), len(addressless))
	return r
}

// reportedStateless tells whether hub-spawner-state-broken reports the server
// as one that runs without state: a start that was broken off leaves both.
func (in *Input) reportedStateless(sp *facts.Spawner) bool {
	return in.Hub.StatesRead && emptyState(sp)
}

// distinct are the different servers among rows of spawners; a server that has
// several rows is the business of hub-spawner-duplicate.
func distinct(spawners []*facts.Spawner) []*facts.Spawner {
	if len(spawners) < 2 {
		return spawners
	}
	seen := make(map[serverOf]bool, len(spawners))
	var out []*facts.Spawner
	for _, sp := range spawners {
		if key := (serverOf{sp.UserID, sp.Name}); !seen[key] {
			seen[key] = true
			out = append(out, sp)
		}
	}
	return out
}

// sharers has a finding for each server on one row; row may be nil.
func (in *Input) sharers(id int64, row *facts.Server, spawners []*facts.Spawner) []verdict.Finding {
	address := "which does not exist"
	if row != nil {
		address = fmt.Sprintf("%s:%d", cmp.Or(row.IP, "no address"), row.Port)
	}
	names := make([]string, len(spawners))
	for i, sp := range spawners {
		names[i] = in.serverText(sp)
	}
	all := list(names, 5)
	findings := make([]verdict.Finding, len(spawners))
	for i, sp := range spawners {
		findings[i] = in.serverFinding(sp, verdict.Error,
			fmt.Sprintf("%s is on row %d of servers (%s) together with %s, a row of its own is expected: both lead to one notebook",
				names[i], id, address, names[(i+1)%len(names)]),
			map[string]string{"serverID": idText(id), "address": address, "sharers": all})
	}
	return findings
}

func serversSummary(shared, missing, addressless int) string {
	if shared+missing+addressless < 2 {
		return ""
	}
	var parts []string
	if shared > 0 {
		parts = append(parts, text.Count(shared, "server")+text.Plural(shared, " shares", " share")+" an address with another")
	}
	if missing > 0 {
		parts = append(parts, text.Count(missing, "server")+text.Plural(missing, " points", " point")+" at no row of servers")
	}
	if addressless > 0 {
		parts = append(parts, text.Count(addressless, "server")+text.Plural(addressless, " has", " have")+" no address")
	}
	return strings.Join(parts, "; ")
}
