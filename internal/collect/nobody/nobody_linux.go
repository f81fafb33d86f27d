// Package nobody lets tests run with the file rights of an ordinary user, also
// when they are run by root, whom no file mode stops.
package nobody

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

const id = 65534

// Do runs do, in this goroutine and thread, with an ordinary user's file rights.
// What do starts in other goroutines keeps the rights it had.
func Do(t testing.TB, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		do()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set(t, id)
	defer set(t, 0)
	do()
}

func set(t testing.TB, to int) {
	t.Helper()
	// The group first: after the user there is no right left to change it.
	for _, change := range []func(int) error{syscall.Setfsgid, syscall.Setfsuid} {
		if err := change(to); err != nil {
			t.Fatalf("change the rights to files: %v", err)
		}
	}
}
