package notify

import (
	"errors"
	"regexp"
)

// sendError is a failure in words that show no secret.
type sendError struct {
	text  string
	word  string
	cause error
}

func (e *sendError) Error() string { return e.text }

// Is sees the causes (a deadline, a refused connection), but there is no Unwrap:
// what the network or a library said may show the address or the token.
func (e *sendError) Is(target error) bool { return errors.Is(e.cause, target) }

// urlPassword matches what a proxy's address may hold.
var urlPassword = regexp.MustCompile(`//[^/@\s]+@`)

// redacted words a failure without secrets.
func (s *sender) redacted(what string, f *failure, outlook string) error {
	return &sendError{text: s.redact(what + ": " + f.reason + outlook), word: f.word, cause: f.cause}
}

func (s *sender) redact(words string) string {
	return urlPassword.ReplaceAllString(s.hidden.Redact(words), "//[redacted]@")
}

// wordOf is the vendor's error word in an error, "" if there is none.
func wordOf(err error) string {
	if e := (*sendError)(nil); errors.As(err, &e) {
		return e.word
	}
	return ""
}
