package prediction

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// UnreadError says why nothing can be predicted for a hub: a part of what it
// takes was not read, or not completely.
type UnreadError struct {
	Hub string
	Why string
}

func (e *UnreadError) Error() string {
	return fmt.Sprintf("predict the starts of hub %s: %s", e.Hub, e.Why)
}

// Predict tells the next start of every server of a hub under k: one Start for
// the default server of each user and for each named server that has a row, by
// user id and then by server name. A k without a version is taken for
// KubeSpawner 7.0.0. It changes nothing of what it is given.
//
// The error is an *UnreadError where users, servers, their states or claims are
// not all known, and wraps a *kubespawner.TemplateError where k's version does
// not know a field of a template; there are no starts then.
func Predict(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner, owners *attribution.Index) ([]Start, error) {
	return PredictWith(s, h, k, owners, NewContents)
}

// PredictWith is Predict where the contents of claims are known already, or made
// in another way than NewContents does.
func PredictWith(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner, owners *attribution.Index, contents func(*facts.Snapshot) *Contents) ([]Start, error) {
	if why := unreadUsers(s, h); why != "" {
		return nil, &UnreadError{h.Name, why}
	}
	starts, err := predict(s, h, k, owners, contents)
	var template *kubespawner.TemplateError
	if errors.As(err, &template) {
		return nil, fmt.Errorf("predict the starts of hub %s: %w", h.Name, err)
	}
	return starts, err
}

func predict(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner, owners *attribution.Index, contents func(*facts.Snapshot) *Contents) ([]Start, error) {
	if k.Homes.Claim != "" {
		return predictHomes(s, h, k)
	}
	p, err := newPredictor(s, h, k, owners, contents)
	if err != nil {
		return nil, err
	}
	starts := make([]Start, 0, max(len(h.Users), len(h.Spawners)))
	for _, row := range rows(h) {
		starts = append(starts, p.start(row))
	}
	p.collide(starts)
	return starts, nil
}

// unreadUsers says why not every server of a hub is known, "" if all are.
func unreadUsers(s *facts.Snapshot, h *facts.Hub) string {
	name := cmp.Or(h.UsersFrom, facts.HubDB(h.Name))
	source := s.Source(name)
	switch {
	case source.Status != facts.OK:
		return fmt.Sprintf("source %s is %s: %s", name, source.Status, source.Detail)
	case h.UsersRead == facts.None:
		return "its database has no table of users that could be read"
	case h.UsersRead != facts.Complete:
		return fmt.Sprintf("its table of users could not be read to the end (%d rows could)", len(h.Users))
	case h.SpawnersRead != facts.Complete:
		return fmt.Sprintf("its table of servers could not be read to the end (%d rows could)", len(h.Spawners))
	}
	return ""
}

// row is a server of a user; spawner is empty where the hub has no row for it.
type row struct {
	user    *facts.User
	spawner *facts.Spawner
}

// rows are all servers of a hub: of each user the default server, and the
// named ones. Of several rows for one server a hub goes by the last.
func rows(h *facts.Hub) []row {
	spawners := make(map[int64][]*facts.Spawner, len(h.Users))
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		spawners[sp.UserID] = append(spawners[sp.UserID], sp)
	}
	all := make([]row, 0, max(len(h.Users), len(h.Spawners)))
	for i := range h.Users {
		u := &h.Users[i]
		first := len(all)
		all = append(all, row{u, &facts.Spawner{UserID: u.ID}})
		for _, sp := range spawners[u.ID] {
			at := slices.IndexFunc(all[first:], func(r row) bool { return r.spawner.Name == sp.Name })
			if at < 0 {
				all = append(all, row{u, sp})
			} else {
				all[first+at].spawner = sp
			}
		}
	}
	slices.SortStableFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.user.ID, b.user.ID), strings.Compare(a.spawner.Name, b.spawner.Name))
	})
	return all
}
