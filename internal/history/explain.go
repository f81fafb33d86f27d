package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// refusal is an error that already says all there is to say: what was asked
// for cannot be done, though the history is well.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...)}
}

// uncertainty is an error of committing after which nobody here knows whether
// the server has committed.
type uncertainty struct{ error }

func (u *uncertainty) Unwrap() error { return u.error }

// explain adds to an error what was being done, to which history, and what to do.
func (s *Store) explain(what string, err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return err
	}
	if advice := s.advice(err); advice != "" {
		return fmt.Errorf("%s the history %s: %w (%s)", what, s.path, oneLine{err}, advice)
	}
	return fmt.Errorf("%s the history %s: %w", what, s.path, oneLine{err})
}

// oneLine is an error whose text is one line: that of a server may be several,
// and holds what others wrote. A line that only repeats the one before it, as
// where a driver tries with TLS and without, is left out.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	lines := strings.FieldsFunc(e.error.Error(), func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' })
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.Join(slices.Compact(lines), " "))
}

// advice says what to do about an error, "" for one that says so itself.
func (s *Store) advice(err error) string {
	var u *uncertainty
	switch {
	case errors.As(err, &u):
		return "the connection was lost while this was committed: whether it was written is not known, and `audit history` will show it; " +
			"it may be done again, as that opens no incident twice"
	case errors.Is(err, context.DeadlineExceeded) && !connecting(err), errors.Is(err, context.Canceled):
		return "it was stopped before it was done; nothing of it was written"
	}
	return s.engine.advice(err)
}
