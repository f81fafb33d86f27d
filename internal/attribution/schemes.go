package attribution

import (
	"cmp"
	"slices"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// namer renders one scheme, with what must be known of it before.
type namer struct {
	*kubespawner.Namer
	configured bool // it is the hub's own
	numbered   bool // its names have users.id
	perServer  bool // its names differ between servers
	perPod     bool // its names have the pod's
}

// schemes compiles all that the hub's claims can be named by: the historic
// ones, oldest first, and the hub's template with either kind of slugs. A
// template that says nothing of the user, or that cannot be rendered, adds none.
func (u *hubUsers) schemes() []namer {
	var namers []namer
	add := func(s kubespawner.Scheme, configured bool) {
		fields, _ := kubespawner.Fields(s.Template)
		compiled, err := s.Compile()
		if err != nil || !kubespawner.HasUser(s.Template) || slices.Contains(fields, "pvc_name") {
			return
		}
		namers = append(namers, namer{compiled, configured, slices.Contains(fields, "userid"), slices.ContainsFunc(fields, namesServer),
			slices.Contains(fields, "pod_name")})
	}
	for _, s := range kubespawner.Historic() {
		add(s, false)
	}
	k := &u.KubeSpawner
	own := kubespawner.Scheme{Version: versionOf(k), Template: k.PVCNameTemplate, Slugs: cmp.Or(k.SlugScheme, kubespawner.SlugsSafe)}
	other := own
	other.Slugs = kubespawner.SlugsEscape
	if own.Slugs == other.Slugs {
		other.Slugs = kubespawner.SlugsSafe
	}
	if own.Version.AtLeast(7, 0, 0) {
		add(other, false)
	}
	add(own, true)
	return namers
}

func namesServer(field string) bool {
	return strings.Contains(field, "server") || field == "pod_name"
}

func versionOf(k *facts.KubeSpawner) kubespawner.Version {
	v, err := kubespawner.ParseVersion(k.Version)
	if err != nil {
		return kubespawner.Version{Major: 7}
	}
	return v
}

// namespaceNamers render the namespaces that users of the hub have, or had
// with the other kind of slugs; none where all are in the hub's.
func (u *hubUsers) namespaceNamers() []*kubespawner.Namer {
	k := &u.KubeSpawner
	if k.UserNamespaces == "" {
		return nil
	}
	var namers []*kubespawner.Namer
	for _, slugs := range []string{kubespawner.SlugsSafe, kubespawner.SlugsEscape} {
		n, err := kubespawner.Scheme{Version: versionOf(k), Template: k.UserNamespaces, Slugs: slugs}.Compile()
		if err == nil {
			namers = append(namers, n)
		}
	}
	return namers
}
