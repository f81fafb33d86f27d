package kubespawner

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Escape is KubeSpawner's escaped form of a name (0.6 to 6, and the slug
// scheme "escape" since): a-z and 0-9 stay, every other character becomes a
// hyphen and hexadecimal digits for each of its bytes: one for a byte below 16,
// else two. The result is not bounded in length and need not be a valid name.
func Escape(name string) string { return escape(name, '-', "0123456789abcdef", false) }

// escape leaves a-z and 0-9, and capitals where they are safe too.
func escape(name string, mark byte, digits string, capitals bool) string {
	n := 0
	for i := range len(name) {
		if !plain(name[i], capitals) {
			n++
		}
	}
	if n == 0 {
		return name
	}
	b := make([]byte, 0, len(name)+2*n)
	for i := range len(name) {
		switch c := name[i]; {
		case plain(c, capitals):
			b = append(b, c)
		case c < 16:
			b = append(b, mark, digits[c])
		default:
			b = append(b, mark, digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func plain(c byte, capitals bool) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || capitals && 'A' <= c && c <= 'Z'
}

// Lengths of the safe scheme: of a slug in a template, of a label that needs a
// hash, of a name in Kubernetes, and of the hash.
const (
	slugLength  = 48
	labelLength = 32
	nameLength  = 63
	hashLength  = 8
)

// Safe is KubeSpawner's safe slug of a name (7.0 and later): the name itself
// where that is valid, else what is left of it and a hash.
func Safe(name string) string {
	if validName(name) && len(name) <= slugLength && !strings.Contains(name, "--") {
		return name
	}
	return stripAndHash(name, slugLength)
}

// safePair is the safe {user_server}: both slugs, or one hash over both where
// they would be too long together. user and server are the names' own Safe
// slugs; that of the default server is empty.
func safePair(rawUser, rawServer, user, server string) string {
	switch {
	case len(user)+len(server)+2 > slugLength:
		return multiSlug(rawUser, rawServer)
	case rawServer == "":
		return user
	}
	return user + "--" + server
}

// multiSlug joins what is left of both names and hashes them together, with a
// byte between them that is in no UTF-8.
func multiSlug(user, server string) string {
	const each = (slugLength-hashLength-1)/2 - 2
	return extract(user, each) + "--" + extract(server, each) + "---" + hash(user+"\xff"+server)
}

func stripAndHash(name string, length int) string {
	return extract(name, length-hashLength-3) + "---" + hash(name)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:hashLength/2])
}

// validName tells whether KubeSpawner takes a name as it is for an object's.
func validName(s string) bool {
	if s == "" || len(s) > nameLength || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !plain(s[i], false) && s[i] != '-' {
			return false
		}
	}
	return true
}

// extract is what is readable of a name: lower case, each run of other
// characters one hyphen, none at the start, cut to a length, and with a
// letter first. A hyphen at the end is possible once x- was put before it.
func extract(name string, length int) string {
	b := make([]byte, 0, length+1)
	hyphen := false
	for _, r := range name {
		c, combining := lower(r)
		if c == 0 {
			hyphen = true
			continue
		}
		if hyphen && len(b) > 0 {
			b = append(b, '-')
		}
		if len(b) > length {
			break
		}
		b = append(b, c)
		hyphen = combining
	}
	if hyphen && len(b) > 0 {
		b = append(b, '-')
	}
	s := strings.TrimRight(string(b[:min(len(b), length)]), "-")
	switch {
	case s == "":
		return "x"
	case s[0] < 'a' || s[0] > 'z':
		return "x-" + s[:min(len(s), length-2)]
	}
	return s
}

// lower is a letter or digit in lower case as Python has it, 0 for any other
// character. combining is true for the one letter that becomes two characters.
func lower(r rune) (c byte, combining bool) {
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return byte(r), false
	case 'A' <= r && r <= 'Z':
		return byte(r - 'A' + 'a'), false
	case r == '\u212A': // the Kelvin sign
		return 'k', false
	case r == '\u0130': // lowers to i and a combining dot
		return 'i', true
	}
	return 0, false
}
