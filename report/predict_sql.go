package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
)

// statement is the SQL that names for a server the claim with its files, in the
// dialect of the hub's database; "" where there is none to name or its row is
// not known. A claim or namespace whose name is not of the form that Kubernetes
// allows gets none either.
func (h *HubPrediction) statement(s *prediction.Start) string {
	if s.Outcome == prediction.Same || s.Data == "" || s.Data == s.Claim || s.Directory != "" || s.SpawnerID < 0 || s.UserID <= 0 ||
		code(s.Data, "") == "" || code(s.DataNamespace, "") == "" {
		return ""
	}
	keys := [][2]string{{"pvc_name", s.Data}}
	if s.DataNamespace != h.Hub.Namespace {
		keys = append(keys, [2]string{"namespace", s.DataNamespace})
	}
	if s.SpawnerID == 0 {
		return fmt.Sprintf("INSERT INTO spawners (user_id, name, state) VALUES (%d, '', '{%s}');", s.UserID, members(keys))
	}
	value := "json_set(coalesce(state, '{}')"
	for _, k := range keys {
		value += fmt.Sprintf(", '$.%s', '%s'", k[0], k[1])
	}
	value += ")"
	if h.Hub.Database.Engine == "postgresql" {
		value = fmt.Sprintf("(coalesce(state, '{}')::jsonb || '{%s}')::text", members(keys))
	}
	return fmt.Sprintf("UPDATE spawners SET state = %s WHERE id = %d;", value, s.SpawnerID)
}

func members(keys [][2]string) string {
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf(`"%s": "%s"`, k[0], k[1]))
	}
	return strings.Join(parts, ", ")
}

// writePredictionSQL writes the statements for all servers whose files are on a
// claim that they would not mount, and why each is there.
func writePredictionSQL(w io.Writer, p *Prediction) error {
	b := bufio.NewWriter(w)
	comment := func(format string, args ...any) {
		fmt.Fprintf(b, "-- %s\n", text.Clean(fmt.Sprintf(format, args...)))
	}
	comment("Names the claim with the files in the state of each server that would not mount it; for KubeSpawner 7 and later.")
	comment("Read it, stop the hub, copy its database, run this, start the hub with KubeSpawner 7, and run audit predict again.")
	for i := range p.Hubs {
		h := &p.Hubs[i]
		fmt.Fprintln(b)
		comment("Hub %s: %s.", text.Name(h.Hub.Name), h.headline())
		if h.Unknown != "" {
			comment("%s", h.Unknown)
			continue
		}
		if h.Under.Homes.Claim != "" {
			comment("All home directories are on one claim: there is nothing to write.")
			continue
		}
		if !h.remembers() {
			comment("Under %s no name in a state is heeded: there is nothing to write.", h.running())
			continue
		}
		for _, g := range h.groups(false) {
			for _, s := range g.starts {
				comment("%s: %s would mount %s, the files are in %s", s.Outcome, owner(s), h.target(s), dash(h.data(s)))
				if statement := h.statement(s.Start); statement != "" {
					fmt.Fprintln(b, statement)
				} else {
					comment("  no statement: decide by hand")
				}
			}
		}
	}
	return b.Flush()
}

// remembers tells whether KubeSpawner heeds the name of a claim in a state.
func (h *HubPrediction) remembers() bool {
	return prediction.VersionOf(h.Under).AtLeast(7, 0, 0) && h.Under.RememberPVCName && h.Under.Homes.Claim == ""
}

func dash(s string) string {
	if s == "" {
		return "no claim"
	}
	return s
}

// owner names a start's user, and the server if it is not the default one.
func owner(s predicted) string {
	if s.Server == "" {
		return "user " + text.Name(s.User)
	}
	return "user " + text.Name(s.User) + "'s server " + text.Name(s.Server)
}
