package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcTerminating = &Check{
	ID:       "pvc-terminating",
	Title:    "No claim that is still needed is being deleted",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Params: []Param{
		{Name: "minAge", Doc: "how long the deletion of a claim that no pod mounts, or that was meant to go, may take by itself",
			Default: float64(2 * time.Minute), Min: 0, Max: float64(24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "Somebody or something deleted the claim, and a deletion cannot be undone. Kubernetes lets it exist only while a pod mounts it (finalizer " +
			"kubernetes.io/pvc-protection), or while a snapshot or a detachment is under way. The user still works in it and notices nothing. The moment " +
			"the server stops, the claim goes, and with reclaim policy Delete the files go with it. With Retain the volume is left without " +
			"a claim, and the next start gets a new, empty one.",
		FalseAlarms: "A claim of a user or of a named server that the hub no longer has is one that was meant to go: it is only listed. If the users " +
			"were not read in full, or the database was lost, that cannot be told; then a claim that a pod mounts is reported all the same, and for others the " +
			"check is unknown. A deletion that was meant, and that of a claim that no pod mounts, is told once it has taken longer than minAge. A copy of another claim or snapshot that no " +
			"server uses is only listed. Claims named in otherClaims are left out.",
		Do: []string{
			"Keep the volume first, at once: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`. It then outlives the claim, whatever happens next.",
			"Keep the server running, and for hub-db-dir the hub: ask the user not to stop it, and switch off the culler and any upgrade or drain.",
			"Copy the data while the pod runs: `kubectl -n NAMESPACE exec POD -- tar czf - -C /home/jovyan . > home.tar.gz`; for the hub, `sqlite3 jupyterhub.sqlite \".backup '/tmp/copy.sqlite'\"` and `kubectl cp`.",
			"Or have the storage system copy it: a backup in Longhorn's own page works. A VolumeSnapshot does not: none can be made of a claim that is being deleted.",
			"Find out who deleted it, before they delete the next: `helm history`, the API server's audit log, scripts that tidy up.",
			"Then stop the server, let the claim go, and bind the volume to a new claim of the same name: see pv-released-data.",
		},
		Dont: []string{
			"Do not stop, cull or restart the server, nor drain its node: that completes the deletion.",
			"Do not take the finalizer off to make it hang no longer: that completes the deletion too, under a running server.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s#3718",
			"kubernetes/kubernetes pkg/controller/volume/pvcprotection: only a pod that has a node keeps a claim",
			"kubernetes-csi/external-snapshotter pkg/common-controller: no finalizer on a claim that is being deleted",
		},
	},
	Run: runPVCTerminating,
}

// ending is a claim that is being deleted, and what keeps it.
type ending struct {
	kept
	holders []*facts.Pod // that keep it from going
	volume  *facts.Volume
}

func runPVCTerminating(in *Input) Result {
	endings := in.endings()
	if len(endings) == 0 {
		return Result{}
	}
	var r Result
	roster, podsRead, held := in.roster(), in.Source(facts.KubePods).Status == facts.OK, 0
	for _, e := range endings {
		young := in.Now.Sub(e.Deleting) <= in.Duration("minAge")
		if young && len(e.holders) == 0 {
			if !podsRead {
				r.Unknown = fmt.Sprintf("claim %s is being deleted since %s, and whether a pod mounts it could not be read", e.Name, text.Time(e.Deleting))
			}
			continue
		}
		severity, why := e.severity(roster)
		switch {
		case severity == "":
			r.Unknown = fmt.Sprintf("claim %s is being deleted, and whether that is wanted cannot be told: %s", e.Name, why)
			continue
		case severity == verdict.Info && young:
			continue
		case severity == verdict.Critical && len(e.holders) > 0:
			held++
		}
		r.Findings = append(r.Findings, e.finding(severity, why, podsRead))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = text.Count(n, "claim") + " are being deleted"
		if held > 0 {
			r.Summary += fmt.Sprintf("; %s that %s needed %s kept by nothing but a pod, and gone when that stops", text.Number(held), text.Plural(held, "is", "are"), text.Plural(held, "is", "are"))
		}
	}
	return r
}

// endings are the claims of the hub and its users that are being deleted.
func (in *Input) endings() []ending {
	var endings []ending
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; !c.Deleting.IsZero() {
			if k, ok := in.kept(c); ok {
				endings = append(endings, ending{kept: k})
			}
		}
	}
	if len(endings) == 0 {
		return nil
	}
	pods, volumes := podsByClaim(in.Kube.Pods), volumesByName(in.Kube.Volumes)
	for i := range endings {
		e := &endings[i]
		e.volume = volumes[e.VolumeName]
		for _, p := range pods[claimKey{e.Namespace, e.Name}] {
			// A pod without a node does not keep a claim; one that has ended does.
			if p.Node != "" {
				e.holders = append(e.holders, p)
			}
		}
	}
	return endings
}

// severity tells how bad the deletion is. why says of Info for what reason the
// deletion seems to be wanted, and of no severity why that cannot be told.
func (e *ending) severity(roster *roster) (s verdict.Severity, why string) {
	if e.hub || e.many {
		return verdict.Critical, ""
	}
	stands, unsure := roster.of(e.owner)
	switch {
	case stands == standingGone:
		return verdict.Info, "the hub no longer has this server"
	case stands == standingHas && e.someServer && e.SourceKind != "":
		return verdict.Info, fmt.Sprintf("it was made as a copy of %s %s, and no server uses it", e.SourceKind, e.SourceName)
	case stands == standingHas || len(e.holders) > 0:
		return verdict.Critical, ""
	case e.owner.User == "":
		return verdict.Warning, ""
	}
	return "", unsure
}

func (e *ending) finding(severity verdict.Severity, why string, podsRead bool) verdict.Finding {
	details := map[string]string{"deletingSince": text.Time(e.Deleting), "volume": e.VolumeName}
	if e.volume != nil {
		details["reclaimPolicy"] = e.volume.ReclaimPolicy
	}
	ownerDetails(details, e.owner)
	message := fmt.Sprintf("claim %s of %s was deleted at %s", e.Name, e.whose(), text.Time(e.Deleting))
	switch {
	case len(e.holders) > 0:
		names := podNames(e.holders)
		details["pods"] = strings.Join(names, ", ")
		only, holders := "only pod %s keeps it: when that stops, %s", list(names, 3)
		if len(names) > 1 {
			only = "only the pods %s keep it: when they stop, %s"
		}
		message += " and " + fmt.Sprintf(only, holders, e.loss())
	case podsRead:
		message += fmt.Sprintf(" and no pod keeps it, another finalizer does: at any moment %s", e.loss())
	default:
		message += fmt.Sprintf(", and what keeps it could not be read: at any moment %s", e.loss())
	}
	if why != "" {
		message += "; this seems to be wanted: " + why
	}
	return verdict.Finding{Subject: claimSubject(e.Claim), Severity: severity, Message: message, Details: details}
}

// loss says what goes with the claim.
func (e *ending) loss() string {
	switch {
	case e.volume != nil && e.volume.ReclaimPolicy == "Retain":
		return fmt.Sprintf("it is gone, its volume %s stays (Retain) and the next start gets a new, empty one", e.VolumeName)
	case e.volume != nil:
		return fmt.Sprintf("it is gone and its data with it (volume %s, reclaim policy %s)", e.VolumeName, e.volume.ReclaimPolicy)
	}
	return "it is gone, and its data with it unless its volume has reclaim policy Retain"
}

// podNames are the names of pods, with what matters of their state.
func podNames(pods []*facts.Pod) []string {
	names := make([]string, len(pods))
	for i, p := range pods {
		names[i] = p.Name
		switch {
		case !p.Deleting.IsZero():
			names[i] += " (being stopped)"
		case p.Phase == "Succeeded" || p.Phase == "Failed":
			names[i] += " (ended)"
		}
	}
	return names
}
