package outputs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"hubaudit/internal/config"
	"hubaudit/test/harness"
)

// TestWrittenOut: an error about a configuration with all secrets written out in it,
// broken anywhere and in any way, quotes none of them.
func TestWrittenOut(t *testing.T) {
	t.Parallel()
	p := plant(t, options{odd: true})
	written := p.read(t, "hubaudit.yaml")
	for _, line := range p.env { // the variables' values in their places
		name, value, _ := strings.Cut(line, "=")
		written = bytes.ReplaceAll(written, []byte("${"+name+"}"), []byte(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)))
	}
	known := map[string][]string{"hub-user-count-drift": nil}
	none := func(string) (string, bool) { return "", false }
	seen := map[string]bool{}
	look := func(file []byte) {
		c, err := config.Parse("hubaudit.yaml", file, known, none)
		text := ""
		if err != nil {
			text = fmt.Sprintf("%v %+v %#v", err, err, err)
		} else {
			text = fmt.Sprint(c.Warnings())
		}
		if leaks := p.in([]byte(text)); leaks != nil && !seen[leaks[0]] && len(seen) < 10 {
			seen[leaks[0]] = true
			t.Errorf("an error shows %s", leaks)
		}
	}
	const marks = "\n\t\"'{}[]:#&*!|>%@-,"
	look(written)
	for i := 0; i < len(written); i += 3 {
		look(written[:i])
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		broken := bytes.Clone(written)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(broken))
			switch insert := marks[random.IntN(len(marks))]; random.IntN(3) {
			case 0:
				broken[i] = insert
			case 1:
				broken = append(broken[:i], broken[min(len(broken), i+1+random.IntN(8)):]...)
			default:
				broken = append(broken[:i], append([]byte{insert}, broken[i:]...)...)
			}
		}
		look(broken)
	}
}

// TestMistakes: no command shows a secret of a configuration that is wrong near it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	commands := [][]string{{"config", "check"}, {"notify", "test"}, {"history", "--resolved"}, {"silence", "list"}}
	type mistaken struct {
		*planted
		process *process
		name    string
	}
	var runs []mistaken
	for name, spoil := range map[string]func(p *planted){
		"URLs in variables": func(p *planted) {
			for i, line := range p.env {
				p.env[i] = strings.Replace(line, "=http://", "=http://%zz:", 1)
			}
		},
		"URLs without a scheme": func(p *planted) {
			for i, line := range p.env {
				p.env[i] = strings.Replace(line, "=http://", "=", 1)
			}
		},
		"line breaks in variables": func(p *planted) {
			for i, line := range p.env {
				if strings.HasPrefix(line, "PLANTED") {
					p.env[i] = line + "\r\nX-Header: " + strings.Repeat("x", 10)
				}
			}
		},
		"a file is a folder": func(p *planted) {
			for i := range p.given {
				name := p.path(fmt.Sprintf("secrets/%d", i+1))
				if os.Remove(name) == nil {
					must(t, os.Mkdir(name, 0o700))
				}
			}
		},
		"more in files": func(p *planted) {
			for i := range p.given {
				name := fmt.Sprintf("secrets/%d", i+1)
				if content, err := os.ReadFile(p.path(name)); err == nil {
					p.write(t, name, "# "+name+"\n"+string(content)+"\x00\xff\nmore\n")
				}
			}
		},
		"a variable is missing": func(p *planted) { p.env = p.env[:len(p.env)-1] },
		"an unknown key": func(p *planted) {
			p.write(t, "hubaudit.yaml", string(p.read(t, "hubaudit.yaml"))+"notifi: ${PLANTED_2}\n")
		},
	} {
		for _, odd := range []bool{false, true} {
			p := plant(t, options{odd: odd, history: map[bool]string{true: inServersURL}[odd], answer: refuse(http.StatusBadRequest)})
			spoil(p)
			for _, command := range commands {
				if command[0] == "notify" && strings.Contains(name, " in ") {
					continue // each receiver is tried for long; the run below tries them all at once
				}
				p.secret(t, fmt.Sprintf("%s: %s", name, command[0]), p.audit(t, command...))
			}
			runs = append(runs, mistaken{p, p.start(t, nil, now()...), name})
		}
	}
	for _, r := range runs { // which wait for most of their time
		p := r.process.wait(t)
		r.secret(t, r.name+": now", p)
	}
}

// TestWatched: what audit watch serves and logs, while it runs, when it is given a
// broken configuration, when it is stopped, and when it is made to show where it is.
func TestWatched(t *testing.T) {
	t.Parallel()
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT} {
		p := plant(t, options{answer: refuse(http.StatusBadRequest), odd: end == syscall.SIGQUIT})
		log, err := os.Create(p.path("log"))
		must(t, err)
		running := p.follow(t, log, "watch", "--timeout", "3s", "--schedule", "@every 1h", "--listen", "127.0.0.1:0", "--log-level", "debug")
		read := func() string { return string(p.read(t, "log")) }
		harness.Poll(t, "the report", func(context.Context) error {
			if strings.Contains(read(), "heartbeat was not heard") && strings.Contains(read(), `"signal":"log"`) {
				return nil
			}
			return fmt.Errorf("not yet: %s", read())
		})
		_, address, _ := strings.Cut(read(), `"address":"`)
		address, _, _ = strings.Cut(address, `"`)
		for _, path := range []string{"/", "/report.json", "/report.md", "/metrics", "/healthz", "/readyz", "/debug/pprof/cmdline", "/debug/vars", "/nowhere"} {
			resp, err := http.Get("http://" + address + path)
			must(t, err)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			must(t, resp.Body.Close())
			p.absent(t, path, append(fmt.Append(nil, resp.Header), body...))
			if path == "/" && !bytes.Contains(body, []byte("hub-cookie-id-null")) {
				t.Errorf("this is no report: %.500s", body)
			}
		}
		p.write(t, "hubaudit.yaml", string(p.read(t, "hubaudit.yaml"))+"unknown: \"${PLANTED_2}\"\n")
		must(t, running.Process.Signal(syscall.SIGHUP))
		harness.Poll(t, "the refusal of the configuration", func(context.Context) error {
			if strings.Contains(read(), "unknown") {
				return nil
			}
			return fmt.Errorf("not yet: %s", read())
		})
		must(t, running.Process.Signal(end))
		_ = running.Wait() // its status depends on the signal
		must(t, log.Close())
		if end == syscall.SIGQUIT && !strings.Contains(read(), "goroutine ") {
			t.Error("it did not show where it is")
		}
		p.secret(t, "watch", result{})
	}
}
