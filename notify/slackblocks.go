package notify

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// Slack's limits, in characters unless said otherwise (slackapi/node-slack-sdk
// packages/types/src/block-kit, slackapi/python-slack-sdk slack_sdk/models/blocks).
const (
	slackHeaderLimit  = 150
	slackSectionLimit = 3000
	// slackTotalLimit is over all blocks of a message. It is not documented:
	// beyond about 13200 comes msg_blocks_too_long (slackapi/bolt-js#2509).
	slackTotalLimit = 12000
)

// What one message shows at most. Much less than Slack takes: it is read on a
// phone.
const (
	slackTextMax    = 300 // the notification itself
	slackSummaryMax = 1000
	slackReasonMax  = 400
	slackMeaningMax = 500
	slackFindings   = 5
	slackFindingMax = 240
	slackSteps      = 6
	slackStepMax    = 280
	slackContextMax = 200
	slackNameMax    = 120
	slackUnseenMax  = 600
	slackLabelsMax  = 500 // our own words around all of these

	// slackMost is the longest message. The compiler refuses it beyond the limit.
	slackMost = slackHeaderLimit + slackSummaryMax + 3*slackNameMax + slackReasonMax + slackUnseenMax + slackMeaningMax +
		slackFindings*slackFindingMax + 2*slackSteps*slackStepMax + 3*slackContextMax + slackLabelsMax
	_ uint = slackTotalLimit - slackMost
)

var slackSigns = map[verdict.Severity]string{
	verdict.Critical: "🔴", verdict.Error: "🟠", verdict.Warning: "🟡", verdict.Info: "🔵",
}

// slackText is what a phone's lock screen shows. Slack parses it as mrkdwn.
func slackText(m *Message) string {
	return text.Slack(m.sign()+" "+m.headline(), slackTextMax)
}

func (m *Message) sign() string {
	if m.Kind == Resolved {
		return "✅"
	}
	return slackSigns[m.Incident.Severity]
}

// slackBlocks is the message. Names and whatever quotes them stand in
// plain_text, in which Slack parses nothing, or in code spans.
func slackBlocks(m *Message) []slack.Block {
	title := m.sign() + " " + m.headline()
	blocks := []slack.Block{slack.NewHeaderBlock(plain(title, slackHeaderLimit))}
	if text.Limit(title, slackHeaderLimit) != text.Limit(title, slackSectionLimit) {
		blocks = append(blocks, section(plain(m.Incident.Summary, slackSummaryMax)))
	}
	blocks = append(blocks, section(mrkdwn(slackFacts(m))))
	if m.Kind != Resolved {
		blocks = append(blocks, slackOpenBlocks(m)...)
	}
	return append(blocks, slack.NewContextBlock("", mrkdwn(slackFooter(m))))
}

// slackFacts says where, since when, and why this message comes.
func slackFacts(m *Message) string {
	var where []string
	if m.Incident.Hub != "" {
		where = append(where, "hub "+text.SlackCode(m.Incident.Hub, slackNameMax))
	}
	if m.Incident.Cluster != "" {
		where = append(where, "cluster "+text.SlackCode(m.Incident.Cluster, slackNameMax))
	}
	var lines []string
	if len(where) > 0 {
		lines = append(lines, "*Where:* "+strings.Join(where, ", "))
	}
	since := text.Time(m.Incident.OpenedAt)
	switch {
	case m.Kind == Resolved:
		lines = append(lines, fmt.Sprintf("*Was open:* %s, since %s", m.openFor(), since))
	case m.Incident.State == verdict.Opened:
		lines = append(lines, "*Since:* "+since+", found by this run")
	default:
		lines = append(lines, fmt.Sprintf("*Since:* %s (%s)", since, m.openFor()))
	}
	if m.Kind != Opened {
		lines = append(lines, "*Why now:* "+text.Slack(m.Reason, slackReasonMax))
	}
	return strings.Join(lines, "\n")
}

// slackOpenBlocks say what it means, for whom, and what to do.
func slackOpenBlocks(m *Message) []slack.Block {
	var blocks []slack.Block
	if why := m.unseenWhy(); why != "" {
		blocks = append(blocks, section(plain(why, slackUnseenMax)))
	}
	if m.Guide.Meaning != "" {
		blocks = append(blocks, section(mrkdwn(text.Slack(m.Guide.Meaning, slackMeaningMax))))
	}
	blocks = append(blocks, slackAffected(m)...)
	if len(m.Guide.Do) > 0 {
		blocks = append(blocks, section(mrkdwn("*Do now*\n"+steps(m.Guide.Do, func(n int) string { return fmt.Sprintf("%d. ", n+1) }))))
	}
	if len(m.Guide.Dont) > 0 {
		blocks = append(blocks, section(mrkdwn("*What would make it worse*\n"+steps(m.Guide.Dont, func(int) string { return "✗ " }))))
	}
	return blocks
}

// slackAffected names a few of those affected and counts the others.
func slackAffected(m *Message) []slack.Block {
	shown, more := m.affected(slackFindings)
	if len(shown) == 0 {
		return []slack.Block{section(mrkdwn("*Affected when last seen:* " + text.Number(m.Incident.Count)))}
	}
	for i := range shown {
		shown[i] = "• " + text.Limit(shown[i], slackFindingMax)
	}
	if more > 0 {
		shown = append(shown, "… and "+text.Number(more)+" more, all in the report")
	}
	return []slack.Block{section(mrkdwn("*Affected:* " + text.Slack(m.number(), slackNameMax))),
		section(slack.NewTextBlockObject(slack.PlainTextType, strings.Join(shown, "\n"), false, false))}
}

// steps lists what to do or not to do, in the registry's own words.
func steps(all []string, mark func(int) string) string {
	var lines []string
	for n, step := range all[:min(len(all), slackSteps)] {
		lines = append(lines, mark(n)+text.Slack(step, slackStepMax))
	}
	if more := len(all) - slackSteps; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more in the report", more))
	}
	return strings.Join(lines, "\n")
}

func slackFooter(m *Message) string {
	check := text.SlackCode(m.Incident.Check, slackContextMax)
	return "run " + text.SlackCode(m.Run.ID, slackContextMax) + " · check " + check + " · more: " +
		text.SlackCode("audit explain "+m.Incident.Check, slackContextMax)
}

func section(t *slack.TextBlockObject) slack.Block { return slack.NewSectionBlock(t, nil, nil) }

func plain(s string, max int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text.Limit(s, max), false, false)
}

// mrkdwn is verbatim: Slack makes no links of what looks like an address.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}
