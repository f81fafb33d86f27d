package world

import (
	"fmt"
	"time"

	"hubaudit/internal/facts"
)

// Incident is a recorded accident: the world of a post-mortem at the moments
// that matter, from the healthy day before to the all-clear.
type Incident struct {
	Name  string // its folder in testdata
	Title string
	// Story says what happened, in Markdown.
	Story string
	// Liberties say where the recording departs from what is known.
	Liberties []string
	// Schema is the JupyterHub version of its hub.
	Schema string
	// Sound says that the hub's database is never damaged, so that the copies of each
	// stage are of its own database; else they are of the first stage's.
	Sound bool
	// Zone is the time zone of the people who were there.
	Zone   *time.Location
	Stages []Stage
}

// Stage is one moment of an incident.
type Stage struct {
	Name string // what has just happened, in words joined by hyphens
	// At is the time of the run that sees it, which is Snapshot.Now.
	At    time.Time
	Story string
	// Finds are all verdicts that must fail, by check id, with their number of
	// findings. Every other check must pass or be skipped, but for those in
	// Unknown, which cannot tell.
	Finds    map[string]int
	Unknown  []string
	Snapshot *facts.Snapshot
	// Schema is the hub's JupyterHub version at that time, if it is another
	// than the incident's.
	Schema string
}

type finds = map[string]int

// stage makes a stage from how the world was at its time.
func stage(name string, at time.Time, world func(at time.Time) *facts.Snapshot, story string, finds map[string]int, unknown ...string) Stage {
	return Stage{Name: name, At: at, Story: story, Finds: finds, Unknown: unknown, Snapshot: world(at)}
}

//go:generate go run ./generate ../../testdata

// Incidents are all recorded accidents and, first, the healthy world.
func Incidents() []Incident {
	return []Incident{HealthyRecording(), Datahub2017(), Nectar2023(), FiveCharts()}
}

// HealthyRecording is the small healthy world as a recording of one stage.
func HealthyRecording() Incident {
	s := Healthy(Small)
	nightly(s, 3*time.Hour)
	return Incident{
		Name: "healthy", Title: "A healthy hub", Schema: CurrentSchema, Zone: time.UTC,
		Story: "A small hub on Longhorn in which nothing is wrong: the world that the tests break in one place at a time.",
		Stages: []Stage{{Name: "friday-noon", At: s.Now, Snapshot: s,
			Story: "Ten users with eleven servers, two of them running; every volume has three replicas on four workers; there are backups of last night."}},
	}
}

// nightly gives every hub's backups the schedule of that time of the day (UTC)
// and the two newest copies that it has left, of which the newest was opened.
func nightly(s *facts.Snapshot, at time.Duration) {
	for _, h := range s.Hubs {
		for i := range h.Backups {
			b := &h.Backups[i]
			b.Copies, b.Schedule = nil, fmt.Sprintf("%d %d * * *", int(at.Minutes())%60, int(at.Hours()))
			for back := range 2 {
				made := lastNight(s.Now, at).AddDate(0, 0, -back)
				b.Copies = append(b.Copies, facts.BackupCopy{Name: "jupyterhub-" + made.Format(time.DateOnly) + ".sqlite.gz",
					Time: made.Truncate(24 * time.Hour), SizeBytes: int64(8192 + 64*len(h.Users)), Ready: true})
			}
		}
		OpenBackups(h)
	}
	Settle(s)
}

// lastNight is the newest moment of that time of day, UTC, that is past.
func lastNight(now time.Time, at time.Duration) time.Time {
	night := now.Truncate(24 * time.Hour).Add(at)
	if night.After(now) {
		night = night.AddDate(0, 0, -1)
	}
	return night
}

// hubImage sets what a hub's own pod runs.
func hubImage(s *facts.Snapshot, hub *facts.Hub, image string) {
	for i := range s.Kube.Pods {
		if p := &s.Kube.Pods[i]; p.Namespace == hub.Namespace && p.Component == facts.HubComponent {
			p.Image = image
		}
	}
}
