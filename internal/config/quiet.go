package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func (v *validator) quiet(q *QuietHours) {
	const key = "notify.quietHours"
	if err := errors.Join(timeOfDay(q.From, q.To), timeOfDay(q.To, q.From)); err != nil {
		v.errorf(key, "%v", err)
	} else if q.From == q.To && q.From != "" {
		v.errorf(key, "from and to are the same: name whole days under days")
	}
	for i, day := range q.Days {
		if !slices.Contains(weekdays, day) {
			v.errorf(fmt.Sprintf("%s.days[%d]", key, i), "%q is not one of %s", day, strings.Join(weekdays, ", "))
		}
	}
	days := slices.Compact(slices.Sorted(slices.Values(q.Days)))
	switch {
	case len(days) == len(weekdays):
		v.errorf(key+".days", "every day of the week is quiet, so that warnings would never be sent: take them out of the routes instead")
	case len(days) == 0 && q.From == "" && q.To == "":
		v.errorf(key, "set from and to, such as \"20:00\" and \"07:00\", or days")
	}
	v.zone(key+".timeZone", q.TimeZone)
}

// timeOfDay refuses what is not like 07:30. It may be empty where the other end of
// the hours is so too.
func timeOfDay(text, other string) error {
	if text == "" && other == "" {
		return nil
	}
	if _, err := time.Parse("15:04", text); err != nil || len(text) != len("15:04") {
		return fmt.Errorf("%q is not a time of day, such as \"07:30\"", text)
	}
	return nil
}

// zone refuses what is not the IANA name of a time zone; empty stands for a default.
func (v *validator) zone(key, name string) {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		v.errorf(key, "%q is not a time zone, such as Europe/Zurich", name)
	}
}
