package checks

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
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
		{want: "check hub-user-count-drift: max: there is no such parameter: `audit explain hub-user-count-drift` lists them", settings: drift(map[string]any{"max": 1})},
		{want: "maxDropPercent: 101 is out of range: 0 to 100 percent", settings: drift(map[string]any{"maxDropPercent": 101})},
		{want: "maxDropPercent: NaN is out of range", settings: drift(map[string]any{"maxDropPercent": math.NaN()})},
		{want: "maxDropPercent: 5% is not a number of percent", settings: drift(map[string]any{"maxDropPercent": "5%"})},
		{want: "rpo: 26 is not a duration", settings: map[string]Setting{"backup-none": {Values: map[string]any{"rpo": 26}}}},
		{want: "hub a: check hub-user-count-drift: minDrop: 0 is out of range",
			settings: map[string]Setting{"hub-user-count-drift": {Hubs: map[string]Setting{"a": {Values: map[string]any{"minDrop": 0}}}}}},
		{want: "hub a: check pvc-lost: expect: this check knows no expected change; these do: ",
			settings: map[string]Setting{"pvc-lost": {Hubs: map[string]Setting{"a": {Expect: cleanUp}}}}},
		{want: "hub a: check lh-no-usable-replica: it is judged once for the whole cluster and cannot be set for one hub",
			settings: map[string]Setting{"lh-no-usable-replica": {Hubs: map[string]Setting{"a": {Disabled: true}}}}},
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

// Every mistake is told, each with its place.
func TestAllSettingErrors(t *testing.T) {
	_, err := NewSuite(map[string]Setting{
		"hub-user-count-drift": {Values: map[string]any{"max": 1, "minDrop": -1}, Hubs: map[string]Setting{"a": {Values: map[string]any{"minRise": "x"}}}},
		"lh-no-usable-replica": {Hubs: map[string]Setting{"a": {}}},
	}, nil)
	var got []string
	var collect func(err error)
	collect = func(err error) {
		var one *SettingError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				collect(e)
			}
		} else if errors.As(err, &one) {
			got = append(got, one.Hub+"/"+one.Check+"/"+one.Key)
		}
	}
	collect(err)
	want := []string{"/hub-user-count-drift/max", "/hub-user-count-drift/minDrop", "a/hub-user-count-drift/minRise", "a/lh-no-usable-replica/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes told (-want +got):\n%s", diff)
	}
}

// What is set for a hub replaces what is set for all, for that hub alone.
func TestSettingsOfOneHub(t *testing.T) {
	twoHubs := func() *facts.Snapshot {
		s := healthy()
		other := *hubOf(s)
		other.Name = "other"
		s.Hubs = append(s.Hubs, &other)
		for _, h := range s.Hubs {
			s.Past.Baselines[facts.SeriesKey{Hub: h.Name, Name: facts.SeriesUsers}] = facts.Baseline{Value: 20, Runs: 7}
		}
		world.Settle(s)
		return s
	}
	for name, c := range map[string]struct {
		setting Setting
		want    outcomes
	}{
		"none":          {Setting{}, outcomes{"hub-user-count-drift": "fail critical 1", "hub-user-count-drift@other": "fail critical 1"}},
		"severity":      {Setting{Hubs: map[string]Setting{"other": {Severity: verdict.Info}}}, outcomes{"hub-user-count-drift": "fail critical 1", "hub-user-count-drift@other": "fail info 1"}},
		"switched off":  {Setting{Hubs: map[string]Setting{"other": {Disabled: true}}}, outcomes{"hub-user-count-drift": "fail critical 1", "hub-user-count-drift@other": "skipped"}},
		"switched on":   {Setting{Disabled: true, Hubs: map[string]Setting{"other": {}}}, outcomes{"hub-user-count-drift": "skipped", "hub-user-count-drift@other": "fail critical 1"}},
		"parameter":     {Setting{Hubs: map[string]Setting{"other": {Values: map[string]any{"maxDropPercent": 50}}}}, outcomes{"hub-user-count-drift": "fail critical 1", "hub-user-count-drift@other": "pass"}},
		"window":        {Setting{Hubs: map[string]Setting{"other": {Expect: cleanUp}}}, outcomes{"hub-user-count-drift": "fail critical 1", "hub-user-count-drift@other": "pass"}},
		"window of all": {Setting{Expect: cleanUp, Hubs: map[string]Setting{"other": {}}}, outcomes{"hub-user-count-drift": "pass", "hub-user-count-drift@other": "fail critical 1"}},
	} {
		suite, err := NewSuite(map[string]Setting{"hub-user-count-drift": c.setting}, []string{"hub-user-count-drift"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, judged(Judge(suite, twoHubs()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A check that looks at another one's parameters sees those of the same hub.
func TestValuesOf(t *testing.T) {
	suite, err := NewSuite(map[string]Setting{"hub-user-count-drift": {Values: map[string]any{"minDrop": 6},
		Hubs: map[string]Setting{"other": {Values: map[string]any{"minDrop": 7}}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		suite Suite
		hub   *facts.Hub
		want  float64
	}{
		"all":        {suite, &facts.Hub{Name: "datahub"}, 6},
		"own":        {suite, &facts.Hub{Name: "other"}, 7},
		"cluster":    {suite, nil, 6},
		"not chosen": {nil, &facts.Hub{Name: "datahub"}, 5},
	} {
		if got := c.suite.valuesOf(hubUserCountDrift, c.hub)["minDrop"]; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The first window that holds the run's time counts; both its ends belong to it.
func TestWindows(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	c := Configured{expect: []Window{
		{From: at("2026-07-01 00:00:00"), To: at("2026-07-31 23:59:59"), Reason: "summer"},
		{From: at("2026-07-31 00:00:00"), To: at("2026-08-02 23:59:59"), Reason: "move"},
	}}
	for moment, want := range map[string]string{
		"2026-06-30 23:59:59": "", "2026-07-01 00:00:00": "summer", "2026-07-31 12:00:00": "summer", "2026-08-01 00:00:00": "move",
		"2026-08-02 23:59:59": "move", "2026-08-03 00:00:00": "",
	} {
		got := ""
		if w := c.expected(at(moment)); w != nil {
			got = w.Reason
		}
		if got != want {
			t.Errorf("%s lies in %q, want %q", moment, got, want)
		}
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
