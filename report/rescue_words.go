package report

import "hubaudit/internal/rescue"

// sourceWords name kinds of evidence in a sentence.
var sourceWords = map[rescue.Source]string{
	rescue.FromMapping: "the mapping file", rescue.FromBackup: "a backup", rescue.FromHistory: "the history",
	rescue.FromAnnotation: "the claim's annotations", rescue.FromLabel: "the claim's label", rescue.FromName: "the claim's name",
	rescue.FromPod: "a running pod", rescue.FromDatabase: "the hub's present database", rescue.FromNothing: "nothing",
}

// reasonWords say in one sentence what the kinds of reasons are.
var reasonWords = map[rescue.Reason]string{
	rescue.ReasonDecided:   "left out by the mapping file",
	rescue.ReasonLossy:     "names of 2016 and 2017 do not tell the user's",
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
	switch {
	case v.Plan.Undecided() == 0:
		return ""
	case v.Proposal != "":
		return "`" + v.Proposal + "` has an entry for each: read and correct it, and run again with `--mapping " + v.Proposal + "` and another `--out`. An older backup (`--backup`) decides most of it."
	}
	return "Run again with `--propose mapping.yaml` for a file with an entry for each, correct it, and give it back with `--mapping mapping.yaml`. An older backup (`--backup`) decides most of it."
}
