package rescue

import (
	"slices"
	"strings"
	"unicode"
)

// refusedName says why no hub can have a user of that name, "" if one can.
func refusedName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case strings.Contains(name, "/"):
		return "holds a slash"
	case strings.TrimFunc(name, pythonBlank) != name:
		return "begins or ends with a blank"
	case !isText(name):
		return "is no text that a hub's database can hold"
	}
	return ""
}

// pythonBlank tells whether Python's str.strip takes a character off, as
// JupyterHub does: Unicode's white space and the four separators of ASCII.
func pythonBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// variants are the names that a lossy one may stand for, as far as people
// commonly have them: every hyphen as it is, as a dot, or as an underscore.
func variants(lossy string) []string {
	return slices.Compact([]string{lossy, strings.ReplaceAll(lossy, "-", "."), strings.ReplaceAll(lossy, "-", "_")})
}
