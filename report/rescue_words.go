package report

import (
	"cmp"
	"slices"
	"strconv"

	"hubaudit/internal/rescue"
)

// sourceWords name kinds of evidence in a sentence.
var sourceWords = map[rescue.Source]string{
	rescue.FromMapping: "the mapping file", rescue.FromBackup: "a backup", rescue.FromHistory: "the history",
	rescue.FromAnnotation: "the claim's annotations", rescue.FromLabel: "the claim's label", rescue.FromRule: "the mapping file's rule on hyphens", rescue.FromName: "the claim's name",
	rescue.FromPod: "a running pod", rescue.FromDatabase: "the hub's present database", rescue.FromNothing: "nothing",
}

// reasonWords say in one sentence what the kinds of reasons are.
var reasonWords = map[rescue.Reason]string{
	rescue.ReasonDecided:   "left out by the mapping file",
	rescue.ReasonLossy:     "claims' names of 2016 and 2017, which do not tell the user's for certain",
	rescue.ReasonID:        "names of claims disagree about an id",
	rescue.ReasonTwins:     "names that may be one",
	rescue.ReasonShared:    "several users for one claim",
	rescue.ReasonDuplicate: "several claims of one server, and nothing decides (the user is back all the same; without a claim in its state the server asks for the one that the template names)",
	rescue.ReasonSecond:    "second claims of servers that have another",
	rescue.ReasonCopy:      "copies of claims and snapshots, which may or may not be in use",
	rescue.ReasonUnusable:  "claims that no server can mount",
	rescue.ReasonRemoved:   "users who were removed before the loss",
	rescue.ReasonName:      "names that no hub accepts",
	rescue.ReasonNeighbour: "claims that may be another hub's",
	rescue.ReasonUnknown:   "claims of nobody who is known",
}

// mappingHint says how to settle what is left out.
func (v *rescueView) mappingHint() string {
	hint := ""
	if !slices.ContainsFunc(v.names, func(c sourceCount) bool { return c.source == rescue.FromBackup }) {
		hint = "A backup from before the loss (`--backup`) decides most of it. "
	}
	if v.Proposal != "" {
		hint += "`" + v.Proposal + "` has an entry for each: read and correct it, and run again with `--mapping " + v.Proposal + "` and another `--out`."
	} else {
		hint += "Run again with `--propose mapping.yaml` and another `--out`, for a file with an entry for each; correct it, and give it back with `--mapping mapping.yaml`."
	}
	if v.Plan.Lossy() > 1 {
		hint += " If you know that every hyphen of the old names was the same character, one entry decides them all: `- {claims: \"claim-*\", hyphen: " + strconv.Quote(cmp.Or(v.Plan.Hyphen, ".")) + "}`."
	}
	return hint
}
