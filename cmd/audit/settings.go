package main

import (
	"errors"
	"fmt"
	"slices"

	"hubaudit/checks"
	"hubaudit/internal/config"
)

// settingKeys are the keys that each check understands in the configuration.
func settingKeys() map[string][]string {
	known := map[string][]string{}
	for _, check := range checks.Registry {
		keys := []string{"enabled", "severity", "for"}
		if check.Expects {
			keys = append(keys, "expect")
		}
		for _, p := range check.Params {
			keys = append(keys, p.Name)
		}
		known[check.ID] = keys
	}
	return known
}

// settings translates the file's words on checks, which are validated, into
// the registry's.
func settings(cfg *config.Config) (map[string]checks.Setting, error) {
	out := map[string]checks.Setting{}
	for id, set := range cfg.Checks {
		s, err := setting(set)
		if err != nil {
			return nil, fmt.Errorf("checks.%s: %w", id, err)
		}
		out[id] = s
	}
	for _, hub := range cfg.Hubs {
		for id, own := range hub.Checks {
			s, err := setting(own.Over(cfg.Checks[id]))
			if err != nil {
				return nil, fmt.Errorf("hub %s: checks.%s: %w", hub.Name, id, err)
			}
			all := out[id]
			if all.Hubs == nil {
				all.Hubs = map[string]checks.Setting{}
			}
			all.Hubs[hub.Name] = s
			out[id] = all
		}
	}
	return out, nil
}

func setting(set config.Check) (checks.Setting, error) {
	s := checks.Setting{Disabled: set.Enabled != nil && !*set.Enabled, Severity: set.Severity, Values: set.Params}
	for _, w := range set.Expect {
		from, to, err := w.Span()
		if err != nil {
			return s, fmt.Errorf("expect: %w", err)
		}
		s.Expect = append(s.Expect, checks.Window{From: from, To: to, Reason: w.Reason})
	}
	return s, nil
}

// located adds file and line to the mistakes in settings.
func located(cfg *config.Config, err error) error {
	var errs []error
	for _, mistake := range mistakes(err) {
		path := "checks." + mistake.Check
		if i := slices.IndexFunc(cfg.Hubs, func(h config.Hub) bool { return h.Name == mistake.Hub }); i >= 0 {
			path = fmt.Sprintf("hubs[%d].%s", i, path)
			own := cfg.Hubs[i].Checks[mistake.Check]
			if _, set := own.Params[mistake.Key]; mistake.Key != "" && !set {
				continue // it is set for all hubs, and told there
			}
		}
		if mistake.Key != "" {
			path += "." + mistake.Key
		}
		errs = append(errs, fmt.Errorf("%s: %s: %w", cfg.Where(path), path, mistake.Err))
	}
	if len(errs) == 0 {
		return err
	}
	return errors.Join(errs...)
}

// mistakes takes joined errors apart.
func mistakes(err error) []*checks.SettingError {
	var one *checks.SettingError
	var all []*checks.SettingError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			all = append(all, mistakes(err)...)
		}
	} else if errors.As(err, &one) {
		all = append(all, one)
	}
	return all
}
