package paging

import (
	"testing"
	"time"

	"hubaudit/internal/verdict"
)

// TestWatch ends one `audit watch` after another, by kill -9 and by SIGTERM, at
// the moment at which a receiver was told something. Its clock is this machine's.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := scripted(t)
	s.policy.routes = []route{{Severity: "info", To: []string{toHook, toPager, toFile}}}
	for s.step = 1; s.step <= 10*rounds(t); s.step++ {
		s.site.hubs["alpha"].wrong[cookies] = s.random.IntN(3)
		s.site.hubs["beta"].wrong[madeUp] = s.random.IntN(3)
		s.site.cluster = pick(s, []string{clusterWhole, nodeIsGone})
		s.write()
		s.watch()
	}
	// Then one run that nothing disturbs, and another for what had to wait.
	for _, g := range s.site.gates {
		g.plan(nil)
	}
	for range 2 {
		s.crew.begin()
		if p := s.crew.run(t, time.Now(), binary, "now", "--config", s.site.config(), "--output", "json", "--log-level", "error"); p.killed || p.trouble() != "" {
			t.Fatalf("an undisturbed run %s: %s", p.outcome(), p.said)
		}
		s.leasesEnd()
	}
	s.heardAll()
	t.Logf("%d processes, %d killed", s.crew.started, s.crew.killed)
}

// watch starts one process and ends it.
func (s *story) watch() {
	s.crew.begin()
	s.crew.gentle = s.chance(40)
	when := killAfter
	if !s.crew.gentle {
		when = pick(s, killTimes)
	}
	for _, name := range []string{toHook, toPager} {
		s.site.gates[name].plan(nil)
	}
	name, request := pick(s, []string{toHook, toPager}), s.random.IntN(3)
	s.site.gates[name].plan(map[int]act{request: {kill: when}})
	end := time.AfterFunc(time.Duration(300+s.random.IntN(700))*time.Millisecond, s.crew.kill) // where nothing is told
	defer end.Stop()
	p := s.crew.run(s.T, time.Now(), binary, "watch", "--config", s.site.config(), "--listen", "127.0.0.1:0", "--schedule", "@every 24h", "--log-level", "error")
	s.note("%3d SIGTERM: %v; at request %d of %s, %s: %s", s.step, s.crew.gentle, request, name, when, p.outcome())
	if s.crew.gentle && p.status != 0 || p.trouble() != "" {
		s.failf("after SIGTERM: %v the watch %s: %s", s.crew.gentle, p.outcome(), p.said)
	}
	s.leasesEnd()
}

// leasesEnd does what half a minute does to the leases of a process that was killed.
func (s *story) leasesEnd() {
	if s.ledger.exists() {
		_, err := s.ledger.db.Exec("UPDATE leases SET expires_ms = 0")
		must(s.T, err)
	}
}

// heardAll: everybody knows of all incidents, and nothing waits.
func (s *story) heardAll() {
	all, err := s.store().Incidents(s.Context(), "", false)
	must(s.T, err)
	open := map[key]bool{}
	var ids []int64
	for _, i := range all {
		k := key{i.Check, i.Hub}
		s.ear.keys[i.Fingerprint] = k
		ids = append(ids, i.ID)
		if i.State == verdict.Resolved || i.Told() {
			open[k] = open[k] || i.State != verdict.Resolved
		}
	}
	type ear struct {
		receiver string
		key      key
	}
	last := map[ear]message{}
	for _, m := range s.ear.since(s.step) {
		last[ear{m.receiver, m.key}] = m
	}
	for k, is := range open {
		for _, r := range []string{toHook, toPager, toFile} {
			if m, told := last[ear{r, k}]; told && is == m.over() || !told && is {
				s.failf("%s was last told %q of %s, which is open: %v", r, m.kind, k, is)
			}
		}
	}
	deliveries, err := s.store().Deliveries(s.Context(), "", ids)
	must(s.T, err)
	for _, d := range deliveries {
		if !d.Sent() {
			s.failf("a message still waits: %+v", d)
		}
	}
	if len(open) == 0 {
		s.Error("no incident was opened: the test proves nothing")
	}
}
