package checks

import (
	"cmp"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// isHubClaim tells whether a claim is the hub's own.
func (in *Input) isHubClaim(c *facts.Claim) bool {
	return c.Namespace == in.Hub.Namespace && c.Name == facts.HubClaim
}

// userClaim tells whether a claim is one of the hub's users', and whose, if
// that is known. Any one sign will do: the owner found by attribution, the
// annotation or label that KubeSpawner puts on, or the name. The claim with
// everybody's homes is one, those that the configuration leaves out are not.
func (in *Input) userClaim(c *facts.Claim) (owner attribution.Owner, ok bool) {
	owner, known := in.Owners().Owner(c.Namespace, c.Name)
	switch {
	case known && owner.Hub != "":
		return owner, owner.Hub == in.Hub.Name
	case c.Namespace == in.Hub.Namespace && c.Name == in.Hub.KubeSpawner.Homes.Claim:
		return owner, true
	case in.isHubClaim(c) || in.Hub.OtherClaim(c.Name):
		return owner, false
	}
	if of, ok := in.Owners().LabelUser(c.Namespace, c.Name); ok && of.Hub != "" {
		return owner, of.Hub == in.Hub.Name
	}
	switch {
	case c.Namespace != in.Hub.Namespace:
		return owner, false
	case known, c.HasUser, c.LabelUser != "", c.Component == facts.HomeComponent:
		return owner, true
	}
	return owner, c.Component == "" && strings.HasPrefix(c.Name, in.claimPrefix())
}

// claimPrefix is the fixed beginning of the names of the hub's user claims.
func (in *Input) claimPrefix() string {
	prefix, _, _ := strings.Cut(in.Hub.KubeSpawner.PVCNameTemplate, "{")
	if prefix == "" {
		return "claim-"
	}
	return prefix
}

// claimSubject and databaseSubject name what a finding is about.
func claimSubject(c *facts.Claim) verdict.Subject {
	return verdict.Subject{Kind: "claim", Name: c.Name, Namespace: c.Namespace, ID: c.UID}
}

func (in *Input) databaseSubject() verdict.Subject {
	return verdict.Subject{Kind: "database", Name: in.Hub.Name, Namespace: in.Hub.Namespace}
}

// userSubject has no id where the REST API told of the user, and shows an empty
// name as one.
func userSubject(u *facts.User) verdict.Subject {
	s := verdict.Subject{Kind: "user", Name: cmp.Or(u.Name, `""`)}
	if u.ID > 0 {
		s.ID = idText(u.ID)
	}
	return s
}

// ownerDetails adds whose a claim is to a finding's details.
func ownerDetails(details map[string]string, o attribution.Owner) {
	if o.User == "" {
		return
	}
	details["user"], details["server"], details["attributedBy"] = o.User, o.Server, string(o.By)
	if o.Hub != "" {
		details["hub"] = o.Hub
	}
	if o.UserID != 0 {
		details["userID"] = idText(o.UserID)
	}
}

// usersSource names the source that the hub's users come from.
func usersSource(h *facts.Hub) string { return cmp.Or(h.UsersFrom, facts.HubDB(h.Name)) }

// usersUnread says why not all users of the hub are known, "" if they are.
func usersUnread(h *facts.Hub) string {
	switch h.UsersRead {
	case facts.Complete:
		return ""
	case facts.Partial:
		return "the table users is damaged: " + text.Count(len(h.Users), "row") + " could be read, others may be missing"
	}
	return "the database has no table users that could be read"
}
