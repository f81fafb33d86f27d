package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// compareCount holds the number of users that the running hub counts itself
// against the database. That number leaves out users whom the hub refuses, and
// says nothing of who they are: only that it is higher means something.
func (in *Input) compareCount() Result {
	h := in.Hub
	known := h.UsersRead == facts.Complete || h.Emptied()
	switch source := in.Source(facts.Prometheus); {
	case h.MetricUsersAt.IsZero() && source.Status == facts.Failed:
		return Result{Unknown: fmt.Sprintf("source %s could not be read: %s", source.Name, source.Detail)}
	case h.MetricUsersAt.IsZero():
		return Result{Skip: "nothing shows what the running hub works on: its REST API is not configured, and Prometheus has no jupyterhub_total_users of it alone"}
	case in.Now.Sub(h.MetricUsersAt) > in.Duration("grace"):
		return Result{Skip: fmt.Sprintf("what the hub itself counts was last seen on %s, which is too old to compare", text.Time(h.MetricUsersAt))}
	case !known:
		return Result{Unknown: usersUnread(h)}
	}
	missing := h.MetricUsers - len(h.Users)
	counted := &comparison{inDatabase: len(h.Users), inAPI: h.MetricUsers}
	beyond := missing > 0 && in.beyondUsers(missing, counted)
	replaced := 2*missing > h.MetricUsers && (beyond || len(h.Users) == 0 && missing > 1)
	if !beyond && !replaced {
		return Result{}
	}
	f := verdict.Finding{Subject: in.databaseSubject(), Details: map[string]string{"users": idText(int64(len(h.Users))),
		"usersOfMetric": idText(int64(h.MetricUsers)), "metricAt": text.Time(h.MetricUsersAt), "differ": idText(int64(missing)), "location": h.Database.Location}}
	f.Message = fmt.Sprintf("the database has %s, and the running hub itself counted %s on %s (jupyterhub_total_users), at most as many are expected: ",
		text.Count(len(h.Users), "user"), text.Number(h.MetricUsers), text.Time(h.MetricUsersAt))
	if replaced {
		f.Severity = verdict.Critical
		f.Message += in.howReplaced()
	} else {
		f.Message += "users were removed from the database while the hub ran, or it is not this hub's"
	}
	return Result{Findings: []verdict.Finding{f}}
}
