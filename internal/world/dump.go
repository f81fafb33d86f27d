package world

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

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
	if len(k.objects) == 0 {
		return writeYAML(w, object{"apiVersion": k.apiVersion, "kind": k.kind + "List", "items": anys[any](), "metadata": object{"resourceVersion": ""}})
	}
	if _, err := io.WriteString(w, "apiVersion: v1\nitems:\n"); err != nil {
		return err
	}
	for some := range slices.Chunk(k.objects, 100) { // bounds the tree that is built
		if err := writeYAML(w, anys(some...)); err != nil {
			return err
		}
	}
	return writeYAML(w, object{"kind": "List", "metadata": object{"resourceVersion": ""}})
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
