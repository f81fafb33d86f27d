package backup

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// FromSnapshots are the VolumeSnapshots of a claim as backup copies, newest
// first. A snapshot's time is when the driver took it, and until that is known
// when it was asked for; one that the driver reports an error of is not ready.
func FromSnapshots(snaps []facts.VolumeSnapshot, namespace, claim string) []facts.BackupCopy {
	var copies []facts.BackupCopy
	for _, s := range snaps {
		if s.Namespace != namespace || s.Claim != claim {
			continue
		}
		taken := s.Taken
		if taken.IsZero() {
			taken = s.Created
		}
		copies = append(copies, facts.BackupCopy{Name: s.Name, Time: taken, SizeBytes: s.RestoreBytes,
			Ready: s.Ready && s.Error == "", Error: s.Error})
	}
	newestFirst(copies)
	return copies
}

func newestFirst(copies []facts.BackupCopy) {
	slices.SortFunc(copies, func(a, b facts.BackupCopy) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Name, b.Name))
	})
}
