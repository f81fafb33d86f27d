package world_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// livesBudget bounds TestLives: it lives this many random lives, which takes a
// few seconds. HUBAUDIT_LIVES asks for more.
const livesBudget = 2000

// TestLives judges hubs that lived random lives. What every server's claims
// really are is kept beside each life; no check may cry wolf and none may miss.
func TestLives(t *testing.T) {
	n := livesBudget
	if s := os.Getenv("HUBAUDIT_LIVES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		n /= 10
	}
	wrong, fired := map[string]int{}, map[string]bool{}
	for seed := range uint64(n) {
		h := liveOn(&chance{seed: seed})
		for _, d := range h.disagreements(t, fired) {
			kind, _, _ := strings.Cut(d, ":")
			if wrong[kind]++; wrong[kind] <= 3 {
				t.Errorf("seed %d: %s\n%s", seed, d, h)
			}
		}
	}
	for _, check := range []string{"pvc-legacy-forgotten", "pvc-legacy-unreachable", "pvc-duplicate-server", "pvc-name-collision", "pvc-unattributed"} {
		if !fired[check] && !testing.Short() {
			t.Errorf("no life of %d was one for %s", n, check)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(wrong)) {
		t.Errorf("%d times %s", wrong[kind], kind)
	}
}

// FuzzLives does the same to lives whose turns the fuzzer chooses; where its
// bytes end, the seed goes on.
func FuzzLives(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, []byte{})
		f.Add(seed, []byte{byte(seed), 0, 1, 2, 3, 40, 80, 120})
	}
	f.Fuzz(func(t *testing.T, seed uint64, turns []byte) {
		h := liveOn(&chance{seed: seed, turns: turns})
		for _, d := range h.disagreements(t, map[string]bool{}) {
			t.Errorf("%s\n%s", d, h)
		}
	})
}

// chance decides every turn of a life: by the fuzzer's bytes, and when these
// are used up by a generator that its seed repeats.
type chance struct {
	seed  uint64
	turns []byte
}

// n is one of 0 to n-1.
func (c *chance) n(n int) int {
	if len(c.turns) > 0 {
		turn := int(c.turns[0])
		c.turns = c.turns[1:]
		return turn % n
	}
	// SplitMix64.
	c.seed += 0x9e3779b97f4a7c15
	z := c.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// in is true once in n times.
func (c *chance) in(n int) bool { return c.n(n) == 0 }

func pick[T any](c *chance, from []T) T { return from[c.n(len(from))] }

// releases are the charts that a hub may have been through, with the JupyterHub
// schema that came with each.
var releases = []struct{ chart, schema string }{
	{"0.3.1", "0.7.2"}, {"0.4.0", "0.7.2"}, {"0.5.0", "0.8.1"}, {"0.6.0", "0.8.1"}, {"0.7.0", "0.9.6"}, {"0.8.2", "0.9.6"}, {"0.9.1", "1.5.1"},
	{"0.10.6", "1.5.1"}, {"0.11.1", "1.5.1"}, {"1.2.0", "1.5.1"}, {"2.0.0", "3.1.1"}, {"3.0.0", "4.1.6"}, {"3.3.8", "4.1.6"}, {"4.0.0", "5.5.1"}, {"4.4.0", "5.5.1"},
}

// named is the index of the first release with named servers.
const named = 2

// released is when a hub changed to the i-th release.
func released(i int) time.Time { return time.Date(2016, 9, 5, 9, 0, 0, 0, time.UTC).AddDate(0, 8*i, 0) }

// people are names that users have, ordinary and hostile, many of them alike in
// one form or another, or equal to a user and a server of theirs put together.
var people = []string{
	"ann", "bob", "jo", "kim", "annlab", "ann-lab", "ann--lab", "jolab", "jo-2dlab", "jo-lab", "kimexp-1", "kim-exp-1", "bob-7", "bob-2", "bob-lab-3", "ann-1",
	"sam.lau", "sam-lau", "SamLau.95", "samlau-95", "Ann", "ANN", "mia.wong", "mia-wong", "mia_wong", "user@example.com", "user@example.org", "user",
	"first.last@department.university.example.edu", "first.last@department.university.example.org", "1234567", "42", "7lab",
	"\u5f20\u4f1f", "jos\u00e9.garc\u00eda", "jose\u0301.garci\u0301a", "\u0130stanbul", "\u212Aelvin", "ends-", "-starts", "_", "a b", "<!channel>", "ann\nlab", `"quoted"`, "..", "x", "x-1", "claim-ann", "lab",
	strings.Repeat("x", 46), strings.Repeat("x", 47), strings.Repeat("x", 60), strings.Repeat("long.name-", 7) + "end",
}

// relatives are those of them whose claims get into each other's way most.
var relatives = []string{"ann", "annlab", "ann-lab", "jo", "jolab", "jo-lab", "jo-2dlab", "ann-1"}

// rooms are names of named servers.
var rooms = []string{"lab", "exp-1", "gpu", "Lab", "My Lab", "2dlab", "7", "a.b", "--", "lab-", "\u5f20", strings.Repeat("s", 30), strings.Repeat("server-", 6) + "end"}

// liveOn lives one life.
func liveOn(c *chance) *history {
	first := 0
	if c.in(2) {
		first = c.n(len(releases))
	}
	h := newHistory(c, first)
	for range 1 + c.n(4) {
		for range 3 + c.n(12) {
			h.turn()
		}
		if h.release == len(releases)-1 || c.in(5) {
			break
		}
		step := 1 + c.n(len(releases)-1-h.release)
		if c.in(3) {
			step = len(releases) - 1 - h.release
		}
		h.upgrade(h.release + step)
	}
	for range c.n(8) {
		h.turn()
	}
	return h
}

// turn is one thing that happens.
func (h *history) turn() {
	c := h.c
	switch c.n(24) {
	case 0, 1:
		h.join(pick(c, h.crowd))
	case 2, 3, 4, 5, 6, 7:
		h.start(h.anyone(), "")
	case 8, 9, 10, 11:
		h.start(h.anyone(), h.room())
	case 12, 13, 14, 15, 16:
		h.stop(h.anyServer())
	case 17:
		h.use(h.anyServer())
	case 18:
		h.touch(h.anyone(), h.room())
	case 19:
		h.deleteServer(h.anyServer())
	case 20:
		if c.in(2) {
			h.deleteUser(h.anyone())
		}
	case 21:
		h.copyOf(h.anyClaim())
	case 22:
		h.link(h.anyServer())
	case 23:
		h.fail(h.anyServer())
	}
}

func (h *history) String() string {
	return fmt.Sprintf("the life: %s", strings.Join(h.log, "; "))
}
