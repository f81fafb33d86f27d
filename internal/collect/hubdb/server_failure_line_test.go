package hubdb

import (
	"errors"
	"testing"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"failed to connect:\n\t127.0.0.1:5432: refused\n\t127.0.0.1:5432: refused": "failed to connect: 127.0.0.1:5432: refused",
		"tried\n\ta: refused\n\tb: refused":                                        "tried a: refused b: refused",
		"one line":                                                                 "one line",
	} {
		if got := (oneLine{errors.New(text)}).Error(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
