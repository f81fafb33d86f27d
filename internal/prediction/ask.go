package prediction

import (
	"fmt"
	"reflect"
	"slices"

	"hubaudit/internal/attribution"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// predictor holds what the starts of one hub are told from.
type predictor struct {
	hub      *facts.Hub
	k        facts.KubeSpawner
	owners   *attribution.Index
	contents *Contents
	asks     *asker
	now      *asker // the hub as it is configured; nil where that is what is predicted
	claims   map[claimKey]*facts.Claim
	mounts   map[claimKey][]string // by pod
	hasUser  bool                  // the template gives each user a claim
}

func newPredictor(s *facts.Snapshot, h *facts.Hub, k facts.KubeSpawner, owners *attribution.Index, contents func(*facts.Snapshot) *Contents) (*predictor, error) {
	if source := s.Source(facts.KubeClaims); source.Status != facts.OK {
		return nil, &UnreadError{h.Name, fmt.Sprintf("source %s is %s: %s", source.Name, source.Status, source.Detail)}
	}
	p := &predictor{hub: h, k: k, owners: owners, claims: make(map[claimKey]*facts.Claim, len(s.Kube.Claims)), contents: contents(s),
		mounts: map[claimKey][]string{}, hasUser: kubespawner.HasUser(k.PVCNameTemplate)}
	var err error
	if p.asks, err = newAsker(h, k, p.exists); err != nil {
		return nil, err
	}
	if p.asks.version.AtLeast(7, 0, 0) && !h.StatesRead {
		return nil, &UnreadError{h.Name, "the servers' state, which names their claims since KubeSpawner 7, could not be read: " +
			"configure the hub's database, or give the REST API's token the scope admin:server_state"}
	}
	if !reflect.DeepEqual(h.KubeSpawner, k) {
		// Where today's template is not understood there is merely one hint less.
		p.now, _ = newAsker(h, h.KubeSpawner, p.exists)
	}
	for i := range s.Kube.Claims {
		c := &s.Kube.Claims[i]
		p.claims[claimKey{c.Namespace, c.Name}] = c
	}
	for i := range s.Kube.Pods {
		if pod := &s.Kube.Pods[i]; pod.Deleting.IsZero() && (pod.Phase == "Running" || pod.Phase == "Pending") {
			p.mounts[claimKey{pod.Namespace, pod.Name}] = pod.Claims
		}
	}
	return p, nil
}

func (p *predictor) exists(claim claimKey) bool { return p.claims[claim] != nil }

// asker knows which claim a KubeSpawner asks for.
type asker struct {
	hub      *facts.Hub
	k        facts.KubeSpawner
	version  kubespawner.Version
	rendered *kubespawner.Namer
	escaped  *kubespawner.Namer // the same template under the escape scheme
	space    *kubespawner.Namer // the namespace of a user's own; nil where all share the hub's
	pod      *kubespawner.Namer // nil unless the template asks for it
	exists   func(claim claimKey) bool
}

// podTemplate is KubeSpawner's default pod_name_template since 7.0, the first
// version whose pvc_name_template can have {pod_name}.
const podTemplate = "jupyter-{user_server}"

// assumedVersion is what a hub of an unknown version is taken to run.
var assumedVersion = kubespawner.Version{Major: 7}

// VersionOf is the KubeSpawner that k is taken for: its Version, or 7.0.0 where
// that is not known.
func VersionOf(k facts.KubeSpawner) kubespawner.Version {
	v, err := kubespawner.ParseVersion(k.Version)
	if err != nil {
		return assumedVersion
	}
	return v
}

func newAsker(h *facts.Hub, k facts.KubeSpawner, exists func(claimKey) bool) (*asker, error) {
	a := &asker{hub: h, k: k, version: VersionOf(k), exists: exists}
	compile := func(template, slugs string) (*kubespawner.Namer, error) {
		return kubespawner.Scheme{Version: a.version, Template: template, Slugs: slugs}.Compile()
	}
	var err error
	if a.rendered, err = compile(k.PVCNameTemplate, k.SlugScheme); err != nil {
		return nil, err
	}
	fields, _ := kubespawner.Fields(k.PVCNameTemplate) // it was compiled above
	if slices.Contains(fields, "pvc_name") {
		return nil, &kubespawner.TemplateError{Template: k.PVCNameTemplate, Field: "{pvc_name}", Why: "is what the template itself is to name"}
	}
	if a.escaped, err = compile(k.PVCNameTemplate, kubespawner.SlugsEscape); err != nil {
		return nil, err
	}
	if slices.Contains(fields, "pod_name") {
		if a.pod, err = compile(podTemplate, k.SlugScheme); err != nil {
			return nil, err
		}
	}
	if k.UserNamespaces != "" {
		if a.space, err = compile(k.UserNamespaces, k.SlugScheme); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// ask is the claim that a start asks for, and how it comes to that.
type ask struct {
	claim      claimKey
	because    string
	remembered bool     // the hub's state names it
	legacy     claimKey // the template's escaped name; the same as claim where there is no other
	rewritten  bool     // the server runs, and its state will be written anew before its next start
}

// ask tells which claim the next start of a server asks for.
func (a *asker) ask(r row) ask {
	server, namespace := a.names(r)
	state := &r.spawner.State
	asked := ask{claim: claimKey{namespace, a.rendered.Name(server)}, because: "its name is rendered from " + a.k.PVCNameTemplate}
	asked.legacy = asked.claim
	if !a.version.AtLeast(7, 0, 0) {
		return asked
	}
	if state.PVCName != "" && a.k.RememberPVCName {
		asked.claim.name, asked.because, asked.remembered = state.PVCName, "the hub remembers it for this server", true
		return asked
	}
	asked.legacy.name = a.escaped.Name(server)
	asked.rewritten = r.spawner.ServerID != 0 && state.PVCName == "" && state.KubeSpawnerVersion == "" &&
		(state.Form == "object" || !VersionOf(a.hub.KubeSpawner).AtLeast(7, 0, 0))
	tried := a.triesLegacy() && state.Form == "object" && state.KubeSpawnerVersion == "" && !asked.rewritten
	if asked.rewritten {
		asked.because += ", as the hub forgets which claim the running server has once that is stopped"
	}
	if tried && asked.legacy != asked.claim && !a.exists(asked.claim) && a.exists(asked.legacy) {
		asked.claim, asked.because = asked.legacy, "a legacy name, found as the hub's state is older than KubeSpawner 7"
	}
	return asked
}

// triesLegacy tells whether escaped names are tried for servers whose state is
// older than KubeSpawner 7.
func (a *asker) triesLegacy() bool { return a.k.RememberPVCName && a.k.LegacyNames }

// names are a server ready for templates, and the namespace that it starts in.
func (a *asker) names(r row) (*kubespawner.Server, string) {
	server := &kubespawner.Server{User: r.user.Name, ID: r.user.ID, Name: r.spawner.Name, HubNamespace: a.hub.Namespace, Namespace: a.hub.Namespace}
	if a.space != nil {
		server.Namespace = a.space.Name(server)
	}
	if a.pod != nil {
		server.PodName = a.pod.Name(server)
	}
	if remembered := r.spawner.State.Namespace; remembered != "" && a.version.AtLeast(5, 0, 0) {
		return server, remembered
	}
	return server, server.Namespace
}
