// Package backup finds the copies of a hub's database and claims: files that a
// backup job leaves behind, and VolumeSnapshots.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// meta are the characters that make a path element a pattern.
const meta = `*?[\`

// unfinished end the names of files that are still being written or were left
// behind half written.
var unfinished = []string{".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"}

// sidecars end the names of files that lie beside a backup and are none.
var sidecars = []string{".md5", ".sha1", ".sha256", ".sha512", ".b3", ".sum", ".sig", ".asc", ".minisig", ".crc",
	"-wal", "-shm", "-journal"}

// ReadFiles finds the files that match a pattern of filepath.Match, newest
// first, with their names from the pattern's first variable element on.
//
// A copy's time is what DateOf tells. Empty files, unfinished ones and links
// that lead nowhere are copies that are not ready. Hidden files are passed
// over unless the pattern asks for them, and so are checksums and signatures.
// That nothing matches is an answer; that a folder is missing or may not be
// read is a failure.
func ReadFiles(ctx context.Context, glob string) ([]facts.BackupCopy, error) {
	if _, err := filepath.Match(glob, ""); err != nil {
		return nil, source.Failed(facts.CauseUnreadable, err, "cannot look for backups: %q is not a pattern", glob)
	}
	base, pattern := split(glob)
	if err := existing(base, glob); err != nil {
		return nil, err
	}
	var copies []facts.BackupCopy
	err := walk(ctx, base, "", pattern, func(name string) error {
		c, ok, err := inspect(filepath.Join(base, name), name)
		if ok {
			copies = append(copies, c)
		}
		return err
	})
	if err != nil {
		return nil, failure(err, glob)
	}
	newestFirst(copies)
	return copies, nil
}

// split cuts a glob into the folder above its first variable element and the
// elements from there on. A glob without any is a folder and a file's name.
func split(glob string) (base string, pattern []string) {
	elements := strings.Split(filepath.Clean(glob), string(filepath.Separator))
	first := slices.IndexFunc(elements, func(e string) bool { return strings.ContainsAny(e, meta) })
	if first < 0 {
		first = len(elements) - 1
	}
	base = strings.Join(elements[:first], string(filepath.Separator))
	switch {
	case base == "" && filepath.IsAbs(glob):
		base = string(filepath.Separator)
	case base == "":
		base = "."
	}
	return base, elements[first:]
}

func existing(base, glob string) error {
	info, err := os.Stat(base)
	if err != nil {
		return failure(err, glob)
	}
	if !info.IsDir() {
		return source.Failed(facts.CauseMissing, nil, "cannot look for backups %s: %s is no folder", glob, base)
	}
	return nil
}

func failure(err error, glob string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return source.Failed(facts.CauseTimeout, err, "did not finish looking for backups %s", glob)
	case errors.Is(err, fs.ErrNotExist):
		return source.Failed(facts.CauseMissing, err, "cannot look for backups %s: is the volume with the backups mounted?", glob)
	case errors.Is(err, fs.ErrPermission):
		return source.Failed(facts.CauseForbidden, err, "may not look for backups %s: let the auditor's user read them", glob)
	}
	return source.Failed(facts.CauseUnreadable, err, "cannot look for backups %s", glob)
}

// walk calls found for what lies below base/prefix and matches the pattern.
// Unlike filepath.Glob it does not take a folder that cannot be read for one
// without matches.
func walk(ctx context.Context, base, prefix string, pattern []string, found func(name string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(base, prefix))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern[0], ".")
		if ok, err := filepath.Match(pattern[0], name); err != nil || !ok || hidden {
			if err != nil {
				return err
			}
			continue
		}
		path := filepath.Join(prefix, name)
		if len(pattern) == 1 {
			err = found(path)
		} else if isFolder(filepath.Join(base, path)) {
			err = walk(ctx, base, path, pattern[1:], found)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone since it was listed
			return err
		}
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// inspect looks at one file; ok is false where it is no backup at all.
func inspect(path, name string) (c facts.BackupCopy, ok bool, err error) {
	if hasEnding(name, sidecars) != "" {
		return c, false, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		link, lerr := os.Lstat(path)
		if lerr != nil {
			return c, false, nil // gone since it was listed
		}
		return facts.BackupCopy{Name: name, Time: DateOf(name, link.ModTime()), Error: "a link to a file that does not exist"}, true, nil
	}
	if err != nil {
		return c, false, err
	}
	if !info.Mode().IsRegular() {
		return c, false, nil
	}
	c = facts.BackupCopy{Name: name, Time: DateOf(name, info.ModTime()), SizeBytes: info.Size(), Ready: true}
	if ending := hasEnding(name, unfinished); ending != "" {
		c.Ready, c.Error = false, fmt.Sprintf("an unfinished file, by its ending %s", ending)
	} else if info.Size() == 0 {
		c.Ready, c.Error = false, "empty file"
	}
	return c, true, nil
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
