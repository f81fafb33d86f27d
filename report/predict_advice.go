package report

import (
	"fmt"
	"regexp"

	"github.com/dustin/go-humanize"

	"hubaudit/internal/prediction"
	"hubaudit/internal/text"
)

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// advice is what a group means and what to do about it, in order. What stands
// between backticks is code.
type advice struct {
	meaning string
	steps   []string
}

// noPVCName is what to do where no claim can be named for a server.
const noPVCName = "KubeSpawner %s does not remember claims, it finds them by name only. Put pvcNameTemplate back to the one that named them, if all of them have one: " +
	"try it with `audit predict --template TEMPLATE`. Else bind each volume again under the name that the server asks for: see `audit explain pvc-duplicate-server`."

func (h *HubPrediction) advice(g predictedGroup) advice {
	if h.Under.Homes.Claim != "" && g.outcome != prediction.Same {
		return h.adviceHomes(g)
	}
	switch g.cause {
	case prediction.CauseRunning:
		return h.adviceRunning(g)
	case prediction.CauseForgotten:
		return advice{"They ran through the upgrade to KubeSpawner 7, which forgot their claim when they were stopped (kubespawner#937). The next start makes a new, empty claim.", h.relink(g)}
	case prediction.CauseNoState:
		return advice{"The hub remembers nothing of these servers, as after a lost database, so that KubeSpawner 7 does not look for their older names. The next start makes a new, empty claim.", h.relink(g)}
	case prediction.CauseUnreachable:
		return advice{"Their files are on a claim under a name that this KubeSpawner does not try. The next start mounts another claim.", h.relink(g)}
	case prediction.CauseMissing:
		return h.adviceMissing(g)
	case prediction.CauseUnusable:
		return advice{"The claim that they ask for exists, but is lost or being deleted: no server can mount it.", unusable}
	case prediction.CauseCollision:
		return h.adviceCollision()
	}
	return advice{}
}

func (h *HubPrediction) adviceRunning(g predictedGroup) advice {
	a := advice{meaning: "They run now. If they still do during the upgrade, KubeSpawner 7 forgets their claim once they are stopped (kubespawner#937), and their next start after that makes a new, empty one."}
	if h.runs7() {
		a.meaning = "They have been running since before the upgrade to KubeSpawner 7, which forgets their claim once they are stopped (kubespawner#937). Their next start after that makes a new, empty one."
		a.steps = append([]string{"Do not stop these servers before the rest is done, and switch the idle culler off (cull.enabled)."}, h.relink(g)...)
		return a
	}
	a.steps = []string{
		"Stop these servers before the upgrade, from the hub's admin page, and see that they stay stopped until it is done. A server that is stopped is found by its older name.",
		"Run this command again right before the upgrade: it must list none of them any more.",
		"If that cannot be, then, with the hub stopped for the upgrade and before the new one starts, write into each server's state which claim it is to mount, such as: " + h.example(g) + "."}
	return a
}

func (h *HubPrediction) adviceMissing(g predictedGroup) advice {
	if g.outcome == prediction.Pending {
		return advice{"The claim that the hub remembers does not exist. Since 7.1 KubeSpawner does not make it anew: the pod stays Pending until the hub gives up.", h.restore(g)}
	}
	return advice{"The claim that the hub remembers does not exist. The next start makes it anew, and empty.", h.restore(g)}
}

func (h *HubPrediction) restore(g predictedGroup) []string {
	steps := []string{"If the claim was deleted on purpose there is nothing to do. Else restore it under its name from a backup, or bind its volume again, before the user starts the server: once there is a new claim of that name, it is in the way."}
	for _, s := range g.starts {
		if s.Data != "" {
			return append(steps, h.relink(predictedGroup{outcome: g.outcome, cause: g.cause, starts: []predicted{s}, again: g.again})...)
		}
	}
	return steps
}

func (h *HubPrediction) adviceCollision() advice {
	a := advice{meaning: "The claim that they ask for is another user's, or servers of several users ask for one name: whoever comes second works in the other's files.", steps: []string{
		"Tell the users concerned not to start these servers.",
		"If a user was renamed and the claim is their own, put their new name into its annotation hub.jupyter.org/username, and it is not reported any more."}}
	if !h.remembers() {
		a.steps = append(a.steps, "Rename one of the two servers, or give the names a separator: `claim-{username}--{servername}` moves the named servers, so try it with `audit predict --template` first.")
		return a
	}
	a.steps = append(a.steps, h.stopHub(), "Write a claim's name of their own as pvc_name into the state of each of these servers: of the one that holds their files, or of one that you made for them.", h.startHub())
	return a
}

// adviceHomes is for home directories on one claim.
func (h *HubPrediction) adviceHomes(g predictedGroup) advice {
	claim := code(h.Under.Homes.Claim, "CLAIM")
	switch g.cause {
	case prediction.CauseUnreachable:
		return advice{"Their files are in a directory of another name. The next start makes a new, empty one.", []string{
			"Name the directories as they are: with `{escaped_username}` in the subPath KubeSpawner 7 finds those that older versions made.",
			"Or move the directories to their new names, with the hub down and no server running."}}
	case prediction.CauseCollision:
		return advice{"Several users are given one directory: whoever comes second works in the other's files.", []string{
			"Do not make this change. Have the subPath hold a field that tells users apart, such as `{username}`."}}
	case prediction.CauseMissing:
		return advice{"The claim `" + claim + "`, which holds everybody's home, does not exist.", []string{
			"Look for it under the name that is configured (kubespawner.homes.claim); bind its volume again, or restore it from a backup. Nobody can start a server before."}}
	}
	return advice{"The claim `" + claim + "`, which holds everybody's home, is lost or being deleted.", unusable}
}

// unusable is what to do about claims that cannot be mounted.
var unusable = []string{
	"A claim that is being deleted goes with the last pod that mounts it, and its volume may go with it: do not stop that pod before its files are copied.",
	"Have the volume stay: `kubectl patch pv VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'`.",
	"A claim that is Lost has no PersistentVolume any more: make that again for the storage that is still there. Do not delete the claim."}

// relinks tells whether a group is mended by naming claims in states.
func (h *HubPrediction) relinks(g predictedGroup) bool {
	switch g.cause {
	case prediction.CauseRunning:
		return h.remembers() && h.runs7()
	case prediction.CauseForgotten, prediction.CauseNoState, prediction.CauseUnreachable:
		return h.remembers()
	}
	return false
}

// runs7 tells whether the hub runs KubeSpawner 7 or later today.
func (h *HubPrediction) runs7() bool {
	return prediction.VersionOf(h.Hub.KubeSpawner).AtLeast(7, 0, 0)
}

func (h *HubPrediction) stopHub() string {
	when := ""
	if !h.runs7() {
		when = ", right before the upgrade"
	}
	return "Stop the hub" + when + ": `kubectl -n " + code(h.Hub.Namespace, "NAMESPACE") + " scale deployment hub --replicas 0`. The servers of users run on. Copy the database."
}

func (h *HubPrediction) startHub() string {
	if h.runs7() {
		return "Start the hub with `--replicas 1`, and run `audit predict` again before the users come back."
	}
	return "Upgrade now, without starting the old hub again: it would forget the names. Run `audit predict` again before the users come back."
}

// relink are the steps by which servers get the claims with their files back.
func (h *HubPrediction) relink(g predictedGroup) []string {
	v := prediction.VersionOf(h.Under)
	switch {
	case !v.AtLeast(7, 0, 0):
		return []string{fmt.Sprintf(noPVCName, v)}
	case !h.Under.RememberPVCName:
		return []string{"Leave remember_pvc_name on: without it nothing but the template counts, and no claim can be named for a server."}
	case g.again:
		return []string{"In the same stop of the hub as above, write into each server's state which claim it is to mount, such as: " + h.example(g) + "."}
	}
	var steps []string
	if h.Under.SlugScheme != "escape" && len(g.starts) > many {
		steps = append(steps, "With so many, rather keep the older names for all: set slug_scheme to escape, or pin pvcNameTemplate. See first who is left with `audit predict --slug-scheme escape`, or `--template TEMPLATE`.")
	}
	return append(steps, h.stopHub(), "Write into each server's state which claim it is to mount, such as: "+h.example(g)+
		". The flags of this run with `--output sql=pvc-names.sql` write all of these statements: read them before you use them.", h.startHub())
}

// many servers are too many to be mended one by one.
const many = 20

// example is the statement for the first server of a group, as code.
func (h *HubPrediction) example(g predictedGroup) string {
	for _, s := range g.starts {
		if statement := h.statement(s.Start); statement != "" {
			return "`" + text.Clean(statement) + "`"
		}
	}
	return "`pvc_name` in the JSON of the column `state` of table `spawners`"
}

var codeForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// code is a name of Kubernetes for a command, or what stands for it if it is
// not of the form that Kubernetes allows.
func code(name, placeholder string) string {
	if len(name) > 253 || !codeForm.MatchString(name) {
		return placeholder
	}
	return name
}
