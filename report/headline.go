package report

import (
	"strings"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// headline is the run in one line.
func (v *view) headline() string {
	var parts []string
	if n := len(v.failing); n > 0 {
		parts = append(parts, text.Count(n, "invariant")+" "+text.Plural(n, "is", "are")+" violated ("+v.severities()+")")
	}
	if n := v.sum.Silenced; n > 0 && len(parts) > 0 {
		parts = append(parts, text.Number(n)+" silenced")
	} else if n > 0 {
		parts = append(parts, text.Count(n, "violated invariant")+" "+text.Plural(n, "is", "are")+" silenced")
	}
	if n := v.sum.Unknown; n > 0 && len(parts) > 0 {
		parts = append(parts, text.Number(n)+" could not be checked")
	} else if n > 0 {
		parts = append(parts, text.Count(n, "invariant")+" could not be checked")
	}
	if len(v.failing) == 0 {
		parts = append(parts, v.holds(len(parts) == 0))
	}
	if n := len(v.hidden); n > 0 {
		parts = append(parts, text.Count(n, "incident")+" still open but not visible")
	}
	if v.failed > 0 && v.sum.Unknown == 0 {
		parts = append(parts, text.Count(v.failed, "source")+" could not be read")
	}
	return strings.Join(parts, ", ")
}

// holds tells what holds where nothing is violated.
func (v *view) holds(first bool) string {
	switch n := v.sum.Pass; {
	case n == 0 && first:
		return "Nothing was checked"
	case n == 0:
		return "none was seen to hold"
	case !first:
		return text.Number(n) + " " + text.Plural(n, "holds", "hold")
	case v.sum.Skipped == 0 && n == 1:
		return "The invariant holds"
	case v.sum.Skipped == 0:
		return "All " + text.Count(n, "invariant") + " hold"
	default:
		return text.Count(n, "invariant") + " " + text.Plural(n, "holds", "hold") + ", " + text.Number(v.sum.Skipped) + " skipped"
	}
}

// severities counts the violated invariants: "1 critical, 2 warning".
func (v *view) severities() string {
	count := map[verdict.Severity]int{}
	for _, d := range v.failing {
		count[d.Severity]++
	}
	var parts []string
	for _, severity := range verdict.Severities {
		if n := count[severity]; n > 0 {
			parts = append(parts, text.Number(n)+" "+string(severity))
		}
	}
	return strings.Join(parts, ", ")
}

// coverage tells how much was judged, and where a reader may stop reading:
// "11 of 13 checked (2 skipped), all hold. There is nothing to do."
func (v *view) coverage() string {
	s := text.Number(v.sum.Pass+v.sum.Fail) + " of " + text.Number(len(v.run.Verdicts)) + " checked"
	var rest []string
	if v.sum.Unknown > 0 {
		rest = append(rest, text.Number(v.sum.Unknown)+" unknown")
	}
	if v.sum.Skipped > 0 {
		rest = append(rest, text.Number(v.sum.Skipped)+" skipped")
	}
	if len(rest) > 0 {
		s += " (" + strings.Join(rest, ", ") + ")"
	}
	if v.calm() {
		return s + ", all hold. There is nothing to do."
	}
	return s + "."
}
