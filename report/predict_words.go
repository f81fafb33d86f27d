package report

import (
	"cmp"
	"fmt"

	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
)

// running names the KubeSpawner that was predicted for.
func (h *HubPrediction) running() string {
	s := "KubeSpawner " + prediction.VersionOf(h.Under).String()
	if h.Under.Chart != "" {
		s += " (chart " + text.Name(h.Under.Chart) + ")"
	}
	return s
}

// assumed are the assumptions that a prediction rests on, one sentence each.
func (h *HubPrediction) assumed() []string {
	k := &h.Under
	version := h.running()
	switch {
	case k.Version == "":
		version += " is only assumed, as nothing tells which one the hub runs: set kubespawner.chart or kubespawner.version in the configuration, or name one with --chart or --kubespawner."
	default:
		version += ", told by " + cmp.Or(k.VersionFrom, "the configuration") + "."
	}
	out := []string{version}
	named := "the default there"
	if k.TemplateSet {
		named = "as configured"
	}
	for _, c := range h.Changes {
		if k.TemplateSet && c == "with the template "+k.PVCNameTemplate {
			named = "as asked for"
		}
	}
	if k.Homes.Claim != "" {
		out = append(out, "All home directories are on claim "+text.Name(k.Homes.Claim)+", each in the directory "+text.Name(k.Homes.SubPath)+".")
		if k.Homes.Location == "" {
			out = append(out, "Which directories there are is not known (kubespawner.homes.directory): every server that ever ran is taken to have the one that it would mount today.")
		}
	} else {
		out = append(out, fmt.Sprintf("Claims are named by the template %s, %s.", text.Name(k.PVCNameTemplate), named))
	}
	switch seven := prediction.VersionOf(*k).AtLeast(7, 0, 0); {
	case seven && k.Homes.Claim != "":
		out = append(out, "Slug scheme "+cmp.Or(k.SlugScheme, "safe")+".")
	case seven:
		out = append(out, fmt.Sprintf("Slug scheme %s; the claims that the hub remembers are %s; older names are %s.",
			cmp.Or(k.SlugScheme, "safe"), either(k.RememberPVCName, "heeded", "not heeded"), either(k.LegacyNames && k.RememberPVCName, "looked for", "not looked for")))
	}
	return append(out, "What hooks and profiles set for single servers (pre_spawn_hook, profile_list, modify_pod_hook) cannot be seen.")
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// sentenceOf says what a start finds: which claim it mounts, whose that is, and
// where the files are. name shows a name, in whatever way a format needs.
func (h *HubPrediction) sentenceOf(s predicted, name func(string) string) string {
	target, files := name(h.target(s)), ""
	if s.Data != "" {
		files = name(h.data(s))
	}
	line := "would mount " + target
	switch {
	case s.Outcome == prediction.Same && s.Data == "" && s.Directory == "":
		line = "has no home yet and gets " + target
	case s.Outcome == prediction.Same:
		line, files = "mounts "+target, ""
	case s.Outcome == prediction.Other && s.Owner.User != "":
		line += ", which is " + ownerOf(s, name)
	case s.Outcome == prediction.Other:
		line += ", which is somebody else's"
	case s.Cause == prediction.CauseUnusable:
		line = "asks for " + target + ", which cannot be mounted"
		if s.Data == s.Claim {
			files = ""
		}
	case s.Outcome == prediction.Pending:
		line = "asks for " + target + ", which does not exist"
	case s.New:
		line = "would get the new " + target
	}
	if files != "" {
		line += "; the files are in " + files
	}
	if hint := hints(s.Content); hint != "" {
		line += " (" + hint + ")"
	}
	if s.todayToo {
		line += "; the same today"
	}
	return line
}

func ownerOf(s predicted, name func(string) string) string {
	line := name(s.Owner.User) + "'s"
	if s.Owner.Server != "" {
		line += " server " + name(s.Owner.Server) + "'s"
	}
	if s.Owner.Hub != "" && s.Owner.Hub != s.Hub {
		line += " on hub " + name(s.Owner.Hub)
	}
	return line
}
