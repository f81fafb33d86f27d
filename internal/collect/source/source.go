// Package source holds what all collectors share: how a source's failure or
// absence is told, and the record of its status.
package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hubaudit/internal/facts"
)

// Error is a failure to read a source. Detail names the operation, the object
// and what to do next; it never holds a secret.
type Error struct {
	Cause  facts.Cause
	Detail string
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Detail
	}
	return e.Detail + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Failed returns an Error; err may be nil.
func Failed(cause facts.Cause, err error, format string, args ...any) error {
	return &Error{Cause: cause, Detail: fmt.Sprintf(format, args...), Err: err}
}

// AbsentError says that a source is not there by design, and why.
type AbsentError struct{ Reason string }

func (e *AbsentError) Error() string { return e.Reason }

// Absent returns an AbsentError.
func Absent(format string, args ...any) error {
	return &AbsentError{Reason: fmt.Sprintf(format, args...)}
}

// Record makes a source's status from how reading it ended.
func Record(name string, items map[string]int, took time.Duration, err error) facts.Source {
	s := facts.Source{Name: name, Status: facts.OK, Items: items, Duration: took}
	var absent *AbsentError
	var failed *Error
	switch {
	case err == nil:
		return s
	case errors.As(err, &absent):
		s.Status, s.Detail = facts.Absent, absent.Reason
	case errors.As(err, &failed):
		s.Status, s.Cause, s.Detail = facts.Failed, failed.Cause, err.Error()
	default:
		s.Status, s.Cause, s.Detail = facts.Failed, facts.CauseUnreadable, err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.Cause = facts.CauseTimeout
	}
	s.Items = nil
	return s
}
