package prediction

import (
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// homeNamer renders the directories of servers on a shared claim.
type homeNamer struct {
	path *kubespawner.Namer
	// pod and claim are nil unless the path is made of them.
	pod, claim *kubespawner.Namer
}

func newHomeNamer(k facts.KubeSpawner) (*homeNamer, error) {
	n := &homeNamer{}
	fields, _ := kubespawner.Fields(k.Homes.SubPath) // compiled below
	for _, t := range []struct {
		namer    **kubespawner.Namer
		template string
		need     bool
	}{
		{&n.path, k.Homes.SubPath, true},
		{&n.pod, podTemplate, slices.Contains(fields, "pod_name")},
		{&n.claim, k.PVCNameTemplate, slices.Contains(fields, "pvc_name")},
	} {
		if !t.need {
			continue
		}
		var err error
		if *t.namer, err = (kubespawner.Scheme{Version: VersionOf(k), Template: t.template, Slugs: k.SlugScheme}).Compile(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *homeNamer) directory(server *kubespawner.Server) string {
	if n.pod != nil {
		server.PodName = n.pod.Name(server)
	}
	if n.claim != nil {
		server.ClaimName = n.claim.Name(server)
	}
	return kubespawner.Directory(n.path.Name(server))
}

// forms are the versions and the fields by which the directories of a template
// were ever named, the likeliest first.
var forms = []struct {
	version            kubespawner.Version
	user, server, pair string
}{
	{kubespawner.Version{Major: 7}, "escaped_username", "escaped_servername", "escaped_user_server"},
	{kubespawner.Version{Major: 7}, "safe_username", "safe_servername", "safe_user_server"},
	{kubespawner.Version{Minor: 11}, "username", "servername", ""},
	{kubespawner.Version{Minor: 9}, "username", "servername", ""},
	{kubespawner.Version{Minor: 8}, "username", "servername", ""},
	{kubespawner.Version{Minor: 5}, "username", "", ""},
	{kubespawner.Version{Major: 7}, "unescaped_username", "unescaped_servername", ""},
}

// usualForms is how many of the forms, from the first, are the usual ones. They
// can render every template.
const usualForms = 2

// otherForms are the ways in which other versions, other slug schemes and
// templates of other fields name the directories of k's template.
func otherForms(k facts.KubeSpawner) ([]*homeNamer, error) {
	var namers []*homeNamer
	for i, f := range forms {
		as := map[string]string{}
		for _, field := range []string{"username", "safe_username", "escaped_username", "unescaped_username", "legacy_escape_username"} {
			as[field] = f.user
		}
		for _, field := range []string{"servername", "safe_servername", "escaped_servername", "unescaped_servername"} {
			as[field] = f.server
		}
		for _, field := range []string{"user_server", "safe_user_server", "escaped_user_server"} {
			as[field] = f.pair
		}
		other := k
		other.Version, other.SlugScheme = f.version.String(), kubespawner.SlugsSafe
		other.Homes.SubPath, other.PVCNameTemplate = kubespawner.Renamed(k.Homes.SubPath, as), kubespawner.Renamed(k.PVCNameTemplate, as)
		switch n, err := newHomeNamer(other); {
		case err == nil:
			namers = append(namers, n)
		case i < usualForms:
			return nil, err
		} // else a field that this version does not have
	}
	return namers, nil
}
