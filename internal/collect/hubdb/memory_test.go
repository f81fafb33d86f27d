package hubdb

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

func TestInMemory(t *testing.T) {
	r, err := Read(t.Context(), Options{URL: "sqlite:///:memory:", BaseDir: t.TempDir()})
	if _, absent := errors.AsType[*source.AbsentError](err); !absent {
		t.Errorf("%v, want that it is absent", err)
	}
	want := Result{Database: facts.Database{Engine: SQLite, InMemory: true}, UsersRead: facts.None, SpawnersRead: facts.None}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
