package verify

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"hubaudit/internal/collect/hubdb"
	"hubaudit/internal/verdict"
)

// rounds is how often each copy is cut off, and how often a byte of it changed.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("HUBAUDIT_ROUNDS"))
	if err != nil {
		return 10
	}
	return n
}

// broken is a copy with some damage.
type broken struct {
	way, ending, what string
	b                 []byte
}

// damaged: of a copy that is cut off, or has a byte changed, nothing good is said
// unless the engine's own tools get every user out of it.
func damaged(t *testing.T, hub live, dumps map[string][]byte) {
	s := newSite(t, hub)
	copies := map[string]broken{}
	for i, way := range slices.Sorted(maps.Keys(dumps)) {
		random := rand.New(rand.NewPCG(2026, uint64(i)))
		all := breakUp(dumps[way], way, "", rounds(t), random)
		all = append(all, breakUp(run(t, dumps[way], "gzip", "-c"), way, ".gz", rounds(t)/3, random)...)
		for n, c := range all {
			name := slug(fmt.Sprintf("%s%s %d", way, c.ending, n))
			copies[name] = c
			s.put(t, name, "jupyterhub"+c.ending, c.b, made)
		}
	}
	a := s.audit(t)
	if v := a.of(t, "backup-restore-mismatch"); v.Outcome != verdict.Fail {
		t.Errorf("%s %s", v.Outcome, v.Summary)
	}
	users := hub.names(t)
	praised := map[string]broken{}
	for name, c := range copies {
		if !a.praised(t, name) {
			continue
		}
		if c.ending != "" {
			c.b, c.ending = run(t, c.b, "gzip", "-dc"), ""
		}
		praised[name] = c
		if got, err := restored(t, hub.server, c.way, c.b, false); !slices.Equal(got, users) {
			t.Errorf("%s %s is praised, and restored it has %d of %d users: %v", c.way, c.what, len(got), len(users), err)
		}
	}
	t.Logf("opened, %d of %d broken copies are as good as whole", len(praised), len(copies))
	if hub.server != nil {
		damagedRestored(t, hub, praised, users)
	}
}

// damagedRestored: what is restored on a server and praised is what the engine's
// tools take without an error. MariaDB's stop at the first of a client's settings
// that is wrong, and a restore does without those.
func damagedRestored(t *testing.T, hub live, copies map[string]broken, users []string) {
	s := newSite(t, hub)
	scratch := empty(t, hub.server)
	for name, c := range copies {
		s.put(t, name, "jupyterhub", c.b, made)
	}
	s.restoreInto(t, scratch.url)
	a := s.audit(t)
	praise := 0
	for name, c := range copies {
		if !a.praised(t, name) {
			continue
		}
		praise++
		if got, err := restored(t, hub.server, c.way, c.b, hub.server.Engine == hubdb.PostgreSQL); !slices.Equal(got, users) {
			t.Errorf("%s %s was restored and is praised, and the tools get %d of %d users: %v", c.way, c.what, len(got), len(users), err)
		}
	}
	t.Logf("restored, %d of these %d are", praise, len(copies))
}

// breakUp cuts a copy off and changes bytes of it, half of them among the users.
func breakUp(b []byte, way, ending string, times int, random *rand.Rand) (all []broken) {
	const first = "student-000@"
	users := bytes.Index(b, []byte(first))
	for n := range times {
		at := random.IntN(len(bytes.TrimRight(b, "\n")) - 1)
		all = append(all, broken{way, ending, fmt.Sprintf("cut off at byte %d", at), b[:at]})

		at = random.IntN(len(b))
		if n%2 == 0 && users > 0 {
			at = users + random.IntN(min(20_000, len(b)-users))
		}
		changed := bytes.Clone(b)
		changed[at] ^= byte(1 + random.IntN(255))
		all = append(all, broken{way, ending, fmt.Sprintf("with byte %d changed from %q to %q", at, around(b, at), around(changed, at)), changed})
	}
	if users < 0 {
		return all
	}
	changed := bytes.Clone(b) // a name of which one letter is another is still a name
	changed[users] = 't'
	return append(all, broken{way, ending, "with a letter of a name changed", changed})
}

func around(b []byte, at int) []byte { return b[max(0, at-20):min(len(b), at+20)] }
