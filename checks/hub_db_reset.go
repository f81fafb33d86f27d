package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubDBReset = &Check{
	ID:       "hub-db-reset",
	Title:    "The hub's database is as old as its users' volumes",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Params: []Param{
		{Name: "minOwners", Doc: "how many different owners the claims must have before they say anything", Default: 5, Min: 1, Max: 1e6, Unit: "owners"},
		{Name: "minKnownPercent", Doc: "how many of the owners must be in the database", Default: 50, Min: 0, Max: 100, Unit: "percent"},
		{Name: "minAge", Doc: "how much younger than the median user claim the database may be", Default: float64(24 * time.Hour), Min: 0,
			Max: float64(10 * 365 * 24 * time.Hour), Unit: UnitDuration},
	},
	Doc: Doc{
		Meaning: "Most owners of the volumes in the cluster are unknown to the hub, and the database looks new: it was replaced by an empty one while " +
			"the volumes stayed. Each user who logs in gets a new account and perhaps a new, empty volume beside the old one. " +
			"This needs no history: volumes and database contradict each other.",
		FalseAlarms: "A new hub in the namespace of an old one, or a hub that was moved here on purpose and whose former users are not to return: archive " +
			"and delete the old claims, or disable the check for this cluster. Claims that are being deleted and claims of other hubs in the same " +
			"namespace are not counted.",
		Do: []string{
			rescueFirst,
			"Stop the hub before more users log in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Copy the database to another volume: accounts made since the reset are in it.",
			"Look for the old database: backups, `jupyterhub.sqlite.<date>` files on the hub's volume, and a Released PersistentVolume of hub-db-dir (`kubectl get pv`).",
			"Restore it and add the users who came after it; without any copy, build the rows from the claims' owners.",
			"For users who got a second volume meanwhile, see pvc-duplicate-server.",
			"Start the hub.",
		},
		Dont: []string{
			"Do not delete claims without an owner: they are the lost users' files.",
			"Do not run `helm uninstall`: it removes the hub's own claim with what may still be recovered from it.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09, and its incident of 2018-02-06",
			"jupyterhub/zero-to-jupyterhub-k8s#3718",
		},
	},
	Run: runHubDBReset,
}

func runHubDBReset(in *Input) Result {
	unread := usersUnread(in.Hub)
	if unread != "" && !in.Hub.Emptied() {
		return Result{Unknown: unread}
	}
	o := in.claimOwners()
	owners := len(o.known) + len(o.missing)
	if n := float64(owners); n < in.Number("minOwners") || float64(len(o.known))*100 >= in.Number("minKnownPercent")*n {
		return Result{}
	}
	signs := in.signsOfReset(o)
	if len(signs) == 0 {
		return Result{}
	}
	if hub := in.unreadNeighbour(); hub != "" {
		return Result{Unknown: fmt.Sprintf("claims in namespace %s may belong to hub %s, whose database could not be read in full", in.Hub.Namespace, hub)}
	}
	missing := slices.Sorted(maps.Keys(o.missing))
	return Result{Findings: []verdict.Finding{{
		Subject: in.databaseSubject(),
		Message: fmt.Sprintf("only %s of %s of claims %s in the database, at least %s %% expected; %s", text.Number(len(o.known)), text.Count(owners, "owner"),
			text.Plural(len(o.known), "is", "are"), plain(in.Number("minKnownPercent")), strings.Join(signs, ", and ")) + in.betterCopy(),
		Details: map[string]string{"owners": idText(int64(owners)), "ownersInDatabase": idText(int64(len(o.known))),
			"users": idText(int64(len(in.Hub.Users))), "missing": list(missing, 20)},
	}}}
}

// signsOfReset says what makes the database look newer than the claims. Users
// that were merely deleted leave none of these.
func (in *Input) signsOfReset(o *claimOwners) []string {
	if len(in.Hub.Users) == 0 {
		return []string{"the database has no user at all"}
	}
	var signs []string
	median, minAge := medianTime(o.created), in.Duration("minAge")
	if first := firstCreated(in.Hub.Users); !first.IsZero() && first.Sub(median) > minAge {
		signs = append(signs, fmt.Sprintf("its oldest user was created on %s, %s after the median claim", day(first), text.Duration(first.Sub(median))))
	}
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; in.isHubClaim(c) && c.Created.Sub(median) > minAge {
			signs = append(signs, fmt.Sprintf("its volume %s was created on %s, %s after the median claim", c.Name, day(c.Created), text.Duration(c.Created.Sub(median))))
		}
	}
	highest := in.Hub.Users[len(in.Hub.Users)-1].ID
	above := 0
	for _, id := range o.oldIDs {
		if id > highest {
			above++
		}
	}
	if highest > 0 && above*2 > len(o.oldIDs) { // the REST API shows no ids
		signs = append(signs, fmt.Sprintf("its highest user id is %d while claims are named after ids up to %d", highest, slices.Max(o.oldIDs)))
	}
	return signs
}

// firstCreated is when the oldest user was made; zero before JupyterHub 0.9,
// which did not write it down.
func firstCreated(users []facts.User) time.Time {
	var first time.Time
	for i := range users {
		if t := users[i].Created; !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// medianTime sorts the times and returns the middle one, of two the earlier.
func medianTime(times []time.Time) time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return times[(len(times)-1)/2]
}
