package rescue_test

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
)

// TestVerified changes what was read back in one place at a time.
func TestVerified(t *testing.T) {
	p := withNamedServers(hostilePlan("ann", "ben", "cat", "dan"))
	out, _ := written(t, fresh(t), p)
	for name, c := range map[string]struct {
		change func(h *facts.Hub)
		says   string
	}{
		"nothing":           {func(*facts.Hub) {}, ""},
		"another admin":     {func(h *facts.Hub) { h.Users[0].Admin = true }, ""},
		"name":              {func(h *facts.Hub) { h.Users[0].Name = "eve" }, `the id 2 is user "eve"'s, "ann" was planned`},
		"id":                {func(h *facts.Hub) { h.Users[0].ID = 3 }, `user "ann" with the id 2 is missing`},
		"user more":         {func(h *facts.Hub) { h.Users = append(h.Users, facts.User{ID: 77, Name: "eve"}) }, `user "eve" with the id 77 is in it`},
		"user less":         {func(h *facts.Hub) { h.Users = h.Users[1:] }, `user "ann" with the id 2 is missing`},
		"admin":             {func(h *facts.Hub) { h.Users[1].Admin = false }, `user "ben" is no administrator`},
		"cookie shared":     {func(h *facts.Hub) { h.Users[1].Cookie = facts.CookieShared }, `user "ben" has no cookie_id`},
		"cookie by hand":    {func(h *facts.Hub) { h.Users[1].CookieHandMade = true }, `user "ben" has no cookie_id`},
		"created":           {func(h *facts.Hub) { h.Users[0].Created = h.Users[0].Created.AddDate(0, 0, 1) }, `user "ann" has created 2026-11-21T12:00:00Z`},
		"activity":          {func(h *facts.Hub) { h.Users[1].LastActivity = h.Users[0].Created }, `user "ben" has last_activity`},
		"broken time":       {func(h *facts.Hub) { h.Users[1].BrokenTimes = "created" }, "no hub can read: created"},
		"claim":             {func(h *facts.Hub) { h.Spawners[0].State.PVCName = "other" }, `server "" of user "ann" remembers the claim "other"`},
		"state lost":        {func(h *facts.Hub) { h.Spawners[0].State = facts.SpawnerState{} }, `server "" of user "ann" remembers the claim ""`},
		"state too many":    {func(h *facts.Hub) { h.Spawners[0].State.PodName = "p" }, `server "" of user "ann"`},
		"running":           {func(h *facts.Hub) { h.Spawners[0].ServerID = 4 }, "counts as running"},
		"server's activity": {func(h *facts.Hub) { h.Spawners[0].LastActivity = h.Users[1].Created }, `server "" of user "ann" has last_activity`},
		"server less":       {func(h *facts.Hub) { h.Spawners = h.Spawners[1:] }, `server "" of user "ann" is missing`},
		"server more":       {func(h *facts.Hub) { h.Spawners = append(h.Spawners, facts.Spawner{ID: 99, UserID: 2, Name: "x"}) }, `server "x" of the user with the id 2 is in it`},
		"server twice":      {func(h *facts.Hub) { h.Spawners = append(h.Spawners, h.Spawners[0]) }, "has two rows"},
		"users half read":   {func(h *facts.Hub) { h.UsersRead = facts.Partial }, "users partial"},
		"damage":            {func(h *facts.Hub) { h.Database.Damage = []facts.Damage{{Message: "the file is short"}} }, "the file is short"},
	} {
		t.Run(name, func(t *testing.T) {
			h := readBack(t, out)
			c.change(h)
			differences := strings.Join(rescue.Verified(p, h), "\n")
			if (differences == "") != (c.says == "") || !strings.Contains(differences, c.says) {
				t.Errorf("it tells %q, want %q", differences, c.says)
			}
		})
	}
}
