package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/rescue"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

type rescueFlags struct {
	into, out        string
	hub              string
	backups          []string
	mapping, propose string
	outputs          []string
	timeout          time.Duration
	at               string
}

func rescueCommand(c *common) *cobra.Command {
	var f rescueFlags
	cmd := &cobra.Command{
		Use:   "rescue --into EMPTY --out NEW",
		Short: "Build a new hub database from the cluster's claims, never touching the old one",
		Long: `rescue makes the database that a hub has lost again: its users with their old ids, and
which claim each of their servers has. It reads the cluster's claims, the history's memory
of names and ids, the hub's present database, and old backups where there are any.

--into is an empty database that the hub's own version made. It is only read. Where it is
an SQLite file, --out is a new file: a copy of it with the users. Where it is on a
PostgreSQL or MySQL server, --out is a file of SQL to fill it with; - stands for standard
output, and the report goes to standard error then.

What the evidence leaves open is left out and listed, with its reason. --propose writes a
file with an entry for each; corrected, it is given back with --mapping. The checks are run
on the result. Nothing that exists is changed: not the hub, not its database, not the
cluster, and --out and --propose must not exist.

It leaves with status 1 also if anything undecided was left out, or a check of severity
error or above fails on the result. docs/rescue.md is the whole procedure.`,
		Example: `  audit rescue --into fresh.sqlite --out rescued.sqlite --propose mapping.yaml
  audit rescue --into fresh.sqlite --out rescued.sqlite --backup jupyterhub-2026-11-20.sqlite.gz
  audit rescue --into fresh.sqlite --out rescued2.sqlite --mapping mapping.yaml --output json=rescue.json
  audit rescue --into postgresql://audit@db/jupyterhub_new --out rescued.sql --hub datahub`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRescue(cmd.Context(), c, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.into, "into", "", "the empty `database` that the hub's own version made: a file, or a database URL")
	flags.StringVar(&f.out, "out", "", "the new `file` to write: a database, or SQL; - for SQL on standard output")
	flags.StringVar(&f.hub, "hub", "", "rescue this hub; the only one need not be named")
	flags.StringArrayVar(&f.backups, "backup", nil, "an old `database` of the hub: a file, which may be gzipped, or a database URL; may be repeated, the most trusted first")
	flags.StringVar(&f.mapping, "mapping", "", "a YAML `file` with decisions on what is ambiguous")
	flags.StringVar(&f.propose, "propose", "", "write a new mapping `file` with an entry for everything that is undecided")
	addFormatFlag(cmd, &f.outputs, report.RescueFormats)
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "deadline of each source")
	flags.StringVar(&f.at, "at", "", "rescue as of this `time` (RFC 3339), for a recorded world or a support bundle")
	return cmd
}

// rescuing is one run of the command.
type rescuing struct {
	*rescueFlags
	*common
	cfg      *config.Config
	suite    checks.Suite
	password string // the hub's configured one
	target   hubdb.URL
	database facts.Database // of a server: the empty one
	snapshot *facts.Snapshot
	evidence rescue.Evidence
	report   report.Rescue
	// lacking is evidence that should be there and could not be read.
	lacking error
}

func runRescue(ctx context.Context, c *common, f *rescueFlags) error {
	cfg, suite, err := c.load(nil)
	if err != nil {
		return err
	}
	r := &rescuing{rescueFlags: f, common: c, cfg: cfg, suite: suite}
	outputs, clock, err := r.validate()
	if err != nil {
		return err
	}
	if err := r.read(ctx, clock); err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	hub := r.snapshot.Hubs[slices.IndexFunc(r.snapshot.Hubs, func(h *facts.Hub) bool { return h.Name == f.hub })]
	plan, err := rescue.New(r.snapshot, hub, r.evidence)
	var wrong *rescue.MappingError
	switch {
	case errors.As(err, &wrong):
		return misuse{err}
	case err != nil:
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	r.report.Cluster, r.report.At, r.report.Namespace, r.report.Plan = cfg.Cluster.Name, r.snapshot.Now, hub.Namespace, plan
	r.report.Engine, r.report.Into = r.target.Engine, r.target.String()
	written := r.write(ctx)
	return r.answer(errors.Join(written, r.writeProposal(), r.writeReports(outputs)))
}

// answer turns the rescue into the command's answer. failed is what could not
// be written or read back.
func (r *rescuing) answer(failed error) error {
	if err := errors.Join(r.lacking, failed); err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	if n := len(r.report.Differences); n > 0 {
		return fmt.Errorf("%w: the new database is not as it was planned: %s", errIncomplete, r.report.Differences[0])
	}
	run := verdict.Run{Verdicts: r.report.Verdicts}
	if err := judged(&run, string(verdict.Error), true); err != nil {
		return err
	}
	if r.report.Plan.Undecided() > 0 {
		return errFindings
	}
	if r.report.Out == "" {
		return fmt.Errorf("%w: no claim, backup or history tells of any user: there is nothing to write", errIncomplete)
	}
	return nil
}

// write writes the new database, reads it back and judges it. A plan without
// users writes nothing.
func (r *rescuing) write(ctx context.Context) error {
	plan := r.report.Plan
	if len(plan.Users) == 0 {
		return nil
	}
	var rescued *facts.Hub
	if r.target.Engine == hubdb.SQLite {
		written, err := rescue.WriteSQLite(ctx, r.target.Path, r.out, plan)
		if err != nil {
			return err
		}
		r.report.Out, r.report.Written = r.out, written
		if rescued, err = readBack(ctx, r.out); err != nil {
			return err
		}
		r.report.Differences = rescue.Verified(plan, rescued)
	} else {
		if err := r.writeSQL(); err != nil {
			return err
		}
		r.report.Out, rescued = r.out, plan.Rows(r.database)
	}
	r.report.Verdicts = audit.VerifyRescue(r.suite, r.snapshot, r.hub, rescued)
	return nil
}

func readBack(ctx context.Context, file string) (*facts.Hub, error) {
	url, err := fileURL(file)
	if err != nil {
		return nil, err
	}
	result, err := hubdb.Read(ctx, hubdb.Options{URL: url})
	if err != nil {
		return nil, fmt.Errorf("read the new database back: %w", err)
	}
	return asHub(result), nil
}

func (r *rescuing) writeSQL() error {
	print := func(w io.Writer) error { return rescue.WriteSQL(w, &r.database, r.report.Plan) }
	if r.out != "-" {
		return writeNew(r.out, print)
	}
	w := bufio.NewWriter(r.common.out)
	return errors.Join(print(w), w.Flush())
}

func (r *rescuing) writeProposal() error {
	if r.propose == "" {
		return nil
	}
	err := writeNew(r.propose, func(w io.Writer) error { return r.report.Plan.WriteProposal(w, r.evidence.Mapping) })
	if err == nil {
		r.report.Proposal = r.propose
	}
	return err
}

// writeNew writes a file that must not exist, and that only its owner may read.
// What could not be written to the end is removed.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the new file %s: %w", path, err)
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the new file %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// writeReports writes the reports; beside SQL on standard output, those without
// a file go to standard error.
func (r *rescuing) writeReports(outputs []output) error {
	to := r.common.out
	if r.out == "-" {
		to = r.common.err
	}
	return writeAll(to, outputs, "report", func(w io.Writer, format string, o report.Options) error {
		return report.WriteRescue(w, format, &r.report, checks.Guides(), o)
	})
}

// vacant refuses a file that is there already.
func vacant(flag, path string) error {
	if path == "" || path == "-" {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return misusef("%s %s: it exists already, and nothing that exists is written to: name a new file", flag, path)
	}
	return nil
}

// isURL tells a database URL from a file.
func isURL(s string) bool { return strings.Contains(s, "://") }
