// Package report writes what a run found: for people as Markdown, HTML or on a
// terminal, for programs as JSON and OpenMetrics. The same run gives the same bytes, and names
// in it change nothing but text.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"hubaudit/internal/verdict"
)

// Options of a report. Those for programs have none of them.
type Options struct {
	// Color allows ANSI colour on the terminal.
	Color bool
	// Width of the terminal in columns; 0 means 80.
	Width int
	// MaxFindings is how many findings of one verdict are listed for people;
	// 0 means 10 in Markdown and HTML and 5 on the terminal.
	MaxFindings int
}

// Formats are the names that Write knows.
var Formats = []string{"terminal", "markdown", "html", "json", "openmetrics"}

// Write writes the run in one of Formats. The guides are the registry's
// documentation by check; a verdict without one is reported without advice.
func Write(w io.Writer, format string, run *verdict.Run, guides map[string]verdict.Guide, o Options) error {
	var err error
	switch format {
	case "terminal":
		err = writeTerminal(w, newView(run, guides), o)
	case "markdown":
		err = writeMarkdown(w, newView(run, guides), o)
	case "html":
		err = writeHTML(w, newView(run, guides), o)
	case "json":
		err = writeJSON(w, run)
	case "openmetrics":
		err = writeOpenMetrics(w, run)
	default:
		return fmt.Errorf("unknown report format %q: use one of %s", format, strings.Join(slices.Sorted(slices.Values(Formats)), ", "))
	}
	if err != nil {
		return fmt.Errorf("write the %s report: %w", format, err)
	}
	return nil
}
