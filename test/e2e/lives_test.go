package e2e

import (
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// before is the chart's release whose KubeSpawner names claims in the older way,
// of half a year ago; since is that of today, three weeks old.
func before() world.Era { return world.Era{Chart: "3.3.8", From: world.Now.AddDate(0, -6, 0)} }
func since() world.Era  { return world.Era{Chart: "4.4.0", From: world.Now.AddDate(0, 0, -21)} }

// upgraded is a hub that was upgraded while the server of mia-wong ran.
func upgraded() *world.Life {
	l := world.NewLife(before())
	l.Join("ann", "mia-wong")
	l.Use("ann", "")
	l.Start("mia-wong", "")
	l.Upgrade(since())
	return l
}

var lives = []struct {
	name string
	life func() *world.Life
	want outcome
}{
	// jupyterhub/kubespawner#937, from the upgrade to the empty home.
	{"the server still runs on its old claim", upgraded,
		outcome{Status: 1, Fail: map[string][]string{"pvc-legacy-forgotten critical": {"user mia-wong"}}}},
	{"the server was stopped", func() *world.Life {
		l := upgraded()
		l.Stop("mia-wong", "")
		return l
	}, outcome{Status: 1, Fail: map[string][]string{"pvc-legacy-forgotten critical": {"user mia-wong"}}}},
	{"the user has logged in", func() *world.Life {
		l := upgraded()
		l.Stop("mia-wong", "")
		l.Start("mia-wong", "")
		return l
	}, outcome{Status: 1, Fail: map[string][]string{"pvc-duplicate-server critical": {"user mia-wong"}}}},
	{"the operator has named the claim", func() *world.Life {
		l := upgraded()
		l.Stop("mia-wong", "")
		l.Link("mia-wong", "", "claim-mia-2dwong")
		return l
	}, outcome{}},
	{"a named server of before the upgrade", func() *world.Life {
		l := world.NewLife(before())
		l.Join("ann")
		l.Use("ann", "lab")
		l.Upgrade(since())
		return l
	}, outcome{Status: 1, Fail: map[string][]string{"pvc-legacy-unreachable critical": {"user ann"}}}},
	// Chart 3.3.8, as the hub's image tells, puts nothing between the two names.
	{"server lab of ann, and annlab", func() *world.Life {
		l := world.NewLife(before())
		l.Join("ann", "annlab")
		l.Use("ann", "lab")
		l.Use("annlab", "")
		return l
	}, outcome{Status: 1, Fail: map[string][]string{"pvc-name-collision critical": {"claim claim-annlab"},
		"pvc-legacy-unreachable info": {"hub datahub"}}}}, // what chart 4 would make of it
}

// TestLives audits hubs that got into their state by themselves, step by step as
// the KubeSpawner of the day would have it.
func TestLives(t *testing.T) {
	st := mainStage(t)
	for _, c := range lives {
		t.Run(c.name, func(t *testing.T) {
			s := c.life().End(world.Now)
			st.become(t, s)
			c.want.Skipped = firstRun
			p := newSite(t, s, st.admin, "")
			p.noteDrill(t)
			p.audit(t).expect(t, c.want)
		})
	}
}

// noteDrill has somebody note that a home was restored as a test: these hubs are so
// old that nobody having done it would be told.
func (p *site) noteDrill(t *testing.T) {
	t.Helper()
	if r := p.command(t, "accept", "backup-untested", "--config", "hubaudit.yaml", "--hub", world.HubName, "--reason", "restored by hand"); r.status != 0 {
		t.Fatalf("note a drill: %s", r.stderr)
	}
}

// TestLifeUnseen audits a hub that was upgraded, without the right to list pods:
// that its claims are of an older chart does not prove that the hub is.
func TestLifeUnseen(t *testing.T) {
	st := mainStage(t)
	l := world.NewLife(before())
	l.Join("ann", "mia-wong")
	l.Use("ann", "lab")
	l.Start("mia-wong", "")
	l.Upgrade(since())
	s := l.End(world.Now)
	st.become(t, s)
	p := newSite(t, s, st.accountWithout(t, "without-pods", "pods"), "")
	p.noteDrill(t)
	p.audit(t).expect(t, outcome{Status: 2, Failed: []string{facts.KubePods + " forbidden"}, Skipped: without(firstRun, needing(facts.KubePods)),
		Unknown: append(needing(facts.KubePods), "pvc-legacy-forgotten", "pvc-legacy-unreachable")})
}
