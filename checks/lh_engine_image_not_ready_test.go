package checks

import (
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

func TestLHEngineImageNotReady(t *testing.T) { testCheck(t, lhEngineImageNotReadyCases) }

// image changes the engine image that all volumes use.
func image(change func(e *facts.LHEngineImage, now time.Time)) func(*facts.Snapshot) {
	return func(s *facts.Snapshot) { change(&s.Longhorn.EngineImages[0], s.Now) }
}

// deploying is an image that does not get to a node, since then.
func deploying(since time.Duration, missing ...string) func(*facts.Snapshot) {
	return image(func(e *facts.LHEngineImage, now time.Time) {
		e.State, e.Since, e.Missing = "deploying", now.Add(-since), missing
	})
}

const (
	engineV1121 = "engine image longhornio/longhorn-engine:v1.12.1 is "
	onWorker2   = "where copies lie of 9 volumes: the hub's own database (datahub/hub-db-dir); those of " +
		`"student-0002", "student-0003", "student-0004", "student-0006", "student-0007" and 2 more`
)

var lhEngineImageNotReadyCases = cases{
	check: lhEngineImageNotReady,
	fires: []damage{
		{name: "it does not get to a node", change: deploying(2*time.Hour, "worker-2"), want: outcomes{"lh-engine-image-not-ready": "fail warning 1"},
			summary: engineV1121 + "deploying since 2026-11-20 10:00 UTC; node worker-2 does not have it, " + onWorker2},
		{
			name:    "counted as deployed because of a node that is down",
			change:  image(func(e *facts.LHEngineImage, _ time.Time) { e.Missing = []string{"worker-2"} }),
			want:    outcomes{"lh-engine-image-not-ready": "fail warning 1"},
			summary: engineV1121 + "deployed; node worker-2 does not have it, " + onWorker2,
		},
		{
			name: "incompatible, at once",
			change: image(func(e *facts.LHEngineImage, now time.Time) {
				e.Incompatible, e.State, e.Since = true, "incompatible", now
			}),
			want: outcomes{"lh-engine-image-not-ready": "fail warning 1"},
			summary: engineV1121 + "incompatible with this version of Longhorn since 2026-11-20 12:00 UTC; it serves 12 volumes: " +
				`the hub's own database (datahub/hub-db-dir); those of "student-0001", "student-0002", "student-0003", "student-0004", "student-0005" and 5 more`,
		},
		{
			name: "the default, which nothing uses yet",
			change: both(setLonghorn("default-engine-image", "longhornio/longhorn-engine:v1.13.0"), func(s *facts.Snapshot) {
				s.Longhorn.EngineImages = append(s.Longhorn.EngineImages, facts.LHEngineImage{Name: "ei-new", Image: "longhornio/longhorn-engine:v1.13.0", State: "deploying"})
				world.Settle(s)
			}),
			want:    outcomes{"lh-engine-image-not-ready": "fail warning 1"},
			summary: "engine image longhornio/longhorn-engine:v1.13.0 is deploying",
		},
	},
	mustNotFire: []damage{
		{name: "a rolling upgrade", change: deploying(10*time.Minute, "worker-1", "worker-2", "worker-3")},
		{
			name: "an old image that nothing uses",
			change: func(s *facts.Snapshot) {
				s.Longhorn.EngineImages = append(s.Longhorn.EngineImages, facts.LHEngineImage{Name: "ei-old", Image: "longhornio/longhorn-engine:v1.9.0",
					State: "deploying", Incompatible: true, Missing: []string{"worker-1"}, Since: s.Now.AddDate(0, -2, 0)})
				world.Settle(s)
			},
		},
		{
			name: "a node that joined",
			change: func(s *facts.Snapshot) {
				world.AddNode(s, "worker-5")
				s.Longhorn.EngineImages[0].Missing = []string{"worker-5"}
			},
		},
		{name: "missing on a node that is gone", change: image(func(e *facts.LHEngineImage, _ time.Time) { e.Missing = []string{"worker-9"} })},
	},
	boundary: []damage{
		{name: "a second before the grace ends", change: deploying(30*time.Minute-time.Second, "worker-2")},
		{name: "as long as the grace", change: deploying(30*time.Minute, "worker-2"), want: outcomes{"lh-engine-image-not-ready": "fail warning 1"},
			summary: engineV1121 + "deploying since 2026-11-20 11:30 UTC; node worker-2 does not have it, " + onWorker2},
	},
	sourceFailed: []damage{
		{name: "images not readable", change: failed(facts.LonghornEngineImages), want: unknownWithout(facts.LonghornEngineImages, nil),
			summary: "source longhorn/engineimages could not be read: gave up after 30s"},
	},
}
