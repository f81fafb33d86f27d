package homes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hubaudit/internal/collect/nobody"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

func mkdir(t testing.TB, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestList(t *testing.T) {
	volume, outside := t.TempDir(), t.TempDir()
	mkdir(t, outside, "secret")
	hostile := []string{"<!channel>", "\x1b[31m", "a\nb", "\xff\xfe", "..a", "-rf", "張"}
	for _, name := range append(hostile, "home/jane-doe/work", "home/ann") {
		mkdir(t, volume, name)
	}
	for link, to := range map[string]string{"home/moved": "ann", "home/gone": "nowhere", "away": outside, "inside": "home"} {
		if err := os.Symlink(to, filepath.Join(volume, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(volume, "home", "a-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string][]string{
		"":     {"\x1b[31m", "-rf", "..a", "<!channel>", "a\nb", "away", "home", "inside", "張", "\xff\xfe"},
		"home": {"home/ann", "home/gone", "home/jane-doe", "home/moved"},
		// A folder above the homes may be a link within the volume.
		"inside": {"inside/ann", "inside/gone", "inside/jane-doe", "inside/moved"},
	} {
		got, err := List(t.Context(), volume, in)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("in %q: %v (-want +got):\n%s", in, err, diff)
		}
	}
	if got, err := List(t.Context(), volume, "away"); err == nil {
		t.Errorf("a link out of the volume was followed: %q", got)
	}
}

// Many more directories than are read at once, and just as many as are allowed.
func TestListMany(t *testing.T) {
	volume := t.TempDir()
	const n = chunk + 100
	for i := range n {
		mkdir(t, volume, fmt.Sprintf("user-%05d", i))
	}
	names, err := list(t.Context(), volume, "", n)
	if err != nil || len(names) != n || names[0] != "user-00000" || names[n-1] != fmt.Sprintf("user-%05d", n-1) {
		t.Errorf("%d names, %v", len(names), err)
	}
	fails(t, volume, n-1, facts.CauseUnreadable, fmt.Sprintf("there are more than %d entries in ", n-1))
}

func fails(t *testing.T, volume string, most int, cause facts.Cause, detail string) {
	t.Helper()
	names, err := list(t.Context(), volume, "", most)
	var failed *source.Error
	if !errors.As(err, &failed) || failed.Cause != cause || !strings.HasPrefix(failed.Detail, detail) || names != nil {
		t.Errorf("%v: %+v", names, err)
	}
}

func TestListFails(t *testing.T) {
	volume := t.TempDir()
	fails(t, filepath.Join(volume, "gone"), Most, facts.CauseMissing, "cannot list the home directories in "+volume+"/gone: is the shared volume's root mounted there")
	file := filepath.Join(volume, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, file, Most, facts.CauseUnreadable, "cannot list the home directories in "+file)
	closed := mkdir(t, volume, "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	nobody.Do(t, func() {
		fails(t, closed, Most, facts.CauseForbidden, "may not list the home directories in "+closed+": let the auditor's user")
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var failed *source.Error
	if _, err := List(ctx, volume, ""); !errors.As(err, &failed) || failed.Cause != facts.CauseTimeout {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkList(b *testing.B) {
	volume := b.TempDir()
	for i := range 20_000 {
		mkdir(b, volume, fmt.Sprintf("first-2elast%d-40example-2eedu", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if names, err := List(b.Context(), volume, ""); err != nil || len(names) != 20_000 {
			b.Fatal(len(names), err)
		}
	}
}
