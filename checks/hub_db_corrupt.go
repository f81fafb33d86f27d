package checks

import (
	"strconv"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var hubDBCorrupt = &Check{
	ID:       "hub-db-corrupt",
	Title:    "The hub's database is sound",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Needs:    []string{HubDatabase},
	Doc: Doc{
		Meaning: "The database file or its tables are damaged, emptied, or not a database at all. JupyterHub does not tell: on an empty " +
			"file, or one without tables, it starts as a new hub, ids from 1, and its health check stays green; every user who then logs in " +
			"becomes a new user. On other damage it stops at its next start, or hands out wrong rows until then.",
		FalseAlarms: "None known: the audit reads through SQLite's own locking or from a private copy, so a write in progress is not taken for " +
			"damage. A write-ahead log that is missing means that only the main file was mounted or copied: give the audit the file's folder.",
		Do: []string{
			"Stop the hub before anyone logs in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running notebook servers keep running.",
			"Copy the database file with everything beside it (`-wal`, `-shm`, `-journal`, dated copies) to another volume, before any tool opens it.",
			"Look for the newest good copy: the backups, then `jupyterhub.sqlite.<date>` files beside the database that an upgrade left.",
			"Where the file held data and no copy is good, run `sqlite3 COPY .recover` on the copy: dropped tables often still lie in its free pages.",
			"Put the restored file in place, run `audit now` against it, and only when it is clean scale the hub up again.",
		},
		Dont: []string{
			"Do not restart the hub to see whether that helps: a start on an empty database writes a new one over what could be recovered.",
			"Do not run VACUUM, REINDEX or `.save` on the only copy.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: `.save` over the live database",
			"jupyterhub/zero-to-jupyterhub-k8s#872",
			"jupyterhub/orm.py (check_db_revision): a database without tables is accepted as new",
		},
	},
	Run: runHubDBCorrupt,
}

func runHubDBCorrupt(in *Input) Result {
	d := &in.Hub.Database
	if len(d.Damage) == 0 {
		return Result{Unknown: usersUnread(in.Hub)}
	}
	var r Result
	for _, damage := range d.Damage {
		r.Findings = append(r.Findings, verdict.Finding{
			Subject: in.databaseSubject(), Message: damage.Message, Details: damageDetails(in.Hub, damage)})
	}
	r.Summary = damageTitle(d.Damage[0])
	if more := len(d.Damage) - 1; more > 0 {
		r.Summary += " (and " + text.Count(more, "more sign") + " of damage)"
	}
	return r
}

// damageTitle is a damage in a few words; the finding's message has the rest.
func damageTitle(d facts.Damage) string {
	switch d.Kind {
	case facts.DamageZeroBytes:
		return "the database file is empty"
	case facts.DamageNotSQLite:
		return "the database file is no SQLite database"
	case facts.DamageNoTables:
		if d.HeldData {
			return "the database was emptied: it has no tables, but it held data"
		}
		return "the database has no tables"
	case facts.DamageTableMissing:
		return "the database lacks a table that a hub needs"
	case facts.DamageTruncated:
		return "the database file is cut off"
	case facts.DamageIntegrity:
		return "the database is corrupt"
	case facts.DamageIndexStale:
		return "an index of the database disagrees with its table"
	case facts.DamageForeignKey:
		return "rows of the database point at rows that do not exist"
	case facts.DamageWALMissing:
		return "the database lacks its newest rows"
	}
	return d.Message
}

func damageDetails(h *facts.Hub, damage facts.Damage) map[string]string {
	d := &h.Database
	details := map[string]string{"damage": string(damage.Kind), "location": d.Location,
		"heldData": strconv.FormatBool(damage.HeldData), "usersRead": string(h.UsersRead)}
	if d.Engine == "sqlite" {
		details["size"] = bytesText(d.SizeBytes)
	}
	if !d.Modified.IsZero() {
		details["modified"] = text.Time(d.Modified)
	}
	return details
}
