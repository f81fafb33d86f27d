package main

import (
	"errors"
	"fmt"
	"strings"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// The exit statuses of every command.
const (
	exitClean      = 0
	exitFindings   = 1
	exitIncomplete = 2
	exitMisuse     = 3
)

// exitTable is the end of every command's help.
const exitTable = `Exit status:
  0  complete, nothing at or above --fail-on
  1  complete, findings at or above --fail-on
  2  incomplete: a verdict is unknown, or something could not be read, written or delivered
  3  misuse: flags or configuration
  1 yields to 2.`

// misuse is an error of whoever called or configured the command.
type misuse struct{ err error }

func (m misuse) Error() string { return m.err.Error() }
func (m misuse) Unwrap() error { return m.err }

func misusef(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// errFindings is the answer of a command that ran well and found something.
var errFindings = errors.New("findings at or above --fail-on")

// exitStatus maps how a command ended to its status.
func exitStatus(err error) int {
	var m misuse
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &m):
		return exitMisuse
	case errors.Is(err, errFindings):
		return exitFindings
	default:
		return exitIncomplete
	}
}

// errIncomplete is a run in which something could not be told.
var errIncomplete = errors.New("the audit is incomplete")

// judged turns a run into the command's answer. failOn is a severity or never.
// A source that could not be read makes a whole run incomplete even where no
// verdict needs it; of a run limited to some checks or hubs the verdicts tell.
// What a silence covers does not count; the report still shows it.
func judged(run *verdict.Run, failOn string, limited bool) error {
	if n := run.Summary().Unknown; n > 0 {
		return fmt.Errorf("%w: %d of %d verdicts are unknown", errIncomplete, n, len(run.Verdicts))
	}
	var failed []string
	for _, s := range run.Sources {
		if s.Status == facts.Failed {
			failed = append(failed, s.Name)
		}
	}
	if len(failed) > 0 && !limited {
		return fmt.Errorf("%w: could not read %s", errIncomplete, strings.Join(failed, ", "))
	}
	for _, v := range run.Verdicts {
		if v.Outcome == verdict.Fail && v.Silence == "" && failOn != failOnNever && v.Severity.AtLeast(verdict.Severity(failOn)) {
			return errFindings
		}
	}
	return nil
}
