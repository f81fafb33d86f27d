package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// unfinished end the names of files that are still being written or were left
// behind half written.
var unfinished = []string{".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"}

// sidecars end the names of files that lie beside a backup and are none.
var sidecars = []string{".md5", ".sha1", ".sha256", ".sha512", ".b3", ".sum", ".sig", ".asc", ".minisig", ".crc",
	"-wal", "-shm", "-journal"}

// judge makes a copy of something that was listed; ok is false where it is none
// at all.
func judge(name string, size int64, modified time.Time) (c facts.BackupCopy, ok bool) {
	if hasEnding(name, sidecars) != "" {
		return c, false
	}
	c = facts.BackupCopy{Name: name, Time: DateOf(name, modified), SizeBytes: size, Ready: true}
	if ending := hasEnding(name, unfinished); ending != "" {
		c.Ready, c.Error = false, fmt.Sprintf("an unfinished file, by its ending %s", ending)
	} else if size == 0 {
		c.Ready, c.Error = false, "empty file"
	}
	return c, true
}

func newestFirst(copies []facts.BackupCopy) {
	slices.SortFunc(copies, func(a, b facts.BackupCopy) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Name, b.Name))
	})
}

func hasEnding(name string, endings []string) string {
	lower := strings.ToLower(name)
	for _, e := range endings {
		if strings.HasSuffix(lower, e) {
			return e
		}
	}
	return ""
}

// slack is how much later than the time in its name a file may have been
// finished when that time is local: the zone furthest west is 12 hours behind.
const slack = 12 * time.Hour

// DateOf tells when a file was made, from its name and the time at which it
// was last modified. A modification time is the best witness until the file is
// copied, checked out or unpacked, which makes it younger; a date in the name
// stays. So the name wins where the file was modified later than its name can
// mean, and the result is never the later of the two:
//
//   - A date is a day in an unknown zone. A file modified by the end of that day,
//     plus 12 hours for zones in the west, has its modification time; one modified
//     later has the start of the day in UTC.
//   - A date with a time of day is treated likewise.
//   - A time with a zone and seconds since 1970 are exact: the earlier time counts.
//
// Of several dates in a name the earliest counts.
func DateOf(name string, modified time.Time) time.Time {
	modified = modified.UTC().Truncate(time.Second)
	from, until, ok := named(name)
	if !ok || !modified.After(until) {
		return modified
	}
	return from
}
