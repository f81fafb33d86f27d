package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/backups"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// manyCollapsed is from how many homes on a collapse is one event and no longer
// their users' doing.
const manyCollapsed = 3

var backupSizeCollapse = &Check{
	ID:       "backup-size-collapse",
	Title:    "A home's newest backup is not much smaller than the one before",
	Severity: verdict.Error,
	Since:    "0.5.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubeClaims},
	Uses:     append([]string{facts.Prometheus}, homeSources...),
	Params: []Param{
		{Name: "keepPercent", Doc: "how large the newest backup must be, of the one before", Default: 50, Min: 1, Max: 100, Unit: "percent"},
		{Name: "minMiB", Doc: "how large the one before must be to be compared", Default: 50, Min: 1, Max: 1 << 30, Unit: "MiB"},
	},
	Doc: Doc{
		Meaning: "The newest good backup of a home holds less than half of what the one before held, in the same system, though the home itself did not shrink as far " +
			"as can be told: the backup looks good and may lack files. The older backup may be the last with them, and a schedule keeps only the newest few.",
		FalseAlarms: "A user who cleaned up: a home whose own use shrank alike (by the kubelet's measure, or because Longhorn's volume itself is small now) is not reported, and a single " +
			"home of which that is not known is a warning. Backups of which the system tells only what was new in them are not compared, nor small ones.",
		Do: []string{
			"Keep the older backup first: exclude it from the retention, or copy it (Longhorn: raise the job's retain; Velero: `velero backup describe NAME`, and raise its expiration).",
			"Look into the newest one: restore it under another name and compare with the home, `du -s` and the number of files.",
			"If files are missing in the backup, run a full one and find out what was not mounted or not readable; if they are missing in the home, see pvc-emptied.",
		},
		Dont:    []string{"Do not lower the retention or delete older backups until it is explained."},
		Sources: []string{"Berkeley DataHub post-mortem, 2017: an empty copy under a good name", "longhorn/longhorn-manager k8s/pkg/apis/longhorn/v1beta2/backup.go"},
	},
	Run: runBackupSizeCollapse,
}

// collapsed is a home whose newest backup shrank.
type collapsed struct {
	*homeBackup
	held backups.Held
	live int64 // what the home itself holds; 0 where that is not known
}

func runBackupSizeCollapse(in *Input) Result {
	var shrunk []collapsed
	all := in.homeBackups()
	for i := range all {
		if c := (collapsed{homeBackup: &all[i], held: in.held(&all[i])}); in.shrank(&c) {
			shrunk = append(shrunk, c)
		}
	}
	var r Result
	switch {
	case len(shrunk) >= manyCollapsed:
		r.Findings = []verdict.Finding{in.manyCollapsed(shrunk)}
	default:
		for i := range shrunk {
			r.Findings = append(r.Findings, in.collapsedBackup(&shrunk[i]))
		}
	}
	return r
}

// shrank tells whether a home's newest backup is much smaller than the one before
// and the home is not known to be.
func (in *Input) shrank(c *collapsed) bool {
	newest, previous := &c.held.Newest, &c.held.Previous
	keep := int64(in.Number("keepPercent") * float64(previous.SizeBytes) / 100)
	if newest.Incremental || previous.Incremental || newest.SizeBytes <= 0 || newest.SizeBytes >= keep || previous.SizeBytes <= int64(in.Number("minMiB"))<<20 {
		return false
	}
	c.live = in.usedBytes(c.claim)
	most := c.live
	if most == 0 && c.volume != nil {
		most = c.volume.ActualBytes // never less than the files, as it counts snapshots
	}
	return most == 0 || most >= keep
}

// usedBytes is how much a home holds by the kubelet's measure, 0 where that is not
// known.
func (in *Input) usedBytes(c *facts.Claim) int64 {
	i, ok := slices.BinarySearchFunc(in.Usage, c, func(u facts.Usage, c *facts.Claim) int {
		return cmp.Or(strings.Compare(u.Namespace, c.Namespace), strings.Compare(u.Claim, c.Name))
	})
	if !ok {
		return 0
	}
	return in.Usage[i].UsedBytes
}

func (c *collapsed) sizes() string {
	return fmt.Sprintf("%s, the one before (%s) %s", bytesText(c.held.Newest.SizeBytes), text.Time(c.held.Previous.Time), bytesText(c.held.Previous.SizeBytes))
}

func (in *Input) collapsedBackup(c *collapsed) verdict.Finding {
	f, whose := in.homeFinding(c.homeBackup)
	live := "how much the home itself holds is not known"
	if c.live > 0 {
		live = "the home itself holds " + bytesText(c.live)
		f.Details["usedBytes"] = idText(c.live)
	} else {
		f.Severity = verdict.Warning
	}
	f.Details["system"], f.Details["newestBackup"], f.Details["previousBackup"] = c.held.System, c.held.Newest.Name, c.held.Previous.Name
	f.Details["newestBytes"], f.Details["previousBytes"] = idText(c.held.Newest.SizeBytes), idText(c.held.Previous.SizeBytes)
	f.Message = fmt.Sprintf("the newest backup of claim %s%s in %s, of %s, holds %s; %s, at least %s %% are expected", c.claim.Name, whose, systemNames[c.held.System],
		text.Time(c.held.Newest.Time), c.sizes(), live, plain(in.Number("keepPercent")))
	return f
}

func (in *Input) manyCollapsed(shrunk []collapsed) verdict.Finding {
	homes := make([]*homeBackup, len(shrunk))
	var now, before int64
	for i := range shrunk {
		homes[i] = shrunk[i].homeBackup
		now, before = now+shrunk[i].held.Newest.SizeBytes, before+shrunk[i].held.Previous.SizeBytes
	}
	f, told := in.homesFinding(homes)
	f.Details["newestBytes"], f.Details["previousBytes"] = idText(now), idText(before)
	f.Message = fmt.Sprintf("the newest backups of %s hold %s together, those before held %s: at least %s %% of each are expected, as the homes did not shrink alike%s",
		told, bytesText(now), bytesText(before), plain(in.Number("keepPercent")), told.whose())
	return f
}
