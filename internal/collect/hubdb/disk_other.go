//go:build !linux

package hubdb

import "hubaudit/internal/facts"

// diskOf is not known but on Linux, where pods run.
func diskOf(string) facts.Usage { return facts.Usage{} }

// SameVolume is not known either.
func SameVolume(string, string) bool { return false }
