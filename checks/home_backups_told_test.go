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
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// muddle is a world in which several things are wrong at once, whatever one would
// make of it.
type muddle struct {
	r        *rand.Rand
	s        *facts.Snapshot
	settings map[string]Setting
	done     []string // what was done to it
}

// muddled are the cases of the checks that tell homes, or that homes are left to.
var muddled = []cases{backupTargetUnsetCases, backupTargetUnavailableCases, backupSchedulePausedCases, backupSkipsDetachedCases, backupPartialCoverageCases,
	backupUnscheduledCases, backupStuckCases, backupFailedCases, backupNoneCases, backupStaleCases, backupExpiringCases, lhNoUsableReplicaCases, lhBlankAttachRiskCases}

// newMuddle makes one; false where what was chosen does not go together.
func newMuddle(seed uint64) (m *muddle, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // a change to something that another one had removed
		}
	}()
	m = &muddle{r: rand.New(rand.NewPCG(seed, 17)), settings: map[string]Setting{}}
	m.base(seed)
	for range m.r.IntN(3) {
		c := muddled[m.r.IntN(len(muddled))]
		all := slices.Concat(c.fires, c.mustNotFire, c.boundary)
		d := all[m.r.IntN(len(all))]
		m.do(c.check.ID+": "+d.name, d.change)
	}
	for range m.r.IntN(6) {
		change := muddles[m.r.IntN(len(muddles))]
		m.do(change.name, func(*facts.Snapshot) { change.make(m) })
	}
	m.set()
	world.Settle(m.s)
	return m, true
}

func (m *muddle) do(name string, change func(*facts.Snapshot)) {
	m.done = append(m.done, name)
	change(m.s)
}

// base is who makes the backups, well or as it happened night by night.
func (m *muddle) base(seed uint64) {
	switch system := m.r.IntN(8); system {
	case 0, 1, 2:
		m.s, _ = newNights(seed, nightSystems[system]).world()
		m.done = append(m.done, "nights of "+nightSystems[system])
	default:
		m.s = healthy()
		of := []struct {
			name   string
			change func(*facts.Snapshot)
		}{{"by Longhorn", func(*facts.Snapshot) {}}, {"by Velero", onlyBy(world.WithVelero)}, {"by K8up", onlyBy(world.WithK8up)}, {"by VolumeSnapshots", onlyBy(world.WithSnapshots)},
			{"by Longhorn and Velero", world.WithVelero}}[system-3]
		m.do(of.name, of.change)
	}
	switch m.r.IntN(8) {
	case 0:
		m.do("two hubs", anotherHub)
	case 1:
		m.do("a namespace for each user", spreadVelero)
	}
}

// set switches off a check, and gives the hub settings of its own.
func (m *muddle) set() {
	if m.r.IntN(3) == 0 {
		id := slices.Sorted(maps.Values(causeChecks))[m.r.IntN(len(causeChecks))]
		m.settings[id] = Setting{Disabled: true}
		m.done = append(m.done, id+" is off")
	}
	if m.r.IntN(4) == 0 {
		age := []string{"1h", "10h", "100h"}[m.r.IntN(3)]
		m.settings["backup-none"] = Setting{Hubs: map[string]Setting{world.HubName: {Values: map[string]any{"rpo": age}}}}
		m.done = append(m.done, "the hub's rpo is "+age)
	}
}

// spreadVelero gives each user a namespace, also in what Velero holds.
func spreadVelero(s *facts.Snapshot) {
	spreadHomes(s)
	of := map[string]string{}
	for i := range s.Kube.Claims {
		of[s.Kube.Claims[i].Name] = s.Kube.Claims[i].Namespace
	}
	for i := range s.Kube.Backups {
		s.Kube.Backups[i].Namespace = of[s.Kube.Backups[i].Claim]
	}
	for i := range s.Kube.Velero.Backups {
		s.Kube.Velero.Backups[i].Scope.Namespaces = []string{"*"}
	}
	for i := range s.Kube.Velero.Schedules {
		s.Kube.Velero.Schedules[i].Scope.Namespaces = []string{"*"}
	}
}

// splitSchedule gives the users' namespaces a schedule of their own, which the one
// that there was leaves out from now on.
func splitSchedule(s *facts.Snapshot) {
	v := &s.Kube.Velero
	users := v.Schedules[0]
	users.Name, users.Created, users.Scope.Excluded = "users", s.Now.Add(-3*time.Hour), []string{world.Namespace}
	v.Schedules[0].Scope.Namespaces = []string{world.Namespace}
	v.Schedules = append(v.Schedules, users)
}

func (m *muddle) ago(hours int) time.Time {
	return m.s.Now.Add(-time.Duration(m.r.IntN(hours*3600)) * time.Second)
}

// run and schedule are some of Velero's; they panic where there is none.
func (m *muddle) run() *facts.VeleroBackup {
	v := &m.s.Kube.Velero
	return &v.Backups[m.r.IntN(len(v.Backups))]
}

func (m *muddle) schedule() *facts.VeleroSchedule {
	v := &m.s.Kube.Velero
	return &v.Schedules[m.r.IntN(len(v.Schedules))]
}

// attempt is one of any age, of a run of Velero's if there is one.
func (m *muddle) attempt(phase string) *facts.Attempt {
	a := &facts.Attempt{Name: "attempt", Since: m.ago(100), Phase: phase, Error: "no space left"}
	if len(m.s.Kube.Velero.Backups) > 0 && m.r.IntN(2) == 0 {
		a.Set = m.run().Name
	}
	return a
}

// someHomes has some of what holds homes changed.
func (m *muddle) someHomes(change func(b *facts.Series)) {
	for _, all := range [][]facts.Series{m.s.Kube.Backups, m.s.Longhorn.Backups} {
		for i := range all {
			if m.r.IntN(3) == 0 {
				change(&all[i])
			}
		}
	}
}

func (m *muddle) someScope() facts.VeleroScope {
	return facts.VeleroScope{Namespaces: []string{world.Namespace, "labhub", "elsewhere", "*"}[m.r.IntN(4):], Claims: m.r.IntN(4) > 0, Selected: m.r.IntN(4) == 0,
		FileSystem: m.r.IntN(2) == 0, MoveData: m.r.IntN(2) == 0}
}

var muddles = []struct {
	name string
	make func(m *muddle)
}{
	{"the runs were found in the storage", func(m *muddle) { findRuns(m.s, m.r) }},
	{"a run ended otherwise", func(m *muddle) {
		m.run().Phase = []string{"Failed", "FailedValidation", "PartiallyFailed", "Completed", "Deleting", "InProgress", "New", "Finalizing"}[m.r.IntN(8)]
	}},
	{"a run expired", func(m *muddle) { m.run().Expires = m.ago(48) }},
	{"all runs expired", func(m *muddle) {
		for i := range m.s.Kube.Velero.Backups {
			m.s.Kube.Velero.Backups[i].Expires = m.s.Now.Add(-time.Hour)
		}
	}},
	{"a run has no start", func(m *muddle) { m.run().Started = time.Time{} }},
	{"a run began at another time", func(m *muddle) { m.run().Started = m.ago(200) }},
	{"a run took in something else", func(m *muddle) { m.run().Scope = m.someScope() }},
	{"a run is of another Velero", func(m *muddle) { m.run().Namespace = "velero-2" }},
	{"a run was made by hand", func(m *muddle) { m.run().Schedule = "" }},
	{"the schedule takes in something else", func(m *muddle) { m.schedule().Scope = m.someScope() }},
	{"the schedule was renamed", func(m *muddle) { m.schedule().Name = "renamed" }},
	{"the schedule is of another Velero", func(m *muddle) { m.schedule().Namespace = "velero-2" }},
	{"a second schedule", func(m *muddle) {
		second := *m.schedule()
		second.Name, second.Paused, second.Scope = []string{second.Name, "second"}[m.r.IntN(2)], m.r.IntN(3) == 0, m.someScope()
		second.Namespace = []string{second.Namespace, "velero-2"}[m.r.IntN(2)]
		m.s.Kube.Velero.Schedules = append(m.s.Kube.Velero.Schedules, second)
	}},
	{"the schedule was split", func(m *muddle) { splitSchedule(m.s) }},
	{"Velero beside it", func(m *muddle) { world.WithVelero(m.s) }},
	{"K8up beside it", func(m *muddle) { world.WithK8up(m.s) }},
	{"the storage was not looked at", func(m *muddle) {
		l := &m.s.Kube.Velero.Locations[0]
		l.LastValidated, l.LastSyncedAt = m.ago(72), m.ago(72)
	}},
	{"homes failed", func(m *muddle) { m.someHomes(func(b *facts.Series) { b.Failed = m.attempt("Failed") }) }},
	{"homes hang", func(m *muddle) { m.someHomes(func(b *facts.Series) { b.Running = m.attempt("InProgress") }) }},
	{"homes have nothing", func(m *muddle) {
		m.someHomes(func(b *facts.Series) {
			b.Newest, b.Previous, b.Good, b.Oldest = facts.Point{}, facts.Point{}, 0, time.Time{}
		})
	}},
	{"homes have old backups", func(m *muddle) {
		m.someHomes(func(b *facts.Series) {
			b.Newest.Time, b.Previous.Time, b.Oldest = b.Newest.Time.AddDate(0, 0, -9), b.Previous.Time.AddDate(0, 0, -9), b.Oldest.AddDate(0, 0, -9)
		})
	}},
	{"K8up's run failed", func(m *muddle) {
		m.s.Kube.K8up.Failed = map[string]facts.Attempt{world.Namespace: *m.attempt("Failed")}
	}},
	{"K8up's run hangs", func(m *muddle) {
		m.s.Kube.K8up.Running = map[string]facts.Attempt{world.Namespace: *m.attempt("Started")}
	}},
}

// findRuns has Velero find the runs that ended in its storage, as after it was
// installed anew: it creates them in any order, and the API server says that they
// were created now.
func findRuns(s *facts.Snapshot, r *rand.Rand) {
	all := s.Kube.Velero.Backups
	for i := range all {
		if !all[i].Running() {
			all[i].Created = s.Now.Add(-10*time.Minute + time.Duration(r.IntN(3))*time.Second)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// TestNoHomeIsLeftToNobody: each home of which the table says that it has no backup,
// or none that is new enough, is told by a check, whatever is wrong and whatever else.
// A home is left to the check of its cause, which must then find it as well.
func TestNoHomeIsLeftToNobody(t *testing.T) {
	worlds, homes, causes := uint64(6000), 0, map[homeCause]int{}
	if testing.Short() {
		worlds = 300
	}
	for seed := range worlds {
		m, ok := newMuddle(seed)
		if !ok {
			continue
		}
		suite, err := NewSuite(m.settings, homeTellers)
		if err != nil {
			t.Fatal(err)
		}
		verdicts, coverage := JudgeAndCover(suite, m.s)
		said := tellingsOf(verdicts)
		for i, hub := range m.s.Hubs {
			in := &Input{Snapshot: m.s, Hub: hub, shared: &shared{snapshot: m.s, suite: suite}}
			lacking := in.homesThat(func(h *homeBackup) bool { return h.state != homeCurrent })
			if c := coverage[i]; c.Unknown == "" && len(lacking) != c.Old+c.None+c.Untold {
				t.Errorf("seed %d: %d homes lack a backup, in the table: %+v", seed, len(lacking), c)
			}
			for _, h := range lacking {
				homes++
				causes[h.cause]++
				if h.state == homeUnsure && m.settings["backup-partial-coverage"].Disabled {
					continue // who may have a backup after all is told by that one alone
				}
				if !said.tell(hub, h) {
					t.Errorf("seed %d, %s: nothing tells %s of hub %s, state %d, cause %d", seed, strings.Join(m.done, "; "), h.claim.Name, hub.Name, h.state, h.cause)
				}
			}
		}
	}
	for cause := noCause; cause <= lostVolume; cause++ {
		if causes[cause] < 30 && !testing.Short() {
			t.Errorf("the worlds are too dull: %d homes, by cause %v", homes, causes)
			break
		}
	}
}

// homeTellers are the checks that tell homes without a current backup.
var homeTellers = slices.Concat([]string{"backup-none", "backup-stale", "lh-blank-attach-risk", "lh-ec-margin"},
	slices.Compact(slices.Sorted(maps.Values(causeChecks))))

// tellings are the claims, hubs and volumes that findings of a warning or worse
// name, and the checks that are unknown.
type tellings struct{ claims, hubs, volumes, unknown map[string]bool }

func tellingsOf(verdicts []verdict.Verdict) tellings {
	said := tellings{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, v := range verdicts {
		said.unknown[v.Check] = said.unknown[v.Check] || v.Outcome == verdict.Unknown
		for _, f := range v.Findings {
			if !f.Severity.AtLeast(verdict.Warning) {
				continue
			}
			switch {
			case f.Subject.Kind == "claim":
				said.claims[f.Subject.Namespace+"/"+f.Subject.Name] = true
			case f.Subject.Kind == "volume":
				said.volumes[f.Subject.Name] = true
			case f.Details["homes"] != "":
				for _, claim := range strings.Split(f.Details["claims"], ", ") {
					said.claims[claim] = true
				}
			case v.Check == "backup-none": // not one has a backup
				said.hubs[v.Hub] = true
			}
		}
	}
	return said
}

func (s *tellings) tell(hub *facts.Hub, h *homeBackup) bool {
	return s.claims[h.claim.Namespace+"/"+h.claim.Name] || s.hubs[hub.Name] || h.cause == lostVolume && s.volumes[h.volume.Name] || s.unknown[causeChecks[h.cause]]
}

// TestRunsFoundInTheStorage: runs of Velero that it found in its storage, all at
// once, are judged as those that it made there.
func TestRunsFoundInTheStorage(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	worlds := uint64(100)
	if testing.Short() {
		worlds = 20
	}
	for _, system := range []string{facts.SystemVeleroFile, facts.SystemVeleroData} {
		for seed := range worlds {
			n := newNights(seed, system)
			s, uses := n.world()
			findRuns(s, n.r)
			t.Run(fmt.Sprintf("%s %d", system, seed), func(t *testing.T) { n.holdAgainst(t, Judge(suite, s), uses) })
		}
	}
}

// TestHomesOfASplitSchedule: a run that failed or hangs is told of its schedule, and
// the homes in it too if that covers them no more.
func TestHomesOfASplitSchedule(t *testing.T) {
	suite, err := NewSuite(nil, homeTellers)
	if err != nil {
		t.Fatal(err)
	}
	for phase, check := range map[string]string{"Failed": "backup-failed", "InProgress": "backup-stuck"} {
		s := healthy()
		changes(onlyBy(world.WithVelero), spreadVelero, ranLast(phase), splitSchedule)(s)
		newest := newestRun(&s.Kube.Velero)
		newest.Created, newest.Started = s.Now.Add(-34*time.Hour), s.Now.Add(-34*time.Hour)
		run := *newest
		s.Kube.Velero.Backups = slices.DeleteFunc(s.Kube.Velero.Backups, func(b facts.VeleroBackup) bool { return b.Name != run.Name && b.Started.After(run.Started) })
		want := map[string]string{}
		for i := range s.Kube.Backups {
			b := &s.Kube.Backups[i]
			if b.Claim == world.HubClaim {
				continue
			}
			want[b.Claim] = check
			a := &facts.Attempt{Name: run.Name + "-part", Set: run.Name, Since: run.Started, Phase: phase}
			b.Newest = facts.Point{}
			if b.Failed = a; phase == "InProgress" {
				b.Failed, b.Running = nil, a
			}
		}
		got := map[string]string{}
		said := "nothing"
		for _, v := range Judge(suite, s) {
			for _, f := range v.Findings {
				if f.Subject.Kind == "schedule" {
					said = f.Message
				}
				for _, claim := range homesNamedBy(f, nil) {
					_, name, _ := strings.Cut(claim, "/")
					got[name] = v.Check
				}
			}
		}
		if !strings.HasSuffix(said, "; the homes without a current backup are reported with their own cause") {
			t.Errorf("of the schedule is said: %s", said)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 11 {
			t.Errorf("%s, %d homes (-want +told):\n%s", phase, len(want), diff)
		}
	}
}
