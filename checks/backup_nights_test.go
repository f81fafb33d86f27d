package checks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// nights are what Velero or K8up did in a namespace night by night, by what is
// known of them and without any of the code that judges.
type nights struct {
	r      *rand.Rand
	now    time.Time
	system string
	zone   string // of the schedule; "" is UTC
	hour   int
	weekly bool
	paused time.Time     // since when it makes none; zero: it does
	died   time.Time     // since when nothing happens any more, though it should
	hangs  time.Time     // from when on a run does not end, and none is begun beside it
	takes  time.Duration // a run
	ttl    time.Duration
	runs   []nightRun // the oldest first
}

// nightRun is one run.
type nightRun struct {
	facts.VeleroBackup
	homes map[string]string // the phase of each home's part
}

// nightsNow are the times of the audit: in term, and on the days after the clocks
// changed.
var nightsNow = []time.Time{world.Now, time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 9, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 2, 40, 0, 0, time.UTC)}

func newNights(seed uint64, system string) *nights {
	r := rand.New(rand.NewPCG(seed, 11))
	n := &nights{r: r, now: nightsNow[r.IntN(len(nightsNow))], system: system, hour: []int{0, 1, 3, 4, 13, 23}[r.IntN(6)], weekly: r.IntN(5) == 0,
		takes: time.Duration(5+r.IntN(200)) * time.Minute, ttl: time.Duration(7+r.IntN(30)) * 24 * time.Hour}
	if n.weekly {
		n.ttl = 30 * 24 * time.Hour
	}
	if system != facts.SystemK8up && r.IntN(2) == 0 {
		n.zone = "Europe/Berlin"
	}
	if system != facts.SystemK8up && r.IntN(6) == 0 {
		n.paused = n.now.Add(-time.Duration(r.IntN(20*24)) * time.Hour)
	}
	n.died, n.hangs = n.now.AddDate(1, 0, 0), n.now.AddDate(1, 0, 0)
	switch r.IntN(6) {
	case 0:
		n.died = n.now.Add(-time.Duration(r.IntN(20*24)) * time.Hour)
	case 1:
		n.hangs = n.now.Add(-time.Duration(r.IntN(9*24)) * time.Hour)
	}
	return n
}

// due are the times of the schedule, the oldest first.
func (n *nights) due() (times []time.Time) {
	zone, err := time.LoadLocation(n.zone)
	if err != nil {
		panic(err)
	}
	for day := -45; day <= 1; day++ {
		at := time.Date(n.now.Year(), n.now.Month(), n.now.Day()+day, n.hour, 0, 0, 0, zone)
		if !at.After(n.now) && (!n.weekly || at.Weekday() == time.Sunday) {
			times = append(times, at.UTC())
		}
	}
	return times
}

func (n *nights) cron() string {
	cron := fmt.Sprintf("0 %d * * *", n.hour)
	if n.weekly {
		cron = fmt.Sprintf("0 %d * * 0", n.hour)
	}
	if n.zone != "" {
		cron = "CRON_TZ=" + n.zone + " " + cron
	}
	return cron
}

// run makes the runs over homes that were in use at times.
func (n *nights) run(inUse map[string][]session) {
	claims := slices.Sorted(func(yield func(string) bool) {
		for claim := range inUse {
			if !yield(claim) {
				return
			}
		}
	})
	for _, at := range n.due() {
		if !n.paused.IsZero() && !at.Before(n.paused) || !at.Before(n.died) || at.Add(n.ttl).Before(n.now) || n.r.IntN(40) == 0 {
			continue
		}
		b := facts.VeleroBackup{Namespace: world.VeleroNamespace, Name: world.NightlySchedule + at.Format("-20060102150405"), Schedule: world.NightlySchedule,
			Created: at, Started: at, Completed: at.Add(n.takes), Expires: at.Add(n.ttl), Location: world.VeleroLocation, Scope: n.scope(), Phase: "Completed"}
		run := nightRun{b, map[string]string{}}
		for _, claim := range claims {
			if n.system != facts.SystemVeleroFile || attachedAt(inUse[claim], at) {
				run.homes[claim] = "Completed"
				if n.system != facts.SystemK8up && n.r.IntN(40) == 0 {
					run.homes[claim], run.Phase, run.Errors = "Failed", "PartiallyFailed", 1
				}
			}
		}
		switch {
		case run.Completed.After(n.now), !at.Before(n.hangs):
			run.Phase, run.Completed, run.Errors = "InProgress", time.Time{}, 0
		case n.r.IntN(10) == 0:
			run.Phase, run.Errors, run.homes = "Failed", 1, nil
		}
		if n.runs = append(n.runs, run); run.Phase == "InProgress" {
			return // no other is begun beside it
		}
	}
}

func (n *nights) scope() facts.VeleroScope {
	return facts.VeleroScope{Namespaces: []string{world.Namespace}, Claims: true, FileSystem: n.system == facts.SystemVeleroFile, MoveData: n.system == facts.SystemVeleroData}
}

// write puts down what the systems record of it.
func (n *nights) write(s *facts.Snapshot, claims []string) {
	v := &s.Kube.Velero
	if n.system == facts.SystemK8up {
		n.writeK8up(&s.Kube.K8up)
	} else {
		v.Locations = []facts.VeleroLocation{{Namespace: world.VeleroNamespace, Name: world.VeleroLocation, Provider: "aws", URL: "s3://velero-backups/hub", Default: true,
			Phase: "Available", LastSyncedAt: n.now.Add(-time.Minute), LastValidated: n.now.Add(-time.Minute)}}
		v.Schedules = []facts.VeleroSchedule{{Namespace: world.VeleroNamespace, Name: world.NightlySchedule, Created: n.now.AddDate(0, -9, 0), Cron: n.cron(), Phase: "Enabled",
			Paused: !n.paused.IsZero(), TTL: n.ttl, Location: world.VeleroLocation, Scope: n.scope()}}
		for i := range n.runs {
			v.Backups = append(v.Backups, n.runs[i].VeleroBackup)
		}
	}
	for _, claim := range claims {
		if series := n.series(claim); series.Good > 0 || series.Failed != nil || series.Running != nil {
			s.Kube.Backups = append(s.Kube.Backups, series)
		}
	}
}

func (n *nights) writeK8up(k *facts.K8up) {
	k.Schedules = []facts.K8upSchedule{{Namespace: world.Namespace, Name: world.NightlySchedule, Cron: n.cron(), URL: "s3:https://s3.example.org/k8up"}}
	for i := range n.runs {
		attempt := map[string]facts.Attempt{world.Namespace: {Name: n.runs[i].Name, Since: n.runs[i].Created, Phase: n.runs[i].Phase}}
		switch n.runs[i].Phase {
		case "Failed":
			k.Failed = attempt
		case "InProgress":
			k.Running = attempt
		default:
			k.Failed, k.Succeeded = nil, map[string]time.Time{world.Namespace: n.runs[i].Created}
		}
	}
}

// series is the row of a home.
func (n *nights) series(claim string) facts.Series {
	s := facts.Series{System: n.system, Namespace: world.Namespace, Claim: claim}
	for i := range n.runs {
		run := &n.runs[i]
		attempt := &facts.Attempt{Name: run.Name + "-part", Set: run.Name, Since: run.Created, Phase: run.homes[claim]}
		switch {
		case run.homes[claim] == "", n.system == facts.SystemK8up && run.Phase != "Completed":
		case run.Phase == "InProgress":
			attempt.Phase = run.Phase
			s.Running = attempt
		case run.homes[claim] == "Failed":
			s.Failed = attempt
		default:
			p := facts.Point{Name: run.Name, Time: run.Created.Add(time.Minute), Set: run.Name, Target: world.VeleroLocation, Expires: run.Expires}
			if n.system == facts.SystemK8up {
				p.Set, p.Expires, p.Target = "", time.Time{}, "s3:https://s3.example.org/k8up"
			}
			if s.Newest, s.Previous, s.Failed = p, s.Newest, nil; s.Good == 0 {
				s.Oldest = p.Time
			}
			s.Good++
		}
	}
	return s
}

// lacks tells whether a home has no current backup: it was used since the newest,
// and that is neither of the run that had to be over nor of the last day.
func (n *nights) lacks(claim string, used time.Time) bool {
	var newest, last, before time.Time
	for i := range n.runs {
		ended := n.runs[i].Phase == "Completed" || n.runs[i].Phase == "PartiallyFailed"
		if ended && n.runs[i].homes[claim] == "Completed" {
			newest = n.runs[i].Created.Add(time.Minute)
		}
	}
	for _, at := range n.due() {
		if !at.After(n.now.Add(-2 * time.Hour)) {
			last, before = at, last
		}
	}
	required := n.now.Add(-26 * time.Hour)
	if last.Before(required) {
		required = last
	}
	if i := len(n.runs) - 1; i >= 0 && n.runs[i].Phase == "InProgress" && n.runs[i].homes[claim] != "" && !n.runs[i].Created.Before(last) && n.now.Sub(n.runs[i].Created) <= 24*time.Hour {
		if newest.IsZero() {
			return false // the first of those that are kept
		}
		required = before
	}
	return newest.Before(used) && newest.Before(required)
}

// TestBackupNights: over random nights of Velero and K8up exactly those homes are
// told whose last use is in no backup although a run was due, each by one check,
// and nothing else is said by any check.
func TestBackupNights(t *testing.T) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	worlds := uint64(200)
	if testing.Short() {
		worlds = 20
	}
	for _, system := range nightSystems {
		for seed := range worlds {
			n := newNights(seed, system)
			s, uses := n.world()
			t.Run(fmt.Sprintf("%s %d", system, seed), func(t *testing.T) {
				for check := range n.holdAgainst(t, Judge(suite, s), uses) {
					told[check]++
				}
			})
		}
	}
	for _, check := range []string{"backup-stale", "backup-failed", "backup-stuck", "backup-partial-coverage", "backup-schedule-paused"} {
		if told[check] < 10 && !testing.Short() {
			t.Errorf("the simulation is too dull for %s: %v", check, told)
		}
	}
}

// nightSystems are those whose nights are simulated.
var nightSystems = []string{facts.SystemVeleroFile, facts.SystemVeleroData, facts.SystemK8up}

// FuzzBackupNights has the fuzzer choose the nights.
func FuzzBackupNights(f *testing.F) {
	suite, err := NewSuite(nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	for seed := range uint64(6) {
		f.Add(1000+seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, system uint8) {
		n := newNights(seed, nightSystems[int(system)%len(nightSystems)])
		s, uses := n.world()
		n.holdAgainst(t, Judge(suite, s), uses)
	})
}

// world is the healthy one in which only these nights make backups, and when each
// home was last used.
func (n *nights) world() (*facts.Snapshot, map[string]time.Time) {
	s := healthy()
	world.MoveTo(s, n.now)
	onlyBy(func(*facts.Snapshot) {})(s)
	hubOf(s).Backups[0].Schedule = "" // whose clock is not this world's
	sessions, uses := map[string][]session{}, map[string]time.Time{}
	life := nightlife{r: n.r, now: n.now}
	claims := homeClaims(s)
	for _, claim := range claims {
		sessions[claim] = life.sessions()
		life.use(s, volumeOf(s, claim), claim, sessions[claim])
		uses[claim] = n.now
		if end := sessions[claim][len(sessions[claim])-1].to; end.Before(n.now) {
			uses[claim] = end
		}
	}
	n.run(sessions)
	n.write(s, claims)
	alignPods(s)
	world.Settle(s)
	world.Remember(s)
	return s, uses
}

// alignPods has the pods and the REST API of a hub show the servers that run.
func alignPods(s *facts.Snapshot) {
	h := hubOf(s)
	s.Kube.Pods = slices.DeleteFunc(s.Kube.Pods, func(p facts.Pod) bool { return p.HasUser })
	h.Servers = nil
	for i := range h.Spawners {
		sp := &h.Spawners[i]
		if sp.ServerID == 0 {
			sp.Started = time.Time{}
			continue
		}
		sp.ServerID = int64(len(h.Servers) + 2)
		h.Servers = append(h.Servers, facts.Server{ID: sp.ServerID, IP: sp.State.PodName + "." + world.Namespace, Port: 8888})
		u := h.Users[slices.IndexFunc(h.Users, func(u facts.User) bool { return u.ID == sp.UserID })]
		s.Kube.Pods = append(s.Kube.Pods, facts.Pod{Namespace: world.Namespace, Name: sp.State.PodName, Phase: "Running", Node: "worker-1", Component: "singleuser-server",
			User: u.Name, Server: sp.Name, HasUser: true, KubeSpawnerVersion: "7.0.0", Created: sp.Started, Claims: []string{sp.State.PVCName}})
	}
	for i := range s.Longhorn.Volumes {
		v := &s.Longhorn.Volumes[i]
		state := "stopped"
		if v.Robustness = "unknown"; v.State == "attached" {
			v.Robustness, v.NodeID, state = "healthy", "worker-1", "running"
		}
		for j := range s.Longhorn.Replicas {
			if r := &s.Longhorn.Replicas[j]; r.Volume == v.Name {
				r.State = state
			}
		}
	}
	s.Usage = nil
	world.Measure(s)
	world.ServeAPI(s, world.HubName)
}

// holdAgainst compares what is said with the truth, and returns which checks told
// homes.
func (n *nights) holdAgainst(t *testing.T, verdicts []verdict.Verdict, uses map[string]time.Time) map[string]bool {
	t.Helper()
	by, checks := map[string][]string{}, map[string]bool{}
	for _, v := range verdicts {
		if v.Outcome == verdict.Unknown {
			t.Errorf("%s is unknown: %s", v.Check, v.Summary)
		}
		for _, f := range v.Findings {
			if !strings.HasPrefix(v.Check, "backup-") {
				t.Errorf("%s: %s", v.Check, f.Message)
			}
			if checks[v.Check] = true; !f.Severity.AtLeast(verdict.Error) {
				continue
			}
			for _, claim := range homesNamedBy(f, uses) {
				by[claim] = append(by[claim], v.Check)
			}
		}
	}
	for claim, used := range uses {
		lacks := n.lacks(claim, used) || !n.paused.IsZero() // of a paused schedule all homes are told
		if lacks != (len(by[claim]) > 0) {
			t.Errorf("%s lacks a backup: %t, told by %v", claim, lacks, by[claim])
		}
		if len(by[claim]) > 1 {
			t.Errorf("%s is told by %v", claim, by[claim])
		}
	}
	if last := n.newestEnded(); checks["backup-failed"] && last != "Failed" && last != "PartiallyFailed" && n.partsFailed(uses) == 0 {
		t.Errorf("backup-failed is told though nothing failed last")
	}
	if t.Failed() {
		t.Logf("now %s, cron %s, paused %s, dead from %s, takes %s, ttl %s", n.now, n.cron(), n.paused, n.died, n.takes, n.ttl)
		for i := range n.runs {
			t.Logf("%s %s %v", n.runs[i].Created, n.runs[i].Phase, n.runs[i].homes)
		}
		for _, v := range verdicts {
			if v.Outcome == verdict.Fail {
				t.Logf("%s: %s", v.Check, v.Summary)
			}
		}
		t.Log(uses)
	}
	return checks
}

func homesNamedBy(f verdict.Finding, all map[string]time.Time) (claims []string) {
	switch {
	case f.Subject.Kind == "claim":
		return []string{f.Subject.Name}
	case f.Details["homes"] != "":
		for _, claim := range strings.Split(f.Details["claims"], ", ") {
			claims = append(claims, strings.TrimPrefix(claim, world.Namespace+"/"))
		}
	case f.Subject.Kind == "hub": // not one has a backup
		for claim := range all {
			claims = append(claims, claim)
		}
	}
	return claims
}

// newestEnded is the phase of the newest run that has ended.
func (n *nights) newestEnded() string {
	for _, run := range slices.Backward(n.runs) {
		if run.Phase != "InProgress" {
			return run.Phase
		}
	}
	return ""
}

// partsFailed is how many homes have a failure later than their newest backup.
func (n *nights) partsFailed(uses map[string]time.Time) (failed int) {
	for claim := range uses {
		if s := n.series(claim); s.Failed != nil {
			failed++
		}
	}
	return failed
}
