package kubespawner

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Label is the value of the label hub.jupyter.org/username that a version of
// KubeSpawner put on a user's claim: "" for those that put none.
func Label(v Version, username string) string {
	switch {
	case v.AtLeast(7, 0, 0):
		return safeLabel(username)
	case v.AtLeast(0, 16, 0):
		return Escape(username)
	case v.AtLeast(0, 8, 0):
		return ""
	case v.AtLeast(0, 6, 0):
		return oldLabel(username)
	}
	return ""
}

// Labels are all values that the label of a user's claim may have.
func Labels(username string) []string {
	return []string{safeLabel(username), Escape(username), oldLabel(username)}
}

// OldLabelUser is the user whose name KubeSpawner 0.6 and 0.7, which wrote no
// annotations, put on a claim as a label; false if it is none of theirs.
func OldLabelUser(label string) (string, bool) {
	escaped, err := url.PathUnescape(strings.ReplaceAll(label, "_", "%"))
	if err != nil || label == "" || oldLabel(escaped) != label {
		return "", false
	}
	return escaped, true
}

// oldLabel is the escaped form of 0.6 and 0.7: capitals stay, the mark is an
// underscore, and digits above 9 are capitals.
func oldLabel(username string) string { return escape(username, '_', "0123456789ABCDEF", true) }

func safeLabel(username string) string {
	if !strings.Contains(username, "--") && validLabel(username) {
		return username
	}
	return stripAndHash(username, labelLength)
}

// validLabel tells whether KubeSpawner takes a name as it is for a label's
// value. Python's regular expression ignores case as Unicode has it, so four
// letters outside ASCII pass between the first and the last.
func validLabel(s string) bool {
	if s == "" {
		return true
	}
	if !plain(s[0], true) || !plain(s[len(s)-1], true) || utf8.RuneCountInString(s) > nameLength {
		return false
	}
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf && plain(byte(r), true):
		case strings.ContainsRune(".-_\u0130\u0131\u017F\u212A", r):
		default:
			return false
		}
	}
	return true
}
