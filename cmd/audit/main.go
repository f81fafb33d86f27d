// Command audit holds a JupyterHub on Kubernetes against a registry of
// invariants and tells people before data is lost.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and the image has none
)

func main() {
	if os.Getenv("GOGC") == "" {
		// Most of the memory is facts that stay until the end: collecting twice as
		// often as by default costs little time and saves a tenth of the peak.
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(status)
}
