package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/config"
	"hubaudit/internal/facts"
	"hubaudit/internal/text"
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
		Long: `check reads the configuration and the files with secrets that it names, and lists what
an audit would read of each hub and whom it would tell of what. It connects to nothing. What works and should still be
written otherwise, such as a password in a database's URL, it says as a warning.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return checkConfig(c) },
	})
	return cmd
}

func checkConfig(c *common) error {
	cfg, suite, err := c.load(nil)
	if err != nil {
		return err
	}
	urls, urlErr := databaseURLs(cfg)
	if err := errors.Join(cfg.CheckFiles(), urlErr, checkHistory(cfg)); err != nil {
		return misuse{err}
	}
	receivers, err := audit.Receivers(cfg)
	if err != nil {
		return misuse{err}
	}
	for _, w := range append(cfg.Warnings(), cfg.WindowWarnings(time.Now())...) {
		fmt.Fprintf(c.err, "audit: warning: %s\n", w)
	}
	fmt.Fprintf(c.out, "%s is valid: %s, %s (%d disabled), %s, %s.\n", cfg.File(), text.Count(len(cfg.Hubs), "hub"),
		text.Count(len(suite), "check"), disabled(suite), text.Count(len(receivers), "receiver"), text.Count(len(cfg.Notify.Routes), "route"))
	p := text.NewPage(c.out, colour(c.out), width(c.out))
	for i := range cfg.Hubs {
		describeHub(p, &cfg.Hubs[i], urls[i])
	}
	if cfg.Prometheus != nil {
		describePrometheus(p, cfg.Prometheus)
	}
	describeNotify(p, cfg)
	if err := p.Flush(); err != nil {
		return fmt.Errorf("write what the configuration says: %w", err)
	}
	return nil
}

// checkHistory looks at where the history is to be, without opening it.
func checkHistory(cfg *config.Config) error {
	where, err := audit.HistoryLocation(cfg)
	if err != nil {
		return nil // its password cannot be read, which CheckFiles tells
	}
	if err := where.Check(); err != nil {
		return fmt.Errorf("%s: %w", cfg.Where("history"), err)
	}
	return nil
}

// disabled counts the checks that are switched off for all hubs.
func disabled(suite checks.Suite) int {
	n := 0
	for _, s := range suite {
		if s.Disabled {
			n++
		}
	}
	return n
}

// databaseURLs takes the hubs' databases apart, in the order of the hubs.
func databaseURLs(cfg *config.Config) ([]hubdb.URL, error) {
	var errs []error
	urls := make([]hubdb.URL, len(cfg.Hubs))
	for i, h := range cfg.Hubs {
		if h.Database == "" {
			continue
		}
		var err error
		if urls[i], err = hubdb.ParseURL(h.Database, cfg.Dir()); err != nil {
			key := fmt.Sprintf("hubs[%d].database", i)
			errs = append(errs, fmt.Errorf("%s: %s: %w", cfg.Where(key), key, err))
		}
	}
	return urls, errors.Join(errs...)
}

// describeHub lists what an audit reads of a hub, without any secret.
func describeHub(p *text.Page, h *config.Hub, database hubdb.URL) {
	p.Blank()
	p.Print("", "", text.Span{Style: text.Bold, Text: "hub " + h.Name})
	line := func(label, value string) { describe(p, label, value) }
	line("namespace", h.Namespace)
	switch {
	case database.Engine == hubdb.SQLite:
		line("database", "sqlite "+database.Path)
	case h.Database != "":
		line("database", database.String())
	case h.API != nil:
		line("database", "none: users and servers come from the REST API, and what only a database shows is not checked")
	default:
		line("database", "none: users and servers are not checked")
	}
	if h.API != nil {
		line("api", h.API.URL)
	}
	for _, b := range h.Backups {
		line("backup", b.Name+": "+backupText(&b))
	}
	if len(h.Backups) == 0 {
		line("backup", "none")
	}
}

// backupText says where copies of the hub's database are looked for, and how far
// they are tested.
func backupText(b *config.Backup) string {
	kind, where := b.Place()
	before := map[string]string{facts.BackupSnapshots: "snapshots of the claim ", facts.BackupLonghorn: "Longhorn's backups of the claim ",
		facts.BackupVelero: "Velero's backups of the claim ", facts.BackupK8up: "K8up's backups of the claim ",
		facts.BackupCloudSQL: "Cloud SQL's backups of ", facts.BackupCronJob: "runs of the CronJob "}
	words := before[kind] + where
	if b.CronJob != "" && kind != facts.BackupCronJob {
		words += ", made by CronJob " + b.CronJob
	}
	if kind != facts.BackupFiles && kind != facts.BackupObjects {
		return words
	}
	switch {
	case b.Verify == facts.VerifyRestore && b.Scratch != "":
		words += "; the newest is opened, and restored into the scratch database"
	case b.Verify != facts.VerifyNone:
		words += "; the newest is opened"
	}
	return words
}

// describePrometheus says whom an audit asks how full volumes are, and as whom.
func describePrometheus(p *text.Page, c *config.Prometheus) {
	p.Blank()
	p.Print("", "", text.Span{Style: text.Bold, Text: "prometheus"})
	describe(p, "url", c.URL)
	switch {
	case c.Token+c.TokenFile != "":
		describe(p, "login", "by token")
	case c.Username != "":
		describe(p, "login", "as "+c.Username)
	default:
		describe(p, "login", "none")
	}
	if c.Matchers != "" {
		describe(p, "matchers", c.Matchers)
	}
}

func describe(p *text.Page, label, value string) {
	const columns = 11
	p.Label("  ", text.Span{Style: text.Dim, Text: label}, columns, text.Span{Text: value})
}
