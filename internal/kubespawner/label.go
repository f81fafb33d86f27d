package kubespawner

import "strings"

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

// oldLabel is the escaped form of 0.6 and 0.7: capitals stay, the mark is an
// underscore, and digits above 9 are capitals.
func oldLabel(username string) string {
	escaped := escape(username, '_', true)
	if escaped == username {
		return username
	}
	b := []byte(escaped)
	for i := 0; i < len(b); i++ {
		if b[i] == '_' {
			copy(b[i+1:i+3], strings.ToUpper(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

func safeLabel(username string) string {
	if !strings.Contains(username, "--") && validLabel(username) {
		return username
	}
	return stripAndHash(username, labelLength)
}

// validLabel tells whether KubeSpawner takes a name as it is for a label's
// value. Python's regular expression ignores case as Unicode has it, so two
// letters outside ASCII pass between the first and the last.
func validLabel(s string) bool {
	if s == "" {
		return true
	}
	if !plain(s[0], true) || !plain(s[len(s)-1], true) {
		return false
	}
	n := 0
	for _, r := range s {
		n++
		switch {
		case r < 0x80 && plain(byte(r), true), r == '.', r == '-', r == '_', r == '\u212A', r == '\u017F':
		default:
			return false
		}
	}
	return n <= nameLength
}
