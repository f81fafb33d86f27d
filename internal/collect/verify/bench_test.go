package verify

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"hubaudit/internal/facts"
)

// large is a packed hub's database with as many users as the largest hub has.
func large(tb testing.TB) []byte {
	return gzipped(tb, bytesIn(tb, grown(tb, 91_000)))
}

// BenchmarkCopy opens a packed copy of 91,000 users beside the live hub with the
// same, and tells how much memory its rows keep.
func BenchmarkCopy(b *testing.B) {
	packed := large(b)
	live := look(b, packed).Content
	for _, beside := range []*facts.Hub{nil, live} {
		b.Run(fmt.Sprintf("shared=%v", beside != nil), func(b *testing.B) {
			b.SetBytes(int64(len(packed)))
			var kept facts.Opened
			before := heap()
			for b.Loop() {
				kept = look(b, packed, func(o *Options) { o.MaxBytes = 1 << 30; o.Live = beside })
			}
			b.ReportMetric(float64(heap()-before)/(1<<20), "kept-MiB")
			if kept.Fault != "" || kept.Content == nil || len(kept.Content.Users) < 91_000 {
				b.Fatalf("%q %q %q", kept.Fault, kept.Detail, kept.Skipped)
			}
			runtime.KeepAlive(kept)
		})
	}
	runtime.KeepAlive(live)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestShare: texts that the live hub has too are kept once, and rows stay as
// they are in the copy.
func TestShare(t *testing.T) {
	privateTemp(t)
	b := changed(t, "UPDATE users SET name = 'renamed' WHERE id = 3", "DELETE FROM users WHERE id = 2")
	alone, live := look(t, b).Content, look(t, hubDB(t, "hub-3.0.0")).Content
	beside := look(t, b, func(o *Options) { o.Live = live }).Content
	if !slices.Equal(alone.Users, beside.Users) || !slices.Equal(alone.Spawners, beside.Spawners) || !slices.Equal(alone.Servers, beside.Servers) {
		t.Error("sharing changed the rows")
	}
	shared := 0
	for _, u := range beside.Users {
		i := slices.IndexFunc(live.Users, func(l facts.User) bool { return l.ID == u.ID })
		same := unsafe.StringData(u.Name) == unsafe.StringData(live.Users[i].Name)
		if same {
			shared++
		}
		if same != (u.Name == live.Users[i].Name) {
			t.Errorf("user %d: shared %v", u.ID, same)
		}
	}
	if shared != hubUsers-2 {
		t.Errorf("%d names are shared", shared)
	}
}
