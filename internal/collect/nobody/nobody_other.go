//go:build !linux

package nobody

import (
	"os"
	"testing"
)

// Do runs do. Only Linux can lend one thread other rights, so that elsewhere
// such a test cannot be run by root.
func Do(t testing.TB, do func()) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("run this test as an ordinary user")
	}
	do()
}
