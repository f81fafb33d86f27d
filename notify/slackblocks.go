package notify

import (
	"fmt"
	"slices"
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
	slackTextMax      = 300 // the notification itself
	slackSummaryMax   = 1000
	slackReasonMax    = 400
	slackMeaningMax   = 500
	slackFindings     = 5
	slackFindingMax   = 300
	slackSteps        = 8 // to do
	slackDonts        = 5
	slackStepMax      = 360
	slackContextMax   = 200
	slackNameMax      = 120
	slackUnseenMax    = 600
	slackExplained    = 5
	slackExplainedMax = 200
	slackLabelsMax    = 500 // our own words around all of these

	// slackMost is the longest message. The compiler refuses it beyond the limit.
	slackMost = slackHeaderLimit + slackSummaryMax + 3*slackNameMax + slackReasonMax + slackUnseenMax + slackMeaningMax +
		slackFindings*slackFindingMax + slackExplained*slackExplainedMax + text.SlackLinkMax + (slackSteps+slackDonts)*slackStepMax + 3*slackContextMax + slackLabelsMax
	_ uint = slackTotalLimit - slackMost
	// So are the two lists, each of which is one block.
	_ uint = slackSectionLimit - slackSteps*(slackStepMax+4) - 60
	_ uint = slackSectionLimit - slackFindings*(slackFindingMax+3) - 60
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
	blocks := append(slackHead(m), section(mrkdwn(slackFacts(m))))
	if m.Kind != Resolved {
		blocks = append(blocks, slackOpenBlocks(m)...)
	}
	return append(blocks, slackFooter(m))
}

// slackReplyBlocks are a reply in the thread of a root that says the rest.
func slackReplyBlocks(m *Message) []slack.Block {
	blocks := append(slackHead(m), section(mrkdwn(slackWhyNow(m))))
	if why := m.unseenWhy(); why != "" {
		blocks = append(blocks, section(plain(why, slackUnseenMax)))
	}
	return append(blocks, slackFooter(m))
}

// slackHead is the headline, and all of the summary where that is longer.
func slackHead(m *Message) []slack.Block {
	title := m.sign() + " " + m.headline()
	short := upTo(title, "; ", slackHeaderLimit)
	blocks := []slack.Block{slack.NewHeaderBlock(plain(short, slackHeaderLimit))}
	if short != title || text.Limit(title, slackHeaderLimit) != text.Limit(title, slackSectionLimit) {
		blocks = append(blocks, section(plain(m.Incident.Summary, slackSummaryMax)))
	}
	return blocks
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
	if m.Kind != Resolved {
		lines = append(lines, "*Since:* "+m.since())
	}
	if m.Kind != Opened {
		lines = append(lines, slackWhyNow(m))
	}
	return strings.Join(lines, "\n")
}

// slackWhyNow is what has changed since the last message.
func slackWhyNow(m *Message) string {
	why := "*Why now:* " + text.Slack(m.Reason, slackReasonMax)
	switch m.Kind {
	case Resolved:
		return fmt.Sprintf("*Was open:* %s, since %s\n*Why it is over:* %s", m.openFor(), text.Time(m.Incident.OpenedAt), text.Slack(m.Reason, slackReasonMax))
	case Changed:
		why = "*Changed:* " + text.Slack(m.Reason, slackReasonMax)
	}
	return why
}

// slackOpenBlocks say what it means, what to do, and for whom it is.
func slackOpenBlocks(m *Message) []slack.Block {
	var blocks []slack.Block
	if why := m.unseenWhy(); why != "" {
		blocks = append(blocks, section(plain(why, slackUnseenMax)))
	}
	if m.Guide.Meaning != "" {
		blocks = append(blocks, section(mrkdwn(text.Slack(upTo(m.Guide.Meaning, ". ", slackMeaningMax), slackMeaningMax))))
	}
	if len(m.Guide.Do) > 0 {
		blocks = append(blocks, section(mrkdwn("*Do now*\n"+steps(m.Guide.Do, slackSteps, func(n int) string { return fmt.Sprintf("%d. ", n+1) }))))
	}
	if len(m.Guide.Dont) > 0 {
		blocks = append(blocks, section(mrkdwn("*What would make it worse*\n"+steps(m.Guide.Dont, slackDonts, func(int) string { return "✗ " }))))
	}
	return slices.Concat(blocks, slackAffected(m), slackExplains(m))
}

// slackAffected names a few of those affected and counts the others.
func slackAffected(m *Message) []slack.Block {
	if m.Verdict == nil || m.Verdict.Outcome != verdict.Fail {
		return []slack.Block{section(mrkdwn("*Affected when last seen:* " + text.Number(m.Incident.Count)))}
	}
	shown, more := m.affected(slackFindings)
	if len(shown) == 0 && more == 0 { // the headline says it all
		return nil
	}
	count := section(mrkdwn("*Affected:* " + text.Slack(m.number(), slackNameMax)))
	if len(shown) == 0 {
		return []slack.Block{count}
	}
	return []slack.Block{count, section(slackList(shown, more, moreInJSON, roomFor(len(shown), slackFindings, slackFindingMax)))}
}

// slackExplains names what nobody is told of by itself.
func slackExplains(m *Message) []slack.Block {
	if len(m.Explains) == 0 {
		return nil
	}
	shown := m.Explains[:min(len(m.Explains), slackExplained)]
	return []slack.Block{section(mrkdwn("*This also explains*")),
		section(slackList(shown, len(m.Explains)-len(shown), " more", slackExplainedMax))}
}

// slackList is foreign lines, each cut to max.
func slackList(lines []string, more int, what string, max int) *slack.TextBlockObject {
	var out []string
	for _, line := range lines {
		out = append(out, "• "+text.Limit(line, max))
	}
	if more > 0 {
		out = append(out, "… and "+text.Number(more)+what)
	}
	return slack.NewTextBlockObject(slack.PlainTextType, strings.Join(out, "\n"), false, false)
}

// steps lists what to do or not to do, in the registry's own words.
func steps(all []string, most int, mark func(int) string) string {
	var lines []string
	for n, step := range all[:min(len(all), most)] {
		lines = append(lines, mark(n)+text.Slack(step, slackStepMax))
	}
	if more := len(all) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more in the report", more))
	}
	return strings.Join(lines, "\n")
}

// slackFooter says where to read on, and as of when the message is.
func slackFooter(m *Message) slack.Block {
	return slackContext(m, "check "+text.SlackCode(m.Incident.Check, slackContextMax)+
		" · more: "+text.SlackCode("audit explain "+m.Incident.Check, slackContextMax))
}

func slackContext(m *Message, more string) slack.Block {
	run := "run " + text.SlackCode(m.Run.ID, slackContextMax) + ", " + text.Time(m.runTime())
	if link := text.SlackLink(m.Link, "report"); link != "" {
		run += " · " + link
	}
	return slack.NewContextBlock("", mrkdwn(run+" · "+more))
}

func section(t *slack.TextBlockObject) slack.Block { return slack.NewSectionBlock(t, nil, nil) }

func plain(s string, max int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text.Limit(s, max), false, false)
}

// mrkdwn is verbatim: Slack makes no links of what looks like an address.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}
