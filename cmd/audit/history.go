package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/history"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

// minute is how times are shown in lists.
const minute = "2006-01-02 15:04 UTC"

// errorColumns is how much of an error a list shows.
const errorColumns = 120

func historyCommand(c *common) *cobra.Command {
	var outputs []string
	var limit int
	var closed bool
	var incident int64
	var diff diffFlags
	cmd := &cobra.Command{
		Use:   "history [RUN]",
		Short: "List open incidents and past runs, show one run again, or compare two",
		Long: `history lists the open incidents, what fails and is not an incident yet, the messages
that are still to be sent, the silences, what was accepted as normal, and the latest runs.

With a run it shows the report of that run again: its id, the beginning of one,
"latest", or "latest~1" for the run before the latest.

With --incident N it shows what each receiver was told of an incident and why, and
what waits to be told. TOLD in the list names the receivers that accepted a message.

With --diff RUN..RUN it says which users vanished or appeared between two runs,
who was renamed, and who has another id. "RUN.." compares with the latest run.
The order of the two does not matter. It leaves with status 2 if one of the
runs did not see all users of a hub, or if that is no longer known.`,
		Example: `  audit history
  audit history latest --output markdown
  audit history --incident 12
  audit history --diff latest~1..latest
  audit history --diff 20261120T.. --hub datahub --output json=vanished.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misusef("give one run, or none")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			diff.asked = cmd.Flags().Changed("diff")
			if err := diff.validate(args, targets); err != nil {
				return err
			}
			if limit < 1 {
				return misusef("--limit must be at least 1")
			}
			one := cmd.Flags().Changed("incident")
			if one && (len(args) > 0 || diff.asked || len(outputs) > 0) {
				return misusef("--incident goes with no run, --diff or --output")
			}
			return c.withHistory(cmd.Context(), func(cfg *config.Config, store *history.Store) error {
				switch {
				case diff.asked:
					return showDiff(cmd.Context(), c.out, store, cfg, diff, targets)
				case one:
					return showIncident(cmd.Context(), c.out, store, cfg, incident)
				case len(args) == 1:
					return showRun(cmd.Context(), c.out, store, cfg, args[0], targets)
				}
				return listHistory(cmd.Context(), c.out, store, cfg, limit, closed)
			})
		},
	}
	addOutputFlag(cmd, &outputs)
	cmd.Flags().IntVar(&limit, "limit", 10, "how many runs to list")
	cmd.Flags().BoolVar(&closed, "resolved", false, "list resolved incidents too")
	cmd.Flags().Int64Var(&incident, "incident", 0, "show who was told what of the incident with this `number`")
	cmd.Flags().StringVar(&diff.runs, "diff", "", "compare the users of two runs: `RUN..RUN`")
	cmd.Flags().StringVar(&diff.hub, "hub", "", "compare only this hub")
	return cmd
}

// past is what audit history lists.
type past struct {
	incidents, pending []verdict.Incident
	told               map[int64][]string // receivers that accepted a message, by incident
	queued             []facts.Undelivered
	silences           []verdict.Silence
	accepted           []history.Acceptance
	runs               []history.RunInfo
}

func readPast(ctx context.Context, store *history.Store, cfg *config.Config, limit int, closed bool) (p past, err error) {
	cluster := cfg.Cluster.Name
	if p.incidents, err = store.Incidents(ctx, cluster, !closed); err != nil {
		return p, err
	}
	if p.pending, err = store.Pending(ctx, cluster); err != nil {
		return p, err
	}
	if p.told, err = told(ctx, store, cluster, p.incidents); err != nil {
		return p, err
	}
	var receivers []string
	for _, r := range cfg.Notify.All() {
		receivers = append(receivers, r.Name)
	}
	if p.queued, err = store.Undelivered(ctx, cluster, receivers); err != nil {
		return p, err
	}
	if p.silences, err = silences(ctx, store, cluster, false, time.Now()); err != nil {
		return p, err
	}
	if p.accepted, err = store.Acceptances(ctx, cluster); err != nil {
		return p, err
	}
	p.runs, err = store.Runs(ctx, cluster, limit)
	return p, err
}

// showRun writes the report of a recorded run.
func showRun(ctx context.Context, w io.Writer, store *history.Store, cfg *config.Config, id string, targets []output) error {
	run, err := store.Run(ctx, cfg.Cluster.Name, id)
	if err != nil {
		return err
	}
	return writeReports(w, targets, run)
}

func listHistory(ctx context.Context, w io.Writer, store *history.Store, cfg *config.Config, limit int, closed bool) error {
	p, err := readPast(ctx, store, cfg, limit, closed)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	writeIncidents(t, p.incidents, p.told)
	writePending(t, p.pending)
	if len(p.queued) > 0 {
		fmt.Fprintln(t, "\nTO BE SENT\tMESSAGES\tSINCE\tTRIED\tERROR")
	}
	for _, u := range p.queued {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", u.Receiver, u.Messages, u.Since.Format(minute), text.Count(u.Tries, "time"), dash(text.Sentence(u.Error, errorColumns)))
	}
	if len(p.silences) > 0 {
		fmt.Fprintln(t)
		writeSilences(t, p.silences, time.Now())
	}
	if len(p.accepted) > 0 {
		fmt.Fprintln(t, "\nACCEPTED\tBY\tCHECK\tHUB\tEFFECT\tREASON")
	}
	for _, a := range p.accepted {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.At.Format(minute), text.Name(a.By), a.Check, dash(a.Hub), text.Clean(a.Effect), text.Clean(a.Reason))
	}
	if len(p.runs) > 0 {
		fmt.Fprintln(t, "\nRUN\tSTARTED\tTOOK\tPASS\tFAIL\tUNKNOWN\tSKIPPED\tVERSION")
	}
	for _, r := range p.runs {
		s := r.Summary
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", r.ID, r.StartedAt.Format(minute), r.Duration.Round(time.Millisecond),
			s.Pass, s.Fail, s.Unknown, s.Skipped, r.Version)
	}
	return t.Flush()
}

func orDash(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(minute)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
