package hubdb

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"hubaudit/internal/facts"
)

// datedName is what JupyterHub puts behind a database's name for the copy it
// makes before it changes the schema (jupyterhub/dbutil.py). A second copy in
// the same second has two dots and a number.
var datedName = regexp.MustCompile(`^\.\.?(\d{4}-\d{2}-\d{2}-\d{6})(?:\.\d)?$`)

// datedCopies lists the copies that upgrades left beside a database, newest
// first. Their times are those in their names, in the hub's time zone; a
// folder that cannot be listed shows none.
func datedCopies(path string) []facts.BackupCopy {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var copies []facts.BackupCopy
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		m := datedName.FindStringSubmatch(rest)
		if !ok || m == nil {
			continue
		}
		made, err1 := time.Parse("2006-01-02-150405", m[1])
		info, err2 := e.Info()
		if err1 == nil && err2 == nil && info.Mode().IsRegular() {
			copies = append(copies, facts.BackupCopy{Name: e.Name(), Time: made, SizeBytes: info.Size(), Ready: info.Size() > 0})
		}
	}
	slices.SortStableFunc(copies, func(a, b facts.BackupCopy) int { return b.Time.Compare(a.Time) })
	return copies
}
