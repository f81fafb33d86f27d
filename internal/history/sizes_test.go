package history

import (
	"fmt"
	"testing"
	"time"

	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

const mib = 1 << 20

// inLonghorn and onKubelet are what a home was measured to hold.
func inLonghorn(claim string, bytes int64) verdict.Size {
	return verdict.Size{SizeKey: facts.SizeKey{ClaimUID: claim, By: facts.SizeByLonghorn}, Bytes: bytes}
}

func onKubelet(claim string, bytes, inodes int64) verdict.Size {
	return verdict.Size{SizeKey: facts.SizeKey{ClaimUID: claim, By: facts.SizeByKubelet}, Bytes: bytes, Inodes: inodes}
}

func emptied(s verdict.Size) verdict.Size {
	s.Emptied = true
	return s
}

// homes is a run that saw these homes of the hub, whose claims are all there are.
func homes(sizes ...verdict.Size) Moves {
	m := Moves{Sizes: map[string][]verdict.Size{world.HubName: sizes}, Claims: map[string]bool{}}
	for _, s := range sizes {
		m.Claims[s.ClaimUID] = true
	}
	return m
}

func at(minute int) time.Time { return world.Now.Add(time.Duration(minute) * time.Minute) }

func wantSizes(t *testing.T, s *Store, want map[facts.SizeKey]facts.PastSize) {
	t.Helper()
	diff(t, want, past(t, s).Sizes)
}

var (
	a = facts.SizeKey{ClaimUID: "a", By: facts.SizeByLonghorn}
	k = facts.SizeKey{ClaimUID: "a", By: facts.SizeByKubelet}
)

// TestSizesFollowWhatIsGood: by steps of a fifth that are some MiB.
func TestSizesFollowWhatIsGood(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), homes(inLonghorn("a", 100*mib), onKubelet("a", 90*mib, 1000)))
	first := map[facts.SizeKey]facts.PastSize{a: {Bytes: 100 * mib, At: at(0)}, k: {Bytes: 90 * mib, Inodes: 1000, At: at(0)}}
	wantSizes(t, s, first)

	recordMoves(t, s, runAt(1), homes(inLonghorn("a", 120*mib), onKubelet("a", 72*mib, 1200)))
	wantSizes(t, s, first)

	recordMoves(t, s, runAt(2), homes(inLonghorn("a", 120*mib+1), onKubelet("a", 90*mib, 1201)))
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 120*mib + 1, At: at(2)}, k: {Bytes: 90 * mib, Inodes: 1201, At: at(2)}})

	recordMoves(t, s, runAt(3), homes(inLonghorn("b", 3*mib)))
	recordMoves(t, s, runAt(4), homes(inLonghorn("b", 11*mib))) // nearly four times, and only 8 MiB
	if got := past(t, s).Sizes[facts.SizeKey{ClaimUID: "b", By: facts.SizeByLonghorn}]; got.Bytes != 3*mib {
		t.Errorf("%+v", got)
	}
}

// TestOldRunMovesNoSize: nor does one that saw no homes.
func TestOldRunMovesNoSize(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(5), homes(inLonghorn("a", 100*mib)))
	recordMoves(t, s, runAt(0), homes(inLonghorn("a", 900*mib)))
	recordMoves(t, s, runAt(6), Moves{})
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 100 * mib, At: at(5)}})
}

// TestEmptiedHomeKeepsWhatItHeld until its content is back.
func TestEmptiedHomeKeepsWhatItHeld(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), homes(inLonghorn("a", 500*mib), onKubelet("a", 400*mib, 3000)))
	recordMoves(t, s, runAt(1), homes(emptied(inLonghorn("a", 35*mib)))) // the server is stopped
	held := map[facts.SizeKey]facts.PastSize{
		a: {Bytes: 500 * mib, At: at(0), EmptiedAt: at(1), EmptiedBytes: 35 * mib},
		k: {Bytes: 400 * mib, Inodes: 3000, At: at(0)},
	}
	wantSizes(t, s, held)
	for minute := 2; minute < 5; minute++ {
		recordMoves(t, s, runAt(minute), homes(emptied(inLonghorn("a", int64(35+minute)*mib)), emptied(onKubelet("a", mib, 30))))
		held[k] = facts.PastSize{Bytes: 400 * mib, Inodes: 3000, At: at(0), EmptiedAt: at(2), EmptiedBytes: mib, EmptiedInodes: 30}
		wantSizes(t, s, held)
	}
	recordMoves(t, s, runAt(5), homes(onKubelet("a", 390*mib, 2900)))
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 500 * mib, At: at(0)}, k: {Bytes: 400 * mib, Inodes: 3000, At: at(0)}})
}

// TestAcceptEmptied: what was left is what counts, and only that.
func TestAcceptEmptied(t *testing.T) {
	s := newStore(t)
	accept := Acceptance{Cluster: cluster, Hub: world.HubName, Check: checkEmptied, Reason: "moved to another volume", At: at(3)}
	wantError(t, s.Accept(t.Context(), accept), "no run has found a home", "audit now")

	recordMoves(t, s, runAt(0), homes(inLonghorn("a", 500*mib), onKubelet("a", 400*mib, 3000), inLonghorn("b", 300*mib)))
	recordMoves(t, s, runAt(1), homes(emptied(inLonghorn("a", 35*mib)), inLonghorn("b", 300*mib), emptied(inLonghorn("c", 34*mib))))
	c := facts.SizeKey{ClaimUID: "c", By: facts.SizeByLonghorn}
	if got, want := past(t, s).Sizes[c], (facts.PastSize{EmptiedAt: at(1), EmptiedBytes: 34 * mib}); got != want {
		t.Errorf("a home that no run found in order: %+v", got)
	}
	if err := s.Accept(t.Context(), accept); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 35 * mib, At: at(1)}, c: {Bytes: 34 * mib, At: at(1)},
		{ClaimUID: "b", By: facts.SizeByLonghorn}: {Bytes: 300 * mib, At: at(0)}})
	list, err := s.Acceptances(t.Context(), cluster)
	if err != nil || len(list) != 1 || list[0].Effect != "homes whose loss is known: 2" {
		t.Errorf("acceptances %+v, error %v", list, err)
	}
	accept.Hub = "other"
	wantError(t, s.Accept(t.Context(), accept), `of hub "other"`)
}

// TestVanishedClaimsAreForgotten once they have been gone for as long as members
// are kept, and not because a run could not see them.
func TestVanishedClaimsAreForgotten(t *testing.T) {
	s := newStore(t)
	s.at(60 * day)
	keep := func(m Moves) Moves { m.KeepMembers = 7 * 24 * time.Hour; return m }
	recordMoves(t, s, runAt(0), keep(homes(inLonghorn("a", 100*mib), inLonghorn("b", 100*mib))))
	recordMoves(t, s, runAt(1), keep(Moves{}))                                                   // claims not read
	recordMoves(t, s, runAt(2), keep(Moves{Claims: map[string]bool{"a": true, "b": true}}))      // hub in doubt
	recordMoves(t, s, runAt(3), keep(homes(inLonghorn("b", 100*mib))))                           // a is gone
	recordMoves(t, s, runAt(4), keep(homes(inLonghorn("a", 100*mib), inLonghorn("b", 100*mib)))) // and was only not listed
	recordMoves(t, s, runAt(5), keep(homes(inLonghorn("b", 100*mib))))
	if n := count(t, s, "SELECT count(*) FROM sizes WHERE gone_at = "+fmt.Sprint(at(5).Unix())); n != 1 {
		t.Errorf("%d rows are noted as gone since the last run, want 1", n)
	}
	recordMoves(t, s, runAt(7*day), keep(homes(inLonghorn("b", 100*mib))))
	if n := len(past(t, s).Sizes); n != 2 {
		t.Errorf("%d sizes within the time, want 2", n)
	}
	recordMoves(t, s, runAt(7*day+6), keep(homes(inLonghorn("b", 100*mib))))
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{{ClaimUID: "b", By: facts.SizeByLonghorn}: {Bytes: 100 * mib, At: at(0)}})
}

// TestSizesOfClustersAreApart: the same claim may be in two, as after a move.
func TestSizesOfClustersAreApart(t *testing.T) {
	s := newStore(t)
	recordMoves(t, s, runAt(0), homes(inLonghorn("a", 100*mib)))
	other := runAt(1)
	other.Cluster = "west"
	recordMoves(t, s, other, homes(inLonghorn("a", 5*mib)))
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 100 * mib, At: at(0)}})

	moved := homes()
	moved.Sizes, moved.Claims["a"] = map[string][]verdict.Size{"second": {inLonghorn("a", 200*mib)}}, true
	recordMoves(t, s, runAt(2), moved)
	wantSizes(t, s, map[facts.SizeKey]facts.PastSize{a: {Bytes: 200 * mib, At: at(2)}})
}

// BenchmarkSizes is what 100,000 homes cost each run, every tenth of them mounted:
// reading and recording, where nothing changed and where one in a hundred did.
func BenchmarkSizes(b *testing.B) {
	const n = 100_000
	for name, change := range map[string]int{"unchanged": 0, "churn": n / 100} {
		b.Run(name, func(b *testing.B) {
			s := newStore(b)
			s.clock = time.Now
			run, sizes := runAt(0, healthyVerdicts()...), make([]verdict.Size, 0, n+n/10)
			for i := range n {
				uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)
				sizes = append(sizes, inLonghorn(uid, int64(100+i%900)*mib))
				if i%10 == 0 {
					sizes = append(sizes, onKubelet(uid, int64(50+i%500)*mib, int64(1000+i)))
				}
			}
			moves := homes(sizes...)
			empty := fileSize(b, s)
			recordMoves(b, s, run, moves)
			b.ReportMetric(float64(fileSize(b, s)-empty)/n, "bytes/home")
			next := 0
			b.ReportAllocs()
			for b.Loop() {
				for range change {
					sizes[next%len(sizes)].Bytes += 500 * mib
					next++
				}
				run.StartedAt = run.StartedAt.Add(time.Second)
				past(b, s)
				recordMoves(b, s, run, moves)
			}
		})
	}
}
