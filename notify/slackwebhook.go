package notify

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"

	"github.com/slack-go/slack"
)

// slackWebhook posts through an incoming webhook: one message per change, no
// threads and no files. Its URL is its secret.
type slackWebhook struct {
	sender
	name string
	url  string
}

// shortestSecret is the least length of a part of the URL that is kept out of
// errors. Slack's are 24; a typo of a few letters may be a word of the error.
const shortestSecret = 8

// NewSlackWebhook is Slack with an incoming webhook.
func NewSlackWebhook(name, hookURL string, options ...Option) Receiver {
	secrets := []string{hookURL}
	if u, err := url.Parse(hookURL); err == nil {
		for _, part := range []string{u.RequestURI(), u.EscapedPath(), u.Path, path.Base(u.Path)} {
			if len(part) >= shortestSecret {
				secrets = append(secrets, part)
			}
		}
	}
	w := &slackWebhook{name: name, url: hookURL, sender: newSender(explainWebhook, options, secrets...)}
	w.address = checkURL(hookURL, "notify.slack.webhookURL")
	return w
}

func (w *slackWebhook) Name() string { return w.name }

func (w *slackWebhook) Keeps() Keeps { return KeepsNothing }

func (w *slackWebhook) Send(ctx context.Context, m Message) (string, error) {
	return "", w.post(ctx, &slack.WebhookMessage{Text: slackText(&m), Blocks: &slack.Blocks{BlockSet: slackBlocks(&m)}})
}

func (w *slackWebhook) Test(ctx context.Context) error {
	return w.post(ctx, &slack.WebhookMessage{Text: slackTestText})
}

func (w *slackWebhook) post(ctx context.Context, message *slack.WebhookMessage) error {
	no := false
	message.Parse, message.UnfurlLinks, message.UnfurlMedia = "none", &no, &no
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
