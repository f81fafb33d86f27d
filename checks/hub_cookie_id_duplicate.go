package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubCookieIDDuplicate = &Check{
	ID:       "hub-cookie-id-duplicate",
	Title:    "No two users have the same cookie_id",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "The hub finds the user of a login cookie by cookie_id and takes the first row. Everyone who shares a value is logged in as the one " +
			"with the lowest id: they see, change and delete that user's files, with that user's rights.",
		FalseAlarms: "None: JupyterHub gives every user a random value. Databases born before JupyterHub 0.8 lack the constraint that would forbid this.",
		Do: []string{
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Stop the running servers of the user that everyone became, after saving what is in them: others have been working there.",
			"Copy the database to another volume.",
			"Give every user listed here a value of their own: `UPDATE users SET cookie_id = lower(hex(randomblob(16))) WHERE cookie_id IN (SELECT cookie_id FROM users GROUP BY cookie_id HAVING count(*) > 1);` (SQLite).",
			"On PostgreSQL write `replace(gen_random_uuid()::text, '-', '')` for the value; on MySQL and MariaDB `lower(hex(random_bytes(16)))`, with `WHERE id IN (…)` and the ids listed here.",
			"Replace the hub's cookie secret (`hub.config.JupyterHub.cookie_secret`, or the file jupyterhub_cookie_secret), so that every old cookie is void.",
			"Run `audit now`, start the hub, and tell the users what others may have seen.",
		},
		Dont: []string{
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09", "jupyterhub/orm.py, jupyterhub/handlers/base.py"},
	},
	Run: runHubCookieIDDuplicate,
}

func runHubCookieIDDuplicate(in *Input) Result {
	r := Result{Unknown: usersUnread(in.Hub)}
	names := map[int64]string{}
	sharers := map[int64]int{} // by the user they are all logged in as
	for i := range in.Hub.Users {
		u := &in.Hub.Users[i]
		names[u.ID] = u.Name
		if u.Cookie == facts.CookieShared {
			sharers[u.CookieSharedWith]++
		}
	}
	for i := range in.Hub.Users {
		if u := &in.Hub.Users[i]; u.Cookie == facts.CookieShared {
			r.Findings = append(r.Findings, sharedCookie(u, names[u.CookieSharedWith], sharers[u.CookieSharedWith]-1))
		}
	}
	if n := len(r.Findings); n > 0 {
		r.Summary = fmt.Sprintf("%s of %s share %s with others", text.Number(n), text.Count(len(in.Hub.Users), "user"), text.Count(len(sharers), "cookie_id"))
		if id := onlyKey(sharers); len(sharers) == 1 {
			r.Summary += fmt.Sprintf(": all of them are logged in as user %q (id %d)", names[id], id)
		}
	}
	return r
}

func sharedCookie(u *facts.User, first string, others int) verdict.Finding {
	f := verdict.Finding{Subject: userSubject(u),
		Details: map[string]string{"loggedInAs": first, "loggedInAsID": idText(u.CookieSharedWith)}}
	if u.ID == u.CookieSharedWith {
		f.Message = fmt.Sprintf("user %q (id %d) has the same cookie_id as %s, who are logged in as this user; nobody else's is expected",
			u.Name, u.ID, text.Count(others, "other user"))
	} else {
		f.Message = fmt.Sprintf("user %q (id %d) has the same cookie_id as user %q (id %d) and is logged in as that user; nobody else's is expected",
			u.Name, u.ID, first, u.CookieSharedWith)
	}
	return f
}

func onlyKey(m map[int64]int) int64 {
	for k := range m {
		return k
	}
	return 0
}
