package report

import (
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"hubaudit/internal/rescue"
)

// RescueSchema names the form of a rescue in JSON, as Schema does a run's.
const RescueSchema = "hubaudit/rescue/v1"

type jsonRescueSummary struct {
	Users     int                   `json:"users"`
	Servers   int                   `json:"servers"`
	LeftOut   int                   `json:"leftOut"`
	Undecided int                   `json:"undecided"`
	Names     map[rescue.Source]int `json:"names"`
	IDs       map[rescue.Source]int `json:"ids"`
	Claims    map[rescue.Source]int `json:"claims"`
}

type jsonRescued struct {
	ID           int64               `json:"id"`
	Name         string              `json:"name"`
	Admin        bool                `json:"admin"`
	Created      string              `json:"created,omitempty"`
	LastActivity string              `json:"lastActivity,omitempty"`
	NameFrom     rescue.Source       `json:"nameFrom"`
	IDFrom       rescue.Source       `json:"idFrom"`
	Evidence     []string            `json:"evidence"`
	Servers      []jsonRescuedServer `json:"servers"`
}

type jsonRescuedServer struct {
	Name      string        `json:"name"`
	Namespace string        `json:"namespace,omitempty"`
	Claim     string        `json:"claim,omitempty"`
	From      rescue.Source `json:"from"`
	Evidence  []string      `json:"evidence"`
}

type jsonLeftOut struct {
	Namespace  string        `json:"namespace,omitempty"`
	Claim      string        `json:"claim,omitempty"`
	Created    string        `json:"created,omitempty"`
	User       string        `json:"user,omitempty"`
	Server     string        `json:"server,omitempty"`
	Reason     rescue.Reason `json:"reason"`
	Why        string        `json:"why"`
	Candidates []string      `json:"candidates"`
	Hint       string        `json:"hint,omitempty"`
	Decided    bool          `json:"decided"`
	Proposal   *jsonDecision `json:"proposal,omitempty"`
}

type jsonDecision struct {
	Claim     string `json:"claim,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	User      string `json:"user,omitempty"`
	Server    string `json:"server,omitempty"`
	ID        int64  `json:"id,omitzero"`
	LeaveOut  bool   `json:"leaveOut,omitzero"`
}

func writeRescueJSON(w io.Writer, r *Rescue) error {
	v := newRescueView(r, nil)
	j := newJSONWriter(w)
	j.token(jsontext.BeginObject)
	j.field("schema", RescueSchema)
	j.field("cluster", r.Cluster)
	j.field("hub", r.Plan.Hub)
	j.field("at", rfc3339(r.At))
	j.field("engine", r.Engine)
	j.field("into", r.Into)
	j.field("out", r.Out)
	j.field("summary", jsonRescueSummary{len(r.Plan.Users), v.planned(), len(r.Plan.LeftOut), r.Plan.Undecided(), asMap(v.names), asMap(v.ids), asMap(v.servers)})
	j.field("notes", nonNil(r.Plan.Notes))
	j.field("evidence", nonNil(r.Evidence))
	list(j, "users", r.Plan.Users, func(u *rescue.User) { j.value(rescued(u)) })
	list(j, "leftOut", r.Plan.LeftOut, func(l *rescue.LeftOut) { j.value(left(l)) })
	j.field("dropped", nonNil(r.Written.Dropped))
	j.field("differences", nonNil(r.Differences))
	list(j, "verdicts", r.Verdicts, j.verdict)
	j.token(jsontext.EndObject)
	return j.flush()
}

func asMap(counts []sourceCount) map[rescue.Source]int {
	m := map[rescue.Source]int{}
	for _, c := range counts {
		m[c.source] = c.n
	}
	return m
}

// nonNil is a list that JSON shows as one.
func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func optionalTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return rfc3339(t)
}

func rescued(u *rescue.User) jsonRescued {
	out := jsonRescued{ID: u.ID, Name: u.Name, Admin: u.Admin, Created: optionalTime(u.Created), LastActivity: optionalTime(u.LastActivity),
		NameFrom: u.NameFrom, IDFrom: u.IDFrom, Evidence: nonNil(u.Evidence), Servers: []jsonRescuedServer{}}
	for _, s := range u.Servers {
		out.Servers = append(out.Servers, jsonRescuedServer{s.Name, s.Namespace, s.Claim, s.From, nonNil(s.Evidence)})
	}
	return out
}

func left(l *rescue.LeftOut) jsonLeftOut {
	out := jsonLeftOut{Namespace: l.Namespace, Claim: l.Claim, Created: optionalTime(l.Created), User: l.User, Server: l.Server, Reason: l.Reason, Why: l.Why,
		Candidates: nonNil(l.Candidates), Hint: l.Hint, Decided: l.Decided}
	if d := l.Proposal; d != nil {
		out.Proposal = &jsonDecision{d.Claim, d.Namespace, d.User, d.Server, d.ID, d.LeaveOut}
	}
	return out
}
