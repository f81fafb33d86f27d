package outputs

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"hubaudit/test/servers"
)

// unreached is a run that reaches nobody.
type unreached struct {
	with options
	env  []string
	// during is called while the run goes on.
	during func(t *testing.T, p *planted, running *process)

	*planted
	process *process
}

// elsewhere gives every sink another address, of which only the beginning differs.
func elsewhere(base string) func(*planted, string) string {
	return func(*planted, string) string { return base }
}

// TestUnreached: runs whose receivers and sources hang, break connections, show a
// certificate that nobody knows, have no address, or stand behind a proxy. All of
// them go on at the same time, as they mostly wait.
func TestUnreached(t *testing.T) {
	t.Parallel()
	selfSigned := httptest.NewUnstartedServer(http.NotFoundHandler())
	_, silent := newUnstartedSink(nil)
	selfSigned.Config.ErrorLog = silent.Config.ErrorLog
	silent.Close()
	selfSigned.StartTLS()
	t.Cleanup(selfSigned.Close)

	// A proxy wants a login and repeats it. Loopback never goes through one.
	proxySecret := random()
	proxied := newSink(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = io.WriteString(w, r.Header.Get("Proxy-Authorization")+" "+proxySecret)
	})
	through := func(address string) []string {
		return []string{"HTTP_PROXY=" + address, "HTTPS_PROXY=" + address, "http_proxy=" + address, "https_proxy=" + address}
	}
	login := "http://audit:" + proxySecret + "@"

	struck := make(chan struct{}, 100)
	cases := map[string]*unreached{
		"cut":           {with: options{answer: cut}},
		"cut, odd":      {with: options{answer: cut, odd: true}},
		"hang":          {with: options{answer: hang(func() { struck <- struct{}{} })}, during: stopped(struck)},
		"certificate":   {with: options{address: elsewhere(selfSigned.URL)}},
		"plain for TLS": {with: options{address: func(p *planted, sink string) string { return strings.Replace(p.sinks[sink].url, "http:", "https:", 1) }}},
		// Names that end in .onion are never asked of a name server: RFC 7686.
		"no such name":         {with: options{address: elsewhere("https://nowhere.onion")}},
		"proxy refuses":        {with: options{address: elsewhere("https://receiver.example.org")}, env: through(login + proxied.host)},
		"proxy is down":        {with: options{address: elsewhere("https://receiver.example.org"), odd: true}, env: through(login + "127.0.0.1:1")},
		"proxy without scheme": {with: options{address: elsewhere("https://receiver.example.org")}, env: through("audit:" + proxySecret + "@127.0.0.1:1")},
		"broken proxy":         {with: options{address: elsewhere("https://receiver.example.org")}, env: through(login + "[127.0.0.1")},
		"broken login":         {with: options{address: elsewhere("https://receiver.example.org")}, env: through("http://audit:" + proxySecret + "/x%zz@127.0.0.1:1")},
		"history is down":      {with: options{history: inServer}},
		"history is down, URL": {with: options{history: inServersURL, odd: true}},
	}
	for name, c := range cases {
		p := plant(t, c.with)
		c.planted = p
		c.add("proxy", proxySecret)
		c.process = c.start(t, c.env, now("--log-level", "debug")...)
		if c.during != nil {
			t.Run(name+", meanwhile", func(t *testing.T) { c.during(t, p, c.process) })
		}
	}
	for name, c := range cases {
		r := c.process.wait(t)
		c.secret(t, name, r)
		if r.status != 2 {
			t.Errorf("%s: status %d\n%.2000s", name, r.status, r.errOut)
		}
	}
	if proxied.asked.Load() == 0 {
		t.Error("the proxy was not asked")
	}
	var own secrets
	for _, c := range cases {
		for what, value := range c.values {
			if what != "proxy" {
				own.add(what, value)
			}
		}
	}
	own.absent(t, "what the proxy was sent", proxied.received())
}

// stopped waits until the receivers hang, looks at what others see of the process,
// and ends it.
func stopped(struck <-chan struct{}) func(*testing.T, *planted, *process) {
	return func(t *testing.T, p *planted, running *process) {
		<-struck
		pid := running.cmd.Process.Pid
		seen, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		must(t, err)
		p.absent(t, "the command line", seen)
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		must(t, err)
		for _, child := range strings.Fields(string(children)) {
			for _, what := range []string{"cmdline", "environ"} {
				seen, err := os.ReadFile("/proc/" + child + "/" + what)
				if err == nil {
					p.absent(t, "a child's "+what, seen)
				}
			}
		}
		must(t, running.cmd.Process.Signal(syscall.SIGTERM))
	}
}

// TestHistoryServer: neither a history in PostgreSQL nor what the server says of a
// wrong password shows a secret.
func TestHistoryServer(t *testing.T) {
	t.Parallel()
	d := servers.StartPostgres(t)
	for _, o := range []options{{history: inServer}, {history: inServersURL, odd: true}} {
		o.server, o.answer = fmt.Sprintf("localhost:%d", d.Port), refuse(http.StatusBadRequest)
		p := plant(t, o)
		d.Exec(t, "", "DROP DATABASE IF EXISTS history WITH (FORCE)", "DROP ROLE IF EXISTS auditor", "CREATE ROLE auditor LOGIN PASSWORD 'another'", "CREATE DATABASE history OWNER auditor")
		if r := p.run(t, now("--timeout", "1s"), 2); !strings.Contains(r.out, "password is wrong") {
			t.Errorf("the server took a wrong password, or was not asked: %s", r.out)
		}
		password := p.values[o.key()]
		d.Exec(t, "", "ALTER ROLE auditor PASSWORD '"+password+"'")
		for range 2 {
			p.run(t, now("--timeout", "1s"), 2)
		}
		p.run(t, []string{"history", "--resolved"}, 0)
		p.run(t, []string{"silence", "hub-cookie-id-null", "--for", "1h", "--reason", "a test"}, 0)
		p.run(t, []string{"silence", "list"}, 0)
		p.run(t, []string{"report", "--output", "json"}, 0)
		p.run(t, []string{"accept", "hub-user-count-drift", "--hub", "datahub", "--reason", "a test"}, 0, 1, 2, 3)
		var dumped []byte
		must(t, d.Admin(t, "history").QueryRowContext(t.Context(), "SELECT database_to_xml(true, false, '')::text").Scan(&dumped))
		if !bytes.Contains(dumped, []byte("hub-cookie-id-null")) {
			t.Errorf("this is no history: %.300q", dumped)
		}
		p.absent(t, "the history", dumped)
	}
}

// key is where the password of the history stands.
func (o options) key() string {
	if o.history == inServersURL {
		return "history"
	}
	return "historyPassword"
}
