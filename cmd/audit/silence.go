package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/silence"
	"hubaudit/internal/text"
	"hubaudit/internal/verdict"
)

type silenceFlags struct {
	verdict.Silence
	from, until string
	lasts       time.Duration
}

func silenceCommand(c *common) *cobra.Command {
	var f silenceFlags
	cmd := &cobra.Command{
		Use:   "silence CHECK",
		Short: "Tell nobody of some findings for a while, with a reason and an end",
		Long: `silence keeps the messages about what it covers from being sent until it ends. It hides
nothing: the findings stay in the report, in a section of their own, and their incident
stays open. They do not count for --fail-on.

CHECK, --hub and --subject are globs, such as lh-* or student-0*. A subject is named as in
the report, by its name or as NAMESPACE/NAME; a * does not go beyond a /. Findings that only
mention a name, such as those of a node with somebody's home, are not covered by it. Where
only some findings of a check are covered, the others are told of as if they were all.

Checks of the cluster have the hub "": --hub "" covers only them, the default * all.`,
		Example: `  audit silence lh-disk-not-ready --subject worker-4 --for 48h --reason "disk is ordered, ticket 4711"
  audit silence 'backup-*' --hub sandbox --until 2026-12-24 --reason "moved at the end of term"
  audit silence list
  audit silence end 3`,
		Args: exactArgs(1, "one check or a glob of checks"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Check = args[0]
			return makeSilence(cmd.Context(), c, f, time.Now())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Hub, "hub", "*", "only findings of hubs that this glob matches")
	flags.StringVar(&f.Subject, "subject", silence.All, "only findings whose subject this glob matches")
	flags.DurationVar(&f.lasts, "for", 0, "how long, such as 48h; at most 90 days")
	flags.StringVar(&f.until, "until", "", "instead of --for: a `time` (RFC 3339), or a date, whose whole day in UTC counts")
	flags.StringVar(&f.from, "from", "", "the `time` (RFC 3339) at which it begins, if not now")
	flags.StringVar(&f.Reason, "reason", "", "why; kept in the history and shown in reports")
	flags.StringVar(&f.By, "by", userName(), "who decides so")
	cmd.AddCommand(listSilencesCommand(c), endSilenceCommand(c))
	return cmd
}

func makeSilence(ctx context.Context, c *common, f silenceFlags, now time.Time) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	s, err := f.silence(cfg, now.UTC().Truncate(time.Second))
	if err != nil {
		return misuse{err}
	}
	store, err := audit.OpenHistory(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	if s, err = store.Silence(ctx, s); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Silence %d holds until %s. What it covers is still in the report.\n", s.ID, text.Time(s.Until))
	return tellCoverage(ctx, c, store, &s)
}

// silence reads the flags.
func (f *silenceFlags) silence(cfg *config.Config, now time.Time) (verdict.Silence, error) {
	s := f.Silence
	s.Cluster, s.At = cfg.Cluster.Name, now
	var errs []error
	if f.from != "" {
		at, err := time.Parse(time.RFC3339, f.from)
		if err != nil {
			errs = append(errs, fmt.Errorf("--from %q: want a time such as 2026-12-01T18:00:00Z", f.from))
		}
		s.At = at.UTC().Truncate(time.Second)
	}
	switch {
	case f.until != "" && f.lasts != 0:
		errs = append(errs, errors.New("--for and --until exclude each other"))
	case f.until != "":
		until, err := endOf(f.until)
		errs = append(errs, err)
		s.Until = until
	case f.lasts != 0:
		s.Until = s.At.Add(f.lasts).Truncate(time.Second)
	}
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	return s, errors.Join(silence.Validate(s), concerned(cfg, &s))
}

// endOf reads a time, or a date, of which it is the end in UTC.
func endOf(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--until %q: want a time such as 2026-12-01T18:00:00Z, or a date", text)
	}
	return at.UTC().Truncate(time.Second), nil
}

// concerned refuses a silence that no check and hub of this configuration can
// ever be covered by.
func concerned(cfg *config.Config, s *verdict.Silence) error {
	var ids, scopes []string
	for _, check := range checks.Registry {
		ids = append(ids, check.ID)
		if ok, err := path.Match(s.Check, check.ID); err != nil || !ok {
			continue
		}
		for _, hub := range hubsOf(cfg, check) {
			scopes = append(scopes, hub)
			if silence.Concerns(s, &verdict.Verdict{Check: check.ID, Hub: hub}) {
				return nil
			}
		}
	}
	hint := "`audit checks` lists them"
	if near := text.Nearest(s.Check, ids); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case len(scopes) == 0:
		return fmt.Errorf("no check is named %q; %s", s.Check, hint)
	case !slices.ContainsFunc(scopes, func(hub string) bool { return hub != "" }):
		return fmt.Errorf("%s is about the whole cluster and has no hub: leave --hub out, and name claims or volumes with --subject", s.Check)
	default:
		return fmt.Errorf("--hub %q matches no hub of %s", s.Hub, cfg.File())
	}
}

// hubsOf are the hubs of a check's verdicts; "" is the cluster.
func hubsOf(cfg *config.Config, check *checks.Check) []string {
	if check.Scope == checks.PerCluster {
		return []string{""}
	}
	var names []string
	for _, h := range cfg.Hubs {
		names = append(names, h.Name)
	}
	return names
}

// coversAll tells whether a silence leaves nothing that anybody is told of, not even
// that the audit itself fails.
func coversAll(s *verdict.Silence) bool {
	return strings.Trim(s.Check, "*") == "" && strings.Trim(s.Hub, "*") == "" && s.Hub != "" && s.Subject == silence.All
}

// tellCoverage says what a silence would have covered in the last run, so that a
// wrong pattern shows at once.
func tellCoverage(ctx context.Context, c *common, store *history.Store, s *verdict.Silence) error {
	if coversAll(s) {
		fmt.Fprintf(c.err, "audit: warning: it covers everything: nobody is told of anything until %s; if that is not meant: audit silence end %d\n", text.Time(s.Until), s.ID)
	}
	run, err := store.Run(ctx, s.Cluster, history.Latest)
	if err != nil {
		fmt.Fprintf(c.err, "audit: warning: what it covers is not known: %v\n", err)
		return nil
	}
	covered := silence.Coverages(s, run.Verdicts)
	if len(covered) == 0 {
		fmt.Fprintf(c.err, "audit: warning: it covers nothing of the last run (%s): is the pattern right?\n", text.Time(run.StartedAt))
	}
	for _, v := range covered {
		fmt.Fprintf(c.out, "It covers %s of %s of %s (%s) in the last run.\n", text.Number(v.Covered), text.Count(v.Findings, "finding"), v.Check, hubName(v.Hub))
	}
	return nil
}

func hubName(hub string) string {
	if hub == "" {
		return "the cluster"
	}
	return text.Name(hub)
}

func listSilencesCommand(c *common) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the silences that hold or are still to come",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withHistory(cmd.Context(), func(cfg *config.Config, store *history.Store) error {
				list, err := silences(cmd.Context(), store, cfg.Cluster.Name, all, time.Now())
				if err != nil {
					return err
				}
				t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
				if len(list) == 0 {
					fmt.Fprintln(t, "Nothing is silenced.")
				}
				writeSilences(t, list, time.Now())
				return t.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list those that are over too")
	return cmd
}

// silences are those that are not over, or all that are remembered.
func silences(ctx context.Context, store *history.Store, cluster string, all bool, now time.Time) ([]verdict.Silence, error) {
	list, err := store.Silences(ctx, cluster, all)
	if all {
		return list, err
	}
	return slices.DeleteFunc(list, func(s verdict.Silence) bool { return !now.Before(s.Until) || !s.EndedAt.IsZero() }), err
}

func writeSilences(w io.Writer, list []verdict.Silence, now time.Time) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "SILENCE\tSTATE\tCHECK\tHUB\tSUBJECT\tFROM\tUNTIL\tLAST COVERED\tBY\tREASON")
	for _, s := range list {
		state, until := "over", s.Until
		switch {
		case !s.EndedAt.IsZero():
			state, until = "ended", s.EndedAt
		case silence.Holds(&s, now):
			state = "holds"
		case now.Before(s.At):
			state = "to come"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, state, text.Clean(s.Check), glob(s.Hub), glob(s.Subject),
			s.At.Format(minute), until.Format(minute), orDash(s.MatchedAt), text.Name(s.By), text.Clean(s.Reason))
	}
}

// glob shows an empty one, which covers only the cluster's checks.
func glob(s string) string {
	if s == "" {
		return `""`
	}
	return text.Clean(s)
}

func endSilenceCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "end ID",
		Short: "End a silence now: people are told again from the next run on",
		Args:  exactArgs(1, "the number of one silence: audit silence list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return misusef("%q is not the number of a silence: audit silence list shows them", args[0])
			}
			return c.withHistory(cmd.Context(), func(cfg *config.Config, store *history.Store) error {
				if err := store.EndSilence(cmd.Context(), cfg.Cluster.Name, id, time.Now().UTC().Truncate(time.Second)); err != nil {
					return err
				}
				fmt.Fprintf(c.out, "Silence %d is over. The next run tells of what it covered and still fails.\n", id)
				return nil
			})
		},
	}
}
