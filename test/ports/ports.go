// Package ports hands out TCP ports of 127.0.0.1 to servers that have to be told
// one before they start.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The range lies below the ports from which Linux connects outwards (32768 and
// more, ip(7)), so that no connection that happens to be open holds one of them.
const first, last = 15_000, 31_999

// Reserve is a port that nobody listens on and that no other call gets, in this
// process or in another, until the test ends. A port that the kernel chooses is
// free for anyone again once it has been read, the caller's own next call included.
func Reserve(tb testing.TB) int {
	tb.Helper()
	start := rand.IntN(last - first + 1)
	for i := range last - first + 1 {
		port := first + (start+i)%(last-first+1)
		if reserve(tb, port) {
			return port
		}
	}
	tb.Fatalf("reserving a port: all of %d to %d are taken", first, last)
	return 0
}

// reserve marks the port by a socket that is a name only: it leaves no file, and
// ends with the process, however that ends.
func reserve(tb testing.TB, port int) bool {
	tb.Helper()
	mark, err := net.Listen("unix", fmt.Sprintf("@hubaudit-test-port-%d", port))
	if err != nil {
		return false // another test's
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		_ = mark.Close() // nothing was said on it
		return false     // a stranger's
	}
	tb.Cleanup(func() { _ = mark.Close() }) // nothing was said on it
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return true
}
