package checks

import (
	"cmp"
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// defaultMaxAge is a day, and two hours for a nightly backup to be made.
const defaultMaxAge = 26 * time.Hour

// clockSkew is how far in the future a copy may be dated by another clock.
const clockSkew = time.Hour

var backupHubDBMissing = &Check{
	ID:       "backup-hub-db-missing",
	Title:    "The hub's database has a fresh backup",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Uses:     []string{HubBackups},
	Doc: Doc{
		Meaning: "There is no good, recent copy of the hub's database. The database decides who each user is and which volume is theirs: without it " +
			"every account and every link between a user and their files has to be rebuilt by hand. A copy is good when it is not empty, " +
			"ready for use (a snapshot), and not older than the location's maxAge (26 h if none is set). One good copy in one location is enough.",
		FalseAlarms: "A managed database with point-in-time recovery, or a backup that the audit was not told about. Tell it where the copies are " +
			"(`hubs[].backups`), or disable the check where somebody else answers for them. Copies beside the database on the same volume, " +
			"such as those an upgrade makes, are no backup.",
		Do: []string{
			"Make a copy now, through SQLite so that it is consistent: `sqlite3 /srv/jupyterhub/jupyterhub.sqlite \".backup '/tmp/jupyterhub-copy.sqlite'\"` in a pod that mounts the volume; `pg_dump` or `mysqldump` for a server.",
			"Check that the copy has users in it, and move it off the hub's volume.",
			"Find out why the scheduled backup stopped: `kubectl -n NAMESPACE get cronjobs,jobs`, then the log of the newest job.",
			"Once it runs again, restore one copy somewhere as a test.",
		},
		Dont: []string{
			"Do not use the sqlite shell's `.save` or a plain `cp` on the live file: the first has overwritten a database, the second can copy half a write.",
			"Do not upgrade the hub or change its database before there is a good copy.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09: no tested backup existed", "2i2c-org/infrastructure#4488"},
	},
	Run: runBackupHubDBMissing,
}

func runBackupHubDBMissing(in *Input) Result {
	if len(in.Hub.Backups) == 0 {
		return Result{Findings: []verdict.Finding{{
			Subject: in.databaseSubject(),
			Message: "no backup of the hub's database is configured for this audit, at least one location under hubs[].backups is expected",
		}}}
	}
	var r Result
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		newest, why := newestGood(b, in.Now)
		maxAge := cmp.Or(b.MaxAge, defaultMaxAge)
		if newest != nil && in.Now.Sub(newest.Time) <= maxAge {
			return Result{}
		}
		r.Findings = append(r.Findings, in.noFreshCopy(b, newest, why, maxAge))
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("none of %s has a good copy of the hub's database that is fresh enough: %s", text.Count(n, "backup location"), r.Findings[0].Message)
	}
	return r
}

func (in *Input) noFreshCopy(b *facts.Backup, newest *facts.BackupCopy, why string, maxAge time.Duration) verdict.Finding {
	f := verdict.Finding{
		Subject: verdict.Subject{Kind: "backup", Name: b.Name, Namespace: in.Hub.Namespace},
		Details: map[string]string{"kind": b.Kind, "location": b.Location, "copies": idText(int64(len(b.Copies))), "maxAge": maxAge.String()},
	}
	if newest == nil {
		f.Message = fmt.Sprintf("backup %s (%s) has no good copy of the hub's database: %s; one not older than %s is expected", b.Name, b.Location, why, text.Duration(maxAge))
		return f
	}
	f.Details["newest"], f.Details["newestTime"] = newest.Name, text.Time(newest.Time)
	f.Message = fmt.Sprintf("the newest good copy in backup %s (%s) is of %s, %s old, at most %s is expected", b.Name, b.Location,
		text.Time(newest.Time), text.Duration(in.Now.Sub(newest.Time)), text.Duration(maxAge))
	if why != "" {
		f.Message += "; later ones are not good: " + why
	}
	return f
}

// newestGood returns the newest copy that could be restored, and why newer
// ones, or all, could not.
func newestGood(b *facts.Backup, now time.Time) (*facts.BackupCopy, string) {
	why := ""
	for i := range b.Copies {
		fault := copyFault(b, &b.Copies[i], now)
		if fault == "" {
			return &b.Copies[i], why
		}
		if why == "" {
			why = b.Copies[i].Name + " " + fault
		}
	}
	if why == "" {
		why = "nothing is there"
	}
	return nil, why
}

// copyFault says why a copy does not count, "" if it does. That a snapshot
// has no size means only that its driver does not tell it.
func copyFault(b *facts.Backup, c *facts.BackupCopy, now time.Time) string {
	switch {
	case c.Error != "":
		return "failed: " + c.Error
	case !c.Ready:
		return "is not ready for use"
	case c.SizeBytes <= 0 && b.Kind == "files":
		return "is empty"
	case c.Time.IsZero():
		return "has no date"
	case c.Time.Sub(now) > clockSkew:
		return "is dated in the future, " + text.Time(c.Time)
	}
	return ""
}
