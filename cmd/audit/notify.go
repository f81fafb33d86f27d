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
		Args:  noArgs,
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
