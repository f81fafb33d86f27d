package kubespawner

import (
	"fmt"
	"strings"
)

// Chart is a series of the chart Zero to JupyterHub: the releases from First
// up to the next series.
type Chart struct {
	First       Version
	KubeSpawner Version
	// Template is the pvc_name_template that the chart sets, or KubeSpawner's
	// own where it sets none.
	Template string
}

// charts are all series, oldest first. Source: the chart's values.yaml
// and the hub image's requirements, per tag.
var charts = []Chart{
	{chartVersion(0, 1), Version{Minor: 5}, "claim-{username}-{userid}"},
	{chartVersion(0, 4), Version{Minor: 6}, "claim-{username}"},
	{chartVersion(0, 5), Version{Minor: 7, Patch: 1}, "claim-{username}{servername}"},
	{chartVersion(0, 6), Version{Minor: 8, Patch: 1}, "claim-{username}{servername}"},
	{chartVersion(0, 7), Version{Minor: 9}, "claim-{username}{servername}"},
	{chartVersion(0, 8), Version{Minor: 10, Patch: 1}, "claim-{username}{servername}"},
	{chartVersion(0, 9), Version{Minor: 11, Patch: 1}, "claim-{username}{servername}"},
	{chartVersion(0, 10), Version{Minor: 14, Patch: 1}, "claim-{username}{servername}"},
	{chartVersion(0, 11), Version{Minor: 15}, "claim-{username}{servername}"},
	{chartVersion(1, 0), Version{Major: 1, Minor: 1}, "claim-{username}{servername}"},
	{chartVersion(2, 0), Version{Major: 4, Minor: 2}, "claim-{username}{servername}"},
	{chartVersion(3, 0), Version{Major: 6}, "claim-{username}{servername}"},
	{chartVersion(3, 3), Version{Major: 6, Minor: 2}, "claim-{username}{servername}"},
	{chartVersion(4, 0), Version{Major: 7}, "claim-{user_server}"},
}

func chartVersion(major, minor int) Version { return Version{Major: major, Minor: minor} }

// ChartOf returns the series that a release of the chart belongs to. A
// development release belongs to the one that it became.
func ChartOf(version string) (Chart, error) {
	v, err := ParseVersion(strings.TrimPrefix(version, "jupyterhub-"))
	if err != nil {
		return Chart{}, fmt.Errorf("chart version %w", err)
	}
	release := v
	release.Pre = ""
	for i := len(charts) - 1; i >= 0; i-- {
		if release.Compare(charts[i].First) >= 0 {
			return charts[i], nil
		}
	}
	return Chart{}, fmt.Errorf("chart version %s is older than %s, the first one", v, charts[0].First)
}

// Scheme is how the chart has claims named unless it is told otherwise.
func (c Chart) Scheme() Scheme { return Scheme{Version: c.KubeSpawner, Template: c.Template} }
