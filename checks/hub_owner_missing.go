package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubOwnerMissing = &Check{
	ID:       "hub-owner-missing",
	Title:    "The owners of the users' claims are users of the hub",
	Severity: verdict.Error,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Params: []Param{
		{Name: "maxPercent", Doc: "how many of the owners may be missing before it is more than former users", Default: 5, Min: 0, Max: 100, Unit: "percent"},
		{Name: "minOwners", Doc: "how many owners must be missing for that", Default: 5, Min: 1, Max: 1e6, Unit: "owners"},
	},
	Doc: Doc{
		Meaning: "A claim bears the name of somebody whom the hub does not know. A few are former users whose claims were kept. Many are users who " +
			"vanished from the database: an old copy was restored, names were rewritten, rows were deleted by hand. When they log in they get a new " +
			"account, which finds the old claim only if KubeSpawner still makes the same name for it.",
		FalseAlarms: "Users who were deleted while KubeSpawner keeps claims (`delete_pvc = False`; set deletePVC in the hub's configuration accordingly), or " +
			"by the authenticator's `delete_invalid_users`, leave their claims on purpose: these, few owners, and owners of nothing but claims of named " +
			"servers, which KubeSpawner leaves behind, are only listed. Claims that are being deleted and claims of other hubs are not counted. A " +
			"database that was replaced is hub-db-reset's to tell, and one without users hub-db-corrupt's.",
		Do: []string{
			"Ask whether these users were deleted, and when. The findings name their claims, with size and last use where Longhorn tells.",
			"If they were, archive the files and delete the claims when their time has come; with `delete_pvc = False`, write `deletePVC: false` into the hub's kubespawner settings here.",
			"If nobody deleted them, look for them in the newest backup of the database, and compare with hub-user-count-drift and hub-user-id-changed.",
			"Where the hub has a user of a like name, as the finding says, names were rewritten: put them right while the hub is down.",
			"Otherwise add the rows back from the backup while the hub is down.",
		},
		Dont: []string{
			"Do not delete a claim because its owner is unknown: that is how lost users look.",
		},
		Sources: []string{"jupyterhub/kubespawner#924", "jupyterhub/app.py (delete_invalid_users)", "Berkeley DataHub post-mortem, 2017-02-09"},
	},
	Run: runHubOwnerMissing,
}

func runHubOwnerMissing(in *Input) Result {
	if why := in.lossExplained(); why != "" {
		return Result{Skip: "explained by " + why}
	}
	if why := usersUnread(in.Hub); why != "" {
		return Result{Unknown: why}
	}
	o := in.claimOwners()
	if len(o.missing) == 0 {
		return Result{}
	}
	if hub := in.unreadNeighbour(); hub != "" {
		return Result{Unknown: fmt.Sprintf("claims in namespace %s may belong to hub %s, whose users could not be read in full", in.Hub.Namespace, hub)}
	}
	owners, lost := len(o.known)+len(o.missing), 0
	for _, claims := range o.missing {
		if !leftBehind(claims) {
			lost++
		}
	}
	many := in.Hub.KubeSpawner.DeletePVC && float64(lost) >= in.Number("minOwners") &&
		float64(lost)*100 > in.Number("maxPercent")*float64(owners)
	r := Result{Summary: fmt.Sprintf("%s of %s of claims %s not among the hub's users; few are normal after deletions",
		text.Number(len(o.missing)), text.Count(owners, "owner"), text.Plural(len(o.missing), "is", "are"))}
	if many {
		r.Summary = fmt.Sprintf("%s of %s of claims (%s) are not among the hub's users, at most %s %% expected",
			text.Number(lost), text.Count(owners, "owner"), percent(float64(lost), float64(owners)), plain(in.Number("maxPercent")))
	}
	alike := newLikeNames(in.Hub.Users)
	for _, name := range slices.Sorted(maps.Keys(o.missing)) {
		f := in.ownerMissing(name, o.missing[name], alike)
		if !many || leftBehind(o.missing[name]) {
			f.Severity = verdict.Info
		}
		r.Findings = append(r.Findings, f)
	}
	return r
}

// lossExplained names the check that reports the cause of which missing owners
// are a consequence, and what it says; "" if there is none.
func (in *Input) lossExplained() string {
	if in.Hub.UsersRead != facts.Complete && in.Hub.Emptied() {
		return hubDBCorrupt.ID + ": the database holds no users at all"
	}
	if reset := runHubDBReset(in.as(hubDBReset)); len(reset.Findings) > 0 {
		return hubDBReset.ID + ": " + reset.Findings[0].Message
	}
	return ""
}

// leftBehind tells whether a user's claims are only those of named servers:
// KubeSpawner deletes these with the user in some versions only.
func leftBehind(claims []ownedClaim) bool {
	return !slices.ContainsFunc(claims, func(c ownedClaim) bool { return c.server == "" })
}

func (in *Input) ownerMissing(name string, claims []ownedClaim, alike likeNames) verdict.Finding {
	texts := make([]string, len(claims))
	requested := int64(0)
	for i, c := range claims {
		texts[i] = in.claimText(c.Claim)
		requested += c.RequestBytes
	}
	message := fmt.Sprintf("%q, the owner of %s, is not a user of the hub", name, list(texts, 4))
	details := map[string]string{"claims": strings.Join(texts, "; "), "requested": bytesText(requested)}
	if u := alike.of(name); u != nil {
		_, differ := difference(name, u.Name)
		message += fmt.Sprintf("; it has a user %q, whose name differs only in %s", u.Name, differ)
		details["alike"] = u.Name
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name, Namespace: claims[0].Namespace}, Message: message, Details: details}
}

// likeNames finds a user by any spelling of their name.
type likeNames map[string]*facts.User

func newLikeNames(users []facts.User) likeNames {
	names := make(likeNames, len(users))
	for i := range users {
		if key := foldName(users[i].Name); key != "" && names[key] == nil {
			names[key] = &users[i]
		}
	}
	return names
}

// of returns a user of like name, nil if there is none.
func (n likeNames) of(name string) *facts.User {
	if u := n[foldName(name)]; u != nil {
		return u
	}
	local, _ := cutDomain(name)
	return n[foldName(local)]
}
