package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubCookieIDNull = &Check{
	ID:       "hub-cookie-id-null",
	Title:    "Every user has a cookie_id",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "A login cookie holds the user's cookie_id, and the hub looks the user up by it. With NULL the login fails; with an empty text, or " +
			"in old hubs with NULL, the first such row answers, and people are logged in as somebody else, with that user's files. " +
			"Rows like this come from a table that was rebuilt by hand.",
		FalseAlarms: "None: JupyterHub never writes such a row.",
		Do: []string{
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Copy the database to another volume.",
			"Give each such user a value of their own: `UPDATE users SET cookie_id = lower(hex(randomblob(16))) WHERE cookie_id IS NULL OR cookie_id = '';` (SQLite; one random value per row).",
			"On PostgreSQL write `replace(gen_random_uuid()::text, '-', '')` for the value, on MySQL and MariaDB `lower(hex(random_bytes(16)))`.",
			"Replace the hub's cookie secret (`hub.config.JupyterHub.cookie_secret`, or the file jupyterhub_cookie_secret), so that every old cookie is void.",
			"Run `audit now`, start the hub, and ask the users listed here which files they saw and changed meanwhile.",
		},
		Dont: []string{
			"Do not give all rows the same value: then everyone becomes the user with the lowest id, often the first admin.",
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09", "jupyterhub/orm.py, jupyterhub/handlers/base.py"},
	},
	Run: runHubCookieIDNull,
}

func runHubCookieIDNull(in *Input) Result {
	r := Result{Unknown: usersUnread(in.Hub)}
	for i := range in.Hub.Users {
		u := &in.Hub.Users[i]
		if u.Cookie != facts.CookieNull && u.Cookie != facts.CookieEmpty {
			continue
		}
		r.Findings = append(r.Findings, verdict.Finding{
			Subject: userSubject(u),
			Message: fmt.Sprintf("user %q (id %d) has the cookie_id %s, a random text of their own is expected", u.Name, u.ID,
				map[facts.CookieState]string{facts.CookieNull: "NULL", facts.CookieEmpty: "''"}[u.Cookie]),
			Details: map[string]string{"cookie": string(u.Cookie)},
		})
	}
	if n := len(r.Findings); n > 0 {
		r.Summary = fmt.Sprintf("%s of %s %s no cookie_id", text.Number(n), text.Count(len(in.Hub.Users), "user"), text.Plural(n, "has", "have"))
	}
	return r
}
