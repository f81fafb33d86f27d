package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// output is one report to write: to standard output unless file is set.
type output struct{ format, file string }

func addOutputFlag(cmd *cobra.Command, outputs *[]string) {
	addFormatFlag(cmd, outputs, report.Formats)
}

func addFormatFlag(cmd *cobra.Command, outputs *[]string, formats []string) {
	cmd.Flags().StringArrayVarP(outputs, "output", "o", nil,
		"report `FORMAT[=FILE]`: "+strings.Join(formats, ", ")+"; may be repeated; terminal by default")
}

func parseOutputs(flags []string) ([]output, error) { return parseFormats(flags, report.Formats) }

func parseFormats(flags, formats []string) ([]output, error) {
	if len(flags) == 0 {
		return []output{{format: "terminal"}}, nil
	}
	var outputs []output
	toStdout := 0
	for _, flag := range flags {
		format, file, hasFile := strings.Cut(flag, "=")
		if !slices.Contains(formats, format) {
			return nil, misusef("--output %q: the formats are %s", flag, strings.Join(formats, ", "))
		}
		if hasFile && file == "" {
			return nil, misusef("--output %q: no file after =", flag)
		}
		if !hasFile {
			toStdout++
		}
		outputs = append(outputs, output{format, file})
	}
	if toStdout > 1 {
		return nil, misusef("--output: only one report can go to standard output; give the others a file, such as json=report.json")
	}
	return outputs, nil
}

// writeReports writes a run's reports.
func writeReports(stdout io.Writer, outputs []output, run *verdict.Run) error {
	guides := checks.Guides()
	return writeAll(stdout, outputs, "report", func(w io.Writer, format string, o report.Options) error {
		return report.Write(w, format, run, guides, o)
	})
}

// writeAll writes every output; one that fails does not stop the others. what is
// written is named in the errors.
func writeAll(stdout io.Writer, outputs []output, what string, write func(w io.Writer, format string, o report.Options) error) error {
	var errs []error
	for _, out := range outputs {
		if out.file != "" {
			errs = append(errs, writeFile(out.file, func(w io.Writer) error { return write(w, out.format, report.Options{}) }))
			continue
		}
		w := bufio.NewWriter(stdout)
		err := write(w, out.format, report.Options{Color: colour(stdout), Width: width(stdout)})
		if err = errors.Join(err, w.Flush()); err != nil {
			errs = append(errs, fmt.Errorf("write the %s as %s to standard output: %w", what, out.format, err))
		}
	}
	return errors.Join(errs...)
}

// writeFile replaces a file as a whole: a reader sees the old or the new one.
// What is not a regular file, such as a device or a pipe, is written to; a
// symbolic link stays one.
func writeFile(path string, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the report %s: %w", path, err)
		}
	}()
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeInto(path, write)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing once it is renamed
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}
