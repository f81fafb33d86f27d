package facts

import (
	"cmp"
	"testing"
	"time"
)

// A Moment is a time.Time without its fractions: what is absent or ordered as one
// is so as the other. Nothing else than the zero time is absent, not even the first
// second that Unix knows: Longhorn writes the year 1 for none, and people anything.
func TestMoment(t *testing.T) {
	times := []time.Time{
		{},
		time.Time{}.Add(time.Second),
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Unix(0, 0).UTC(),
		time.Date(2026, 11, 23, 12, 0, 0, 999_999_999, time.UTC),
		time.Date(2026, 11, 23, 14, 0, 1, 0, time.FixedZone("", 2*60*60)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	for i, at := range times {
		m := At(at)
		if got, want := m.Time(), at.UTC().Truncate(time.Second); got != want || m.IsZero() != want.IsZero() || m.String() != want.String() {
			t.Errorf("%s became %s, absent %t, in words %s", at, got, m.IsZero(), m)
		}
		for j, other := range times {
			if o := At(other); m.After(o) != (i > j) || m.Before(o) != (i < j) || cmp.Compare(m, o) != cmp.Compare(i, j) {
				t.Errorf("%s after %s: %t, before: %t", m, o, m.After(o), m.Before(o))
			}
		}
	}
}
