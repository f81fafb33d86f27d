package checks

import (
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var pvcNameCollision = &Check{
	ID:       "pvc-name-collision",
	Title:    "No two users' servers start on the same claim",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims},
	Params: []Param{
		{Name: "maxUsers", Doc: "how many users' servers may remember a claim before it is taken for one that is shared on purpose", Default: 3, Min: 1, Max: 1e6, Unit: "users"},
	},
	Doc: Doc{
		Meaning: "The next starts of servers of different users mount one and the same claim: one of them sees, and may change or delete, the other's files, and deleting " +
			"either user deletes the claim. The charts 0.10 to 3.3 put nothing between the names of user and server, so server \"lab\" of \"ann\" and the default server " +
			"of \"annlab\" both ask for claim-annlab. A template of one's own can do the same, and so can a claim that was written into two users' states. After an " +
			"upgrade that parts the names, the one who asks for the old name still gets the other's claim. A claim that was made for a user who has been deleted since counts too: " +
			"whoever asks for its name gets that user's files.",
		FalseAlarms: "Claims that users share on purpose: a template without a field of the user, a claim of everybody's home directories, claims under `otherClaims` in the " +
			"audit's configuration, and claims that more than `maxUsers` users' servers remember are not reported. Several servers of one user may share a " +
			"claim. For two accounts of one person that mount one claim on purpose, put the claim under `otherClaims`. " +
			"A claim of a former user that the hub remembers for somebody else is not reported, as a renamed user looks the same.",
		Do: []string{
			"Stop the servers of all users but the one whose files are on the claim; the finding says who that is, as far as it is known.",
			"Ask both users what they see, and keep a snapshot of the volume before anybody tidies up.",
			"For a named server, have its user make one of another name; its claim then has another name too.",
			"For the default server of a user on somebody else's claim, upgrade to KubeSpawner 7 after `audit predict --chart 4.4.0`, or, on KubeSpawner 7, stop the hub and write a claim of their own into the server's state (`pvc_name`).",
			"Copy the files of the user who moved from a pod that mounts both claims.",
			"For new users, reserve names: a login that is another user's name with a server's name behind it is to be refused until the names are kept apart.",
		},
		Dont: []string{
			"Do not delete either user or server through the hub: that deletes the claim with both users' files.",
			"Do not change pvc_name_template for everybody to part two users: it moves all others.",
		},
		Sources: []string{"jupyterhub/zero-to-jupyterhub-k8s jupyterhub/values.yaml, 0.10 to 3.3: pvcNameTemplate", "jupyterhub/zero-to-jupyterhub-k8s#3574"},
	},
	Run: runPVCNameCollision,
}

func runPVCNameCollision(in *Input) Result {
	if k := &in.Hub.KubeSpawner; k.Homes.Claim == "" && allUsersAlike(k.PVCNameTemplate) {
		return Result{Skip: fmt.Sprintf("the template %q gives all users one claim: hub-shared-pvc-deletable watches it", k.PVCNameTemplate)}
	}
	starts, r := in.nextStarts()
	var order []claimKey
	byClaim := make(map[claimKey]*prediction.Start, len(starts))
	same := map[claimKey][]*prediction.Start{}
	for i := range starts {
		s := &starts[i]
		k := claimKey{s.Namespace, s.Claim}
		first, taken := byClaim[k]
		switch {
		case !taken:
			byClaim[k] = s
		case same[k] == nil:
			order = append(order, k)
			same[k] = []*prediction.Start{first, s}
		default:
			same[k] = append(same[k], s)
		}
	}
	for _, k := range order {
		if f, ok := in.collision(k, same[k]); ok {
			r.Findings = append(r.Findings, f)
		}
	}
	names := in.claimNames()
	for i := range starts {
		s := &starts[i]
		if same[claimKey{s.Namespace, s.Claim}] != nil {
			continue
		}
		if owner, ok := names.formerName(s); ok {
			r.Findings = append(r.Findings, in.formerCollision(s, owner))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s are what the next starts of several users' servers mount: users see each other's files", text.Count(n, "claim"))
	}
	return r
}

// formerName tells whether a start mounts another user's claim because that was
// once given the same name, and whose it is. A claim that the hub remembers for
// the server by now is still the other's if it was made for a server of theirs
// under the very name.
func (n *claimNames) formerName(s *prediction.Start) (attribution.Owner, bool) {
	in := n.in
	c := in.claimsByKey()[claimKey{s.Namespace, s.Claim}]
	switch {
	case c == nil || in.nobodys(c):
		return attribution.Owner{}, false
	case s.Outcome != prediction.Other:
	case s.Owner.Hub != in.Hub.Name:
		return attribution.Owner{}, false
	case slices.ContainsFunc(in.Owners().Rendered(s.Namespace, s.Claim), func(r attribution.Rendered) bool {
		return s.Owner.UserID != 0 && r.Owner.UserID == s.Owner.UserID && r.Owner.Server == s.Owner.Server
	}):
		return s.Owner, true
	}
	made := madeFor(c)
	switch {
	case made.User == "" || made.User == s.User || c.SourceKind != "" || !n.agree(made):
		return attribution.Owner{}, false
	case s.Outcome == prediction.Other:
		return s.Owner, s.Owner.By == attribution.ByAnnotation || s.Owner.By == attribution.ByLabel
	}
	for i := range in.Hub.Users {
		if u := &in.Hub.Users[i]; u.Name == made.User {
			by := attribution.ByLabel
			if c.HasUser {
				by = attribution.ByAnnotation
			}
			owner := attribution.Owner{Hub: in.Hub.Name, User: u.Name, UserID: u.ID, Server: made.Server, By: by}
			return owner, in.usersWhoRemember(claimKey{s.Namespace, s.Claim}) == 1
		}
	}
	return attribution.Owner{}, false
}

// madeFor is a claim with the annotations that tell whom it was made for; what
// KubeSpawner 0.6 and 0.7 wrote as labels counts as such.
func madeFor(c *facts.Claim) *facts.Claim {
	user, ok := kubespawner.OldLabelUser(c.LabelUser)
	if c.HasUser || !ok {
		return c
	}
	made := *c
	made.User, made.Server = user, c.LabelServer
	return &made
}

// formerCollision reports a start on another user's claim, whose server asks
// for another name by now, or is gone with its user.
func (in *Input) formerCollision(s *prediction.Start, owner attribution.Owner) verdict.Finding {
	c := in.claimsByKey()[claimKey{s.Namespace, s.Claim}]
	details := map[string]string{"servers": in.startOwner(s).String() + "; " + owner.String(), "users": "2", "template": in.Hub.KubeSpawner.PVCNameTemplate,
		"owner": owner.String(), "ownerBecause": "by " + string(owner.By)}
	f := verdict.Finding{Subject: claimSubject(c), Details: details,
		Message: fmt.Sprintf("the next start of %s mounts %s, which an older naming gave to %s: a claim of its own is expected, and one user sees the other's files",
			in.startOwner(s), in.claimText(c), owner)}
	if owner.UserID == 0 {
		f.Message += "; the hub does not have that user any more"
		if len(s.Claims) == 0 {
			f.Severity = verdict.Error // nobody misses a home
		}
	}
	return f
}

// allUsersAlike tells whether a template, as far as it is understood, gives all
// users one claim.
func allUsersAlike(template string) bool {
	fields, err := kubespawner.Fields(template)
	strange := slices.ContainsFunc(fields, func(f string) bool { return !kubespawner.KnownField(f) })
	return err == nil && !strange && !kubespawner.HasUser(template)
}

// collision reports that servers mount one claim; false if they are all one
// user's or share it on purpose.
func (in *Input) collision(k claimKey, starts []*prediction.Start) (verdict.Finding, bool) {
	users := map[string]bool{}
	texts := make([]string, len(starts))
	for i, s := range starts {
		users[s.User] = true
		texts[i] = in.startOwner(s).String()
	}
	if len(users) < 2 || in.Hub.OtherClaim(k.Name) || float64(in.usersWhoRemember(k)) > in.Number("maxUsers") {
		return verdict.Finding{}, false
	}
	details := map[string]string{"servers": strings.Join(texts, "; "), "users": idText(int64(len(users))), "template": in.Hub.KubeSpawner.PVCNameTemplate}
	f := verdict.Finding{Subject: verdict.Subject{Kind: "claim", Name: k.Name, Namespace: k.Namespace}, Details: details}
	message := fmt.Sprintf("the next starts of %s mount claim %s, one of its own is expected for each user", joined(texts, " and ", 4), k.Name)
	c := in.claimsByKey()[k]
	if c == nil {
		f.Message = message + "; it does not exist yet: whoever starts first gives the others their files"
		return f, true
	}
	f.Subject = claimSubject(c)
	owner, why := in.holderOf(c, starts)
	if owner.User == "" {
		f.Message = fmt.Sprintf("%s: %s; nothing tells whose files are on it", message, in.claimText(c))
		return f, true
	}
	details["owner"], details["ownerBecause"] = owner.String(), why
	f.Message = fmt.Sprintf("%s: %s, the files of %s, %s; the others see them", message, in.claimText(c), owner, why)
	return f, true
}

// usersWhoRemember counts the users for whose servers a hub remembers a claim.
func (in *Input) usersWhoRemember(k claimKey) int {
	users := map[string]bool{}
	for _, e := range in.Owners().Evidence(k.Namespace, k.Name) {
		if e.By == attribution.ByState {
			users[e.Owner.Hub+"/"+e.Owner.User] = true
		}
	}
	return len(users)
}

// holderOf tells whose files are on a claim that several users' servers mount,
// and what tells it. An owner without a user: nothing does.
func (in *Input) holderOf(c *facts.Claim, starts []*prediction.Start) (attribution.Owner, string) {
	if c.HasUser && c.User != "" {
		for _, s := range starts {
			if s.User == c.User && s.Server == c.Server {
				return in.startOwner(s), "whom it was made for"
			}
		}
		return attribution.Owner{User: c.User, Server: c.Server}, "whom it was made for"
	}
	if o, ok := in.Owners().Owner(c.Namespace, c.Name); ok {
		return o, "by " + string(o.By)
	}
	// Who was not there when the claim was made cannot be the one.
	var there []*prediction.Start
	for _, s := range starts {
		if u := in.usersByID()[s.UserID]; u == nil || u.Created.IsZero() || !u.Created.After(c.Created) {
			there = append(there, s)
		}
	}
	if len(there) == 1 {
		return in.startOwner(there[0]), "the only one of them who was there when it was made"
	}
	return attribution.Owner{}, ""
}
