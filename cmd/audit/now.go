package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/verdict"
)

// failOnNever is the value of --fail-on for which findings do not count.
const failOnNever = "never"

type nowFlags struct {
	outputs  []string
	failOn   string
	noNotify bool
	hubs     []string
	checks   []string
	timeout  time.Duration
	at       string
}

func nowCommand(c *common) *cobra.Command {
	var f nowFlags
	cmd := &cobra.Command{
		Use:   "now",
		Short: "Run one audit: gather, check, remember, report, notify",
		Long: `now reads every configured source, judges every check, remembers the run in the
history, prints the report and tells the configured receivers what changed.`,
		Example: `  audit now
  audit now --output markdown=report.md --output json=report.json
  audit now --hub datahub --check hub-db-corrupt --no-notify`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runNow(cmd, c, &f) },
	}
	flags := cmd.Flags()
	addOutputFlag(cmd, &f.outputs)
	flags.StringVar(&f.failOn, "fail-on", "warning", "exit with 1 for findings of this severity and above: critical, error, warning, info or never")
	flags.BoolVar(&f.noNotify, "no-notify", false, "send no message")
	flags.StringArrayVar(&f.hubs, "hub", nil, "judge only this hub (and the cluster); may be repeated")
	flags.StringArrayVar(&f.checks, "check", nil, "judge only this check; may be repeated")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "deadline of each source")
	flags.StringVar(&f.at, "at", "", "audit as of this `time` (RFC 3339), for a recorded world or a support bundle")
	return cmd
}

func runNow(cmd *cobra.Command, c *common, f *nowFlags) error {
	log, err := c.logger()
	if err != nil {
		return err
	}
	cfg, suite, err := c.load(f.checks)
	if err != nil {
		return err
	}
	outputs, clock, err := f.validate(cfg)
	if err != nil {
		return err
	}
	progress := startProgress(c.err)
	run, err := audit.Now(cmd.Context(), cfg, audit.Options{
		Suite: suite, Hubs: f.hubs, Version: version(), Clock: clock, Timeout: f.timeout,
		Progress: progress.items, Log: log, Notify: !f.noNotify,
		Report: func(run *verdict.Run) error {
			progress.stop()
			return writeReports(c.out, outputs, run)
		},
	})
	progress.stop()
	if err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	return judged(run, f.failOn, len(f.hubs)+len(f.checks) > 0)
}

// validate checks the flags before anything is read.
func (f *nowFlags) validate(cfg *config.Config) ([]output, func() time.Time, error) {
	if f.failOn != failOnNever {
		if _, err := verdict.ParseSeverity(f.failOn); err != nil {
			return nil, nil, misusef("--fail-on: %v, or never", err)
		}
	}
	outputs, err := parseOutputs(f.outputs)
	if err != nil {
		return nil, nil, err
	}
	clock, err := gatherFlags(cfg, f.hubs, f.timeout, f.at)
	return outputs, clock, err
}

// gatherFlags checks the flags of every command that reads the sources, and
// returns its clock: one that stands still at --at, if that is set.
func gatherFlags(cfg *config.Config, hubs []string, timeout time.Duration, at string) (func() time.Time, error) {
	for _, name := range hubs {
		if !slices.ContainsFunc(cfg.Hubs, func(h config.Hub) bool { return h.Name == name }) {
			return nil, misusef("--hub %q: no hub of that name in %s", name, cfg.File())
		}
	}
	if timeout <= 0 {
		return nil, misusef("--timeout must be positive")
	}
	if at == "" {
		return time.Now, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return nil, misusef("--at %q: want a time such as 2017-02-09T09:12:00Z", at)
	}
	return func() time.Time { return t }, nil
}

// hubOf completes the hub's name for a command that concerns one check: a check
// of the cluster has none, and the only hub need not be named.
func hubOf(cfg *config.Config, check *checks.Check, name string) (string, error) {
	if check.Scope == checks.PerCluster {
		if name != "" {
			return "", misusef("%s is a check of the cluster: leave --hub out", check.ID)
		}
		return "", nil
	}
	var names []string
	for _, h := range cfg.Hubs {
		names = append(names, h.Name)
	}
	if name == "" && len(names) == 1 {
		return names[0], nil
	}
	if !slices.Contains(names, name) {
		return "", misusef("--hub: name one of %s", strings.Join(names, ", "))
	}
	return name, nil
}
