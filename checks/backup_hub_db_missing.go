package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

const hubDBMissing = "backup-hub-db-missing"

var backupHubDBMissing = &Check{
	ID:       hubDBMissing,
	Title:    "The hub's database has a fresh backup",
	Severity: verdict.Critical,
	Since:    "0.1.0",
	Scope:    PerHub,
	Weighs:   append([]string{HubBackups}, volumeBackupSources...),
	Params:   []Param{slackParam},
	Doc: Doc{
		Meaning: "There is no good, recent copy of the hub's database. The database decides who each user is and which volume is theirs: without it " +
			"every account and every link between a user and their files has to be rebuilt by hand. A copy is good when it is not empty, " +
			"ready for use, not dated in the future, and not found damaged when it was opened; it is recent when it is not older than the " +
			"location's maxAge or, without one, than the last run of its schedule that was due (26 h if there is neither). One good copy in one location is enough.",
		FalseAlarms: "A managed database with point-in-time recovery, or a backup that the audit was not told about. Tell it where the copies are " +
			"(`hubs[].backups`: files, object storage, VolumeSnapshots, Longhorn, Velero, K8up, Cloud SQL, or the CronJob that makes them), or disable the check " +
			"where somebody else answers for them. Where no location is configured but the volume of an SQLite database is backed up itself, that is " +
			"only a warning: such a copy is what a power cut leaves, which SQLite usually survives, and nobody has looked whether it does. Copies beside the database on the same volume, " +
			"such as those an upgrade makes, are no backup. A location that cannot be read makes the check unknown only while no other one has a good, recent copy. A hub that was made after the run that was due last has nothing to show yet. A fresh copy that was opened and found broken is told by backup-restore-mismatch, and this check is skipped.",
		Do: []string{
			"Make a copy now, through SQLite so that it is consistent: `sqlite3 /srv/jupyterhub/jupyterhub.sqlite \".backup '/tmp/jupyterhub-copy.sqlite'\"` in a pod that mounts the volume; `pg_dump` or `mysqldump` for a server.",
			"Check that the copy has users in it, and move it off the hub's volume.",
			"Find out why the scheduled backup stopped: `kubectl -n NAMESPACE get cronjobs,jobs`, then the log of the newest job.",
			"Where no location is configured, name the place of the copies under `hubs[].backups` of the audit's configuration, so that it watches them.",
			"Once it runs again, restore one copy somewhere as a test.",
		},
		Dont: []string{
			"Do not use the sqlite shell's `.save` or a plain `cp` on the live file: the first has overwritten a database, the second can copy half a write.",
			"Do not upgrade the hub or change its database before there is a good copy.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09: no tested backup existed", "2i2c-org/infrastructure#4488", "sqlite.org/howtocorrupt.html"},
	},
	Run: runBackupHubDBMissing,
}

func runBackupHubDBMissing(in *Input) Result {
	if len(in.Hub.Backups) == 0 {
		return in.noneConfigured()
	}
	var r Result
	var unread []string
	// bad are locations whose newest copy is fresh and was found broken.
	var bad []string
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		if source := in.locationSource(b); source.Status == facts.Failed {
			unread = append(unread, unreadText(source))
			continue
		}
		newest, why := newestGood(b, in.Now)
		d := in.demands(b, in.Duration(slackParam.Name))
		if newest != nil && d.met(newest) || len(b.Copies) == 0 && in.hubSince().After(d.since) {
			return Result{}
		}
		if o := b.Opened; o != nil && o.Fault != "" && d.met(&o.Copy) && in.judges(restoreMismatch) {
			bad = append(bad, b.Name)
			continue
		}
		r.Findings = append(r.Findings, in.noFreshCopy(b, newest, why, d))
	}
	if len(bad) > 0 && len(r.Findings) == 0 {
		r.Skip = fmt.Sprintf("the newest copy in %s is fresh and not good: %s tells of it", strings.Join(bad, ", "), restoreMismatch)
	}
	if len(unread) > 0 {
		r = Result{Unknown: strings.Join(unread, "; ")}
		if n := len(in.Hub.Backups) - len(unread); n > 0 {
			r.Unknown += "; no other location has a good copy that is fresh enough"
		}
		return r
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("none of %s has a good copy of the hub's database that is fresh enough: %s", text.Count(n, "backup location"), r.Findings[0].Message)
	}
	return r
}

// hubSince is since when there has been anything of the hub: a claim in its
// namespace, a user. Zero where claims are not known, as the users of a database
// that was wiped are all new.
func (in *Input) hubSince() time.Time {
	if in.Source(facts.KubeClaims).Status != facts.OK {
		return time.Time{}
	}
	first := in.oldestUser()
	for i := range in.Kube.Claims {
		if c := &in.Kube.Claims[i]; c.Namespace == in.Hub.Namespace && c.Created.Before(first) {
			first = c.Created
		}
	}
	return first
}

func (in *Input) noFreshCopy(b *facts.Backup, newest *facts.BackupCopy, why string, d demand) verdict.Finding {
	f := verdict.Finding{Subject: in.backupSubject(b),
		Details: map[string]string{"kind": b.Kind, "location": b.Location, "copies": idText(int64(len(b.Copies)))}}
	if d.schedule != "" {
		f.Details["schedule"], f.Details["timeZone"] = d.schedule, b.TimeZone
	} else {
		f.Details["maxAge"] = d.maxAge.String()
	}
	if newest == nil {
		f.Message = fmt.Sprintf("backup %s (%s) has no good copy of the hub's database: %s; %s", b.Name, b.Location, why, d.words)
		return f
	}
	f.Details["newest"], f.Details["newestTime"] = newest.Name, text.Time(newest.Time)
	f.Message = fmt.Sprintf("the newest good copy in backup %s (%s) is of %s, %s old, %s", b.Name, b.Location,
		text.Time(newest.Time), text.Duration(in.Now.Sub(newest.Time)), d.words)
	if why != "" {
		f.Message += "; later ones are not good: " + why
	}
	return f
}
