package collect

import (
	"path"
	"slices"
	"strings"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// kubespawner is what the configuration says of a hub's KubeSpawner;
// resolveNaming completes it.
func (g *gatherer) kubespawner(c *config.KubeSpawner) facts.KubeSpawner {
	k := facts.KubeSpawner{Version: c.Version, Chart: c.Chart, PVCNameTemplate: c.PVCNameTemplate, TemplateSet: c.PVCNameTemplate != "",
		SlugScheme: c.SlugScheme, RememberPVCName: *c.RememberPVCName, LegacyNames: *c.HandleLegacyNames, DeletePVC: *c.DeletePVC,
		UserNamespaces: c.UserNamespaceTemplate}
	if c.Homes != nil {
		k.Homes = facts.Homes{Claim: c.Homes.Claim, SubPath: c.Homes.SubPath, Location: g.cfg.Path(c.Homes.Directory)}
	}
	return k
}

// resolveNaming completes how each hub names claims by what its cluster and
// database tell: which KubeSpawner runs, and the template that comes with it.
func resolveNaming(s *facts.Snapshot) {
	for _, h := range s.Hubs {
		k := &h.KubeSpawner
		k.Version, k.Chart, k.VersionFrom = runningVersion(s, h)
		k.Chart = strings.TrimPrefix(k.Chart, chartName)
		template := kubespawner.DefaultTemplate(kubespawner.Version{Major: 7})
		if chart, err := kubespawner.ChartOf(k.Chart); err == nil {
			k.Version, template = chart.KubeSpawner.String(), chart.Template
		} else if v, err := kubespawner.ParseVersion(k.Version); err == nil {
			template = kubespawner.DefaultTemplate(v)
		}
		if !k.TemplateSet {
			k.PVCNameTemplate = template
		}
	}
}

const (
	fromConfiguration = "the configuration"
	chartName         = "jupyterhub-"
)

// runningVersion finds which KubeSpawner or chart a hub runs and what told,
// the most certain first. What servers and claims remember was true when they
// were made: the hub is at least as new, as it is with a template that only
// KubeSpawner 7 knows. A label of an older chart is believed
// only where the hub's pod could have said otherwise.
func runningVersion(s *facts.Snapshot, h *facts.Hub) (version, chart, from string) {
	k := &h.KubeSpawner
	if k.Version != "" || k.Chart != "" {
		return k.Version, k.Chart, fromConfiguration
	}
	if chart := imageChart(s.Kube.Pods, h.Namespace); chart != "" {
		return "", chart, "the hub's image"
	}
	if version := newestVersion(s, h); version != "" {
		return version, "", "what servers and claims remember"
	}
	if since := kubespawner.Since(k.PVCNameTemplate); since.AtLeast(7, 0, 0) {
		return since.String(), "", "a field of the template"
	}
	if chart := newestChart(s.Kube.Claims, h.Namespace); chart != "" && s.Source(facts.KubePods).Status == facts.OK {
		return "", chart, "the newest claim's labels"
	}
	return "", "", ""
}

// hubImage is the name of the chart's own image of the hub; its tag is the
// chart's version.
const hubImage = "k8s-hub"

// imageChart is the chart's version as the image of the only hub of a
// namespace tells it, "" if it does not.
func imageChart(pods []facts.Pod, namespace string) string {
	var tags []string
	for i := range pods {
		p := &pods[i]
		if p.Namespace != namespace || p.Component != facts.HubComponent || p.Phase != "Running" || !p.Deleting.IsZero() {
			continue
		}
		image, _, _ := strings.Cut(p.Image, "@")
		name, tag, _ := strings.Cut(path.Base(image), ":")
		if _, err := kubespawner.ChartOf(tag); name != hubImage || err != nil {
			return ""
		}
		tags = append(tags, tag)
	}
	if len(slices.Compact(tags)) != 1 {
		return ""
	}
	return tags[0]
}

// newestVersion is the highest version of KubeSpawner that a server's state, a
// claim or a pod of the hub's namespace bears; only 7 and later write one.
func newestVersion(s *facts.Snapshot, h *facts.Hub) string {
	var newest kubespawner.Version
	see := func(text string) {
		if v, err := kubespawner.ParseVersion(text); text != "" && err == nil && v.Compare(newest) > 0 {
			newest = v
		}
	}
	for i := range h.Spawners {
		see(h.Spawners[i].State.KubeSpawnerVersion)
	}
	for i := range s.Kube.Claims {
		if c := &s.Kube.Claims[i]; c.Namespace == h.Namespace {
			see(c.KubeSpawnerVersion)
		}
	}
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; p.Namespace == h.Namespace {
			see(p.KubeSpawnerVersion)
		}
	}
	if newest.IsZero() {
		return ""
	}
	return newest.String()
}

// newestChart is the chart that made the youngest claim of a namespace which
// says so.
func newestChart(claims []facts.Claim, namespace string) string {
	var newest *facts.Claim
	for i := range claims {
		c := &claims[i]
		if _, err := kubespawner.ChartOf(c.Chart); c.Namespace != namespace || !strings.HasPrefix(c.Chart, chartName) || err != nil {
			continue
		}
		if newest == nil || c.Created.After(newest.Created) {
			newest = c
		}
	}
	if newest == nil {
		return ""
	}
	return newest.Chart
}
