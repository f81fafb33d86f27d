package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/replica"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var lhEngineImageNotReady = &Check{
	ID:       "lh-engine-image-not-ready",
	Title:    "Every engine image in use is on every node that needs it",
	Severity: verdict.Warning,
	Since:    "0.4.0",
	Scope:    PerCluster,
	Needs:    slices.Concat([]string{facts.LonghornEngineImages, facts.LonghornSettings}, longhornSources),
	Params: []Param{{Name: "grace", Doc: "how long an image may take to get to a node that is new or being upgraded",
		Default: graceParam.Default, Min: 0, Max: graceParam.Max, Unit: UnitDuration}},
	Doc: Doc{
		Meaning: "Longhorn puts the program that serves a volume on every node as an engine image. Where it is missing, a volume can neither be mounted nor rebuild " +
			"a replica: a user's server does not start there, and copies on such a node do not count when another one fails.",
		FalseAlarms: "A node that just joined, and an upgrade that rolls through the cluster, take some minutes: nothing is reported before grace has passed. An image that no " +
			"volume uses and that is not the default is not judged, nor is a node that is gone or not ready: other checks tell of that.",
		Do: []string{
			"See why its pods do not run: `kubectl -n longhorn-system get pods -o wide | grep engine-image`, then `describe` one that is not Running; most often the image cannot be pulled or a taint is not tolerated.",
			"Mend the registry's access, the pull secret, or Longhorn's taint toleration (setting taint-toleration).",
			"Of an image that is called incompatible, upgrade the volumes' engines in Longhorn's UI (Volume, Upgrade Engine) while they are detached or Healthy.",
		},
		Dont: []string{
			"Do not delete the engine image while volumes use it.",
			"Do not drain nodes that have it: volumes could not be served elsewhere.",
		},
		Sources: []string{"longhorn-manager controller/engine_image_controller.go, k8s/pkg/apis/longhorn/v1beta2/engineimage.go"},
	},
	Run: runLHEngineImageNotReady,
}

func runLHEngineImageNotReady(in *Input) Result {
	users := map[string][]*replica.Volume{}
	volumes := in.volumeHealths()
	for i := range volumes {
		if v := &volumes[i]; v.Deleting.IsZero() {
			users[v.Image] = append(users[v.Image], v)
		}
	}
	var r Result
	for i := range in.Longhorn.EngineImages {
		e := &in.Longhorn.EngineImages[i]
		isDefault := e.Image == in.Longhorn.Settings["default-engine-image"]
		if len(users[e.Image]) == 0 && !isDefault {
			continue
		}
		if f, bad := in.engineImage(e, users[e.Image]); bad {
			r.Findings = append(r.Findings, f)
		}
	}
	if n := len(r.Findings); n > 1 {
		r.Summary = text.Count(n, "engine image") + " in use are not on all nodes that need them"
	}
	return r
}

// engineImage judges an image that volumes use.
func (in *Input) engineImage(e *facts.LHEngineImage, users []*replica.Volume) (verdict.Finding, bool) {
	missing := in.nodesWithout(e)
	state := cmp.Or(e.State, "without a state")
	switch {
	case e.Incompatible && len(users) > 0:
		state = "incompatible with this version of Longhorn"
	case in.within(e.Since, in.Duration("grace")):
		return verdict.Finding{}, false
	case e.State == "deployed" && len(copiesOn(users, missing)) == 0:
		return verdict.Finding{}, false
	}
	details := map[string]string{"image": e.Image, "state": e.State, "refs": idText(int64(e.Refs))}
	message := fmt.Sprintf("engine image %s is %s", e.Image, state)
	if !e.Since.IsZero() {
		details["since"] = text.Time(e.Since)
		if e.State != "deployed" {
			message += " since " + text.Time(e.Since)
		}
	}
	if len(missing) > 0 {
		details["missingOn"] = strings.Join(missing, ", ")
		message += fmt.Sprintf("; %s %s not have it", text.Plural(len(missing), "node", "nodes")+" "+list(missing, homesShown), text.Plural(len(missing), "does", "do"))
	}
	switch affected := copiesOn(users, missing); {
	case len(affected) > 0:
		message += ", where copies lie of " + in.homesOf(affected, details)
	case len(users) > 0:
		message += "; it serves " + in.homesOf(users, details)
	}
	return verdict.Finding{Subject: verdict.Subject{Kind: "engineimage", Name: e.Name}, Message: message, Details: details}, true
}

// nodesWithout returns the nodes on which an image should be by now and is not:
// they are there, and have been ready for the grace.
func (in *Input) nodesWithout(e *facts.LHEngineImage) []string {
	var missing []string
	for i := range in.Longhorn.Nodes {
		n := &in.Longhorn.Nodes[i]
		if n.Ready == "True" && in.replicaCluster().KubeNode(n.Name) != nil && slices.Contains(e.Missing, n.Name) &&
			!in.within(n.ReadySince, in.Duration("grace")) {
			missing = append(missing, n.Name)
		}
	}
	return missing
}

// copiesOn returns the volumes that have replicas on one of the nodes.
func copiesOn(volumes []*replica.Volume, nodes []string) []*replica.Volume {
	var found []*replica.Volume
	for _, v := range volumes {
		if slices.ContainsFunc(v.Replicas, func(r replica.Judged) bool { return slices.Contains(nodes, r.NodeID) }) {
			found = append(found, v)
		}
	}
	return found
}
