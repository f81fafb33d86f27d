package text

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// slackEscapes are the only control characters of Slack's mrkdwn; nothing else
// may be escaped (docs.slack.dev/messaging/formatting-message-text).
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Slack makes one line of Slack's mrkdwn of s, at most max characters after
// escaping. It can notify nobody and link nowhere, but *, _ and ` still format:
// use it for our own words, and SlackCode or a plain_text object for names.
func Slack(s string, max int) string {
	const closing = 1 // a code span that the cut left open is closed again
	s = slackCut(Clean(s), max-closing, slackWidth)
	if strings.Count(s, "`")%2 == 1 {
		s += "`"
	}
	return slackEscapes.Replace(s)
}

// SlackCode makes a code span of a name, at most max characters with its
// backticks and after escaping. Nothing formats inside it, and the name cannot
// end it.
func SlackCode(name string, max int) string {
	const backticks = 2
	name = strings.ReplaceAll(Clean(name), "`", "ˋ")
	if strings.TrimSpace(name) == "" {
		name = "(empty)"
	}
	return "`" + slackEscapes.Replace(slackCut(name, max-backticks, slackWidth)) + "`"
}

// SlackLinkMax is the longest that SlackLink makes.
const SlackLinkMax = 500

// SlackLink is mrkdwn for a link under our own words, "" where there is no
// WebAddress or it holds what could end the link.
func SlackLink(address, words string) string {
	if WebAddress(address, SlackLinkMax) == "" || strings.Contains(address, "|") {
		return ""
	}
	link := "<" + slackEscapes.Replace(address) + "|" + slackEscapes.Replace(words) + ">"
	if len(link) > SlackLinkMax {
		return ""
	}
	return link
}

// slackWidth is the length of a rune in escaped mrkdwn.
func slackWidth(r rune) int {
	switch r {
	case '&':
		return len("&amp;")
	case '<', '>':
		return len("&lt;")
	}
	return utf16.RuneLen(r)
}

// Limit makes one clean line of s, at most max characters, for fields in which the
// vendor parses nothing: Slack's plain_text objects, PagerDuty's fields.
func Limit(s string, max int) string { return slackCut(Clean(s), max, utf16.RuneLen) }

// slackCut shortens s to at most max characters and says how many it left out.
// Width is what each rune takes in the output, so that what is escaped later
// still fits and is never cut inside an escape. Characters are UTF-16 units,
// the strictest way in which a vendor may count.
func slackCut(s string, max int, width func(rune) int) string {
	total, runes := 0, 0
	for _, r := range s {
		total += width(r)
		runes++
	}
	if total <= max {
		return s
	}
	// The note for all runes is the longest that can be needed.
	room, note := max-utf8.RuneCountInString(leftOut(runes)), leftOut
	if room < 0 {
		room, note = max-1, func(int) string { return "…" }
	}
	kept := 0
	for i, r := range s {
		if room -= width(r); room < 0 {
			return s[:i] + note(runes-kept)
		}
		kept++
	}
	return s
}

func leftOut(n int) string { return fmt.Sprintf("… (+%d characters)", n) }
