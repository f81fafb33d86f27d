package notify_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubaudit/notify"
	"hubaudit/notify/notifytest"
)

// mailSecrets must not be in any error.
var mailSecrets = []string{notifytest.SMTPPassword, base64.StdEncoding.EncodeToString([]byte("\x00" + notifytest.SMTPUser + "\x00" + notifytest.SMTPPassword))}

func mailServer(t *testing.T, o notifytest.SMTPOptions) *notifytest.SMTPServer {
	t.Helper()
	s, err := notifytest.NewSMTPServer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// mailOptions are right for a server.
func mailOptions(s *notifytest.SMTPServer) notify.EmailOptions {
	return notify.EmailOptions{From: "Hub audit <audit@hub.example.org>", To: []string{"ops@example.org", "Öps Team <owner@example.org>"},
		Server: s.Address(), TLS: notify.TLSStart, Username: notifytest.SMTPUser, Password: notifytest.SMTPPassword, CA: s.CA()}
}

// TestEmail: the mails of an incident are one thread, each readable as text and
// as HTML, over TLS and with a login.
func TestEmail(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := mailServer(t, notifytest.SMTPOptions{Implicit: implicit})
		o := mailOptions(s)
		if implicit {
			o.TLS = notify.TLSImplicit
		}
		e := notify.NewEmail("email", o)
		first := critical()
		first.FirstOfRun = true
		for _, m := range []notify.Message{first, first, still(""), over("")} {
			m.Ref = sent(t, e, m)
			if m.Kind == notify.Resolved {
				sent(t, e, m) // once more, as after a crash
			}
		}
		if err := e.Test(t.Context()); err != nil {
			t.Fatal(err)
		}
		var mails []openedMail
		for _, m := range s.Mails() {
			if !m.TLS || m.User != notifytest.SMTPUser || len(m.To) != 2 || m.From != "audit@hub.example.org" {
				t.Errorf("sent as %+v", m)
			}
			mails = append(mails, openMail(t, m.Data))
		}
		checkThread(t, mails[:5])
		checkFirstMail(t, mails[0])
		if !strings.Contains(mails[3].subject, "RESOLVED") || mails[5].subject != "[hubaudit] test" {
			t.Errorf("subjects %q and %q", mails[3].subject, mails[5].subject)
		}
	}
}

func checkThread(t *testing.T, mails []openedMail) {
	t.Helper()
	id := func(n int) string { return mails[n].Get("Message-Id") }
	if id(0) != id(1) || id(3) != id(4) || !strings.HasSuffix(id(0), "@hub.example.org>") {
		t.Errorf("the same messages as %s and %s, %s and %s", id(0), id(1), id(3), id(4))
	}
	for n := 2; n < 4; n++ {
		if id(n) == id(n-1) || mails[n].Get("In-Reply-To") != id(0) || mails[n].Get("References") != id(0) {
			t.Errorf("mail %d: %v", n, mails[n].Header)
		}
	}
}

func checkFirstMail(t *testing.T, m openedMail) {
	t.Helper()
	date, err := m.Date()
	if err != nil || !date.Equal(now) || m.Get("Auto-Submitted") != "auto-generated" || m.Get("Importance") != "high" || m.Get("In-Reply-To") != "" {
		t.Errorf("header %v: %v", m.Header, err)
	}
	if m.report != report {
		t.Errorf("the report is %q", m.report)
	}
	golden(t, "email.txt", []byte(m.plain))
	golden(t, "email.html", []byte(m.html))
	if want := "[hubaudit] CRITICAL · datahub: 1,003 of 1,053 users have no cookie_id"; m.subject != want {
		t.Errorf("subject %q", m.subject)
	}
}

// TestEmailFaults: what is refused, what is tried again and when, and no secret
// in any error.
func TestEmailFaults(t *testing.T) {
	busy, grey, never := notifytest.SMTPFault{Code: 421, Words: "busy"}, notifytest.SMTPFault{Code: 451, Words: "greylisted"}, notifytest.SMTPFault{Code: 554, Words: "spam"}
	for name, c := range map[string]struct {
		command string
		faults  []notifytest.SMTPFault
		change  func(*notify.EmailOptions)
		err     string
		refused bool
		after   time.Duration
		pauses  int
	}{
		"sender refused":    {command: "MAIL", faults: []notifytest.SMTPFault{{Code: 550, Words: "who? \x1b[31m" + notifytest.SMTPPassword}}, err: "550 who?", refused: true},
		"content refused":   {command: "DATA", faults: []notifytest.SMTPFault{never}, err: "554 spam", refused: true},
		"greylisted":        {command: "RCPT", faults: []notifytest.SMTPFault{grey, grey}, err: "451 greylisted; trying again in 5 min would be too late", after: 5 * time.Minute},
		"busy twice":        {command: "DATA", faults: []notifytest.SMTPFault{busy, busy}, pauses: 2},
		"busy":              {command: "MAIL", faults: []notifytest.SMTPFault{busy, busy, busy, busy}, err: "421 busy, tried 4 times", pauses: 3},
		"wrong password":    {change: func(o *notify.EmailOptions) { o.Password = notifytest.SMTPPassword[1:] }, err: "check notify.email.username", refused: true},
		"login wanted":      {command: "MAIL", faults: []notifytest.SMTPFault{{Code: 530, Words: "Authentication required"}}, err: "530 Authentication required: it wants a login: set notify.email.username", refused: true},
		"unknown authority": {change: func(o *notify.EmailOptions) { o.CA = nil }, err: "notify.email.caFile", refused: true},
		"other authority":   {change: func(o *notify.EmailOptions) { o.CA = otherAuthority(t) }, err: "notify.email.caFile", refused: true},
		"implicit, but not": {change: func(o *notify.EmailOptions) { o.TLS = notify.TLSImplicit }, err: "send the mail: connect to the mail server: tls: first record does not look like a TLS handshake: name the certificate of its authority in notify.email.caFile, or check notify.email.server and tls", refused: true},
		"nobody there":      {change: func(o *notify.EmailOptions) { o.Server = "127.0.0.1:1" }, err: "the network failed", pauses: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := mailServer(t, notifytest.SMTPOptions{})
			s.Fail(c.command, c.faults...)
			o := mailOptions(s)
			if c.change != nil {
				c.change(&o)
			}
			var p pauses
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			_, err := notify.NewEmail("email", o, p.option()).Send(ctx, critical())
			checkError(t, err, c.err, mailSecrets)
			failed := (*notify.SendError)(nil)
			if c.err != "" && (!errors.As(err, &failed) || failed.Refused != c.refused || failed.After != c.after) {
				t.Errorf("%+v", failed)
			}
			if mails := len(s.Mails()); (mails == 1) != (c.err == "") || len(p.all) != c.pauses {
				t.Errorf("%d mails, waited %v", mails, p.all)
			}
		})
	}
}

func otherAuthority(t *testing.T) []byte { return mailServer(t, notifytest.SMTPOptions{}).CA() }

// TestEmailRecipients: one that is refused costs the others nothing; all of them
// is an error, which is for good only if no one may be reached later.
func TestEmailRecipients(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{})
	e := notify.NewEmail("email", mailOptions(s), new(pauses).option())
	s.Refuse("ops@example.org", 550)
	_, err := e.Send(t.Context(), critical())
	posted, failed := (*notify.PostedError)(nil), (*notify.SendError)(nil)
	if !errors.As(err, &posted) || !strings.Contains(err.Error(), "ops@example.org") || strings.Contains(err.Error(), "owner@") {
		t.Errorf("one refused: %v", err)
	}
	if mails := s.Mails(); len(mails) != 1 || len(mails[0].To) != 1 || mails[0].To[0] != "owner@example.org" {
		t.Errorf("sent %+v", mails)
	}
	s.Refuse("owner@example.org", 553)
	if _, err := e.Send(t.Context(), critical()); !errors.As(err, &failed) || !failed.Refused {
		t.Errorf("all refused: %v", err)
	}
	s.Refuse("owner@example.org", 452)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := e.Send(ctx, critical()); !errors.As(err, &failed) || failed.Refused || failed.After == 0 {
		t.Errorf("one put off: %v", err)
	}
}

// TestEmailReportRefused: a server that takes no mail with the report gets it without.
func TestEmailReportRefused(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{})
	e := notify.NewEmail("email", mailOptions(s), new(pauses).option())
	m := critical()
	m.Report, m.FirstOfRun = []byte("# the report of the run"), true
	tooLarge := notifytest.SMTPFault{Code: 552, Words: "5.3.4 message size exceeds fixed limit"}
	s.Fail("DATA", tooLarge)
	posted, failed := (*notify.PostedError)(nil), (*notify.SendError)(nil)
	if _, err := e.Send(t.Context(), m); !errors.As(err, &posted) || !strings.Contains(err.Error(), "without the report") || !strings.Contains(err.Error(), "552") {
		t.Errorf("too large with the report: %v", err)
	}
	if mails := s.Mails(); len(mails) != 1 || strings.Contains(string(mails[0].Data), ".md") {
		t.Errorf("sent %+v", mails)
	}
	s.Fail("DATA", tooLarge, tooLarge)
	if _, err := e.Send(t.Context(), m); errors.As(err, &posted) || !errors.As(err, &failed) || !failed.Refused {
		t.Errorf("too large without it: %v", err)
	}
}

// TestEmailHangs: a server that stops answering is left when the time is up.
func TestEmailHangs(t *testing.T) {
	for _, command := range []string{"MAIL", "DATA"} {
		s := mailServer(t, notifytest.SMTPOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		s.Fail(command, notifytest.SMTPFault{Hang: true, Struck: cancel, Code: 451})
		_, err := notify.NewEmail("email", mailOptions(s), new(pauses).option()).Send(ctx, critical())
		checkError(t, err, "the time for notifications was used up", mailSecrets)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not tell that the context ended", err)
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := silent.Accept(); err == nil {
			cancel()
			_, _ = io.Copy(io.Discard, conn) // until the client leaves
			_ = conn.Close()
		}
	}()
	o := notify.EmailOptions{From: "a@example.org", To: []string{"b@example.org"}, Server: silent.Addr().String(), TLS: notify.TLSNone}
	if _, err := notify.NewEmail("email", o, new(pauses).option()).Send(ctx, critical()); !errors.Is(err, context.Canceled) {
		t.Errorf("without a greeting: %v", err)
	}
}

// TestEmailStripped: where somebody between takes STARTTLS out of the server's
// offer, neither the login nor the mail is sent.
func TestEmailStripped(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{Anonymous: true})
	between, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer between.Close()
	var said bytes.Buffer
	var done sync.WaitGroup
	done.Go(func() { strip(between, s.Address(), &said) })
	o := mailOptions(s)
	o.Server = between.Addr().String()
	_, err = notify.NewEmail("email", o, new(pauses).option()).Send(t.Context(), critical())
	checkError(t, err, "offers no STARTTLS, so nothing was sent", mailSecrets)
	done.Wait()
	if len(s.Mails()) > 0 || strings.Contains(said.String(), "MAIL") || strings.Contains(said.String(), "AUTH") {
		t.Errorf("the client said %q", said.String())
	}
}

// strip passes one connection on without the offer of STARTTLS, and keeps what
// the client says.
func strip(l net.Listener, to string, said io.Writer) {
	client, err := l.Accept()
	if err != nil {
		return
	}
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	go func() {
		lines := bufio.NewScanner(server)
		for lines.Scan() {
			if !strings.Contains(lines.Text(), "STARTTLS") {
				_, _ = io.WriteString(client, lines.Text()+"\r\n") // the client may have left
			}
		}
		_ = client.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(server, said), client) // until the client leaves
	_ = server.Close()
}

// TestEmailSettings: what cannot work, or would show the password, is said.
func TestEmailSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*notify.EmailOptions)
		want   string
	}{
		"from":       {func(o *notify.EmailOptions) { o.From = "nobody" }, "notify.email.from"},
		"to":         {func(o *notify.EmailOptions) { o.To = []string{"a@example.org\r\nBcc: b@example.org"} }, "notify.email.to"},
		"to nobody":  {func(o *notify.EmailOptions) { o.To = nil }, "names nobody"},
		"server":     {func(o *notify.EmailOptions) { o.Server = "mail.example.org" }, "not host:port"},
		"tls":        {func(o *notify.EmailOptions) { o.TLS = "maybe" }, "must be starttls"},
		"CA":         {func(o *notify.EmailOptions) { o.CA = []byte("PEM") }, "notify.email.caFile"},
		"none":       {func(o *notify.EmailOptions) { o.TLS, o.Server = notify.TLSNone, "mail.example.org:25" }, "for a server on this machine only"},
		"none login": {func(o *notify.EmailOptions) { o.TLS = notify.TLSNone }, "would show the password"},
	} {
		o := notify.EmailOptions{From: "a@example.org", To: []string{"b@example.org"}, Server: "127.0.0.1:1", Username: notifytest.SMTPUser, Password: notifytest.SMTPPassword}
		c.change(&o)
		_, err := notify.NewEmail("email", o).Send(t.Context(), critical())
		failed := (*notify.SendError)(nil)
		if checkError(t, err, c.want, mailSecrets); !errors.As(err, &failed) || !failed.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEmailWithoutTLS: for a relay on the same machine.
func TestEmailWithoutTLS(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{NoTLS: true, Anonymous: true})
	o := mailOptions(s)
	o.TLS, o.Username, o.Password = notify.TLSNone, "", ""
	sent(t, notify.NewEmail("email", o), critical())
	if len(s.Mails()) != 1 {
		t.Error("no mail came")
	}
}

// TestEmailDigest: thousands of incidents are one mail of a readable length.
func TestEmailDigest(t *testing.T) {
	s := mailServer(t, notifytest.SMTPOptions{})
	all := slices.Repeat([]notify.Message{critical()}, 4200)
	digester := notify.NewEmail("email", mailOptions(s)).(interface {
		SendDigest(context.Context, []notify.Message) (string, error)
	})
	ref, err := digester.SendDigest(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	m := openMail(t, s.Mails()[0].Data)
	if m.subject != "[hubaudit] CRITICAL · 4,200 incidents in one message" || !strings.Contains(m.plain, "… and 4,000 more") || m.report != report || len(m.html) > 60_000 {
		t.Errorf("%q, %d bytes, %q", m.subject, len(m.html), m.report)
	}
	if again := sent(t, digester.(notify.Receiver), over(ref)); again != ref {
		t.Errorf("ref %q became %q", ref, again)
	}
	if next := openMail(t, s.Mails()[1].Data); next.Get("In-Reply-To") != m.Get("Message-Id") {
		t.Errorf("answers %s, not the digest %s", next.Get("In-Reply-To"), m.Get("Message-Id"))
	}
}
