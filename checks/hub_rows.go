package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// usersByID finds a hub's user by id. It is made once per run and hub.
func (in *Input) usersByID() map[int64]*facts.User {
	of := in.hubShared()
	if of.usersByID == nil {
		of.usersByID = make(map[int64]*facts.User, len(in.Hub.Users))
		for i := range in.Hub.Users {
			of.usersByID[in.Hub.Users[i].ID] = &in.Hub.Users[i]
		}
	}
	return of.usersByID
}

// rowsUnread says why not all users and servers of the hub are known, "" if
// they are.
func rowsUnread(h *facts.Hub) string {
	if why := usersUnread(h); why != "" {
		return why
	}
	switch {
	case h.SpawnersRead == facts.Complete:
		return ""
	case usersSource(h) == facts.HubAPI(h.Name):
		return "the REST API did not show all servers: that takes JupyterHub 3 or later and a token with the scope read:servers"
	case h.SpawnersRead == facts.Partial:
		return "the tables spawners and servers are damaged: " + text.Count(len(h.Spawners), "row") +
			" of spawners could be read, others may be missing"
	}
	return "the database has no table spawners that could be read"
}

// statesUnread says why nothing is known of the servers' states, "" if they
// were read.
func statesUnread(h *facts.Hub) string {
	if h.StatesRead {
		return ""
	}
	return "the states of the servers were not shown: give the token of the REST API the scope admin:server_state"
}

// userText names a user in a message, with the id where there is one.
func userText(u *facts.User) string {
	if u.ID <= 0 {
		return fmt.Sprintf("user %q", u.Name)
	}
	return fmt.Sprintf("user %q (id %d)", u.Name, u.ID)
}

// serverText names a server and its owner in a message.
func (in *Input) serverText(sp *facts.Spawner) string {
	name := "the default server"
	if sp.Name != "" {
		name = fmt.Sprintf("server %q", sp.Name)
	}
	switch u := in.usersByID()[sp.UserID]; {
	case u != nil:
		return name + " of " + userText(u)
	case sp.UserID == 0:
		return name + " of nobody"
	}
	return fmt.Sprintf("%s of user id %d", name, sp.UserID)
}

// serverFinding is about a row of spawners; its subject is the owner, or the
// database where the owner is not known.
func (in *Input) serverFinding(sp *facts.Spawner, severity verdict.Severity, message string, details map[string]string) verdict.Finding {
	f := verdict.Finding{Subject: in.databaseSubject(), Severity: severity, Message: message, Details: details}
	if u := in.usersByID()[sp.UserID]; u != nil {
		f.Subject = userSubject(u)
	}
	if f.Details == nil {
		f.Details = map[string]string{}
	}
	f.Details["server"] = sp.Name
	if sp.ID > 0 {
		f.Details["spawnerID"] = idText(sp.ID)
	}
	return f
}

// startGrace is how long a server may be starting.
var startGrace = Param{Name: "startGrace", Doc: "how long a server may take to start; more than the hub's own Spawner.start_timeout",
	Default: float64(10 * time.Minute), Min: float64(time.Minute), Max: float64(24 * time.Hour), Unit: UnitDuration}

// starting tells whether an active server may still be starting. One without a
// time may: the hub claims its row first and notes the time after the hooks that
// run before a start, and JupyterHub 0.8 never notes it.
func (in *Input) starting(sp *facts.Spawner) bool {
	return sp.Started.IsZero() || in.Now.Sub(sp.Started) <= in.Duration(startGrace.Name)
}
