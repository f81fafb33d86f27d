package alertmanager

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// chat is an incoming webhook of Slack's that takes what Alertmanager sends:
// attachments, in each of which Slack reads every text for links and names.
type chat struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newChat(t *testing.T) *chat {
	c := &chat{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bodies = append(c.bodies, string(body))
		_, _ = io.WriteString(w, "ok") // a sender that is gone needs no answer
	}))
	t.Cleanup(c.Close)
	return c
}

// said are all texts of the first message, a line each.
func (c *chat) said() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bodies) == 0 {
		return "", errors.New("nothing came yet")
	}
	var message struct {
		Text        string `json:"text"`
		Attachments []struct {
			Title    string `json:"title"`
			Text     string `json:"text"`
			Pretext  string `json:"pretext"`
			Fallback string `json:"fallback"`
			Footer   string `json:"footer"`
		} `json:"attachments"`
	}
	if err := json.Unmarshal([]byte(c.bodies[0]), &message); err != nil {
		return "", err
	}
	lines := []string{message.Text}
	for _, a := range message.Attachments {
		lines = append(lines, a.Title, a.Text, a.Pretext, a.Fallback, a.Footer)
	}
	return strings.Join(lines, "\n"), nil
}
