package checks

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// drift compares the users of now with those of before.
type drift struct {
	in      *Input
	n       int
	base    facts.Baseline
	changes *facts.Changes // nil where the history knows no names
}

// alarm is what is wrong, in one line and how bad.
type alarm struct {
	severity verdict.Severity
	summary  string
	normal   bool // as verdict.Verdict.Normal
}

// report puts into the result what is wrong, or what a window made normal.
func (d *drift) report(r *Result) {
	a, window := d.judge(d.in.Hub.CullUsers), d.in.Expected
	if window != nil {
		usual := a
		if a = d.judge(true); a == nil && (usual != nil || d.lower()) {
			r.Rebase = map[string]string{facts.SeriesUsers: fmt.Sprintf("expected %s..%s: %s", day(window.From), day(window.To), window.Reason)}
		}
	}
	if a == nil {
		return
	}
	if window != nil {
		a.summary += fmt.Sprintf("; more than %q (until %s) may explain", window.Reason, day(window.To))
	}
	r.Summary, r.Normal = a.summary, a.normal
	r.Findings = []verdict.Finding{{Subject: d.in.databaseSubject(), Severity: a.severity, Message: a.summary, Details: d.details()}}
	if who := d.who(); who != "" {
		r.Findings[0].Message = who
	}
}

// judge returns the worst that is wrong, nil if nothing is. expected is true
// where users are known to leave and to come.
func (d *drift) judge(expected bool) *alarm {
	if a := d.drop(expected); a != nil {
		return a
	}
	if a := d.turnover(expected); a != nil {
		return a
	}
	if expected {
		return nil
	}
	if a := d.slowDrop(); a != nil {
		return a
	}
	return d.rise()
}

// drop is a sudden loss, measured from the baseline.
func (d *drift) drop(expected bool) *alarm {
	share := d.in.Number("maxDropPercent")
	if expected {
		share = max(share, d.in.Number("maxExpectedDropPercent"))
	}
	lost := d.base.Value - float64(d.n)
	if !d.beyond(lost, d.base.Value, "minDrop", share) {
		return nil
	}
	return &alarm{severity: verdict.Critical, summary: d.compared(lost, "missing", share)}
}

// turnover is other people in the place of those who vanished: the number
// alone would not show a database of another hub. Who vanished and was not
// replaced is drop's and slowDrop's.
func (d *drift) turnover(expected bool) *alarm {
	c := d.changes
	if c == nil || d.in.Hub.CullUsers { // there, people come and go
		return nil
	}
	share, most := d.in.Number("maxReplacedPercent"), d.in.Number("maxExpectedDropPercent")
	if expected {
		share = max(share, most)
	}
	// The longer nobody looked, the more may have changed in the ordinary way:
	// but never everybody.
	if weeks := float64(d.unwatched() / (7 * 24 * time.Hour)); weeks > 1 {
		share = max(share, min(share*weeks, most))
	}
	replaced, before := min(len(c.Vanished), len(c.Appeared)), float64(c.Before)
	if !d.beyond(float64(replaced), before, "minDrop", share) {
		return nil
	}
	return &alarm{severity: verdict.Error, summary: fmt.Sprintf("%s of %s (%s) were replaced by others since the run of %s, at most %s %% expected",
		text.Number(replaced), text.Count(c.Before, "user"), percent(float64(replaced), before), text.Time(c.At), plain(share))}
}

// unwatched is for how long no run has read the hub's users. A run that read
// them and failed counts as watching: what it found must not become
// acceptable because time goes by.
func (d *drift) unwatched() time.Duration {
	last := d.changes.At
	for _, name := range []string{facts.HubDB(d.in.Hub.Name), facts.HubAPI(d.in.Hub.Name)} {
		if at := d.in.Past.Sources[name].LastOK; at.After(last) {
			last = at
		}
	}
	return d.in.Now.Sub(last)
}

// slowDrop is a loss in steps that are each too small for drop.
func (d *drift) slowDrop() *alarm {
	share, lost := d.in.Number("maxSlowDropPercent"), d.base.High-float64(d.n)
	// A high that never became normal was told of as a rise, and its end is the
	// mending of that: in a slow loss the baseline is no further below than this.
	brief := d.risen(d.base.High - d.base.Value)
	if brief || !d.beyond(lost, d.base.High, "minDrop", share) {
		return nil
	}
	return &alarm{severity: verdict.Warning, summary: fmt.Sprintf("%s %s where %s were counted on %s: %s (%s) went little by little, at most %s %% in 30 days expected",
		d.shows(), text.Count(d.n, "user"), text.Number(int(d.base.High)), day(d.base.HighAt), text.Number(int(lost)), percent(lost, d.base.High), plain(share))}
}

// rise is people who may have been there already.
func (d *drift) rise() *alarm {
	more := float64(d.n) - d.base.Value
	if !d.risen(more) {
		return nil
	}
	return &alarm{severity: verdict.Warning, summary: d.compared(more, "new", d.in.Number("maxRisePercent")), normal: true}
}

// risen tells whether so many more than normal are too many at once. A hub that
// had nobody may fill up at any speed.
func (d *drift) risen(more float64) bool {
	return d.base.Value > 0 && d.beyond(more, d.base.Value, "minRise", d.in.Number("maxRisePercent"))
}

// lower tells whether so many are gone that inside a window the number of now
// should be the normal one, before the loss adds up.
func (d *drift) lower() bool {
	n := float64(d.n)
	return n < d.base.Value && max(d.base.Value, d.base.High)-n >= d.in.Number("minDrop")
}

// beyond tells whether a change is at least the absolute floor and more than
// the relative one. Multiplying keeps the boundary exact.
func (d *drift) beyond(change, of float64, floor string, percent float64) bool {
	return change >= d.in.Number(floor) && change*100 > percent*of
}

func (d *drift) compared(change float64, what string, allowed float64) string {
	return fmt.Sprintf("%s %s where %s were normal: %s (%s) are %s, at most %s %% expected", d.shows(), text.Count(d.n, "user"),
		text.Number(int(d.base.Value)), text.Number(int(change)), percent(change, d.base.Value), what, plain(allowed))
}

func (d *drift) shows() string {
	if usersSource(d.in.Hub) == facts.HubAPI(d.in.Hub.Name) {
		return "the REST API shows"
	}
	return "the database has"
}
