package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"hubaudit/internal/verdict"
)

// EmailOptions are what sending by SMTP needs.
type EmailOptions struct {
	From string
	To   []string
	// Server is host:port.
	Server string
	// TLS is TLSStart, also for "", TLSImplicit or TLSNone.
	TLS                string
	Username, Password string
	// CA are certificates in PEM that are trusted beside the system's.
	CA []byte
}

// How the connection to a mail server is encrypted.
const (
	TLSStart    = "starttls" // port 25 or 587; a server that does not offer it is refused
	TLSImplicit = "implicit" // port 465
	TLSNone     = "none"     // for a server on the same machine, without a login
)

type email struct {
	sender
	name string
	from *mail.Address
	to   []*mail.Address
	relay
}

// NewEmail sends mails, all about one incident in one thread. A mail that at
// least one of the recipients gets counts as sent.
func NewEmail(name string, o EmailOptions, options ...Option) Receiver {
	e := &email{name: name, relay: relay{mode: o.TLS, username: o.Username, password: o.Password}}
	e.sender = newSender(emailKind, options, o.Password)
	e.address = e.configure(o)
	return e
}

// configure reads the options and says what is wrong with them.
func (e *email) configure(o EmailOptions) (err error) {
	if e.from, err = mail.ParseAddress(o.From); err != nil {
		return fmt.Errorf("from is not an address: %w; check the configuration", err)
	}
	for _, to := range o.To {
		one, err := mail.ParseAddress(to)
		if err != nil {
			return fmt.Errorf("to %q is not an address: %w; check the configuration", to, err)
		}
		e.to = append(e.to, one)
	}
	if len(e.to) == 0 {
		return errors.New("to names nobody; check the configuration")
	}
	if e.host, e.port, err = net.SplitHostPort(o.Server); err != nil || e.host == "" || e.port == "" {
		return errors.New("server is not host:port; check the configuration")
	}
	switch e.mode {
	case "":
		e.mode = TLSStart
	case TLSStart, TLSImplicit:
	case TLSNone:
		if ip := net.ParseIP(e.host); e.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return errors.New("tls is none, which is for a server on this machine only: use starttls or implicit")
		}
		if o.Username != "" || o.Password != "" {
			return errors.New("tls is none, which would show the password: use starttls or implicit, or no login")
		}
	default:
		return errors.New("tls must be starttls, implicit or none; check the configuration")
	}
	if e.tls, err = tlsConfig(o.CA); err == nil {
		e.tls.ServerName = e.host
	}
	return err
}

func (e *email) Name() string { return e.name }

func (e *email) Keeps() Keeps { return KeepsNothing }

func (e *email) Send(ctx context.Context, m Message) (string, error) {
	head := headOf(&m)
	return head.thread, e.send(ctx, newLetter(&m), head)
}

// headOf has a mail sent again come under the same id, and all of an incident
// into one thread.
func headOf(m *Message) mailHead {
	head := mailHead{id: m.id(), thread: m.Ref, date: m.runTime(), urgent: m.Kind != Resolved && m.Incident.Severity == verdict.Critical}
	if !mailRef.MatchString(m.Ref) {
		head.thread = threadID(m)
		if m.Kind == Opened {
			head.id = head.thread
		}
	}
	if m.FirstOfRun {
		head.report, head.reportName = m.Report, "hubaudit-"+m.Run.ID+".md"
	}
	return head
}

// SendDigest tells of many incidents in one mail. What follows on any of them
// goes into that mail's thread.
func (e *email) SendDigest(ctx context.Context, all []Message) (string, error) {
	if len(all) == 0 {
		return "", nil
	}
	sum := sha256.New()
	for n := range all {
		fmt.Fprintln(sum, all[n].id())
	}
	id := "digest_" + hex.EncodeToString(sum.Sum(nil)[:16])
	head := mailHead{id: id, date: all[0].runTime(), report: all[0].Report, reportName: "hubaudit-" + all[0].Run.ID + ".md"}
	return id, e.send(ctx, newDigest(all), head)
}

func (e *email) Test(ctx context.Context) error {
	return e.send(ctx, &letter{Title: testText, Subject: "[hubaudit] test", Footer: "hubaudit", Colour: letterColours["resolved"]}, mailHead{})
}

// mailRef is a mail that opened a thread.
var mailRef = regexp.MustCompile(`^(incident|digest)_[0-9a-f]{32}$`)

// threadID names the mail that opens an incident's thread.
func threadID(m *Message) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"hubaudit thread", m.Receiver, m.Incident.Fingerprint, m.Incident.OpenedAt.UTC().String()}, "\x00")))
	return "incident_" + hex.EncodeToString(sum[:16])
}

// send sends a mail, and one that is refused with the report once more without it:
// a server that takes no such attachment, or none of that size, would refuse the
// worst incident in every run.
func (e *email) send(ctx context.Context, l *letter, head mailHead) error {
	if e.address != nil {
		return e.do(ctx, "send the mail", nil)
	}
	err := e.sendOnce(ctx, l, head)
	if why := (*SendError)(nil); !head.attaches() || !errors.As(err, &why) || !why.Refused {
		return err
	}
	head.report = nil
	if again := e.sendOnce(ctx, l, head); again != nil {
		return again
	}
	return &PostedError{fmt.Errorf("without the report, with which it was refused: %w", err)}
}

func (e *email) sendOnce(ctx context.Context, l *letter, head mailHead) error {
	msg, err := e.compose(l, head)
	if err != nil {
		return &SendError{Err: fmt.Errorf("write the mail: %w; please report this as a bug of hubaudit", err), Refused: true}
	}
	return e.transmit(ctx, msg)
}

// transmit sends the mail and tells whom it did not reach.
func (e *email) transmit(ctx context.Context, msg *gomail.Msg) error {
	var missed []recipientError
	err := e.do(ctx, "send the mail", func(ctx context.Context, _ *http.Client) (err error) {
		missed, err = e.relay.send(ctx, e.from.Address, e.recipients(), msg)
		return err
	})
	if err != nil || len(missed) == 0 {
		return err
	}
	var words []string
	for _, one := range missed {
		words = append(words, e.quoteReply(one))
	}
	return &PostedError{errors.New("not to " + strings.Join(words, "; nor to "))}
}

func (e *email) recipients() []string {
	var out []string
	for _, to := range e.to {
		out = append(out, to.Address)
	}
	return out
}
