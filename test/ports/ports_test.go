package ports

import (
	"fmt"
	"net"
	"testing"
)

func TestReserve(t *testing.T) {
	held := map[int]bool{}
	t.Run("a test", func(t *testing.T) {
		for range 500 {
			port := Reserve(t)
			if held[port] {
				t.Fatalf("port %d was given twice", port)
			}
			held[port] = true
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatalf("the reserved port is not free: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if reserve(t, port) {
				t.Fatalf("port %d can be reserved again", port)
			}
		}
	})
	for port := range held {
		if !reserve(t, port) {
			t.Fatalf("port %d is not free after its test", port)
		}
		break // one shows it, and a stranger may have come for another
	}
}

func TestReserveLeavesOutTakenPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if reserve(t, port) {
		t.Errorf("port %d was reserved while a stranger listens", port)
	}
	mark, err := net.Listen("unix", fmt.Sprintf("@hubaudit-test-port-%d", port))
	if err != nil {
		t.Fatalf("the stranger's port stays marked: %v", err)
	}
	defer mark.Close()
}
