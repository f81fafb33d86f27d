package main

import (
	"github.com/spf13/cobra"

	"hubaudit/internal/config"
	"hubaudit/internal/history"
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
			return c.withHistory(cmd.Context(), func(cfg *config.Config, store *history.Store) error {
				return showRun(cmd.Context(), c.out, store, cfg, append(args, history.Latest)[0], targets)
			})
		},
	}
	addOutputFlag(cmd, &outputs)
	return cmd
}
