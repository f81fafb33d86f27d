// Package outputs looks at everything that leaves the real command: that no secret
// is in it, that it stays small when everything fails at once, and that names which
// strangers chose are nothing but text in it.
package outputs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hubaudit-outputs-")
	if err == nil {
		binary = filepath.Join(dir, "audit")
		cmd := exec.Command("go", "build", "-o", binary, "./cmd/audit")
		cmd.Dir, cmd.Env, cmd.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		err = cmd.Run()
	}
	if err == nil { // most tests wait for processes that wait for their deadlines
		flag.Parse()
		err = flag.Set("test.parallel", "8")
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// site is the folder in which an operator runs the command.
type site struct {
	dir string
	env []string
}

func newSite(t testing.TB) *site {
	s := &site{dir: t.TempDir()}
	for _, folder := range []string{"home", "tmp", "out", "secrets", "dump"} {
		must(t, os.Mkdir(filepath.Join(s.dir, folder), 0o700))
	}
	s.env = []string{"HOME=" + filepath.Join(s.dir, "home"), "TMPDIR=" + filepath.Join(s.dir, "tmp"), "PATH=" + os.Getenv("PATH")}
	return s
}

// inhabit gives the site a cluster and a hub's database in which something is wrong.
func (s *site) inhabit(t testing.TB, w *facts.Snapshot) {
	t.Helper()
	must(t, world.WriteDump(filepath.Join(s.dir, "dump"), w))
	must(t, world.WriteDatabase(filepath.Join(s.dir, "jupyterhub.sqlite"), w.Hubs[0], world.CurrentSchema))
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(t testing.TB, name, content string) {
	t.Helper()
	must(t, os.WriteFile(s.path(name), []byte(content), 0o600))
}

func (s *site) read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(s.path(name))
	must(t, err)
	return content
}

// process is one that was started and has not been waited for.
type process struct {
	cmd         *exec.Cmd
	out, errOut bytes.Buffer
}

func (s *site) start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), binary, args...)}
	p.cmd.Dir, p.cmd.Env = s.dir, append(s.env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errOut
	must(t, p.cmd.Start())
	return p
}

// follow starts a command whose outputs go to a file.
func (s *site) follow(t testing.TB, log *os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, log, log
	must(t, cmd.Start())
	return cmd
}

// result is what a process left.
type result struct {
	status      int
	out, errOut string
	took        time.Duration // of the processor
	peak        int64         // bytes
}

func (p *process) wait(t testing.TB) result {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	state := p.cmd.ProcessState
	return result{state.ExitCode(), p.out.String(), p.errOut.String(), state.UserTime() + state.SystemTime(), peak(state)}
}

// audit runs a command to its end.
func (s *site) audit(t testing.TB, args ...string) result {
	t.Helper()
	return s.start(t, nil, args...).wait(t)
}

// files are those in the site, by their path in it, but for those of some folders
// and names.
func (s *site) files(t testing.TB, but ...string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, s.dir+"/")
		for _, other := range but {
			if name == other {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
		}
		if d.Type().IsRegular() {
			all[name], err = os.ReadFile(path)
		}
		return err
	}))
	return all
}
