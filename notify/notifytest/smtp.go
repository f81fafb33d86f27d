package notifytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The only login that an SMTPServer knows.
const (
	SMTPUser     = "hubaudit"
	SMTPPassword = "SECRETpasswordOFtheMAIL"
)

// Mail is one that was accepted.
type Mail struct {
	From string
	To   []string
	// Data is the message as it came, without dot-stuffing.
	Data []byte
	// TLS and User say how the connection was secured.
	TLS  bool
	User string
}

// SMTPOptions are how an SMTPServer behaves.
type SMTPOptions struct {
	// Implicit starts every connection with TLS. NoTLS offers none.
	Implicit, NoTLS bool
	// Anonymous takes mail without a login.
	Anonymous bool
}

// SMTPFault is an answer to one command, MAIL, RCPT or DATA, instead of serving it.
type SMTPFault struct {
	Code  int
	Words string
	// Hang does not answer until the server is closed; Struck is called, if set.
	Hang   bool
	Struck func()
}

// SMTPServer is a mail server. It remembers what it accepted.
type SMTPServer struct {
	options SMTPOptions
	smtp    *smtp.Server
	address string
	ca      []byte
	closed  chan struct{}
	done    sync.WaitGroup
	mu      sync.Mutex
	mails   []Mail
	faults  map[string][]SMTPFault
	refused map[string]int
	seen    map[string]int
}

// NewSMTPServer starts a server; Close ends it.
func NewSMTPServer(o SMTPOptions) (*SMTPServer, error) {
	certificate, ca, err := loopbackCertificate()
	if err != nil {
		return nil, err
	}
	s := &SMTPServer{options: o, ca: ca, closed: make(chan struct{}), faults: map[string][]SMTPFault{}, refused: map[string]int{}, seen: map[string]int{}}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.address = l.Addr().String()
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &smtpSession{server: s, conn: c}, nil }))
	s.smtp.Domain, s.smtp.ErrorLog = "localhost", log.New(io.Discard, "", 0) // of handshakes that are to fail
	switch {
	case o.Implicit:
		l = tls.NewListener(l, config)
	case !o.NoTLS:
		s.smtp.TLSConfig = config
	}
	s.done.Go(func() { _ = s.smtp.Serve(l) }) // it ends by Close
	return s, nil
}

// Address is host:port.
func (s *SMTPServer) Address() string { return s.address }

// CA is the certificate to trust, in PEM.
func (s *SMTPServer) CA() []byte { return s.ca }

// Close stops the server; what hangs is broken off.
func (s *SMTPServer) Close() {
	close(s.closed)
	_ = s.smtp.Close() // it may have ended
	s.done.Wait()
}

// Mails are those accepted so far.
func (s *SMTPServer) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Fail makes the next commands of that name fail, one fault each.
func (s *SMTPServer) Fail(command string, faults ...SMTPFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[command] = append(s.faults[command], faults...)
}

// Refuse answers a recipient with a code from now on; 0 takes it again.
func (s *SMTPServer) Refuse(address string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[address] = code
}

// Seen is how many commands of that name came, failed ones too.
func (s *SMTPServer) Seen(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[command]
}

// strike is the error of the command's next fault, nil if there is none.
func (s *SMTPServer) strike(command string) error {
	s.mu.Lock()
	s.seen[command]++
	queue := s.faults[command]
	if len(queue) == 0 {
		s.mu.Unlock()
		return nil
	}
	fault := queue[0]
	s.faults[command] = queue[1:]
	s.mu.Unlock()
	if fault.Struck != nil {
		fault.Struck()
	}
	if fault.Hang {
		<-s.closed
	}
	return reply(fault.Code, fault.Words)
}

func reply(code int, words string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: words}
}

type smtpSession struct {
	server *SMTPServer
	conn   *smtp.Conn
	mail   Mail
}

func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != SMTPUser || password != SMTPPassword {
			// Some servers repeat what they were sent.
			return reply(535, "no such login: "+user+" "+password)
		}
		s.mail.User = user
		return nil
	}), nil
}

func (s *smtpSession) Reset() { s.mail = Mail{User: s.mail.User} }

func (s *smtpSession) Logout() error { return nil }

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.mail.User == "" && !s.server.options.Anonymous {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return s.server.strike("MAIL")
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.strike("RCPT"); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if code := s.server.refused[to]; code != 0 {
		return reply(code, "not this one: "+to)
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.server.strike("DATA"); err != nil {
		return err
	}
	s.mail.Data = data
	_, s.mail.TLS = s.conn.TLSConnectionState()
	if _, ok := s.conn.Conn().(*tls.Conn); ok {
		s.mail.TLS = true
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

// loopbackCertificate is for 127.0.0.1, signed by itself.
func loopbackCertificate() (tls.Certificate, []byte, error) {
	key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	if keyErr != nil {
		return tls.Certificate{}, nil, keyErr
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	keyDER, keyErr := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err, keyErr); err != nil {
		return tls.Certificate{}, nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certificate, err := tls.X509KeyPair(ca, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return certificate, ca, err
}
