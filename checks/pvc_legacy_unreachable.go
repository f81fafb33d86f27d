package checks

import (
	"cmp"
	"fmt"
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcLegacyUnreachable = &Check{
	ID:       "pvc-legacy-unreachable",
	Title:    "Every server's next start finds the claim with its user's files",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Doc: Doc{
		Meaning: "A user has a claim for this server, under a name that the hub's KubeSpawner does not ask for and does not try: the chart or the template " +
			"changed, legacy names are switched off, or the hub remembers nothing of the server, so that it looks for no older name. The next start makes a " +
			"new, empty claim beside it. On a hub before KubeSpawner 7 a finding of severity info counts the servers that a change to chart 4.4.0 would " +
			"do that to; it asks for nothing as long as no upgrade is planned.",
		FalseAlarms: "A template, slug scheme or version in the audit's configuration that is not the hub's: compare them first; where most claims have names that " +
			"none of these gives, the running chart itself made the claim, or nothing tells which version runs, the check is unknown for that reason. Servers that have both claims by " +
			"now are pvc-duplicate-server's, those that KubeSpawner forgot are pvc-legacy-forgotten's, and after a loss of the database this check is skipped for " +
			"hub-db-reset. A claim that was left for a former user of the same name on purpose is reported, for the new user is not shown those files: " +
			"archive and delete it. The forecast leaves out servers that run now, as they are stopped before an upgrade, and hubs before KubeSpawner 0.8, " +
			"which cannot be upgraded in one step.",
		Do: []string{
			"Keep these users from starting a server: see for whom with `audit predict`.",
			"If the template or the chart was changed for all, change it back before anyone starts: set `c.KubeSpawner.pvc_name_template` (Zero to JupyterHub: `singleuser.storage.dynamic.pvcNameTemplate`) to what the old claims were made with. From KubeSpawner 7 on, also `slug_scheme` to `escape`.",
			"For single servers under KubeSpawner 7, stop the hub, copy the database, and write the claim into the server's row; the JSON report has the statement as `sql`. In SQLite: `UPDATE spawners SET state = json_set(coalesce(state, '{}'), '$.pvc_name', 'CLAIM') WHERE id = ROW;`.",
			"Before KubeSpawner 7 a server finds its claim only by name: set the old volume to Retain, delete the old claim, clear `claimRef` of the volume, and make a claim of the new name with that `volumeName`.",
			"Start the hub, and run `audit now` again.",
			"For a forecast of severity info: run `audit predict --chart 4.4.0` before upgrading, and read the upgrade guide of Zero to JupyterHub 4.",
		},
		Dont: []string{
			"Do not delete the claims of the older naming: they are the users' homes.",
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{"jupyterhub/zero-to-jupyterhub-k8s#3574, #2399 and #3536", "jupyterhub/kubespawner kubespawner/spawner.py: load_state, _start"},
	},
	Run: runPVCLegacyUnreachable,
}

func runPVCLegacyUnreachable(in *Input) Result {
	if why := in.lossExplained(); why != "" {
		return Result{Skip: "explained by " + why}
	}
	starts, r := in.emptyStarts(prediction.CauseUnreachable, prediction.CauseNoState)
	starts = in.withoutWrongIDs(starts)
	if why := cmp.Or(in.strangeNames(starts), in.namedByItself(starts), in.versionUnknown(starts)); why != "" {
		return Result{Unknown: why}
	}
	for _, s := range starts {
		what := "a name that the hub does not try"
		if s.Cause == prediction.CauseNoState {
			what = "which the hub does not look for, as it remembers nothing of this server"
		}
		r.Findings = append(r.Findings, in.emptyStart(s, what))
	}
	if n := len(starts); n > 1 {
		r.Summary = fmt.Sprintf("the next start of %s makes an empty home: their claims have names that the hub does not try", text.Count(n, "server"))
	}
	if f, ok := in.upgradeForecast(); ok {
		r.Findings = append(r.Findings, f)
	}
	return r
}

// strangeNames says why starts that make an empty home prove nothing: the claims
// of most servers have names that no version and no setting known here gives
// them, so that the hub names claims in a way that the audit was not told of.
// "" where that is not so.
func (in *Input) strangeNames(empty []*prediction.Start) string {
	strange := 0
	for _, s := range empty {
		known := slices.ContainsFunc(in.Owners().Rendered(s.DataNamespace, s.Data), func(r attribution.Rendered) bool {
			return r.Owner.UserID == s.UserID && r.Owner.Server == s.Server
		})
		if o, _ := in.Owners().Owner(s.DataNamespace, s.Data); !known && o.By != attribution.ByEarlierID {
			strange++
		}
	}
	if strange == 0 {
		return ""
	}
	starts, _ := in.Starts() // without an error, as some are empty
	housed := 0
	for i := range starts {
		if len(starts[i].Claims) > 0 {
			housed++
		}
	}
	if strange*2 <= housed {
		return ""
	}
	return fmt.Sprintf("the claims of %s of %s have names that neither the template %q nor any older one gives: set pvcNameTemplate to the hub's own in the audit's configuration",
		text.Number(strange), text.Count(housed, "server"), in.Hub.KubeSpawner.PVCNameTemplate)
}

// namedByItself says why starts that make an empty home prove nothing: the
// release that runs made the very claim that it is said not to try, so that the
// template which the audit goes by is not the hub's. "" where that is not so.
func (in *Input) namedByItself(empty []*prediction.Start) string {
	k := &in.Hub.KubeSpawner
	for _, s := range empty {
		c := in.claimsByKey()[claimKey{s.DataNamespace, s.Data}]
		if c == nil || c.SourceKind != "" || c.User != s.User || c.Server != s.Server || k.Chart == "" || c.Chart != "jupyterhub-"+k.Chart {
			continue
		}
		return fmt.Sprintf("%s of %s was made under chart %s, which the hub runs, and the template %q gives it another name, %s: set pvcNameTemplate to the hub's own in the audit's configuration",
			c.Name, in.startOwner(s), k.Chart, k.PVCNameTemplate, s.Claim)
	}
	return ""
}

// versionUnknown says why starts that make an empty home prove nothing: they are
// those of a KubeSpawner that is only assumed. "" where it is known, or there are none.
func (in *Input) versionUnknown(empty []*prediction.Start) string {
	k := &in.Hub.KubeSpawner
	if _, err := kubespawner.ParseVersion(k.Version); err == nil || len(empty) == 0 {
		return ""
	}
	return fmt.Sprintf("which KubeSpawner the hub runs is not known; under %s the next start of %s would make an empty home: set kubespawner.chart of the hub",
		prediction.VersionOf(*k), text.Count(len(empty), "server"))
}

// newestChart is the newest release of Zero to JupyterHub.
const newestChart = "4.4.0"

// upgradeForecast counts the servers that lose their home with a change to the
// newest chart and have it today; false if there is none or no such change.
func (in *Input) upgradeForecast() (verdict.Finding, bool) {
	v, err := kubespawner.ParseVersion(in.Hub.KubeSpawner.Version)
	if err != nil || v.AtLeast(7, 0, 0) || !v.AtLeast(0, 8, 0) || in.Hub.KubeSpawner.Homes.Claim != "" {
		return verdict.Finding{}, false
	}
	then, err := prediction.Under(in.Hub.KubeSpawner, prediction.Change{Chart: newestChart})
	if err != nil {
		return verdict.Finding{}, false // a custom template that the newest does not know
	}
	today, _ := in.Starts()
	starts, err := prediction.Predict(in.Snapshot, in.Hub, then, in.Owners())
	if err != nil {
		return verdict.Finding{}, false
	}
	fine := map[serverKey]bool{}
	for i := range today {
		fine[serverKey{today[i].UserID, today[i].Server}] = today[i].Outcome == prediction.Same
	}
	var lost []string
	for i := range starts {
		s := &starts[i]
		if fine[serverKey{s.UserID, s.Server}] && s.Outcome != prediction.Same && s.Cause != prediction.CauseRunning {
			lost = append(lost, in.startOwner(s).String())
		}
	}
	if len(lost) == 0 {
		return verdict.Finding{}, false
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace}, Severity: verdict.Info,
		Message: fmt.Sprintf("a change to chart %s would take their home from %s of %s, such as %s: run audit predict --chart %s before upgrading",
			newestChart, text.Number(len(lost)), text.Count(len(starts), "server"), list(lost, 3), newestChart),
		Details: map[string]string{"chart": newestChart, "servers": idText(int64(len(lost))), "examples": list(lost, 20),
			"kubespawner": cmp.Or(in.Hub.KubeSpawner.Version, "not known")},
	}, true
}
