package report_test

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// guides stand in for the registry's documentation.
var guides = map[string]verdict.Guide{
	"hub-user-count-drift": {ID: "hub-user-count-drift", Title: "The number of users in the hub's database does not drop", Severity: verdict.Critical,
		Meaning: "The hub has forgotten users whose homes still exist. Each of them who logs in gets a new account and an empty home.",
		Do:      []string{"Stop the hub before anyone else logs in: `kubectl -n <namespace> scale deploy/hub --replicas 0`.", "Copy the database file as it is now.", "Restore the database from the newest backup that still has the users."},
		Dont:    []string{"Do not let users log in \"to see whether it works\".", "Do not delete claims that look unused."}},
	"hub-cookie-id-null": {ID: "hub-cookie-id-null", Title: "Every user has a `cookie_id`", Severity: verdict.Critical,
		Meaning: "A session cookie is looked up by cookie_id. Users without one are all taken for the first of them: people see each other's homes.\n\nThis has happened on a real hub in 2017.",
		Do:      []string{"Stop the hub: `kubectl -n <namespace> scale deploy/hub --replicas 0`.", "Give every user a fresh random `cookie_id`, each its own.", "Change the cookie secret and start the hub."},
		Dont:    []string{"Do not restart the hub first: sessions stay mixed up."}},
	"hub-cookie-id-duplicate": {ID: "hub-cookie-id-duplicate", Title: "No two users share a `cookie_id`", Severity: verdict.Critical,
		Meaning: "Two users with one cookie_id are logged in as each other.", Do: []string{"Stop the hub."}, Dont: []string{"Do not restart it first."}},
	"pvc-lost": {ID: "pvc-lost", Title: "No user's claim has lost its volume", Severity: verdict.Critical,
		Meaning: "The claim's PersistentVolume is gone; the user's server cannot start.",
		Do:      []string{"Find the volume in the storage system.", "Make a PersistentVolume for it again."}, Dont: []string{"Do not delete the claim."}},
	"lh-single-usable-replica": {ID: "lh-single-usable-replica", Title: "Every volume has more than one usable replica", Severity: verdict.Critical,
		Meaning: "One more failed or drained node and the data of these volumes is gone.",
		Do:      []string{"Cordon nothing and drain nothing.", "Set Longhorn's `offline-replica-rebuilding` to `enabled` and wait until each has its replicas again."},
		Dont:    []string{"Do not drain or delete the node that holds the last replica."}},
	"backup-none": {ID: "backup-none", Title: "Every claim with data has a backup", Severity: verdict.Warning,
		Meaning: "What is on these claims exists once.", Do: []string{"Add them to a backup job."}},
	"backup-hub-db-missing": {ID: "backup-hub-db-missing", Title: "The hub's database has a fresh backup", Severity: verdict.Critical,
		Meaning: "Without one the hub's users cannot be restored.", Do: []string{"Make one now."}},
	"audit-input-missing": {ID: "audit-input-missing", Title: "Every source that was once read can still be read", Severity: verdict.Critical,
		Meaning: "What cannot be read is not watched.", Do: []string{"Mend what the source's line says."}},
}

// order is the registry's.
var order = []struct {
	check  string
	perHub bool
}{
	{"hub-user-count-drift", true}, {"hub-cookie-id-null", true}, {"hub-cookie-id-duplicate", true}, {"pvc-lost", true},
	{"lh-single-usable-replica", false}, {"backup-none", true}, {"backup-hub-db-missing", true}, {"audit-input-missing", false},
}

// healthyRun is a run in which every check passes.
func healthyRun() *verdict.Run {
	snapshot := world.Healthy(world.Small)
	run := &verdict.Run{ID: "20261120T120000Z-1", Cluster: "prod", StartedAt: world.Now, Duration: 1234 * time.Millisecond, Version: "0.1.0",
		Sources: snapshot.Sources}
	morning := time.Date(2026, 11, 20, 3, 0, 12, 0, time.UTC)
	run.Coverage = []verdict.Coverage{{Hub: world.HubName, Homes: 11, Current: 11, Oldest: "claim-student-0001", OldestAt: morning.Add(-30 * time.Minute),
		Database: []verdict.DatabaseBackup{{Name: "nightly", Location: "backups/jupyterhub-*.sqlite.gz", Good: "jupyterhub-2026-11-20.sqlite.gz", GoodAt: morning,
			Tested: "jupyterhub-2026-11-20.sqlite.gz", TestedAt: world.Now, Level: facts.VerifyOpen}}}}
	for i := range run.Sources {
		run.Sources[i].Duration = time.Duration(i+1) * 7 * time.Millisecond
	}
	for _, c := range order {
		hub := ""
		if c.perHub {
			hub = world.HubName
		}
		run.Verdicts = append(run.Verdicts, verdict.Verdict{Check: c.check, Hub: hub, Outcome: verdict.Pass,
			Severity: guides[c.check].Severity, Fingerprint: verdict.Fingerprint("prod", hub, c.check)})
	}
	return run
}

// at returns the verdict of a check.
func at(run *verdict.Run, check string) *verdict.Verdict {
	for i := range run.Verdicts {
		if run.Verdicts[i].Check == check {
			return &run.Verdicts[i]
		}
	}
	panic("no such check: " + check)
}

// fail makes a check's verdict a failing one, and opens its incident so long
// before the run.
func fail(run *verdict.Run, check string, severity verdict.Severity, summary string, age time.Duration, findings ...verdict.Finding) {
	d := at(run, check)
	since := run.StartedAt.Add(-age)
	for i := range findings {
		if findings[i].Severity == "" {
			findings[i].Severity = severity
		}
	}
	d.Outcome, d.Severity, d.Summary, d.Count, d.Findings, d.Since = verdict.Fail, severity, summary, len(findings), findings, &since
	state := verdict.Ongoing
	if age == 0 {
		state = verdict.Opened
	}
	run.Incidents = append(run.Incidents, verdict.Incident{ID: int64(len(run.Incidents) + 1), Fingerprint: d.Fingerprint, Cluster: run.Cluster, Hub: d.Hub,
		Check: check, State: state, Outcome: verdict.Fail, Severity: severity, Summary: summary, Count: d.Count, OpenedAt: since})
}

func unknown(run *verdict.Run, check, why string) {
	d := at(run, check)
	d.Outcome, d.Summary = verdict.Unknown, why
}

func user(id int, name, message string, details map[string]string) verdict.Finding {
	return verdict.Finding{Subject: verdict.Subject{Kind: "user", Name: name, ID: fmt.Sprint(id)}, Message: message, Details: details}
}

// badRun has something of everything: unknown, critical, warning, an incident
// out of sight, a resolved one, a skipped check.
func badRun() *verdict.Run {
	run := healthyRun()
	var users []verdict.Finding
	for i := range 23 {
		users = append(users, user(i+51, fmt.Sprintf("student-%04d", i+51), fmt.Sprintf("user %q (id %d) has the cookie_id NULL, a random text of their own is expected", fmt.Sprintf("student-%04d", i+51), i+51),
			map[string]string{"created": "2026-11-20T09:12:44Z", "lastActivity": "2026-11-20T11:59:01Z"}))
	}
	fail(run, "hub-cookie-id-null", verdict.Critical, "23 of 1,053 users have no cookie_id", 3*time.Hour+20*time.Minute, users...)
	fail(run, "lh-single-usable-replica", verdict.Critical, "2 detached volumes have one usable replica left", 0,
		verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: "pvc-00000003-0000-4000-8000-000000000004"},
			Message: "1 of 3 replicas is usable, on worker-2; expected at least 2", Details: map[string]string{"user": "student-0003", "claim": "datahub/claim-student-0003", "node": "worker-2"}},
		verdict.Finding{Subject: verdict.Subject{Kind: "volume", Name: "pvc-00000003-0000-4000-8000-000000000007"}, Severity: verdict.Error,
			Message: "1 of 3 replicas is usable, on worker-4; expected at least 2", Details: map[string]string{"user": "student-0006", "claim": "datahub/claim-student-0006", "node": "worker-4"}})
	fail(run, "backup-none", verdict.Warning, "1 claim with data has no backup", 50*time.Hour,
		verdict.Finding{Subject: verdict.Subject{Kind: "claim", Namespace: "datahub", Name: "claim-student-0008"}, Message: "the claim is 5 months old and was never backed up"})

	refused := "source hubdb/datahub could not be read: open /srv/jupyterhub/jupyterhub.sqlite: permission denied; mount the hub's volume for the audit's user"
	unknown(run, "hub-user-count-drift", refused)
	unknown(run, "hub-cookie-id-duplicate", refused)
	world.Fail(&facts.Snapshot{Sources: run.Sources}, "hubdb/datahub", facts.CauseForbidden, "open /srv/jupyterhub/jupyterhub.sqlite: permission denied; mount the hub's volume for the audit's user")
	d := at(run, "backup-hub-db-missing")
	d.Outcome, d.Summary, d.Disabled = verdict.Skipped, "disabled in the configuration", true
	hidden, resolved := at(run, "hub-user-count-drift"), at(run, "pvc-lost")
	run.Incidents = append(run.Incidents,
		verdict.Incident{ID: 8, Fingerprint: hidden.Fingerprint, Cluster: "prod", Hub: "datahub", Check: hidden.Check, State: verdict.Ongoing, Outcome: verdict.Unknown,
			Severity: verdict.Critical, Summary: "the hub has 50 users, 953 fewer than usual", Count: 1, OpenedAt: run.StartedAt.Add(-47 * time.Minute)},
		verdict.Incident{ID: 5, Fingerprint: resolved.Fingerprint, Cluster: "prod", Hub: "datahub", Check: resolved.Check, State: verdict.Resolved, Outcome: verdict.Pass,
			Severity: verdict.Critical, Summary: "1 claim has lost its volume", Count: 1, OpenedAt: run.StartedAt.Add(-11 * time.Hour), ResolvedAt: run.StartedAt,
			Reason: "the invariant holds again"})
	homes := &run.Coverage[0]
	homes.Homes, homes.Current, homes.Old, homes.None, homes.Oldest, homes.OldestAt = 212, 195, 10, 4, "claim-x", time.Date(2026, 8, 27, 2, 30, 0, 0, time.UTC)
	homes.Untold = 3
	homes.Database[0].Tested, homes.Database[0].TestedAt, homes.Database[0].Level = "jupyterhub-2026-11-02.sqlite.gz", world.Now.AddDate(0, 0, -18), ""
	homes.Database[0].Trouble = `copy "jupyterhub-2026-11-20.sqlite.gz" in backup nightly, of 2026-11-20 03:00 UTC, is torn`
	homes.Database = append(homes.Database, verdict.DatabaseBackup{Name: "off-site", Location: "s3://hub-backups/*", Trouble: "nothing is there"})
	run.Coverage = append(run.Coverage, verdict.Coverage{Hub: "physics", Unknown: "source longhorn/backups could not be read: gave up after 30s"}, verdict.Coverage{Hub: "new"})
	run.Notes = []string{"The message to slack could not be delivered: channel_not_found."}
	return run
}
