package checks

import (
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

var hubCookieConstraintMissing = &Check{
	ID:       "hub-cookie-constraint-missing",
	Title:    "The database itself forbids an absent or shared cookie_id",
	Severity: verdict.Warning,
	Since:    "0.2.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "Since version 0.8 JupyterHub creates users.cookie_id NOT NULL and UNIQUE. Here that is missing, so one careless statement or restore can " +
			"give many users no cookie_id or one and the same, and the hub then logs people in as somebody else. Without UNIQUE people can be mixed " +
			"up; without NOT NULL alone a login can only fail, which is an info.",
		FalseAlarms: "A database that was made by JupyterHub 0.7 or older and upgraded since: no upgrade adds the constraints. It works, and the protection is " +
			"missing all the same. A hub that still is 0.7 is not reported.",
		Do: []string{
			"See that hub-cookie-id-null and hub-cookie-id-duplicate pass; mend those rows first.",
			"Stop the hub: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`.",
			"Copy the database to another volume.",
			"PostgreSQL: `ALTER TABLE users ALTER COLUMN cookie_id SET NOT NULL, ADD UNIQUE (cookie_id);`.",
			"MySQL and MariaDB: `ALTER TABLE users MODIFY cookie_id VARCHAR(255) NOT NULL, ADD UNIQUE (cookie_id);`.",
			"SQLite: `CREATE UNIQUE INDEX uq_users_cookie_id ON users (cookie_id);` gives the half that matters at once.",
			"For NOT NULL, SQLite needs a new table: let the same version of JupyterHub create an empty database elsewhere, and copy the rows of every table into it by the names of the columns.",
			"Run `audit now`, and start the hub.",
		},
		Dont: []string{
			"Do not edit the table definition through `PRAGMA writable_schema`: a mistake there costs the whole database.",
			"Do not rebuild the table without every column and every id: claims, servers and tokens hang on users.id.",
		},
		Sources: []string{
			"jupyterhub commit 3955a8c1 (0.8) and jupyterhub/alembic/versions: no migration touches users.cookie_id",
			"Berkeley DataHub post-mortem, 2017-02-09",
		},
	},
	Run: runHubCookieConstraintMissing,
}

func runHubCookieConstraintMissing(in *Input) Result {
	h, d := in.Hub, &in.Hub.Database
	r := Result{Unknown: usersUnread(h)}
	columns := d.Columns["users"]
	switch {
	case h.UsersRead == facts.None, unconstrainedByDesign(d), d.CookieNotNull && d.CookieUnique:
		return r
	case columns != nil && !slices.Contains(columns, "cookie_id"):
		return Result{Skip: "the table users has no column cookie_id"}
	}
	var missing []string
	if !d.CookieUnique {
		missing = append(missing, "UNIQUE")
	}
	if !d.CookieNotNull {
		missing = append(missing, "NOT NULL")
	}
	f := verdict.Finding{Subject: in.databaseSubject(), Details: map[string]string{"missing": strings.Join(missing, ", ")},
		Message: "users.cookie_id is not " + strings.Join(missing, " and not ") + ", NOT NULL and UNIQUE are expected: nothing keeps users from sharing one"}
	if d.CookieUnique {
		f.Severity = verdict.Info
		f.Message = "users.cookie_id is UNIQUE and not NOT NULL, NOT NULL and UNIQUE are expected: nothing keeps a user from having none"
	}
	r.Findings = []verdict.Finding{f}
	return r
}

// unconstrainedByDesign tells whether the schema is JupyterHub 0.7's or older,
// which has neither constraint.
func unconstrainedByDesign(d *facts.Database) bool {
	return !slices.Contains(d.Tables, "spawners") && schemaUpTo(d, "0.7")
}
