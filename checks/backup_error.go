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
// of bounded length without secrets, and without a final period.
func quotedError(s string) string {
	s = urlLogin.ReplaceAllString(s, "${1}")
	s = signedQuery.ReplaceAllString(s, "?"+redacted)
	s = namedSecret.ReplaceAllString(s, "${1}"+redacted)
	s = awsKeyID.ReplaceAllString(s, redacted)
	s = text.Sentence(strings.TrimSpace(s), errorColumns)
	return strings.TrimRight(s, ". ")
}

// counters are words of an error that differ from one volume to the next though
// the cause is the same: names with numbers, addresses, times, ids.
var counters = regexp.MustCompile(`[\pL\pN_.:/@=-]*\pN[\pL\pN_.:/@=-]*`)

// errorKind is what an error has in common with others of the same cause.
func errorKind(s string) string { return counters.ReplaceAllString(quotedError(s), "#") }
