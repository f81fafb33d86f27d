package checks

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcStateMissingClaim = &Check{
	ID:       "pvc-state-missing-claim",
	Title:    "The claim that the hub remembers for a server exists",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Doc: Doc{
		Meaning: "The state of a server names the claim with its user's home, and there is no such claim: it was deleted, in Kubernetes or with its namespace. " +
			"KubeSpawner 7.0 makes a new, empty claim of that name at the next start; 7.1 makes none, and the server's pod stays Pending. The files may still be on a " +
			"PersistentVolume that was kept (Released) or on another claim of the same server, which the finding then names.",
		FalseAlarms: "Claims that were archived and deleted on purpose while their users stayed: clear the name from the state, as below. A server that was started in " +
			"the last minutes is left out, as its claim may be younger than the list of claims. The check is skipped where the hub does not go by the " +
			"remembered name (KubeSpawner before 7, `remember_pvc_name = False`), and is unknown for claims of a namespace that was not read: where users have " +
			"namespaces of their own, the audit must see all of them.",
		Do: []string{
			"Keep these users from starting a server until it is clear where their files are.",
			"Where the finding names a Released volume, set its reclaim policy to Retain at once: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
			"Bind it again under the old name: make a claim of that name with `volumeName: VOLUME` and the volume's storage class and size, then free the volume with `kubectl patch pv VOLUME --type json -p '[{\"op\":\"remove\",\"path\":\"/spec/claimRef/uid\"},{\"op\":\"remove\",\"path\":\"/spec/claimRef/resourceVersion\"}]'`.",
			"Where the finding names another claim with the files, stop the hub and write that claim into the server's state (`pvc_name`).",
			"Otherwise restore the newest backup of the volume into a claim of the remembered name.",
			"Where the home is gone on purpose, stop the hub and clear the name. In SQLite: `UPDATE spawners SET state = json_remove(state, '$.pvc_name') WHERE id = ROW;`. Start the hub.",
			"Find out who deleted the claim, from the API server's audit log, before more go.",
		},
		Dont: []string{
			"Do not start the server to see what happens: 7.0 then makes an empty claim of that name, which hides the loss.",
			"Do not delete Released volumes.",
		},
		Sources: []string{"jupyterhub/kubespawner PR 882", "jupyterhub/kubespawner kubespawner/spawner.py: load_state, _make_create_pvc_request"},
	},
	Run: runPVCStateMissingClaim,
}

// freshStart is how young a server may be for its claim to be younger than the
// list of claims, as the two are read one after the other.
const freshStart = 10 * time.Minute

func runPVCStateMissingClaim(in *Input) Result {
	missing := in.missingClaims()
	if k := &in.Hub.KubeSpawner; !remembers(k) {
		switch {
		case len(missing) == 0:
			return Result{}
		case k.RememberPVCName:
			return Result{Skip: "KubeSpawner " + k.Version + " does not go by the claims that the hub remembers"}
		}
		return Result{Skip: "the hub does not go by the claims that it remembers (rememberPVCName is false)"}
	}
	r := Result{Unknown: cmp.Or(rowsUnread(in.Hub), statesUnread(in.Hub))}
	unsure := 0
	var sight *claimSight
	for _, sp := range missing {
		if sight == nil {
			sight = newClaimSight(in)
		}
		if volume, certain := sight.volume(in.rememberedClaim(sp)); certain {
			r.Findings = append(r.Findings, in.missingClaim(sp, volume))
		} else {
			unsure++
		}
	}
	if unsure > 0 {
		r.Unknown = cmp.Or(r.Unknown, fmt.Sprintf("whether %s that the hub remembers %s cannot be told: the list of claims does not cover their namespaces, or lacks some that are in use",
			text.Count(unsure, "claim"), text.Plural(unsure, "exists", "exist")))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("the claims that the hub remembers for %s do not exist: %s", text.Count(n, "server"), in.afterMissing(n))
	}
	return r
}

// missingClaims are the users' servers whose remembered claim is not in the list
// of claims.
func (in *Input) missingClaims() []*facts.Spawner {
	var missing []*facts.Spawner
	for i := range in.Hub.Spawners {
		sp := &in.Hub.Spawners[i]
		if sp.State.PVCName != "" && in.claimsByKey()[in.rememberedClaim(sp)] == nil && in.usersByID()[sp.UserID] != nil && !in.justStarted(sp) {
			missing = append(missing, sp)
		}
	}
	return missing
}

// rememberedClaim is the claim that the state of a server names.
func (in *Input) rememberedClaim(sp *facts.Spawner) claimKey {
	return claimKey{cmp.Or(sp.State.Namespace, in.Hub.Namespace), sp.State.PVCName}
}

// justStarted tells whether a server was started so lately, or is just being
// started, that its claim may have been made after the claims were listed.
func (in *Input) justStarted(sp *facts.Spawner) bool {
	return sp.ServerID != 0 && (sp.Started.IsZero() || in.within(sp.Started, freshStart))
}

// afterMissing is what the hub's KubeSpawner does about n missing claims.
func (in *Input) afterMissing(n int) string {
	empty := text.Plural(n, "its next start makes an empty one", "their next starts make empty ones")
	pending := text.Plural(n, "its pod will stay Pending", "their pods will stay Pending")
	switch {
	case in.Hub.KubeSpawner.Version == "":
		return empty + ", or from KubeSpawner 7.1 on " + pending
	case prediction.VersionOf(in.Hub.KubeSpawner).AtLeast(7, 1, 0):
		return pending
	}
	return empty
}

func (in *Input) missingClaim(sp *facts.Spawner, volume *facts.Volume) verdict.Finding {
	name := in.rememberedClaim(sp)
	user := in.usersByID()[sp.UserID]
	details := map[string]string{"claim": name.Name, "namespace": name.Namespace, "kubespawner": cmp.Or(in.Hub.KubeSpawner.Version, "not known")}
	where := "nothing tells where the files are"
	var places []string
	if volume != nil {
		details["volume"] = volume.Name
		places = append(places, fmt.Sprintf("volume %s (%s, %s), which was this claim's", volume.Name, volume.Phase, bytesText(volume.CapacityBytes)))
	}
	if others := in.Owners().Claims(in.Hub.Name, user.ID, sp.Name); len(others) > 0 {
		texts := make([]string, len(others))
		for i, c := range others {
			texts[i] = in.claimText(c)
		}
		details["claims"] = strings.Join(texts, "; ")
		places = append(places, list(texts, 3)+", of the same server")
	}
	if len(places) > 0 {
		where = "the files may be in " + strings.Join(places, ", or in ")
	}
	f := in.serverFinding(sp, "", fmt.Sprintf("the hub remembers claim %s for %s, and there is no such claim: %s; %s", name.Name, in.serverText(sp), in.afterMissing(1), where), details)
	f.Details["user"], f.Subject.Namespace = user.Name, name.Namespace
	return f
}
