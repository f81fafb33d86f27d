package kube

import (
	"strings"
	"sync"
)

// pool has each text once that occurs in many objects, or in several lists: a
// node's name, a volume's, a claim's. It holds on to them, unlike package unique,
// which forgets what nobody holds by handle.
var pool struct {
	sync.Mutex
	texts map[string]string
}

// Intern returns s from a pool, so that names which occur often are kept once.
func Intern(s string) string {
	if s == "" {
		return ""
	}
	pool.Lock()
	defer pool.Unlock()
	if known, ok := pool.texts[s]; ok {
		return known
	}
	if pool.texts == nil {
		pool.texts = map[string]string{}
	}
	s = strings.Clone(s) // not a part of some larger text
	pool.texts[s] = s
	return s
}

// ForgetInterned empties the pool, once everything has been read.
func ForgetInterned() {
	pool.Lock()
	defer pool.Unlock()
	pool.texts = nil
}
