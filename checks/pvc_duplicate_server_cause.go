package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// How a server came to several claims, as details["cause"] has it.
const (
	causeReset     = "database-reset" // the user was made anew
	causeForgotten = "forgotten"      // jupyterhub/kubespawner#937
	causeUpgrade   = "upgrade"        // names of two versions
	causeRelinked  = "relinked"       // a renamed user, or a claim given to another server
)

// duplicateCauses tells how servers came to several claims.
type duplicateCauses struct {
	asked bool
	loss  string // the check that reports a loss of the database; "" if there was none
	// remade counts the users by when they were made: an upgrade from before
	// JupyterHub 0.9 gives all users one and the same time.
	remade map[time.Time]int
}

// of returns the cause of a server's several claims, oldest first, and says it
// as a clause; "" where nothing tells.
func (d *duplicateCauses) of(in *Input, owner attribution.Owner, same []*facts.Claim) (cause, clause string) {
	if !d.asked {
		d.asked, d.loss, d.remade = true, in.lossExplained(), map[time.Time]int{}
		for i := range in.Hub.Users {
			d.remade[in.Hub.Users[i].Created]++
		}
	}
	if clause := d.reset(in, owner, same); clause != "" {
		if id, _, lost := strings.Cut(d.loss, ":"); lost {
			clause += " (" + id + ")"
		}
		return causeReset, clause
	}
	if cause, clause := in.renamedScheme(owner, same); cause != "" {
		return cause, clause
	}
	for _, c := range same {
		if c.HasUser && c.User != "" && (c.User != owner.User || c.Server != owner.Server) {
			was := attribution.Owner{User: c.User, Server: c.Server}
			return causeRelinked, fmt.Sprintf("%s was made for %s: the user was renamed, or the claim given to another server", c.Name, was)
		}
	}
	return "", ""
}

// reset says what shows that the user was made anew; "" if nothing does.
func (d *duplicateCauses) reset(in *Input, owner attribution.Owner, same []*facts.Claim) string {
	var ids []int64
	for _, c := range same {
		if lossy, id, ok := kubespawner.ParseLossyClaim(c.Name); ok && attribution.Bare(c) && lossy == kubespawner.Lossy(owner.User) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 1 {
		return fmt.Sprintf("the claims are named after ids %d and %d of this user: the hub's database was replaced, or the user deleted and added again", ids[0], ids[1])
	}
	u := in.usersByID()[owner.UserID]
	if u == nil || u.Created.IsZero() || d.remade[u.Created] > 1 || u.Created.Sub(same[0].Created) <= 24*time.Hour || u.Created.After(same[len(same)-1].Created) {
		return ""
	}
	return fmt.Sprintf("the hub has known the user since %s, after %s was made: its database was replaced, or the user deleted and added again", day(u.Created), same[0].Name)
}

// renamedScheme tells whether a server's claims bear names of several versions
// of KubeSpawner or the chart.
func (in *Input) renamedScheme(owner attribution.Owner, same []*facts.Claim) (cause, clause string) {
	var names []attribution.Rendered
	var claims []*facts.Claim
	for _, c := range same {
		for _, r := range in.Owners().Rendered(c.Namespace, c.Name) {
			if r.Owner.UserID == owner.UserID && r.Owner.Server == owner.Server {
				names, claims = append(names, r), append(claims, c)
				break
			}
		}
	}
	if len(names) < 2 {
		return "", ""
	}
	older, newer := names[0], names[len(names)-1]
	was, is := claims[0].Name, claims[len(claims)-1].Name
	if newer.Configured && newer.Scheme.Version.AtLeast(7, 0, 0) && older.Scheme.Version.AtLeast(7, 0, 0) && older.Scheme.Slugs == kubespawner.SlugsEscape {
		return causeForgotten, fmt.Sprintf("%s has the legacy name of this server, which KubeSpawner forgot when a server that ran through the upgrade to 7 was stopped (kubespawner#937)", was)
	}
	return causeUpgrade, fmt.Sprintf("%s is named after %s and %s after %s: the names changed with an upgrade or a setting", was, era(older), is, era(newer))
}

// era says which versions named a claim so.
func era(r attribution.Rendered) string {
	v, chart := r.Scheme.Version, strings.Contains(r.Scheme.Template, "}{")
	switch {
	case r.Configured:
		return "this hub's settings"
	case v.AtLeast(7, 0, 0) && r.Scheme.Slugs == kubespawner.SlugsEscape:
		return "KubeSpawner before 7 or the slug scheme escape"
	case v.AtLeast(7, 0, 0):
		return "KubeSpawner 7 with the slug scheme safe"
	case v.AtLeast(0, 12, 0) && chart:
		return "charts 0.10 to 3.3"
	case v.AtLeast(0, 12, 0):
		return "KubeSpawner 0.12 to 6.2"
	case v.AtLeast(0, 11, 0):
		return "KubeSpawner 0.11"
	case v.AtLeast(0, 9, 0):
		return "KubeSpawner 0.9 and 0.10"
	case v.AtLeast(0, 7, 0):
		return "KubeSpawner 0.7 and 0.8"
	case v.AtLeast(0, 6, 0):
		return "KubeSpawner 0.6"
	}
	return "KubeSpawner before 0.6"
}
