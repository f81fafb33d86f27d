package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/report"
)

// diffFlags is what `audit history --diff` was asked.
type diffFlags struct {
	asked bool
	runs  string // RUN..RUN
	hub   string
}

// parse splits RUN..RUN. Nothing after the dots stands for the latest run.
func (f diffFlags) parse() (from, to string, err error) {
	from, to, found := strings.Cut(f.runs, "..")
	if !found || from == "" || strings.Contains(to, "..") {
		return "", "", misusef("--diff %q: name two runs, such as latest~1..latest or 20261120T..20261122T; RUN.. stands for RUN..latest", f.runs)
	}
	if to == "" {
		to = history.Latest
	}
	return from, to, nil
}

// showDiff writes how users differ between two runs.
func showDiff(ctx context.Context, stdout io.Writer, store *history.Store, cfg *config.Config, f diffFlags, outputs []output) error {
	from, to, err := f.parse()
	if err != nil {
		return err
	}
	d, err := store.Diff(ctx, cfg.Cluster.Name, from, to, f.hub)
	if err != nil {
		return err
	}
	errs := []error{writeAll(stdout, outputs, "comparison", func(w io.Writer, format string, _ report.Options) error {
		return report.WriteDiff(w, format, d)
	})}
	if !d.Complete() {
		errs = append(errs, errors.New("not every hub could be compared; the comparison says why"))
	}
	return errors.Join(errs...)
}

// validate checks what was asked before the history is opened.
func (f diffFlags) validate(args []string, outputs []output) error {
	if !f.asked {
		if f.hub != "" {
			return misusef("--hub goes with --diff")
		}
		return nil
	}
	if len(args) > 0 {
		return misusef("--diff compares two runs: leave out %q, or name both as RUN..RUN", args[0])
	}
	for _, o := range outputs {
		if !slices.Contains(report.DiffFormats, o.format) {
			return misusef("--output %s: --diff has the formats %s", o.format, strings.Join(report.DiffFormats, ", "))
		}
	}
	_, _, err := f.parse()
	return err
}
