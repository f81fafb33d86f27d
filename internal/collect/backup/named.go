package backup

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dated matches a date in a name, with or without a time of day: 2026-11-20,
// 20261120, 2026-11-20-030012, 20261120T030012Z, 2026-11-20_03.00.
var dated = regexp.MustCompile(`(?:^|\D)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])` +
	`(?:[-_. ]?([Tt])?([01]\d|2[0-3])(?:[-_.:h]?([0-5]\d)(?:[-_.:m]?([0-5]\d))?)?s?(Z|[+-]\d\d:?[0-5]\d)?)?(?:\D|$)`)

// epoch matches seconds or milliseconds since 1970, from 2001 on.
var epoch = regexp.MustCompile(`(?:^|\D)(1\d{9})(?:\d{3})?(?:\D|$)`)

// apart matches a date behind another one, whose digits are no time of day.
var apart = regexp.MustCompile(`[-_. ](20\d\d[-_.]?[01]\d[-_.]?[0-3]\d)`)

// named finds the span of time that a name speaks of, with what a zone may
// add; of several the earliest.
func named(name string) (from, until time.Time, ok bool) {
	name = apart.ReplaceAllString(name, "|$1")
	take := func(f, u time.Time) {
		if !ok || f.Before(from) {
			from, until, ok = f, u, true
		}
	}
	each(dated, name, func(m []string) {
		if f, u, good := span(m); good {
			take(f, u)
		}
	})
	each(epoch, name, func(m []string) {
		seconds, err := strconv.ParseInt(m[1], 10, 64)
		if err == nil {
			at := time.Unix(seconds, 0).UTC()
			take(at, at)
		}
	})
	return from, until, ok
}

// each calls f for all matches, also those that share a separator.
func each(pattern *regexp.Regexp, s string, f func(groups []string)) {
	for {
		at := pattern.FindStringSubmatchIndex(s)
		if at == nil {
			return
		}
		groups := make([]string, len(at)/2)
		for i := range groups {
			if at[2*i] >= 0 {
				groups[i] = s[at[2*i]:at[2*i+1]]
			}
		}
		f(groups)
		s = s[at[3]:] // after the match's first group
	}
}

// span turns the groups of dated into a span of time.
func span(m []string) (from, until time.Time, ok bool) {
	number := func(i int) int {
		n, err := strconv.Atoi(m[i])
		if err != nil {
			return 0 // an absent group
		}
		return n
	}
	from = time.Date(number(1), time.Month(number(2)), number(3), number(5), number(6), number(7), 0, time.UTC)
	if from.Day() != number(3) { // the 31st of a shorter month
		return from, until, false
	}
	switch {
	case m[8] == "Z":
		return from, from, true
	case m[8] != "" && m[4] != "": // after a T: else it may be a running number
		from = from.Add(-offset(m[8]))
		return from, from, true
	case m[5] == "":
		return from, from.AddDate(0, 0, 1).Add(slack), true
	case m[6] == "":
		return from, from.Add(time.Hour + slack), true
	}
	return from, from.Add(time.Minute + slack), true
}

// offset reads +0530 or -08:00.
func offset(zone string) time.Duration {
	t, err := time.Parse("-0700", strings.ReplaceAll(zone, ":", ""))
	if err != nil {
		return 0
	}
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
