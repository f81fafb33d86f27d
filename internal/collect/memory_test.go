package collect

import (
	"strings"
	"testing"

	"hubaudit/internal/facts"
	"hubaudit/internal/world"
)

// A database in memory is a fact about the hub, not a failure to read it.
func TestDatabaseInMemory(t *testing.T) {
	s := gather(t, write(t, world.Healthy(world.Small), func(s string) string {
		return strings.Replace(s, "sqlite:///hub.sqlite", "'sqlite://'", 1)
	}))
	if d := s.Hubs[0].Database; d.Engine != "sqlite" || !d.InMemory || len(s.Hubs[0].Users) > 0 {
		t.Errorf("read %+v and %d users", d, len(s.Hubs[0].Users))
	}
	if src := s.Source(facts.HubDB(world.HubName)); src.Status != facts.Absent || !strings.Contains(src.Detail, "in memory") {
		t.Errorf("its source is %+v", src)
	}
}
