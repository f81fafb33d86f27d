package notify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// openedMail is a mail as a mail program takes it apart.
type openedMail struct {
	mail.Header
	subject, plain, html, report string
}

func openMail(t *testing.T, data []byte) openedMail {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	out := openedMail{Header: m.Header}
	if out.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	out.take(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), "", m.Body)
	return out
}

// take opens one part, and those in it.
func (o *openedMail) take(t *testing.T, contentType, encoding, disposition string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("%v in %q", err, contentType)
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o.take(t, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part.Header.Get("Content-Disposition"), part)
		}
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	switch {
	case strings.HasPrefix(disposition, "attachment"):
		o.report = text
	case kind == "text/plain":
		o.plain = text
	case kind == "text/html":
		o.html = text
	}
}

// lateMarks are what would end a line, a header or the mail early.
var lateMarks = []string{"\r\nBcc: evil@example.org", "\n.\nMAIL FROM:<evil@example.org>", "\r\n.\r\nQUIT\r\n", ".", "..", "=0D=0A.=0D=0A", "José 名前 שלום"}

// TestEmailHostile: names arrive as text, the mail has the headers and
// recipients that it should have, and nothing in it is a link of a stranger's.
func TestEmailHostile(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{})
	e := notify.NewEmail("email", mailOptions(s))
	for _, name := range append(lateMarks, hostile...) {
		m := named(name)
		m.Explains, m.Guide = []string{name}, critical().Guide
		m.Run.ID = "20261120T120000Z-12"
		sent(t, e, m)
		mails := s.Mails()
		last := mails[len(mails)-1]
		got := openMail(t, last.Data)
		if len(last.To) != 2 || got.Get("Bcc") != "" || utf8.RuneCountInString(got.subject) > 150 || strings.ContainsAny(got.subject, "\r\n\x1b\u202e") {
			t.Errorf("%q: to %v, header %v", name, last.To, got.Header)
		}
		if strings.Contains(got.plain, "://") && alive.MatchString(strings.ReplaceAll(strings.ReplaceAll(got.plain, "<", ""), ">", "")) {
			t.Errorf("%q is a link in %s", name, got.plain)
		}
		if !strings.HasSuffix(strings.TrimSpace(got.html), "</html>") || strings.Count(got.html, "<a ") > 0 || strings.Contains(got.html, "<script") || strings.Contains(got.html, "<http") {
			t.Errorf("%q in %s", name, got.html)
		}
	}
	if n := len(s.Mails()); n != len(lateMarks)+len(hostile) {
		t.Errorf("%d mails", n)
	}
}

// FuzzLetter: whatever a name holds, the letter is text in lines of our own, and
// the mail has it and no header or part that it should not have.
func FuzzLetter(f *testing.F) {
	for _, name := range append(lateMarks, hostile...) {
		f.Add(name)
	}
	guide := critical().Guide
	f.Fuzz(func(t *testing.T, name string) {
		m := named(name)
		m.Explains, m.Guide, m.Link, m.FirstOfRun, m.Run.ID = []string{name}, guide, name, true, name
		plain, html, digest, err := m.Letters()
		if err != nil {
			t.Fatal(err)
		}
		for what, s := range map[string]string{"plain": plain, "digest": digest} {
			s = strings.ReplaceAll(s, "Report: "+m.Link, "")
			checkInert(t, what, strings.NewReplacer("<", "", ">", "").Replace(s))
		}
		if tags := strings.Count(html, "<"); tags != strings.Count(html, ">") || strings.Contains(html, "<script") || len(html) > 200_000 {
			t.Errorf("%q in %s", name, html)
		}
		wire, err := m.Mail()
		if err != nil {
			t.Fatal(err)
		}
		got := openMail(t, wire)
		if strings.TrimRight(got.plain, "\n") != strings.TrimRight(plain, "\n") || got.report != report || len(got.Header) > 15 ||
			utf8.RuneCountInString(got.subject) > 150 || strings.ContainsFunc(got.subject, unicode.IsControl) {
			t.Errorf("%q: subject %q, header %v, report %q, text %q", name, got.subject, got.Header, got.report, got.plain)
		}
	})
}
