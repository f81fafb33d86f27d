package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/slack-go/slack"

	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
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

// NewSlackBot is Slack with a bot token. An incident has one message in the
// channel, its root, which every later message brings up to date in place. The
// root's thread tells the story: a reply for each change. Replies that call
// somebody show in the channel too. The run's report is a file in the thread of
// its first message. An empty apiURL is Slack's own.
func NewSlackBot(name, token, channel, apiURL string, options ...Option) Receiver {
	b := &slackBot{name: name, token: token, channel: channel, apiURL: slack.APIURL}
	b.sender = newSender(slackBotKind, options, token)
	if apiURL != "" {
		b.apiURL = strings.TrimSuffix(apiURL, "/") + "/"
		b.address = checkURL(apiURL, "apiURL")
	}
	return b
}

func (b *slackBot) Name() string { return b.name }

func (b *slackBot) Keeps() Keeps { return KeepsMessage }

// PerMinute is what chat.update takes, the slower of the calls that a message
// makes (docs.slack.dev/apis/web-api/rate-limits, tier 3).
func (b *slackBot) PerMinute() int { return 50 }

func (b *slackBot) Send(ctx context.Context, m Message) (string, error) {
	ref, err := b.tell(ctx, &m)
	if err != nil || !m.FirstOfRun || m.Kind == Changed {
		return ref, err
	}
	return ref, b.report(ctx, &m, ref)
}

// tell brings the incident's root up to date and replies in its thread, or posts
// a new root where there is none that can still be used. It returns where the
// thread is.
//
// The root comes first: an update that is repeated, because the reply failed or
// the process ended in between, changes nothing. A reply whose answer was lost
// is the one thing that may come twice.
func (b *slackBot) tell(ctx context.Context, m *Message) (string, error) {
	thread, ok := parseSlackRef(m.Ref)
	if !ok || thread.configured != b.channel {
		return b.root(ctx, m)
	}
	if !thread.shared {
		err := b.update(ctx, thread, m)
		switch word := wordOf(err); {
		case err == nil || slackCannotEdit[word]: // the thread still tells
		case slackThreadLost[word]:
			return b.root(ctx, m)
		default:
			return "", err
		}
	}
	if m.Kind == Changed {
		return m.Ref, nil
	}
	err := b.reply(ctx, thread, m)
	if slackThreadLost[wordOf(err)] {
		return b.root(ctx, m)
	}
	if err != nil {
		return "", err
	}
	return m.Ref, nil
}

func (b *slackBot) root(ctx context.Context, m *Message) (string, error) {
	posted, err := b.post(ctx, b.channel, slackMessage(slackText(m), slackBlocks(m))...)
	if err != nil {
		return "", err
	}
	return posted.String(), nil
}

// reply says in the thread what has changed.
func (b *slackBot) reply(ctx context.Context, thread slackRef, m *Message) error {
	options := append(slackMessage(slackText(m), slackReplyBlocks(m)), slack.MsgOptionTS(thread.ts))
	if callsSomebody(m) {
		options = append(options, slack.MsgOptionBroadcast())
	}
	_, err := b.post(ctx, thread.channel, options...)
	return err
}

// callsSomebody tells whether a reply shows in the channel too: an update of the
// root alone is seen by nobody who is not looking.
func callsSomebody(m *Message) bool {
	return m.Kind == Opened || m.Kind == Worse || m.Kind == Reopened || m.Kind == Repeated && m.Incident.Severity == verdict.Critical
}

// slackMessage has the options of every message: nothing in it is parsed for
// names or addresses, and nothing is unfurled.
func slackMessage(words string, blocks []slack.Block) []slack.MsgOption {
	options := []slack.MsgOption{slack.MsgOptionText(words, false), slack.MsgOptionParse(false), slack.MsgOptionDisableMarkdown(),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
	if len(blocks) > 0 {
		options = append(options, slack.MsgOptionBlocks(blocks...))
	}
	return options
}

func (b *slackBot) post(ctx context.Context, channel string, options ...slack.MsgOption) (slackRef, error) {
	posted := slackRef{configured: b.channel}
	err := b.do(ctx, "post to Slack channel "+text.Name(channel), func(ctx context.Context, client *http.Client) (err error) {
		posted.channel, posted.ts, err = b.client(client).PostMessageContext(ctx, channel, options...)
		return err
	})
	return posted, err
}

func (b *slackBot) update(ctx context.Context, root slackRef, m *Message) error {
	return b.do(ctx, "bring a message in Slack channel "+text.Name(root.channel)+" up to date", func(ctx context.Context, client *http.Client) error {
		_, _, _, err := b.client(client).UpdateMessageContext(ctx, root.channel, root.ts, slackMessage(slackText(m), slackBlocks(m))...)
		return err
	})
}

// report puts the run's report into the thread. A retry repeats all three steps,
// as the address to upload to may be used up.
func (b *slackBot) report(ctx context.Context, m *Message, ref string) error {
	thread, ok := parseSlackRef(ref)
	if !ok || len(m.Report) == 0 {
		return nil
	}
	err := b.do(ctx, "upload the report to Slack", func(ctx context.Context, client *http.Client) error {
		_, err := b.client(client).UploadFileContext(ctx, slack.UploadFileParameters{
			Content: string(m.Report), FileSize: len(m.Report), Filename: "hubaudit-" + m.Run.ID + ".md",
			Title: "hubaudit report of run " + m.Run.ID, Channel: thread.channel, ThreadTimestamp: thread.ts})
		return err
	})
	if err != nil {
		return &PostedError{err}
	}
	return nil
}

func (b *slackBot) Test(ctx context.Context) error {
	_, err := b.post(ctx, b.channel, slackMessage(slackTestText, nil)...)
	return err
}

func (b *slackBot) client(one *http.Client) *slack.Client {
	return slack.New(b.token, slack.OptionAPIURL(b.apiURL), slack.OptionHTTPClient(one))
}

// slackRef is where an incident's thread is. It holds the channel also as it
// was configured: after the configuration moved to another channel, news go
// there instead of into a thread that nobody follows any more.
type slackRef struct {
	configured, channel, ts string
	// shared: the root is a digest of many incidents, which none of them changes.
	shared bool
}

const slackShared = "digest"

func (r slackRef) String() string {
	s := fmt.Sprintf("%s %s %s", r.configured, r.channel, r.ts)
	if r.shared {
		s += " " + slackShared
	}
	return s
}

func parseSlackRef(ref string) (slackRef, bool) {
	f := strings.Fields(ref)
	if len(f) != 3 && (len(f) != 4 || f[3] != slackShared) {
		return slackRef{}, false
	}
	return slackRef{f[0], f[1], f[2], len(f) == 4}, true
}
