package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hubaudit/internal/audit"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/config"
)

func configCommand(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Work with the configuration",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and the files it names secrets by",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, suite, err := c.load(nil)
			if err != nil {
				return err
			}
			receivers, err := audit.Receivers(cfg)
			if err = errors.Join(err, databaseURLs(cfg)); err != nil {
				return misuse{err}
			}
			disabled := 0
			for _, s := range suite {
				if s.Disabled {
					disabled++
				}
			}
			fmt.Fprintf(c.out, "%s is valid: %d hubs, %d checks (%d disabled), %d receivers, %d routes.\n",
				cfg.File(), len(cfg.Hubs), len(suite), disabled, len(receivers), len(cfg.Notify.Routes))
			return nil
		},
	})
	return cmd
}

func databaseURLs(cfg *config.Config) error {
	var errs []error
	for i, h := range cfg.Hubs {
		if h.Database == "" {
			continue
		}
		if _, err := hubdb.ParseURL(h.Database, cfg.Dir()); err != nil {
			key := fmt.Sprintf("hubs[%d].database", i)
			errs = append(errs, fmt.Errorf("%s: %s: %w", cfg.Where(key), key, err))
		}
	}
	return errors.Join(errs...)
}
