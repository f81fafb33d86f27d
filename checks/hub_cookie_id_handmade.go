package checks

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubCookieIDHandmade = &Check{
	ID:       "hub-cookie-id-handmade",
	Title:    "Every cookie_id was made by JupyterHub",
	Severity: verdict.Info,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "Every version of JupyterHub writes 32 hexadecimal digits, a random UUID. Another value works, but somebody or some tool wrote it: the row, or " +
			"the whole table, was rebuilt by hand. What else was rebuilt with it is worth a look: ids, names, times, claims. A value that can be " +
			"guessed is also half of what it takes to forge a login.",
		FalseAlarms: "A rescue after an accident, or a tool that moves users between hubs, writes such values on purpose. Nothing is broken by it, so this is only " +
			"an info; disable the check once you know the reason. Absent and shared values are reported by hub-cookie-id-null and hub-cookie-id-duplicate.",
		Do: []string{
			"Find out who wrote these rows, when, and from which list: the hub's log, tickets, shell history.",
			"Compare the users with the claims: `audit explain hub-db-reset` and `audit explain hub-user-twin` tell what a rebuilt table looks like.",
			"To replace the values, stop the hub, copy the database, and run `UPDATE users SET cookie_id = lower(hex(randomblob(16))) WHERE cookie_id GLOB '*[^0-9a-f]*' OR length(cookie_id) <> 32;`. These users have to log in again.",
			"That is SQLite's spelling; elsewhere give the ids listed here, and as the value `replace(gen_random_uuid()::text, '-', '')` on PostgreSQL or `lower(hex(random_bytes(16)))` on MySQL and MariaDB.",
		},
		Dont: []string{
			"Do not give several users the same value: they would all be logged in as the first of them.",
			"Do not edit the database under a running hub: it keeps rows in memory and writes them back.",
		},
		Sources: []string{"jupyterhub/utils.py (new_token), the same in databases of JupyterHub 0.7 to 6.0", "tried on a real hub: such a value works"},
	},
	Run: runHubCookieIDHandmade,
}

func runHubCookieIDHandmade(in *Input) Result {
	r := Result{Unknown: usersUnread(in.Hub)}
	for i := range in.Hub.Users {
		// A shared value is the business of hub-cookie-id-duplicate alone.
		if u := &in.Hub.Users[i]; u.CookieHandMade && u.Cookie == facts.CookieUnique {
			r.Findings = append(r.Findings, verdict.Finding{Subject: userSubject(u),
				Message: fmt.Sprintf("%s has a cookie_id that JupyterHub did not make, 32 hexadecimal digits are expected", userText(u))})
		}
	}
	switch n := len(r.Findings); {
	case n == 0:
	case n > 1 && n == len(in.Hub.Users):
		r.Summary = fmt.Sprintf("all %s have a cookie_id that JupyterHub did not make: the whole table users was written by hand or by a tool", text.Count(n, "user"))
	default:
		r.Summary = fmt.Sprintf("%s of %s %s a cookie_id that JupyterHub did not make", text.Number(n), text.Count(len(in.Hub.Users), "user"), text.Plural(n, "has", "have"))
	}
	return r
}
