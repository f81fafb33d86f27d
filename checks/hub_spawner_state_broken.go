package checks

import (
	"cmp"
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubSpawnerStateBroken = &Check{
	ID:       "hub-spawner-state-broken",
	Title:    "The state of every server can be read, and a running server has one",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Params:   []Param{startGrace},
	Doc: Doc{
		Meaning: "spawners.state is how the hub finds a server's pod and claim again. If it is not a JSON object and the server runs, the hub fails at its next " +
			"start, for everybody: an error. If the server is stopped, the hub starts, but its owner cannot, and every list of all users ends with " +
			"status 500, so that the admin page and clean-up scripts fail. A running server without state is looked for under the names that today's " +
			"configuration gives: where these changed, its pod runs on unseen, and its next start mounts another claim.",
		FalseAlarms: "A stopped server may have any state or none. While a server starts it has none yet: `startGrace` leaves it time, and a start that never " +
			"noted its time is left alone. Raise it where starts take longer because large images are pulled.",
		Do: []string{
			"Do not restart the hub; note for each server the pod and the claim that it mounts: `kubectl -n NAMESPACE get pod -l component=singleuser-server -o yaml`.",
			"For a running server whose state is empty, ask its owner to save and to stop and start it from the hub's page: that writes the state again.",
			"For a state that is not JSON, stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running servers keep running.",
			"Copy the database to another volume, and look at the value: `SELECT id, state FROM spawners WHERE id = 12;`.",
			"Mend it by hand, or write what is known: `UPDATE spawners SET state = '{\"pod_name\": \"POD\", \"namespace\": \"NAMESPACE\", \"pvc_name\": \"CLAIM\", \"kubespawner_version\": \"VERSION\"}' WHERE id = 12;`.",
			"Run `audit now`, and start the hub.",
		},
		Dont: []string{
			"Do not set the state to NULL or `{}`: KubeSpawner then forgets which claim holds the files and makes up the name anew.",
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{
			"jupyterhub/orm.py (JSONDict), jupyterhub/user.py (spawn), kubespawner/spawner.py (load_state)",
			"tried on JupyterHub 3.0.0: invalid JSON, an empty text and a list in the state of a running and of a stopped server",
		},
	},
	Run: runHubSpawnerStateBroken,
}

func runHubSpawnerStateBroken(in *Input) Result {
	r := Result{Unknown: cmp.Or(rowsUnread(in.Hub), statesUnread(in.Hub))}
	if !in.Hub.StatesRead {
		return r
	}
	broken, empty := 0, 0
	for i := range in.Hub.Spawners {
		sp := &in.Hub.Spawners[i]
		switch active := sp.ServerID != 0; {
		case sp.State.Form == "broken" && active:
			broken++
			r.Findings = append(r.Findings, in.serverFinding(sp, verdict.Error,
				in.serverText(sp)+" is running and its state is not a JSON object as expected: the hub fails at its next start", nil))
		case sp.State.Form == "broken":
			broken++
			r.Findings = append(r.Findings, in.serverFinding(sp, verdict.Warning,
				in.serverText(sp)+" has a state that is not a JSON object as expected: it cannot be started, and no list of all users can be had", nil))
		case active && emptyState(sp) && !in.starting(sp):
			empty++
			r.Findings = append(r.Findings, in.runsWithoutState(sp))
		}
	}
	r.Summary = stateSummary(broken, empty)
	return r
}

func (in *Input) runsWithoutState(sp *facts.Spawner) verdict.Finding {
	state := map[string]string{"": "NULL", "empty": "{}"}[sp.State.Form]
	return in.serverFinding(sp, verdict.Warning,
		fmt.Sprintf("%s has been running since %s and its state is %s, its pod and claim are expected there: a restart of the hub may forget it while its pod runs on",
			in.serverText(sp), text.Time(sp.Started), state),
		map[string]string{"state": state})
}

func stateSummary(broken, empty int) string {
	if broken+empty < 2 {
		return ""
	}
	var parts []string
	if broken > 0 {
		parts = append(parts, text.Count(broken, "server")+text.Plural(broken, " has", " have")+" a state that cannot be read")
	}
	if empty > 0 {
		parts = append(parts, text.Count(empty, "server")+text.Plural(empty, " runs", " run")+" without state")
	}
	return strings.Join(parts, "; ")
}
