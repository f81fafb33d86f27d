package hubdb_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSameFacts reads the same hub from three engines.
func TestSameFacts(t *testing.T) {
	source := sqliteHub(t)
	want := read(t, source.url)
	if len(want.Users) != 35 || len(want.Spawners) != 43 || len(want.Servers) != 22 {
		t.Fatalf("SQLite: %v", want.Items())
	}
	for _, d := range both(t) {
		t.Run(d.Engine, func(t *testing.T) {
			got := read(t, copyHub(t, d, source).url)
			if diff := cmp.Diff(want, got, sameFacts); diff != "" {
				t.Errorf("(-SQLite +%s):\n%s", d.Engine, diff)
			}
			if diff := cmp.Diff(judge(t, want), judge(t, got), sameVerdicts); diff != "" {
				t.Errorf("verdicts (-SQLite +%s):\n%s", d.Engine, diff)
			}
		})
	}
}
