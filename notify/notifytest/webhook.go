package notifytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a WebhookServer knows: the end of its path and what signs messages.
const (
	WebhookPathSecret = "SECRETpathOFtheWEBHOOK"
	WebhookSecret     = "whsec_U0VDUkVUa2V5T0Z0aGVXRUJIT09LMTIzNA=="
)

// webhookBody is the longest body that is taken, in bytes.
const webhookBody = 256 << 10

// WebhookMessage is one that was accepted.
type WebhookMessage struct {
	ID        string
	Timestamp time.Time
	Body      json.RawMessage
}

// WebhookServer takes what is signed as https://www.standardwebhooks.com says.
type WebhookServer struct {
	*server
	now      func() time.Time
	messages []WebhookMessage
}

// NewWebhookServer starts a server that goes by a clock; Close ends it.
func NewWebhookServer(now func() time.Time) *WebhookServer {
	s := &WebhookServer{now: now}
	s.server = newServer(func(*http.Request) string { return "post" }, s.serve)
	s.http.Start()
	return s
}

// URL is where messages go.
func (s *WebhookServer) URL() string { return s.http.URL + "/hooks/" + WebhookPathSecret }

// Messages are those accepted so far, also those that came twice.
func (s *WebhookServer) Messages() []WebhookMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *WebhookServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return
	case r.Method != http.MethodPost || r.URL.Path != "/hooks/"+WebhookPathSecret:
		w.WriteHeader(http.StatusNotFound)
		return
	case len(body) > webhookBody:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	at, ok := verifyWebhook(r.Header, body, s.now())
	if !ok || !json.Valid(body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.messages = append(s.messages, WebhookMessage{r.Header.Get("Webhook-Id"), at, body})
	w.WriteHeader(http.StatusNoContent)
}

// verifyWebhook does what the specification tells a receiver to do.
func verifyWebhook(h http.Header, body []byte, now time.Time) (time.Time, bool) {
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	at := time.Unix(seconds, 0).UTC()
	if err != nil || h.Get("Webhook-Id") == "" || now.Sub(at).Abs() > 5*time.Minute {
		return at, false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(WebhookSecret, "whsec_"))
	if err != nil {
		return at, false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "." + string(body)))
	for _, signature := range strings.Fields(h.Get("Webhook-Signature")) {
		version, encoded, _ := strings.Cut(signature, ",")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return at, true
		}
	}
	return at, false
}
