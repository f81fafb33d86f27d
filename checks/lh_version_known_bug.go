package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhVersionKnownBug = &Check{
	ID:       "lh-version-known-bug",
	Title:    "Longhorn's version is not known to lose data",
	Severity: verdict.Error,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    []string{facts.LonghornSettings},
	Doc: Doc{
		Meaning: "The installed version of Longhorn has a bug that can lose data or backups and is mended in a later version. An error is a bug that ordinary work brings about, " +
			"such as replacing nodes or a short outage of the backup target; a warning is one that takes a rare race or a crash. Only bugs that lose data are " +
			"listed, with the first version that has the fix in each series.",
		FalseAlarms: "A hotfix image (v1.7.1-hotfix-1) may have the fix although its number is below; the finding says so. A version that is merely old, or out of support, " +
			"is no finding. Bugs that are open in every version are not listed: the other checks look for their effects.",
		Do: []string{
			"Make sure that every volume has a backup that was made by another means or was restored once.",
			"Upgrade along Longhorn's supported path, one minor version at a time, to a version with the fix: the finding names the next one.",
			"After each step upgrade the volumes' engines, and run `audit now` before the next.",
			"Until then keep to what the finding says: for a bug of drains, ask `audit drain NODE` before each node.",
		},
		Dont: []string{
			"Do not skip a minor version: Longhorn refuses it, and a forced upgrade leaves records that neither version reads.",
			"Do not upgrade while volumes are degraded.",
		},
		Sources: []string{
			"longhorn/longhorn CHANGELOG, one file per version",
			"longhorn/longhorn#2237, #4238, #4354, #7425, #7687, #8235, #9530, #10416",
			"longhorn.io/kb/analysis-filesystem-corrupted-issues-due-to-error-on-cow-while-rebuilding-replicas",
			"Nectar post-mortem, 2023",
		},
	},
	Run: runLHVersionKnownBug,
}

// knownBug is a bug of Longhorn that loses data.
type knownBug struct {
	issue    string // in longhorn/longhorn
	severity verdict.Severity
	// since is the first version that has it, zero if that is not known or it was
	// always there.
	since lhsetting.Version
	// fixed are the first versions without it: the last one for good, those before
	// it each for the rest of their minor series.
	fixed []lhsetting.Version
	// what happens, and what to do until the upgrade; each completes a sentence.
	what, until string
}

var knownBugs = []knownBug{
	{
		issue: "2237", severity: verdict.Error, fixed: versions(1, 3, 0),
		what:  "a drain is let go because of a stopped replica on a node that is deleted already, so that replacing nodes one by one loses the volumes of stopped servers",
		until: "ask `audit drain NODE` before every drain, and rebuild between the steps",
	},
	{
		issue: "4238", severity: verdict.Error, fixed: versions(1, 2, 5, 1, 3, 1, 1, 4, 0),
		what:  "evicting a node or disk can remove the last healthy replica of a volume",
		until: "request no eviction while a volume has fewer than two usable replicas",
	},
	{
		issue: "9530", severity: verdict.Error, fixed: versions(1, 6, 4, 1, 7, 2, 1, 8, 0),
		what:  "a backup target that answers with an empty list for a moment, as an NFS server does that restarts, makes Longhorn delete the backups there",
		until: "keep another copy of the backup target that Longhorn cannot reach",
	},
	{
		issue: "4354", severity: verdict.Warning, since: lhsetting.Release(1, 1, 0), fixed: versions(1, 2, 6, 1, 3, 2, 1, 4, 0),
		what:  "rebuilding a replica can corrupt a file system whose blocks are smaller than 4096 bytes",
		until: "take a backup before anything that rebuilds replicas",
	},
	{
		issue: "7425", severity: verdict.Warning, fixed: versions(1, 5, 4, 1, 6, 1, 1, 7, 0),
		what:  "after a salvage a corrupt replica can be kept and a good one removed",
		until: "salvage by hand, from the replica that was healthy last",
	},
	{
		issue: "7687", severity: verdict.Warning, fixed: versions(1, 5, 5, 1, 6, 2, 1, 7, 0),
		what:  "a backup can be marked completed that cannot be restored",
		until: "restore backups for a trial regularly",
	},
	{
		issue: "8235", severity: verdict.Warning, since: lhsetting.Release(1, 4, 0), fixed: versions(1, 5, 5, 1, 6, 1, 1, 7, 0),
		what:  "trimming can discard blocks that are in use and corrupt the file system",
		until: "run no filesystem-trim job, and mount without discard",
	},
	{
		issue: "10416", severity: verdict.Warning, fixed: versions(1, 7, 3, 1, 8, 1, 1, 9, 0),
		what:  "a volume that crashes while it is being mounted can be formatted although it has data",
		until: "do not restart Longhorn's pods while servers start",
	},
}

// versions makes releases out of triples.
func versions(numbers ...int) []lhsetting.Version {
	var all []lhsetting.Version
	for triple := range slices.Chunk(numbers, 3) {
		all = append(all, lhsetting.Release(triple[0], triple[1], triple[2]))
	}
	return all
}

// affects tells whether a version has the bug, and returns the nearest one that
// does not.
func (b *knownBug) affects(v lhsetting.Version) (fix lhsetting.Version, affected bool) {
	if v.Compare(b.since) < 0 {
		return fix, false
	}
	last := len(b.fixed) - 1
	for i, fix := range b.fixed {
		sameSeries := v.Major == fix.Major && v.Minor == fix.Minor
		if (sameSeries || i == last) && v.Compare(fix) >= 0 {
			return fix, false
		}
	}
	// Some series ended without a fix; the nearest one with it lies ahead.
	for _, fix := range b.fixed {
		if v.Compare(fix) < 0 {
			return fix, true
		}
	}
	return fix, false
}

func runLHVersionKnownBug(in *Input) Result {
	v, ok := lhsetting.ParseVersion(in.Longhorn.Version)
	switch {
	case in.Longhorn.Version == "":
		return Result{Unknown: "Longhorn does not tell its version: its setting current-longhorn-version is missing or empty"}
	case !ok:
		return Result{Unknown: fmt.Sprintf("Longhorn's version %q cannot be placed among the releases", in.Longhorn.Version)}
	}
	var r Result
	for i := range knownBugs {
		if fix, affected := knownBugs[i].affects(v); affected {
			r.Findings = append(r.Findings, in.knownBug(&knownBugs[i], v, fix))
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = fmt.Sprintf("Longhorn %s has %s that can lose data or backups", v, text.Count(n, "known bug"))
	}
	return r
}

func (in *Input) knownBug(b *knownBug, v, fix lhsetting.Version) verdict.Finding {
	details := map[string]string{"version": v.String(), "issue": "https://github.com/longhorn/longhorn/issues/" + b.issue, "fixedIn": fix.String(), "until": b.until}
	hotfix := ""
	if v.Hotfix() {
		hotfix = ", unless this hotfix has the fix"
	}
	return verdict.Finding{
		Subject:  verdict.Subject{Kind: "version", Name: v.String(), Namespace: in.Longhorn.Namespace, ID: "longhorn/longhorn#" + b.issue},
		Severity: b.severity, Details: details,
		Message: fmt.Sprintf("in Longhorn %s %s (longhorn/longhorn#%s, mended in %s%s); until then %s", v, b.what, b.issue, fix, hotfix, b.until),
	}
}
