// Package dump reads the facts of a cluster from files that kubectl wrote
// (`kubectl get … -o yaml` or `-o json`) instead of from its API, so that an
// audit works on a support bundle.
//
// A dump cannot say what it does not hold, so the truth of a source depends on
// what was put in. A kind that occurs is read; an object that occurs twice
// counts once, in its newest resourceVersion, and of equals the one that was
// read last; only of kinds with a row for many objects (kube.Folded) each one
// counts. A kind that does not occur is missing where every cluster has it,
// and else absent. A file that is broken fails the sources it had objects of,
// which may be fewer than they should be, and all that are found nowhere else.
package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubaudit/internal/collect/kube"
	"hubaudit/internal/collect/kube/object"
	"hubaudit/internal/collect/longhorn"
	"hubaudit/internal/collect/source"
	"hubaudit/internal/facts"
)

// Read reads a file, or all files below a folder whose names end in .yaml,
// .yml or .json, with or without .gz, in the order of their paths. Kinds that
// are of no interest are passed over.
func Read(ctx context.Context, path, longhornNamespace string) (facts.Kube, facts.Longhorn, []facts.Source) {
	start := time.Now()
	r := newReader(longhornNamespace)
	err := r.readAll(ctx, path)
	sources := r.sources(path, err, time.Since(start))
	r.order, r.byKind = nil, nil // where the objects are, which is as big as some of the facts
	k := r.kube.Facts()
	k.Version = r.version
	return k, r.longhorn.Facts(), sources
}

// reader collects the objects of all files.
type reader struct {
	kube      *kube.Tables
	longhorn  *longhorn.Tables
	namespace string // Longhorn's
	byKind    map[groupKind]*seen
	seed      maphash.Seed // of the sums of names
	order     []*seen
	version   string
	// elsewhere is a namespace other than Longhorn's own with Longhorn objects.
	elsewhere string
	// broken are the files that could not be read to their end.
	broken []error
}

type groupKind struct{ group, kind string }

// seen is what the dump has of one kind.
type seen struct {
	*kube.Resource
	// ofLonghorn is true for what is of interest only in Longhorn's namespace.
	ofLonghorn bool
	// occurs is true once an object or a list of the kind was found.
	occurs bool
	// rows has where each object is by the sum of its name: a map of the names
	// themselves takes five times the memory.
	rows map[uint64]row
	// incomplete says why objects may be missing, if they may: the first reason.
	incomplete error
}

func (s *seen) mayMiss(why error) {
	if s.incomplete == nil {
		s.incomplete = why
	}
}

type row struct {
	at      uint32
	version uint64 // the resourceVersion; 0 for one that tells nothing
}

func newReader(longhornNamespace string) *reader {
	r := &reader{kube: kube.NewTables(), longhorn: longhorn.NewTables(longhornNamespace),
		namespace: longhornNamespace, byKind: map[groupKind]*seen{}, seed: maphash.MakeSeed()}
	others := r.kube.Resources()
	for i, resource := range slices.Concat(others, r.longhorn.Resources()) {
		s := &seen{Resource: resource, ofLonghorn: i >= len(others), rows: map[uint64]row{}}
		r.byKind[groupKind{resource.Group, resource.Kind}] = s
		r.order = append(r.order, s)
	}
	return r
}

// readAll reads all files. The error is about the dump as a whole; one of a
// single file is kept in broken.
func (r *reader) readAll(ctx context.Context, path string) error {
	files, err := findFiles(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		err := r.readFile(ctx, file)
		if ctx.Err() != nil {
			return source.Failed(facts.CauseTimeout, ctx.Err(), "did not finish reading the dump %s: raise the timeout or dump less", path)
		}
		if err != nil {
			r.broken = append(r.broken, fmt.Errorf("%s: %w", file, err))
		}
	}
	return nil
}

// findFiles lists the files of a dump, sorted by path.
func findFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	// WalkDir would not enter a folder that is given as a link.
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.ToLower(entry.Name()), ".gz")
		if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			return nil
		}
		info, err := os.Stat(file)                 // a link counts as what it leads to
		if err != nil || info.Mode().IsRegular() { // one that leads nowhere fails when it is opened
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		return nil, pathError(path, err)
	}
	if len(files) == 0 {
		return nil, source.Failed(facts.CauseMissing, nil, "the dump %s has no file that ends in .yaml, .yml or .json (or these with .gz)", path)
	}
	return files, nil
}

func pathError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return source.Failed(facts.CauseMissing, err, "there is no dump at %s: check cluster.dump", path)
	case errors.Is(err, fs.ErrPermission):
		return source.Failed(facts.CauseForbidden, err, "may not read the dump %s: check the permissions", path)
	}
	return source.Failed(facts.CauseUnreadable, err, "cannot read the dump %s", path)
}

// put takes one object into its table, and reports false if it is of no
// interest. had collects the kinds of which a file has objects.
func (r *reader) put(raw []byte, head object.Head, had map[*seen]bool) bool {
	s, ok := r.byKind[kindOf(head)]
	if !ok {
		return false
	}
	had[s] = true
	if s.ofLonghorn && head.Metadata.Namespace != r.namespace {
		if s.Group == longhorn.Group {
			r.elsewhere = cmp.Or(r.elsewhere, head.Metadata.Namespace)
		}
		return true
	}
	s.occurs = true
	if s.Folds() {
		s.Put(s.Len(), raw)
		return true
	}
	id := maphash.Comparable(r.seed, [2]string{head.Metadata.Namespace, head.Metadata.Name})
	version, err := strconv.ParseUint(head.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		version = 0
	}
	old, again := s.rows[id]
	at := s.Len()
	if again {
		if version != 0 && old.version > version {
			return true
		}
		at = int(old.at)
	}
	if s.Put(at, raw) {
		s.rows[id] = row{uint32(at), version}
	}
	return true
}

func kindOf(head object.Head) groupKind {
	group, _, found := strings.Cut(string(head.APIVersion), "/")
	if !found {
		group = ""
	}
	return groupKind{group, string(head.Kind)}
}
