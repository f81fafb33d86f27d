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
	cmd.Flags().StringArrayVarP(outputs, "output", "o", nil,
		"report `FORMAT[=FILE]`: "+strings.Join(report.Formats, ", ")+"; may be repeated; terminal by default")
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

// writeReports writes every report; one that fails does not stop the others.
func writeReports(stdout io.Writer, outputs []output, run *verdict.Run) error {
	guides := checks.Guides()
	var errs []error
	for _, o := range outputs {
		if o.file != "" {
			errs = append(errs, writeFile(o.file, func(w io.Writer) error {
				return report.Write(w, o.format, run, guides, report.Options{})
			}))
			continue
		}
		w := bufio.NewWriter(stdout)
		err := report.Write(w, o.format, run, guides, report.Options{Color: colour(stdout), Width: width(stdout)})
		if err = errors.Join(err, w.Flush()); err != nil {
			errs = append(errs, fmt.Errorf("write the %s report to standard output: %w", o.format, err))
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
