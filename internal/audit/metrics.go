package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hubaudit/checks"
	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/report"
)

// publishTimeout bounds the pushing of metrics.
const publishTimeout = time.Minute

// publish writes and pushes the run's numbers, where the configuration asks for it.
// A run that judged less than everything publishes none: it says nothing of the
// rest. What cannot be published is an error of the run, as an alert would rest
// on numbers that stand still.
func publish(ctx context.Context, cfg *config.Config, store *history.Store, run *verdict.Run, o Options) error {
	m := cfg.Metrics
	if m.File == "" && m.Pushgateway == "" || !judgesAll(o) {
		return nil
	}
	families, err := report.Metrics(run, queued(ctx, cfg, store, o))
	if err != nil {
		return fmt.Errorf("make the metrics of the run: %w", err)
	}
	var errs [2]error
	if m.File != "" {
		errs[0] = writeMetrics(cfg.Path(m.File), families)
	}
	if m.Pushgateway != "" {
		errs[1] = pushMetrics(ctx, cfg, families)
	}
	return errors.Join(errs[:]...)
}

// judgesAll tells whether a run judges every check for every hub.
func judgesAll(o Options) bool { return len(o.Hubs) == 0 && len(o.Suite) == len(checks.Registry) }

// queued is how many messages wait for each receiver; nil where nobody knows.
func queued(ctx context.Context, cfg *config.Config, store *history.Store, o Options) map[string]int {
	if store == nil {
		return nil
	}
	waiting, err := store.Undelivered(ctx, cfg.Cluster.Name, receiverNames(cfg), hubNames(cfg)...)
	if err != nil {
		o.Log.Warn().Err(err).Msg("how many messages are queued is not among the metrics")
		return nil
	}
	count := map[string]int{}
	for _, name := range receiverNames(cfg) {
		count[name] = 0
	}
	for _, u := range waiting {
		count[u.Receiver] = u.Messages
	}
	return count
}

// Queued is how many messages wait for each receiver; nil where that cannot be told.
// Of the options it heeds Log.
func Queued(ctx context.Context, cfg *config.Config, o Options) map[string]int {
	store, err := OpenHistory(ctx, cfg)
	if err != nil {
		return nil // the run has told
	}
	defer store.Close()
	return queued(ctx, cfg, store, o)
}

func hasLastSuccess(families []*dto.MetricFamily) bool {
	return slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == report.LastSuccess })
}

// writeMetrics replaces the file in one step, so that no half of it is ever read.
// Where the time of the last success is not known, as without a history, the
// file keeps the one that it has.
func writeMetrics(path string, families []*dto.MetricFamily) error {
	if !hasLastSuccess(families) {
		families = append(families, lastSuccessIn(path)...)
	}
	var b bytes.Buffer
	if err := report.WriteMetrics(&b, families); err != nil {
		return fmt.Errorf("make the metrics file: %w", err)
	}
	if err := replaceFile(path, b.Bytes()); err != nil {
		return fmt.Errorf("write the metrics to %s: %w; check metrics.file and that the audit may write into its folder", path, err)
	}
	return nil
}

// lastSuccessIn is what a metrics file says of it; nothing if there is none.
func lastSuccessIn(path string) []*dto.MetricFamily {
	old, err := os.ReadFile(path)
	if err != nil {
		return nil // the first one, or one that cannot be replaced either
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(bytes.NewReader(old)) // of a broken file what can be read
	if f := families[report.LastSuccess]; f != nil {
		return []*dto.MetricFamily{f}
	}
	return nil
}

// replaceFile writes a file that others may read. The name of its draft does not
// end as those that node_exporter reads.
func replaceFile(path string, content []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = draft.Write(content)
	err = errors.Join(err, draft.Chmod(0o644), draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		_ = os.Remove(draft.Name()) // err says what is wrong there
	}
	return err
}

func pushMetrics(ctx context.Context, cfg *config.Config, families []*dto.MetricFamily) error {
	m := cfg.Metrics
	password, err := cfg.Secret("metrics.password", m.Password, m.PasswordFile)
	if err != nil {
		return err
	}
	ca, err := certificates(cfg, "metrics", m.CAFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	p := notify.NewPushgateway(notify.PushOptions{URL: m.Pushgateway, Username: m.Username, Password: password, CA: ca,
		Instance: cmp.Or(cfg.Cluster.Name, "hubaudit")})
	return p.Push(ctx, families, !hasLastSuccess(families))
}
