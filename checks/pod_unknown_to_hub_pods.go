package checks

import (
	"cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// serverComponent is the label component of a pod that runs a user's server.
const serverComponent = "singleuser-server"

// serverPods are the pods of the hub's users that bear their user's name, those
// that are being deleted left out. Pods of before KubeSpawner 0.8 bear none.
func (in *Input) serverPods() []*facts.Pod {
	spaces := in.userSpaces()
	var pods []*facts.Pod
	for i := range in.Kube.Pods {
		p := &in.Kube.Pods[i]
		if p.Component == serverComponent && p.User != "" && p.Deleting.IsZero() && spaces.has(p.Namespace, p.User) {
			pods = append(pods, p)
		}
	}
	return pods
}

// userSpaces are the namespaces in which a hub's servers run.
type userSpaces struct {
	hub   *facts.Hub
	known map[string]bool
	namer *kubespawner.Namer // nil where users have no namespaces of their own
}

// userSpaces are the hub's own namespace, those that its servers remember, and
// those that its users have.
func (in *Input) userSpaces() userSpaces {
	h := in.Hub
	s := userSpaces{hub: h, known: map[string]bool{h.Namespace: true}}
	for i := range h.Spawners {
		s.known[spawnerNamespace(h, &h.Spawners[i])] = true
	}
	if h.KubeSpawner.UserNamespaces == "" {
		return s
	}
	scheme := schemeOf(&h.KubeSpawner)
	scheme.Template = h.KubeSpawner.UserNamespaces
	namer, err := scheme.Compile()
	if err != nil {
		return s // what servers remember is all that is known then
	}
	s.namer = namer
	for i := range h.Users {
		s.known[s.of(h.Users[i].Name, h.Users[i].ID)] = true
	}
	return s
}

func (s userSpaces) of(user string, id int64) string {
	return s.namer.Name(&kubespawner.Server{User: user, ID: id, HubNamespace: s.hub.Namespace})
}

// has tells whether a namespace is one of them, or that of a user of this name
// who is not among the hub's.
func (s userSpaces) has(namespace, user string) bool {
	return s.known[namespace] || s.namer != nil && user != "" && s.of(user, 0) == namespace
}

// schemeOf is how a hub names claims. Where its version is not known it is
// taken for a current one.
func schemeOf(k *facts.KubeSpawner) kubespawner.Scheme {
	v, err := kubespawner.ParseVersion(k.Version)
	if err != nil {
		v = kubespawner.Version{Major: 7}
	}
	return kubespawner.Scheme{Version: v, Template: k.PVCNameTemplate, Slugs: k.SlugScheme}
}

// spawnerNamespace is where a server runs.
func spawnerNamespace(h *facts.Hub, sp *facts.Spawner) string {
	return cmp.Or(sp.State.Namespace, h.Namespace)
}
