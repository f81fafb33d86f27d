package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubTimeImpossible = &Check{
	ID:       "hub-time-impossible",
	Title:    "Times of users and servers are readable and lie between JupyterHub's birth and now",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Params: []Param{{Name: "tolerance", Doc: "how far a time may lie in the future, or activity before the user's creation",
		Default: float64(24 * time.Hour), Min: float64(time.Hour), Max: float64(366 * 24 * time.Hour), Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "A time that the hub cannot read, such as one with a T or a Z in SQLite, ends its next start if it is a user's or a running server's: an error. In the row " +
			"of a stopped server it keeps the owner from starting it and everybody from listing all users. Activity in the future keeps an idle " +
			"server running for ever, since cleaning up goes by it; a time of long ago lets a clean-up of users delete people with their claims. " +
			"All of these are written by hand or by a tool, or by a machine with a wrong clock.",
		FalseAlarms: "Times without a zone that are local by mistake are up to 14 hours off, clocks some minutes; JupyterHub itself refuses activity more than an hour " +
			"ahead. `tolerance` covers that. No time at all is normal. An upgrade from before JupyterHub 0.9 gives all users the same created, long after they were " +
			"active: users with the earliest created are never said to be active before it, and others only as an info.",
		Do: []string{
			"Compare the clocks of the nodes, the database server and the audit: `date -u` on each.",
			"See what else the hand or tool that wrote these rows has changed: `audit now --check hub-cookie-id-handmade`.",
			"Before the next clean-up of idle users, set it aside: `cull.users: false` in the chart's values.",
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Copy the database to another volume.",
			"Write times as JupyterHub does, in UTC: `UPDATE users SET last_activity = '2026-11-20 12:00:00.000000' WHERE id = 12;`; NULL is fine for all three columns if nothing is known.",
			"Run `audit now`, and start the hub.",
		},
		Dont: []string{
			"Do not restart the hub before the times that it cannot read are mended: it does not come up again.",
			"Do not set last_activity to long ago: a clean-up may delete these users with their files.",
		},
		Sources: []string{
			"jupyterhub/orm.py, jupyterhub/app.py (init_users), jupyterhub/apihandlers/users.py (ActivityAPIHandler), jupyterhub-idle-culler",
			"tried on JupyterHub 3.0.0: unreadable times of users and of running and stopped servers, activity in 2099",
		},
	},
	Run: runHubTimeImpossible,
}

// jupyterHubBorn is before JupyterHub's first commit.
var jupyterHubBorn = time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC)

func runHubTimeImpossible(in *Input) Result {
	h := in.Hub
	r := Result{Unknown: rowsUnread(h)}
	t := timeJudge{in: in, tolerance: in.Duration("tolerance"), upgraded: firstCreated(h.Users)}
	for i := range h.Users {
		r.Findings = append(r.Findings, t.user(&h.Users[i])...)
	}
	for i := range h.Spawners {
		r.Findings = append(r.Findings, t.server(&h.Spawners[i])...)
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("%s of users and servers cannot be true", text.Count(n, "time"))
		if t.stopping > 0 {
			r.Summary = fmt.Sprintf("%s of users and servers cannot be read or true, and the hub fails at its next start for %s of them", text.Count(n, "time"), text.Number(t.stopping))
		}
	}
	return r
}

type timeJudge struct {
	in        *Input
	tolerance time.Duration
	// upgraded is the earliest created: an upgrade to JupyterHub 0.9 gave it to
	// everyone there was, and who came later has a later one.
	upgraded time.Time
	stopping int // findings that stop the hub
}

type timeColumn struct {
	name string
	at   time.Time
}

func (t *timeJudge) user(u *facts.User) []verdict.Finding {
	var findings []verdict.Finding
	add := func(severity verdict.Severity, column, message string) {
		findings = append(findings, verdict.Finding{Subject: userSubject(u), Severity: severity,
			Message: fmt.Sprintf("%s of %s %s", column, userText(u), message), Details: map[string]string{"column": "users." + column}})
	}
	for _, column := range brokenColumns(u.BrokenTimes) {
		t.stopping++
		add(verdict.Error, column, "is no time as the hub writes it (2026-11-20 12:00:00.000000): the hub fails at its next start")
	}
	for _, c := range [...]timeColumn{{"created", u.Created}, {"last_activity", u.LastActivity}} {
		if why := t.impossible(c.at); why != "" {
			add(verdict.Warning, c.name, why)
		}
	}
	if len(findings) == 0 && !u.LastActivity.IsZero() && u.Created.After(t.upgraded) && u.Created.Sub(u.LastActivity) > t.tolerance {
		add(verdict.Info, "last_activity", fmt.Sprintf("is %s, before the user was created at %s", text.Time(u.LastActivity), text.Time(u.Created)))
	}
	return findings
}

func (t *timeJudge) server(sp *facts.Spawner) []verdict.Finding {
	var findings []verdict.Finding
	add := func(severity verdict.Severity, column, message string) {
		findings = append(findings, t.in.serverFinding(sp, severity,
			fmt.Sprintf("%s of %s %s", column, t.in.serverText(sp), message), map[string]string{"column": "spawners." + column}))
	}
	for _, column := range brokenColumns(sp.BrokenTimes) {
		const broken = "is no time as the hub writes it (2026-11-20 12:00:00.000000): "
		if sp.ServerID == 0 {
			add(verdict.Warning, column, broken+"the server cannot be started, and no list of all users can be had")
			continue
		}
		t.stopping++
		add(verdict.Error, column, broken+"the server runs, and the hub fails at its next start")
	}
	for _, c := range [...]timeColumn{{"started", sp.Started}, {"last_activity", sp.LastActivity}} {
		if why := t.impossible(c.at); why != "" {
			add(verdict.Warning, c.name, why)
		}
	}
	return findings
}

// impossible says what is wrong with a time, "" if nothing. No time is fine.
func (t *timeJudge) impossible(at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case at.Sub(t.in.Now) > t.tolerance:
		return fmt.Sprintf("is %s, in the future; up to %s ahead is expected", text.Time(at), text.Duration(t.tolerance))
	case at.Before(jupyterHubBorn):
		return fmt.Sprintf("is %s, before JupyterHub existed", text.Time(at))
	}
	return ""
}

func brokenColumns(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
