package world

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"hubaudit/internal/facts"
)

// WriteDump writes into a folder what `kubectl get RESOURCE --all-namespaces
// -o yaml` prints for each resource of the world, one gzipped file each, and what
// `kubectl version -o yaml` does. The same world gives the same bytes. A cluster without Longhorn has no files of
// Longhorn's resources, as kubectl has nothing to print for them.
func WriteDump(dir string, s *facts.Snapshot) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the dump's folder: %w", err)
	}
	if s.Kube.Version != "" {
		version := object{"serverVersion": object{"gitVersion": s.Kube.Version}}
		if err := writeGzip(filepath.Join(dir, "version.yaml.gz"), func(w io.Writer) error { return writeYAML(w, version) }); err != nil {
			return fmt.Errorf("write the dump's version: %w", err)
		}
	}
	for _, k := range kindsOf(s) {
		if err := writeGzip(filepath.Join(dir, k.resource+".yaml.gz"), k.writeList); err != nil {
			return fmt.Errorf("write the dump of %s: %w", k.resource, err)
		}
	}
	return nil
}

// writeList prints objects as kubectl does: keys in order, items not indented,
// lines not folded. kubectl calls every list just a List, which for one without
// objects does not tell of what; such a one is printed as the API server gives
// it (`kubectl get --raw`).
func (k *kind) writeList(w io.Writer) error {
	begun := false
	for some := range chunks(k.all(), 100) { // bounds the tree that is built
		if !begun {
			if _, err := io.WriteString(w, "apiVersion: v1\nitems:\n"); err != nil {
				return err
			}
			begun = true
		}
		if err := writeYAML(w, some); err != nil {
			return err
		}
	}
	if !begun {
		return writeYAML(w, object{"apiVersion": k.apiVersion, "kind": k.kind + "List", "items": anys[any](), "metadata": object{"resourceVersion": ""}})
	}
	return writeYAML(w, object{"kind": "List", "metadata": object{"resourceVersion": ""}})
}

// chunks are up to n objects at a time, each list valid until the next.
func chunks(objects iter.Seq[object], n int) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		some := make([]any, 0, n)
		for o := range objects {
			if some = append(some, o); len(some) < n {
				continue
			}
			if !yield(some) {
				return
			}
			some = some[:0]
		}
		if len(some) > 0 {
			yield(some)
		}
	}
}

func writeYAML(w io.Writer, value any) error {
	text, err := yaml.Dump(value, yaml.WithV2Defaults(), yaml.WithCompactSeqIndent(true), yaml.WithLineWidth(-1))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// writeGzip writes a file as gzip without a name or time in its header, so
// that the same content gives the same bytes.
func writeGzip(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	zip, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(write(zip), zip.Close(), file.Close())
}
