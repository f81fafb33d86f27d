package main

import (
	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/checkdoc"
	"hubaudit/internal/text"
)

func checksCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "checks",
		Short: "List every check",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return checkdoc.List(c.out, checks.Registry, colour(c.out), width(c.out))
		},
	}
}

func explainCommand(c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "explain CHECK",
		Short:   "Show what a check means, when it is wrong, and what to do",
		Example: "  audit explain hub-user-count-drift",
		Args:    exactArgs(1, "the id of one check; `audit checks` lists them"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checkIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			check, err := findCheck(args[0])
			if err != nil {
				return err
			}
			return checkdoc.Explain(c.out, check, colour(c.out), width(c.out))
		},
	}
}

func checkIDs() []string {
	var ids []string
	for _, check := range checks.Registry {
		ids = append(ids, check.ID)
	}
	return ids
}

func findCheck(id string) (*checks.Check, error) {
	if check, ok := checks.Find(id); ok {
		return check, nil
	}
	if near := text.Nearest(id, checkIDs()); near != "" {
		return nil, misusef("unknown check %q: did you mean %q?", id, near)
	}
	return nil, misusef("unknown check %q: `audit checks` lists them", id)
}
