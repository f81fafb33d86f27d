package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/checks"
	"hubaudit/internal/facts"
	"hubaudit/internal/verdict"
	"hubaudit/internal/world"
)

// TestVerifyRescue: the checks see the rescued rows, where the hub's own were
// lost, and nothing of the hub that lost them.
func TestVerifyRescue(t *testing.T) {
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := world.Hub(world.Healthy(world.Small), world.HubName)
	lost := world.Healthy(world.Small)
	world.WipeDatabase(lost, world.HubName)
	for i := range lost.Sources {
		if lost.Sources[i].Name == facts.HubDB(world.HubName) {
			lost.Sources[i].Status, lost.Sources[i].Detail = facts.Failed, "it is gone"
		}
	}
	users := len(world.Hub(lost, world.HubName).Users)
	rescued := *good
	rescued.Database.Location = "/somewhere/else/rescued.sqlite"
	if failed := failing(VerifyRescue(suite, lost, world.HubName, &rescued)); len(failed) > 0 {
		t.Errorf("a sound database fails %v", failed)
	}
	if got := world.Hub(lost, world.HubName); len(got.Users) != users || lost.Source(facts.HubDB(world.HubName)).Status != facts.Failed {
		t.Error("the snapshot was changed")
	}

	rescued.Users = append([]facts.User(nil), good.Users...)
	rescued.Users[3].Cookie = facts.CookieNull
	if diff := cmp.Diff([]string{"hub-cookie-id-null"}, failing(VerifyRescue(suite, lost, world.HubName, &rescued))); diff != "" {
		t.Errorf("failing (-want +got):\n%s", diff)
	}
	if got := VerifyRescue(suite, lost, "no such hub", &rescued); got != nil {
		t.Errorf("verdicts of no hub: %v", got)
	}
}

// failing are the checks of these verdicts that fail or cannot tell.
func failing(verdicts []verdict.Verdict) (ids []string) {
	for _, v := range verdicts {
		if v.Outcome == verdict.Fail || v.Outcome == verdict.Unknown {
			ids = append(ids, v.Check)
		}
	}
	return ids
}
