package notifytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Messages of the Web API: chat.postMessage and chat.update
// (docs.slack.dev/reference/methods).

func (s *SlackServer) postMessage(r *http.Request) (map[string]any, string) {
	id, word := slackChannel(r.FormValue("channel"))
	if word != "" {
		return nil, word
	}
	p := slackPost("chat.postMessage", id, r)
	p.ThreadTS, p.Broadcast = r.FormValue("thread_ts"), r.FormValue("reply_broadcast") == "true"
	if word := checkSlackMessage(p.Text, p.Blocks); word != "" {
		return nil, word
	}
	if p.ThreadTS != "" && s.find(id, p.ThreadTS) == nil {
		return nil, "thread_not_found"
	}
	s.clock++
	p.TS = fmt.Sprintf("1700000000.%06d", s.clock)
	s.posts = append(s.posts, p)
	return map[string]any{"channel": id, "ts": p.TS, "message": map[string]any{"text": p.Text}}, ""
}

// update changes a message in place. Unlike chat.postMessage it takes no names of
// channels, and its parse is client unless told otherwise.
func (s *SlackServer) update(r *http.Request) (map[string]any, string) {
	channel := r.FormValue("channel")
	if !strings.HasPrefix(channel, "C") {
		return nil, "channel_not_found"
	}
	id, word := slackChannel(channel)
	if word != "" {
		return nil, word
	}
	p := slackPost("chat.update", id, r)
	if word := checkSlackMessage(p.Text, p.Blocks); word != "" {
		return nil, word
	}
	have := s.find(id, r.FormValue("ts"))
	if have == nil {
		return nil, "message_not_found"
	}
	if have.fixed != "" {
		return nil, have.fixed
	}
	have.Text, have.Blocks, have.Form = p.Text, p.Blocks, p.Form
	have.Edits++
	return map[string]any{"channel": id, "ts": have.TS, "text": p.Text}, ""
}

func slackPost(method, channel string, r *http.Request) SlackPost {
	p := SlackPost{Method: method, Channel: channel, Text: r.FormValue("text"),
		Blocks: json.RawMessage(r.FormValue("blocks")), Form: map[string]string{}}
	for name, values := range r.PostForm {
		if !slices.Contains([]string{"token", "channel", "ts", "thread_ts", "text", "reply_broadcast", "blocks"}, name) {
			p.Form[name] = strings.Join(values, ",")
		}
	}
	return p
}

func (s *SlackServer) find(channel, ts string) *SlackPost {
	n := slices.IndexFunc(s.posts, func(p SlackPost) bool { return p.Channel == channel && p.TS == ts })
	if n < 0 {
		return nil
	}
	return &s.posts[n]
}

// Fix refuses all further changes of a message, with the word edit_window_closed
// or cant_update_message.
func (s *SlackServer) Fix(ts, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(SlackChannelID, ts); p != nil {
		p.fixed = word
	}
}

// What Slack takes of each method in one channel: messages with short bursts, and
// updates by the minute (docs.slack.dev/apis/web-api/rate-limits).
var slackRateLimits = map[string]struct {
	burst    int
	interval time.Duration
}{
	"chat.postMessage": {3, time.Second},
	"chat.update":      {50, 1200 * time.Millisecond},
}

// slackRates is how much each method and channel has used, on a clock that only
// Pass moves.
type slackRates struct {
	now  time.Duration
	used map[string]time.Duration // until when what was sent keeps it busy
}

// LimitRates enforces the rates from now on. Time passes by Pass alone.
func (s *SlackServer) LimitRates() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rates = &slackRates{used: map[string]time.Duration{}}
}

// Pass lets time pass for the rates.
func (s *SlackServer) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rates.now += d
}

// excess is after how many seconds the method may be called again, 0 for now.
func (r *slackRates) excess(method, channel string) int {
	limit := slackRateLimits[method]
	if r == nil || limit.burst == 0 {
		return 0
	}
	id, _ := slackChannel(channel)
	key := method + " " + id
	busy := max(r.used[key], r.now)
	if over := busy - r.now - time.Duration(limit.burst-1)*limit.interval; over > 0 {
		return int((over + time.Second - 1) / time.Second)
	}
	r.used[key] = busy + limit.interval
	return 0
}
