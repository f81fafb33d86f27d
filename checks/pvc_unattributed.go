package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcUnattributed = &Check{
	ID:       "pvc-unattributed",
	Title:    "It is known whose home every user claim is",
	Severity: verdict.Warning,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Uses:     []string{facts.KubePods},
	Doc: Doc{
		Meaning: "A claim looks like a user's home, by its labels or the beginning of its name, and neither the hub's database nor its annotations, its label, a pod " +
			"or its name under any scheme of KubeSpawner tells whose. No other check can watch over it, and after the loss of the database `audit rescue` cannot " +
			"give it back to its owner.",
		FalseAlarms: "Claims of helpers that are named like homes, such as shared data: list them under otherClaims in the hub's configuration here (`otherClaims: [claim-shared-*]`). Copies of " +
			"other claims or of snapshots are not reported, nor are claims whose label names one user, which several users' next starts mount (pvc-name-collision), or whose owner is a former user: hub-owner-missing and " +
			"pvc-orphaned list those; a label of KubeSpawner 0.6 or 0.7 tells of a former user too. A pvcNameTemplate in the audit's configuration that is not the hub's makes homes look like nobody's: compare them first.",
		Do: []string{
			"See what the claim itself tells: `kubectl -n NAMESPACE get pvc CLAIM -o yaml`. Where its name fits several users, the finding names them.",
			"Mount it read-only in a pod, and look for names in `.jupyter`, `.gitconfig`, `.bash_history` and the notebooks.",
			"When you know the owner, write it down on the claim: `kubectl -n NAMESPACE annotate pvc CLAIM hub.jupyter.org/username=USER`, and for a named server also `hub.jupyter.org/servername=SERVER`.",
			"That changes nothing for the user's next start: run `audit predict` to see which claim it mounts, and pvc-duplicate-server if they have two now.",
			"If it is nobody's home, list it under otherClaims.",
		},
		Dont: []string{
			"Do not delete a claim because nothing tells whose it is: homes of 2016 and 2017 bear no mark at all.",
			"Do not guess between two users of like names: each would see the other's files.",
		},
		Sources: []string{"kubespawner/spawner.py and kubespawner/slugs.py of every version: what claims are named and labelled", "Berkeley DataHub post-mortem, 2017-02-09"},
	},
	Run: runPVCUnattributed,
}

func runPVCUnattributed(in *Input) Result {
	if why := usersUnread(in.Hub); why != "" {
		return in.unlessLost(Result{Unknown: why})
	}
	claims := in.unattributed()
	var r Result
	for _, c := range claims {
		r.Findings = append(r.Findings, in.unattributedClaim(c))
	}
	r.Findings = in.withoutCollisions(r.Findings)
	n := len(r.Findings)
	if n == 0 {
		return Result{}
	}
	unread := cmp.Or(rowsUnread(in.Hub), statesUnread(in.Hub), in.namesUnknown())
	if hub := in.unreadNeighbour(); unread == "" && hub != "" {
		unread = fmt.Sprintf("the users and servers of hub %s in the same namespace could not be read in full", hub)
	}
	if unread != "" {
		return in.unlessLost(Result{Unknown: fmt.Sprintf("nothing that is known tells whose %s: %s", text.Count(n, "claim")+text.Plural(n, " is", " are"), unread)})
	}
	if n > 1 {
		r.Summary = fmt.Sprintf("%s look like users' homes, and nothing tells whose", text.Count(n, "claim"))
	}
	return in.unlessLost(r)
}

// unattributed are the claims that look like homes and have no owner by any
// evidence. Of several hubs in one namespace the first reports them.
func (in *Input) unattributed() []*facts.Claim {
	first := slices.IndexFunc(in.Hubs, func(h *facts.Hub) bool { return h.Namespace == in.Hub.Namespace })
	if in.Hubs[first] != in.Hub {
		return nil
	}
	former := map[*facts.Claim]bool{}
	for _, claims := range in.claimOwners().missing {
		for _, c := range claims {
			former[c.Claim] = true
		}
	}
	spaces, owners := in.userSpaces(), in.Owners()
	var found []*facts.Claim
	for i := range in.Kube.Claims {
		c := &in.Kube.Claims[i]
		if !c.Deleting.IsZero() || c.SourceKind != "" || former[c] || in.nobodys(c) || !spaces.has(c.Namespace, c.User) || !in.looksLikeHome(c) {
			continue
		}
		_, owned := owners.Owner(c.Namespace, c.Name)
		_, labelled := owners.LabelUser(c.Namespace, c.Name)
		if !owned && !labelled && !owners.SharedByUsers(c.Namespace, c.Name) {
			found = append(found, c)
		}
	}
	return in.withoutHubMounts(found)
}

// looksLikeHome tells whether KubeSpawner could have made a claim for a server.
// Where the template does not name the user, what it names is everybody's.
func (in *Input) looksLikeHome(c *facts.Claim) bool {
	template := in.Hub.KubeSpawner.PVCNameTemplate
	switch {
	case facts.IsHubClaim(c.Name), c.Name == template:
		return false
	case c.HasUser, c.LabelUser != "", c.Component == facts.HomeComponent:
		return true
	case c.Component != "":
		return false
	case kubespawner.HasUser(template) && strings.HasPrefix(c.Name, in.claimPrefix()):
		return true
	}
	return strings.HasPrefix(c.Name, "claim-")
}

// withoutHubMounts leaves out what hubs themselves mount.
func (in *Input) withoutHubMounts(claims []*facts.Claim) []*facts.Claim {
	if len(claims) == 0 {
		return nil
	}
	helpers := map[claimKey]bool{}
	for i := range in.Kube.Pods {
		if p := &in.Kube.Pods[i]; p.Component == facts.HubComponent {
			for _, name := range p.Claims {
				helpers[claimKey{p.Namespace, name}] = true
			}
		}
	}
	return slices.DeleteFunc(claims, func(c *facts.Claim) bool { return helpers[claimKey{c.Namespace, c.Name}] })
}

func (in *Input) unattributedClaim(c *facts.Claim) verdict.Finding {
	candidates := in.candidates(c)
	message := fmt.Sprintf("claim %s looks like a user's home and nothing tells whose, an owner is expected", in.claimText(c))
	details := map[string]string{"created": text.Time(c.Created), "volume": c.VolumeName, "requested": bytesText(c.RequestBytes)}
	if len(candidates) > 0 {
		message += "; it may be that of " + joined(candidates, " or ", 4)
		details["candidates"] = joined(candidates, ", ", 20)
	}
	if c.LabelUser != "" {
		details["label"] = c.LabelUser
	}
	return verdict.Finding{Subject: claimSubject(c), Message: message, Details: details}
}

// candidates are the users, quoted, whom some evidence names that does not
// suffice: a name, lossy or not, that several of them have, or several pods.
func (in *Input) candidates(c *facts.Claim) []string {
	var users []string
	for _, e := range in.Owners().Evidence(c.Namespace, c.Name) {
		if e.By != attribution.ByEarlierID {
			users = append(users, fmt.Sprintf("%q", e.Owner.User))
		}
	}
	if lossy, _, ok := kubespawner.ParseLossyClaim(c.Name); ok && attribution.Bare(c) {
		for i := range in.Hub.Users {
			if name := in.Hub.Users[i].Name; kubespawner.Lossy(name) == lossy {
				users = append(users, fmt.Sprintf("%q", name))
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}
