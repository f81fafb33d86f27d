package checks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// Configured is a check with its settings.
type Configured struct {
	Check    *Check
	Disabled bool
	Severity verdict.Severity
	values   map[string]float64
	expect   []Window
	hubs     map[string]Configured // where a hub has its own settings
}

// on returns the check as it is set for a hub; nil stands for the cluster.
func (c Configured) on(hub *facts.Hub) Configured {
	if hub != nil {
		if own, ok := c.hubs[hub.Name]; ok {
			return own
		}
	}
	return c
}

// expected returns the first window that a time lies in, nil if there is none.
func (c Configured) expected(now time.Time) *Window {
	for i, w := range c.expect {
		if !now.Before(w.From) && !now.After(w.To) {
			return &c.expect[i]
		}
	}
	return nil
}

// Suite is what a run judges.
type Suite []Configured

// OpensCopies tells whether any check that is judged for a hub looks into the
// copies of its database.
func (s Suite) OpensCopies(hub *facts.Hub) bool {
	return slices.ContainsFunc(s, func(c Configured) bool { return slices.Contains(c.Check.Weighs, HubBackups) && !c.on(hub).Disabled })
}

// valuesOf returns a check's parameters as they are set for a hub; the
// defaults if the suite does not have the check.
func (s Suite) valuesOf(c *Check, hub *facts.Hub) map[string]float64 {
	for i := range s {
		if s[i].Check == c {
			return s[i].on(hub).values
		}
	}
	values, _ := c.values("", nil) // only a configured value can be wrong
	return values
}

// NewSuite applies settings, by check id, to the registry. only names the
// checks to judge; empty means all. A setting for a check or a parameter that
// does not exist is an error: it would silently watch nothing. All mistakes in
// settings come joined, each as a *SettingError.
func NewSuite(settings map[string]Setting, only []string) (Suite, error) {
	if err := Validate(Registry); err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(only, slices.Sorted(maps.Keys(settings))) {
		if _, ok := Find(id); !ok {
			return nil, fmt.Errorf("unknown check %q: `audit checks` lists them", id)
		}
	}
	var suite Suite
	var errs []error
	for _, c := range Registry {
		configured, err := c.configure(settings[c.ID])
		errs = append(errs, err)
		if len(only) == 0 || slices.Contains(only, c.ID) {
			suite = append(suite, configured)
		}
	}
	return suite, errors.Join(errs...)
}

// Validate tells what is wrong with a registry: an id used twice, a missing
// text, a check that needs nothing, a source that does not exist.
func Validate(registry []*Check) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range registry {
		faults := c.faults()
		if seen[c.ID] {
			faults = append(faults, "the id is used twice")
		}
		seen[c.ID] = true
		for _, fault := range faults {
			errs = append(errs, fmt.Errorf("check %s: %s", c.ID, fault))
		}
	}
	return errors.Join(errs...)
}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)

func (c *Check) faults() []string {
	var faults []string
	for _, part := range []struct {
		what    string
		missing bool
	}{
		{"title", c.Title == ""}, {"severity", c.Severity == ""}, {"since", c.Since == ""}, {"function", c.Run == nil},
		{"scope", c.Scope == ""}, {"needs", len(c.Needs)+len(c.Uses)+len(c.Weighs) == 0}, {"meaning", c.Doc.Meaning == ""},
		{"false alarms", c.Doc.FalseAlarms == ""}, {"what to do", len(c.Doc.Do) == 0}, {"sources", len(c.Doc.Sources) == 0},
	} {
		if part.missing {
			faults = append(faults, "no "+part.what)
		}
	}
	if !idForm.MatchString(c.ID) {
		faults = append(faults, "an id is lower-case words joined by hyphens")
	}
	if !slices.Contains(verdict.Severities, c.Severity) && c.Severity != "" {
		faults = append(faults, fmt.Sprintf("severity %q does not exist", c.Severity))
	}
	if c.Scope != PerHub && c.Scope != PerCluster && c.Scope != "" {
		faults = append(faults, fmt.Sprintf("scope %q does not exist", c.Scope))
	}
	for _, name := range slices.Concat(c.Needs, c.Uses, c.Weighs) {
		switch {
		case slices.Contains(hubSources, name):
			if c.Scope == PerCluster {
				faults = append(faults, fmt.Sprintf("%s is a hub's own source and the check is the cluster's", name))
			}
		case !slices.Contains(clusterSources, name):
			faults = append(faults, fmt.Sprintf("source %q does not exist", name))
		}
	}
	return append(faults, c.paramFaults()...)
}

func (c *Check) paramFaults() []string {
	var faults []string
	for i, p := range c.Params {
		if p.Name == "" || p.Doc == "" || p.Unit == "" || !(p.Min <= p.Default && p.Default <= p.Max) {
			faults = append(faults, fmt.Sprintf("parameter %q needs a name, a text, a unit and a default within its bounds", p.Name))
		}
		if slices.ContainsFunc(c.Params[:i], func(q Param) bool { return q.Name == p.Name }) {
			faults = append(faults, fmt.Sprintf("parameter %q is declared twice", p.Name))
		}
	}
	return faults
}

// hubSources stand for a hub's own sources.
var hubSources = []string{HubDatabase, HubAPI, HubUsers, HubBackups, HubHomes}

// clusterSources are the sources that a check may need by name.
var clusterSources = []string{
	facts.KubeClaims, facts.KubeVolumes, facts.KubeNodes, facts.KubePods, facts.KubeStorageClasses, facts.KubeCronJobs,
	facts.KubeJobs, facts.KubeSnapshots, facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes,
	facts.LonghornSettings, facts.LonghornInstanceManagers, facts.LonghornEngineImages, facts.LonghornOrphans,
	facts.LonghornShardGroups, facts.LonghornShards, facts.LonghornEvents, facts.KubeDisruptionBudgets,
	facts.CephBlockPools, facts.CephFilesystems, facts.Prometheus, facts.History,
	facts.KubeSnapshotContents, facts.LonghornBackupTargets, facts.LonghornBackupVolumes, facts.LonghornBackups, facts.LonghornRecurringJobs,
	facts.VeleroBackups, facts.VeleroSchedules, facts.VeleroLocations, facts.VeleroVolumeBackups, facts.VeleroDataUploads, facts.VeleroRestores,
	facts.K8upSchedules, facts.K8upSnapshots, facts.K8upBackups,
}
