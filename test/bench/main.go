// Command bench audits a big generated hub on a real API server, and compares
// that with a bare download of the same lists:
//
//	cd test && go run ./bench
//
// It prints a table in Markdown; docs/performance.md says what the figures mean.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hubaudit/internal/world"
)

type options struct {
	users, nodes, rounds int
	profile              string
	keep                 bool
}

func main() {
	if len(os.Args) > 1 { // this program starts itself to be measured
		if part, ok := parts[os.Args[1]]; ok {
			exit(part(os.Args[2:]))
		}
	}
	var o options
	flag.IntVar(&o.users, "users", 10_000, "users of the hub; each has a claim on a volume with three replicas")
	flag.IntVar(&o.nodes, "nodes", 20, "workers of the cluster")
	flag.IntVar(&o.rounds, "rounds", 15, "how often both are measured, in turns")
	flag.StringVar(&o.profile, "cpuprofile", "", "also write a CPU profile of an audit to this `file`")
	flag.BoolVar(&o.keep, "keep", false, "afterwards keep the cluster until interrupted, and print how to use it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(bench(ctx, o))
}

// parts are what this program does in processes of their own.
var parts = map[string]func(args []string) error{"measure": measure, "download": download, "profile": profile}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(ctx context.Context, o options) (err error) {
	r := &runner{ctx: ctx}
	defer r.finish(&err)
	// As in the end-to-end tests: what is created now is a day old when it is judged.
	world.Now = time.Now().UTC().Truncate(24 * time.Hour).Add(60 * time.Hour)
	dir := r.TempDir()
	audit := filepath.Join(dir, "audit")
	build(r, audit)
	s := world.Healthy(world.Size{Users: o.users, Nodes: o.nodes, Replicas: 3})
	writeSite(r, dir, s)
	c, kubeconfig := startCluster(r, s)

	self, err := os.Executable()
	if err != nil {
		return err
	}
	auditRun := []string{audit, "now", "--config", filepath.Join(dir, "hubaudit.yaml"), "--at", world.Now.Format(time.RFC3339),
		"--no-notify", "--output", "json=" + filepath.Join(dir, "report.json"), "--log-level", "warn"}
	downloadRun := append([]string{self, "download", kubeconfig}, lists()...)
	env := []string{"HOME=" + dir, "KUBECONFIG=" + kubeconfig}

	touch(r, c)
	say("warming up")
	measured(r, self, env, auditRun)
	warm := measured(r, self, env, downloadRun)
	var audits, downloads []usage
	for i := range o.rounds {
		say("round %d of %d", i+1, o.rounds)
		if i%2 == 1 { // else one of them could always meet the API server's garbage collection
			downloads = append(downloads, measured(r, self, env, downloadRun))
		}
		audits = append(audits, measured(r, self, env, auditRun))
		if i%2 == 0 {
			downloads = append(downloads, measured(r, self, env, downloadRun))
		}
	}
	printResult(os.Stdout, s, warm.Output, audits, downloads)
	if o.profile != "" {
		measured(r, self, env, []string{self, "profile", filepath.Join(dir, "hubaudit.yaml"), world.Now.Format(time.RFC3339), o.profile})
		say("CPU profile in %s", o.profile)
	}
	if o.keep {
		say("until interrupted: %s %s", strings.Join(env, " "), strings.Join(auditRun, " "))
		<-ctx.Done()
	}
	return nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
