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
	if os.Getenv("GOMEMLIMIT") == "" {
		// The chart's limit is 512 MiB, of which the mapped binary takes 45, and a hub
		// of 100,000 users with three replicas and seven backups each comes near it:
		// collect more often rather than be killed.
		debug.SetMemoryLimit(400 << 20)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(status)
}
