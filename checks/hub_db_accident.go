package checks

import (
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// accident is a damage as an operator needs it: what it is in a few words, how
// bad, and what to do before the hub is started again.
type accident struct {
	title    string
	severity verdict.Severity
	next     string
}

// accidentOf tells which accident left a damage. Critical is what loses or
// misroutes data, or stops the hub at its next start. The rest is an error: all
// rows are there and the hub goes on.
func accidentOf(d *facts.Damage) accident {
	switch d.Kind {
	case facts.DamageIndexStale:
		return accident{"an index of the database disagrees with its table", verdict.Error,
			"run REINDEX on a copy and use that; until then the hub does not find every row, and makes a user a second time whom it does not find by name"}
	case facts.DamageForeignKey:
		return accident{"rows of the database point at rows that do not exist", verdict.Error,
			"look the missing rows up in a backup; they were lost or deleted behind the hub's back, whoever gets such a user's id next gets their servers and claims, " +
				"and a server without its row is forgotten at the next start while its pod runs on"}
	case facts.DamageUsersRemade:
		return accident{"the table users was emptied or made again", verdict.Critical, remadeNext(d)}
	case facts.DamageWALMissing:
		return accident{"the database lacks its newest rows", verdict.Critical,
			"look for the log (-wal) where this file came from and put both back together; a start without it makes the loss final"}
	case facts.DamageTruncated:
		return accident{"the database file is cut off", verdict.Critical,
			"copy it to another volume and restore the newest backup, or run .recover on the copy if there is none; the hub cannot start on it, and each try may leave one more copy beside it"}
	case facts.DamageIntegrity:
		return accident{"the database is corrupt", verdict.Critical,
			"copy it to another volume and restore the newest backup, or run .recover on the copy if there is none; the hub stops, or loses rows, where it meets the broken pages"}
	case facts.DamageNotSQLite:
		return accident{"the database file is no SQLite database", verdict.Critical, notSQLiteNext(d)}
	}
	return lostAccident(d)
}

// lostAccident is the accident of a file that a hub takes for new.
func lostAccident(d *facts.Damage) accident {
	switch {
	case d.Kind == facts.DamageZeroBytes && d.Recoverable:
		return accident{"the database file is empty", verdict.Critical,
			"copy it with all that lies beside it to another volume, since rows are left only there, then restore the newest backup"}
	case d.Kind == facts.DamageZeroBytes:
		return accident{"the database file is empty", verdict.Critical,
			"restore the newest backup; on this file it starts as a new hub without a warning, with ids from 1"}
	case d.Kind == facts.DamageTableMissing:
		return accident{"the database lacks a table that a hub needs", verdict.Critical, missingNext(d)}
	case d.Kind == facts.DamageNoTables && d.Recoverable:
		return accident{"the database was emptied: its tables were dropped, their content is still in the file", verdict.Critical,
			"copy it to another volume and run .recover on the copy, or restore the newest backup; a start on it writes over what can still be had"}
	case d.Kind == facts.DamageNoTables && d.HeldData:
		return accident{"the database was emptied: it has no tables, but it held data", verdict.Critical,
			"restore the newest backup, since nothing of the old content is in this file; on it the hub starts as a new one without a warning, with ids from 1"}
	case d.Kind == facts.DamageNoTables:
		return accident{"the database has no tables", verdict.Critical,
			"find the hub's own database (its volume, its db_url) or restore the newest backup; on this one it starts as a new hub without a warning, with ids from 1"}
	}
	return accident{"the database is damaged", verdict.Critical, "copy it to another volume and restore the newest backup"}
}

func remadeNext(d *facts.Damage) string {
	if d.Recoverable {
		return "copy it to another volume, then put the users back under their old ids from the newest backup or by .recover on the copy; users who log in now get the ids of others, and with them their servers and claims"
	}
	return "put the users back under their old ids from the newest backup; users who log in now get the ids of others, and with them their servers and claims"
}

func notSQLiteNext(d *facts.Damage) string {
	if d.Recoverable {
		return "copy it to another volume and restore the newest backup, or run .recover on the copy if there is none; the hub cannot start on it"
	}
	return "put the database back in its place, unpacked or from a backup, and keep this file until it is clear who put it there; the hub cannot start on it"
}

func missingNext(d *facts.Damage) string {
	if d.Recoverable {
		return "copy it to another volume and restore the newest backup, or run .recover on the copy; a start makes the table anew and empty, over what can still be had"
	}
	return "restore the newest backup; a start makes a missing table anew and empty, and stops at a missing column"
}
