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

// Setting is what the configuration says about one check.
type Setting struct {
	Disabled bool
	Severity verdict.Severity // "" for the check's own
	Values   map[string]any   // parameters: a number, or a duration as text
}

// Configured is a check with its settings.
type Configured struct {
	Check    *Check
	Disabled bool
	Severity verdict.Severity
	values   map[string]float64
}

// Suite is what a run judges.
type Suite []Configured

// NewSuite applies settings, by check id, to the registry. only names the
// checks to judge; empty means all. A setting for a check or a parameter that
// does not exist is an error: it would silently watch nothing.
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
	for _, c := range Registry {
		values, err := c.Values(settings[c.ID].Values)
		if err != nil {
			return nil, err
		}
		if len(only) == 0 || slices.Contains(only, c.ID) {
			suite = append(suite, Configured{Check: c, Disabled: settings[c.ID].Disabled,
				Severity: settings[c.ID].Severity, values: values})
		}
	}
	return suite, nil
}

// Values merges configured values over the parameters' defaults.
func (c *Check) Values(set map[string]any) (map[string]float64, error) {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.ContainsFunc(c.Params, func(p Param) bool { return p.Name == name }) {
			return nil, fmt.Errorf("check %s has no parameter %q: `audit explain %s` lists them", c.ID, name, c.ID)
		}
	}
	values := make(map[string]float64, len(c.Params))
	for _, p := range c.Params {
		values[p.Name] = p.Default
		v, ok := set[p.Name]
		if !ok {
			continue
		}
		n, err := p.parse(v)
		if err != nil {
			return nil, fmt.Errorf("check %s: %s: %w", c.ID, p.Name, err)
		}
		values[p.Name] = n
	}
	return values, nil
}

// parse reads a configured value and holds it against the bounds.
func (p Param) parse(v any) (float64, error) {
	if p.Unit == UnitDuration {
		text, ok := v.(string)
		d, err := time.ParseDuration(text)
		if !ok || err != nil {
			return 0, fmt.Errorf("%v is not a duration such as 10m or 26h", v)
		}
		if n := float64(d); n < p.Min || n > p.Max {
			return 0, fmt.Errorf("%s is out of range: %s to %s", d, time.Duration(p.Min), time.Duration(p.Max))
		}
		return float64(d), nil
	}
	var n float64
	switch v := v.(type) {
	case int:
		n = float64(v)
	case float64:
		n = v
	default:
		return 0, fmt.Errorf("%v is not a number of %s", v, p.Unit)
	}
	if !(n >= p.Min && n <= p.Max) { // also refuses NaN
		return 0, fmt.Errorf("%v is out of range: %v to %v %s", n, p.Min, p.Max, p.Unit)
	}
	return n, nil
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
		{"scope", c.Scope == ""}, {"needs", len(c.Needs)+len(c.Uses) == 0}, {"meaning", c.Doc.Meaning == ""},
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
	for _, name := range slices.Concat(c.Needs, c.Uses) {
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
var hubSources = []string{HubDatabase, HubAPI, HubUsers, HubBackups}

// clusterSources are the sources that a check may need by name.
var clusterSources = []string{
	facts.KubeClaims, facts.KubeVolumes, facts.KubeNodes, facts.KubePods, facts.KubeStorageClasses, facts.KubeCronJobs,
	facts.KubeJobs, facts.KubeSnapshots, facts.LonghornVolumes, facts.LonghornReplicas, facts.LonghornNodes,
	facts.LonghornSettings, facts.History,
}
