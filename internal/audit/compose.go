package audit

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/checks"
	"hubaudit/internal/config"
	"hubaudit/internal/history"
	"hubaudit/internal/verdict"
	"hubaudit/notify"
	"hubaudit/report"
)

// composer makes messages of what is queued: of this run's verdicts, or of an
// earlier run's where that decided it.
type composer struct {
	cfg     *config.Config
	store   *history.Store // nil where there is none
	run     *verdict.Run   // this run; nil between runs
	guides  map[string]verdict.Guide
	privacy *notify.Privacy // nil for showing names
	log     zerolog.Logger

	mu     sync.Mutex
	report []byte // of this run, once it was needed
}

func newComposer(cfg *config.Config, store *history.Store, run *verdict.Run, o Options) (*composer, error) {
	privacy, err := privacyOf(cfg)
	return &composer{cfg: cfg, store: store, run: run, guides: checks.Guides(), privacy: privacy, log: o.Log}, err
}

// compose makes the messages of some deliveries, in their order. Earlier runs are
// loaded one at a time: each may hold 100,000 findings.
func (c *composer) compose(ctx context.Context, due []verdict.Delivery) ([]notify.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, err := c.incidents(ctx, due)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(due))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(due[a].Run, due[b].Run) })
	messages := make([]notify.Message, len(due))
	var from *source
	for _, n := range order {
		if from == nil || from.run.ID != due[n].Run {
			run, err := c.runOf(ctx, &due[n])
			if err != nil {
				return nil, err
			}
			from = newSource(run)
		}
		if messages[n], err = c.message(&due[n], from, known[due[n].Incident]); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// source is a run that messages are made from, with its parts by fingerprint.
type source struct {
	run       *verdict.Run
	verdicts  map[string]*verdict.Verdict
	incidents map[string]*verdict.Incident
	// explained are the incidents that one is the cause of, a line each.
	explained map[string][]string
}

func newSource(run *verdict.Run) *source {
	s := &source{run, map[string]*verdict.Verdict{}, map[string]*verdict.Incident{}, map[string][]string{}}
	for n := range run.Verdicts {
		s.verdicts[run.Verdicts[n].Fingerprint] = &run.Verdicts[n]
	}
	for n := range run.Incidents {
		i := &run.Incidents[n]
		s.incidents[i.Fingerprint] = i
		if i.ExplainedBy == "" || i.State == verdict.Resolved {
			continue
		}
		where := i.Check
		if i.Hub != "" {
			where += " of " + i.Hub
		}
		s.explained[i.ExplainedBy] = append(s.explained[i.ExplainedBy], where+": "+i.Summary)
	}
	return s
}

// verdict is what the run said of an incident that is open; nil if it said nothing.
func (s *source) verdict(d *verdict.Delivery) *verdict.Verdict {
	v := s.verdicts[d.Fingerprint]
	if v == nil || v.Outcome == verdict.Pass || d.Kind == verdict.DeliveryResolved {
		return nil
	}
	return v
}

// incident is a message's as its run saw it; now is how it stands.
func (s *source) incident(d *verdict.Delivery, now verdict.Incident) verdict.Incident {
	i := now
	if seen := s.incidents[d.Fingerprint]; seen != nil && seen.ID == d.Incident {
		i = *seen
	}
	i.ID, i.Fingerprint, i.Severity, i.Count, i.Summary = d.Incident, d.Fingerprint, d.Severity, d.Count, d.Summary
	if d.Kind != verdict.DeliveryResolved && i.State == verdict.Resolved { // it is over since
		i.State, i.Outcome, i.Reason, i.ResolvedAt = verdict.Ongoing, verdict.Fail, "", time.Time{}
	}
	return i
}

// incidents are those that the deliveries are about, as they stand now.
func (c *composer) incidents(ctx context.Context, due []verdict.Delivery) (map[int64]verdict.Incident, error) {
	known := map[int64]verdict.Incident{}
	if c.store == nil {
		return known, nil
	}
	var ids []int64
	for _, d := range due {
		if d.Incident != 0 {
			ids = append(ids, d.Incident)
		}
	}
	found, err := c.store.IncidentsByID(ctx, c.cfg.Cluster.Name, ids)
	for _, i := range found {
		known[i.ID] = i
	}
	return known, err
}

// runOf is the run that decided a message. Where its findings are forgotten it is
// a run without any.
func (c *composer) runOf(ctx context.Context, d *verdict.Delivery) (*verdict.Run, error) {
	if c.run != nil && c.run.ID == d.Run {
		return c.run, nil
	}
	run, err := c.store.Run(ctx, c.cfg.Cluster.Name, d.Run)
	if err == nil && run.ID == d.Run {
		return run, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read run %s, which the message is of: %w", d.Run, ctx.Err())
	}
	c.log.Warn().Err(err).Str("run", d.Run).Msg("a message is made without the findings of its run")
	return &verdict.Run{ID: d.Run, Cluster: c.cfg.Cluster.Name, StartedAt: d.QueuedAt}, nil
}

func (c *composer) message(d *verdict.Delivery, from *source, now verdict.Incident) (notify.Message, error) {
	i, run := from.incident(d, now), from.run
	m := notify.Message{
		Decision: notify.Decision{Incident: i, Receiver: d.Receiver, Kind: d.Kind, Reason: d.Reason, Ref: d.Ref, Unsure: d.Unsure},
		Verdict:  from.verdict(d), Guide: c.guide(&i), Run: run, Explains: from.explained[d.Fingerprint], Link: c.link(run),
	}
	m = c.privacy.Hide(m)
	if run == c.run {
		var err error
		m.Report, err = c.markdown()
		return m, err
	}
	// What else an earlier run found is of no use any more.
	m.Run = &verdict.Run{ID: run.ID, Cluster: run.Cluster, StartedAt: run.StartedAt, Duration: run.Duration, Version: run.Version}
	if m.Verdict != nil {
		own := *m.Verdict
		m.Verdict = &own
	}
	return m, nil
}

// guide is what to do about an incident, with the hub's namespace in the commands on the
// hub itself, which cannot wait. Claims, pods and jobs may be in other namespaces.
func (c *composer) guide(i *verdict.Incident) verdict.Guide {
	g := c.guides[i.Check]
	for _, h := range c.cfg.Hubs {
		if h.Name != i.Hub {
			continue
		}
		own := strings.NewReplacer("-n NAMESPACE scale deployment/hub", "-n "+h.Namespace+" scale deployment/hub",
			"-n NAMESPACE exec deploy/hub", "-n "+h.Namespace+" exec deploy/hub")
		g.Do, g.Dont = slices.Clone(g.Do), slices.Clone(g.Dont)
		for _, steps := range [][]string{g.Do, g.Dont} {
			for n := range steps {
				steps[n] = own.Replace(steps[n])
			}
		}
	}
	return g
}

// markdown renders the whole report, for the thread of a message.
func (c *composer) markdown() ([]byte, error) {
	if c.report == nil {
		var b bytes.Buffer
		if err := report.Write(&b, "markdown", c.privacy.Run(c.run), checks.Guides(), report.Options{}); err != nil {
			return nil, fmt.Errorf("render the report: %w", err)
		}
		c.report = b.Bytes()
	}
	return c.report, nil
}

func (c *composer) link(run *verdict.Run) string {
	return strings.ReplaceAll(c.cfg.Notify.ReportURL, "{run}", url.PathEscape(run.ID))
}
