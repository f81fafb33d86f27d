package watch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"hubaudit/report"
)

// How a run ended, as the metrics call it.
const (
	resultComplete   = "complete"
	resultIncomplete = "incomplete" // something is unknown, or was not delivered
	resultFailed     = "failed"     // there is no report of it
)

// meters are the numbers about the process itself.
type meters struct {
	registry     *prometheus.Registry
	runs         *prometheus.CounterVec
	skipped      prometheus.Counter
	deliveries   prometheus.Counter
	queued       *prometheus.GaugeVec
	nextRun      prometheus.Gauge
	reloadOK     prometheus.Gauge
	reloadedTime prometheus.Gauge
}

func newMeters() *meters {
	m := &meters{registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hubaudit_watch_runs_total",
			Help: "Runs that have ended, by how: complete, incomplete (something is unknown or was not delivered), failed (no report)."}, []string{"result"}),
		skipped: counter("hubaudit_watch_runs_skipped_total", "Runs that were left out because the one before was still going."),
		deliveries: counter("hubaudit_watch_deliveries_failed_total",
			"Attempts between runs to send queued messages that did not deliver all of them."),
		queued:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: report.Queued, Help: report.QueuedHelp}, []string{"receiver"}),
		nextRun:      gauge("hubaudit_watch_next_run_timestamp_seconds", "When the next run is due."),
		reloadOK:     gauge("hubaudit_watch_config_last_reload_successful", "Whether the configuration was taken over when it was read last."),
		reloadedTime: gauge("hubaudit_watch_config_last_reload_success_timestamp_seconds", "When the configuration was last read again and taken over; 0 if never."),
	}
	for _, result := range []string{resultComplete, resultIncomplete, resultFailed} {
		m.runs.WithLabelValues(result)
	}
	m.reloadOK.Set(1)
	m.registry.MustRegister(m.runs, m.skipped, m.deliveries, m.queued, m.nextRun, m.reloadOK, m.reloadedTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// skip counts a run that was left out.
func (m *meters) skip() { m.skipped.Inc() }

// undelivered counts an attempt to send that failed.
func (m *meters) undelivered() { m.deliveries.Inc() }

// waits counts the messages that wait for their receivers.
func (m *meters) waits(ctx context.Context, job Job) {
	if job.Queued == nil {
		return
	}
	count := job.Queued(ctx)
	m.queued.Reset() // a receiver may have left the configuration
	for receiver, n := range count {
		m.queued.WithLabelValues(receiver).Set(float64(n))
	}
}

// countReload notes how a reload went.
func (m *meters) countReload(ok bool, at time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadedTime.Set(float64(at.Unix()))
}

// gatherer gives the numbers of the process and those of the last run.
func (s *status) gatherer() prometheus.Gatherer {
	return prometheus.Gatherers{s.registry, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last == nil {
			return nil, nil
		}
		return s.last.numbers, nil
	})}
}
