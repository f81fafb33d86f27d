package paging

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What summaries of each check have in them, of many findings or of one. Digests
// show no more than those.
var summaries = map[string]*regexp.Regexp{
	cookies: regexp.MustCompile("no cookie_id|has the cookie_id NULL"),
	times:   regexp.MustCompile("cannot be true|in the future"),
	madeUp:  regexp.MustCompile("that JupyterHub did not make"),
	node:    regexp.MustCompile("replicas? .*does not have|Longhorn still counts on .* on node"),
	lacking: regexp.MustCompile("degraded"),
	unsent:  regexp.MustCompile("messages? (is|are) waiting|^receiver .* (refuses its messages|could not be reached in|was not tried in) ?"),
}

var counted = regexp.MustCompile(`([0-9]+) incidents (?:at once|in one message)`)

// digest is what a message about many incidents tells of each of them. Its run is
// that of one of them.
func (e *ear) digest(whole message, title string, lines []string) (all []message) {
	whole.digest = true
	for _, line := range lines {
		if status, what, is := strings.Cut(line, " · "); is {
			m := whole
			m.key, m.kind = e.summarised(what), kindOf(status+" · ")
			all = append(all, m)
		}
	}
	if n := counted.FindStringSubmatch(title); n == nil || n[1] != strconv.Itoa(len(all)) {
		e.t.Errorf("%s got %q with %d lines: %q", whole.receiver, title, len(all), lines)
	}
	return all
}

func (e *ear) summarised(line string) key {
	for _, k := range e.keys {
		if summaries[k.check].MatchString(line) && (k.hub == "" || strings.HasPrefix(line, k.hub+": ")) {
			return k
		}
	}
	e.t.Errorf("a digest is about nothing that is known: %s", line)
	return key{}
}

// sectionsOf are the lines of the texts of a message's blocks.
func sectionsOf(t *testing.T, blocks []byte) (lines []string) {
	var all []struct {
		Type string
		Text struct{ Text string }
	}
	must(t, json.Unmarshal(blocks, &all))
	for _, b := range all {
		if b.Type == "section" {
			lines = append(lines, strings.Split(b.Text.Text, "\n")...)
		}
	}
	return lines
}

// plainText finds the text of a mail.
func plainText(t *testing.T, contentType string, body io.Reader) string {
	kind, parameters, err := mime.ParseMediaType(contentType)
	must(t, err)
	if kind == "text/plain" {
		text, err := io.ReadAll(body)
		must(t, err)
		return string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return ""
	}
	for parts := multipart.NewReader(body, parameters["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			return ""
		}
		must(t, err)
		if text := plainText(t, part.Header.Get("Content-Type"), part); text != "" {
			return text
		}
	}
}

// listenDigest takes in a line of a digest. Which of several incidents of one key
// it is about, it does not say.
func (s *story) listenDigest(m *message) {
	all := s.model.incidents[m.key]
	for _, i := range all {
		if !m.over() {
			i.digested[m.receiver] = true
			i.told[m.receiver] = i.told[m.receiver] || len(all) == 1
		}
	}
	if len(all) == 0 {
		s.failf("%s was told in a digest of %s, of which there was no incident", m.receiver, m.key)
	}
}

var checkLine = regexp.MustCompile(`(?m)^Check: ([a-z-]+)$`)

func (e *ear) mail(data []byte) []message {
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	must(e.t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	must(e.t, err)
	date, err := msg.Header.Date()
	must(e.t, err)
	text := plainText(e.t, msg.Header.Get("Content-Type"), msg.Body)
	m := message{receiver: toMail, run: date.UTC(), kind: kindOf(subject), id: msg.Header.Get("Message-ID")}
	if strings.HasSuffix(subject, " incidents in one message") {
		return e.digest(m, subject, strings.Split(text, "\n"))
	}
	check := checkLine.FindStringSubmatch(text)
	if check == nil {
		e.t.Fatalf("a mail names no check: %s", data)
	}
	m.key = e.keyOf(subject, "check `"+check[1]+"`")
	return []message{m}
}
