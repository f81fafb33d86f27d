package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// decide is a plain way to decide what receivers are to be told: every one of
// everything.
func decide(receivers ...string) func([]verdict.Incident, []verdict.Delivery) verdict.Outbox {
	return func(list []verdict.Incident, told []verdict.Delivery) (out verdict.Outbox) {
		for _, inc := range list {
			for _, receiver := range receivers {
				var last, open, over *verdict.Delivery
				for i := range told {
					switch d := &told[i]; {
					case d.Incident != inc.ID || d.Receiver != receiver:
					case d.Sent():
						last = d
					case d.Kind == verdict.DeliveryResolved:
						over = d
					default:
						open = d
					}
				}
				decideOne(&out, inc, receiver, last, open, over)
			}
		}
		return out
	}
}

// decideOne is about what a receiver was told last, and what is queued for it.
func decideOne(out *verdict.Outbox, inc verdict.Incident, receiver string, last, open, over *verdict.Delivery) {
	d := verdict.Delivery{Incident: inc.ID, Fingerprint: inc.Fingerprint, Receiver: receiver, Severity: inc.Severity, Summary: inc.Summary}
	knows := last != nil && last.Kind != verdict.DeliveryResolved
	if inc.State == verdict.Resolved {
		d.Kind = verdict.DeliveryResolved
		if over == nil && (knows || open != nil) {
			out.Put = append(out.Put, d)
		}
		return
	}
	if over != nil {
		out.Drop = append(out.Drop, over.ID)
	}
	switch {
	case open != nil:
		d.ID, d.Kind = open.ID, open.Kind
	case last == nil:
		d.Kind = verdict.DeliveryOpened
	case !knows:
		d.Kind = verdict.DeliveryReopened
	case inc.Severity != last.Severity && inc.Severity.AtLeast(last.Severity):
		d.Kind = verdict.DeliveryWorse
	default:
		return
	}
	out.Put = append(out.Put, d)
}

// postbox is what a receiver has got, by incident, and what is on its way to it.
type postbox struct {
	name     string
	got      map[int64][]verdict.Delivery
	inFlight []verdict.Delivery
	down     bool
	// unsure counts, by incident, how often it was handed out that it is over: nobody
	// knows then whether that arrived.
	unsure map[int64]int
	// refused: something about the incident was; of one that is over that may be
	// dropped for a later one of the same check.
	refused map[int64]bool
	last    map[string]int64 // the incident told of last, by fingerprint
}

func newPostbox(name string) *postbox {
	return &postbox{name: name, got: map[int64][]verdict.Delivery{}, unsure: map[int64]int{}, refused: map[int64]bool{}, last: map[string]int64{}}
}

// step sends, loses or finishes a message.
func (p *postbox) step(t *testing.T, s *Store, rng *rand.Rand, now time.Time) {
	t.Helper()
	if len(p.inFlight) > 0 { // one at a time, as under a lease
		d := p.inFlight[0]
		p.inFlight = nil
		if p.down {
			d.Tries, d.Error, d.NotBefore = d.Tries+1, "down", now.Add(time.Duration(rng.IntN(3))*time.Minute)
			refused := rng.IntN(5) == 0
			p.refused[d.Incident] = p.refused[d.Incident] || refused
			if err := s.Failed(t.Context(), refused, d); err != nil {
				t.Fatal(err)
			}
			return
		}
		if last := p.last[d.Fingerprint]; d.Incident < last {
			t.Errorf("%s: incident %d is told of (%s) after incident %d of the same check", p.name, d.Incident, d.Kind, last)
		}
		p.last[d.Fingerprint] = d.Incident
		p.got[d.Incident] = append(p.got[d.Incident], d)
		if rng.IntN(10) == 0 {
			return // killed between the answer and remembering it
		}
		d.At, d.Ref = now, fmt.Sprint("ref ", d.Incident)
		for range 1 + rng.IntN(2) {
			if err := s.Sent(t.Context(), cluster, d); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	due, err := s.Due(t.Context(), cluster, p.name, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range due {
		if d.Kind == verdict.DeliveryResolved {
			p.unsure[d.Incident]++
		}
	}
	if len(due) > 0 {
		p.inFlight = due[:1]
	}
}

// check holds what a receiver was told against the rules of telling.
func (p *postbox) check(t *testing.T) {
	t.Helper()
	for id, got := range p.got {
		open := false
		for i, d := range got {
			if i > 0 && d.ID == got[i-1].ID {
				continue // a crash repeats a message
			}
			switch d.Kind {
			case verdict.DeliveryOpened:
				if i > 0 {
					t.Errorf("%s: incident %d was opened twice: %v", p.name, id, kinds(got))
				}
				open = true
			case verdict.DeliveryReopened:
				if open {
					p.unsure[id]--
				}
				if p.unsure[id] < 0 || i == 0 {
					t.Errorf("%s: incident %d was opened again while it was open: %v", p.name, id, kinds(got))
				}
				open = true
			case verdict.DeliveryResolved:
				if !open {
					t.Errorf("%s: incident %d was resolved while it was not open: %v", p.name, id, kinds(got))
				}
				open = false
			default:
				if !open {
					t.Errorf("%s: incident %d got worse while it was not open: %v", p.name, id, kinds(got))
				}
			}
		}
	}
}

func kinds(list []verdict.Delivery) (out []string) {
	for _, d := range list {
		out = append(out, fmt.Sprintf("%s(%d)", d.Kind, d.ID))
	}
	return out
}

// TestOutboxAgainstModel lets checks fail and hold at random, while receivers are
// down, slow, and killed between an answer and remembering it. In the end each
// knows how every incident stands.
func TestOutboxAgainstModel(t *testing.T) {
	seeds, steps := 16, 250
	if testing.Short() {
		seeds, steps = 3, 100
	}
	messages, replaced := 0, 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 13))
			s := newStore(t)
			unsafe(t, s)
			boxes := []*postbox{newPostbox("slack"), newPostbox("pagerduty")}
			moves := Moves{Rules: Rules{ReopenWithin: time.Hour}, Plan: decide("slack", "pagerduty")}
			now := world.Now
			for range steps {
				now = now.Add(time.Duration(rng.IntN(300)) * time.Second)
				box := boxes[rng.IntN(2)]
				switch rng.IntN(5) {
				case 0:
					if len(box.inFlight) > 0 {
						replaced++
					}
					recordRandom(t, s, rng, now, moves)
				case 1:
					box.down = rng.IntN(2) == 0
				default:
					box.step(t, s, rng, now)
				}
				if n := count(t, s, `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE sent_at IS NULL GROUP BY incident, receiver
					HAVING sum(CASE WHEN kind = 'resolved' THEN 1 ELSE 0 END) > 1 OR sum(CASE WHEN kind <> 'resolved' THEN 1 ELSE 0 END) > 1) AS many`); n > 0 {
					t.Fatalf("%d incidents have too much queued for a receiver", n)
				}
			}
			settle(t, s, boxes, now, moves)
			for _, box := range boxes {
				box.check(t)
				for _, got := range box.got {
					messages += len(got)
				}
			}
		})
	}
	if messages < 10*seeds || replaced < seeds {
		t.Errorf("%d messages, %d runs while one was on its way: the test proves little", messages, replaced)
	}
}

// recordRandom records a run of three checks.
func recordRandom(t *testing.T, s *Store, rng *rand.Rand, now time.Time, moves Moves) {
	t.Helper()
	s.clock = func() time.Time { return now }
	var verdicts []verdict.Verdict
	for _, check := range []string{"a", "b", "c"} {
		v := judged(check, []verdict.Outcome{verdict.Pass, verdict.Fail, verdict.Fail, verdict.Unknown}[rng.IntN(4)])
		v.Severity = verdict.Severities[rng.IntN(len(verdict.Severities))]
		verdicts = append(verdicts, v)
	}
	run := runAt(0, verdicts...)
	run.StartedAt = now
	recordMoves(t, s, run, moves)
}

// settle lets receivers work until there is nothing more to be told, and holds
// what they know against the incidents.
func settle(t *testing.T, s *Store, boxes []*postbox, now time.Time, moves Moves) {
	t.Helper()
	calm := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		now = now.Add(10 * time.Minute)
		s.clock = func() time.Time { return now }
		run := runAt(0) // nothing is judged, and all decided
		run.StartedAt = now
		recordMoves(t, s, run, moves)
		for _, box := range boxes {
			box.down = false
			for range 100 {
				box.step(t, s, calm, now)
			}
			for len(box.inFlight) > 0 {
				box.step(t, s, calm, now)
			}
		}
	}
	if n := count(t, s, "SELECT count(*) FROM deliveries WHERE sent_at IS NULL"); n != 0 {
		t.Errorf("%d messages are still queued", n)
	}
	for _, inc := range incidentsOf(t, s, false) {
		for _, box := range boxes {
			got := box.got[inc.ID]
			switch {
			case !inc.ResolvedAt.IsZero() && box.refused[inc.ID]: // may have been dropped
			case len(got) == 0 && inc.ResolvedAt.IsZero():
				t.Errorf("%s was never told of incident %d", box.name, inc.ID)
			case len(got) == 0:
				t.Errorf("%s was not told that incident %d had been", box.name, inc.ID)
			case (got[len(got)-1].Kind == verdict.DeliveryResolved) == inc.ResolvedAt.IsZero():
				t.Errorf("%s was told %v of incident %d, which is %s", box.name, kinds(got), inc.ID, inc.State)
			case inc.ResolvedAt.IsZero() && !slices.ContainsFunc(got, func(d verdict.Delivery) bool { return d.Severity.AtLeast(inc.Severity) }):
				t.Errorf("%s was never told that incident %d is %s", box.name, inc.ID, inc.Severity)
			}
		}
	}
}
