package hubdb

import (
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// checkReferences reports spawners that point at users or servers that are
// not there, where both tables were read whole. A database's own
// foreign keys are no judge: a table rebuilt by hand declares none, and
// hubs before 0.8 did not enforce them, so that rows of deleted users in
// api_tokens, group and role maps, oauth_codes and proxies, or a left-over
// users._server_id, are old and harmless: no hub looks at them again. A spawner
// without its user is different: a user's row was lost or deleted behind the
// hub's back while a volume may still be theirs.
func (r *Result) checkReferences(spawnersWhole, serversWhole bool) {
	if !spawnersWhole {
		return
	}
	users, servers := r.dangling()
	switch {
	case len(users) == 0 || r.UsersRead != facts.Complete || r.hasDamage(facts.DamageUsersRemade):
	case len(r.Users) == 0:
		r.damaged(facts.DamageUsersRemade, fmt.Sprintf("the table users has no rows, but %d spawners belong to users", len(users)), true)
	default:
		r.damaged(facts.DamageForeignKey, fmt.Sprintf("%d spawners belong to users that do not exist: %s", len(users), listed(users)), true)
	}
	if len(servers) > 0 && serversWhole {
		r.damaged(facts.DamageForeignKey, fmt.Sprintf("%d spawners name servers that do not exist: %s", len(servers), listed(servers)), true)
	}
}

// dangling are the spawners whose user or server is not among the rows.
func (r *Result) dangling() (users, servers []string) {
	for _, s := range r.Spawners {
		if s.UserID != 0 && !found(r.Users, s.UserID, func(u facts.User) int64 { return u.ID }) {
			users = append(users, fmt.Sprintf("%d (user %d)", s.ID, s.UserID))
		}
		if s.ServerID != 0 && !found(r.Servers, s.ServerID, func(s facts.Server) int64 { return s.ID }) {
			servers = append(servers, fmt.Sprintf("%d (server %d)", s.ID, s.ServerID))
		}
	}
	return users, servers
}

func found[T any](rows []T, id int64, key func(T) int64) bool {
	_, ok := slices.BinarySearchFunc(rows, id, func(row T, id int64) int {
		switch k := key(row); {
		case k < id:
			return -1
		case k > id:
			return 1
		}
		return 0
	})
	return ok
}

// listed is the first few of many, and how many more there are.
func listed(items []string) string {
	const few = 5
	text := strings.Join(firstOf(items, few), ", ")
	if more := len(items) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func firstOf(items []string, n int) []string { return items[:min(n, len(items))] }
