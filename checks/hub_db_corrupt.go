package checks

import (
	"cmp"
	"slices"
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
			"file, one without tables, or one that lacks a table it starts and makes what is missing anew, ids from 1, and its health check stays " +
			"green; every user who then logs in becomes a new user, with an empty home or somebody else's. On a file that is cut off, broken or " +
			"no database it stops at its next start. Each finding says which accident it is and what to do before anyone restarts the hub. An " +
			"index that disagrees with its table and rows that point nowhere are errors, not critical: the rows are all there, the hub " +
			"runs, and harm comes with the next user who is not found or gets an id anew, or with the next start where a running server " +
			"has no user (see hub-spawner-duplicate).",
		FalseAlarms: "None known: the audit reads through SQLite's own locking or from a private copy, and from a database server in one transaction, so a " +
			"write in progress is not taken for damage. A write-ahead log that is missing means that only the main file was mounted or copied: give the audit the file's folder. A " +
			"file without tables and without traces is also what a hub has before its very first start, and a database of JupyterHub 0.7 that " +
			"was upgraded by hand lacks the table spawners until a hub has started on it. A table users that is merely empty is no finding: " +
			"only where rows of other tables, or the order in which the tables were made, show that it had users.",
		Do: []string{
			rescueFirst,
			"Stop the hub before anyone logs in: `kubectl -n NAMESPACE scale deployment/hub --replicas=0`. Running notebook servers keep running.",
			"Copy the database file with everything beside it (`-wal`, `-shm`, `-journal`, dated copies) to another volume, before any tool opens it; of a database server take a dump as it is, with `pg_dump` or `mysqldump`.",
			"Follow the step that the finding names: what can still be had, and from where, differs by accident.",
			"Look for the newest good copy: the backups, then `jupyterhub.sqlite.<date>` files beside the database that an upgrade left.",
			"Where content is still in the file and no copy is good, run `sqlite3 COPY .recover | sqlite3 NEW` on the copy: dropped tables often still lie in its free pages.",
			"Where only an index is stale, run `sqlite3 COPY REINDEX` on the copy and use that; an error about UNIQUE there means that two rows have the same value, so settle first which of them is right.",
			"Where rows point at users that do not exist, compare with the newest backup whose rows are missing, and restore them under their old ids.",
			"Put the restored file in place, run `audit now` against it, and only when it is clean scale the hub up again.",
		},
		Dont: []string{
			"Do not restart the hub to see whether that helps: a start on an empty database writes a new one over what could be recovered, and each failed start with `--upgrade-db` may leave one more full copy on the same volume.",
			"Do not run VACUUM, REINDEX or `.save` on the only copy.",
			"Do not let users log in, nor add them by hand, before their old ids are back: whoever gets such an id gets its owner's servers and claims.",
		},
		Sources: []string{
			"Berkeley DataHub post-mortem, 2017-02-09: `.save` over the live database",
			"jupyterhub/zero-to-jupyterhub-k8s#872",
			"jupyterhub/orm.py (check_db_revision): a database without tables is accepted as new",
			"jupyterhub/dbutil.py (backup_db_file): the dated copies",
		},
	},
	Run: runHubDBCorrupt,
}

func runHubDBCorrupt(in *Input) Result {
	d := &in.Hub.Database
	if len(d.Damage) == 0 {
		return Result{Unknown: usersUnread(in.Hub)}
	}
	damages := slices.SortedStableFunc(slices.Values(d.Damage), func(a, b facts.Damage) int {
		return cmp.Compare(slices.Index(verdict.Severities, accidentOf(&a).severity), slices.Index(verdict.Severities, accidentOf(&b).severity))
	})
	var r Result
	for i, damage := range damages {
		a := accidentOf(&damage)
		message := damage.Message + "; before anyone restarts the hub: " + a.next
		if i == 0 {
			message += copiesText(d.Copies) + in.betterCopy()
		}
		f := verdict.Finding{Subject: in.databaseSubject(), Message: message, Details: damageDetails(in.Hub, damage)}
		if a.severity != verdict.Critical {
			f.Severity = a.severity
		}
		r.Findings = append(r.Findings, f)
	}
	r.Summary = accidentOf(&damages[0]).title
	if more := len(damages) - 1; more > 0 {
		r.Summary += " (and " + text.Count(more, "more sign") + " of damage)"
	}
	return r
}

// copiesText tells of the copies that upgrades left beside the database.
func copiesText(copies []facts.BackupCopy) string {
	if len(copies) == 0 {
		return ""
	}
	newest := copies[0]
	return "; beside it lie " + text.Count(len(copies), "dated copy") + " that upgrades left, the newest " +
		strconv.Quote(newest.Name) + " of " + bytesText(newest.SizeBytes)
}

func damageDetails(h *facts.Hub, damage facts.Damage) map[string]string {
	d := &h.Database
	details := map[string]string{"damage": string(damage.Kind), "location": d.Location, "heldData": strconv.FormatBool(damage.HeldData),
		"recoverable": strconv.FormatBool(damage.Recoverable), "usersRead": string(h.UsersRead)}
	if d.Engine == "sqlite" {
		details["size"] = bytesText(d.SizeBytes)
	}
	if !d.Modified.IsZero() {
		details["modified"] = text.Time(d.Modified)
	}
	if len(d.Copies) > 0 {
		names := make([]string, len(d.Copies))
		for i, c := range d.Copies {
			names[i] = c.Name + " (" + bytesText(c.SizeBytes) + ")"
		}
		details["copies"] = list(names, 10)
	}
	return details
}
