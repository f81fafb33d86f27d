package audit

import (
	"slices"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// VerifyRescue judges a rescued database as if the hub named hub ran on it
// already: the hub's checks are run on the snapshot with the rows of rescued,
// as they were read back, in place of the hub's own. The database counts as
// being where the hub keeps its present one. What the REST API told is left
// out, as it is of the hub that is to be replaced. The verdicts are those of
// that hub alone; none, if the snapshot has no such hub.
func VerifyRescue(suite checks.Suite, s *facts.Snapshot, hub string, rescued *facts.Hub) []verdict.Verdict {
	at := slices.IndexFunc(s.Hubs, func(h *facts.Hub) bool { return h.Name == hub })
	if at < 0 {
		return nil
	}
	now := *s.Hubs[at]
	now.UsersFrom, now.API = facts.HubDB(hub), facts.API{}
	now.UsersRead, now.SpawnersRead, now.StatesRead = rescued.UsersRead, rescued.SpawnersRead, true
	now.Users, now.Spawners, now.Servers = rescued.Users, rescued.Spawners, rescued.Servers
	place := now.Database
	now.Database = rescued.Database
	if place.Engine == now.Database.Engine && place.Location != "" {
		now.Database.Location = place.Location
	}
	judged := *s
	judged.Hubs = slices.Clone(s.Hubs)
	judged.Hubs[at] = &now
	judged.Sources = replaced(s.Sources,
		facts.Source{Name: facts.HubDB(hub), Status: facts.OK, Items: map[string]int{"users": len(now.Users), "spawners": len(now.Spawners), "servers": len(now.Servers)}},
		facts.Source{Name: facts.HubAPI(hub), Status: facts.Absent, Detail: "no hub runs on the rescued database yet"})
	return slices.DeleteFunc(checks.Judge(suite, &judged), func(v verdict.Verdict) bool { return v.Hub != hub })
}

// replaced are the sources with those of the same names in place of the old.
func replaced(sources []facts.Source, by ...facts.Source) []facts.Source {
	kept := slices.DeleteFunc(slices.Clone(sources), func(s facts.Source) bool {
		return slices.ContainsFunc(by, func(b facts.Source) bool { return b.Name == s.Name })
	})
	return append(kept, by...)
}
