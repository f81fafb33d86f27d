package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// runner is to the harness what a test is.
type runner struct {
	testing.TB // for what the harness does not call
	ctx        context.Context
	cleanups   []func()
	errs       []error
}

// stopped is what Fatal panics with.
type stopped struct{}

func (r *runner) Helper()                  {}
func (r *runner) Context() context.Context { return r.ctx }
func (r *runner) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *runner) Errorf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}
func (r *runner) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *runner) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stopped{})
}

func (r *runner) TempDir() string {
	dir, err := os.MkdirTemp("", "hubaudit-bench-")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			r.Errorf("%w", err)
		}
	})
	return dir
}

// finish, deferred, cleans up and adds what went wrong to the error.
func (r *runner) finish(err *error) {
	p := recover()
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	if _, ours := p.(stopped); p != nil && !ours {
		panic(p)
	}
	*err = errors.Join(append([]error{*err}, r.errs...)...)
}
