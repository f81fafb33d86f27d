package audit

import (
	"fmt"
	"slices"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
)

// naming is how the history is to name people. Without its key nobody is named
// at all: another key would make everybody somebody else.
func naming(cfg *config.Config) (history.Naming, error) {
	switch key, err := cfg.MembersKey(); {
	case err != nil:
		return history.Naming{}, err
	case key == "":
		return history.PlainNames(), nil
	default:
		return history.HashedNames(key), nil
	}
}

// look returns what the run saw of each hub's users. unnamed is why they
// cannot be named, nil if they can.
func look(s *facts.Snapshot, names history.Naming, unnamed error) []history.View {
	views := make([]history.View, 0, len(s.Hubs))
	for _, hub := range s.Hubs {
		v := history.View{Hub: hub.Name}
		switch v.Why = unseen(s, hub); {
		case v.Why != "":
		case unnamed != nil:
			v.Why = unnamed.Error()
		default:
			v.Roll = names.Roll(hub.Users)
		}
		views = append(views, v)
	}
	return views
}

// unseen says why a run did not see all of a hub's users, "" if it did.
func unseen(s *facts.Snapshot, hub *facts.Hub) string {
	from := hub.UsersFrom
	if from == "" {
		from = facts.HubDB(hub.Name)
	}
	switch src := s.Source(from); {
	case src.Status != facts.OK:
		return fmt.Sprintf("source %s is %s: %s", from, src.Status, src.Detail)
	case hub.Emptied(): // nobody is there, for certain
		return ""
	case hub.UsersRead == facts.Partial:
		return fmt.Sprintf("the users could be read only in part from %s", from)
	case hub.UsersRead != facts.Complete:
		return fmt.Sprintf("no users could be read from %s", from)
	}
	return ""
}

// compare fills in how the users changed since the last good run. notes says
// whose earlier users the run will forget.
func compare(past *facts.Past, references map[string]*history.Reference, views []history.View) (notes []string) {
	past.Changes = map[string]*facts.Changes{}
	for _, v := range views {
		r := references[v.Hub]
		if c := r.Changes(v.Roll); c != nil {
			past.Changes[v.Hub] = c
		}
		if r.Anew(v.Roll) {
			notes = append(notes, fmt.Sprintf("Who the users of hub %q are is remembered anew from this run on, because members.names or its key was changed. "+
				"Users are not compared with earlier ones in this run, and `audit history --diff` cannot go back beyond it.", v.Hub))
		}
	}
	return notes
}

func hubNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Hubs))
	for i, h := range cfg.Hubs {
		names[i] = h.Name
	}
	slices.Sort(names)
	return names
}

// claimsOf returns the UIDs of all claims, nil where not all were read.
func claimsOf(s *facts.Snapshot) map[string]bool {
	if s.Source(facts.KubeClaims).Status != facts.OK {
		return nil
	}
	claims := make(map[string]bool, len(s.Kube.Claims))
	for i := range s.Kube.Claims {
		claims[s.Kube.Claims[i].UID] = true
	}
	return claims
}
