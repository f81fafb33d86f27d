package verify

import (
	"cmp"
	"context"
	"os"
	"path"
	"slices"
	"strings"

	"hubaudit/internal/facts"
)

// choose opens what an archive held and returns the hub's database. What bears
// the name of the live one is it, whatever is in it. Else the newest is that
// has a hub's tables, and where none has, the newest of all.
func (v *verifier) choose(ctx context.Context, h *held) (*found, error) {
	if len(h.databases) == 0 {
		return nil, h.nothing(v.Copy.Name)
	}
	for _, f := range h.databases {
		for _, suffix := range sidecars {
			if beside := h.beside[f.name+suffix]; beside != "" {
				if err := os.Rename(beside, f.path+suffix); err != nil {
					return nil, noRoom(err)
				}
			}
		}
	}
	if h.servers != "" { // its dumps are parts of a whole that only a server reads
		h.databases = slices.DeleteFunc(h.databases, func(f *found) bool { return f.kind != sqliteFile })
		if len(h.databases) == 0 {
			return nil, h.nothing(v.Copy.Name)
		}
	}
	live := v.liveName()
	rank := func(f *found) int {
		if live != "" && path.Base(f.name) == live {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(h.databases, func(a, b *found) int {
		return cmp.Or(rank(a)-rank(b), b.modified.Compare(a.modified), strings.Compare(a.name, b.name))
	})
	for _, f := range h.databases {
		if err := v.open(ctx, f); err != nil {
			return nil, err
		}
		if rank(f) == 0 || isHub(f.opened.Content) {
			return f, nil
		}
	}
	return h.databases[0], nil
}

// open reads a database or a dump.
func (v *verifier) open(ctx context.Context, f *found) error {
	if f.kind == sqlDump {
		return v.openDump(ctx, f)
	}
	return v.openSQLite(ctx, f)
}

// isHub tells whether a database has the tables that every hub's has.
func isHub(content *facts.Hub) bool {
	return content != nil && slices.Contains(content.Database.Tables, "users") && slices.Contains(content.Database.Tables, "servers")
}

// nothing says what an archive holds instead of a database.
func (h *held) nothing(name string) error {
	switch {
	case h.servers != "":
		return skipped("the copy %q was not tested: %s", name, h.servers)
	case h.closed != "":
		return skipped("the copy %q was not tested: it holds %s", name, h.closed)
	case h.entries == 0:
		return faulty(facts.CopyEmpty, "the archive (%s) holds no file", strings.Join(h.layers, ", "))
	}
	return faulty(facts.CopyNotDatabase, "the archive (%s) of %d files holds no database and no dump; the first file is %q", strings.Join(h.layers, ", "), h.entries, h.first)
}
