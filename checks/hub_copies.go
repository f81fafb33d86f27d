package checks

import (
	"cmp"
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/schedule"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// defaultMaxAge is a day, and two hours for a nightly backup to be made.
const defaultMaxAge = 26 * time.Hour

// clockSkew is how far in the future a copy may be dated by another clock.
const clockSkew = time.Hour

// demand is how new the newest copy in a location must be.
type demand struct {
	since time.Time // a copy of before is too old
	// words end a sentence on what was seen.
	words    string
	schedule string
	maxAge   time.Duration
}

// demands tells how new the newest copy in a location must be: not older than
// its maxAge, or of the last run that was due slack ago, or a day old.
func (in *Input) demands(b *facts.Backup, slack time.Duration) demand {
	if b.MaxAge == 0 && b.Schedule != "" {
		// A schedule that cannot be read is refused with the configuration.
		if s, err := schedule.Parse(b.Schedule, b.TimeZone); err == nil {
			if due := s.Due(in.Now, slack); !due.IsZero() {
				return demand{since: due.Add(-runSkew), words: "one of the run that was due at " + text.Time(due) + " is expected", schedule: b.Schedule}
			}
		}
	}
	maxAge := cmp.Or(b.MaxAge, defaultMaxAge)
	return demand{since: in.Now.Add(-maxAge), words: "one not older than " + text.Duration(maxAge) + " is expected", maxAge: maxAge}
}

// isFresh tells whether a copy is as new as backup-hub-db-missing demands.
func (in *Input) isFresh(b *facts.Backup, c *facts.BackupCopy) bool {
	return in.demands(b, in.settingOf(hubDBMissing, slackParam)).met(c)
}

// met tells whether a copy is new enough. A copy that is dated at midnight has
// only a day in its name, and may be of any hour of it.
func (d demand) met(c *facts.BackupCopy) bool {
	at := c.Time
	if d.schedule != "" && at.Equal(at.Truncate(24*time.Hour)) {
		at = at.Add(24*time.Hour - time.Second)
	}
	return !at.Before(d.since)
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

// copyFault says why a copy does not count, "" if it does. Systems other than
// files and objects may not tell a size.
func copyFault(b *facts.Backup, c *facts.BackupCopy, now time.Time) string {
	switch {
	case c.Error != "" && canBeOpened(b.Kind):
		return "is no good copy: " + quotedError(c.Error)
	case c.Error != "":
		return "failed: " + quotedError(c.Error)
	case !c.Ready:
		return "is not ready for use"
	case c.SizeBytes <= 0 && canBeOpened(b.Kind):
		return "is empty"
	case c.Time.IsZero():
		return "has no date"
	case c.Time.Sub(now) > clockSkew:
		return "is dated in the future, " + text.Time(c.Time)
	case b.Opened != nil && b.Opened.Fault != "" && b.Opened.Copy.ID() == c.ID():
		return faultWords[b.Opened.Fault]
	}
	return ""
}

// canBeOpened tells whether copies of a kind can be fetched and read.
func canBeOpened(kind string) bool { return kind == facts.BackupFiles || kind == facts.BackupObjects }

// faultWords follow a copy's name.
var faultWords = map[facts.CopyFault]string{
	facts.CopyEmpty:       "is empty",
	facts.CopyNotDatabase: "is no database",
	facts.CopyTruncated:   "ends in the middle",
	facts.CopyTorn:        "is torn",
	facts.CopyWALMissing:  "lacks its write-ahead log",
	facts.CopyCorrupt:     "is corrupt",
	facts.CopyRefused:     "cannot be restored",
}

// backupSubject names a backup location of the hub.
func (in *Input) backupSubject(b *facts.Backup) verdict.Subject {
	return verdict.Subject{Kind: "backup", Name: b.Name, Namespace: in.Hub.Namespace}
}

// locationSource is the status of a backup location of the hub.
func (in *Input) locationSource(b *facts.Backup) facts.Source {
	return in.Source(facts.BackupSource(in.Hub.Name, b.Name))
}

// unreadText says that a source could not be read.
func unreadText(s facts.Source) string {
	return fmt.Sprintf("source %s could not be read: %s", s.Name, s.Detail)
}

// betterCopy says which of the copies that were opened still has users whom the
// hub's database has lost, "" if none has. It continues a sentence.
func (in *Input) betterCopy() string {
	var best *facts.Backup
	most := len(in.Hub.Users)
	for i := range in.Hub.Backups {
		b := &in.Hub.Backups[i]
		if o := b.Opened; o != nil && o.Content != nil && len(o.Content.Users) > most {
			best, most = b, len(o.Content.Users)
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("; copy %q in backup %s, of %s, still has %s: move it to where no retention deletes it", best.Opened.Copy.Name, best.Name,
		text.Time(best.Opened.Copy.Time), text.Count(most, "user"))
}
