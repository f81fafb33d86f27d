package checks

import (
	"regexp"
	"strings"

	"hubaudit/internal/text"
)

// errorColumns is how much of another system's error a message quotes.
const errorColumns = 200

// Secrets that storage systems are known to repeat in their errors: logins in
// URLs, signed query strings, key=value pairs that name a secret, AWS key ids.
var (
	urlLogin    = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s/@]*@`)
	signedQuery = regexp.MustCompile(`(?i)\?[^\s"'?]*(?:signature|credential|token|sig|accesskey|key)[a-z0-9-]*=[^\s"']*`)
	namedSecret = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|signature|credentials?|access[-_]?key(?:[-_]?id)?|api[-_]?key|account[-_]?key|authorization)[a-z_-]*["']?\s*[:=]\s*)(?:(?:bearer|basic)\s+)?("[^"]*"|'[^']*'|[^\s,;&"']+)`)
	awsKeyID    = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`)
)

const redacted = "(redacted)"

// quotedError is an error of another system as a message may repeat it: one line
// of bounded length without secrets, and without a final period. A long one loses
// its middle, as the cause stands at the end.
func quotedError(s string) string {
	return strings.TrimRight(text.Shorten(withoutSecrets(s), errorColumns), ". ")
}

func withoutSecrets(s string) string {
	s = urlLogin.ReplaceAllString(s, "${1}")
	s = signedQuery.ReplaceAllString(s, "?"+redacted)
	s = namedSecret.ReplaceAllString(s, "${1}"+redacted)
	s = awsKeyID.ReplaceAllString(s, redacted)
	return strings.TrimRight(text.Sentence(strings.TrimSpace(s), 4*errorColumns), ". ")
}

// counters are words of an error that differ from one volume to the next though
// the cause is the same: names with numbers, addresses, times, ids.
var counters = regexp.MustCompile(`[\pL\pN_.:/@=-]*\pN[\pL\pN_.:/@=-]*`)

// causeWords is how many words at the end of an error tell its cause. What stands
// before them may have been cut where it was read, in each error elsewhere.
const causeWords = 8

// errorKind is what an error has in common with others of the same cause.
func errorKind(s string) string {
	words := strings.Fields(withoutSecrets(s))
	last := strings.Join(words[max(0, len(words)-causeWords):], " ")
	return counters.ReplaceAllString(last, "#")
}

// causeColumns is how much of an error stands in a message that has to say more.
const causeColumns = 110

// causeOf is the end of a quoted error, where its cause stands.
func causeOf(quoted string) string {
	words := strings.Fields(quoted)
	first, width := len(words), 0
	for first > 0 && width+text.Width(words[first-1])+1 <= causeColumns {
		first--
		width += text.Width(words[first]) + 1
	}
	if first == 0 || first == len(words) {
		return quoted
	}
	return "… " + strings.Join(words[first:], " ")
}
