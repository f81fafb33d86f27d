package facts

import "time"

// Moment is a time in UTC to the second, in a third of the memory of a time.Time:
// for what a cluster has hundreds of thousands of. The zero value stands for an
// absent time, as that of time.Time does. The earlier of two is the lesser.
type Moment int64

// firstSecond is the zero time.Time in Unix seconds, from which a Moment counts.
const firstSecond = -62135596800

// At is the second that a time lies in; zero for the zero time.
func At(t time.Time) Moment { return Moment(t.Unix() - firstSecond) }

// Time is the moment as a time.Time in UTC.
func (m Moment) Time() time.Time { return time.Unix(int64(m)+firstSecond, 0).UTC() }

// IsZero tells whether the time is absent.
func (m Moment) IsZero() bool { return m == 0 }

// After and Before compare as those of time.Time do.
func (m Moment) After(than Moment) bool  { return m > than }
func (m Moment) Before(than Moment) bool { return m < than }

// String is as that of time.Time.
func (m Moment) String() string { return m.Time().String() }
