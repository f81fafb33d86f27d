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

var pvcMisrouted = &Check{
	ID:       "pvc-misrouted",
	Title:    "Every running server mounts its own user's home",
	Severity: verdict.Critical,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers, facts.KubeClaims, facts.KubePods},
	Params: []Param{
		{Name: "maxUsers", Doc: "how many users' pods may mount a claim before it is taken for one that they share on purpose", Default: 2, Min: 1, Max: 1e6, Unit: "users"},
	},
	Doc: Doc{
		Meaning: "A running server has another user's home: its user reads and changes that user's files, and does not see their own. On hubs before KubeSpawner " +
			"0.6, whose claims end in the user's id, also a claim whose id is another user's by now: the next start of the one whose name is in it makes a " +
			"new, empty home.",
		FalseAlarms: "A pod that mounts a home of its own user as well has the other one as an extra volume, and is not reported. Nor are claims that several " +
			"users' servers remember, that more than `maxUsers` users' pods mount, or that a template without the user names. A claim that users share " +
			"and that bears one user's annotation, because that user's server made it, can look misrouted while only one of them runs: list it under otherClaims in the " +
			"hub's configuration here. An admin who opens a user's server (access server) changes nothing, as the pod stays the user's. Where only the name of " +
			"the claim is the pod's own user's, pvc-owner-mismatch tells, and where servers of several users have one name, pvc-name-collision. Claims of an old id are left to pvc-duplicate-server where the user has a new claim already, and to " +
			"hub-user-id-changed where it saw the ids change. Where the database was replaced, hub-db-reset or hub-db-corrupt tells.",
		Do: []string{
			"Tell both users to stop working. Stop the server through the hub, or delete its pod: `kubectl -n NAMESPACE delete pod POD`. The claim stays.",
			"Make a backup or a VolumeSnapshot of the claim before anything else is written to it.",
			"Find out how the claim got there: `kubectl -n NAMESPACE get pvc CLAIM -o yaml`, the hub's pvc_name_template, and `pvc_name` in the state of the server's row in table spawners.",
			"If ids changed, see hub-user-id-changed.",
			"Stop the hub, copy the database, and write the right claim into the server's row (`pvc_name`, KubeSpawner 7). Older hubs find a claim only by its name: bind the right volume under the name that the hub asks for.",
			"Start the hub, let both users start, and sort out with them what was written to the wrong home meanwhile. Tell the owner that their files were open to somebody else.",
		},
		Dont: []string{
			"Do not let the user tidy up what is not theirs: these are the owner's files.",
			"Do not delete either claim, and do not give the claim a new annotation to silence this.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09", "kubespawner 0.5 (claim-{username}-{userid}) and the templates of Zero to JupyterHub 0.10 to 3.3"},
	},
	Run: runPVCMisrouted,
}

func runPVCMisrouted(in *Input) Result {
	r := Result{Findings: append(in.withoutCollisions(in.wrongMounts()), in.wrongIDs()...), Unknown: in.ownersUnread()}
	if r.Findings == nil && r.Unknown == "" {
		return r
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s are mounted by other users' servers, or will not be mounted by their own user's", text.Count(n, "home"))
	}
	return in.unlessLost(r)
}

// ownersUnread says why a claim may be somebody else's than its annotation says,
// "" if all is known that could outweigh it.
func (in *Input) ownersUnread() string {
	unread := usersUnread(in.Hub)
	if remembers(&in.Hub.KubeSpawner) {
		unread = cmp.Or(rowsUnread(in.Hub), statesUnread(in.Hub))
	}
	return cmp.Or(unread, in.namesUnknown())
}

// namesUnknown says why it is not known what the hub names claims, "" if it is.
func (in *Input) namesUnknown() string {
	if _, err := schemeOf(&in.Hub.KubeSpawner).Compile(); err != nil {
		return err.Error()
	}
	return ""
}

// wrongMounts reports the pods whose only home is another user's. Without a
// user in the names of claims all users share one.
func (in *Input) wrongMounts() []verdict.Finding {
	k := &in.Hub.KubeSpawner
	if !kubespawner.HasUser(k.PVCNameTemplate) && !kubespawner.HasUser(k.UserNamespaces) {
		return nil
	}
	var findings []verdict.Finding
	pods, held, names := in.serverPods(), in.heldServers(), in.claimNames()
	users, claims := podUsers(pods), in.claimsByKey()
	for _, p := range pods {
		user := held.user(p) // the pod may bear the name that its user had when it started
		if p.Phase != "Running" && (p.Phase != "Pending" || p.Node == "") || in.mountsHomeOf(p, user) || in.mountsHomeOf(p, p.User) {
			continue
		}
		for _, name := range p.Claims {
			k := claimKey{p.Namespace, name}
			if c := claims[k]; c != nil && float64(len(users[k])) <= in.Number("maxUsers") {
				if owner, ok := names.homeOfOther(c, user); ok {
					findings = append(findings, in.wrongMount(p, user, c, owner))
				}
			}
		}
	}
	return findings
}

// withoutCollisions leaves out the claims of which pvc-name-collision tells
// that they are what several users' servers mount.
func (in *Input) withoutCollisions(findings []verdict.Finding) []verdict.Finding {
	if len(findings) == 0 {
		return nil
	}
	if !in.tells(pvcNameCollision) {
		return findings
	}
	return without(findings, runPVCNameCollision(in.as(pvcNameCollision)).Findings)
}

// without leaves out the findings about subjects that others tell of.
func without(findings, others []verdict.Finding) []verdict.Finding {
	told := make(map[verdict.Subject]bool, len(others))
	for _, f := range others {
		told[f.Subject] = true
	}
	return slices.DeleteFunc(findings, func(f verdict.Finding) bool { return told[f.Subject] })
}

// podUsers are the users whose pods mount each claim.
func podUsers(pods []*facts.Pod) map[claimKey]map[string]bool {
	users := map[claimKey]map[string]bool{}
	for _, p := range pods {
		for _, name := range p.Claims {
			k := claimKey{p.Namespace, name}
			if users[k] == nil {
				users[k] = map[string]bool{}
			}
			users[k][p.User] = true
		}
	}
	return users
}

// mountsHomeOf tells whether a claim of the pod is a user's by other evidence
// than that this pod mounts it.
func (in *Input) mountsHomeOf(p *facts.Pod, user string) bool {
	return slices.ContainsFunc(p.Claims, func(name string) bool {
		o, ok := in.Owners().Owner(p.Namespace, name)
		if !ok {
			o, ok = in.Owners().LabelUser(p.Namespace, name)
		}
		return ok && o.User == user && o.By != attribution.ByPod
	})
}

// homeOfOther tells whether a claim is certainly the home of another user, and
// whose. An annotation is believed on what looks like a home where nothing unread
// could outweigh it, unless the claim has the name that only the given user's
// homes have.
func (n *claimNames) homeOfOther(c *facts.Claim, user string) (attribution.Owner, bool) {
	in := n.in
	o, ok := in.Owners().Owner(c.Namespace, c.Name)
	if !ok || !o.Certain() || o.User == user || o.Hub != "" && o.Hub != in.Hub.Name || in.nobodys(c) {
		return o, false
	}
	if o.By != attribution.ByAnnotation {
		return o, true
	}
	if in.ownersUnread() != "" || !strings.HasPrefix(c.Name, in.claimPrefix()) && !strings.HasPrefix(c.Name, "claim-") {
		return o, false
	}
	named, ok := n.contradicts(c)
	return o, !ok || named.Owner.User != user || numberedOnly(named.Scheme.Template)
}

func (in *Input) wrongMount(p *facts.Pod, user string, c *facts.Claim, owner attribution.Owner) verdict.Finding {
	details := map[string]string{"pod": p.Name, "podUser": user, "podServer": p.Server, "node": p.Node, "since": text.Time(p.Created), "created": text.Time(c.Created)}
	ownerDetails(details, owner)
	f := verdict.Finding{Subject: claimSubject(c), Details: details,
		Message: fmt.Sprintf("pod %s of %s mounts %s, the home of user %q by its %s; a home of user %q is expected", p.Name,
			attribution.Owner{User: user, Server: p.Server}, c.Name, owner.User, evidenceText[owner.By], user)}
	if owner.UserID == 0 && foldName(owner.User) == foldName(user) {
		// Most probably one person under a new name.
		f.Severity = verdict.Warning
		f.Message += ", or both are one person"
	}
	return f
}

// evidenceText says what certain evidence is.
var evidenceText = map[attribution.By]string{
	attribution.ByState: "row in the hub's database", attribution.ByAnnotation: "annotation", attribution.ByID: "name and id",
}
