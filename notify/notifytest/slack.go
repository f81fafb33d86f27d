package notifytest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What a SlackServer knows: its only token, the channels with the bot in them,
// and the secret end of its webhook's path.
const (
	SlackToken       = "xoxb-0123456789-abcdefSECRETtoken"
	SlackChannel     = "#hub-alerts"
	SlackChannelID   = "C0HUBALERTS"
	SlackPrivate     = "#without-the-bot"
	SlackHookSecret  = "XsecretXhookXsecretX"
	slackWebhookPath = "/services/T000/B000/" + SlackHookSecret
)

// SlackPost is a message that the server accepted.
type SlackPost struct {
	Method    string // chat.postMessage or webhook
	Channel   string // its id; empty for a webhook
	TS        string
	ThreadTS  string
	Broadcast bool
	Text      string
	Blocks    json.RawMessage
	// Form has what else was sent.
	Form map[string]string
	// Edits is how often chat.update has changed it.
	Edits int
	// fixed is the word with which the server refuses to change it.
	fixed string
}

// SlackFile is a file that was uploaded and shared.
type SlackFile struct {
	ID, Name, Title, Channel, ThreadTS string
	Content                            []byte
}

// SlackServer is Slack's Web API, its upload host and one incoming webhook.
type SlackServer struct {
	*server
	posts   []SlackPost
	files   []SlackFile
	pending map[string]*SlackFile // by file id
	clock   int
	rates   *slackRates // nil: any number of messages is taken
}

// NewSlackServer starts a server; Close ends it.
func NewSlackServer() *SlackServer {
	s := &SlackServer{pending: map[string]*SlackFile{}}
	s.server = newServer(slackMethod, s.serve)
	s.http.Start()
	return s
}

// APIURL is what stands for https://slack.com/api/.
func (s *SlackServer) APIURL() string { return s.http.URL + "/api/" }

// WebhookURL is the incoming webhook.
func (s *SlackServer) WebhookURL() string { return s.http.URL + slackWebhookPath }

// Posts are the messages so far.
func (s *SlackServer) Posts() []SlackPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.posts)
}

// Files are the files shared so far.
func (s *SlackServer) Files() []SlackFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files)
}

// Delete removes a message, as people do.
func (s *SlackServer) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts = slices.DeleteFunc(s.posts, func(p SlackPost) bool { return p.TS == ts })
}

func slackMethod(r *http.Request) string {
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/api/"):
		return strings.TrimPrefix(p, "/api/")
	case strings.HasPrefix(p, "/upload/"):
		return "upload"
	default:
		return "webhook"
	}
}

func (s *SlackServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	method := slackMethod(r)
	switch method {
	case "webhook":
		s.webhook(w, r)
		return
	case "upload":
		s.receive(w, r)
		return
	}
	if after := s.rates.excess(method, r.FormValue("channel")); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"ok":false,"error":"ratelimited"}`)
		return
	}
	answer, word := map[string]any{}, s.authorize(r)
	if word == "" {
		switch method {
		case "auth.test":
			answer["user"] = "hubaudit"
		case "chat.postMessage":
			answer, word = s.postMessage(r)
		case "chat.update":
			answer, word = s.update(r)
		case "files.getUploadURLExternal":
			answer, word = s.uploadURL(r)
		case "files.completeUploadExternal":
			answer, word = s.completeUpload(r)
		default:
			word = "unknown_method"
		}
	}
	if word != "" {
		answer = map[string]any{"error": word}
	}
	answer["ok"] = word == ""
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone needs no answer
}

func (s *SlackServer) authorize(r *http.Request) string {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = r.FormValue("token")
	}
	switch token {
	case SlackToken:
		return ""
	case "":
		return "not_authed"
	}
	return "invalid_auth"
}

func slackChannel(name string) (id, word string) {
	switch name {
	case SlackChannel, SlackChannelID:
		return SlackChannelID, ""
	case SlackPrivate:
		return "", "not_in_channel"
	}
	return "", "channel_not_found"
}

// webhook answers in plain text: ok, or a word with a 4xx.
func (s *SlackServer) webhook(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != slackWebhookPath {
		http.Error(w, "no_service", http.StatusNotFound)
		return
	}
	var p struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
		Parse  string          `json:"parse"`
	}
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	if word := checkSlackMessage(p.Text, p.Blocks); word != "" {
		http.Error(w, word, http.StatusBadRequest)
		return
	}
	s.posts = append(s.posts, SlackPost{Method: "webhook", Text: p.Text, Blocks: p.Blocks, Form: map[string]string{"parse": p.Parse}})
	_, _ = io.WriteString(w, "ok")
}
