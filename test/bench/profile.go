package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/rs/zerolog"

	"hubaudit/checks"
	"hubaudit/internal/audit"
	"hubaudit/internal/config"
	"hubaudit/internal/verdict"
	"hubaudit/report"
)

// profile runs an audit in this process, as `audit now` does, and writes its
// CPU profile: profile CONFIG TIME FILE.
func profile(args []string) (err error) {
	at, err := time.Parse(time.RFC3339, args[1])
	if err != nil {
		return err
	}
	cfg, err := config.Load(args[0], nil)
	if err != nil {
		return err
	}
	suite, err := checks.NewSuite(nil, nil)
	if err != nil {
		return err
	}
	file, err := os.Create(args[2])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	_, err = audit.Now(context.Background(), cfg, audit.Options{Suite: suite, Version: "bench", Clock: func() time.Time { return at },
		Timeout: 5 * time.Minute, Progress: func(string, int) {}, Log: zerolog.Nop(),
		Report: func(run *verdict.Run) error {
			return report.Write(io.Discard, "json", run, checks.Guides(), report.Options{})
		}})
	return err
}
