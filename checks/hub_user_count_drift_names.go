package checks

import (
	"encoding/json"
	"fmt"
	"strconv"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
)

// namesShown is how many names a message has room for on a phone; the details
// have all.
const namesShown = 5

// who says in one line who vanished and who came since the last good run, ""
// if nobody did or that is not known.
func (d *drift) who() string {
	c := d.changes
	if c == nil || len(c.Vanished)+len(c.Appeared) == 0 {
		return ""
	}
	s := fmt.Sprintf("%s vanished since the run of %s", counted(c.Vanished, "user", c.Hashed), text.Time(c.At))
	s += fmt.Sprintf("; %s appeared", counted(c.Appeared, "", false))
	if n := len(c.Renamed); n > 0 {
		s += fmt.Sprintf("; %s renamed", are(n))
	}
	if c.Hashed && len(c.Vanished) > 0 {
		s += "; the history keeps hashes of names: compare with the newest backup and with the owners of the claims"
	}
	return s
}

// counted is how many there are and the names of some: 7 users ("a", "b" and 5 more).
func counted(members []facts.Member, what string, hashed bool) string {
	n := len(members)
	if n == 0 {
		return "nobody"
	}
	s := text.Number(n)
	if what != "" {
		s = text.Count(n, what)
	}
	if hashed {
		return s
	}
	quoted := make([]string, min(n, namesShown+1))
	for i := range quoted {
		quoted[i] = strconv.Quote(members[i].Name)
	}
	if n <= namesShown {
		return s + " (" + list(quoted, n) + ")"
	}
	return s + " (" + list(quoted[:namesShown], namesShown) + " and " + text.Number(n-namesShown) + " more)"
}

// are is a number with its verb: "1 is", "2 are", "none is".
func are(n int) string {
	if n == 0 {
		return "none is"
	}
	return text.Number(n) + " " + text.Plural(n, "is", "are")
}

// details are the numbers, and the names of all who vanished or appeared as
// lists in JSON: names may hold any separator.
func (d *drift) details() map[string]string {
	details := map[string]string{"users": strconv.Itoa(d.n), "baseline": plain(d.base.Value), "change": plain(float64(d.n) - d.base.Value),
		"baselineRuns": strconv.Itoa(d.base.Runs), "baselineSince": text.Time(d.base.Since), "baselineUntil": text.Time(d.base.Until)}
	if d.base.High > 0 {
		details["highest"], details["highestAt"] = plain(d.base.High), text.Time(d.base.HighAt)
	}
	c := d.changes
	if c == nil {
		return details
	}
	details["comparedWith"], details["comparedAt"] = c.Run, text.Time(c.At)
	details["renamed"] = strconv.Itoa(len(c.Renamed))
	details["appeared"] = namesJSON(c.Appeared)
	if c.Hashed {
		details["vanishedHashes"] = namesJSON(c.Vanished)
	} else {
		details["vanished"] = namesJSON(c.Vanished)
	}
	return details
}

func namesJSON(members []facts.Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	encoded, _ := json.Marshal(names) // a list of texts has no error
	return string(encoded)
}
