package checks

import (
	"math"
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

func TestNewSuiteRefuses(t *testing.T) {
	drift := func(values map[string]any) map[string]Setting {
		return map[string]Setting{"hub-user-count-drift": {Values: values}}
	}
	for _, c := range []struct {
		want     string
		settings map[string]Setting
		only     []string
	}{
		{want: `unknown check "hub-db-corupt": `, only: []string{"hub-db-corupt"}},
		{want: `unknown check "hub": `, settings: map[string]Setting{"hub": {Disabled: true}}},
		{want: `check hub-user-count-drift has no parameter "max": `, settings: drift(map[string]any{"max": 1})},
		{want: "maxDropPercent: 101 is out of range: 0 to 100 percent", settings: drift(map[string]any{"maxDropPercent": 101})},
		{want: "maxDropPercent: NaN is out of range", settings: drift(map[string]any{"maxDropPercent": math.NaN()})},
		{want: "maxDropPercent: 5% is not a number of percent", settings: drift(map[string]any{"maxDropPercent": "5%"})},
		{want: "rpo: 26 is not a duration", settings: map[string]Setting{"backup-none": {Values: map[string]any{"rpo": 26}}}},
		{want: "rpo: 1s is out of range", settings: map[string]Setting{"backup-none": {Values: map[string]any{"rpo": "1s"}}}},
	} {
		if _, err := NewSuite(c.settings, c.only); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	s := healthy()
	hubOf(s).Users[0].Cookie = facts.CookieNull
	suite, err := NewSuite(map[string]Setting{
		"hub-cookie-id-null": {Severity: verdict.Warning},
		"pvc-lost":           {Disabled: true},
	}, []string{"hub-cookie-id-null", "pvc-lost"})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := Judge(suite, s)
	if len(verdicts) != 2 {
		t.Fatalf("%d verdicts, 2 checks were chosen", len(verdicts))
	}
	if v := verdicts[0]; v.Severity != verdict.Warning || v.Findings[0].Severity != verdict.Warning {
		t.Errorf("the configured severity is not used: %+v", v)
	}
	if v := verdicts[1]; v.Outcome != verdict.Skipped || !v.Disabled {
		t.Errorf("a disabled check ran: %+v", v)
	}
}

// One check that crashes costs the others nothing, and is no pass.
func TestCrashIsUnknown(t *testing.T) {
	c := &Check{ID: "crash-test", Severity: verdict.Critical, Scope: PerCluster, Run: func(*Input) Result { panic("nil map") }}
	verdicts := Judge(Suite{{Check: c}, {Check: hubDBCorrupt}}, healthy())
	if v := verdicts[0]; v.Outcome != verdict.Unknown || !strings.Contains(v.Summary, "nil map") {
		t.Errorf("got %+v", v)
	}
	if v := verdicts[1]; v.Outcome != verdict.Pass {
		t.Errorf("got %+v", v)
	}
}
