package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcLegacyForgotten = &Check{
	ID:       "pvc-legacy-forgotten",
	Title:    "The hub has not forgotten the claim of a server that ran through the upgrade to KubeSpawner 7",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Doc: Doc{
		Meaning: "KubeSpawner 7 names claims anew and finds a claim of the older naming only for servers whose state it has not written yet. A server that ran " +
			"while the hub was upgraded loses that: when it stops, its state is written with KubeSpawner's version and without the claim's name. The next " +
			"start makes a new, empty claim under the new name, and the user finds an empty home while the old claim keeps the files. Servers that still " +
			"run on a claim of the older naming are reported too: the culler stops them tonight.",
		FalseAlarms: "None known. A server whose claim bears the same name in both namings, one whose state names its claim, and one that has both claims by now " +
			"(pvc-duplicate-server's to tell) are not reported. If the template, the slug scheme or the version in the audit's configuration is not the hub's, " +
			"the names are not those that the hub makes: put the configuration right first.",
		Do: []string{
			"Keep these users from starting a server; ask those whose server runs to leave it running.",
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running servers keep running.",
			"Copy the database to another volume, or take a dump of it.",
			"Write the claim of each finding into its row; the JSON report has the statement as `sql`. In SQLite: `UPDATE spawners SET state = json_set(state, '$.pvc_name', 'CLAIM') WHERE id = ROW;`.",
			"Run `audit now` against the changed database, and start the hub when this check passes: `kubectl -n NAMESPACE scale deployment/hub --replicas=1`.",
			"If a user has started the server meanwhile, go on with pvc-duplicate-server.",
		},
		Dont: []string{
			"Do not delete the claims of the older naming: they are the users' homes.",
			"Do not clear the state of these servers: a server without any state is given a new claim as well.",
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{"jupyterhub/kubespawner#937", "jupyterhub/kubespawner kubespawner/spawner.py: load_state, get_state, _start"},
	},
	Run: runPVCLegacyForgotten,
}

func runPVCLegacyForgotten(in *Input) Result {
	if !prediction.VersionOf(in.Hub.KubeSpawner).AtLeast(7, 0, 0) {
		return Result{} // it remembers no claim
	}
	starts, r := in.emptyStarts(prediction.CauseForgotten, prediction.CauseRunning)
	if why := in.versionUnknown(starts); why != "" {
		return Result{Unknown: why}
	}
	running := 0
	for _, s := range starts {
		f := in.emptyStart(s, "which the hub has forgotten")
		if s.Cause == prediction.CauseRunning {
			running++
			f.Message = fmt.Sprintf("%s runs on %s, which the hub forgets as soon as the server is stopped, by its user or by the culler: its next start then makes %s, an empty home",
				in.startOwner(s), in.dataText(s), s.Claim)
		}
		r.Findings = append(r.Findings, f)
	}
	if n := len(starts); n > 1 {
		r.Summary = fmt.Sprintf("the next start of %s makes an empty home: the hub forgets their claims of the naming before KubeSpawner 7", text.Count(n, "server"))
		if running > 0 {
			r.Summary += fmt.Sprintf("; %s of them still %s", text.Number(running), text.Plural(running, "runs", "run"))
		}
	}
	return r
}
