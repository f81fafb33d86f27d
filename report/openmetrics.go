package report

import (
	"io"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
)

// LastSuccess is the metric that an alert on a silent audit watches.
const LastSuccess = "hubaudit_last_success_timestamp_seconds"

// Queued is the metric of the messages that wait, by receiver.
const (
	Queued     = "hubaudit_messages_queued"
	QueuedHelp = "Messages that wait for their receiver."
)

// Metrics are the numbers of a run, without the name of a person in any label:
// those of hubs, sources, checks and receivers come from the configuration or
// from the audit itself. queued is how many messages wait by receiver, nil where
// that is not known. LastSuccess is left out where nobody knows it.
func Metrics(run *verdict.Run, queued map[string]int) ([]*dto.MetricFamily, error) {
	m := &metrics{prometheus.NewRegistry(), prometheus.Labels{}}
	if run.Cluster != "" {
		m.cluster["cluster"] = utf8Only(run.Cluster)
	}
	m.run(run)
	m.verdicts(run)
	m.sources(run.Sources)
	m.incidents(run.Incidents)
	if queued != nil {
		waiting := m.gauge(Queued, QueuedHelp, "receiver")
		for receiver, n := range queued {
			waiting(float64(n), receiver)
		}
	}
	return m.registry.Gather()
}

// metrics collects gauges. Each has the cluster's name as a label, if it has one.
type metrics struct {
	registry *prometheus.Registry
	cluster  prometheus.Labels
}

// gauge adds a family, and returns what sets one of its values.
func (m *metrics) gauge(name, help string, labels ...string) func(value float64, labels ...string) {
	family := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: m.cluster}, labels)
	m.registry.MustRegister(family)
	return func(value float64, values ...string) {
		for i := range values {
			values[i] = utf8Only(values[i])
		}
		family.WithLabelValues(values...).Add(value)
	}
}

func utf8Only(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (m *metrics) run(run *verdict.Run) {
	m.gauge("hubaudit_build_info", "The audit's version.", "version")(1, run.Version)
	m.gauge("hubaudit_last_run_timestamp_seconds", "When the last run started.")(float64(run.StartedAt.Unix()))
	m.gauge("hubaudit_run_duration_seconds", "How long the last run took until its verdicts.")(run.Duration.Seconds())
	complete, last := 0.0, run.LastSuccess
	if run.Complete() {
		complete, last = 1, run.StartedAt
	}
	m.gauge("hubaudit_run_complete", "Whether the last run could tell everything: no verdict unknown, no source failed.")(complete)
	if !last.IsZero() {
		m.gauge(LastSuccess, "When the last run that was complete started.")(float64(last.Unix()))
	}
}

func (m *metrics) verdicts(run *verdict.Run) {
	sum := run.Summary()
	outcomes := m.gauge("hubaudit_verdicts", "Verdicts of the last run by outcome: one per check and hub.", "outcome")
	outcomes(float64(sum.Pass), string(verdict.Pass))
	outcomes(float64(sum.Fail), string(verdict.Fail))
	outcomes(float64(sum.Unknown), string(verdict.Unknown))
	outcomes(float64(sum.Skipped), string(verdict.Skipped))
	findings := m.gauge("hubaudit_findings", "Violations found by the last run and not silenced.", "check", "hub", "severity")
	silenced := m.gauge("hubaudit_findings_silenced", "Violations found by the last run that a silence covers.", "check", "hub", "severity")
	for i := range run.Verdicts {
		v := &run.Verdicts[i]
		for j := range v.Findings {
			count := findings
			if v.Findings[j].Silence != "" {
				count = silenced
			}
			count(1, v.Check, v.Hub, string(v.Findings[j].Severity))
		}
	}
}

func (m *metrics) sources(sources []facts.Source) {
	up := m.gauge("hubaudit_source_up", "Whether a source could be read; those that are absent by design are left out.", "source")
	took := m.gauge("hubaudit_source_duration_seconds", "How long reading a source took.", "source")
	items := m.gauge("hubaudit_source_items", "What was read of a source, by kind.", "source", "kind")
	for i := range sources {
		src := &sources[i]
		if src.Status == facts.Absent {
			continue
		}
		read := 0.0
		if src.Status == facts.OK {
			read = 1
		}
		up(read, src.Name)
		took(src.Duration.Seconds(), src.Name)
		for kind, n := range src.Items {
			items(float64(n), src.Name, kind)
		}
	}
}

func (m *metrics) incidents(incidents []verdict.Incident) {
	open := m.gauge("hubaudit_incidents_open", "Open incidents, by whether people are told of them for their own sake: not if silenced, or explained by another.", "severity", "told")
	for _, severity := range verdict.Severities {
		open(0, string(severity), "true")
		open(0, string(severity), "false")
	}
	for i := range incidents {
		inc := &incidents[i]
		if inc.State == verdict.Resolved || inc.State == verdict.Pending {
			continue
		}
		told := "false"
		if inc.Told() {
			told = "true"
		}
		open(1, string(inc.Severity), told)
	}
}

// writeOpenMetrics writes text that parsers of Prometheus's older format read as well.
func writeOpenMetrics(w io.Writer, run *verdict.Run) error {
	families, err := Metrics(run, nil)
	if err != nil {
		return err
	}
	return WriteMetrics(w, families)
}

// WriteMetrics writes metrics as OpenMetrics text.
func WriteMetrics(w io.Writer, families []*dto.MetricFamily) error {
	encoder := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	_, err := expfmt.FinalizeOpenMetrics(w)
	return err
}
