package notify

import (
	"context"
	"errors"
	"net/http"

	"github.com/slack-go/slack"
)

// slackWebhook posts through an incoming webhook: one message per change, no
// threads and no files. Its URL is its secret.
type slackWebhook struct {
	sender
	name string
	url  string
}

// NewSlackWebhook is Slack with an incoming webhook.
func NewSlackWebhook(name, hookURL string, options ...Option) Receiver {
	w := &slackWebhook{name: name, url: hookURL, sender: newSender(slackWebhookKind, options, hookURL)}
	w.address = checkURL(hookURL, "webhookURL")
	return w
}

func (w *slackWebhook) Name() string { return w.name }

func (w *slackWebhook) Keeps() Keeps { return KeepsNothing }

// PerMinute is Slack's one message a second (docs.slack.dev/apis/web-api/rate-limits).
func (w *slackWebhook) PerMinute() int { return 60 }

func (w *slackWebhook) Send(ctx context.Context, m Message) (string, error) {
	return "", w.post(ctx, slackText(&m), slackBlocks(&m))
}

func (w *slackWebhook) Test(ctx context.Context) error {
	return w.post(ctx, slackTestText, nil)
}

func (w *slackWebhook) post(ctx context.Context, words string, blocks []slack.Block) error {
	no := false
	message := &slack.WebhookMessage{Text: words, Parse: "none", UnfurlLinks: &no, UnfurlMedia: &no}
	if len(blocks) > 0 {
		message.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	return w.do(ctx, "post to Slack's webhook", func(ctx context.Context, client *http.Client) error {
		if err := slack.PostWebhookCustomHTTPContext(ctx, w.url, client, message); err != nil {
			return err
		}
		return w.accepted(client)
	})
}

// accepted makes sure that it was Slack who answered: a proxy or a sign-in page
// says 200 as well, with a page of its own.
func (w *slackWebhook) accepted(client *http.Client) error {
	if x := client.Transport.(*exchange); string(x.body) != "ok" {
		return errors.New("the answer is not ok")
	}
	return nil
}
