package rescue

import (
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// noteBackups tells of copies of the database that were not given: one from
// before the loss decides nearly everything.
func (b *builder) noteBackups() {
	if len(b.e.Backups) > 0 {
		return
	}
	for i := range b.h.Backups {
		k := &b.h.Backups[i]
		n := 0
		var newest *facts.BackupCopy
		for j := range k.Copies {
			if c := &k.Copies[j]; c.Ready && c.Error == "" {
				if n++; newest == nil {
					newest = c
				}
			}
		}
		if newest == nil {
			continue
		}
		how := "give it with --backup"
		if k.Kind != "files" {
			how = "restore it beside the database, and give that file with --backup"
		}
		b.plan.Notes = append(b.plan.Notes, fmt.Sprintf("A copy of the database from before the loss decides nearly everything, and none was given. Backup %s has %s (%s), the newest is %s of %s: %s, or an older one if that was made after the loss.",
			text.Name(k.Name), text.Count(n, "copy"), text.Name(k.Location), text.Name(newest.Name), text.Time(newest.Time), how))
	}
}
