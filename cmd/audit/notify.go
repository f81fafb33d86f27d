package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/internal/audit"
)

func notifyCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Work with receivers of messages",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "test",
		Short: "Send a test message through every configured receiver",
		Long: `test sends a test message to every configured receiver, whatever the routes and quiet
hours are, and says of each whether it took it. In PagerDuty it opens an alert of severity
info and closes it at once; in Alertmanager the alert HubauditTest ends by itself. The
heartbeat is not touched, and the history remembers nothing of it.

It leaves with status 2 if a receiver did not take the message.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := c.load(nil)
			if err != nil {
				return err
			}
			receivers, err := audit.Receivers(cfg)
			if err != nil {
				return misuse{err}
			}
			if len(receivers) == 0 {
				return misusef("%s: no receiver is configured under notify", cfg.File())
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			var errs []error
			for _, r := range receivers {
				if err := r.Test(ctx); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", r.Name(), err))
					continue
				}
				fmt.Fprintf(c.out, "%s accepted the test message. Look there whether it arrived.\n", r.Name())
			}
			return errors.Join(errs...)
		},
	})
	return cmd
}
