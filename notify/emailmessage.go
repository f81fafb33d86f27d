package notify

import (
	"bytes"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"hubaudit/internal/text"
)

// mailReportLimit is the largest report in bytes that a mail carries: servers
// refuse mails of about ten times that.
const mailReportLimit = 1 << 20

// mailHead is what a mail says of itself.
type mailHead struct {
	// id and thread, the id of the mail that this one answers, are without a domain.
	// Without an id the mail gets one of its own.
	id, thread string
	date       time.Time
	urgent     bool
	report     []byte
	reportName string
}

// attaches tells whether the mail carries the report.
func (h *mailHead) attaches() bool { return len(h.report) > 0 && len(h.report) <= mailReportLimit }

// compose makes the mail, as text and as HTML.
func (e *email) compose(l *letter, head mailHead) (*gomail.Msg, error) {
	plain, html, err := l.render()
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.from)
	msg.ToMailAddress(e.to...)
	msg.Subject(l.Subject)
	if !head.date.IsZero() {
		msg.SetDateWithValue(head.date)
	}
	if head.id != "" {
		msg.SetMessageIDWithValue(e.messageID(head.id))
	}
	if head.thread != "" && head.thread != head.id {
		opener := "<" + e.messageID(head.thread) + ">"
		msg.SetGenHeader(gomail.HeaderInReplyTo, opener)
		msg.SetGenHeader(gomail.HeaderReferences, opener)
	}
	if head.urgent {
		msg.SetImportance(gomail.ImportanceHigh)
	}
	// Neither out-of-office replies nor mailing lists are to answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, plain)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	if head.attaches() {
		err = msg.AttachReader(text.Limit(head.reportName, letterSubjectMax), bytes.NewReader(head.report),
			gomail.WithFileContentType("text/markdown; charset=utf-8"))
	}
	return msg, err
}

// messageID puts an id under the domain that the mails come from.
func (e *email) messageID(id string) string {
	domain := e.from.Address[strings.LastIndexByte(e.from.Address, '@')+1:]
	for i := range len(domain) {
		if domain[i] <= ' ' || domain[i] > '~' {
			return id + "@hubaudit"
		}
	}
	return id + "@" + domain
}
