package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/internal/audit"
	"hubaudit/internal/drain"
	"hubaudit/internal/text"
	"hubaudit/report"
)

type drainFlags struct {
	drain.Options
	outputs []string
	all     bool
	timeout time.Duration
	at      string
}

func drainCommand(c *common) *cobra.Command {
	var f drainFlags
	cmd := &cobra.Command{
		Use:   "drain NODE…",
		Short: "Tell which volumes a drain of these nodes would lose, before it does",
		Long: `drain reads every configured source and tells which volumes, and whose, would lose their
last usable copy if these nodes were drained and taken away in this order, which would keep
fewer copies than --keep, which servers stop, what Longhorn of the installed version would
itself block and what not, and which order is the safest.

It drains nothing. A drained node is taken to lose what lies on it: a reboot that keeps the
disks does not. It looks at Longhorn's replicas and shards, at volumes on nodes' own disks,
and at pools of Ceph; a hub's or user's volume on storage that does not show where it lies
cannot be told.

With --rolling each node comes back as a new, empty one; without names all nodes that hold
data are, in the safest order found. With --wait-rebuild everything is rebuilt between two
nodes that Longhorn rebuilds by itself.

Exit status 0 means safe, 1 not safe, 2 that it could not be told.`,
		Example: `  audit drain worker-2
  audit drain worker-2 worker-3 --keep 2
  audit drain --rolling --wait-rebuild
  audit drain worker-2 --output json=drain.json --output terminal`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Nodes = args
			return runDrain(cmd, c, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.outputs, "output", "o", nil,
		"`FORMAT[=FILE]`: "+strings.Join(report.DrainFormats, ", ")+"; may be repeated; terminal by default")
	flags.BoolVar(&f.Rolling, "rolling", false, "a rolling rebuild: each node comes back as a new, empty one; of all nodes with data if none is named")
	flags.BoolVar(&f.WaitRebuild, "wait-rebuild", false, "between two nodes, wait until Longhorn has rebuilt what it rebuilds by itself")
	flags.IntVar(&f.Keep, "keep", 1, "how many usable copies of each volume must remain")
	flags.BoolVar(&f.all, "all", false, "list every volume, however many there are")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "deadline of each source")
	flags.StringVar(&f.at, "at", "", "as of this `time` (RFC 3339), for a recorded world or a support bundle")
	return cmd
}

func runDrain(cmd *cobra.Command, c *common, f *drainFlags) error {
	if len(f.Nodes) == 0 && !f.Rolling {
		return misusef("name the nodes to drain, or give --rolling for all of them")
	}
	if f.Keep < 1 {
		return misusef("--keep %d: at least 1 copy must remain", f.Keep)
	}
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	clock, err := gatherFlags(cfg, nil, f.timeout, f.at)
	if err != nil {
		return err
	}
	outputs, err := parseFormats(f.outputs, report.DrainFormats)
	if err != nil {
		return err
	}
	progress := startProgress(c.err)
	snapshot, err := audit.Gather(cmd.Context(), cfg, audit.Options{Version: version(), Clock: clock, Timeout: f.timeout, Progress: progress.items})
	progress.stop()
	if err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	plan, err := drain.Plan(snapshot, f.Options)
	if err != nil {
		return misuse{err}
	}
	d := &report.Drain{Cluster: snapshot.ClusterName, At: snapshot.Now, Result: plan, All: f.all}
	if err := writeDrain(c.out, outputs, d); err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	return drained(plan)
}

// drained turns a plan into the command's answer.
func drained(r *drain.Result) error {
	unknown := r.Unknown
	if n := len(r.Unclear); n > 0 {
		unknown = append(unknown[:len(unknown):len(unknown)], "the storage of "+text.Count(n, "volume")+" does not show whether it outlives the drain")
	}
	switch {
	case len(unknown) > 0 && r.Costs():
		return fmt.Errorf("%w, and not safe: %s", errIncomplete, strings.Join(unknown, "; "))
	case len(unknown) > 0:
		return fmt.Errorf("%w: %s", errIncomplete, strings.Join(unknown, "; "))
	case !r.Safe:
		return errFindings
	}
	return nil
}

func writeDrain(stdout io.Writer, outputs []output, d *report.Drain) error {
	return writeAll(stdout, outputs, "drain", func(w io.Writer, format string, o report.Options) error {
		return report.WriteDrain(w, format, d, o)
	})
}
