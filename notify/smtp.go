package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"hubaudit/internal/text"
)

// greylistWait is for a server that puts off a mail, as it does with senders
// that it does not know yet. They mostly want to be asked again after 5 minutes.
const greylistWait = 5 * time.Minute

// relay is the mail server that takes what is sent.
type relay struct {
	host, port, mode   string
	username, password string
	tls                *tls.Config
}

// recipientError is one recipient whom the server refused.
type recipientError struct {
	address string
	err     error
}

// smtpError is where in the dialogue a mail failed.
type smtpError struct {
	step string
	err  error
}

func (e *smtpError) Error() string { return e.step + ": " + e.err.Error() }
func (e *smtpError) Unwrap() error { return e.err }

const (
	stepConnect = "connect to the mail server"
	stepTLS     = "start TLS"
	stepLogin   = "log in"
	stepSend    = "hand over the mail"
)

var (
	errNoSTARTTLS = errors.New("no STARTTLS")
	errNoLogin    = errors.New("no login that is known here")
)

// send hands over one mail. It says who of the recipients was refused; all of
// them is an error. When the context ends, so does the dialogue.
//
// The library's own client gives a mail up for all when one recipient is refused.
func (r *relay) send(ctx context.Context, from string, to []string, msg io.WriterTo) ([]recipientError, error) {
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, &smtpError{stepConnect, err}
	}
	defer conn.Close()
	const longAgo = 1
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(longAgo, 0)) }) // what waits ends with an error of its own
	defer stop()
	client, err := r.greet(conn)
	if err != nil {
		return nil, err
	}
	missed, err := envelope(client, from, to)
	if err != nil {
		return nil, &smtpError{stepSend, err}
	}
	if err := content(client, msg); err != nil {
		return nil, &smtpError{stepSend, err}
	}
	_ = client.Quit() // the mail is accepted, whatever comes of this
	return missed, nil
}

func (r *relay) dial(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(r.host, r.port))
	if err != nil {
		return nil, err
	}
	conn = &boundedConn{conn, maxAnswer}
	if r.mode != TLSImplicit {
		return conn, nil
	}
	secure := tls.Client(conn, r.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error says more
		return nil, err
	}
	return secure, nil
}

// boundedConn gives up a server that talks without end, which the library keeps
// in memory.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the server says more than a mail server has to say")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// greet goes as far as being encrypted and logged in.
func (r *relay) greet(conn net.Conn) (*smtp.Client, error) {
	client, err := smtp.NewClient(conn, r.host)
	if err != nil {
		return nil, &smtpError{stepConnect, err}
	}
	name, err := os.Hostname()
	if err != nil || text.Clean(name) != name || strings.Contains(name, " ") {
		name = "localhost"
	}
	if err := client.Hello(name); err != nil {
		return nil, &smtpError{stepConnect, err}
	}
	if r.mode == TLSStart {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, &smtpError{stepTLS, errNoSTARTTLS}
		}
		if err := client.StartTLS(r.tls); err != nil {
			return nil, &smtpError{stepTLS, err}
		}
	}
	if r.username == "" && r.password == "" {
		return client, nil
	}
	if err := r.login(client); err != nil {
		return nil, &smtpError{stepLogin, err}
	}
	return client, nil
}

// login uses the best way that the server offers. The connection is encrypted.
func (r *relay) login(client *smtp.Client) error {
	_, offered := client.Extension("AUTH")
	ways := map[string]smtp.Auth{
		"SCRAM-SHA-256": smtp.ScramSHA256Auth(r.username, r.password),
		"PLAIN":         smtp.PlainAuth("", r.username, r.password, r.host, false),
		"LOGIN":         smtp.LoginAuth(r.username, r.password, r.host, false),
	}
	for _, way := range []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"} {
		for word := range strings.FieldsSeq(offered) {
			if strings.EqualFold(word, way) {
				return client.Auth(ways[way])
			}
		}
	}
	return errNoLogin
}

// envelope names sender and recipients.
func envelope(client *smtp.Client, from string, to []string) (missed []recipientError, err error) {
	if err := client.Mail("<" + from + ">"); err != nil {
		return nil, err
	}
	for _, address := range to {
		err := client.Rcpt("<" + address + ">")
		if reply := (*textproto.Error)(nil); err != nil && !errors.As(err, &reply) {
			return nil, err // the connection is lost, not one recipient
		}
		if err != nil {
			missed = append(missed, recipientError{address, err})
		}
	}
	if len(missed) < len(to) {
		return missed, nil
	}
	for _, one := range missed {
		if temporary(one.err) {
			return nil, one.err // so that it is tried again for those whom it may reach
		}
	}
	return nil, missed[0].err
}

// content sends the mail itself. Where that breaks off, its end must not be
// sent: the server would take the part for the whole.
func content(client *smtp.Client, msg io.WriterTo) error {
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := msg.WriteTo(w); err != nil {
		return err
	}
	return w.Close()
}

func temporary(err error) bool {
	reply := (*textproto.Error)(nil)
	return errors.As(err, &reply) && reply.Code/100 == 4
}

// explainSMTP says what went wrong with a mail, and whether to try again.
func explainSMTP(x *exchange, err error) *failure {
	where := ""
	if at := (*smtpError)(nil); errors.As(err, &at) {
		where = at.step + ": "
	}
	reply := (*textproto.Error)(nil)
	switch {
	case errors.Is(err, errNoSTARTTLS):
		return &failure{reason: "the mail server offers no STARTTLS, so nothing was sent" +
			x.sender.advise("set KEY.tls to implicit if it has a port for that, and find out whether something between takes the offer away")}
	case errors.Is(err, errNoLogin):
		return &failure{reason: "the mail server offers no login by SCRAM-SHA-256, PLAIN or LOGIN" + x.sender.advise("leave KEY.username empty if it needs none")}
	case untrusted(err):
		return &failure{reason: x.quote(err.Error()) + x.sender.advise("name the certificate of its authority in KEY.caFile, or check KEY.server and tls"), cause: err}
	case errors.As(err, &reply):
		return explainReply(x, where, reply)
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &failure{reason: where + "no answer in time", cause: err, retry: true}
	}
	return &failure{reason: "the network failed: " + x.quote(err.Error()), cause: err, retry: true}
}

// explainReply classes the answer of a mail server (RFC 5321, 4.2.1).
func explainReply(x *exchange, where string, reply *textproto.Error) *failure {
	f := &failure{reason: fmt.Sprintf("the mail server said %s%d %s", where, reply.Code, x.quote(reply.Msg))}
	switch {
	case reply.Code == 421: // it has too much to do or goes down
		f.retry = true
	case reply.Code/100 == 4:
		f.retry, f.after = true, greylistWait
	case strings.HasPrefix(where, stepLogin):
		f.reason += x.sender.advise("check KEY.username and passwordFile")
	case reply.Code == 530: // RFC 4954, 6
		f.reason += x.sender.advise("it wants a login: set KEY.username and passwordFile")
	default:
		f.reason += x.sender.advise("check KEY.from, to and server")
	}
	return f
}

// quoteReply names a recipient and why it was refused.
func (s *sender) quoteReply(one recipientError) string {
	x := exchange{sender: s}
	return text.Name(one.address) + " (" + x.quote(one.err.Error()) + ")"
}
