package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
)

// homesShown is how many owners a message names; details have them all.
const homesShown = 5

// volumeOwner adds whose data a volume holds to details, and says it in words.
func (in *Input) volumeOwner(v *facts.LHVolume, details map[string]string) string {
	k, bound := in.claimOf(v)
	switch {
	case !bound && v.ClaimName == "":
		return "of no claim"
	case !bound:
		// Another volume may serve a claim of that name now: it tells no user.
		details["lastClaim"], details["lastNamespace"] = v.ClaimName, v.ClaimNamespace
		return "of no claim any more, last of " + v.ClaimNamespace + "/" + v.ClaimName
	}
	return in.claimOwner(k, details)
}

// claimOwner adds whose a claim is to details, and says it in words.
func (in *Input) claimOwner(k claimKey, details map[string]string) string {
	details["claim"], details["namespace"] = k.Name, k.Namespace
	whose := "of claim " + k.Namespace + "/" + k.Name
	if o, ok := in.Owners().Owner(k.Namespace, k.Name); ok {
		ownerDetails(details, o)
		whose += ", " + o.String()
	} else if in.Owners().SharedByUsers(k.Namespace, k.Name) {
		whose += ", shared by several users"
	}
	return whose
}

// homes gathers whose data several volumes hold, for one finding about all of
// them.
type homes struct {
	in      *Input
	volumes []string
	// databases are the claims of hubs' own databases, users the owners of homes,
	// claims those whose owner is not known or is nobody.
	databases, users, claims map[string]bool
	unclaimed                int
}

func (in *Input) homes() *homes {
	return &homes{in: in, databases: map[string]bool{}, users: map[string]bool{}, claims: map[string]bool{}}
}

// add notes a volume; bound is false where no claim uses it.
func (h *homes) add(volume string, k claimKey, bound bool) {
	h.volumes = append(h.volumes, volume)
	claim := k.Namespace + "/" + k.Name
	if !bound {
		h.unclaimed++
	} else if o, ok := h.in.Owners().Owner(k.Namespace, k.Name); ok && o.User != "" {
		h.users[fmt.Sprintf("%q", o.User)] = true
	} else if h.in.isDatabaseClaim(k) {
		h.databases[claim] = true
	} else {
		h.claims[claim] = true
	}
}

// String says in words whose they are: `3 volumes: those of "alice", "bob"; that
// of claim ns/x`.
func (h *homes) String() string {
	words := text.Count(len(h.volumes), "volume")
	var whose []string
	if names := sorted(h.databases); len(names) > 0 {
		whose = append(whose, "the hub's own database ("+list(names, homesShown)+")")
	}
	if names := sorted(h.users); len(names) > 0 {
		whose = append(whose, text.Plural(len(h.volumes), "that of ", "those of ")+list(names, homesShown))
	}
	if names := sorted(h.claims); len(names) > 0 {
		whose = append(whose, text.Plural(len(names), "that of claim ", "those of claims ")+list(names, homesShown))
	}
	if h.unclaimed > 0 {
		whose = append(whose, text.Number(h.unclaimed)+" of no claim")
	}
	if len(whose) == 0 {
		return words
	}
	return words + ": " + strings.Join(whose, "; ")
}

// describe adds the lists of volumes, users and claims to a finding's details.
func (h *homes) describe(details map[string]string) {
	slices.Sort(h.volumes)
	for key, names := range map[string][]string{"volumes": h.volumes, "users": sorted(h.users),
		"claims": slices.Concat(sorted(h.databases), sorted(h.claims))} {
		if len(names) > 0 {
			details[key] = strings.Join(names, ", ")
		}
	}
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// isDatabaseClaim tells whether a claim is one that a hub keeps its own database
// on, by the name that Zero to JupyterHub gives it.
func (in *Input) isDatabaseClaim(k claimKey) bool {
	return facts.IsHubClaim(k.Name) && slices.ContainsFunc(in.Hubs, func(h *facts.Hub) bool { return h.Namespace == k.Namespace })
}

// homesOf says in words how many volumes there are and whose, and adds the lists
// of volumes, users and claims to details.
func (in *Input) homesOf(volumes []*replica.Volume, details map[string]string) string {
	h := in.homes()
	for _, v := range volumes {
		k, bound := in.claimOf(v.LHVolume)
		h.add(v.Name, k, bound)
	}
	h.describe(details)
	return h.String()
}

// piecesText counts replicas and shards: "2 replicas and 1 shard".
func piecesText(replicas, shards int) string {
	switch {
	case shards == 0:
		return text.Count(replicas, "replica")
	case replicas == 0:
		return text.Count(shards, "shard")
	}
	return text.Count(replicas, "replica") + " and " + text.Count(shards, "shard")
}

// ofHub tells whether a claim is a user's or in the namespace of a hub.
func (in *Input) ofHub(k claimKey) bool {
	_, owned := in.Owners().Owner(k.Namespace, k.Name)
	return owned || slices.ContainsFunc(in.Hubs, func(h *facts.Hub) bool { return h.Namespace == k.Namespace })
}
