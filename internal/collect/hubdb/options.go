package hubdb

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is one of those after the '?' of a server's URL.
type option struct{ name, value string }

// parseOptions reads options as SQLAlchemy does: one without a value is none.
func parseOptions(query string) (options []option) {
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(strings.ReplaceAll(part, "+", " "), "=")
		if value != "" {
			options = append(options, option{unquote(name), unquote(value)})
		}
	}
	return options
}

// unquote decodes percent escapes as Python does: a wrong one stands for
// itself, and what is no UTF-8 becomes U+FFFD.
func unquote(s string) string {
	decoded, err := url.PathUnescape(s)
	if err != nil {
		decoded = escape.ReplaceAllStringFunc(s, func(e string) string {
			code, _ := strconv.ParseUint(e[1:], 16, 8) // two hexadecimal digits
			return string([]byte{byte(code)})
		})
	}
	return strings.ToValidUTF8(decoded, "\uFFFD")
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// errorf is an error about the option. It shows the name only where that is a
// word, and never the value: a password with a '?' in it ends up here.
func (o option) errorf(engine, format string, args ...any) error {
	name := "an option"
	if optionName.MatchString(o.name) {
		name = "the option " + o.name
	}
	return fmt.Errorf("%s of the %s URL %s", name, engine, fmt.Sprintf(format, args...))
}

var optionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,40}$`)

func (o option) unknown(engine string) error {
	return o.errorf(engine, "is not understood: it might change which database is read or how safely; correct it, or leave it out if it does neither")
}

// oneOf holds the value against the possible ones; case does not matter.
func (o option) oneOf(engine string, values ...string) error {
	if slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, o.value) }) {
		return nil
	}
	return o.errorf(engine, "has a value that does not exist; use %s", strings.Join(values, ", "))
}

// boolean reads a value that decides on safety, where no guess is good enough.
func (o option) boolean(engine string) (bool, error) {
	if isTrue(o.value) {
		return true, nil
	}
	return false, o.oneOf(engine, "false", "no", "off", "n", "f", "0", "true", "yes", "on", "y", "t", "1")
}

func (o option) port(engine string) (int, error) {
	port, err := strconv.Atoi(o.value)
	if err != nil || port < 1 || port > 65535 {
		return 0, o.errorf(engine, "is not a number from 1 to 65535")
	}
	return port, nil
}

// seconds reads a number of seconds, 0 and less for no limit.
func (o option) seconds(engine string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(o.value, 64)
	if err != nil || !(seconds < 1e6) {
		return 0, o.errorf(engine, "is not a number of seconds")
	}
	return time.Duration(max(seconds, 0) * float64(time.Second)), nil
}

// path is a file's, which may be relative to baseDir.
func (o option) path(baseDir string) string {
	if filepath.IsAbs(o.value) {
		return o.value
	}
	return filepath.Join(baseDir, o.value)
}
