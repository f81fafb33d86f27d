package checks

import (
	"cmp"
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var subpathSchemeChange = &Check{
	ID:       "subpath-scheme-change",
	Title:    "On a shared volume every user's directory has the name under which it is looked for",
	Severity: verdict.Error,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{HubUsers},
	Uses:     []string{HubHomes},
	Doc: Doc{
		Meaning: "All homes are directories on one claim, and the next start of these users mounts a directory that does not exist: KubeSpawner makes it, empty. " +
			"Their files are in another one, named by another slug scheme. KubeSpawner 7 (Zero to JupyterHub 4) renders `{username}` otherwise than every version before it for each name " +
			"with a hyphen, a dot, an @ or a capital, and it remembers names of claims, never of directories.",
		FalseAlarms: "Where the audit sees the volume (`hubs[].kubespawner.homes.directory`) it compares with the directories that are there: a user whose new directory exists is taken for " +
			"moved, also if it was a start after the upgrade that made it, and a directory that belongs to another user is not counted. A folder that has a user's name by chance can be taken for " +
			"that user's home. Where it does not see the volume the check never fails: it is unknown while users whose directories have other names now " +
			"have not started a server since KubeSpawner 7, as nothing tells whether their directories were moved, and passes otherwise. If they were, and the volume cannot be mounted for the audit, switch the check off for that hub.",
		Do: []string{
			"Keep these users from starting servers, which would make empty directories: stop the hub, or tell them.",
			"To keep the directories as they are, set `subPath: \"{escaped_username}\"` in the hub's configuration (Zero to JupyterHub: `singleuser.storage.static.subPath`), and in `hubs[].kubespawner.homes.subPath` here. " +
				"This is right if all directories have escaped names; users who came after the upgrade have others, which must then be moved.",
			"To move to the new names, stop the hub and all servers, and rename each directory in a pod that mounts the claim: `mv OLD NEW`. Each finding has both names.",
			"For users who started a server since the upgrade and miss their files, look for two directories: move what is in the new one aside, then rename the old one.",
			"Run `audit predict` before the hub is started again: nobody may get an empty home.",
		},
		Dont: []string{
			"Do not delete directories that nobody seems to use: they are these users' homes.",
			"Do not rename directories while their users' servers run.",
		},
		Sources: []string{
			"jupyterhub/zero-to-jupyterhub-k8s docs/source/administrator/upgrading/upgrade-3-to-4.md",
			"2i2c-org/infrastructure#5079",
			"jupyterhub/kubespawner PR 744 and PR 856",
		},
	},
	Run: runSubpathSchemeChange,
}

func runSubpathSchemeChange(in *Input) Result {
	k := &in.Hub.KubeSpawner
	version, err := kubespawner.ParseVersion(k.Version)
	switch {
	case k.Homes.Claim == "":
		return Result{Skip: "every server has a claim of its own"}
	case !kubespawner.HasUser(k.Homes.SubPath):
		return Result{Skip: fmt.Sprintf("the sub-path %q is not a directory for each user", k.Homes.SubPath)}
	case err == nil && !version.AtLeast(7, 0, 0):
		return Result{Skip: fmt.Sprintf("KubeSpawner %s knows escaped names only", version)}
	}
	if in.Source(facts.HomesSource(in.Hub.Name)).Status != facts.OK {
		return in.unseenDirectories()
	}
	starts, predicted := in.Starts()
	if predicted != nil {
		return Result{Unknown: cmp.Or(usersUnread(in.Hub), predicted.Error())}
	}
	var r Result
	for _, s := range emptyDirectories(starts) {
		r.Findings = append(r.Findings, in.strandedDirectory(s))
	}
	n := len(r.Findings)
	if err != nil && n > 0 {
		return Result{Unknown: fmt.Sprintf("which KubeSpawner the hub runs is not known; under 7.0.0 the files of %s would be in another directory than the next start mounts: "+
			"set kubespawner.chart of the hub", text.Count(n, "user"))}
	}
	if n > 1 {
		r.Summary = fmt.Sprintf("%s get an empty directory at their next start: their files are in directories that subPath %q does not render", text.Count(n, "user"), k.Homes.SubPath)
	}
	return r
}

// emptyDirectories are the starts that find a new directory while another one
// has the user's files, each user and directory once.
func emptyDirectories(starts []prediction.Start) []*prediction.Start {
	type home struct {
		user      int64
		directory string
	}
	seen := map[home]bool{}
	var empty []*prediction.Start
	for i := range starts {
		s := &starts[i]
		if at := (home{s.UserID, s.Directory}); s.Outcome == prediction.Empty && !seen[at] {
			seen[at] = true
			empty = append(empty, s)
		}
	}
	return empty
}

func (in *Input) strandedDirectory(s *prediction.Start) verdict.Finding {
	return verdict.Finding{Subject: userSubject(&facts.User{ID: s.UserID, Name: s.User}),
		Message: fmt.Sprintf("the next start of user %q mounts directory %q, which does not exist, and %q does; a directory with the files is expected there", s.User, s.Directory, s.Data),
		Details: map[string]string{"user": s.User, "server": s.Server, "directory": s.Directory, "data": s.Data, "claim": s.Claim, "namespace": s.Namespace,
			"subPath": in.Hub.KubeSpawner.Homes.SubPath}}
}

// unseenDirectories judges a hub whose volume the audit does not see. A server
// that KubeSpawner 7 has started once has the directory that it will mount
// again. For one that ran under an earlier version only, the directory's name
// has changed for certain, and whether it was moved nobody can say.
func (in *Input) unseenDirectories() Result {
	before := *in.Hub
	before.KubeSpawner.SlugScheme = kubespawner.SlugsEscape
	starts, err := prediction.Predict(in.Snapshot, &before, in.Hub.KubeSpawner, in.Owners())
	if err != nil {
		return Result{Unknown: cmp.Or(usersUnread(in.Hub), err.Error())}
	}
	older := map[serverKey]bool{}
	for i := range in.Hub.Spawners {
		sp := &in.Hub.Spawners[i]
		older[serverKey{sp.UserID, sp.Name}] = !in.Hub.StatesRead || sp.State.Form == "object" && sp.State.KubeSpawnerVersion == ""
	}
	renamed := emptyDirectories(slices.DeleteFunc(starts, func(s prediction.Start) bool { return !older[serverKey{s.UserID, s.Server}] }))
	if len(renamed) == 0 {
		return Result{}
	}
	examples := make([]string, len(renamed))
	for i, s := range renamed {
		examples[i] = fmt.Sprintf("%q, now %q", s.Data, s.Directory)
	}
	have := text.Plural(len(renamed), "has", "have") + " not started a server since"
	if !in.Hub.StatesRead {
		have = "may not have started a server since"
	}
	return Result{Unknown: fmt.Sprintf("whether the files of %s, who %s KubeSpawner 7, were moved cannot be seen, and subPath %q names their directories anew (%s): "+
		"set kubespawner.homes.directory of the hub", text.Count(len(renamed), "user"), have, in.Hub.KubeSpawner.Homes.SubPath, joined(examples, "; ", 3))}
}
