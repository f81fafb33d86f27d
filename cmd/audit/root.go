package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/history"
)

// streams are the process's; tests pass their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// common are the flags of every command that reads the configuration.
type common struct {
	streams
	config    string
	logLevel  string
	logFormat string
}

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	status := exitStatus(err)
	if err != nil && !errors.Is(err, errFindings) {
		fmt.Fprintf(s.err, "audit: %v\n", err)
	}
	if status == exitMisuse {
		fmt.Fprintf(s.err, "See %s --help.\n", cmd.CommandPath())
	}
	return status
}

func newRoot(s streams) *cobra.Command {
	c := &common{streams: s}
	root := &cobra.Command{
		Use:   "audit",
		Short: "Audit a JupyterHub on Kubernetes before its users' data is lost",
		Long: `audit reads the hub's database, the cluster's volumes, Longhorn's replicas and the
backups, holds them against a registry of invariants, writes a report and tells on-call.
It writes to nothing that it audits.`,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misusef("unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	f := root.PersistentFlags()
	f.StringVar(&c.config, "config", "hubaudit.yaml", "configuration `file`")
	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFormat, "log-format", "auto", "json, console, or auto: console on a terminal, else json")
	root.AddCommand(nowCommand(c), watchCommand(c), reportCommand(c), drainCommand(c), predictCommand(c), rescueCommand(c), checksCommand(c), explainCommand(c), acceptCommand(c), silenceCommand(c), historyCommand(c),
		configCommand(c), notifyCommand(c), versionCommand(c))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagMisuse(err) })
	root.SetUsageTemplate(root.UsageTemplate() + "\n" + exitTable + "\n")
	root.InitDefaultCompletionCmd()
	return root
}

// flagMisuse is what cobra says of a flag, and how days are written, which Go's
// durations do not know.
func flagMisuse(err error) error {
	if strings.Contains(err.Error(), `unknown unit "d"`) {
		return misusef("%w; write days as hours, such as 48h", err)
	}
	return misuse{err}
}

// exactArgs is cobra.ExactArgs as a misuse that says what is wanted.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return misusef("give %s", what)
		}
		return nil
	}
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misusef("unexpected argument %q", args[0])
	}
	return nil
}

// load reads the configuration and the suite of checks that it describes.
func (c *common) load(only []string) (*config.Config, checks.Suite, error) {
	cfg, err := config.Load(c.config, settingKeys())
	if err != nil {
		return nil, nil, misuse{err}
	}
	set, err := settings(cfg)
	if err != nil {
		return nil, nil, misuse{err}
	}
	suite, err := checks.NewSuite(set, only)
	if err != nil {
		return nil, nil, misuse{located(cfg, err)}
	}
	return cfg, suite, nil
}

// withHistory reads the configuration and opens the history for as long as do takes.
func (c *common) withHistory(ctx context.Context, do func(cfg *config.Config, store *history.Store) error) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	store, err := audit.OpenHistory(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	return do(cfg, store)
}

func (c *common) logger() (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.logLevel)
	if err != nil || !slices.Contains([]string{"debug", "info", "warn", "error"}, c.logLevel) {
		return zerolog.Nop(), misusef("--log-level %q: use debug, info, warn or error", c.logLevel)
	}
	w := c.err
	switch {
	case c.logFormat == "console" || c.logFormat == "auto" && isTerminal(c.err):
		w = zerolog.ConsoleWriter{Out: c.err, TimeFormat: time.TimeOnly, NoColor: !isTerminal(c.err)}
	case c.logFormat != "json" && c.logFormat != "auto":
		return zerolog.Nop(), misusef("--log-format %q: use json, console or auto", c.logFormat)
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colour tells whether a writer wants it: https://no-color.org.
func colour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && !strings.HasPrefix(os.Getenv("TERM"), "dumb")
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 80
}
