package notify_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
	"hubaudit/notify"
)

// realVerdicts are runs in which checks fail that are worth a page.
func realVerdicts(t *testing.T) map[string]*verdict.Run {
	t.Helper()
	stage := func(incident world.Incident, n int) *verdict.Run {
		world.Remember(incident.Stages[0].Snapshot)
		incident.Stages[n].Snapshot.Past = incident.Stages[0].Snapshot.Past
		return judged(t, incident.Stages[n].Snapshot)
	}
	changed := func(change func(*facts.Snapshot)) *verdict.Run {
		s := world.Healthy(world.Small)
		world.Remember(s)
		change(s)
		world.Settle(s)
		return judged(t, s)
	}
	nectar := world.Nectar2023()
	return map[string]*verdict.Run{
		"hub-db-reset":         stage(world.Datahub2017(), 1),
		"lh-no-usable-replica": stage(nectar, slices.IndexFunc(nectar.Stages, func(s world.Stage) bool { return s.Finds["lh-no-usable-replica"] > 0 })),
		"backup-stale": changed(func(s *facts.Snapshot) {
			for i := range s.Longhorn.Volumes {
				world.LastBackup(s, &s.Longhorn.Volumes[i], world.Now.AddDate(0, 0, -5))
			}
		}),
		"pvc-misrouted": changed(func(s *facts.Snapshot) {
			for i := range s.Kube.Pods {
				if s.Kube.Pods[i].Name == "jupyter-student-0005" {
					s.Kube.Pods[i].Claims = []string{"claim-student-0001"}
				}
			}
		}),
		"audit-notify-failed": changed(func(s *facts.Snapshot) {
			s.Past.Undelivered = []facts.Undelivered{{Receiver: "pagerduty", Messages: 3, Since: s.Now.Add(-2 * time.Hour), Tries: 2, Refused: true,
				Error: "send the event to PagerDuty: PagerDuty refused the event: Invalid routing key"}}
		}),
	}
}

// TestRealMessages shows what people read about real verdicts. It is to be read by
// a person whenever it changes.
func TestRealMessages(t *testing.T) {
	guides := checks.Guides()
	for check, run := range realVerdicts(t) {
		t.Run(check, func(t *testing.T) {
			n := slices.IndexFunc(run.Verdicts, func(v verdict.Verdict) bool { return v.Check == check && v.Outcome == verdict.Fail })
			if n < 0 {
				t.Fatal("it does not fail")
			}
			m := messageOf(run, &run.Verdicts[n], guides[check])
			m.Kind, m.Incident.State, m.Explains, m.Link = notify.Opened, verdict.Opened, nil, "https://audit.example/"+run.ID
			var out bytes.Buffer
			out.WriteString(shownBySlack(t, m) + "\n--- PagerDuty\n")
			s, r := pagerDutyServer(t)
			p := sendEvent(t, s, r, m).Payload
			out.WriteString(p.Summary + "\n")
			if err := json.Indent(&out, p.Details, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, "real-"+check+".txt", append(out.Bytes(), '\n'))
		})
	}
}

// shownBySlack is a message's texts, from top to bottom.
func shownBySlack(t *testing.T, m notify.Message) string {
	t.Helper()
	s := slackServer(t)
	_, p := send(t, s, bot(s), m)
	var blocks []struct {
		Text     struct{ Text string }
		Elements []struct{ Text string }
	}
	if err := json.Unmarshal(p.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	out := "--- lock screen\n" + p.Text + "\n--- channel"
	for _, b := range blocks {
		out += "\n" + b.Text.Text
		for _, e := range b.Elements {
			out += e.Text
		}
	}
	return out
}

// TestSteps: no step of a check is cut: half a command is worse than none.
func TestSteps(t *testing.T) {
	for id, guide := range checks.Guides() {
		for _, step := range slices.Concat(guide.Do, guide.Dont) {
			if len(step) > min(notify.SlackStep, notify.PagerDutyStep) {
				t.Errorf("%s: a step of %d characters does not fit: %s", id, len(step), step)
			}
		}
	}
}
