package paging

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubaudit/internal/history"
	"hubaudit/test/servers"
)

// tally counts over all stories.
var tally = struct {
	stories, started, killed, messages, digested, forgotten, windows atomic.Int64

	mu     sync.Mutex
	faults map[string]int
}{faults: map[string]int{}}

// countUp says how much the stories did, for whoever runs many of them.
func countUp() {
	fmt.Printf("%d stories, %d processes, %d killed, %d messages, %d of them in digests and %d without a history, %d told again after crashes\n",
		tally.stories.Load(), tally.started.Load(), tally.killed.Load(), tally.messages.Load(), tally.digested.Load(),
		tally.forgotten.Load(), tally.windows.Load())
	for _, what := range slices.Sorted(maps.Keys(tally.faults)) {
		fmt.Printf("%5d times: %s\n", tally.faults[what], what)
	}
}

// countFault notes that something goes wrong on purpose.
func countFault(what string) {
	tally.mu.Lock()
	defer tally.mu.Unlock()
	tally.faults[what]++
}

// rounds is how many times as much as in CI is to be done.
func rounds(t *testing.T) int {
	text := os.Getenv("HUBAUDIT_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// seeds are those of CI, as many times as is wished, or the one that is to be replayed.
func seeds(t *testing.T, first uint64, many int) []uint64 {
	if text := os.Getenv("HUBAUDIT_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		return []uint64{n}
	}
	var all []uint64
	for n := range many * rounds(t) {
		all = append(all, first+uint64(n))
	}
	return all
}

// stepsOf is how long a story is.
const stepsOf = 30

// TestStories plays worlds with a history in SQLite.
func TestStories(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 1, 9) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, seed, hubsOf(seed))
			file := historyFile(s.site.dir)
			s.site.history = "sqlite:" + file
			s.site.location = history.Location{URL: s.site.history}
			s.ledger = openLedger(t, "sqlite", "file:"+file, file)
			s.play()
		})
	}
}

// TestStoriesOnPostgres plays others with a history on a real server.
func TestStoriesOnPostgres(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgres(t)
	server.Exec(t, "", "CREATE ROLE auditor LOGIN SUPERUSER PASSWORD 'auditor'")
	t.Run("all", func(t *testing.T) {
		for _, seed := range seeds(t, 100_001, 3) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				s := newStory(t, seed, hubsOf(seed))
				name := server.NewDatabase(t)
				s.site.history = fmt.Sprintf("postgresql://auditor@localhost:%d/%s", server.Port, name)
				s.site.location = history.Location{URL: s.site.history, Password: "auditor"}
				s.ledger = openLedger(t, "pgx", fmt.Sprintf("postgres://auditor:auditor@localhost:%d/%s?search_path=hubaudit", server.Port, name), "")
				s.play()
			})
		}
	})
}

// Of so many hubs that break at once receivers get digests.
var fewHubs, manyHubs = []string{"alpha", "beta"}, []string{"alpha", "beta", "gamma", "delta", "epsilon", "kappa", "sigma", "omega"}

func hubsOf(seed uint64) []string {
	if seed%5 == 0 {
		return manyHubs
	}
	return fewHubs
}

func newStory(t *testing.T, seed uint64, hubs []string) *story {
	s := &story{T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 7)), crew: &crew{}, rough: map[int]bool{}, crowded: map[int]bool{}, blind: map[int]bool{},
		lossy: map[int]map[string]bool{}, standing: map[string]string{}, refused: map[string]bool{}}
	s.site = newSite(t, hubs, s.crew.kill)
	s.ear = newEar(t, s.site)
	s.model = newModel(s.chance(50))
	s.model.shows = s.shows
	if s.now = longAgo; s.model.wrongClocks {
		s.now = farOff
	}
	s.policy = &policy{severity: map[string]string{cookies: "critical", times: "warning", madeUp: pick(s, []string{"info", "error"}), node: "error", lacking: "error", unsent: "error"},
		absent: map[string]bool{}, patience: map[string]string{}, disabled: map[string]bool{unsent: s.chance(50)}, resolveAfter: pick(s, []int{1, 1, 2, 3}),
		reopenWithin: pick(s, []time.Duration{0, 2 * time.Hour, 24 * time.Hour}), repeat: pick(s, []time.Duration{4 * time.Hour, 24 * time.Hour}), quiet: s.chance(40),
		owners: map[string][]string{}}
	for n, name := range hubs {
		s.policy.owners[name] = [][]string{{toMail, toChat}, {toPager, toHook}}[n%2]
	}
	for _, c := range []string{cookies, times, node, lacking} {
		if s.chance(35) {
			s.policy.patience[c] = pick(s, []string{"2 runs", "3 runs", "90m"})
		}
	}
	s.policy.routes = someRoutes(s)
	s.note("policy: %+v; all runs in the future: %v", *s.policy, s.model.wrongClocks)
	return s
}

func (s *story) play() {
	s.tell(stepsOf)
	tally.stories.Add(1)
	tally.started.Add(int64(s.crew.started))
	tally.killed.Add(int64(s.crew.killed))
	tally.messages.Add(int64(len(s.messages)))
	for _, m := range s.messages {
		if m.digest {
			tally.digested.Add(1)
		}
		if m.forgotten {
			tally.forgotten.Add(1)
		}
	}
}
