package notify

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WebhookOptions are what a webhook needs. The address may hold a secret.
type WebhookOptions struct {
	URL string
	// Secret signs the messages: whsec_ and base64, or any text. Without one they
	// are not signed.
	Secret string
	// CA are certificates in PEM that are trusted beside the system's.
	CA []byte
	// Now is the clock of the signatures, which are worth nothing a few minutes
	// later; nil is the system's.
	Now func() time.Time
}

// webhook posts JSON as https://www.standardwebhooks.com says.
type webhook struct {
	sender
	name string
	url  string
	key  []byte
	now  func() time.Time
}

// NewWebhook is a receiver of JSON, as docs/notifications.md documents it. A 2xx
// accepts a message; a 408, a 429 and a 5xx have it sent again; any other answer,
// such as 410, refuses it.
func NewWebhook(name string, o WebhookOptions, options ...Option) Receiver {
	key, err := signingKey(o.Secret)
	options = append([]Option{withAuthorities(o.CA)}, options...)
	w := &webhook{name: name, url: o.URL, key: key, now: o.Now, sender: newSender(webhookKind, options, o.URL, o.Secret, string(key))}
	if w.now == nil {
		w.now = time.Now
	}
	if w.address == nil {
		w.address = cmp.Or(err, checkURL(o.URL, "url"))
	}
	return w
}

// signingKey is what a secret stands for.
func signingKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errors.New("secret starts with whsec_, but what follows is not base64; check the configuration")
	}
	return key, nil
}

func (w *webhook) Name() string { return w.name }

func (w *webhook) Keeps() Keeps { return KeepsNothing }

func (w *webhook) Send(ctx context.Context, m Message) (string, error) {
	body, err := m.payload()
	if err != nil {
		return "", &SendError{Err: err, Refused: true}
	}
	return "", w.post(ctx, m.id(), body)
}

func (w *webhook) Test(ctx context.Context) error {
	now := w.now().UTC().Truncate(time.Second)
	id := fmt.Sprintf("msg_test_%d", now.Unix())
	body, err := testPayload(id, now)
	if err != nil {
		return err
	}
	return w.post(ctx, id, body)
}

func (w *webhook) post(ctx context.Context, id string, body []byte) error {
	return w.do(ctx, "post to the webhook", func(ctx context.Context, client *http.Client) error {
		return postJSON(ctx, client, w.url, body, w.headers(id, body))
	})
}

// headers are of one attempt: the time of a signature is that of the sending.
func (w *webhook) headers(id string, body []byte) http.Header {
	at := strconv.FormatInt(w.now().Unix(), 10)
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", at)
	if len(w.key) > 0 {
		mac := hmac.New(sha256.New, w.key)
		fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return h
}
