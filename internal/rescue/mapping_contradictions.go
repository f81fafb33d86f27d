package rescue

import (
	"maps"
	"slices"
	"strings"
)

// contradictions are decisions that cannot stand together. The later one of
// two is told, with the line of the earlier one.
func (m *Mapping) contradictions() (errs []error) {
	type claim struct{ namespace, name string }
	type server struct{ user, name string }
	claims, servers := map[claim]*Decision{}, map[server]*Decision{}
	users, out := map[string]*Decision{}, map[string]*Decision{}
	ids := map[int64]*Decision{}
	for i := range m.Decisions {
		d := &m.Decisions[i]
		against := func(earlier *Decision, format string, args ...any) {
			errs = append(errs, m.at(d.line, format+": see line %d", append(args, earlier.line)...))
		}
		if k := (claim{d.Namespace, d.Claim}); d.Claim != "" {
			if was := claims[k]; was != nil {
				against(was, "claim %q is decided twice", d.Claim)
				continue
			}
			claims[k] = d
		}
		switch {
		case d.User == "":
			continue
		case d.LeaveOut:
			out[d.User] = d
		default:
			if was := users[d.User]; was != nil && was.disagrees(d) {
				against(was, "user %q is given another id or admin", d.User)
			}
			users[d.User] = merged(users[d.User], d)
			if was := ids[d.ID]; d.ID != 0 && was != nil && was.User != d.User {
				against(was, "the id %d is given to another user", d.ID)
			}
			ids[d.ID] = d
		}
		if k := (server{d.User, d.Server}); d.Claim != "" {
			if was := servers[k]; was != nil {
				against(was, "the same server of user %q is given a second claim", d.User)
			}
			servers[k] = d
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if d, was := out[name], users[name]; was != nil {
			errs = append(errs, m.at(d.line, "user %q is left out here, and kept in line %d", name, was.line))
		}
	}
	return errs
}

// disagrees tells whether both decide on the user's row, and differently.
func (d *Decision) disagrees(other *Decision) bool {
	return d.ID != 0 && other.ID != 0 && d.ID != other.ID ||
		d.Admin != nil && other.Admin != nil && *d.Admin != *other.Admin
}

// merged is what both say of the user's row.
func merged(a, b *Decision) *Decision {
	if a == nil {
		return b
	}
	both := *a
	if both.ID == 0 {
		both.ID = b.ID
	}
	if both.Admin == nil {
		both.Admin = b.Admin
	}
	return &both
}

// joined lists words: "a, b and c".
func joined(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
