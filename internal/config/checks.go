package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"hubaudit/internal/verdict"
)

// Checks are settings by check id.
type Checks map[string]Check

// Check is what is set for one check.
type Check struct {
	Enabled  *bool            `yaml:"enabled"`
	Severity verdict.Severity `yaml:"severity"`
	Expect   Windows          `yaml:"expect"`
	// For is how long it must fail until an incident opens: "3 runs" or "30m".
	For string `yaml:"for"`
	// Params are the check's own parameters: numbers, durations as text.
	Params map[string]any `yaml:",inline"`
}

// Over completes settings for one hub by those for all hubs. A window of the
// hub's own replaces all that are set for all.
func (c Check) Over(all Check) Check {
	setDefault(&c.Enabled, all.Enabled)
	setDefault(&c.Severity, all.Severity)
	setDefault(&c.For, all.For)
	if c.Expect == nil {
		c.Expect = all.Expect
	}
	params := maps.Clone(all.Params)
	if params == nil {
		params = map[string]any{}
	}
	maps.Copy(params, c.Params)
	c.Params = params
	return c
}

// Windows are times in which a change is expected: one mapping or a list.
type Windows []Window

// Window is one of them. From and To are dates, which stand for whole days in
// UTC, or times as in RFC 3339.
type Window struct {
	From   string `yaml:"from"`
	To     string `yaml:"to"`
	Reason string `yaml:"reason"`
}

// UnmarshalYAML reads one window as a list of one.
func (w *Windows) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		*w = make(Windows, 1)
		return n.Load(&(*w)[0])
	}
	return n.Load((*[]Window)(w))
}

// Span returns the first and the last second of the window, in UTC.
func (w Window) Span() (from, to time.Time, err error) {
	if from, _, err = moment(w.From); err != nil {
		return from, to, fmt.Errorf("from: %w", err)
	}
	to, wholeDay, err := moment(w.To)
	if err != nil {
		return from, to, fmt.Errorf("to: %w", err)
	}
	if wholeDay {
		to = to.AddDate(0, 0, 1).Add(-time.Second)
	}
	if to.Before(from) {
		return from, to, fmt.Errorf("the window ends (%s) before it begins (%s)", w.To, w.From)
	}
	return from, to, nil
}

func moment(text string) (at time.Time, wholeDay bool, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return at.UTC().Truncate(time.Second), false, nil
	}
	return at, false, fmt.Errorf("%q is neither a date such as 2026-12-18 nor a time such as 2026-12-18T08:00:00Z", text)
}

// longestWindow is how long a window may be without a warning: a clean-up
// between two terms takes weeks, not a term.
const longestWindow = 60 * 24 * time.Hour

// WindowWarnings are windows that no longer do anything, or that are open for
// so long that the check watches nothing.
func (c *Config) WindowWarnings(now time.Time) []Warning {
	var warnings []Warning
	c.eachCheck(func(path string, check Check) {
		for i, w := range check.Expect {
			from, to, err := w.Span()
			at := c.windowPath(path, i)
			switch {
			case err != nil: // refused when the file was read
			case to.Before(now):
				warnings = append(warnings, c.warning(at, "the window is over since %s: remove it", to.Format(time.DateOnly)))
			case to.Sub(from) >= longestWindow:
				warnings = append(warnings, c.warning(at, "the window is open for more than 60 days, in which a loss is taken for expected: make it shorter"))
			}
		}
	})
	return warnings
}

// eachCheck goes through the settings for all hubs and then those of each, by
// check id.
func (c *Config) eachCheck(do func(path string, check Check)) {
	visit := func(path string, set Checks) {
		for _, id := range slices.Sorted(maps.Keys(set)) {
			do(path+"."+id, set[id])
		}
	}
	visit("checks", c.Checks)
	for i, h := range c.Hubs {
		visit(fmt.Sprintf("hubs[%d].checks", i), h.Checks)
	}
}

// windowPath is the key of a check's window, which may be its only one.
func (c *Config) windowPath(check string, i int) string {
	if path := fmt.Sprintf("%s.expect[%d]", check, i); c.lines[path] > 0 {
		return path
	}
	return check + ".expect"
}

// checks validates settings of checks as far as they do not depend on the check.
func (v *validator) checks() {
	v.config.eachCheck(func(path string, check Check) {
		if check.Severity != "" {
			if _, err := verdict.ParseSeverity(string(check.Severity)); err != nil {
				v.errorf(path+".severity", "%v", err)
			}
		}
		if _, err := ParsePatience(check.For); err != nil {
			v.errorf(path+".for", "%v", err)
		}
		for i, w := range check.Expect {
			at := v.config.windowPath(path, i)
			if _, _, err := w.Span(); err != nil {
				v.errorf(at, "%v", err)
			}
			if strings.TrimSpace(w.Reason) == "" {
				v.errorf(at, "say why a change is expected: reason: \"…\"")
			}
		}
	})
}
