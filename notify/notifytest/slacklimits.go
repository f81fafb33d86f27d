package notifytest

import (
	"encoding/json"
	"regexp"
	"unicode/utf16"
)

// Slack's limits: slackapi/node-slack-sdk packages/types/src/block-kit and
// slackapi/python-slack-sdk slack_sdk/models/blocks; the total is not
// documented, about 13200 (slackapi/bolt-js#2509), so that 12000 is safe.
const (
	slackBlocks          = 50
	slackHeader          = 150
	slackSection         = 3000
	slackFields          = 10
	slackField           = 2000
	slackContextElements = 10
	slackTotal           = 12000
	slackTextTotal       = 40000
)

type slackTextObject struct {
	Type, Text string
}

type slackBlock struct {
	Type     string
	Text     *slackTextObject
	Fields   []slackTextObject
	Elements []slackTextObject
}

// checkSlackMessage returns the word with which Slack refuses a message.
// Characters are UTF-16 units here, the strictest way to count.
func checkSlackMessage(text string, raw json.RawMessage) string {
	if len(raw) == 0 && text == "" {
		return "no_text"
	}
	if characters(text) > slackTextTotal {
		return "msg_too_long"
	}
	var blocks []slackBlock
	if len(raw) > 0 && json.Unmarshal(raw, &blocks) != nil {
		return "invalid_blocks_format"
	}
	if len(blocks) > slackBlocks {
		return "invalid_blocks"
	}
	total := 0
	for _, b := range blocks {
		n, ok := b.check()
		if !ok {
			return "invalid_blocks"
		}
		total += n
	}
	if total > slackTotal {
		return "msg_blocks_too_long"
	}
	return ""
}

// check returns the length of a block's texts and whether Slack takes it.
func (b *slackBlock) check() (int, bool) {
	switch b.Type {
	case "header":
		return b.Text.check(slackHeader, b.Text != nil && b.Text.Type == "plain_text")
	case "section":
		if b.Text == nil {
			return checkAll(b.Fields, slackFields, slackField)
		}
		fields, ok := checkAll(b.Fields, slackFields, slackField)
		n, ok := b.Text.check(slackSection, ok || len(b.Fields) == 0)
		return n + fields, ok
	case "context":
		return checkAll(b.Elements, slackContextElements, slackSection)
	case "divider":
		return 0, true
	}
	return 0, false
}

func checkAll(texts []slackTextObject, most, limit int) (total int, ok bool) {
	ok = len(texts) > 0 && len(texts) <= most
	for i := range texts {
		var n int
		n, ok = texts[i].check(limit, ok)
		total += n
	}
	return total, ok
}

func (t *slackTextObject) check(limit int, ok bool) (int, bool) {
	if t == nil || !ok || t.Type != "plain_text" && t.Type != "mrkdwn" {
		return 0, false
	}
	n := characters(t.Text)
	return n, n >= 1 && n <= limit
}

func characters(s string) int { return len(utf16.Encode([]rune(s))) }

var slackControl = regexp.MustCompile(`<[^>]*>`)

// Controls are the sequences by which a message does more than show text, such as
// <!channel>, <@U123> and <https://…|…>: in its notification text and in
// the mrkdwn of its blocks, where Slack looks for them.
func (p *SlackPost) Controls() []string {
	found := slackControl.FindAllString(p.Text, -1)
	for _, t := range p.texts() {
		if t.Type == "mrkdwn" {
			found = append(found, slackControl.FindAllString(t.Text, -1)...)
		}
	}
	return found
}

func (p *SlackPost) texts() []slackTextObject {
	var blocks []slackBlock
	var texts []slackTextObject
	if len(p.Blocks) > 0 && json.Unmarshal(p.Blocks, &blocks) != nil {
		return nil
	}
	for _, b := range blocks {
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		texts = append(append(texts, b.Fields...), b.Elements...)
	}
	return texts
}
