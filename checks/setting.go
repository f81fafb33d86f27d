package checks

import (
	"errors"
	"fmt"
	"maps"
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
	Expect   []Window
	// Hubs has, by name, what holds for a hub instead of all of the above.
	Hubs map[string]Setting
}

// SettingError says which setting cannot be used. Hub is empty for a setting
// that holds for all hubs, Key for the check as a whole; otherwise Key is a
// parameter or expect.
type SettingError struct {
	Hub, Check, Key string
	Err             error
}

func (e *SettingError) Error() string {
	s := "check " + e.Check + ": "
	if e.Hub != "" {
		s = "hub " + e.Hub + ": " + s
	}
	if e.Key != "" {
		s += e.Key + ": "
	}
	return s + e.Err.Error()
}

func (e *SettingError) Unwrap() error { return e.Err }

// configure applies the settings for all hubs and those of single ones.
func (c *Check) configure(s Setting) (Configured, error) {
	configured, err := c.set("", s)
	errs := []error{err}
	for _, hub := range slices.Sorted(maps.Keys(s.Hubs)) {
		if c.Scope == PerCluster {
			errs = append(errs, &SettingError{Hub: hub, Check: c.ID, Err: errors.New(
				"it is judged once for the whole cluster and cannot be set for one hub: set it under the top level's checks")})
			continue
		}
		own, err := c.set(hub, s.Hubs[hub])
		errs = append(errs, err)
		if configured.hubs == nil {
			configured.hubs = make(map[string]Configured, len(s.Hubs))
		}
		configured.hubs[hub] = own
	}
	return configured, errors.Join(errs...)
}

func (c *Check) set(hub string, s Setting) (Configured, error) {
	values, err := c.values(hub, s.Values)
	if len(s.Expect) > 0 && !c.Expects {
		err = errors.Join(err, &SettingError{Hub: hub, Check: c.ID, Key: "expect",
			Err: fmt.Errorf("this check knows no expected change; these do: %s", strings.Join(expecting(), ", "))})
	}
	return Configured{Check: c, Disabled: s.Disabled, Severity: s.Severity, values: values, expect: s.Expect}, err
}

// expecting are the ids of the checks that take a Window.
func expecting() []string {
	var ids []string
	for _, c := range Registry {
		if c.Expects {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// values merges configured values over the parameters' defaults.
func (c *Check) values(hub string, set map[string]any) (map[string]float64, error) {
	var errs []error
	refuse := func(key string, err error) {
		errs = append(errs, &SettingError{Hub: hub, Check: c.ID, Key: key, Err: err})
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.ContainsFunc(c.Params, func(p Param) bool { return p.Name == name }) {
			refuse(name, fmt.Errorf("there is no such parameter: `audit explain %s` lists them", c.ID))
		}
	}
	values := make(map[string]float64, len(c.Params))
	for _, p := range c.Params {
		values[p.Name] = p.Default
		if v, ok := set[p.Name]; ok {
			n, err := p.parse(v)
			if err != nil {
				refuse(p.Name, err)
			}
			values[p.Name] = n
		}
	}
	return values, errors.Join(errs...)
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
