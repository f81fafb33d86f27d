package main

import (
	"context"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/internal/audit"
	"hubaudit/internal/history"
	"hubaudit/internal/text"
)

// drillCheck is the check of which accepting notes a restore.
const drillCheck = "backup-untested"

func acceptCommand(c *common) *cobra.Command {
	var a history.Acceptance
	cmd := &cobra.Command{
		Use:   "accept CHECK",
		Short: "Accept what the last run saw as the new normal of a check",
		Long: `accept moves what a check compares with, on purpose and with a reason that is kept.
A failing run never moves it by itself.

  hub-user-count-drift   the number of users in the last run is normal, and
                         users are compared with those of that run from now on
  hub-user-id-changed    users are compared with those of the last run
  hub-db-pvc-replaced    the claim and the volume of the last run are the hub's
  pvc-emptied            what is left in the homes that were found emptied is
                         what they are held against
  audit-input-missing    sources that were read before need not be there any more
  backup-untested        a backup was restored by hand now, as the reason says:
                         a drill is noted with its time

It takes what the last run saw that could see it: run audit now before, and read
its report. The incident resolves with the next run.`,
		Example: `  audit accept hub-user-count-drift --hub datahub --reason "spring clean-up, ticket 4711"`,
		Args:    exactArgs(1, "the id of one check"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Check, a.At = args[0], time.Now().UTC().Truncate(time.Second)
			return accept(cmd.Context(), c, a)
		},
	}
	cmd.Flags().StringVar(&a.Hub, "hub", "", "the hub, where the configuration has several")
	cmd.Flags().StringVar(&a.Reason, "reason", "", "why this is normal; kept in the history")
	cmd.Flags().StringVar(&a.By, "by", userName(), "who accepts")
	return cmd
}

func accept(ctx context.Context, c *common, a history.Acceptance) error {
	check, err := findCheck(a.Check)
	if err != nil {
		return err
	}
	if !check.Baseline {
		return misusef("%s compares with no baseline: there is nothing to accept", check.ID)
	}
	if strings.TrimSpace(a.Reason) == "" {
		return misusef("say why: --reason \"…\"")
	}
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	if a.Hub, err = hubOf(cfg, check, a.Hub); err != nil {
		return err
	}
	a.Cluster = cfg.Cluster.Name
	store, err := audit.OpenHistory(ctx, cfg)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Accept(ctx, a); err != nil {
		return err
	}
	if check.ID == drillCheck {
		fmt.Fprintf(c.out, "Noted: a backup was restored as a test at %s. The next run judges by it.\n", text.Time(a.At))
		return nil
	}
	fmt.Fprintf(c.out, "Accepted: what the last run saw is normal for %s now. The next run judges by it.\n", check.ID)
	return nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
