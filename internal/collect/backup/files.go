package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// meta are the characters that make a path element a pattern.
const meta = `*?[\`

// files are copies in folders, by their glob.
type files struct {
	glob    string
	counted func(int)
}

func (f files) List(ctx context.Context) ([]facts.BackupCopy, error) {
	copies, err := ReadFiles(ctx, f.glob)
	f.counted(len(copies))
	return copies[:min(len(copies), kept)], err
}

func (f files) Open(_ context.Context, c facts.BackupCopy) (io.ReadCloser, error) {
	base, _ := split(f.glob)
	what := quoted(c, f.glob)
	failed := func(err error) error {
		cause, do := causeOf(err)
		return source.Failed(cause, err, "cannot read %s%s", what, do)
	}
	file, err := os.Open(filepath.Join(base, c.Name))
	if err != nil {
		return nil, failed(err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, failed(errors.Join(err, file.Close()))
	}
	return newWhole(file, what, info.Size(), c.SizeBytes, failed)
}

func (f files) Close() error { return nil }

// causeOf classes why a file cannot be read, and says what to do.
func causeOf(err error) (cause facts.Cause, do string) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return facts.CauseMissing, ": it is gone since it was listed"
	case errors.Is(err, fs.ErrPermission):
		return facts.CauseForbidden, ": let the auditor's user read it"
	}
	return facts.CauseUnreadable, ": look at the file system that it lies on"
}

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

// Folder is the folder below which a glob looks for files.
func Folder(glob string) string {
	base, _ := split(glob)
	return base
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
		return c, false, nil // it may be a link that leads nowhere
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
	c, ok = judge(name, info.Size(), info.ModTime())
	return c, ok, nil
}
