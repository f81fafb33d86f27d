package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/verdict"
	"hubaudit/internal/watch"
)

// How audit watch runs unless it is told otherwise.
const (
	watchSchedule = "*/15 * * * *"
	watchListen   = "127.0.0.1:9732"
	// watchGrace is within the 30 seconds that Kubernetes gives a pod to end.
	watchGrace = 25 * time.Second
	// watchSlack is what a run may take beside reading: judging and sending.
	watchSlack = 5 * time.Minute
)

type watchFlags struct {
	schedule, zone, listen string
	jitter, timeout, grace time.Duration
	noNotify               bool
	set                    func(flag string) bool
}

func watchCommand(c *common) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Run audits on a schedule, and serve metrics, probes and the last report",
		Long: `watch runs an audit at once and then on a schedule, never two at the same time: one
that is due while another is still going is left out and counted. Between runs it sends
messages that had to wait.

SIGHUP reads the configuration again; a broken one is refused, and the one before goes
on. SIGTERM ends it: a run that is not recorded yet is broken off, what is queued is
sent, and it leaves with status 0. A second SIGTERM ends it at once, with status 2.

It serves / (the last report as a page), /report.json, /report.md, /metrics, /healthz and
/readyz, without a login. The page names people: leave it on loopback, or put a proxy
with a login before it.`,
		Example: `  audit watch
  audit watch --schedule "0 * * * *" --time-zone Europe/Berlin --jitter 5m
  audit watch --schedule "@every 30m" --listen 0.0.0.0:9732`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.set = cmd.Flags().Changed
			return runWatch(cmd.Context(), c, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.schedule, "schedule", "", "five fields of cron, or @every 15m; by default watch.schedule of the configuration, else "+watchSchedule)
	flags.StringVar(&f.zone, "time-zone", "", "of the schedule, such as Europe/Berlin; by default watch.timeZone, else UTC")
	flags.DurationVar(&f.jitter, "jitter", 0, "delay each run but the first by a random time up to this; by default watch.jitter")
	flags.StringVar(&f.listen, "listen", "", "`host:port` to serve on, or none; by default watch.listen, else "+watchListen)
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "deadline of each source")
	flags.DurationVar(&f.grace, "grace", watchGrace, "how long the end may take after SIGTERM")
	flags.BoolVar(&f.noNotify, "no-notify", false, "send no message")
	return cmd
}

func runWatch(ctx context.Context, c *common, f *watchFlags) error {
	// The first signal must end neither the run nor the sending: the Watch does.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	signals := watchSignals(ctx)
	log, err := c.logger()
	if err != nil {
		return err
	}
	if f.timeout <= 0 || f.grace <= 0 || f.jitter < 0 {
		return misusef("--timeout and --grace must be positive, and --jitter not negative")
	}
	cfg, job, err := f.load(c, log)
	if err != nil {
		return err
	}
	w := watch.New(watch.Options{Job: job, Clock: time.Now, Grace: f.grace, Guides: checks.Guides(), Log: log,
		Reload: func() (watch.Job, error) { return f.reload(c, log, f.address(cfg)) }})
	served := make(chan error, 1)
	if err := serveWatch(ctx, w, cfg, f.address(cfg), log, served); err != nil {
		return err
	}
	ended := w.Run(ctx, signals)
	cancel()
	if errors.Is(ended, watch.ErrCut) {
		return ended
	}
	return errors.Join(ended, <-served)
}

// load reads the configuration and makes the job of it.
func (f *watchFlags) load(c *common, log zerolog.Logger) (*config.Config, watch.Job, error) {
	cfg, suite, err := c.load(nil)
	if err != nil {
		return nil, watch.Job{}, err
	}
	schedule, err := watch.ParseSchedule(cmp.Or(f.schedule, cfg.Watch.Schedule, watchSchedule), cmp.Or(f.zone, cfg.Watch.TimeZone))
	if err != nil {
		return nil, watch.Job{}, misuse{err}
	}
	o := audit.Options{Suite: suite, Version: version(), Clock: time.Now, Timeout: f.timeout, Progress: func(string, int) {}, Log: log, Notify: !f.noNotify}
	job := watch.Job{Schedule: schedule, Jitter: cfg.Watch.Jitter, Limit: 2*f.timeout + watchSlack,
		Run: func(ctx context.Context, report func(*verdict.Run) error) error {
			o := o
			o.Report = report
			_, err := audit.Now(ctx, cfg, o)
			return err
		},
		Deliver: func(ctx context.Context) error {
			if f.noNotify {
				return nil
			}
			return audit.Deliver(ctx, cfg, o)
		},
		Queued: func(ctx context.Context) map[string]int { return audit.Queued(ctx, cfg, o) }}
	if f.set("jitter") {
		job.Jitter = f.jitter
	}
	return cfg, job, nil
}

// reload is load for a process that has a configuration which works: it also
// refuses one that names a secret which cannot be read.
func (f *watchFlags) reload(c *common, log zerolog.Logger, serving string) (watch.Job, error) {
	cfg, job, err := f.load(c, log)
	if err != nil {
		return job, err
	}
	if now := f.address(cfg); now != serving {
		log.Warn().Str("serving", serving).Str("configured", now).Msg("watch.listen was changed, which takes a restart")
	}
	return job, cfg.CheckFiles()
}

// address is where to serve, "" for nowhere.
func (f *watchFlags) address(cfg *config.Config) string {
	listen := cmp.Or(f.listen, cfg.Watch.Listen, watchListen)
	if listen == config.ListenNone {
		return ""
	}
	return listen
}

// serveWatch begins to serve, and gives the error of it once the context has ended.
func serveWatch(ctx context.Context, w *watch.Watch, cfg *config.Config, address string, log zerolog.Logger, served chan<- error) error {
	if address == "" {
		served <- nil
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve the report: %w; give another host:port with --listen, such as 127.0.0.1:9733, or none", err)
	}
	var hosts []string
	if addr, ok := listener.Addr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
		hosts = []string{"localhost"}
		if u, err := url.Parse(cfg.Notify.ReportURL); err == nil && u.Hostname() != "" {
			hosts = append(hosts, u.Hostname())
		}
	} else {
		log.Warn().Stringer("address", listener.Addr()).Msg("the report names people and is served without a login: let only a proxy with one, Prometheus and probes get here")
	}
	log.Info().Stringer("address", listener.Addr()).Msg("serving the report, metrics and probes")
	go func() {
		err := watch.Serve(ctx, listener, w.Handler(hosts...), log)
		if err != nil {
			log.Error().Err(err).Msg("the report, metrics and probes are not served any more")
		}
		served <- err
	}()
	return nil
}

// watchSignals turns the process's signals into the Watch's until the context ends.
func watchSignals(ctx context.Context) <-chan watch.Signal {
	raw := make(chan os.Signal, 4)
	signal.Notify(raw, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	out := make(chan watch.Signal)
	go func() {
		defer signal.Stop(raw)
		for {
			told := watch.Stop
			select {
			case <-ctx.Done():
				return
			case s := <-raw:
				if s == syscall.SIGHUP {
					told = watch.Reload
				}
			}
			select {
			case <-ctx.Done():
				return
			case out <- told:
			}
		}
	}()
	return out
}
