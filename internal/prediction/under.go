package prediction

import (
	"errors"
	"fmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/kubespawner"
)

// Change is what is to be different from how a hub is configured. The zero
// Change is none.
type Change struct {
	// Chart is a version of Zero to JupyterHub, KubeSpawner one of KubeSpawner; at
	// most one of them is set.
	Chart, KubeSpawner string
	SlugScheme         string // safe or escape
	Template           string // the PVC name template
	RememberPVCName    *bool
	LegacyNames        *bool
}

// IsZero tells whether nothing is to change.
func (c Change) IsZero() bool { return c == Change{} }

// Under is a hub's configuration after a change. A template that the
// configuration names stays; the default one becomes that of the new version:
// the chart's, or KubeSpawner's own for a hub that runs without the chart. The
// error says which of the changes cannot be, alone or together.
func Under(k facts.KubeSpawner, c Change) (facts.KubeSpawner, error) {
	if c.Chart != "" && c.KubeSpawner != "" {
		return k, errors.New("a chart brings its own KubeSpawner: name the version of one of them")
	}
	var err error
	switch {
	case c.Chart != "":
		k, err = underChart(k, c.Chart)
	case c.KubeSpawner != "":
		k, err = underKubeSpawner(k, c.KubeSpawner)
	}
	if err != nil {
		return k, err
	}
	if c.Template != "" {
		if k.Homes.Claim != "" {
			return k, fmt.Errorf("all home directories are on claim %s: a template of claims' names decides nothing", k.Homes.Claim)
		}
		k.PVCNameTemplate, k.TemplateSet = c.Template, true
		if _, err := (kubespawner.Scheme{Version: VersionOf(k), Template: c.Template}).Compile(); err != nil {
			return k, err
		}
	}
	return k, since7(&k, c)
}

// Words says what a change does, as clauses that follow "the servers would find
// their home": was is the configuration, is what Under made of it.
func (c Change) Words(was, is facts.KubeSpawner) []string {
	var words []string
	if c.Chart != "" || c.KubeSpawner != "" {
		step := "after the upgrade to"
		if was.Version != "" && VersionOf(is).Compare(VersionOf(was)) < 0 {
			step = "after going back to"
		}
		if c.Chart != "" {
			words = append(words, fmt.Sprintf("%s chart %s (KubeSpawner %s)", step, c.Chart, is.Version))
		} else {
			words = append(words, fmt.Sprintf("%s KubeSpawner %s", step, is.Version))
		}
	}
	if c.SlugScheme != "" {
		words = append(words, "with slug scheme "+c.SlugScheme)
	}
	if c.Template != "" {
		words = append(words, "with the template "+c.Template)
	}
	for _, s := range []struct {
		name string
		on   *bool
	}{{"remember_pvc_name", c.RememberPVCName}, {"handle_legacy_names", c.LegacyNames}} {
		if s.on != nil {
			words = append(words, fmt.Sprintf("with %s %s", s.name, map[bool]string{true: "on", false: "off"}[*s.on]))
		}
	}
	return words
}

// since7 applies the settings that exist since KubeSpawner 7.
func since7(k *facts.KubeSpawner, c Change) error {
	if v := VersionOf(*k); !v.AtLeast(7, 0, 0) && (c.SlugScheme != "" || c.RememberPVCName != nil || c.LegacyNames != nil) {
		return fmt.Errorf("KubeSpawner %s has no slug scheme, remembers no claim and knows no legacy names: these came with 7.0.0", v)
	}
	switch c.SlugScheme {
	case "":
	case kubespawner.SlugsSafe, kubespawner.SlugsEscape:
		k.SlugScheme = c.SlugScheme
	default:
		return fmt.Errorf("unknown slug scheme %q: use %s or %s", c.SlugScheme, kubespawner.SlugsSafe, kubespawner.SlugsEscape)
	}
	if c.RememberPVCName != nil {
		k.RememberPVCName = *c.RememberPVCName
	}
	if c.LegacyNames != nil {
		k.LegacyNames = *c.LegacyNames
	}
	return nil
}

func underChart(k facts.KubeSpawner, version string) (facts.KubeSpawner, error) {
	chart, err := kubespawner.ChartOf(version)
	if err != nil {
		return k, err
	}
	k.Version, k.Chart, k.VersionFrom = chart.KubeSpawner.String(), version, "the command line"
	if !k.TemplateSet {
		k.PVCNameTemplate = chart.Template
	}
	return k, nil
}

// pinned is the chart that stands for those which set another template than
// their KubeSpawner's own: 0.10 to 3.3.
const pinned = "3.3.8"

func underKubeSpawner(k facts.KubeSpawner, version string) (facts.KubeSpawner, error) {
	v, err := kubespawner.ParseVersion(version)
	if err != nil {
		return k, fmt.Errorf("KubeSpawner version %w", err)
	}
	if !k.TemplateSet {
		k.PVCNameTemplate = kubespawner.DefaultTemplate(v)
		if chart, err := kubespawner.ChartOf(pinned); err == nil && k.Chart != "" && v.AtLeast(0, 12, 0) && !v.AtLeast(7, 0, 0) {
			k.PVCNameTemplate = chart.Template
		}
	}
	k.Version, k.Chart, k.VersionFrom = v.String(), "", "the command line"
	return k, nil
}
