package notify

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// What a digest shows at most.
const (
	slackDigestLines   = 30
	slackDigestLineMax = 240
	slackDigestSection = 10 // lines of one block

	// The compiler refuses a digest beyond the limits.
	_ uint = slackSectionLimit - slackDigestSection*(slackDigestLineMax+1)
	_ uint = slackTotalLimit - slackHeaderLimit - slackDigestLines*(slackDigestLineMax+1) - text.SlackLinkMax - 2*slackContextMax - slackLabelsMax
)

var errEmptyDigest = errors.New("a digest of no incidents")

// SendDigest posts one message about many incidents. It returns a Ref for each of
// them: what is told of them later goes into the digest's thread.
func (b *slackBot) SendDigest(ctx context.Context, all []Message) (string, error) {
	if len(all) == 0 {
		return "", errEmptyDigest
	}
	words, blocks := slackDigest(all)
	posted, err := b.post(ctx, b.channel, slackMessage(words, blocks)...)
	if err != nil {
		return "", err
	}
	posted.shared = true
	if n := slices.IndexFunc(all, func(m Message) bool { return m.FirstOfRun }); n >= 0 {
		return posted.String(), b.report(ctx, &all[n], posted.String())
	}
	return posted.String(), nil
}

// Updates is true of what goes into an incident's own root and thread, and calls
// nobody. After a digest instead the root would call the incident open for ever.
func (b *slackBot) Updates(m *Message) bool {
	root, ok := parseSlackRef(m.Ref)
	return ok && !root.shared && root.configured == b.channel && !callsSomebody(m)
}

// SendDigest posts one message about many incidents.
func (w *slackWebhook) SendDigest(ctx context.Context, all []Message) (string, error) {
	if len(all) == 0 {
		return "", errEmptyDigest
	}
	words, blocks := slackDigest(all)
	return "", w.post(ctx, words, blocks)
}

// slackDigest is the message of many incidents: the worst first, a line each.
func slackDigest(all []Message) (string, []slack.Block) {
	sorted := make([]*Message, len(all))
	for n := range all {
		sorted[n] = &all[n]
	}
	slices.SortStableFunc(sorted, func(a, b *Message) int { return digestRank(a) - digestRank(b) })
	title := sorted[0].sign() + " " + digestTitle(sorted)
	blocks := []slack.Block{slack.NewHeaderBlock(plain(title, slackHeaderLimit))}
	shown := sorted[:min(len(sorted), slackDigestLines)]
	for part := range slices.Chunk(shown, slackDigestSection) {
		var lines []string
		for _, m := range part {
			lines = append(lines, text.Limit(upTo(m.sign()+" "+m.headline(), "; ", slackDigestLineMax), slackDigestLineMax))
		}
		blocks = append(blocks, section(slack.NewTextBlockObject(slack.PlainTextType, strings.Join(lines, "\n"), false, false)))
	}
	more := "more: " + text.SlackCode("audit history", slackContextMax)
	if left := len(sorted) - len(shown); left > 0 {
		more = "… and " + text.Number(left) + " more, all in the report · " + more
	}
	words := text.Slack(title+". The worst: "+upTo(sorted[0].headline(), "; ", slackTextMax/2), slackTextMax)
	return words, append(blocks, slackContext(sorted[0], more))
}

// digestTitle counts what is open by severity, worst first, and what is over.
func digestTitle(all []*Message) string {
	counts := map[string]int{}
	for _, m := range all {
		if m.Kind == Resolved {
			counts["resolved"]++
		} else {
			counts[string(m.Incident.Severity)]++
		}
	}
	var parts []string
	for _, s := range append(slices.Clone(verdict.Severities), "resolved") {
		if n := counts[string(s)]; n > 0 {
			parts = append(parts, text.Number(n)+" "+string(s))
		}
	}
	return text.Count(len(all), "incident") + " at once: " + strings.Join(parts, ", ")
}

// digestRank orders open incidents by severity, the worst first, before those that are over.
func digestRank(m *Message) int {
	if m.Kind == Resolved {
		return len(verdict.Severities)
	}
	return slices.Index(verdict.Severities, m.Incident.Severity)
}
