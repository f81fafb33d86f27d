package hubdb

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLeftovers(t *testing.T) {
	temp, now := t.TempDir(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	make := func(name string, age time.Duration) string {
		dir := filepath.Join(temp, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "hub.sqlite"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	old, fresh, other := make(copyPrefix+"1", leftoverAge+time.Second), make(copyPrefix+"2", leftoverAge), make("hubaudit-other", 24*time.Hour)
	removeLeftovers(temp, now)
	for dir, want := range map[string]bool{old: false, fresh: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", filepath.Base(dir), err == nil, want)
		}
	}
}
