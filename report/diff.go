package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// DiffFormats are the formats that WriteDiff knows.
var DiffFormats = []string{"terminal", "json"}

// maxMembers is how many people of a list a terminal shows.
const maxMembers = 50

// WriteDiff writes how users differ between two runs in one of DiffFormats.
// JSON has everyone, a terminal the first people of each list.
func WriteDiff(w io.Writer, format string, d *verdict.Diff) error {
	var err error
	switch format {
	case "terminal":
		err = writeDiffTerminal(w, d)
	case "json":
		err = writeDiffJSON(w, d)
	default:
		return fmt.Errorf("unknown format %q of a comparison: use one of %s", format, strings.Join(slices.Sorted(slices.Values(DiffFormats)), ", "))
	}
	if err != nil {
		return fmt.Errorf("write the comparison as %s: %w", format, err)
	}
	return nil
}

func writeDiffTerminal(w io.Writer, d *verdict.Diff) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Users from run %s (%s) to run %s (%s)\n", d.From.ID, text.Time(d.From.StartedAt), d.To.ID, text.Time(d.To.StartedAt))
	if d.Swapped {
		fmt.Fprintln(t, "The runs were named the other way round; the earlier one comes first.")
	}
	for i := range d.Hubs {
		writeHubDiff(t, &d.Hubs[i])
	}
	return t.Flush()
}

func writeHubDiff(w io.Writer, h *verdict.HubDiff) {
	if h.Unknown != "" {
		fmt.Fprintf(w, "\nHub %s: UNKNOWN: %s\n", text.Name(h.Hub), text.Clean(h.Unknown))
		return
	}
	fmt.Fprintf(w, "\nHub %s: %s, then %s\n", text.Name(h.Hub), text.Count(h.Before, "user"), text.Number(h.After))
	if h.Hashed {
		fmt.Fprintln(w, "The history keeps hashes instead of names (members.names).")
	}
	if len(h.Vanished)+len(h.Appeared)+len(h.Renamed)+len(h.Renumbered) == 0 {
		fmt.Fprintln(w, "Nobody vanished, appeared, was renamed or got another id.")
	}
	writeMembers(w, "Vanished", h.Vanished)
	writeMembers(w, "Appeared", h.Appeared)
	people(w, "Renamed", "WAS\tNOW\tID\tCREATED", h.Renamed, func(r facts.Renamed) []string {
		return []string{text.Name(r.Was.Name), text.Name(r.Now.Name), id(r.Now.ID), created(r.Now.Created)}
	})
	people(w, "Another id", "NAME\tWAS\tCREATED\tNOW\tCREATED", h.Renumbered, func(r facts.Renumbered) []string {
		return []string{text.Name(r.Name), id(r.Was), created(r.Created), id(r.Now), created(r.CreatedNow)}
	})
}

func writeMembers(w io.Writer, title string, members []facts.Member) {
	people(w, title, "NAME\tID\tCREATED", members, func(m facts.Member) []string {
		return []string{text.Name(m.Name), id(m.ID), created(m.Created)}
	})
}

// people lists the first of a list, and how many more there are.
func people[T any](w io.Writer, title, head string, list []T, cells func(T) []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "%s: %s\n  %s\n", title, text.Number(len(list)), head)
	for _, p := range list[:min(len(list), maxMembers)] {
		fmt.Fprintf(w, "  %s\n", strings.Join(cells(p), "\t"))
	}
	if more := len(list) - maxMembers; more > 0 {
		fmt.Fprintf(w, "  and %s more; --output json has all\n", text.Number(more))
	}
}

func id(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func created(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return text.Time(t)
}
