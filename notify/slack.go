package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/slack-go/slack"

	"hubaudit/internal/text"
)

const slackTestText = "This is a test of hubaudit by audit notify test. Nothing is wrong."

// slackBot posts through the Web API with a bot token. It needs the scopes
// chat:write and, for the report, files:write.
type slackBot struct {
	sender
	name    string
	token   string
	channel string // as configured: a name or an id
	apiURL  string
}

// NewSlackBot is Slack with a bot token. A message about an incident that Slack
// was told of before goes into that message's thread and also shows in the
// channel; the run's report is a file in the thread of its first message.
// An empty apiURL is Slack's own.
func NewSlackBot(name, token, channel, apiURL string, options ...Option) Receiver {
	b := &slackBot{name: name, token: token, channel: channel, apiURL: slack.APIURL}
	b.sender = newSender(explainSlack, options, token)
	if apiURL != "" {
		b.apiURL = strings.TrimSuffix(apiURL, "/") + "/"
		b.address = checkURL(apiURL, "notify.slack.apiURL")
	}
	return b
}

func (b *slackBot) Name() string { return b.name }

func (b *slackBot) Keeps() Keeps { return KeepsMessage }

func (b *slackBot) Send(ctx context.Context, m Message) (string, error) {
	ref, err := b.post(ctx, &m)
	if err != nil {
		return "", err
	}
	if m.FirstOfRun && len(m.Report) > 0 {
		if err := b.upload(ctx, &m, ref); err != nil {
			return ref, &PostedError{err}
		}
	}
	return ref, nil
}

// post sends the message, into the incident's thread if that can still be
// answered. It returns where the thread is.
func (b *slackBot) post(ctx context.Context, m *Message) (string, error) {
	options := []slack.MsgOption{slack.MsgOptionText(slackText(m), false), slack.MsgOptionBlocks(slackBlocks(m)...)}
	thread, ok := parseSlackRef(m.Ref)
	if ok && thread.configured == b.channel {
		_, err := b.call(ctx, thread.channel, append(options, slack.MsgOptionTS(thread.ts), slack.MsgOptionBroadcast())...)
		if err == nil {
			return m.Ref, nil
		}
		if !slackThreadLost[wordOf(err)] {
			return "", err
		}
	}
	posted, err := b.call(ctx, b.channel, options...)
	if err != nil {
		return "", err
	}
	return posted.String(), nil
}

// call posts with the options that every message has: nothing in it is parsed
// for names or addresses, and nothing is unfurled.
func (b *slackBot) call(ctx context.Context, channel string, options ...slack.MsgOption) (slackRef, error) {
	options = append(options, slack.MsgOptionParse(false), slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	posted := slackRef{configured: b.channel}
	err := b.do(ctx, "post to Slack channel "+text.Name(channel), func(ctx context.Context, client *http.Client) (err error) {
		posted.channel, posted.ts, err = b.client(client).PostMessageContext(ctx, channel, options...)
		return err
	})
	return posted, err
}

// upload puts the report into the thread. A retry repeats all three steps, as
// the address to upload to may be used up.
func (b *slackBot) upload(ctx context.Context, m *Message, ref string) error {
	thread, _ := parseSlackRef(ref)
	return b.do(ctx, "upload the report to Slack", func(ctx context.Context, client *http.Client) error {
		_, err := b.client(client).UploadFileContext(ctx, slack.UploadFileParameters{
			Content: string(m.Report), FileSize: len(m.Report), Filename: "hubaudit-" + m.Run.ID + ".md",
			Title: "hubaudit report of run " + m.Run.ID, Channel: thread.channel, ThreadTimestamp: thread.ts})
		return err
	})
}

func (b *slackBot) Test(ctx context.Context) error {
	_, err := b.call(ctx, b.channel, slack.MsgOptionText(slackTestText, false))
	return err
}

func (b *slackBot) client(one *http.Client) *slack.Client {
	return slack.New(b.token, slack.OptionAPIURL(b.apiURL), slack.OptionHTTPClient(one))
}

// slackRef is where an incident's thread is. It holds the channel also as it
// was configured: after the configuration moved to another channel, news go
// there instead of into a thread that nobody follows any more.
type slackRef struct{ configured, channel, ts string }

func (r slackRef) String() string { return fmt.Sprintf("%s %s %s", r.configured, r.channel, r.ts) }

func parseSlackRef(ref string) (slackRef, bool) {
	f := strings.Fields(ref)
	if len(f) != 3 {
		return slackRef{}, false
	}
	return slackRef{f[0], f[1], f[2]}, true
}
