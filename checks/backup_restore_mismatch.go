package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

const restoreMismatch = "backup-restore-mismatch"

// maxLag is how much older than its time says the content of a copy may be.
var maxLag = Param{Name: "maxLag", Doc: "how much older than its time says the content of a copy may be: the time that making and moving it takes",
	Default: float64(6 * time.Hour), Min: float64(10 * time.Minute), Max: float64(30 * 24 * time.Hour), Unit: UnitDuration}

var backupRestoreMismatch = &Check{
	ID:       restoreMismatch,
	Title:    "What a backup of the hub's database restores to is the hub's database",
	Severity: verdict.Critical,
	Since:    "0.5.0",
	Scope:    PerHub,
	Weighs:   []string{HubBackups, HubUsers},
	Params:   []Param{maxLag},
	Doc: Doc{
		Meaning: "The newest copy of the hub's database was fetched, unpacked and opened, and it is not what it should be: it cannot be restored at all, or " +
			"what it restores to is not this hub's database as it was then. Whoever needs it finds out on the day on which nothing else is left. " +
			"A copy that is torn or cut off was made by copying the live file or by a job that was stopped; one that lacks users who were there " +
			"when it was made has lost rows; one whose content is older than its time is an earlier copy under a new name, so every night the " +
			"hub falls further behind; one with other users, or the same users under other ids, is another hub's, and restored it gives people each other's homes.",
		FalseAlarms: "Users who came, went or were renamed after the copy was made are normal, and so is a copy from before an upgrade. A user counts as " +
			"missing only if the live database says they were made before the newest row of the copy; a name that differs in one letter is a warning where " +
			"no earlier run of the audit tells whether somebody was renamed since; a copy counts as older than its time only if the " +
			"live database has something from between that is more than maxLag before it. Where the live database is itself damaged, reset or cannot be read, the copy is " +
			"judged by itself. Rows that an operator mended in the live database are still unmended in the last copy: that is only information, unless it is half of all users.",
		Do: []string{
			"Do not wait for the next night: make a good copy now, through the database (`sqlite3 FILE \".backup 'COPY'\"`, `pg_dump`, `mysqldump --single-transaction`), and look into it.",
			"Find an older copy in the same or another location that is good, and keep it from the retention until the job is mended.",
			"Mend the job by what the finding says: a torn copy, or one without its log, comes from `cp`, `rsync` or a volume copy of the live file; one that is cut off from a full disk, a timeout or a pipe whose exit status nobody looks at (`set -o pipefail`).",
			"Where the content is older than its time, look which file the job packs, and whether the dump before it failed.",
			"Where the users or ids are others, look which database the job reads (`db_url`, host, namespace).",
			"Run the job once, then `audit now`: the finding goes with the first good copy.",
		},
		Dont: []string{
			"Do not restore this copy over the live database.",
			"Do not let the retention delete the older copies before a new one was found good.",
		},
		Sources: []string{"Berkeley DataHub post-mortem, 2017-02-09: perform regular and tested backups", "sqlite.org/howtocorrupt.html, section 1.2: backup while a transaction is active",
			"sqlite.org/backup.html", "PostgreSQL documentation, SQL Dump"},
	},
	Run: runBackupRestoreMismatch,
}

func runBackupRestoreMismatch(in *Input) Result {
	r := Result{Marks: map[string]string{}}
	var unknown, skipped []string
	compared := 0
	for _, c := range in.testedCopies() {
		r.Findings = append(r.Findings, c.findings...)
		if c.unknown != "" {
			unknown = append(unknown, c.unknown)
		}
		if c.skipped != "" {
			skipped = append(skipped, c.skipped)
		}
		if c.good {
			compared++
		}
		if c.good && !c.backup.Opened.Known {
			r.Marks[facts.MarkTested+c.backup.Name] = c.backup.Opened.TestedMark()
		}
	}
	r.Unknown = strings.Join(unknown, "; ")
	switch {
	case compared > 0:
	case len(skipped) > 0:
		r.Skip = "no copy of the hub's database was compared with it: " + strings.Join(skipped, "; ")
	default:
		r.Skip = "no backup of the hub's database is configured"
	}
	return r
}

// testedCopy is what opening the newest copy in one location came to.
type testedCopy struct {
	backup   *facts.Backup
	findings []verdict.Finding
	// unknown says why it could not be told whether the copy is good, skipped why it
	// was not opened or not compared and need not have been.
	unknown, skipped string
	// whole: it was opened, by this run or an earlier one, and nothing is against it;
	// good: it was also held against the live hub, where there is one.
	whole, good bool
}

// testedCopies judges the newest copy of each location, once for all checks.
func (in *Input) testedCopies() []testedCopy {
	if in.shared.tested == nil {
		in.shared.tested = map[*facts.Hub][]testedCopy{}
	}
	tested, known := in.shared.tested[in.Hub]
	if !known {
		tested = make([]testedCopy, len(in.Hub.Backups))
		live := in.liveHub()
		for i := range tested {
			tested[i] = in.testedCopy(&in.Hub.Backups[i], live)
		}
		in.shared.tested[in.Hub] = tested
	}
	return tested
}

func (in *Input) testedCopy(b *facts.Backup, live liveHub) testedCopy {
	c := testedCopy{backup: b}
	o := b.Opened
	switch source := in.locationSource(b); {
	case source.Status == facts.Failed:
		c.unknown = unreadText(source)
	case o != nil && o.Known:
		c.whole, c.good = true, true
	case o != nil && o.Fault != "":
		c.findings = []verdict.Finding{in.faultFinding(b)}
	case o != nil && o.Content != nil:
		in.compared(&c, live)
	default:
		c.unknown, c.skipped = in.notOpened(b)
	}
	return c
}

// notOpened says why nothing is known of the copies in a location: because they
// could not be opened, or were not meant to be.
func (in *Input) notOpened(b *facts.Backup) (unknown, skipped string) {
	o := b.Opened
	switch {
	case b.Kind == facts.BackupCronJob:
		return "", fmt.Sprintf("of backup %s only the last success of its CronJob is known, not where its copies lie", b.Name)
	case !canBeOpened(b.Kind):
		return "", fmt.Sprintf("what is in backup %s (%s) cannot be opened, only restored", b.Name, b.Kind)
	case b.Verify == facts.VerifyNone:
		return "", fmt.Sprintf("backup %s is configured with verify: none", b.Name)
	case o == nil && !in.shared.suite.OpensCopies(in.Hub):
		return "", fmt.Sprintf("no copy in backup %s was opened, as no check that looks into copies was asked for", b.Name)
	case o == nil:
		return "", fmt.Sprintf("backup %s has no copy that could be opened", b.Name)
	case o.Skipped == "" || o.Unreadable:
		return fmt.Sprintf("copy %q in backup %s could not be opened: %s", o.Copy.Name, b.Name, cmp.Or(quotedError(o.Skipped), "nothing of it was read")), ""
	}
	return "", fmt.Sprintf("copy %q in backup %s was not opened: %s", o.Copy.Name, b.Name, quotedError(o.Skipped))
}

// compared holds a copy that could be read against the live hub.
func (in *Input) compared(c *testedCopy, live liveHub) {
	c.findings, c.unknown = in.compareCopy(c.backup, live)
	slices.SortStableFunc(c.findings, func(a, b verdict.Finding) int { // the worst one stands for them
		return slices.Index(verdict.Severities, a.Severity) - slices.Index(verdict.Severities, b.Severity)
	})
	c.whole = c.unknown == "" && !slices.ContainsFunc(c.findings, func(f verdict.Finding) bool { return f.Severity != verdict.Info })
	switch {
	case !c.whole:
	case live.failed != "":
		c.unknown = fmt.Sprintf("%s is whole by itself, and could not be compared: %s", copyText(c.backup), live.failed)
	case live.doubt != "":
		c.skipped = fmt.Sprintf("%s is whole by itself, with %s, and %s: keep it from the retention until that is settled", copyText(c.backup),
			text.Count(len(c.backup.Opened.Content.Users), "user"), live.doubt)
	default:
		c.good = true
	}
	if skipped := quotedError(c.backup.Opened.Skipped); c.unknown == "" { // it was opened, and could not be restored
		c.unknown = skipped
	}
}

// faultMeans is what each fault of a copy means to somebody who restores it.
var faultMeans = map[facts.CopyFault]string{
	facts.CopyEmpty:       "there is nothing in it to restore",
	facts.CopyNotDatabase: "the job packed something else, or the storage put an error page in its place",
	facts.CopyTruncated:   "the job was stopped, the disk was full, or the upload was cut off: what came after is lost",
	facts.CopyTorn:        "it was copied from the live file while the hub wrote: make it with SQLite's own `.backup` or VACUUM INTO",
	facts.CopyWALMissing:  "its newest rows were in the write-ahead log that was not copied with it: make it with SQLite's own `.backup` or VACUUM INTO",
	facts.CopyCorrupt:     "part of it is broken, and what that holds is lost",
	facts.CopyRefused:     "a server would not take it",
}

func (in *Input) faultFinding(b *facts.Backup) verdict.Finding {
	o := b.Opened
	message := fmt.Sprintf("%s %s", copyText(b), faultWords[o.Fault])
	if o.Detail != "" {
		message += " (" + strings.TrimRight(o.Detail, ". ") + ")"
	}
	f := verdict.Finding{Subject: in.backupSubject(b), Message: message + ": " + faultMeans[o.Fault], Details: copyDetails(b)}
	if o.Fault == facts.CopyTruncated && o.Content != nil && o.Content.Database.SizeBytes > 0 {
		f.Message += "; a file that grew while it was copied looks the same: make it with SQLite's own `.backup` or VACUUM INTO"
	}
	f.Details["fault"] = string(o.Fault)
	if o.Content != nil {
		f.Details["usersRead"] = idText(int64(len(o.Content.Users)))
	}
	if before, _ := newestGood(b, in.Now); before != nil {
		f.Details["before"], f.Details["beforeTime"] = before.Name, text.Time(before.Time)
	}
	if other := in.otherGood(b); other != "" {
		f.Message += "; backup " + other + " has a good one"
		f.Severity = verdict.Error
	}
	return f
}

// otherGood names another location whose newest copy is whole, "" if none is.
func (in *Input) otherGood(b *facts.Backup) string {
	for i := range in.Hub.Backups {
		other := &in.Hub.Backups[i]
		if o := other.Opened; other != b && o != nil && o.Fault == "" && (o.Known || o.Content != nil) {
			return other.Name
		}
	}
	return ""
}

// copyText names the copy that was opened in a message.
func copyText(b *facts.Backup) string {
	return fmt.Sprintf("copy %q in backup %s, of %s,", b.Opened.Copy.Name, b.Name, text.Time(b.Opened.Copy.Time))
}

func copyDetails(b *facts.Backup) map[string]string {
	c := &b.Opened.Copy
	return map[string]string{"location": b.Location, "kind": b.Kind, "copy": c.Name, "copyTime": text.Time(c.Time), "copyBytes": idText(c.SizeBytes),
		"form": b.Opened.Form, "level": b.Opened.Level}
}
