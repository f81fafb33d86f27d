package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/verdict"
)

func TestSpan(t *testing.T) {
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 12, day, hour, minute, second, 0, time.UTC)
	}
	for _, c := range []struct {
		from, to         string
		wantFrom, wantTo time.Time
	}{
		{"2026-12-18", "2026-12-20", at(18, 0, 0, 0), at(20, 23, 59, 59)},
		{"2026-12-18", "2026-12-18", at(18, 0, 0, 0), at(18, 23, 59, 59)},
		{"2026-12-18T08:00:00Z", "2026-12-18T18:30:15Z", at(18, 8, 0, 0), at(18, 18, 30, 15)},
		{"2026-12-18T00:30:00+01:00", "2026-12-18T23:30:00-02:00", at(17, 23, 30, 0), at(19, 1, 30, 0)},
		{"2026-12-18T08:00:00.9Z", "2026-12-18T08:00:00.1Z", at(18, 8, 0, 0), at(18, 8, 0, 0)},
		{"2026-12-18T08:00:00Z", "2026-12-18", at(18, 8, 0, 0), at(18, 23, 59, 59)},
	} {
		from, to, err := Window{From: c.from, To: c.to}.Span()
		if err != nil || !from.Equal(c.wantFrom) || !to.Equal(c.wantTo) || from.Location() != time.UTC || to.Location() != time.UTC {
			t.Errorf("%s to %s: got %s to %s, %v", c.from, c.to, from, to, err)
		}
	}
}

// One window may stand as a mapping, and dates may be quoted.
func TestWindowForms(t *testing.T) {
	one := Windows{{From: "2026-12-18", To: "2027-01-08", Reason: "end of term"}}
	two := append(one[:1:1], Window{From: "2027-07-01", To: "2027-07-31", Reason: "summer"})
	for text, want := range map[string]Windows{
		"{from: 2026-12-18, to: 2027-01-08, reason: end of term}":                                                       one,
		`{from: "2026-12-18", to: '2027-01-08', reason: end of term}`:                                                   one,
		"[{from: 2026-12-18, to: 2027-01-08, reason: end of term}]":                                                     one,
		"[{from: 2026-12-18, to: 2027-01-08, reason: end of term}, {from: 2027-07-01, to: 2027-07-31, reason: summer}]": two,
		"[]":   {},
		"null": nil,
	} {
		c, err := parse("hubs: [{name: a}]\nchecks: {hub-user-count-drift: {expect: "+text+"}}", nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, c.Checks["hub-user-count-drift"].Expect); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestOver(t *testing.T) {
	summer, winter := Windows{{Reason: "summer"}}, Windows{{Reason: "winter"}}
	all := Check{Enabled: new(false), Severity: verdict.Warning, Expect: summer, Params: map[string]any{"minDrop": 5, "maxDropPercent": 10}}
	for name, c := range map[string]struct{ own, want Check }{
		"nothing":   {Check{}, all},
		"enabled":   {Check{Enabled: new(true)}, Check{Enabled: new(true), Severity: verdict.Warning, Expect: summer, Params: all.Params}},
		"severity":  {Check{Severity: verdict.Info}, Check{Enabled: new(false), Severity: verdict.Info, Expect: summer, Params: all.Params}},
		"window":    {Check{Expect: winter}, Check{Enabled: new(false), Severity: verdict.Warning, Expect: winter, Params: all.Params}},
		"no window": {Check{Expect: Windows{}}, Check{Enabled: new(false), Severity: verdict.Warning, Expect: Windows{}, Params: all.Params}},
		"parameter": {Check{Params: map[string]any{"minDrop": 7}},
			Check{Enabled: new(false), Severity: verdict.Warning, Expect: summer, Params: map[string]any{"minDrop": 7, "maxDropPercent": 10}}},
	} {
		if diff := cmp.Diff(c.want, c.own.Over(all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(all.Params) != 2 || all.Params["minDrop"] != 5 {
		t.Errorf("the settings for all hubs were changed: %v", all.Params)
	}
}

func TestWindowWarnings(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for span, want := range map[string]string{
		"from: 2026-11-01, to: 2026-11-22":           "",
		"from: 2026-11-01, to: 2026-11-21":           "the window is over since 2026-11-21: remove it",
		"from: 2026-11-01, to: 2026-11-22T12:00:00Z": "",
		"from: 2026-11-01, to: 2026-11-22T11:59:59Z": "the window is over since 2026-11-22: remove it",
		"from: 2026-12-01, to: 2026-12-02":           "",
		"from: 2026-11-01, to: 2026-12-30":           "", // 60 whole days
		"from: 2026-11-01, to: 2026-12-31":           "the window is open for more than 60 days, in which a loss is taken for expected: make it shorter",
		"from: 2026-11-01, to: 2026-12-31T00:00:00Z": "the window is open for more than 60 days, in which a loss is taken for expected: make it shorter",
	} {
		text := "hubs:\n  - name: a\n    checks:\n      hub-user-count-drift: {expect: {%[1]s, reason: x}}\nchecks:\n  hub-user-count-drift: {expect: [{%[1]s, reason: x}]}"
		c, err := parse(fmt.Sprintf(text, span), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range c.WindowWarnings(now) {
			got = append(got, w.String())
		}
		var all []string
		if want != "" {
			all = []string{"etc/hubaudit.yaml:6: checks.hub-user-count-drift.expect[0]: " + want,
				"etc/hubaudit.yaml:4: hubs[0].checks.hub-user-count-drift.expect: " + want}
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", span, diff)
		}
	}
}

func TestAllWindowMistakesAtOnce(t *testing.T) {
	_, err := parse("hubs: [{name: a, checks: {hub-user-count-drift: {expect: {from: x, to: y}}}}]\nchecks: {hub-user-count-drift: {expect: [{from: x}, {to: y, reason: z}]}}", nil)
	if err == nil || strings.Count(err.Error(), "expect") < 5 {
		t.Errorf("got %v", err)
	}
}
