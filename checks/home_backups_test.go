package checks

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// homeChecks are those that tell homes without a current backup.
var homeChecks = []string{"backup-none", "backup-stale", "backup-unscheduled", "backup-skips-detached"}

// session is a time in which a home was attached.
type session struct{ from, to time.Time }

// nightlife is a simulation of Longhorn's recurring jobs over random homes, by
// what is known of them and without any of the code that judges.
type nightlife struct {
	r        *rand.Rand
	now      time.Time
	hour     int
	weekly   bool
	attaches bool      // the setting
	died     time.Time // when the job stopped running
}

func newNightlife(seed uint64) *nightlife {
	r := rand.New(rand.NewPCG(seed, 5))
	n := &nightlife{r: r, now: world.Now, hour: r.IntN(24), weekly: r.IntN(4) == 0, attaches: r.IntN(2) == 0, died: world.Now.AddDate(1, 0, 0)}
	if r.IntN(4) == 0 {
		n.died = n.now.Add(-time.Duration(r.IntN(40*24)) * time.Hour)
	}
	return n
}

// due are the times of the job, the oldest first.
func (n *nightlife) due() (times []time.Time) {
	for day := -30; day <= 0; day++ {
		at := time.Date(2026, 11, 20+day, n.hour, 0, 0, 0, time.UTC)
		if at.Before(n.now) && (!n.weekly || at.Weekday() == time.Sunday) {
			times = append(times, at)
		}
	}
	return times
}

// sessions are some of the last weeks; the last may still go on.
func (n *nightlife) sessions() (all []session) {
	at := n.now.Add(-time.Duration(20*24+n.r.IntN(24*5)) * time.Hour)
	for range 1 + n.r.IntN(12) {
		at = at.Add(time.Duration(1+n.r.IntN(72*60)) * time.Minute)
		end := at.Add(time.Duration(10+n.r.IntN(30*60)) * time.Minute)
		if !at.Before(n.now) {
			break
		}
		all = append(all, session{at, end})
		at = end
	}
	return all
}

func attachedAt(all []session, at time.Time) bool {
	return slices.ContainsFunc(all, func(s session) bool { return !at.Before(s.from) && at.Before(s.to) })
}

// live gives a home its sessions and backups, and says which check has to tell it,
// "" for none.
func (n *nightlife) live(s *facts.Snapshot, claim string) string {
	v, all, selected := volumeOf(s, claim), n.sessions(), n.r.IntN(6) > 0
	n.use(s, v, claim, all)
	if v.Jobs = nil; !selected {
		v.Jobs = []string{"trim"}
	}
	var newest, last time.Time
	for _, at := range n.due() {
		if selected && at.Before(n.died) && (n.attaches || attachedAt(all, at)) {
			newest = at
		}
		if !at.After(n.now.Add(-2 * time.Hour)) {
			last = at
		}
	}
	world.LastBackup(s, v, newest)
	used := n.now
	if end := all[len(all)-1].to; end.Before(n.now) {
		used = end
	}
	required := n.now.Add(-26 * time.Hour)
	if selected && last.Before(required) {
		required = last
	}
	switch {
	case !newest.IsZero() && (!newest.Before(used) || !newest.Before(required)):
		return ""
	case !selected:
		return "backup-unscheduled"
	case !n.attaches && !(used.Equal(n.now) && !all[len(all)-1].from.After(last)):
		return "backup-skips-detached"
	case newest.IsZero():
		return "backup-none"
	}
	return "backup-stale"
}

// use writes down what the hub and Longhorn know of a home's sessions.
func (n *nightlife) use(s *facts.Snapshot, v *facts.LHVolume, claim string, all []session) {
	last := all[len(all)-1]
	v.State, v.LastPodRefAt = "detached", facts.At(last.to)
	for i := range hubOf(s).Spawners {
		sp := &hubOf(s).Spawners[i]
		if sp.State.PVCName != claim {
			continue
		}
		sp.ServerID, sp.Started, sp.LastActivity = 0, last.from, last.to
		if last.to.After(n.now) {
			v.State, v.LastPodRefAt = "attached", 0
			sp.ServerID, sp.LastActivity = 1, n.now
		}
	}
}

// TestNightlives: over random fleets of homes, jobs, settings and nights, exactly
// those homes are told whose last use is in no backup although a run was due, each
// by the one check of its cause.
func TestNightlives(t *testing.T) {
	suite, err := NewSuite(nil, homeChecks)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for seed := range uint64(400) {
		n, s, want := newNightlife(seed), healthy(), map[string]string{}
		s.Longhorn.RecurringJobs[0].Cron = fmt.Sprintf("0 %d * * *", n.hour)
		if n.weekly {
			s.Longhorn.RecurringJobs[0].Cron = fmt.Sprintf("0 %d * * 0", n.hour)
		}
		s.Longhorn.Settings["allow-recurring-job-while-volume-detached"] = fmt.Sprint(n.attaches)
		for _, claim := range homeClaims(s) {
			if check := n.live(s, claim); check != "" {
				want[claim] = check
				told[check]++
			}
		}
		world.Settle(s)
		if diff := cmp.Diff(want, toldBy(t, suite, s)); diff != "" {
			t.Errorf("seed %d, %+v (-want +got):\n%s", seed, n, diff)
		}
	}
	if len(told) != len(homeChecks) || slices.Min(slices.Collect(maps.Values(told))) < 20 {
		t.Errorf("the simulation is too dull: %v", told)
	}
}

// toldBy is which check tells each home.
func toldBy(t *testing.T, suite Suite, s *facts.Snapshot) map[string]string {
	t.Helper()
	told := map[string]string{}
	tell := func(claim, check string) {
		if other := told[claim]; other != "" {
			t.Errorf("%s is told by %s and by %s", claim, other, check)
		}
		told[claim] = check
	}
	for _, v := range Judge(suite, s) {
		for _, f := range v.Findings {
			switch {
			case f.Subject.Kind == "claim":
				tell(f.Subject.Name, v.Check)
			case f.Details["homes"] != "":
				for _, claim := range strings.Split(f.Details["claims"], ", ") {
					tell(strings.TrimPrefix(claim, world.Namespace+"/"), v.Check)
				}
			default: // not one has a backup
				for _, claim := range homeClaims(s) {
					tell(claim, v.Check)
				}
			}
		}
	}
	return told
}

// BenchmarkHomeBackups judges 100,000 homes with their backups and plans.
func BenchmarkHomeBackups(b *testing.B) {
	s := world.Healthy(world.Size{Users: 100_000, Nodes: 3, Replicas: 1})
	suite, err := NewSuite(nil, homeChecks)
	if err != nil {
		b.Fatal(err)
	}
	in := &Input{Snapshot: s, Hub: s.Hubs[0], shared: &shared{snapshot: s, suite: suite}}
	in.Owners()
	in.joined()
	in.lastUses()
	b.ReportAllocs()
	for b.Loop() {
		in.shared.homes, in.shared.backups = nil, nil
		if homes := in.homeBackups(); len(homes) < 100_000 {
			b.Fatalf("%d homes", len(homes))
		}
	}
}
