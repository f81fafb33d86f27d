package hubdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// FuzzRead damages a database, its journal and its log, and holds Read to its
// promises: it ends, it does not panic, it writes nothing, its errors are made
// by source.Failed, and what it returns is in order.
func FuzzRead(f *testing.F) {
	base := f.TempDir()
	variants := []struct{ fixture, role string }{{"schema-0.7.2", ""}, {"schema-5.5.1", ""}, {"schema-0.7.2", "hot-journal"}, {"schema-0.7.2", "wal-killed"}}
	var files []map[string][]byte
	for i, v := range variants {
		path := filepath.Join(base, fmt.Sprint(i))
		write(f, path, fixtureBytes(f, v.fixture))
		if v.role == "hot-journal" {
			shell(f, path, "CREATE TABLE spawners (id INTEGER)")
		}
		if v.role != "" {
			start(f, v.role, path).killed(f)
		}
		files = append(files, map[string][]byte{})
		for _, suffix := range []string{"", walSuffix, journalSuffix, shmSuffix} {
			if b, err := os.ReadFile(path + suffix); err == nil {
				files[i][suffix] = b
			}
		}
	}
	for variant := range variants {
		for which := range 4 {
			f.Add(uint8(variant), uint8(which), uint32(0), []byte{}, uint32(0))
			f.Add(uint8(variant), uint8(which), uint32(100), []byte{0x0d, 0xff, 0xff}, uint32(0))
			f.Add(uint8(variant), uint8(which), uint32(20), []byte{0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff}, uint32(0))
			f.Add(uint8(variant), uint8(which), uint32(8*4096), make([]byte, 64), uint32(5000))
		}
	}
	f.Fuzz(func(t *testing.T, variant, which uint8, at uint32, patch []byte, cut uint32) {
		path := filepath.Join(t.TempDir(), "hub.sqlite")
		chosen := []string{"", walSuffix, journalSuffix, shmSuffix}[which%4]
		for suffix, content := range files[int(variant)%len(files)] {
			b := append([]byte(nil), content...)
			if suffix == chosen && len(b) > 0 {
				copy(b[int(at)%len(b):], patch)
				b = b[:len(b)-int(cut)%len(b)]
			}
			write(t, path+suffix, b)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		untouched(t, path, func() {
			r, err := Read(ctx, Options{URL: path, BaseDir: "/"})
			var failed *source.Error
			if err != nil && !errors.As(err, &failed) {
				t.Errorf("error %T: %v", err, err)
			}
			if ctx.Err() != nil {
				t.Errorf("it did not end: %v", err)
			}
			if err == nil {
				wellFormed(t, r)
			}
		})
	})
}

func wellFormed(t *testing.T, r Result) {
	for i, u := range r.Users {
		if i > 0 && u.ID < r.Users[i-1].ID || clean(u.Name) != u.Name {
			t.Errorf("user %+v after %+v", u, r.Users[max(0, i-1)])
		}
	}
	if r.UsersRead != facts.Complete && len(r.Database.Damage) == 0 {
		t.Errorf("users read %s without damage", r.UsersRead)
	}
	if (r.UsersRead == facts.None) && len(r.Users) > 0 {
		t.Errorf("%d users, but none read", len(r.Users))
	}
}
