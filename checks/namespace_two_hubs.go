package checks

import (
	"fmt"
	"slices"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

var namespaceTwoHubs = &Check{
	ID:       "namespace-two-hubs",
	Title:    "No two hubs of a namespace give claims the same names",
	Severity: verdict.Error,
	Since:    "0.3.0",
	Scope:    PerHub,
	Needs:    []string{facts.KubePods},
	Doc: Doc{
		Meaning: "KubeSpawner looks for a claim by its name alone and knows nothing of other hubs. Two hubs in one namespace that name claims alike give a user of the one the " +
			"home of the user of the same name of the other, who need not be the same person. When one hub deletes its user, it deletes " +
			"the other's claim too, with everything in it.",
		FalseAlarms: "Two hubs whose templates give different names, or whose claims are in different namespaces (also one per user), are not reported, nor are homes on one " +
			"shared claim, which is a decision. Two pods of one release are a rollout. A hub's pod of a release that is not configured here is " +
			"only a warning: the audit does not know how that hub names claims.",
		Do: []string{
			"See which hubs there are: `kubectl -n NAMESPACE get pods -l component=hub -L release`, and `helm -n NAMESPACE list`.",
			"Configure each of them in hubs[], with its kubespawner settings, so that the audit can compare them.",
			"Until they are apart, keep both from deleting: `hub.config.KubeSpawner.delete_pvc: false` and no `cull.users`, in both releases.",
			"Take them apart: move the younger hub to a namespace of its own, or give it a template with its own beginning, such as `claim-HUB2-{user_server}`.",
			"Its users who have files already need their claims under the new names: copy the data, or let KubeSpawner 7 remember the old names (`audit predict` shows whom a new template would cost their home).",
		},
		Dont: []string{
			"Do not delete users of either hub, nor remove either release, before it is known which claims both use.",
			"Do not change the template of the hub that most users have their files from.",
		},
		Sources: []string{"jupyterhub/kubespawner kubespawner/spawner.py (help of pvc_name_template)", "jupyterhub/kubespawner#880"},
	},
	Run: runNamespaceTwoHubs,
}

func runNamespaceTwoHubs(in *Input) Result {
	var r Result
	configured := 1
	for _, other := range in.Hubs {
		if other == in.Hub || other.Namespace != in.Hub.Namespace {
			continue
		}
		configured++
		if claim, same := sameClaim(in.Hub, other); same {
			r.Findings = append(r.Findings, in.twoHubs(other, claim))
		}
	}
	if releases := in.hubReleases(); len(releases) > configured {
		r.Findings = append(r.Findings, in.unknownHub(releases, configured))
	}
	return r
}

// sameClaim tells whether two hubs of a namespace give servers of users of one
// name the same claim, and shows it for a user ann: only names that need
// no escaping are sure to be alike in all schemes.
func sameClaim(a, b *facts.Hub) (claim string, same bool) {
	if a.KubeSpawner.Homes.Claim != "" || b.KubeSpawner.Homes.Claim != "" {
		return "", false
	}
	first, err := exampleClaim(a)
	second, errB := exampleClaim(b)
	if err != nil || errB != nil {
		same = a.KubeSpawner.PVCNameTemplate == b.KubeSpawner.PVCNameTemplate && a.KubeSpawner.UserNamespaces == b.KubeSpawner.UserNamespaces
		return a.KubeSpawner.PVCNameTemplate, same
	}
	return first.Name, first == second
}

// exampleClaim is the claim of the default server of a user ann.
func exampleClaim(h *facts.Hub) (claimKey, error) {
	scheme := schemeOf(&h.KubeSpawner)
	ann := &kubespawner.Server{User: "ann", ID: 1, HubNamespace: h.Namespace, Namespace: h.Namespace}
	if h.KubeSpawner.UserNamespaces != "" {
		namespaces, err := kubespawner.Scheme{Version: scheme.Version, Template: h.KubeSpawner.UserNamespaces, Slugs: scheme.Slugs}.Compile()
		if err != nil {
			return claimKey{}, err
		}
		ann.Namespace = namespaces.Name(ann)
	}
	namer, err := scheme.Compile()
	if err != nil {
		return claimKey{}, err
	}
	return claimKey{ann.Namespace, namer.Name(ann)}, nil
}

func (in *Input) twoHubs(other *facts.Hub, claim string) verdict.Finding {
	theirs := userNames(other)
	var both []string
	for i := range in.Hub.Users {
		if name := in.Hub.Users[i].Name; theirs[name] {
			both = append(both, fmt.Sprintf("%q", name))
		}
	}
	message := fmt.Sprintf("hub %s is in namespace %s too and names claims alike (a user ann of either gets %s): users of one name share a claim, and deleting one deletes the other's; different templates or namespaces are expected",
		other.Name, in.Hub.Namespace, claim)
	if len(both) > 0 {
		message += fmt.Sprintf("; both hubs have %s: %s", text.Count(len(both), "such user"), list(both, 3))
	}
	return verdict.Finding{
		Subject: verdict.Subject{Kind: "hub", Name: other.Name, Namespace: other.Namespace}, Message: message,
		Details: map[string]string{"template": in.Hub.KubeSpawner.PVCNameTemplate, "otherTemplate": other.KubeSpawner.PVCNameTemplate,
			"exampleClaim": claim, "usersInBoth": idText(int64(len(both)))},
	}
}

// hubReleases are the releases whose hubs run in the hub's namespace, sorted.
func (in *Input) hubReleases() []string {
	var releases []string
	for i := range in.Kube.Pods {
		p := &in.Kube.Pods[i]
		if p.Namespace == in.Hub.Namespace && p.Component == facts.HubComponent && p.Phase == "Running" && p.Deleting.IsZero() && p.Release != "" {
			releases = append(releases, p.Release)
		}
	}
	slices.Sort(releases)
	return slices.Compact(releases)
}

func (in *Input) unknownHub(releases []string, configured int) verdict.Finding {
	names := make([]string, len(releases))
	for i, release := range releases {
		names[i] = fmt.Sprintf("%q", release)
	}
	return verdict.Finding{
		Subject:  verdict.Subject{Kind: "hub", Name: in.Hub.Name, Namespace: in.Hub.Namespace},
		Severity: verdict.Warning,
		Message: fmt.Sprintf("hubs of %s run in namespace %s (%s) and %s configured here: whether they name claims alike is not known, add each to hubs[]",
			text.Count(len(releases), "release"), in.Hub.Namespace, list(names, 4), text.Count(configured, "hub")+text.Plural(configured, " is", " are")),
		Details: map[string]string{"releases": list(names, len(names))},
	}
}
