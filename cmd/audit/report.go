package main

import (
	"github.com/spf13/cobra"

	"hubaudit/internal/audit"
)

func reportCommand(c *common) *cobra.Command {
	var outputs []string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Show the report of a past run again, by default of the latest",
		Long: `report shows the report of a run that is in the history, in any format. RUN is its id, the
beginning of one, "latest", or "latest~1" for the run before the latest.`,
		Example: `  audit report
  audit report latest~1 --output html=before.html`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misusef("give one run, or none for the latest")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			cfg, _, err := c.load(nil)
			if err != nil {
				return err
			}
			store, err := audit.OpenHistory(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer store.Close()
			run, err := store.Run(cmd.Context(), cfg.Cluster.Name, append(args, "latest")[0])
			if err != nil {
				return err
			}
			return writeReports(c.out, targets, run)
		},
	}
	addOutputFlag(cmd, &outputs)
	return cmd
}
