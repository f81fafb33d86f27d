package checks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
// checks to judge; empty means all.
func NewSuite(settings map[string]Setting, only []string) (Suite, error) {
	for _, id := range only {
		if _, ok := Find(id); !ok {
			return nil, fmt.Errorf("unknown check %q: `audit checks` lists them", id)
		}
	}
	var suite Suite
	for _, c := range Registry {
		if len(only) > 0 && !slices.Contains(only, c.ID) {
			continue
		}
		values, err := c.Values(settings[c.ID].Values)
		if err != nil {
			return nil, err
		}
		suite = append(suite, Configured{Check: c, Disabled: settings[c.ID].Disabled,
			Severity: settings[c.ID].Severity, values: values})
	}
	return suite, nil
}

// Values merges configured values over the parameters' defaults.
func (c *Check) Values(set map[string]any) (map[string]float64, error) {
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
// text, a check that needs nothing.
func Validate(registry []*Check) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range registry {
		if seen[c.ID] {
			errs = append(errs, fmt.Errorf("check %s: the id is used twice", c.ID))
		}
		seen[c.ID] = true
		for what, missing := range map[string]bool{
			"title": c.Title == "", "severity": c.Severity == "", "since": c.Since == "", "function": c.Run == nil,
			"scope": c.Scope == "", "needs": len(c.Needs)+len(c.Uses) == 0, "meaning": c.Doc.Meaning == "",
			"false alarms": c.Doc.FalseAlarms == "", "what to do": len(c.Doc.Do) == 0, "sources": len(c.Doc.Sources) == 0,
		} {
			if missing {
				errs = append(errs, fmt.Errorf("check %s: no %s", c.ID, what))
			}
		}
		if strings.ToLower(c.ID) != c.ID || strings.ContainsAny(c.ID, " _./") {
			errs = append(errs, fmt.Errorf("check %s: an id is lower-case words joined by hyphens", c.ID))
		}
		for _, p := range c.Params {
			if p.Doc == "" || p.Unit == "" || p.Default < p.Min || p.Default > p.Max {
				errs = append(errs, fmt.Errorf("check %s: parameter %s needs a text, a unit and a default within its bounds", c.ID, p.Name))
			}
		}
	}
	return errors.Join(errs...)
}
