package checks

import (
	"fmt"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var backupUntested = &Check{
	ID:       "backup-untested",
	Title:    "Backups were restored as a test",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.History},
	Uses:     append([]string{facts.KubeClaims, facts.VeleroRestores}, heldSources...),
	Weighs:   []string{HubBackups},
	Baseline: true,
	Params: []Param{
		{Name: "days", Doc: "how long ago a copy of the hub's database may have been opened or restored last", Default: 30, Min: 1, Max: 3650, Unit: "days"},
		{Name: "homeDays", Doc: "how long ago a home may have been restored last", Default: 180, Min: 1, Max: 3650, Unit: "days"},
	},
	Doc: Doc{
		Meaning: "Nobody and nothing has shown that these backups can be restored. Jobs that end well every night have written empty files, copies without " +
			"their newest rows and snapshots of the wrong volume for months, and were found out on the day on which they were needed. " +
			"Copies of the hub's database that are files or objects are opened by the audit itself in each run (`verify: open`), or restored into a scratch " +
			"server (`verify: restore`); whatever cannot be opened, snapshots, Longhorn's and Velero's backups, a managed database's own, and everybody's homes, must be restored somewhere now and then.",
		FalseAlarms: "A restore that the audit can see counts by itself: a Velero Restore of the hub's namespace that completed, a Longhorn volume or a claim that was made from a " +
			"backup or snapshot. One that was made elsewhere must be noted: `audit accept backup-untested --hub HUB --reason \"restored claim-x of 1 May into a " +
			"test namespace, files compared\"` notes it with its time. A hub that is younger than the span is new and is not reported, nor are homes of which none has " +
			"a backup (backup-none tells those), nor a database of which there is no copy (backup-hub-db-missing) or whose copies were opened and are bad (backup-restore-mismatch).",
		Do: []string{
			"For the database, let the audit do it: name where the copies lie (`hubs[].backups[].files`, a path or an object storage URL) with `verify: open`, and see that it may read them.",
			"Where a copy is too large, encrypted or of a form that the audit cannot open, restore it by hand into an empty database and compare the number of users with the live hub's.",
			"For homes, choose one that is not your own, restore its newest backup into a new claim in another namespace (Longhorn: Backup, Restore; Velero: `velero restore create --from-backup NAME --namespace-mappings HUB:restore-test`), mount it in a pod, and look for the newest file that its owner should have.",
			"Note how long it took and what was missing, and then `audit accept backup-untested --hub HUB --reason \"…\"`.",
			"Delete the restored claim and its volume afterwards, by their own names.",
		},
		Dont: []string{
			"Do not restore into the hub's own namespace or over a live claim: that is how a test becomes an incident.",
			"Do not accept a drill that did not look into the files.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09: perform regular and tested backups", "vmware-tanzu/velero#1688", "2i2c-org/infrastructure#4425 and #4488"},
	},
	Run: runBackupUntested,
}

func runBackupUntested(in *Input) Result {
	drill := in.drill()
	r := in.databaseUntested(drill.Since)
	homes := in.homesUntested(drill)
	if homes.finding != nil {
		r.Findings = append(r.Findings, *homes.finding)
	}
	if homes.seen != "" {
		r.Marks = map[string]string{facts.MarkDrill: homes.seen}
	}
	return r
}

// drill is the restore that was noted last, by a person or by an earlier run that
// saw one.
func (in *Input) drill() facts.Mark {
	return in.Past.Marks[facts.SeriesKey{Hub: in.Hub.Name, Name: facts.MarkDrill}]
}

// days is a parameter in days, as a span.
func (in *Input) days(name string) time.Duration {
	return time.Duration(in.Number(name) * float64(24*time.Hour))
}

// databaseUntested judges whether any copy of the hub's database was opened or
// restored lately. drilled is when somebody said so.
func (in *Input) databaseUntested(drilled time.Time) Result {
	last := drilled
	var reasons, unknown []string
	toTest := false
	for _, c := range in.testedCopies() {
		at := in.tested(&c)
		last = later(last, at)
		newest, _ := newestGood(c.backup, in.Now)
		bad := len(c.findings) > 0 && !c.whole
		toTest = toTest || newest != nil && !(bad && in.tells(backupRestoreMismatch)) || c.unknown != ""
		switch {
		case c.unknown != "" && at.IsZero(): // never tested, and not to be told now
			unknown = append(unknown, c.unknown)
		case c.unknown != "":
			reasons = append(reasons, c.unknown)
		case bad:
			reasons = append(reasons, fmt.Sprintf("the newest copy in backup %s is not good (backup-restore-mismatch)", c.backup.Name))
		case c.skipped != "":
			reasons = append(reasons, c.skipped)
		}
	}
	switch span := in.days("days"); {
	case !toTest || !last.IsZero() && in.Now.Sub(last) <= span || in.Now.Sub(in.oldestUser()) < span:
		return Result{}
	case len(unknown) > 0:
		return Result{Unknown: strings.Join(unknown, "; ")}
	default:
		return Result{Findings: []verdict.Finding{in.neverOpened(last, span, reasons)}}
	}
}

func (in *Input) neverOpened(last time.Time, span time.Duration, reasons []string) verdict.Finding {
	f := verdict.Finding{Subject: in.databaseSubject(), Details: map[string]string{"reasons": strings.Join(reasons, "; ")}}
	when := "no copy of the hub's database was ever opened or restored as a test"
	if !last.IsZero() {
		when = fmt.Sprintf("the last time that a copy of the hub's database was opened or restored as a test was %s ago", text.Duration(in.Now.Sub(last)))
		f.Details["lastTest"] = text.Time(last)
	}
	f.Message = fmt.Sprintf("%s, once within %s is expected", when, text.Duration(span))
	if len(reasons) > 0 {
		f.Message += ": " + joined(reasons, "; ", 3)
	}
	return f
}

// tested is when a copy in a location was last opened or restored and found good,
// zero for never.
func (in *Input) tested(c *testedCopy) time.Time {
	at := in.Past.Marks[facts.SeriesKey{Hub: in.Hub.Name, Name: facts.MarkTested + c.backup.Name}].Until
	switch {
	case !c.whole:
	case c.backup.Opened.Known:
		at = later(at, c.backup.Opened.KnownAt)
	default:
		at = in.Now
	}
	switch c.backup.Kind {
	case facts.BackupSnapshots, facts.BackupLonghorn, facts.BackupVelero, facts.BackupK8up:
		_, claim, _ := strings.Cut(c.backup.Location, "/")
		at = later(at, in.restored(func(k claimKey) bool { return k == claimKey{in.Hub.Namespace, claim} }).at)
	}
	return at
}

// oldestUser is when the hub's oldest user was made; now where that is not known.
func (in *Input) oldestUser() time.Time {
	if first := firstCreated(in.Hub.Users); !first.IsZero() {
		return first
	}
	return in.Now
}
