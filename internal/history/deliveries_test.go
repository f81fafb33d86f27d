package history

import (
	"fmt"
	"testing"

	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

func TestDeliveriesAndPending(t *testing.T) {
	s := newStore(t)
	tell := func(incident int64, receiver string, kind verdict.DeliveryKind) verdict.Delivery {
		t.Helper()
		d := verdict.Delivery{Incident: incident, Fingerprint: fmt.Sprint("f", incident), Receiver: receiver, Kind: kind,
			Severity: verdict.Error, At: world.Now, Ref: "1732270000.000100", Count: 3}
		if err := s.RecordDelivery(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	wantPending := func(want ...int64) {
		t.Helper()
		list, err := s.Pending(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, inc := range list {
			got = append(got, inc.ID)
		}
		diff(t, want, got)
	}

	wantPending()
	record(t, s, runAt(0, judged("a", verdict.Fail), judged("b", verdict.Fail), judged("c", verdict.Fail)))
	wantPending(1, 2, 3)
	sent := []verdict.Delivery{tell(1, "slack", verdict.DeliveryOpened), tell(1, "pagerduty", verdict.DeliveryOpened),
		tell(2, "slack", verdict.DeliveryOpened), tell(1, "slack", verdict.DeliveryWorse)}
	wantPending(1, 2, 3)
	record(t, s, runAt(1, judged("a", verdict.Pass), judged("b", verdict.Unknown), judged("c", verdict.Pass)))
	wantPending(1, 2) // nobody was told of 3
	sent = append(sent, tell(1, "slack", verdict.DeliveryResolved))
	wantPending(1, 2) // pagerduty still has to be told
	sent = append(sent, tell(1, "pagerduty", verdict.DeliveryResolved))
	wantPending(2)

	got, err := s.Deliveries(t.Context(), cluster, []int64{2, 1, 1, 99})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, sent, got)
	for what, ids := range map[string][]int64{"none": nil, "unknown": {99}, "unknown and many": make([]int64, 3*maxPlaceholders)} {
		for i := range ids {
			ids[i] = int64(100 + i)
		}
		if got, err := s.Deliveries(t.Context(), cluster, ids); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, error %v", what, got, err)
		}
	}
	if got, err := s.Deliveries(t.Context(), "west", []int64{1}); err != nil || len(got) != 0 {
		t.Errorf("another cluster's: %v, error %v", got, err)
	}
	wantError(t, s.RecordDelivery(t.Context(), verdict.Delivery{Incident: 99, Receiver: "slack"}), "incident 99 to slack")
}
