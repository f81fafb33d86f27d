package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hubaudit/internal/attribution"
	"hubaudit/internal/audit"
	"hubaudit/internal/facts"
	"hubaudit/internal/prediction"
	"hubaudit/report"
)

type predictFlags struct {
	hubs          []string
	outputs       []string
	all           bool
	timeout       time.Duration
	at            string
	change        prediction.Change
	remember, old bool
}

func predictCommand(c *common) *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "Tell which claim each server's next start will mount, now or after an upgrade",
		Long: `predict reads every configured source and tells for every user and server which claim
its next start will mount, and who would find an empty home, somebody else's, or none: as
the hub is configured, or as it would be after a change.

With --chart or --kubespawner claims are named as that version names them by default,
unless the configuration sets kubespawner.pvcNameTemplate. Charts before 4.0 bring a
template of their own: --kubespawner of a hub with a known chart stands for the chart that
brings it.

Format sql prints the statements that write the right claims into the servers' state.

Findings are servers that would not find files that there are, would mount somebody
else's, or would not start.`,
		Example: `  audit predict
  audit predict --chart 4.4.0
  audit predict --chart 4.4.0 --slug-scheme escape --output json=predicted.json
  audit predict --kubespawner 7.1.0 --template 'claim-{username}{servername}' --hub datahub`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPredict(cmd, c, &f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.outputs, "output", "o", nil,
		"`FORMAT[=FILE]`: "+strings.Join(report.PredictionFormats, ", ")+"; may be repeated; terminal by default")
	flags.StringArrayVar(&f.hubs, "hub", nil, "predict only this hub; may be repeated")
	flags.BoolVar(&f.all, "all", false, "list every server, also those that find their home")
	flags.StringVar(&f.change.Chart, "chart", "", "as after a change to this `version` of Zero to JupyterHub")
	flags.StringVar(&f.change.KubeSpawner, "kubespawner", "", "as after a change to this `version` of KubeSpawner")
	flags.StringVar(&f.change.SlugScheme, "slug-scheme", "", "as with this slug_scheme: safe or escape")
	flags.StringVar(&f.change.Template, "template", "", "as with this pvc_name_template")
	flags.BoolVar(&f.remember, "remember-pvc-name", false, "as with remember_pvc_name on or (=false) off; as configured by default")
	flags.BoolVar(&f.old, "handle-legacy-names", false, "as with handle_legacy_names on or (=false) off; as configured by default")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "deadline of each source")
	flags.StringVar(&f.at, "at", "", "predict as of this `time` (RFC 3339), for a recorded world or a support bundle")
	return cmd
}

func runPredict(cmd *cobra.Command, c *common, f *predictFlags) error {
	cfg, _, err := c.load(nil)
	if err != nil {
		return err
	}
	clock, err := gatherFlags(cfg, f.hubs, f.timeout, f.at)
	if err != nil {
		return err
	}
	outputs, err := parseFormats(f.outputs, report.PredictionFormats)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("remember-pvc-name") {
		f.change.RememberPVCName = &f.remember
	}
	if cmd.Flags().Changed("handle-legacy-names") {
		f.change.LegacyNames = &f.old
	}
	if f.change.Chart != "" || f.change.KubeSpawner != "" { // else it depends on the hub
		if _, err := prediction.Under(facts.KubeSpawner{}, f.change); err != nil {
			return misuse{err} // before anything is read
		}
	}
	progress := startProgress(c.err)
	snapshot, err := audit.Gather(cmd.Context(), cfg, audit.Options{Version: version(), Clock: clock, Timeout: f.timeout, Progress: progress.items})
	progress.stop()
	if err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	p, err := f.predict(snapshot)
	if err != nil {
		return err
	}
	if err := writePredictions(c.out, outputs, p); err != nil {
		return fmt.Errorf("%w: %w", errIncomplete, err)
	}
	return foretold(p)
}

// predict predicts the hubs that were asked for. Every hub's users take part: a
// claim may be any hub's.
func (f *predictFlags) predict(s *facts.Snapshot) (*report.Prediction, error) {
	p := &report.Prediction{Cluster: s.ClusterName, At: s.Now, All: f.all}
	owners := attribution.New(s)
	for _, h := range s.Hubs {
		if len(f.hubs) > 0 && !slices.Contains(f.hubs, h.Name) {
			continue
		}
		under, err := prediction.Under(h.KubeSpawner, f.change)
		if err != nil {
			return nil, misusef("hub %q: %v", h.Name, err)
		}
		hub := report.HubPrediction{Hub: h, Under: under, Changes: f.change.Words(h.KubeSpawner, under)}
		if hub.Starts, err = prediction.Predict(s, h, under, owners); err != nil {
			hub.Unknown = err.Error()
		} else if !f.change.IsZero() {
			hub.Today, _ = prediction.Predict(s, h, h.KubeSpawner, owners) // what cannot be told is not compared
		}
		p.Hubs = append(p.Hubs, hub)
	}
	return p, nil
}

// foretold turns a prediction into the command's answer.
func foretold(p *report.Prediction) error {
	var unknown []string
	lost := false
	for i := range p.Hubs {
		h := &p.Hubs[i]
		if h.Unknown != "" {
			unknown = append(unknown, h.Unknown)
		}
		for n := range h.Starts {
			lost = lost || report.Lost(&h.Starts[n])
		}
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("%w: %s", errIncomplete, strings.Join(unknown, "; "))
	case lost:
		return errFindings
	}
	return nil
}

func writePredictions(stdout io.Writer, outputs []output, p *report.Prediction) error {
	return writeAll(stdout, outputs, "prediction", func(w io.Writer, format string, o report.Options) error {
		return report.WritePrediction(w, format, p, o)
	})
}
