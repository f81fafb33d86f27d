package checks

import (
	"fmt"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/lhsetting"
)

func TestLHVersionKnownBug(t *testing.T) { testCheck(t, lhVersionKnownBugCases) }

func bugs(severity string, n int) outcomes {
	return outcomes{"lh-version-known-bug": fmt.Sprintf("fail %s %d", severity, n)}
}

const wrongFormat = "in Longhorn %s a volume that crashes while it is being mounted can be formatted although it has data " +
	"(longhorn/longhorn#10416, mended in %s); until then do not restart Longhorn's pods while servers start"

var lhVersionKnownBugCases = cases{
	check: lhVersionKnownBug,
	fires: []damage{
		{name: "that of the loss of 2023", change: runs("v1.2.4"), want: bugs("error", 7), summary: "Longhorn v1.2.4 has 7 known bugs that can lose data or backups"},
		{name: "one rare bug", change: runs("v1.7.2"), want: bugs("warning", 1), summary: fmt.Sprintf(wrongFormat, "v1.7.2", "v1.7.3")},
		{name: "backups at risk", change: runs("v1.6.3"), want: bugs("error", 2), summary: "Longhorn v1.6.3 has 2 known bugs that can lose data or backups"},
	},
	mustNotFire: []damage{
		{name: "mended in every series", change: runs("v1.9.0")},
		{name: "a later minor version", change: runs("v1.10.2")},
		{name: "of the future", change: runs("v2.0.0")},
		{name: "on the way to a version with all fixes", change: runs("v1.9.0-hotfix-1")},
		{name: "no Longhorn", change: withoutLonghorn, want: noLonghorn(outcomes{}), summary: "source longhorn/settings is absent: the cluster has no such API"},
	},
	boundary: []damage{
		{name: "the fix in its series", change: runs("v1.7.3")},
		{name: "a release candidate of the fix", change: runs("v1.7.3-rc1"), want: bugs("warning", 1),
			summary: fmt.Sprintf(wrongFormat, "v1.7.3-rc1", "v1.7.3")},
		{name: "a hotfix below the fix", change: runs("v1.8.0-hotfix-1"), want: bugs("warning", 1),
			summary: fmt.Sprintf(wrongFormat, "v1.8.0-hotfix-1", "v1.8.1, unless this hotfix has the fix")},
	},
	sourceFailed: []damage{
		{name: "no version", change: runs(""), want: outcomes{"lh-version-known-bug": "unknown"},
			summary: "Longhorn does not tell its version: its setting current-longhorn-version is missing or empty"},
		{name: "a build of a branch", change: runs("v1.9.x-head"), want: outcomes{"lh-version-known-bug": "unknown"},
			summary: `Longhorn's version "v1.9.x-head" cannot be placed among the releases`},
		{name: "settings not readable", change: failed(facts.LonghornSettings), want: unknownWithout(facts.LonghornSettings, nil),
			summary: "source longhorn/settings could not be read: gave up after 30s"},
	},
}

// Each bug is tried on both sides of each of its bounds.
func TestKnownBugBounds(t *testing.T) {
	for _, c := range []struct{ issue, version, fix string }{
		{"2237", "v1.0.2", "v1.3.0"}, {"2237", "v1.1.0", "v1.3.0"}, {"2237", "v1.2.9", "v1.3.0"}, {"2237", "v1.3.0-rc1", "v1.3.0"}, {"2237", "v1.3.0", ""},
		{"4238", "v1.2.4", "v1.2.5"}, {"4238", "v1.2.5", ""}, {"4238", "v1.3.0", "v1.3.1"}, {"4238", "v1.3.1", ""}, {"4238", "v1.4.0", ""}, {"4238", "v1.1.3", "v1.2.5"},
		{"4354", "v1.0.2", ""}, {"4354", "v1.1.0", "v1.2.6"}, {"4354", "v1.2.6", ""}, {"4354", "v1.3.1", "v1.3.2"}, {"4354", "v1.3.2", ""},
		{"7425", "v1.4.4", "v1.5.4"}, {"7425", "v1.5.4", ""}, {"7425", "v1.6.0", "v1.6.1"}, {"7425", "v1.7.0", ""},
		{"7687", "v1.5.4", "v1.5.5"}, {"7687", "v1.6.1", "v1.6.2"}, {"7687", "v1.6.2", ""},
		{"8235", "v1.3.3", ""}, {"8235", "v1.4.0", "v1.5.5"}, {"8235", "v1.5.5", ""}, {"8235", "v1.6.0", "v1.6.1"},
		{"9530", "v1.5.5", "v1.6.4"}, {"9530", "v1.6.4", ""}, {"9530", "v1.7.1", "v1.7.2"}, {"9530", "v1.8.0", ""},
		{"10416", "v1.6.4", "v1.7.3"}, {"10416", "v1.7.3", ""}, {"10416", "v1.8.0", "v1.8.1"}, {"10416", "v1.8.1", ""}, {"10416", "v1.9.0", ""},
	} {
		v, ok := lhsetting.ParseVersion(c.version)
		if !ok {
			t.Fatal(c.version)
		}
		tried := false
		for i := range knownBugs {
			if b := &knownBugs[i]; b.issue == c.issue {
				tried = true
				if fix, affected := b.affects(v); affected != (c.fix != "") || affected && fix.String() != c.fix {
					t.Errorf("#%s in %s: %v, mended in %s; want %q", c.issue, c.version, affected, fix, c.fix)
				}
			}
		}
		if !tried {
			t.Errorf("#%s is not in the table", c.issue)
		}
	}
	for i := range knownBugs {
		b := &knownBugs[i]
		for j := 1; j < len(b.fixed); j++ {
			if b.fixed[j-1].Compare(b.fixed[j]) >= 0 {
				t.Errorf("#%s: the fixes are not in order: %v", b.issue, b.fixed)
			}
		}
	}
}
