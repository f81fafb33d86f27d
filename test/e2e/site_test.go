package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// site is where an operator runs the audit: a folder with the configuration,
// the hub's database, its backups and the history, and a kubeconfig.
type site struct {
	dir        string
	kubeconfig string
	at         time.Time // of the next run
	env        []string  // besides what every command has
}

// newSite makes a site for a world. notify is the configuration's section of
// that name, or empty.
func newSite(t *testing.T, s *facts.Snapshot, kubeconfig, notify string) *site {
	t.Helper()
	p := &site{dir: t.TempDir(), kubeconfig: kubeconfig, at: s.Now}
	p.writeDatabase(t, s)
	p.writeBackups(t, s)
	hub := s.Hubs[0]
	p.configure(t, fmt.Sprintf(`hubs:
  - name: %s
    namespace: %s
    database: sqlite:///jupyterhub.sqlite
    backups: [{name: nightly, files: "backups/jupyterhub-*.sqlite.gz", schedule: "0 3 * * *"}]
history: sqlite:history.db
%s`, hub.Name, hub.Namespace, notify))
	return p
}

// writeDatabase puts the hub's database as it is in this world.
func (p *site) writeDatabase(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	if err := world.WriteDatabase(filepath.Join(p.dir, "jupyterhub.sqlite"), s.Hubs[0], world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
}

// writeBackups puts the copies of the database that the hub has in this world.
func (p *site) writeBackups(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	if err := world.WriteBackups(filepath.Join(p.dir, "backups"), s.Hubs[0], world.CurrentSchema); err != nil {
		t.Fatal(err)
	}
}

func (p *site) configure(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "hubaudit.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configureHub adds keys to the configuration of the only hub.
func (p *site) configureHub(t *testing.T, keys string) {
	t.Helper()
	const before = "    backups: ["
	p.configure(t, strings.Replace(p.read(t, "hubaudit.yaml"), before, "    "+keys+"\n"+before, 1))
}

// run is one `audit now`, and what it left.
type run struct {
	status                       int
	terminal, markdown, jsonText string
	stderr                       string
	report                       report
}

// report is the part of the JSON report that tests look at.
type report struct {
	Notes   []string
	Sources []struct {
		Name, Status, Cause, Detail string
		Items                       map[string]int
	}
	Verdicts []struct {
		Check, Hub, Verdict, Severity, Summary string
		Findings                               []finding
	}
	Incidents []struct{ Check, State string }
	Coverage  []struct{ Database []databaseCopy }
}

// databaseCopy is what the table of what has backups says of one place of copies of
// the database.
type databaseCopy struct{ Name, Tested, Level string }

type finding struct {
	Subject           struct{ Kind, Name, Namespace string }
	Severity, Message string
	Details           map[string]string
}

// audit runs `audit now` five minutes after the last run, and reads the reports.
func (p *site) audit(t *testing.T, args ...string) *run {
	t.Helper()
	at := p.at.Format(time.RFC3339)
	p.at = p.at.Add(5 * time.Minute)
	return p.finish(t, append([]string{"now", "--config", "hubaudit.yaml", "--at", at, "--output", "terminal",
		"--output", "markdown=report.md", "--output", "json=report.json"}, args...)...)
}

// finish runs the command and reads the reports that it was told to write.
func (p *site) finish(t *testing.T, args ...string) *run {
	t.Helper()
	r := p.command(t, args...)
	if r.status == 3 {
		t.Fatalf("audit %s: %s", strings.Join(args, " "), r.stderr)
	}
	r.markdown, r.jsonText = p.take(t, "report.md"), p.take(t, "report.json")
	if err := json.Unmarshal([]byte(r.jsonText), &r.report); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, r.jsonText)
	}
	return r
}

// take reads a report and removes it, so that the next run has to write its own.
func (p *site) take(t *testing.T, name string) string {
	t.Helper()
	content := p.read(t, name)
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		t.Fatal(err)
	}
	return content
}

func (p *site) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// command runs the real command in the site's folder, in an environment that
// has nothing of this process but the kubeconfig.
func (p *site) command(t *testing.T, args ...string) *run {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = p.dir
	cmd.Env = append([]string{"HOME=" + p.dir, "TZ=Australia/Melbourne", "KUBECONFIG=" + p.kubeconfig}, p.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("run audit %s: %v", strings.Join(args, " "), err)
	}
	return &run{status: cmd.ProcessState.ExitCode(), terminal: out.String(), stderr: errOut.String()}
}

// outcome is what a run said, in short. What is not named passed.
type outcome struct {
	Status int
	// Fail has the subjects of the findings by check and severity.
	Fail             map[string][]string
	Unknown, Skipped []string
	// Failed and Absent are sources, failed ones with their cause.
	Failed, Absent []string
}

// notApplicable are checks that these worlds skip at all times: their hub is
// older than JupyterHub 6, has no REST API, and gives each server a claim; there
// is no Prometheus, and too few runs to tell how far apart they are to be.
var notApplicable = []string{"audit-stale", "hub-server-name-invalid", "hub-source-disagree", "subpath-scheme-change", "hub-db-volume-full"}

func (r *run) outcome() outcome {
	o := outcome{Status: r.status, Fail: map[string][]string{}}
	for _, v := range r.report.Verdicts {
		switch v.Verdict {
		case "fail":
			for _, f := range v.Findings {
				key := v.Check + " " + f.Severity
				o.Fail[key] = append(o.Fail[key], strings.TrimSpace(f.Subject.Kind+" "+f.Subject.Name))
			}
		case "unknown":
			o.Unknown = append(o.Unknown, v.Check)
		case "skipped":
			if !slices.Contains(notApplicable, v.Check) {
				o.Skipped = append(o.Skipped, v.Check)
			}
		}
	}
	for _, s := range r.report.Sources {
		switch s.Status {
		case "failed":
			o.Failed = append(o.Failed, s.Name+" "+s.Cause)
		case "absent":
			o.Absent = append(o.Absent, s.Name)
		}
	}
	return o
}

// expect compares the whole outcome of a run.
func (r *run) expect(t *testing.T, want outcome) {
	t.Helper()
	sorted := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want, r.outcome(), cmpopts.EquateEmpty(), sorted); diff != "" {
		t.Errorf("the run (-want +got):\n%s\nstandard error:\n%s\nreport:\n%s", diff, r.stderr, r.terminal)
	}
}

// detail is what the report says about a source.
func (r *run) detail(source string) string {
	for _, s := range r.report.Sources {
		if s.Name == source {
			return s.Detail
		}
	}
	return ""
}

// incidents are the checks whose incidents are in this state after the run.
func (r *run) incidents(state string) []string {
	var ids []string
	for _, i := range r.report.Incidents {
		if i.State == state {
			ids = append(ids, i.Check)
		}
	}
	slices.Sort(ids)
	return ids
}

// firstRun is what the first run of a history has to skip.
var firstRun = []string{"hub-user-count-drift", "hub-user-id-changed", "hub-db-pvc-replaced"}

// needing are the checks that need or use one of these sources, for which they
// are unknown when it fails.
func needing(sources ...string) []string {
	var ids []string
	for _, c := range checks.Registry {
		if slices.ContainsFunc(slices.Concat(c.Needs, c.Uses), func(s string) bool { return slices.Contains(sources, s) }) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// without is a list but for what is in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
